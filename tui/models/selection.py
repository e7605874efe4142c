"""The tree of a run with its selected node. Pure."""

from collections.abc import Iterator, Sequence

from tui.models.forest import TOP
from tui.models.node_order import PLAN
from tui.models.outline import Outline


class Selection:
    """The outline of one run and its selected node. Nodes are numbered in the order of their creation.

    The pane that draws the tree shares this object with the session: a key that moves the cursor changes the selection
    at once, so that the next key acts on it. A copy of the outline for each frame would cost a pass over all nodes.
    """

    def __init__(self) -> None:
        self.outline = Outline()
        self.selected: int | None = None
        """Number of the selected node; None in a run without nodes."""
        self.own = False
        """Whether tokens and cost are those of each task alone, without everything beneath it."""
        self.sort = PLAN
        """The order of children: a key of `node_order.SORTS`."""

    @property
    def root(self) -> int | None:
        """Root of the subtree that the view is narrowed to; None for the whole tree."""
        return self.outline.root

    @property
    def horizon(self) -> int:
        """Number of nodes that exist at the position. They have the lowest numbers."""
        return self.outline.horizon

    @property
    def row(self) -> int | None:
        """Row of the selected node, or of the collapsed node that hides it."""
        if self.selected is None:
            return None
        index = self.outline.index(self.selected)
        above = self.outline.ancestors(self.selected)
        while index is None and (ancestor := next(above, None)) is not None:
            index = self.outline.index(ancestor)
        return index

    # The shape of the tree

    def load(self, parents: Sequence[int], executions: Sequence[int] = ()) -> None:
        """Replace the tree, given the number of each node's parent, -1 for none. The first node is selected.

        `executions`: the nodes that are the execution of their parent.
        """
        self.outline = Outline()
        self.outline.load(parents, executions)
        self.selected = 0 if parents else None

    def place(
        self,
        parents: Sequence[int],
        moves: Sequence[tuple[int, int]],
        horizon: int,
        executions: Sequence[int] = (),
    ) -> None:
        """Append nodes, then move nodes to other parents, then let `horizon` nodes exist.

        `executions`: the appended nodes that are the execution of their parent.

        If the selected node no longer exists, its nearest existing ancestor is selected.
        """
        outline = self.outline
        if parents:
            outline.append(parents, executions)
        if horizon > outline.horizon:
            outline.set_horizon(horizon)
        for node, parent in moves:
            outline.move(node, parent)
        if horizon < outline.horizon:
            outline.set_horizon(horizon)
        if self.selected is not None and self.selected >= horizon:
            self.selected = next((node for node in outline.ancestors(self.selected) if node < horizon), None)
        if self.selected is None and horizon:
            self.selected = 0

    # Order

    def sort_by(self, sort: str) -> None:
        """Change the order of children. Those on the screen are put in order by `Session.arrange`."""
        self.sort = sort
        self.outline.order_by_creation()

    def parents_in(self, rows: range) -> set[int]:
        """The nodes on the order of whose children some rows depend, and the row of the selected node; -1: the roots."""
        found = [row.node for row in self.outline.rows(rows.start, rows.stop, 0)]
        parents = {self.outline.parents[node] for node in found}
        for node in (*found[:1], *([] if self.selected is None else [self.selected])):
            parents.update(self.outline.ancestors(node))
        return parents | {TOP}

    def following(self, step: int) -> Iterator[int]:
        """The nodes after the selected one in the order of the tree (`step` -1: before it), wrapping around at the end."""
        return self.outline.following(self.selected, step)

    def in_order(self) -> Iterator[int]:
        """Nodes in view in the order of the tree, those beneath collapsed nodes included."""
        return self.outline.following(None)

    def shown_as(self, node: int) -> int:
        """The node whose row stands for a node: the task for its execution, unless the user expanded the task."""
        task = self.outline.task(node)
        return node if task == node or self.outline.is_expanded(task) else task

    @property
    def execution(self) -> int | None:
        """The execution that the row of the selected node stands for too."""
        return None if self.selected is None else self.outline.execution(self.selected)

    def at_depth(self, depth: int) -> list[int]:
        """Nodes in view with exactly this number of nodes above them."""
        depths, parents = {TOP: -1}, self.outline.parents
        for node in self.in_order():
            parent = parents[node]
            depths[node] = depths[parent] + 1 if parent in depths else sum(1 for _ in self.ancestors(node))
        return [node for node, found in depths.items() if found == depth]

    def beneath(self, node: int) -> list[int]:
        """A node and everything beneath it, nodes beyond the horizon included."""
        found, inside = [node], self.outline.all_children
        for one in found:  # grows during the loop
            found += inside[one]
        return found

    def ancestors(self, node: int) -> Iterator[int]:
        """The ancestors of a node, nearest first."""
        return self.outline.ancestors(node)

    # Moving the selection. Each method returns whether another node is selected by a move through the tree.

    def select_row(self, row: int) -> None:
        """Select the node of a row."""
        self.selected = self.outline.row(row).node

    def select(self, node: int | None) -> bool:
        """Select a node, or the row that stands for it, if it exists.

        Ancestors are expanded, and a view that does not contain it is widened.
        """
        if node is None or not 0 <= node < self.outline.horizon:
            return False
        node = self.shown_as(node)
        self.outline.reveal(node)
        if self.outline.index(node) is None:
            self.outline.focus(None)
        self.selected = node
        return True

    def select_parent(self) -> bool:
        """Select the parent, unless it is out of view."""
        if self.selected is None or self.selected == self.root:
            return False
        return self.select(self.outline.parent(self.selected))

    def select_root(self) -> bool:
        """Select the root of the selected node's tree, or the root of a narrowed view."""
        if self.selected is None:
            return False
        top = self.selected
        for ancestor in self.outline.ancestors(self.selected):
            top = ancestor
        return self.select(top if self.root is None else self.root)

    def select_sibling(self, step: int) -> bool:
        """Select the next sibling, or the previous one (`step` -1)."""
        if self.selected is None or self.selected == self.root:
            return False
        near = self.outline.next_sibling if step > 0 else self.outline.previous_sibling
        return self.select(near(self.selected))

    def enter(self) -> bool:
        """Expand the selected node; if it is expanded, select its first child."""
        if self.selected is None:
            return False
        children = self.outline.children(self.selected)
        if children and self.outline.is_expanded(self.selected):
            return self.select(children[0])
        self.outline.expand(self.selected)
        self._select_visible()
        return False

    def leave(self) -> bool:
        """Collapse the selected node; if nothing beneath it is shown, select its parent."""
        if self.selected is None:
            return False
        if not (self.outline.is_expanded(self.selected) and self.outline.children(self.selected)):
            return self.select_parent()
        self.outline.collapse(self.selected)
        self._select_visible()
        return False

    # Expanding and collapsing. Where the selected node becomes hidden, the node that hides it is selected.

    def toggle(self) -> None:
        """Expand the selected node, or collapse it."""
        if self.selected is not None:
            self.outline.toggle(self.selected)
            self._select_visible()

    def collapse_all(self) -> None:
        """Collapse all nodes in view; the root of a narrowed view stays expanded."""
        self.outline.collapse_all(-1 if self.root is None else self.root)
        if self.root is not None:
            self.outline.expand(self.root)
        self._select_visible()

    def expand_all(self) -> None:
        """Expand all nodes in view."""
        self.outline.expand_all(-1 if self.root is None else self.root)
        self._select_visible()

    def expand_beneath(self) -> None:
        """Expand the selected node and everything beneath it."""
        if self.selected is not None:
            self.outline.expand_all(self.selected)
            self._select_visible()

    def narrow(self) -> None:
        """Narrow the view to the subtree of the selected node."""
        self.outline.focus(self.selected)
        self._select_visible()

    def widen(self) -> None:
        """Widen a narrowed view by one level."""
        if self.root is not None:
            parent = self.outline.parent(self.root)
            self.outline.focus(None if parent < 0 else parent)
            self._select_visible()

    def _select_visible(self) -> None:
        self.selected = self.outline.row(self.row or 0).node if len(self.outline) else None
