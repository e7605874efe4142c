"""The playbar of time travel: the whole run as one line, and the position in it. The mouse can click and drag it."""

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

from store.model.axis import Axis, AxisCell
from tui import format as fmt
from tui.models import summary
from tui.models.snapshot import Playback
from tui.theme import ACTIVITY_ROLES, ROLE_CLASSES, ROLE_CSS, Glyphs

NARROW_CELLS = 60
"""Width in cells below which the word PLAYING is omitted."""

FUTURE_ALPHA = 0.42
"""Opacity of the part of the run after the position."""

ERROR_GLYPH_SHARE = 1 / 4
"""Maximum share of the cells that are drawn as error glyphs. With more errors all cells show the number of events, and
errors are marked by colour only."""


class Playbar(Widget):
    """Draws a `Playback`: set `shown`. Posts `Sought` for a position that the mouse asks for, and does not go there."""

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

    shown: reactive[Playback] = reactive(Playback())
    hovered: reactive[int | None] = reactive(None)
    """Cell under the mouse."""

    class Sought(Message):
        """The user asked for a position with the mouse."""

        def __init__(self, playbar: "Playbar", position: int) -> None:
            super().__init__()
            self.playbar = playbar
            self.position = position

        @property
        def control(self) -> "Playbar":
            return self.playbar

        def can_replace(self, message: Message) -> bool:
            """Of several pending messages only the last is delivered."""
            return isinstance(message, Playbar.Sought) and message.playbar is self.playbar

    def __init__(self, glyphs: Glyphs, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.auto_links = False  # there are no links, and looking for them draws the bar at each move of the mouse
        self._glyphs = glyphs
        self._cells: Sequence[AxisCell] = ()
        self._cells_of: tuple[Axis | None, int] = (None, 0)
        self._dragged: int | None = None
        """Position that a drag asked for last; None when there is no drag."""

    def watch_shown(self, old: Playback, new: Playback) -> None:
        """Describe a new position instead of the cell under a resting mouse."""
        if self._dragged is None and old.position != new.position:
            self.hovered = None

    # Drawing

    def render(self) -> RenderResult:
        return Content("\n").join([self._bar(), self._words()])

    def _bar(self) -> Content:
        drawn = groupby(self._drawn(), key=itemgetter(1, 2))  # one piece per change of colour
        return Content.assemble(*(("".join(cell[0] for cell in cells), self._style(*how)) for how, cells in drawn))

    def _drawn(self) -> Iterator[tuple[str, str, bool]]:
        """Each cell of the bar: glyph, role, and whether it lies after the position."""
        axis, width = self.shown.axis, self.size.width
        if axis is None:
            yield "reading" + self._glyphs("more"), "muted", False
            return
        if self._cells_of != (axis, width):
            self._cells, self._cells_of = axis.cells(width), (axis, width)
        most = max((cell.events for cell in self._cells), default=0)
        few = sum(cell.kind == "error" for cell in self._cells) <= width * ERROR_GLYPH_SHARE
        here = axis.cell_of(self.shown.position, width)
        for x, cell in enumerate(self._cells):
            if x in (here, self.hovered):
                yield (self._glyphs("here"), "active", False) if x == here else (self._glyphs("pointed"), "strong", False)
            elif cell.idle:
                yield self._glyphs("idle"), "muted", x > here
            elif not cell.events:
                yield self._glyphs.level(0), "guide", x > here
            elif cell.kind == "error" and few:
                yield self._glyphs("error"), "failed", x > here
            else:
                yield self._glyphs.level(sqrt(cell.events / most)), ACTIVITY_ROLES[cell.kind], x > here

    def _style(self, role: str, ahead: bool) -> Style:
        style = self.get_visual_style(f"role--{role}", partial=True)
        return (
            style + Style(foreground=style.foreground.multiply_alpha(FUTURE_ALPHA)) if ahead and style.foreground else style
        )

    def _words(self) -> Content:
        """The second line: as many facts as fit, the most important first."""
        width = self.size.width
        for brief in (False, True):
            said = [self._state(width < NARROW_CELLS), *(self._pointed(brief) or self._facts(brief))]
            if _line(said, self._glyphs).cell_length <= width:
                break
        while len(said) > 1 and _line(said, self._glyphs).cell_length > width:
            said.remove(max(said))
        return _line(said, self._glyphs).truncate(width, ellipsis=True)

    def _state(self, brief: bool) -> "Piece":
        shown = self.shown
        if shown.playing:
            word = shown.speed if brief else f"PLAYING {shown.speed}"
            return Piece(0, f" {self._glyphs('active')} {word} ", "bold reverse $accent")
        if shown.live and shown.position >= shown.total:
            return Piece(0, f" {self._glyphs('running')} LIVE ", "bold reverse $success")
        return Piece(0, f" {self._glyphs('paused')} PAUSED ", "bold reverse $warning")

    def _facts(self, brief: bool) -> list["Piece"]:
        shown = self.shown
        pieces = self._moment(shown.position, brief)
        behind = shown.total - shown.position
        if shown.live and behind > 0:
            pieces.append(
                Piece(3, f"{behind:,} behind" if brief else f"{fmt.exactly(behind, 'event')} behind", "bold $warning")
            )
        if shown.skipped is not None:
            pieces.append(Piece(2, f"{self._glyphs('idle')} skipped {fmt.duration(shown.skipped)}", "bold $warning"))
        return [*pieces, Piece(5, fmt.counted(shown.nodes, "task")), Piece(6, f"{summary.tokens(*shown.tokens)} tok")]

    def _pointed(self, brief: bool) -> list["Piece"]:
        """Facts about the cell under the mouse, if any."""
        axis, x = self.shown.axis, self.hovered
        if axis is None or x is None or x >= len(self._cells):
            return []
        position, cell = axis.position_at_cell(x, self.size.width), self._cells[x]
        pieces = self._moment(position, brief, "$primary")
        after = None if cell.events else axis.idle_end(position)
        if after is not None:
            quiet = axis.time_at(after) - axis.time_at(position)
            pieces.append(Piece(3, f"nothing for {fmt.duration(quiet)}", "$foreground 62%"))
        elif cell.events:
            pieces.append(Piece(7, f"{fmt.exactly(cell.events, 'event')} here", "$foreground 62%"))
        return pieces

    def _moment(self, position: int, brief: bool, style: str = "") -> list["Piece"]:
        """Time and number of an event."""
        axis, total = self.shown.axis, self.shown.total
        of = f"/{total:,}" if brief else f" of {total:,}"
        number = Piece(1, f"event {position:,}{of}", style)
        if axis is None:
            return [number]
        time, start = axis.time_at(position), axis.start
        return [
            Piece(2, fmt.offset(time - start), f"bold {style}"),
            Piece(4, fmt.time_of_day(time, start), style),
            number,
        ]

    # The mouse

    @on(events.MouseDown)
    def _pressed(self, event: events.MouseDown) -> None:
        at = event.get_content_offset_capture(self)
        if event.button == 1 and at.y == 0 and self.shown.axis is not None:
            self.capture_mouse()
            self._seek(at.x)

    @on(events.MouseMove)
    def _moved(self, event: events.MouseMove) -> None:
        at = event.get_content_offset_capture(self)
        if self._dragged is not None and not event.button:  # released outside the terminal
            self._release()
        if self._dragged is not None:
            self._seek(at.x)
        inside = 0 <= at.x < self.size.width and (at.y == 0 or self._dragged is not None)
        self.hovered = at.x if inside else None

    @on(events.MouseUp)
    @on(events.MouseRelease)
    @on(events.Hide)
    def _release(self) -> None:
        self._dragged = None
        self.release_mouse()

    @on(events.Leave)
    def _left(self) -> None:
        self.hovered = None

    def _seek(self, x: int) -> None:
        """Ask for the position at a cell, unless it was asked for already."""
        axis = self.shown.axis
        position = None if axis is None else axis.position_at_cell(x, self.size.width)
        if position is not None and position != self._dragged:
            self._dragged = position
            self.post_message(self.Sought(self, position))


class Piece(NamedTuple):
    """A fact. Facts of a higher rank are omitted first."""

    rank: int
    text: str
    style: str = ""


def _line(pieces: Sequence[Piece], glyphs: Glyphs) -> Content:
    """The first piece, then the others separated by dots."""
    dot = (f" {glyphs('dot')} ", "$foreground 38%")
    parts: list[str | tuple[str, str]] = []
    for number, piece in enumerate(pieces):
        parts += [(piece.text, piece.style)] if not number else [" " if number == 1 else dot, (piece.text, piece.style)]
    return Content.assemble(*parts)
