"""A text of many lines that wraps to its pane; of which, too, only the lines on the screen are drawn."""

from collections.abc import Sequence
from typing import ClassVar

from rich.segment import Segment
from textual import events, on
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.strip import Strip

from tui.models.columns import Cell
from tui.models.lines import Line, wrap
from tui.widgets.inked import Inked


class TextPane(Inked, can_focus=True):
    """Shows lines. The place in a text is kept when the same text comes again, longer."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "scroll(1)", "Down", id="text.down", show=False, tooltip="One line down"),
        Binding("up,k", "scroll(-1)", "Up", id="text.up", show=False, tooltip="One line up"),
        Binding(
            "ctrl+d", "scroll_pages(0.5)", "Half page down", id="text.half-down", show=False, tooltip="Half a page down"
        ),
        Binding("ctrl+u", "scroll_pages(-0.5)", "Half page up", id="text.half-up", show=False, tooltip="Half a page up"),
        Binding("g,home", "scroll_home", "Beginning", id="text.first", show=False, tooltip="To the beginning"),
        Binding("G,end", "scroll_end", "End", id="text.last", show=False, tooltip="To the end"),
    ]

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._lines: Sequence[Line] = ()
        self._wrapped: list[tuple[Cell, ...]] = []
        self._subject: object = None

    def show(self, subject: object, lines: Sequence[Line]) -> None:
        """Show these lines. `subject` says what they are about: for another one the text begins at its top."""
        if subject == self._subject and lines == self._lines:
            return
        fresh = subject != self._subject
        self._subject, self._lines = subject, lines
        self._wrap()
        if fresh:
            self._scroll(0)

    def _wrap(self) -> None:
        before, width = self._wrapped, self.size.width - 2
        self._wrapped = wrap(self._lines, width) if width > 0 else []
        size, top = Size(self.size.width, len(self._wrapped)), self.scroll_offset.y
        if size != self.virtual_size:
            self.virtual_size = size
            self.refresh()
            return
        for y, (old, new) in enumerate(zip(before[top:], self._wrapped[top : top + self.size.height], strict=False)):
            if old != new:
                self.refresh(Region(0, y, self.size.width, 1))

    @on(events.Resize)
    def _resized(self) -> None:
        self._wrap()

    def action_scroll(self, lines: int) -> None:
        self._scroll(self.scroll_offset.y + lines)

    def action_scroll_pages(self, pages: float) -> None:
        self.action_scroll(round(pages * self.size.height))

    def action_scroll_home(self) -> None:
        self._scroll(0)

    def action_scroll_end(self) -> None:
        self._scroll(self.virtual_size.height)

    def _scroll(self, top: int) -> None:
        self.scroll_to(y=top, animate=False, force=True)  # the bar that a new text makes necessary is not there yet

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        index = y + self.scroll_offset.y
        base = self.rich_style
        if index >= len(self._wrapped):
            return Strip.blank(width, base)
        segments = [Segment(" ", base)]
        segments += [Segment(text, self.get_component_rich_style(f"role--{role}")) for text, role in self._wrapped[index]]
        return Strip(segments).adjust_cell_length(width, base)
