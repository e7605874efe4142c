"""The tree of a run: every node inside the node whose plan created it, with what it is doing right now."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import ClassVar, NamedTuple

from textual.binding import Binding, BindingType
from textual.message import Message

from store.record import Stored
from store.state import Node
from tui import format as fmt
from tui.models.columns import Cell, Column, clip, fit, pad
from tui.models.outline import Outline, Row
from tui.models.summary import doing, own_time
from tui.text import clean
from tui.theme import Glyphs, event_name, node_mark, task_name
from tui.widgets.rows import Rows

COLUMNS = (
    Column("node", "NODE", 0),
    Column("task", "TASK", 6, needs=58),
    Column("time", "OWN", 7, right=True, needs=34),
)

BRIEF = 56
"""Cells of a row's width below which what a node does is told in one word."""

GUIDES = 0.25
"""The part of a row's width that guides may take; deeper levels are counted instead of drawn."""

CRUMBS = 4
"""Nodes around the selected one that are named where guides do not lead back to the root."""


class Lit(NamedTuple):
    """The node that the event at the position looked at is about, to be shown so."""

    node: int
    event: Stored


class NodeTree(Rows):
    """The nodes of one run, by number. It holds the shape of the tree, and of its nodes those that are on the screen.

    `load` and `place` take the shape, and never move the reader; `supply` takes the nodes that are `wanted`.
    """

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
        Binding("C", "focus_here", "Focus", id="tree.focus", show=False, tooltip="Show only this node and what is in it"),
        Binding("u", "focus_up", "Widen", id="tree.unfocus", show=False, tooltip="Show one level more around the focus"),
    ]

    class Needed(Message):
        """Nodes are on the screen that are not here: `wanted` says which."""

    def __init__(self, glyphs: Glyphs, *, id: str | None = None) -> None:
        super().__init__(glyphs, id=id)
        self._outline = Outline()
        self._held: dict[int, Node] = {}
        """Those that are on the screen or near it, by number."""
        self._asked = False
        self._selected: int | None = None
        self._lit: Lit | None = None
        self.now = 0.0
        """The moment for which durations of what is going on are shown."""

    @property
    def count(self) -> int:
        return len(self._outline)

    @property
    def selected(self) -> int | None:
        """Number of the node under the cursor."""
        return self._selected

    @property
    def selected_node(self) -> Node | None:
        """The node under the cursor, None where it is not here yet."""
        return None if self._selected is None else self._held.get(self._selected)

    @property
    def horizon(self) -> int:
        """How many nodes exist: the first of those that were given."""
        return self._outline.horizon

    @property
    def root(self) -> int | None:
        """The node whose subtree is all that is shown, None when the whole forest is."""
        return self._outline.root

    # The run

    def load(self, parents: Sequence[int]) -> None:
        """Another run, by the number of the node around each node, or the same run, numbered anew."""
        self._outline = Outline()
        self._outline.load(parents)
        self._held = {}
        self._selected = 0 if parents else None
        self._settle(0)
        self.changed()

    def place(self, parents: Sequence[int], moves: Sequence[tuple[int, int]], horizon: int) -> None:
        """There are further nodes, some moved, and so many exist. What stands on the screen stays where it is."""
        at = self.cursor - self.scroll_offset.y
        outline = self._outline
        if parents:
            outline.append(parents)
        if horizon > outline.horizon:
            outline.set_horizon(horizon)
        for node, parent in moves:
            outline.move(node, parent)
        if horizon < outline.horizon:
            outline.set_horizon(horizon)
        if self._selected is not None and self._selected >= horizon:
            self._selected = next((node for node in outline.ancestors(self._selected) if node < horizon), None)
        if self._selected is None and horizon:
            self._selected = 0
        self._settle(at)

    def wanted(self) -> list[int]:
        """Which nodes are to be read: those on the screen, some around them, and the one under the cursor."""
        height = max(self.scrollable_content_region.height, 1)
        top = self.scroll_offset.y
        rows = self._outline.rows(top - height // 2, top + height + height // 2, 0)
        found = {row.node for row in rows}
        if self._selected is not None:
            found.add(self._selected)
            found.update(islice(self._outline.ancestors(self._selected), CRUMBS))
        return sorted(found)

    def supply(self, nodes: Mapping[int, Node], now: float, lit: Lit | None = None) -> None:
        """What the wanted nodes are now; `lit` is the one to be shown so."""
        self._held = dict(nodes)
        self._lit, self.now, self._asked = lit, now, False
        self.changed()

    def _need(self) -> None:
        if not self._asked:
            self._asked = True
            self.post_message(self.Needed())

    def _settle(self, at: int) -> None:
        """Rows moved: put the cursor back on its node, `at` lines below the top of the screen."""
        index = self._visible(self._selected)
        self.set_reactive(Rows.cursor, index or 0)
        self.fit()
        if index is not None and index - at != self.scroll_offset.y and self.is_mounted:
            self.scroll_to_row(index - at)

    def _visible(self, node: int | None) -> int | None:
        """The row of a node, or of the collapsed node that hides it."""
        if node is None:
            return None
        index = self._outline.index(node)
        above = self._outline.ancestors(node)
        while index is None and (ancestor := next(above, None)) is not None:
            index = self._outline.index(ancestor)
        return index

    # Moving

    def watch_cursor(self, old: int, new: int) -> None:
        if self.count:
            self._selected = self._outline.row(new).node
        super().watch_cursor(old, new)

    def select(self, node: int, by_user: bool = True) -> None:
        """Move to a node, expanding what hides it, widening the focus if it is outside."""
        if node >= self._outline.horizon:
            return
        rows = self.count
        self._outline.reveal(node)
        if self._outline.index(node) is None:
            self._outline.focus(None)
        self._selected = node
        self.fit()
        if self.count != rows:
            self.changed()
        index = self._outline.index(node)
        assert index is not None
        if by_user:
            self.go(index)
        else:
            self.cursor = index

    def _select_if(self, node: int | None) -> None:
        if node is not None and node >= 0:
            self.select(node)

    def following(self, step: int) -> Iterator[int]:
        """The nodes after the one under the cursor in the order of the tree, or before it, going round at the end."""
        return self._outline.following(self._selected, step)

    def in_order(self) -> Iterator[int]:
        """The nodes in view, hidden by collapsed ones or not, in the order of the tree."""
        return self._outline.following(None)

    def beneath(self, node: int) -> list[int]:
        """A node, and all that is or will be beneath it, as far as is known."""
        found, inside = [node], self._outline.kids
        for one in found:  # grows as it goes
            found += inside[one]
        return found

    def around(self, node: int) -> Iterator[int]:
        """The nodes around a node, nearest first."""
        return self._outline.ancestors(node)

    def _fold(self, at: int | None = None) -> None:
        self._settle(self.cursor - self.scroll_offset.y if at is None else at)
        self._selected = self._outline.row(self.cursor).node if self.count else None
        self._show(self.cursor)
        self.changed()
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
        self._outline.collapse_all(-1 if self._outline.root is None else self._outline.root)
        if self._outline.root is not None:
            self._outline.expand(self._outline.root)
        self._fold()

    def action_expand_all(self) -> None:
        self._outline.expand_all(-1 if self._outline.root is None else self._outline.root)
        self._fold()

    def action_expand_under(self) -> None:
        if self._selected is not None:
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
            self.select(top if self._outline.root is None else self._outline.root)

    def action_sibling(self, step: int) -> None:
        if self._selected is not None and self._selected != self._outline.root:
            near = self._outline.next_sibling if step > 0 else self._outline.previous_sibling
            self._select_if(near(self._selected))

    def action_focus_here(self) -> None:
        self._outline.focus(self._selected)
        self._fold(0)

    def action_focus_up(self) -> None:
        if self._outline.root is not None:
            outer = self._outline.parent(self._outline.root)
            self._outline.focus(None if outer < 0 else outer)
            self._fold()

    @property
    def crumbs(self) -> str:
        """Where the selected node is, in words; empty where its guides lead to the top."""
        if self._selected is None:
            return ""
        above = list(self._outline.ancestors(self._selected))
        if len(above) <= self._guides_at_most(self.size.width):
            return ""
        nearest = [self._held.get(node) for node in reversed(above[:CRUMBS])]
        names = [clean(node.nid or node.wording or "", 12) or "?" for node in nearest if node is not None]
        return f", at level {len(above)} in {self.glyphs('more')} {' / '.join(names)}"

    @property
    def narrowed(self) -> str:
        """To what the view is narrowed, in words; empty when all is shown."""
        root = self._outline.root
        if root is None:
            return ""
        node = self._held.get(root)
        return f", narrowed to {clean(node.nid or 'root', 20) if node is not None else 'a subtree'} (u widens)"

    # Drawing

    def empty(self) -> str:
        return "no node was heard of yet"

    def row(self, index: int, width: int) -> Iterable[Cell]:
        row = self._outline.row(index, self._guides_at_most(width))
        node = self._held.get(row.node)
        if node is None:
            self._need()
            yield Cell(pad(f"{self._guides(row)}{self.glyphs('leaf')} {self.glyphs('more')}", width), "guide")
            return
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

    def _guides_at_most(self, width: int) -> int:
        return max(int(width * GUIDES) // 2, 2)

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
        if self._lit is not None and self._lit.node == row.node:
            tails += [Cell(" "), Cell(f" {self._news(self._lit.event)} ", "lit")]
        elif node.working:
            tails.append(Cell(f" {doing(node, self.now, brief=width < BRIEF)}", "active"))
        goal = clean(node.wording or "") or f"(not announced yet) {clean(node.node_id, 40)}"
        yield from clip([*cells, Cell(goal, goal_role)], width, tails, self.glyphs("more"))

    def _news(self, stored: Stored) -> str:
        """What just happened to a node."""
        if stored.status is None:
            return event_name(stored.event.type)[0]
        old = clean(stored.old_status or "unknown", 20)
        return f"{old} {self.glyphs('arrow')} {clean(stored.status, 20)}"

    def _guides(self, row: Row) -> str:
        if row.depth == 0:
            return ""
        left_out = row.depth - 1 - len(row.guides)
        deep = f"{left_out}{self.glyphs('more')}" if left_out else ""
        lines = "".join(self.glyphs("guide-on" if on else "guide-off") for on in row.guides)
        return deep + lines + self.glyphs("guide-end" if row.last else "guide-tee")
