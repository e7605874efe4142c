"""The bars of the waterfall: one line for each row of the tree beside it, on one axis of time."""

from collections.abc import Iterable, Iterator
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events, on
from textual.binding import Binding, BindingType
from textual.geometry import Region
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip

from store.model.span import Span
from tui import format as fmt
from tui.models.columns import Cell, Column, pad
from tui.models.node_column import figure
from tui.models.outline_row import Row
from tui.models.pair import as_one
from tui.models.selection import Selection
from tui.models.time_scale import TimeScale
from tui.models.time_view import TimeView
from tui.models.waterfall import BarCell, WaterfallRows, bar_cells, bars, span_near
from tui.theme import Glyphs
from tui.widgets.inked import Inked
from tui.widgets.node_tree import NodeTree

FIGURES = (
    Column("total", "TOTAL", 6, right=True, needs=34),
    Column("own", "OWN", 6, right=True, needs=60),
    Column("slack", "SLACK", 6, right=True, needs=76),
)
"""Figures after the bars, the most important first. `needs`: cells that are left for the bars."""


MARGIN_CELLS = 2
"""Cells left and right of bars and figures."""

CAPTION_MARGIN_CELLS = 6
"""Cells of the border that the caption does not take."""


class Waterfall(Inked, can_focus=True):
    """Draws the bars of the rows of a tree. The tree has the cursor, and scrolls both.

    From outside: `supply` what to draw, before the tree is drawn. Posts `Opened` for the span that the user opens.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {"waterfall--cursor"}
    DEFAULT_CSS = """
    Waterfall > .waterfall--cursor { background: $row-cursor; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "move_time(-1)", "Earlier", id="chart.left", show=False, tooltip="Move the time cursor left"),
        Binding("right,l", "move_time(1)", "Later", id="chart.right", show=False, tooltip="Move the time cursor right"),
        Binding("shift+left", "pan(-1)", "Pan left", id="chart.pan-left", show=False, tooltip="Half a window earlier"),
        Binding("shift+right", "pan(1)", "Pan right", id="chart.pan-right", show=False, tooltip="Half a window later"),
        Binding("enter", "select", "Open", id="chart.open", tooltip="Open the step or call at the time cursor"),
        Binding(
            "plus,equals_sign",
            "zoom(1)",
            "Zoom",
            key_display="+ -",
            id="chart.zoom-in",
            tooltip="Zoom in at the time cursor",
        ),
        Binding("minus", "zoom(-1)", "Zoom out", id="chart.zoom-out", show=False, tooltip="Zoom out"),
        Binding("0", "fit", "Whole", id="chart.fit", tooltip="Show the whole time"),
        Binding("i", "collapse_idle", "Idle", id="chart.idle", tooltip="Collapse idle stretches, or show them"),
        Binding("down,j", "tree('move', 1)", "Down", id="chart.down", show=False, tooltip="One row down"),
        Binding("up,k", "tree('move', -1)", "Up", id="chart.up", show=False, tooltip="One row up"),
        Binding("pagedown", "tree('page', 1)", "Page down", id="chart.page-down", show=False, tooltip="One page down"),
        Binding("pageup", "tree('page', -1)", "Page up", id="chart.page-up", show=False, tooltip="One page up"),
        Binding("ctrl+d", "tree('page', 0.5)", "Half page down", id="chart.half-down", show=False, tooltip="Half a page"),
        Binding("ctrl+u", "tree('page', -0.5)", "Half page up", id="chart.half-up", show=False, tooltip="Half a page up"),
        Binding("g,home", "tree('first')", "First", id="chart.first", show=False, tooltip="To the first row"),
        Binding("G,end", "tree('last')", "Last", id="chart.last", show=False, tooltip="To the last row"),
        Binding("space", "tree('toggle_node')", "Toggle", id="chart.toggle", show=False, tooltip="Expand or collapse"),
        Binding("C", "tree('focus_here')", "Focus", id="chart.focus", show=False, tooltip="Show only this subtree"),
        Binding("u", "tree('focus_up')", "Widen", id="chart.unfocus", show=False, tooltip="Widen the subtree by one level"),
    ]

    drawn: reactive[int] = reactive(0, repaint=False)
    """Number of times that rows or axis changed."""

    class Opened(Message):
        """The user opened a task, at one of its spans if it has any."""

        def __init__(self, span: Span | None) -> None:
            super().__init__()
            self.span = span

    def __init__(self, glyphs: Glyphs, tree: NodeTree, outline: Selection, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.glyphs = glyphs
        self._tree = tree
        self._selection = outline
        self.rows = WaterfallRows()
        self.view = TimeView()
        """The window of time, and the time cursor."""
        self._strips: dict[int, Strip] = {}
        """Lines by row, as they were drawn last."""
        self._styles: dict[tuple[bool, str, bool], Style] = {}

    def on_mount(self) -> None:
        self.watch(self._tree, "drawn", self.changed, init=False)
        self.watch(self._tree, "cursor", self._cursor_moved, init=False)
        self.watch(self._tree, "scroll_y", self._scrolled, init=False)

    @property
    def title(self) -> str:
        return "w Waterfall"

    def supply(self, rows: WaterfallRows) -> None:
        """Set what to draw. It is drawn when the tree is."""
        self.rows = rows
        self._show_caption()

    def _show_caption(self) -> None:
        """Set the longest caption that fits."""
        room = self.size.width - CAPTION_MARGIN_CELLS
        self.caption = f"w {next((one for one in self.rows.summaries if len(one) <= room), 'Waterfall')}"

    def watch_caption(self, caption: str) -> None:
        """The caption is drawn in the border of the pane around the axis and the bars."""

    # The axis

    @property
    def figures(self) -> list[Column]:
        """The columns after the bars, from left to right."""
        left, found = self.size.width - MARGIN_CELLS, list[Column]()
        for column in FIGURES:
            if left - column.width - 1 >= column.needs:
                found.append(column)
                left -= column.width + 1
        return sorted(found, key=lambda column: ("own", "total", "slack").index(column.name))

    @property
    def scale(self) -> TimeScale:
        """The axis of time."""
        view = self.view
        view.whole, view.idle = self.rows.whole, self.rows.idle
        view.width = max(self.size.width - MARGIN_CELLS - sum(column.width + 1 for column in self.figures), 1)
        return view.scale

    # Drawing

    def changed(self) -> None:
        """Draw the rows in view that look different."""
        if not self.is_mounted or not self.display or self.size.height == 0 or self.size.width < 3:
            return
        top, before = self._tree.scroll_offset.y, self._strips
        self._strips = self._lines(range(top, top + self.size.height))
        for y in range(self.size.height):
            if before.get(top + y) != self._strips.get(top + y):
                self.refresh(Region(0, y, self.size.width, 1))
        self.drawn += 1

    def _cursor_moved(self, old: int, new: int) -> None:
        top = self._tree.scroll_offset.y
        for index in (old, new):
            self._strips.pop(index, None)
            self.refresh(Region(0, index - top, self.size.width, 1))

    def _scrolled(self) -> None:
        self.refresh()

    @on(events.Resize)
    @on(events.Show)
    def _resized(self) -> None:
        self._strips = {}
        self._show_caption()
        self.changed()
        self.refresh()

    def notify_style_update(self) -> None:
        self._styles.clear()
        self._strips.clear()
        super().notify_style_update()

    def render_line(self, y: int) -> Strip:
        index = y + self._tree.scroll_offset.y
        if index not in self._strips or self._strips[index].cell_length != self.size.width:
            self._strips.update(self._lines(range(index, index + 1)))
        return self._strips.get(index) or Strip.blank(self.size.width, self._style(False, "", False))

    def _lines(self, wanted: range) -> dict[int, Strip]:
        """The lines of rows, by row."""
        outline, scale = self._selection.outline, self.scale
        marks = self._marks(scale)
        found = outline.rows(wanted.start, wanted.stop, 0)
        return {index: self._line(index, row, scale, marks) for index, row in enumerate(found, max(wanted.start, 0))}

    def _marks(self, scale: TimeScale) -> dict[int, BarCell]:
        """Contents of cells without a bar: edges of collapsed stretches, the position in time travel, the time cursor."""
        found = dict[int, BarCell]()
        for cell, width, _ in scale.folds:
            found[cell] = found[cell + width - 1] = BarCell(self.glyphs("idle"), "guide")
        rows = self.rows
        if rows.now < rows.whole.end and (now := scale.cell(rows.now)) is not None:
            found[now] = BarCell(self.glyphs("pointed-row"), "active")
        if self.view.cursor is not None and (here := scale.cell(self.view.cursor)) is not None:
            found[here] = BarCell(self.glyphs("pointed-row"), "text")
        return found

    def _line(self, index: int, row: Row, scale: TimeScale, marks: dict[int, BarCell]) -> Strip:
        under, width = index == self._tree.cursor, self.size.width
        cells: list[BarCell] = [BarCell(" ")]
        if row.node in self.rows.spans:
            cells += bar_cells(bars(row.node, row.execution, self.rows), scale, self.glyphs, marks)
            cells += (BarCell(text, role) for text, role in self._figures(row))
        segments = [Segment(text, self._style(under, role, swapped)) for text, role, swapped in cells]
        return Strip(segments).adjust_cell_length(width, self._style(under, "", False))

    def _figures(self, row: Row) -> Iterator[Cell]:
        tree = self.rows.tree
        node = tree.nodes[row.node]
        if row.execution is not None:
            node = as_one(node, tree.nodes.get(row.execution))
        for column in self.figures:
            if column.name == "slack":
                slack = self.rows.slack.get(row.node)
                text, role = ("0s", "critical") if slack == 0 else ("" if slack is None else fmt.duration(slack), "muted")
            else:
                text, role = figure(column.name, row, node, tree, False, self.glyphs)
            yield Cell(f" {pad(text, column.width, column.right)}", role)

    def _style(self, under: bool, role: str, swapped: bool) -> Style:
        """Style of a cell. `under`: in the row of the cursor; `swapped`: with text and background swapped."""
        found = self._styles.get((under, role, swapped))
        if found is None:
            base = self.rich_style + self.get_component_rich_style("waterfall--cursor") if under else self.rich_style
            found = base
            if role:
                found = self.get_component_rich_style(f"role--{role}") + Style(
                    bgcolor=base.bgcolor, reverse=swapped or None
                )
            self._styles[under, role, swapped] = found
        return found

    # Time

    def action_move_time(self, cells: int) -> None:
        self._place_cursor()
        self.view.move(cells)
        self.changed()

    def action_pan(self, step: int) -> None:
        self.view.pan(step)
        self.changed()

    def action_zoom(self, step: int) -> None:
        self._place_cursor()
        self.view.zoom(step)
        self.changed()

    def action_fit(self) -> None:
        self.view.fit()
        self.changed()

    def action_collapse_idle(self) -> None:
        self.view.folding = not self.view.folding
        self.changed()

    def _place_cursor(self) -> None:
        """Put a cursor that was never placed into the middle of the selected row's bars."""
        drawn = [bar for row in self._selected() for bar in bars(row.node, row.execution, self.rows)]
        if self.view.cursor is None and drawn:
            self.view.cursor = (min(bar.start for bar in drawn) + max(bar.end for bar in drawn)) / 2

    # Rows

    def _selected(self) -> Iterable[Row]:
        """The row of the cursor, if there is one."""
        index = self._tree.cursor
        return self._selection.outline.rows(index, index + 1, 0)

    def action_tree(self, action: str, *parameters: float) -> None:
        """Run an action of the tree."""
        getattr(self._tree, f"action_{action}")(*parameters)

    def action_select(self) -> None:
        for row in self._selected():
            near = [] if row.execution is None else self.rows.spans.get(row.execution, ())
            spans = [*self.rows.spans.get(row.node, ()), *near]
            self.post_message(self.Opened(span_near(spans, self.view.cursor, self.rows.now)))

    # The mouse

    @on(events.Click)
    def _clicked(self, event: events.Click) -> None:
        at = self.cell_under(event)
        if at is None or event.button != 1:
            return
        self.point(at.x)
        index = at.y + self._tree.scroll_offset.y
        if index < self._tree.count:
            self._tree.go(index)
            if event.chain == 2:
                self.action_select()

    def point(self, column: int) -> None:
        """Put the time cursor into a column of the pane."""
        self.view.point(column - 1)
        self.changed()

    def _on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        self._turned(event, 1)

    def _on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        self._turned(event, -1)

    def _turned(self, event: events.MouseScrollDown | events.MouseScrollUp, step: int) -> None:
        """The wheel scrolls rows; with Ctrl it zooms at the mouse, with Shift it pans."""
        event.stop()
        at = self.cell_under(event)
        if event.ctrl and at is not None:
            self.view.zoom(-step, self.scale.time(at.x - 1))
            self.changed()
        elif event.shift:
            self.action_pan(step)
        else:
            self._tree.scroll_relative(y=step * self.app.scroll_sensitivity_y, animate=False)
