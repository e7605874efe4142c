"""The pane of the waterfall: the axis of time above its bars, in one border."""

from collections.abc import Iterator
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widget import Widget

from tui import format as fmt
from tui.models.columns import pad
from tui.models.time_scale import TimeScale
from tui.theme import Glyphs
from tui.widgets.inked import draw_title
from tui.widgets.waterfall import Waterfall

CLOCK_CELLS = 60
"""Minimum width of an axis, in cells, that shows the time of day beside the time since the start."""

FINE_S = 0.1
"""Seconds per cell below which times are shown in milliseconds."""


class WaterfallAxis(Widget):
    """Draws ticks, collapsed stretches and the time cursor, and the titles of the figures. A click moves the cursor."""

    ALLOW_SELECT: ClassVar[bool] = False
    DEFAULT_CSS = """
    WaterfallAxis { height: 1; background: $surface; color: $foreground 62%; }
    """

    def __init__(self, waterfall: Waterfall, glyphs: Glyphs) -> None:
        super().__init__()
        self.auto_links = False
        self._waterfall = waterfall
        self._glyphs = glyphs

    def on_mount(self) -> None:
        self.watch(self._waterfall, "drawn", self._changed, init=False)

    def _changed(self) -> None:
        self.refresh()

    def render(self) -> Content:
        scale = self._waterfall.scale
        titles = "".join(f" {pad(column.title, column.width, column.right)}" for column in self._waterfall.figures)
        return Content.assemble(" ", *self._parts(scale), titles)

    def _parts(self, scale: TimeScale) -> Iterator[str | tuple[str, str]]:
        """The texts of the axis from left to right, with their styles."""
        line, edge = [" "] * scale.width, self._glyphs("idle")
        cursor, here = self._cursor(scale)
        at = max(min(here - len(cursor) // 2, scale.width - len(cursor)), 0)
        texts = [
            (tick.cell, f"{self._glyphs('pointed-row')}{tick.label}") for tick in scale.ticks(self._waterfall.rows.origin)
        ]
        texts += [
            (fold.cell, f"{edge}{fmt.duration(fold.seconds)}{edge}" if fold.width > 1 else edge) for fold in scale.folds
        ]
        for cell, text in texts:
            if not cursor or cell + len(text) < at or cell > at + len(cursor):
                _put(line, cell, text)
        yield "".join(line[:at])
        yield cursor, "bold reverse $foreground"
        yield "".join(line[at + len(cursor) :])

    def _cursor(self, scale: TimeScale) -> tuple[str, int]:
        """The true time of the cursor as a text, and its cell; an empty text outside the window."""
        time, origin = self._waterfall.view.cursor, self._waterfall.rows.origin
        cell = None if time is None else scale.cell(time)
        if time is None or cell is None:
            return "", 0
        fine = f"{time - origin:.3f}s" if scale.seconds_per_cell < FINE_S and abs(time - origin) < 60 else ""
        text = fine or fmt.offset(time - origin)
        if scale.width >= CLOCK_CELLS:
            text += f" {self._glyphs('dot')} {fmt.time_of_day(time, origin)}"
        return f" {text} "[: scale.width], cell

    @on(events.Click)
    def _clicked(self, event: events.Click) -> None:
        at = event.get_content_offset(self)
        if at is not None and event.button == 1:
            self._waterfall.point(at.x)


class WaterfallPane(Vertical):
    """Draws a waterfall with its axis. The border has the caption of the waterfall."""

    def __init__(self, waterfall: Waterfall, glyphs: Glyphs, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._waterfall = waterfall
        self._axis = WaterfallAxis(waterfall, glyphs)

    def compose(self) -> ComposeResult:
        yield self._axis
        yield self._waterfall

    def on_mount(self) -> None:
        self.watch(self._waterfall, "caption", self._captioned)

    def _captioned(self, caption: str) -> None:
        draw_title(self, caption)


def _put(line: list[str], at: int, text: str) -> None:
    """Write a text into the cells of a line, as far as it fits."""
    for cell, character in enumerate(text, at):
        if 0 <= cell < len(line):
            line[cell] = character
