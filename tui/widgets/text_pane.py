"""A pane with a text of many lines, wrapped to its width. Only visible lines are drawn."""

from typing import ClassVar

from rich.segment import Segment
from textual import events, on
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.reactive import reactive
from textual.strip import Strip

from tui.models.columns import Cell
from tui.models.lines import wrap
from tui.models.snapshot import Text
from tui.widgets.inked import Inked


class TextPane(Inked, can_focus=True):
    """Draws a `Text`: set `shown`. The scroll position is kept when a text about the same subject follows."""

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

    shown: reactive[Text] = reactive(Text(), init=False, repaint=False)

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._wrapped: list[tuple[Cell, ...]] = []

    def watch_shown(self, old: Text, new: Text) -> None:
        if new.subject == old.subject and new.lines == old.lines:
            return
        self._wrap()
        if new.subject != old.subject:
            self._scroll(0)

    def _wrap(self) -> None:
        before, width = self._wrapped, self.size.width - 2
        self._wrapped = wrap(self.shown.lines, width) if width > 0 else []
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
        self.scroll_to(y=top, animate=False, force=True)  # a scrollbar that the text needs does not exist yet

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        index = y + self.scroll_offset.y
        base = self.rich_style
        if index >= len(self._wrapped):
            return Strip.blank(width, base)
        segments = [Segment(" ", base)]
        segments += [Segment(text, self.get_component_rich_style(f"role--{role}")) for text, role in self._wrapped[index]]
        return Strip(segments).adjust_cell_length(width, base)
