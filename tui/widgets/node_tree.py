"""The tree of a run: every node inside the node whose plan created it, with what it is doing right now."""

from collections.abc import Callable, Iterable
from typing import ClassVar

from textual.binding import Binding, BindingType

from store.state import Node, RunState
from tui import format as fmt
from tui.models.columns import Cell, Column, clip, fit, pad
from tui.models.outline import Outline, Row
from tui.models.summary import doing, own_time
from tui.text import clean
from tui.theme import Glyphs, node_mark, task_name
from tui.widgets.rows import Rows

COLUMNS = (
    Column("node", "NODE", 0),
    Column("task", "TASK", 6, needs=58),
    Column("time", "OWN", 7, right=True, needs=34),
)

BRIEF = 56
"""Cells of a row's width below which what a node does is told in one word."""

GUIDES = 0.4
"""The part of a row's width that guides may take; deeper levels are counted instead of drawn."""


class NodeTree(Rows):
    """The nodes of one run. `show` opens a run; `update` takes what changed in it and never moves the reader."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right,l", "expand", "Expand", id="tree.expand", show=False, tooltip="Expand, or go to the first child"),
        Binding("left,h", "collapse", "Collapse", id="tree.collapse", show=False, tooltip="Collapse, or go to the parent"),
        Binding("space", "toggle_node", "Toggle", id="tree.toggle", show=False, tooltip="Expand or collapse"),
        Binding("minus", "collapse_all", "Collapse all", id="tree.collapse-all", show=False, tooltip="Collapse everything"),
        Binding("equals_sign", "expand_all", "Expand all", id="tree.expand-all", show=False, tooltip="Expand everything"),
        Binding("O", "expand_under", "Expand subtree", id="tree.expand-subtree", show=False, tooltip="Expand all beneath"),
        Binding("p", "parent", "Parent", id="tree.parent", show=False, tooltip="To the node around this one"),
        Binding("P", "root", "Root", id="tree.root", show=False, tooltip="To the root of this node"),
        Binding("J", "sibling(1)", "Next sibling", id="tree.next-sibling", show=False, tooltip="To the next sibling"),
        Binding(
            "K", "sibling(-1)", "Previous sibling", id="tree.previous-sibling", show=False, tooltip="To the one before"
        ),
        Binding(
            "right_curly_bracket",
            "next_kind(1)",
            "Next alike",
            id="tree.next-kind",
            show=False,
            tooltip="To the next of its kind",
        ),
        Binding(
            "left_curly_bracket", "next_kind(-1)", "Alike", id="tree.previous-kind", show=False, tooltip="To the one before"
        ),
        Binding("C", "focus_here", "Focus", id="tree.focus", show=False, tooltip="Show only this node and what is in it"),
        Binding("u", "focus_up", "Widen", id="tree.unfocus", show=False, tooltip="Show one level more around the focus"),
        Binding("a", "next_active", "Next active", id="tree.next-active", show=False, tooltip="To the next node at work"),
        Binding(
            "e", "next_error(1)", "Next error", id="tree.next-error", show=False, tooltip="To the next node with errors"
        ),
        Binding("E", "next_error(-1)", "Previous error", id="tree.previous-error", show=False, tooltip="To the one before"),
    ]

    def __init__(self, glyphs: Glyphs, *, id: str | None = None) -> None:
        super().__init__(glyphs, id=id)
        self._outline = Outline()
        self._known: dict[str, Node] = {}
        self._selected: str | None = None
        self.now = 0.0
        """The moment for which durations of what is going on are shown."""

    @property
    def count(self) -> int:
        return len(self._outline)

    @property
    def selected(self) -> str | None:
        """Id of the node under the cursor."""
        return self._selected

    # The run

    def show(self, state: RunState, now: float) -> None:
        """Another run, or the same one read anew: a node that was selected stays so if it is still there."""
        self._outline = Outline()
        self._known, self.now = state.nodes, now
        self._put(state.nodes)
        if self._selected not in self._outline:
            self._selected = self._outline.row(0).key if self.count else None
        self._settle(0)

    def update(self, state: RunState, changed: Iterable[str], now: float) -> None:
        """The run went on. What stands on the screen stays where it is."""
        at = self.cursor - self.scroll_offset.y
        self._known, self.now = state.nodes, now
        self._put(changed)
        if self._selected is None and self.count:
            self._selected = self._outline.row(0).key
        self._settle(at)

    def _put(self, node_ids: Iterable[str]) -> None:
        """Place nodes in the outline, those around them first."""
        for node_id in node_ids:
            waiting = [node_id]
            while (outer := self._known[waiting[-1]].outer) is not None and outer not in self._outline:
                waiting.append(outer)
            while waiting:
                node = self._known[waiting.pop()]
                if node.node_id not in self._outline or self._outline.parent(node.node_id) != node.outer:
                    self._outline.put(node.node_id, node.outer, node.born)

    def _settle(self, at: int) -> None:
        """Rows moved: put the cursor back on its node, `at` lines below the top of the screen."""
        index = self._visible(self._selected)
        self.set_reactive(Rows.cursor, index or 0)
        self.changed()
        if index is not None and index - at != self.scroll_offset.y and self.is_mounted:
            self.scroll_to_row(index - at)

    def _visible(self, node_id: str | None) -> int | None:
        """The row of a node, or of the collapsed node that hides it."""
        if node_id is None or node_id not in self._outline:
            return None
        index = self._outline.index(node_id)
        if index is not None:
            return index
        for ancestor in self._outline.ancestors(node_id):
            index = self._outline.index(ancestor)
            if index is not None:
                return index
        return None

    # Moving

    def watch_cursor(self, old: int, new: int) -> None:
        if self.count:
            self._selected = self._outline.row(new).key
        super().watch_cursor(old, new)

    def select(self, node_id: str, by_user: bool = True) -> None:
        """Move to a node, expanding what hides it, widening the focus if it is outside."""
        if node_id not in self._outline:
            return
        if self._outline.root is not None and self._outline.index(node_id) is None:
            self._outline.reveal(node_id)
            if self._outline.index(node_id) is None:
                self._outline.focus(None)
        self._outline.reveal(node_id)
        self._selected = node_id
        self.changed()
        index = self._outline.index(node_id)
        assert index is not None
        if by_user:
            self.go(index)
        else:
            self.cursor = index

    def _select_if(self, node_id: str | None) -> None:
        if node_id is not None:
            self.select(node_id)

    def _fold(self, at: int | None = None) -> None:
        self._settle(self.cursor - self.scroll_offset.y if at is None else at)
        self._selected = self._outline.row(self.cursor).key if self.count else None
        self._show(self.cursor)
        self.post_message(self.Moved(self))

    def action_expand(self) -> None:
        if self._selected is None:
            return
        children = self._outline.children(self._selected)
        if children and self._outline.is_expanded(self._selected):
            self.select(children[0])
        else:
            self._outline.expand(self._selected)
            self._fold()

    def action_collapse(self) -> None:
        if self._selected is None:
            return
        if self._outline.is_expanded(self._selected) and self._outline.children(self._selected):
            self._outline.collapse(self._selected)
            self._fold()
        elif self._selected != self._outline.root:
            self._select_if(self._outline.parent(self._selected))

    def action_toggle_node(self) -> None:
        if self._selected is not None:
            self._outline.toggle(self._selected)
            self._fold()

    def action_collapse_all(self) -> None:
        self._outline.collapse_all(self._outline.root)
        if self._outline.root is not None:
            self._outline.expand(self._outline.root)
        self._fold()

    def action_expand_all(self) -> None:
        self._outline.expand_all(self._outline.root)
        self._fold()

    def action_expand_under(self) -> None:
        self._outline.expand_all(self._selected)
        self._fold()

    def action_parent(self) -> None:
        if self._selected is not None and self._selected != self._outline.root:
            self._select_if(self._outline.parent(self._selected))

    def action_root(self) -> None:
        if self._selected is not None:
            top = self._selected
            for ancestor in self._outline.ancestors(self._selected):
                top = ancestor
            self.select(self._outline.root or top)

    def action_sibling(self, step: int) -> None:
        if self._selected is not None and self._selected != self._outline.root:
            near = self._outline.next_sibling if step > 0 else self._outline.previous_sibling
            self._select_if(near(self._selected))

    def action_focus_here(self) -> None:
        self._outline.focus(self._selected)
        self._fold(0)

    def action_focus_up(self) -> None:
        if self._outline.root is not None:
            self._outline.focus(self._outline.parent(self._outline.root))
            self._fold()

    def action_next_active(self) -> None:
        self._select_if(self._next(lambda node: node.working, 1))

    def action_next_kind(self, step: int) -> None:
        if self._selected is not None:
            here = self._known[self._selected]
            kind = (here.node_type, here.task_type)
            self._select_if(self._next(lambda node: (node.node_type, node.task_type) == kind, step))

    def action_next_error(self, step: int) -> None:
        self._select_if(self._next(lambda node: bool(node.errors or node.aborted), step))

    def _next(self, wanted: Callable[[Node], bool], step: int) -> str | None:
        """The next node of a kind in the order of the tree, going round at its end."""
        order = list(self._outline.descendants(self._outline.root))
        if self._outline.root is not None:
            order.insert(0, self._outline.root)
        if not order:
            return None
        here = order.index(self._selected) if self._selected in order else 0
        turned = order[here + 1 :] + order[: here + 1] if step > 0 else order[:here][::-1] + order[here:][::-1]
        return next((node_id for node_id in turned if wanted(self._known[node_id])), None)

    @property
    def active(self) -> str | None:
        """The node that is being worked on, deepest first where several are."""
        working = [node for node in self._known.values() if node.working]
        return max(working, key=lambda node: node.born).node_id if working else None

    @property
    def focus_root(self) -> str | None:
        """The node that the view is narrowed to."""
        return self._outline.root

    # Drawing

    def empty(self) -> str:
        return "no node was heard of yet"

    def row(self, index: int, width: int) -> Iterable[Cell]:
        row = self._outline.row(index, max_guides=max(int(width * GUIDES) // 2, 2))
        node = self._known[row.key]
        for column, size in fit(COLUMNS, width):
            match column.name:
                case "node":
                    yield from self._label(row, node, size)
                case "task":
                    name, role = task_name(node.task_type)
                    yield Cell(pad(clean(name, 20), size), role)
                case "time":
                    own = own_time(node, self.now)
                    text = "" if own is None else fmt.duration(own)
                    yield Cell(pad(text, size, right=True), "active" if node.working else "muted")
            yield Cell(" ")

    def _label(self, row: Row, node: Node, width: int) -> Iterable[Cell]:
        """Guides, expander, status, the planner's name and the goal, in exactly this width."""
        prefix = self._guides(row)
        mark, role = node_mark(node)
        fold = self.glyphs("expanded" if row.expanded else "collapsed") if row.expandable else self.glyphs("leaf")
        nid = clean(node.nid, 20) if node.nid else ""
        cells = [Cell(prefix, "guide"), Cell(f"{fold} ", "muted"), Cell(f"{self.glyphs(mark)} ", role)]
        if node.loop is not None:
            cells.append(Cell(f"{self.glyphs('loop')} ", "failed"))
        if node.node_type == "EXECUTE_NODE" and nid == "0":
            cells.append(Cell("execute ", "muted"))
            nid, goal_role = "", "faint"
        else:
            goal_role = "muted" if node.status == "FINISH" else "strong" if node.working or row.depth == 0 else "text"
        if nid:
            cells.append(Cell(f"{nid} ", "label"))
        tails = []
        if node.errors or node.aborted:
            tails.append(Cell(f" {self.glyphs('error')}{node.errors + node.aborted}", "failed"))
        if row.hidden:
            tails.append(Cell(f" +{fmt.count(row.hidden)}", "muted"))
        if node.working:
            tails.append(Cell(f" {doing(node, self.now, brief=width < BRIEF)}", "active"))
        goal = clean(node.wording or "") or f"(not announced yet) {clean(node.node_id, 40)}"
        yield from clip([*cells, Cell(goal, goal_role)], width, tails, self.glyphs("more"))

    def _guides(self, row: Row) -> str:
        if row.depth == 0:
            return ""
        left_out = row.depth - 1 - len(row.guides)
        deep = f"{left_out}{self.glyphs('more')}" if left_out else ""
        lines = "".join(self.glyphs("guide-on" if on else "guide-off") for on in row.guides)
        return deep + lines + self.glyphs("guide-end" if row.last else "guide-tee")
