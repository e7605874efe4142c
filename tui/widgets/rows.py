"""Base of the list of runs, the tree, the timeline and the list of problems: a list that draws only visible rows."""

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

from tui.models.columns import Cell
from tui.models.lines import Line, line, wrap
from tui.theme import Glyphs
from tui.widgets.inked import Inked


class Rows(Inked, can_focus=True):
    """A virtual list with a cursor. Subclasses implement `count` and `row`; cost and memory do not depend on `count`.

    From outside: read `cursor`, and call `go` to move it as a key does.
    """

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
    """Row of the cursor; 0 in an empty list."""

    class Moved(Message):
        """The user moved the cursor."""

        def __init__(self, rows: "Rows") -> None:
            super().__init__()
            self.rows = rows

        @property
        def control(self) -> "Rows":
            return self.rows

    class Selected(Message):
        """The user opened the row under the cursor."""

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
        """Visible lines by row, as they were drawn last."""
        self._ready: dict[int, Strip] = {}
        """Visible lines by row that were rendered since the last change, and may not be drawn yet."""
        self._styles: dict[tuple[str, str], Style] = {}
        self._pointed: int | None = None
        """Line of the pane under the mouse, counted from its top."""

    # For subclasses

    @property
    def count(self) -> int:
        """Number of rows."""
        raise NotImplementedError

    def row(self, index: int, width: int) -> Iterable[Cell]:
        """The cells of a row from left to right, at most `width` wide in total."""
        raise NotImplementedError

    def empty(self) -> str:
        """Text shown in place of rows when there are none. Commands in it are indented by two spaces."""
        return ""

    def clicked(self, index: int, column: int) -> bool:
        """Handle a click on a part of a row with an action of its own. Returns False for any other part."""
        return False

    def changed(self) -> None:
        """Draw the visible rows that look different. Subclasses call it after a change of their rows."""
        self.fit()
        if not self.is_mounted or self.size.height == 0:
            return
        top = self.scroll_offset.y
        for y in range(self.scrollable_content_region.height):
            strip = self._ready[top + y] = self._strip(top + y)
            if self._drawn.get(top + y) != strip:
                self.refresh(Region(0, y, self.size.width, 1))

    def fit(self) -> None:
        """Adjust the scrollable height and the cursor to `count`, without drawing rows.

        The height is adjusted when rows are removed, when the scrollbar would look different, and near the end of the
        list. Otherwise a few new rows in a long list cost nothing.
        """
        self._ready.clear()
        count, known = self.count, self.virtual_size.height
        height = max(self.size.height, 1)
        near = known - self.scroll_offset.y < 3 * height
        if count < known or near or (count - known) * 4 * height > count or self.virtual_size.width != self.size.width:
            self._resize(Size(self.size.width, count))
        self.set_reactive(Rows.cursor, max(0, min(self.cursor, count - 1)))

    def _resize(self, size: Size) -> None:
        """Set the virtual size.

        Textual lays out and draws the whole screen for it. This is avoided if the scrollbar neither appears nor disappears.
        """
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
        if (
            strip is None or strip.cell_length != self.scrollable_content_region.width
        ):  # a scrollbar appeared or disappeared
            strip = self._strip(index)
        self._drawn[index] = strip
        return strip

    def refresh_line(self, y: int) -> None:
        self._ready.pop(y, None)
        super().refresh_line(y)

    def _strip(self, index: int) -> Strip:
        width = self.scrollable_content_region.width
        if index >= self.count:
            lines = wrap(map(_explanation, self.empty().splitlines()), width - 3) if self.count == 0 else []
            if index < len(lines):
                return self._paint([Cell(" "), *lines[index]], width, "")
            return Strip.blank(width, self._style("", ""))
        hovered = self._pointed is not None and index == self._pointed + self.scroll_offset.y
        under = "rows--cursor" if index == self.cursor else "rows--hover" if hovered else ""
        return self._paint(self.row(index, width - 1), width, under)

    def _paint(self, cells: Iterable[Cell], width: int, under: str) -> Strip:
        """A line of cells. `under`: component class of the row, "" for an ordinary row."""
        style = self._style
        base = style(under, "")
        segments = [Segment(" ", base)]
        segments += [Segment(text, style(under, role)) for text, role in cells]
        return Strip(segments).adjust_cell_length(width, base)

    def _style(self, under: str, role: str) -> Style:
        """Style of a cell by role, "" for the space between cells. Computed once until styles change."""
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
        """Draw all rows, because their width changes. A new scrollbar starts at the present scroll position."""
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
        """Scroll as little as needed to make a row visible."""
        height, top = self.scrollable_content_region.height, self.scroll_offset.y
        if height and index < top:
            self.scroll_to_row(index)
        elif height and index >= top + height:
            self.scroll_to_row(index - height + 1)

    def scroll_to_row(self, index: int) -> None:
        """Scroll a row to the top of the pane, or as far as the end of the list allows."""
        if index + self.size.height > self.virtual_size.height < self.count:
            self._resize(Size(self.size.width, self.count))
        self.scroll_to(y=max(index, 0), animate=False, force=True)  # Textual scrolls only if it has a scrollbar already

    def go(self, index: int) -> None:
        """Move the cursor and post `Moved`."""
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
        cell = self.cell_under(event)
        if cell is None or event.button != 1 or cell.y >= self.count or self.clicked(cell.y, cell.x):
            return
        self.go(cell.y)
        if event.chain == 2:
            self.action_select()

    @on(events.MouseMove)
    def _moved(self, event: events.MouseMove) -> None:
        cell = self.cell_under(event)
        self._point(None if cell is None else cell.y - self.scroll_offset.y)

    @on(events.Leave)
    def _left(self) -> None:
        self._point(None)

    def _point(self, line: int | None) -> None:
        """Highlight the row on a line of the pane."""
        if line != self._pointed:
            before, self._pointed = self._pointed, line
            for changed in (before, line):
                if changed is not None:
                    self.refresh_line(changed + self.scroll_offset.y)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Highlight the row that is now under the mouse."""
        if self._pointed is not None:
            for top in (old_value, new_value):
                self._ready.pop(self._pointed + round(top), None)
        super().watch_scroll_y(old_value, new_value)

    @on(events.Resize)
    def _resized(self) -> None:
        self._drawn.clear()
        self._ready.clear()
        self.changed()
        self._show(self.cursor)


def _explanation(text: str) -> Line:
    """A line of the text that is shown in place of rows."""
    return line(text, "label", hang=6) if text.startswith("  ") else line(text)
