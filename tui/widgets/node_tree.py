"""The tree of a run: every node beneath its parent. The user moves through it, folds it and narrows it."""

from collections.abc import Iterable
from itertools import islice
from typing import ClassVar

from rich.cells import cell_len
from textual import events, on
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.reactive import reactive

from tui.models.columns import Cell, Column, fit
from tui.models.forest import TOP
from tui.models.node_column import tree_columns
from tui.models.node_order import PLAN, next_sort, sort_name
from tui.models.node_row import guides, max_guides, row_cells
from tui.models.outline import Outline
from tui.models.selection import Selection
from tui.models.snapshot import TreeNodes
from tui.text import LINE_LIMIT, clean
from tui.theme import Glyphs
from tui.widgets.rows import Rows

CRUMBS = 4
"""Number of ancestors that the title names."""

CRUMB_GOALS_CELLS = 90
"""Width of the tree, in cells, from which on the title has the goals of the ancestors too."""

CRUMB_CHARACTERS = 20
"""Characters of such a goal."""

SIDEWAYS_CELLS = 16
"""Cells by which a key scrolls goals sideways."""

NOT_READ = TreeNodes()
"""What a tree shows before the first reading."""


class NodeTree(Rows):
    """Draws the outline of a `Selection` and moves the selected node.

    From outside: call `settle` after the shape of the tree or the selection was changed; set `shown` to the nodes that
    `wanted` returned.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right,l", "expand", "Expand", id="tree.expand", show=False, tooltip="Expand, or go to the first child"),
        Binding("left,h", "collapse", "Collapse", id="tree.collapse", show=False, tooltip="Collapse, or go to the parent"),
        Binding("space", "toggle_node", "Toggle", id="tree.toggle", show=False, tooltip="Expand or collapse"),
        Binding("minus", "collapse_all", "Collapse all", id="tree.collapse-all", show=False, tooltip="Collapse everything"),
        Binding("equals_sign", "expand_all", "Expand all", id="tree.expand-all", show=False, tooltip="Expand everything"),
        Binding("O", "expand_under", "Expand subtree", id="tree.expand-subtree", show=False, tooltip="Expand the subtree"),
        Binding("p", "parent", "Parent", id="tree.parent", show=False, tooltip="To the parent"),
        Binding("P", "root", "Root", id="tree.root", show=False, tooltip="To the root of this task"),
        Binding("J", "sibling(1)", "Next sibling", id="tree.next-sibling", show=False, tooltip="To the next sibling"),
        Binding(
            "K",
            "sibling(-1)",
            "Previous sibling",
            id="tree.previous-sibling",
            show=False,
            tooltip="To the previous sibling",
        ),
        Binding("dollar_sign", "own", "Own", id="tree.own", show=False, tooltip="Tokens and cost: own or total"),
        Binding("S", "sort", "Sort", id="tree.sort", show=False, tooltip="Sort by time, tokens, cost, errors, or plan"),
        Binding("shift+right", "sideways(1)", "Right", id="tree.right", show=False, tooltip="To the end of long goals"),
        Binding("shift+left", "sideways(-1)", "Left", id="tree.left", show=False, tooltip="To their beginning"),
        Binding("C", "focus_here", "Focus", id="tree.focus", show=False, tooltip="Show only this subtree"),
        Binding("u", "focus_up", "Widen", id="tree.unfocus", show=False, tooltip="Widen the subtree by one level"),
    ]

    class Needed(Message):
        """A node on the screen is missing in `shown`."""

    shown: reactive[TreeNodes] = reactive(NOT_READ, init=False, repaint=False)
    """The nodes on the screen."""
    heads: reactive[tuple[tuple[Column, int], ...]] = reactive((), repaint=False)
    """The columns on the screen, with their widths."""
    sort: reactive[str] = reactive(PLAN, repaint=False)
    """The order of children on the screen."""
    drawn: reactive[int] = reactive(0, repaint=False)
    """Number of times that rows changed."""

    def __init__(self, glyphs: Glyphs, tree: Selection, *, id: str | None = None) -> None:
        super().__init__(glyphs, id=id)
        self._tree = tree
        self._settled: Outline = tree.outline
        """The outline that was drawn last. A rebuilt run has another one, with other numbers of nodes."""
        self._skipped = 0
        """Cells of each goal that are scrolled out on the left."""
        self._roomy = False
        """Whether the title has room for goals."""
        self._asked = False
        """Whether `Needed` was posted since nodes were shown."""

    @property
    def count(self) -> int:
        return len(self._tree.outline)

    @property
    def selected(self) -> int | None:
        """Number of the selected node."""
        return self._tree.selected

    def wanted(self) -> list[int]:
        """The nodes to be read: those on the screen, half a screen around them, the selected one and its ancestors."""
        near = self._near
        rows = self._tree.outline.rows(near.start, near.stop, 0)
        found = {row.node for row in rows} | {row.execution for row in rows if row.execution is not None}
        if self.selected is not None:
            found.add(self.selected)
            found.update([] if self._tree.execution is None else [self._tree.execution])
            found.update(islice(self._tree.ancestors(self.selected), CRUMBS))
        return sorted(found)

    def changed(self) -> None:
        super().changed()
        width = self.scrollable_content_region.width - 1
        self.sort = self._tree.sort
        self.heads = tuple(fit(tree_columns(width, self.shown, self._tree.own), width))
        self.drawn += 1

    def watch_caption(self, caption: str) -> None:
        """The caption is drawn in the border of the pane around the tree."""

    @property
    def _near(self) -> range:
        """The rows on the screen, and half a screen around them."""
        height = max(self.scrollable_content_region.height, 1)
        top = self.scroll_offset.y
        return range(top - height // 2, top + height + height // 2)

    def rows_in_view(self) -> range:
        """Settle, and return the rows on the screen and near it."""
        self.settle()
        return self._near

    def watch_shown(self) -> None:
        self._asked = False
        self.changed()

    def settle(self) -> None:
        """Move the cursor to the selected node, which stays on its line. Another tree is shown from its top."""
        if self._settled is self._tree.outline:
            self._settle(self.cursor - self.scroll_offset.y)
            return
        self._settled = self._tree.outline
        self.set_reactive(NodeTree.shown, TreeNodes())
        self._settle(self._tree.row or 0)
        self._show(self.cursor)
        self.changed()

    def show_selected(self) -> None:
        """Move the cursor to the selected node, and scroll as little as needed for that."""
        rows = self.virtual_size.height
        self.fit()
        if self.count != rows:
            self.changed()
        self.cursor = self._tree.row or 0

    def _settle(self, line: int) -> None:
        """Move the cursor to the selected node, which is put on a line of the screen."""
        row = self._tree.row
        self.set_reactive(Rows.cursor, row or 0)
        self.fit()
        if row is not None and row - line != self.scroll_offset.y and self.is_mounted:
            self.scroll_to_row(row - line)

    # Moving

    def watch_cursor(self, old: int, new: int) -> None:
        if self.count:
            self._tree.select_row(new)
        super().watch_cursor(old, new)

    def clicked(self, index: int, column: int) -> bool:
        """A click on the mark before a node, or on the space after it, expands or collapses the node."""
        row = self._tree.outline.row(index, max_guides(self.scrollable_content_region.width - 1))
        mark = 1 + cell_len(guides(row, self.glyphs))
        if not row.expandable or column not in (mark, mark + 1):
            return False
        self.cursor = index
        self._tree.select_row(index)  # the cursor may have been there already, in place of a hidden node
        self.action_toggle_node()
        return True

    def _show_change(self, moved: bool) -> None:
        """Show a move of the selection. With False: nodes were expanded or collapsed."""
        if moved:
            self.show_selected()
            self.post_message(self.Moved(self))
        else:
            self._folded(self.cursor - self.scroll_offset.y)

    def _folded(self, line: int) -> None:
        self._settle(line)
        self._show(self.cursor)
        self.changed()
        self.post_message(self.Moved(self))

    def action_expand(self) -> None:
        if self.selected is not None:
            self._show_change(self._tree.enter())

    def action_collapse(self) -> None:
        if self.selected is not None:
            self._show_change(self._tree.leave())

    def action_toggle_node(self) -> None:
        if self.selected is not None:
            self._tree.toggle()
            self._show_change(False)

    def action_collapse_all(self) -> None:
        self._tree.collapse_all()
        self._show_change(False)

    def action_expand_all(self) -> None:
        self._tree.expand_all()
        self._show_change(False)

    def action_expand_under(self) -> None:
        if self.selected is not None:
            self._tree.expand_beneath()
            self._show_change(False)

    def action_parent(self) -> None:
        if self._tree.select_parent():
            self._show_change(True)

    def action_root(self) -> None:
        if self._tree.select_root():
            self._show_change(True)

    def action_sibling(self, step: int) -> None:
        if self._tree.select_sibling(step):
            self._show_change(True)

    def action_focus_here(self) -> None:
        self._tree.narrow()
        self._folded(0)

    def action_focus_up(self) -> None:
        if self._tree.root is not None:
            self._tree.widen()
            self._show_change(False)

    def action_own(self) -> None:
        self._tree.own = not self._tree.own
        self.changed()
        self.post_message(self.Needed())

    def action_sideways(self, step: int) -> None:
        self._skipped = max(0, min(self._skipped + step * SIDEWAYS_CELLS, LINE_LIMIT - SIDEWAYS_CELLS))
        self.changed()

    def action_sort(self) -> None:
        self.sort_by(next_sort(self._tree.sort))

    def sort_by(self, sort: str) -> None:
        """Sort the children of every task; by what they are sorted already: in the order of the plan."""
        line = self.cursor - self.scroll_offset.y
        self._tree.sort_by(PLAN if sort == self._tree.sort else sort)
        self._settle(line)
        self._show(self.cursor)
        self.changed()
        self.post_message(self.Needed())

    # Parts of the title

    @on(events.Resize)
    def _room_changed(self) -> None:
        """Let the title be set again when it has room for goals, or no longer has."""
        before, self._roomy = self._roomy, self.size.width >= CRUMB_GOALS_CELLS
        if self._roomy != before:
            self.post_message(self.Needed())

    @property
    def crumbs(self) -> str:
        """The path to the selected node: the nearest of its ancestors, and its own name; empty for a root."""
        if self.selected is None or self.selected not in self.shown.nodes:
            return ""
        above = list(islice(self._tree.ancestors(self.selected), CRUMBS + 1))
        inner = [node for node in reversed(above[:CRUMBS]) if self._tree.outline.parent(node) != TOP]
        crumbs = [*(self._crumb(node, self._roomy) for node in inner), self._crumb(self.selected, False)]
        omitted = [self.glyphs("more")] if len(above) > CRUMBS else []
        return f", at {' / '.join([*omitted, *crumbs])}" if above else ""

    def _crumb(self, number: int, with_goal: bool) -> str:
        node = self.shown.nodes.get(number)
        if node is None:
            return "?"
        name = clean(self.shown.names.get(number) or node.nid or "", 12)
        return f"{name} {clean(node.current_goal or '', CRUMB_CHARACTERS)}".strip() if with_goal or not name else name

    @property
    def sorted_by(self) -> str:
        """The order of children; empty for that of the plan."""
        return "" if self._tree.sort == PLAN else f", {sort_name(self._tree.sort, self._tree.own)}"

    @property
    def narrowed(self) -> str:
        """The subtree that the view is narrowed to; empty when the whole tree is in view."""
        root = self._tree.root
        if root is None:
            return ""
        node = self.shown.nodes.get(root)
        name = "a subtree" if node is None else clean(self.shown.names.get(root) or node.nid or "root", 20)
        return f", narrowed to {name} (u widens)"

    # Drawing

    def empty(self) -> str:
        if self.shown is NOT_READ:
            return f"reading{self.glyphs('more')}"
        if self.shown.active:
            return "No task yet.\n\nTasks appear here as soon as the agent creates them."
        return "This run has no task.\n\nThe timeline has its events."

    def row(self, index: int, width: int) -> Iterable[Cell]:
        row = self._tree.outline.row(index, max_guides(width))
        missing = {row.node, row.node if row.execution is None else row.execution} - self.shown.nodes.keys()
        if missing and not self._asked:
            self._asked = True
            self.post_message(self.Needed())
        return row_cells(row, self.shown, width, self._tree.own, self.glyphs, index == self.cursor, self._skipped)
