"""The two lines beneath a run in time travel: the whole run as one line, and where in it we are. A mouse can drag it."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from math import sqrt
from operator import itemgetter
from typing import ClassVar, NamedTuple

from textual import events, on
from textual.app import RenderResult
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.style import Style
from textual.widget import Widget

from tui import format as fmt
from tui.models import summary
from tui.models.axis import Axis, CellData
from tui.theme import HAPPENED, ROLE_CLASSES, ROLE_CSS, Glyphs

NARROW = 60
"""Cells: below that, what plays is told by its glyph and its speed."""

AHEAD = 0.42
"""How much is left of the colour of what has not happened yet."""

FEW = 1 / 4
"""Of the cells: so many may be drawn as errors only. Where there are more, their colour tells, and the height how much
happened."""


class Playbar(Widget):
    """Shows an `Axis` and a position on it, and says where the mouse wants to go. It never goes there by itself."""

    ALLOW_SELECT: ClassVar[bool] = False
    COMPONENT_CLASSES: ClassVar[set[str]] = ROLE_CLASSES
    DEFAULT_CSS = (
        """
    Playbar {
        height: 2;
        background: $surface;
        padding: 0 1;
        pointer: pointer;
        """
        + ROLE_CSS
        + "}"
    )

    axis: reactive[Axis | None] = reactive(None)
    """None: not known yet."""
    position: reactive[int] = reactive(0)
    """How many events have happened where we are."""
    total: reactive[int] = reactive(0)
    """How many there are by now; of a live run it may be more than the axis has."""
    playing: reactive[bool] = reactive(False)
    speed: reactive[str] = reactive("1x")
    live: reactive[bool] = reactive(False)
    """Does the run go on?"""
    skipped: reactive[float | None] = reactive(None)
    """Seconds of the run in which nothing happened, that were just passed over."""
    nodes: reactive[int] = reactive(0)
    """Born up to the position."""
    tokens: reactive[tuple[int | None, int | None]] = reactive((None, None))
    """In and out, up to the position; None where nobody counted."""
    hovered: reactive[int | None] = reactive(None)
    """The cell under the mouse."""

    class Sought(Message):
        """The mouse asked for a position."""

        def __init__(self, playbar: "Playbar", position: int) -> None:
            super().__init__()
            self.playbar = playbar
            self.position = position

        @property
        def control(self) -> "Playbar":
            return self.playbar

        def can_replace(self, message: Message) -> bool:
            """Of a burst only the last matters."""
            return isinstance(message, Playbar.Sought) and message.playbar is self.playbar

    def __init__(self, glyphs: Glyphs, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.auto_links = False  # there are none, and looking for them draws everything at each move of the mouse
        self._glyphs = glyphs
        self._cells: Sequence[CellData] = ()
        self._cells_of: tuple[Axis | None, int] = (None, 0)
        self._dragged: int | None = None
        """The position that a drag asked for last, None when nothing is dragged."""

    def watch_position(self) -> None:
        """Who goes somewhere wants to know where that is, not where a mouse was left."""
        if self._dragged is None:
            self.hovered = None

    # Drawing

    def render(self) -> RenderResult:
        return Content("\n").join([self._bar(), self._words()])

    def _bar(self) -> Content:
        drawn = groupby(self._drawn(), key=itemgetter(1, 2))  # as few pieces as there are changes of colour
        return Content.assemble(*(("".join(cell[0] for cell in cells), self._style(*how)) for how, cells in drawn))

    def _drawn(self) -> Iterator[tuple[str, str, bool]]:
        """Each cell of the bar: its glyph, its role, and whether it is yet to come."""
        axis, width = self.axis, self.size.width
        if axis is None:
            yield "reading" + self._glyphs("more"), "muted", False
            return
        if self._cells_of != (axis, width):
            self._cells, self._cells_of = axis.cells(width), (axis, width)
        most = max((cell.events for cell in self._cells), default=0)
        few = sum(cell.kind == "error" for cell in self._cells) <= width * FEW
        here = axis.cell_of(self.position, width)
        for x, cell in enumerate(self._cells):
            if x in (here, self.hovered):
                yield self._glyphs("here" if x == here else "pointed"), "active", False
            elif cell.idle:
                yield self._glyphs("idle"), "muted", x > here
            elif not cell.events:
                yield self._glyphs.level(0), "guide", x > here
            elif cell.kind == "error" and few:
                yield self._glyphs("error"), "failed", x > here
            else:
                yield self._glyphs.level(sqrt(cell.events / most)), HAPPENED[cell.kind], x > here

    def _style(self, role: str, ahead: bool) -> Style:
        style = self.get_visual_style(f"role--{role}", partial=True)
        return style + Style(foreground=style.foreground.multiply_alpha(AHEAD)) if ahead and style.foreground else style

    def _words(self) -> Content:
        """As much of what there is to say as fits, what matters most first."""
        width = self.size.width
        for brief in (False, True):
            said = [self._state(width < NARROW), *(self._pointed(brief) or self._facts(brief))]
            if _line(said, self._glyphs).cell_length <= width:
                break
        while len(said) > 1 and _line(said, self._glyphs).cell_length > width:
            said.remove(max(said))
        return _line(said, self._glyphs).truncate(width, ellipsis=True)

    def _state(self, brief: bool) -> "Piece":
        if self.playing:
            word = self.speed if brief else f"PLAYING {self.speed}"
            return Piece(0, f" {self._glyphs('active')} {word} ", "bold reverse $accent")
        if self.live and self.position >= self.total:
            return Piece(0, f" {self._glyphs('running')} LIVE ", "bold reverse $success")
        return Piece(0, f" {self._glyphs('paused')} PAUSED ", "bold reverse $warning")

    def _facts(self, brief: bool) -> list["Piece"]:
        pieces = self._moment(self.position, brief)
        behind = self.total - self.position
        if self.live and behind > 0:
            pieces.append(
                Piece(3, f"{behind:,} behind" if brief else f"{fmt.exactly(behind, 'event')} behind", "bold $warning")
            )
        if self.skipped is not None:
            pieces.append(Piece(2, f"{self._glyphs('idle')} skipped {fmt.duration(self.skipped)}", "bold $warning"))
        return [*pieces, Piece(5, fmt.counted(self.nodes, "node")), Piece(6, f"{summary.tokens(*self.tokens)} tok")]

    def _pointed(self, brief: bool) -> list["Piece"]:
        """What lies under the mouse, if anything."""
        axis, x = self.axis, self.hovered
        if axis is None or x is None or x >= len(self._cells):
            return []
        position, cell = axis.at_cell(x, self.size.width), self._cells[x]
        pieces = self._moment(position, brief, "$accent")
        after = None if cell.events else axis.idle_after(position)
        if after is not None:
            quiet = axis.time_at(after) - axis.time_at(position)
            pieces.append(Piece(3, f"nothing for {fmt.duration(quiet)}", "$foreground 62%"))
        elif cell.events:
            pieces.append(Piece(7, f"{fmt.exactly(cell.events, 'event')} here", "$foreground 62%"))
        return pieces

    def _moment(self, position: int, brief: bool, style: str = "") -> list["Piece"]:
        """When something was, and its number."""
        of = f"/{self.total:,}" if brief else f" of {self.total:,}"
        number = Piece(1, f"event {position:,}{of}", style)
        if self.axis is None:
            return [number]
        time, start = self.axis.time_at(position), self.axis.start
        return [
            Piece(2, fmt.offset(time - start), f"bold {style}"),
            Piece(4, fmt.time_of_day(time, start), style),
            number,
        ]

    # The mouse

    @on(events.MouseDown)
    def _pressed(self, event: events.MouseDown) -> None:
        at = event.get_content_offset_capture(self)
        if event.button == 1 and at.y == 0 and self.axis is not None:
            self.capture_mouse()
            self._seek(at.x)

    @on(events.MouseMove)
    def _moved(self, event: events.MouseMove) -> None:
        at = event.get_content_offset_capture(self)
        if self._dragged is not None and not event.button:  # let go of where we could not hear it
            self._let_go()
        if self._dragged is not None:
            self._seek(at.x)
        inside = 0 <= at.x < self.size.width and (at.y == 0 or self._dragged is not None)
        self.hovered = at.x if inside else None

    @on(events.MouseUp)
    @on(events.MouseRelease)
    @on(events.Hide)
    def _let_go(self) -> None:
        self._dragged = None
        self.release_mouse()

    @on(events.Leave)
    def _left(self) -> None:
        self.hovered = None

    def _seek(self, x: int) -> None:
        """Ask for the position at a cell, once."""
        if self.axis is None:
            return
        position = self.axis.at_cell(x, self.size.width)
        if position != self._dragged:
            self._dragged = position
            self.post_message(self.Sought(self, position))


class Piece(NamedTuple):
    """Something to say. The higher the rank, the sooner it is left out."""

    rank: int
    text: str
    style: str = ""


def _line(pieces: Sequence[Piece], glyphs: Glyphs) -> Content:
    """What stands first, and the rest with dots between."""
    dot = (f" {glyphs('dot')} ", "$foreground 38%")
    parts: list[str | tuple[str, str]] = []
    for number, piece in enumerate(pieces):
        parts += [(piece.text, piece.style)] if not number else [" " if number == 1 else dot, (piece.text, piece.style)]
    return Content.assemble(*parts)
