"""The visible rows of a growing forest, found without a walk over all nodes.

A widget that draws 50 of 100,000 rows must not visit the other 99,950. So the rows beneath every node are counted
(tally.py), and a row is found by a descent from the root; beneath a wide node, by a Fenwick tree over its children.

Cost, with n the number of nodes, d the depth of a node, f that of children on the path, k that of changed nodes:

    append, move, horizon, expand, collapse  O(kd), at most about one O(n) pass over integers
    load, expand_all, collapse_all           one such pass, some 20 ms for 100,000 nodes
    rows(a, b), index                        O(d log f), and O(1) for each row
    following, descendants                   O(d) for a node at worst, O(1) amortised

The first row looked up beneath a wide node after a recount, or after one of its children was moved away, costs O(f).
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import compress

from tui.models.forest import TOP, Forest
from tui.models.outline_row import MAX_GUIDES, Path, Row, rows_from
from tui.models.tally import Tally


class Outline(Forest):
    """A forest with expanded and collapsed nodes, as a list of `len(outline)` rows.

    New nodes are expanded. A node without children can be collapsed too: after `collapse_all`, a leaf that gets a child
    stays collapsed. -1 stands for the parent of the roots. A change of a node that does not exist raises IndexError.

    Nodes at or beyond the horizon, and their children, are in no result. Their parents, and whether they are expanded, are
    kept until the horizon includes them.
    """

    def __init__(self) -> None:
        super().__init__()
        self._tally = Tally(self)
        self._root = TOP
        self._executes = bytearray()
        """By node: 1 if it is the execution of its parent."""

    # The forest

    def load(self, parents: Sequence[int], executions: Iterable[int] = ()) -> None:
        """Replace all nodes, given the parent of each. All exist, and are expanded except for pairs; there is no focus.

        Raises:
            ValueError: a parent does not exist, or a node would contain itself. The outline is empty then.
        """
        super().__init__()
        self._tally = Tally(self)
        self._root = TOP
        self._executes = bytearray()
        self.append(parents, executions)

    def append(self, parents: Sequence[int], executions: Iterable[int] = ()) -> None:
        """Append nodes, given the parent of each, which can be one of the new nodes. A horizon at the end stays at the end.

        `executions`: the new nodes that are the execution of their parent. See `task`.

        Raises:
            ValueError: a parent does not exist, or a node would contain itself. The outline is unchanged then.
        """
        first, at_end = self.total, self.horizon == self.total
        self._link(parents)
        self._tally.extend(parents)
        self._executes += bytes(len(parents))
        for node in executions:
            self._executes[node] = 1
        if first:
            self._pair_up(range(first, self.total))
        else:
            for task in self._pairs():
                self._tally.expanded[task] = 0
        if at_end:
            self.set_horizon(self.total)

    def move(self, node: int, parent: int) -> None:
        """Move a node, with everything beneath it, to another parent; -1 makes it a root.

        Raises:
            ValueError: the parent is the node itself or beneath it.
        """
        self._check(node)
        before = self.parents[node]
        if parent == before:
            return
        if parent != TOP:
            self._check(parent)
            if parent == node or node in self.ancestors(parent):
                raise ValueError(f"node {node} cannot be in node {parent}: it would contain itself")
        for other in (before, parent):
            self._forget_order(other)
        self._relink(node, parent)
        self._tally.moved(node, before)
        self._pair_up([node])

    def set_horizon(self, horizon: int) -> None:
        """Let the first `horizon` nodes exist. A focus that no longer exists moves to its nearest existing ancestor.

        Raises:
            ValueError: there are fewer nodes.
        """
        if not 0 <= horizon <= self.total:
            raise ValueError(f"the horizon cannot be {horizon}: there are {self.total} nodes")
        before, self._horizon = self._horizon, horizon
        for parent in self.ordered and self.ordered.intersection(self.parents[min(before, horizon) : max(before, horizon)]):
            self._forget_order(parent)
        self._tally.horizon_moved(before)
        while self._root >= horizon:
            self._root = self.parents[self._root]

    # Pairs: a task and its only execution, which has nothing beneath it. They are collapsed until the user expands them.

    def task(self, node: int) -> int:
        """The task that the node executes, if the two are a pair; else the node itself."""
        parent, inside = self.parents[node], self.all_children
        paired = self._executes[node] and parent != TOP and len(inside[parent]) == 1 and not inside[node]
        return parent if paired else node

    def execution(self, node: int) -> int | None:
        """The execution that the row of a collapsed task stands for; None if the row stands for the task alone."""
        inside = self.all_children[node]
        if len(inside) != 1 or inside[0] >= self._horizon or self._tally.expanded[node] or self.task(inside[0]) != node:
            return None
        return inside[0]

    def _pairs(self) -> list[int]:
        """The task of each pair."""
        parents, inside = self.parents, self.all_children
        found = [(parents[node], node) for node in compress(range(self.total), self._executes)]
        return [task for task, node in found if task != TOP and len(inside[task]) == 1 and not inside[node]]

    def _pair_up(self, nodes: Iterable[int]) -> None:
        """Collapse the tasks that became a pair by some new or moved nodes; expand those that no longer are one."""
        parents, inside = self.parents, self.all_children
        for node in nodes:
            parent = parents[node]
            if parent == TOP:
                continue
            if self.task(node) != node:
                self._tally.open(parent, False)
            elif len(inside[parent]) == 2 and any(self._executes[child] for child in inside[parent]):
                self._tally.open(parent, True)
            elif self._executes[parent] and len(inside[parent]) == 1 and parents[parent] != TOP:
                self._tally.open(parents[parent], True)

    def size(self, node: int) -> int:
        """Number of existing nodes in a subtree, its root included; of -1, in the forest."""
        return self._tally.within[node] + (node != TOP)

    # The order of children

    @property
    def ordered(self) -> set[int]:
        """The nodes whose children were ordered, and did not change since."""
        return set(self._ordered)

    def order(self, node: int, children: Sequence[int]) -> None:
        """Order the existing children of a node (-1: the roots) until one is added or removed.

        Raises:
            ValueError: these are not its children.
        """
        if children == self.children(node):
            return
        if sorted(children) != sorted(self.children(node)):
            raise ValueError(f"the children of node {node} are others")
        self._ordered[node] = list(children)
        self._tally.reordered(node)

    def order_by_creation(self) -> None:
        """Order the children of all nodes by their creation."""
        for node in self.ordered:
            self._forget_order(node)

    def _forget_order(self, node: int) -> None:
        if self._ordered.pop(node, None) is not None:
            self._tally.reordered(node)

    # Expanding and collapsing

    def is_expanded(self, node: int) -> bool:
        """Whether a node is expanded, with or without children."""
        self._check(node)
        return self._tally.expanded[node] == 1

    def expand(self, node: int) -> None:
        """Show the children of a node."""
        self._check(node)
        self._tally.open(node, True)

    def collapse(self, node: int) -> None:
        """Hide everything beneath a node."""
        self._check(node)
        self._tally.open(node, False)

    def toggle(self, node: int) -> None:
        """Expand a collapsed node; collapse an expanded node."""
        self._tally.open(node, not self.is_expanded(node))

    def expand_all(self, under: int = TOP) -> None:
        """Expand a node and everything beneath it; -1: all nodes. Pairs are collapsed."""
        self._open_all(under, True)

    def collapse_all(self, under: int = TOP) -> None:
        """Collapse a node and everything beneath it; -1: all nodes."""
        self._open_all(under, False)

    def reveal(self, node: int) -> None:
        """Expand all ancestors of a node. The focus does not change, so a node outside it stays out of view."""
        for ancestor in self.ancestors(node):  # nearest first: each change is propagated only to the next collapsed node
            self._tally.open(ancestor, True)

    # Rows

    @property
    def root(self) -> int | None:
        """The focus: the node whose subtree is in view; None for the whole forest."""
        return None if self._root == TOP else self._root

    def focus(self, node: int | None) -> None:
        """Narrow the rows to one subtree, with its root at depth 0; None or -1: the whole forest.

        Raises:
            IndexError: the node does not exist.
        """
        if node is not None and node != TOP and node not in self:
            raise IndexError(f"no node {node} among {self.horizon}")
        self._root = TOP if node is None else node

    def following(self, node: int | None, step: int = 1) -> Iterator[int]:
        """The nodes in focus, including hidden ones, in the order of the tree after a node (`step` -1: before it).

        Wraps around and ends with the node itself. With None or a node out of focus, begins at the first node. The forest
        must not change meanwhile.
        """
        if node is not None and node != TOP and self.contains(self._root, node):
            yield from self.after(node, self._root, step)
        for other in self.subtree(self._root, step):
            yield other
            if other == node:
                return

    def __len__(self) -> int:
        return self._tally.below[TOP] if self._root == TOP else self._tally.rows(self._root)

    def row(self, index: int, max_guides: int = MAX_GUIDES) -> Row:
        """One row.

        Raises:
            IndexError: the row does not exist.
        """
        if not 0 <= index < len(self):
            raise IndexError(f"no row {index} among {len(self)}")
        return self.rows(index, index + 1, max_guides)[0]

    def rows(self, start: int, stop: int, max_guides: int = MAX_GUIDES) -> list[Row]:
        """The rows from `start` up to `stop`, as far as they exist."""
        start, stop = max(start, 0), min(stop, len(self))
        if start >= stop:
            return []
        return rows_from(self._path(start), stop - start, self, self._tally, self.execution, max_guides)

    def index(self, node: int) -> int | None:
        """The row of a node; None if an ancestor is collapsed, or the node is out of focus or does not exist."""
        horizon, parents, expanded, rows_before = self._horizon, self.parents, self._tally.expanded, self._tally.rows_before
        row = 0
        while node != self._root:
            if not 0 <= node < horizon or not expanded[parent := parents[node]]:
                return None
            row += rows_before(node) + (parent != TOP)
            node = parent
        return row

    def _open_all(self, under: int, expanded: bool) -> None:
        if under != TOP:
            self._check(under)
        self._tally.open_all(under, expanded, self._pairs() if expanded else ())

    def _path(self, row: int) -> Path:
        node, path, child_at = self._root, Path(), self._tally.child_at
        if node != TOP:
            path.append(([node], 0))
            row -= 1
        while row >= 0:
            place, row = child_at(node, row)
            siblings = self.siblings(node)
            path.append((siblings, place))
            node = siblings[place]
            row -= 1
        return path
