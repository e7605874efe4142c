"""A list of rows of which only those on the screen exist. The runs, the tree and the timeline are each one of these.

A subclass says how many rows there are and draws the one it is asked for. Nothing here grows with the number of rows.
"""

from collections.abc import Iterable
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events, on
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip

from tui.models.columns import Cell, pad
from tui.theme import Glyphs
from tui.widgets.inked import Inked


class Rows(Inked, can_focus=True):
    """A virtual list with a cursor. Subclasses give `count` and `row`."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"rows--cursor", "rows--hover"}
    DEFAULT_CSS = """
    Rows {
        & > .rows--cursor { background: $row-cursor-blurred; }
        & > .rows--hover { background: $row-cursor-blurred; }
        &:focus > .rows--cursor { background: $row-cursor; text-style: bold; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "move(1)", "Down", id="row.down", show=False, tooltip="One row down"),
        Binding("up,k", "move(-1)", "Up", id="row.up", show=False, tooltip="One row up"),
        Binding("pagedown", "page(1)", "Page down", id="row.page-down", show=False, tooltip="One page down"),
        Binding("pageup", "page(-1)", "Page up", id="row.page-up", show=False, tooltip="One page up"),
        Binding("ctrl+d", "page(0.5)", "Half page down", id="row.half-down", show=False, tooltip="Half a page down"),
        Binding("ctrl+u", "page(-0.5)", "Half page up", id="row.half-up", show=False, tooltip="Half a page up"),
        Binding("g,home", "first", "First", id="row.first", show=False, tooltip="To the first row"),
        Binding("G,end", "last", "Last", id="row.last", show=False, tooltip="To the last row"),
        Binding("enter", "select", "Open", id="row.open", tooltip="Open what the cursor is on"),
    ]

    cursor: reactive[int] = reactive(0)
    """The row that the cursor is on; 0 also when there is none."""

    class Moved(Message):
        """The user moved the cursor."""

        def __init__(self, rows: "Rows") -> None:
            super().__init__()
            self.rows = rows

        @property
        def control(self) -> "Rows":
            return self.rows

    class Selected(Message):
        """The user asked to open the row under the cursor."""

        def __init__(self, rows: "Rows") -> None:
            super().__init__()
            self.rows = rows

        @property
        def control(self) -> "Rows":
            return self.rows

    def __init__(self, glyphs: Glyphs, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.glyphs = glyphs
        self._drawn: dict[int, Strip] = {}
        """The lines on the screen, by row, as they were drawn last."""
        self._ready: dict[int, Strip] = {}
        """The lines on the screen as they are by now, by row, as far as they were made."""
        self._styles: dict[tuple[str, str], Style] = {}
        self._hovered = -1

    # For subclasses

    @property
    def count(self) -> int:
        """How many rows there are."""
        raise NotImplementedError

    def row(self, index: int, width: int) -> Iterable[Cell]:
        """What stands in a row, from left to right, in not more cells than the width."""
        raise NotImplementedError

    def empty(self) -> str:
        """What to say where there are no rows."""
        return ""

    def changed(self) -> None:
        """Rows came, went or look different: draw again those on the screen that do."""
        self.fit()
        if not self.is_mounted or self.size.height == 0:
            return
        top = self.scroll_offset.y
        for y in range(self.scrollable_content_region.height):
            strip = self._ready[top + y] = self._strip(top + y)
            if self._drawn.get(top + y) != strip:
                self.refresh(Region(0, y, self.size.width, 1))

    def fit(self) -> None:
        """Take in how many rows there are. What is on the screen is not drawn again.

        Where there are a few more among many, the scrollbar looks the same: it is told when there are fewer, when it
        shows, and when one is near the end.
        """
        self._ready.clear()
        count, told = self.count, self.virtual_size.height
        height = max(self.size.height, 1)
        near = told - self.scroll_offset.y < 3 * height
        if count < told or near or (count - told) * 4 * height > count or self.virtual_size.width != self.size.width:
            self._resize(Size(self.size.width, count))
        self.set_reactive(Rows.cursor, max(0, min(self.cursor, count - 1)))

    def _resize(self, size: Size) -> None:
        """To set the virtual size would lay out, and draw, the whole screen: only where a scrollbar comes or goes."""
        if size == self.virtual_size:
            return
        if self.show_vertical_scrollbar and size.width == self.virtual_size.width and size.height > self.size.height:
            self.set_reactive(Rows.virtual_size, size)
            self.vertical_scrollbar.window_virtual_size = size.height
            self.scroll_y = self.validate_scroll_y(self.scroll_y)
        else:
            self.virtual_size = size

    # Drawing

    def render_line(self, y: int) -> Strip:
        if y == 0:
            visible = range(self.scroll_offset.y, self.scroll_offset.y + self.size.height)
            self._drawn = {row: strip for row, strip in self._drawn.items() if row in visible}
        index = y + self.scroll_offset.y
        strip = self._ready.get(index)
        if strip is None or strip.cell_length != self.scrollable_content_region.width:  # a scrollbar came or went
            strip = self._strip(index)
        self._drawn[index] = strip
        return strip

    def refresh_line(self, y: int) -> None:
        self._ready.pop(y, None)
        super().refresh_line(y)

    def _strip(self, index: int) -> Strip:
        width = self.scrollable_content_region.width
        if index >= self.count:
            message = self.empty() if self.count == 0 else ""
            lines = message.splitlines()
            if index < len(lines):
                return self._paint([Cell(pad(f" {lines[index]}", width - 1), "muted")], width, "")
            return Strip.blank(width, self._style("", ""))
        under = "rows--cursor" if index == self.cursor else "rows--hover" if index == self._hovered else ""
        return self._paint(self.row(index, width - 1), width, under)

    def _paint(self, cells: Iterable[Cell], width: int, under: str) -> Strip:
        """A line of these cells; `under` is the component class of the row, "" for a row like any other."""
        style = self._style
        base = style(under, "")
        segments = [Segment(" ", base)]
        segments += [Segment(text, style(under, role)) for text, role in cells]
        return Strip(segments).adjust_cell_length(width, base)

    def _style(self, under: str, role: str) -> Style:
        """How a cell of this role looks, "" for what is between cells. Each is worked out once, until styles change."""
        found = self._styles.get((under, role))
        if found is None:
            if role:
                base = self._style(under, "")
                found = self.get_component_rich_style(f"role--{role}") + Style(bgcolor=base.bgcolor, bold=base.bold)
            elif under:
                found = self.rich_style + self.get_component_rich_style(under, partial=under == "rows--hover")
            else:
                found = self.rich_style
            self._styles[under, role] = found
        return found

    def watch_show_vertical_scrollbar(self) -> None:
        """A scrollbar takes a cell of every row, or gives it back. It was not told of what was scrolled without it."""
        if self.show_vertical_scrollbar:
            self.vertical_scrollbar.position = self.scroll_y
        self._drawn.clear()
        self._ready.clear()
        self.call_after_refresh(self.changed)
        self.refresh()

    def notify_style_update(self) -> None:
        self._styles.clear()
        self._drawn.clear()
        self._ready.clear()
        super().notify_style_update()

    # Moving

    def watch_cursor(self, old: int, new: int) -> None:
        for row in (old, new):
            self.refresh_line(row)
        self._show(new)

    def validate_cursor(self, cursor: int) -> int:
        return max(0, min(cursor, self.count - 1))

    def _show(self, index: int) -> None:
        """Scroll as little as needed for the row to be on the screen."""
        height, top = self.scrollable_content_region.height, self.scroll_offset.y
        if height and index < top:
            self.scroll_to_row(index)
        elif height and index >= top + height:
            self.scroll_to_row(index - height + 1)

    def scroll_to_row(self, index: int) -> None:
        """Let this row be the topmost, or one as near to it as there is."""
        if index + self.size.height > self.virtual_size.height < self.count:
            self._resize(Size(self.size.width, self.count))
        self.scroll_to(y=max(index, 0), animate=False, force=True)  # a bar that rows just made necessary is not there yet

    def go(self, index: int) -> None:
        """Move the cursor as the user does."""
        self.cursor = index
        self.post_message(self.Moved(self))

    def action_move(self, rows: int) -> None:
        self.go(self.cursor + rows)

    def action_page(self, pages: float) -> None:
        self.go(self.cursor + round(pages * max(self.scrollable_content_region.height - 1, 1)))

    def action_first(self) -> None:
        self.go(0)

    def action_last(self) -> None:
        self.go(self.count - 1)

    def action_select(self) -> None:
        if self.count:
            self.post_message(self.Selected(self))

    @on(events.Click)
    def _clicked(self, event: events.Click) -> None:
        index = event.y + self.scroll_offset.y
        if index < self.count:
            self.go(index)
            if event.chain == 2:
                self.action_select()

    @on(events.MouseMove)
    def _pointed(self, event: events.MouseMove) -> None:
        self._hover(event.y + self.scroll_offset.y)

    @on(events.Leave)
    def _left(self) -> None:
        self._hover(-1)

    def _hover(self, index: int) -> None:
        if index != self._hovered:
            for row in (self._hovered, index):
                self.refresh_line(row)
            self._hovered = index

    @on(events.Resize)
    def _resized(self) -> None:
        self._drawn.clear()
        self._ready.clear()
        self.changed()
        self._show(self.cursor)
