"""The visible rows of a growing forest, found without walking it.

A tree widget that draws rows [a, b) of 100,000 must not touch the other 99,950. So for every node the rows beneath it are
counted (tally.py), and a row is found by going down from the root; under a wide node a Fenwick tree over the children
finds the one that holds it.

With n the nodes there are, d the depth of a node, f the fan-out along the way, and k the nodes that a change is about:

    append, move, horizon, expand, collapse  O(kd), but never more than about one O(n) pass over integers
    load, expand_all, collapse_all           one such pass, some 20 ms for 100,000 nodes
    rows(a, b), index                        O(d log f), and O(1) for each row
    following, descendants                   O(d) at worst for a node, O(1) on the whole

A wide node pays O(f) once when it is asked about after all was counted again, or after one of its children has left.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from tui.models.forest import TOP, Forest
from tui.models.tally import Tally

MAX_GUIDES = 32
"""Levels of guides a row carries unless told otherwise: more than fit beside any text."""


class Row(NamedTuple):
    """What is needed to draw one row."""

    node: int
    depth: int
    """Levels beneath the roots in view, which are at 0."""
    guides: tuple[bool, ...]
    """For the ancestors at depth 1 and below, outermost first: does a line pass here on its way to their next sibling?

    Only the nearest `max_guides` of them: where `depth - 1 - len(guides)` is positive, so many levels are left out.
    """
    last: bool
    """No sibling follows: `└` rather than `├`. Said of the roots too, which usually have neither."""
    expandable: bool
    """The node has children."""
    expanded: bool
    """The node has children and they are shown."""
    hidden: int
    """Nodes hidden beneath a collapsed node."""


_Path = list[tuple[Sequence[int], int]]
"""The way down to a row: at each depth the siblings, those beyond the horizon included, and the place among them."""


class Outline(Forest):
    """A forest whose nodes are expanded or collapsed, seen as a list of rows: `len(outline)` of them.

    A new node is expanded. Nodes without children can be collapsed too: after `collapse_all`, a leaf that gets its first
    child stays closed. Where a node is asked for, -1 may stand for what is around the roots. Changing a node that there is
    not raises IndexError.

    Nodes at or beyond the horizon do not exist: no answer tells of them. What they are in and whether they are expanded
    is kept for when they do. A child of a node that does not exist yet is nowhere to be seen either.
    """

    def __init__(self) -> None:
        super().__init__()
        self._tally = Tally(self)
        self._root = TOP

    # The forest

    def load(self, parents: Sequence[int]) -> None:
        """Begin anew with these nodes, given the parent of each: all expanded, all before the horizon, no focus.

        Raises:
            ValueError: a parent is no node, or a node would contain itself. The outline is empty then.
        """
        super().__init__()
        self._tally = Tally(self)
        self._root = TOP
        self.append(parents)

    def append(self, parents: Sequence[int]) -> None:
        """Add nodes, given the parent of each, which may be a later one of them. A horizon at the end moves along.

        Raises:
            ValueError: a parent is no node, or a node would contain itself. Nothing has changed then.
        """
        at_end = self.horizon == self.total
        self._link(parents)
        self._tally.extend(parents)
        if at_end:
            self.set_horizon(self.total)

    def move(self, node: int, parent: int) -> None:
        """Put a node, with all that is in it, into another one, or among the roots.

        Raises:
            ValueError: the parent is the node itself or lies in it.
        """
        self._check(node)
        before = self.parents[node]
        if parent == before:
            return
        if parent != TOP:
            self._check(parent)
            if parent == node or node in self.ancestors(parent):
                raise ValueError(f"node {node} cannot be in node {parent}: it would contain itself")
        self._relink(node, parent)
        self._tally.moved(node, before)

    def set_horizon(self, horizon: int) -> None:
        """Let exactly the nodes numbered below this exist. A focus beyond it moves to the nearest ancestor that exists.

        Raises:
            ValueError: there are not so many nodes.
        """
        if not 0 <= horizon <= self.total:
            raise ValueError(f"the horizon cannot be {horizon}: there are {self.total} nodes")
        before, self._horizon = self._horizon, horizon
        self._tally.horizon_moved(before)
        while self._root >= horizon:
            self._root = self.parents[self._root]

    def size(self, node: int) -> int:
        """The number of nodes in a subtree, its root included; under -1, of all that can be seen."""
        return self._tally.within[node] + (node != TOP)

    # What is open

    def is_expanded(self, node: int) -> bool:
        """Whether the children of a node, should it have any, are shown beneath it."""
        self._check(node)
        return self._tally.expanded[node] == 1

    def expand(self, node: int) -> None:
        """Show the children of a node."""
        self._check(node)
        self._tally.open(node, True)

    def collapse(self, node: int) -> None:
        """Hide all that is beneath a node."""
        self._check(node)
        self._tally.open(node, False)

    def toggle(self, node: int) -> None:
        """Expand a collapsed node, collapse an expanded one."""
        self._tally.open(node, not self.is_expanded(node))

    def expand_all(self, under: int = TOP) -> None:
        """Expand a node and all beneath it; under -1, every node."""
        self._open_all(under, True)

    def collapse_all(self, under: int = TOP) -> None:
        """Collapse a node and all beneath it; under -1, every node."""
        self._open_all(under, False)

    def reveal(self, node: int) -> None:
        """Expand all ancestors of a node. The focus stays, so a node outside it stays out of view."""
        for ancestor in self.ancestors(node):  # nearest first: each change is carried to the next collapsed one only
            self._tally.open(ancestor, True)

    # What is in view

    @property
    def root(self) -> int | None:
        """The node whose subtree is in view, None when the whole forest is."""
        return None if self._root == TOP else self._root

    def focus(self, node: int | None) -> None:
        """Let the rows be those of one subtree, its root at depth 0; None, or -1, shows the whole forest.

        Raises:
            IndexError: the node does not exist.
        """
        if node is not None and node != TOP and node not in self:
            raise IndexError(f"no node {node} among {self.horizon}")
        self._root = TOP if node is None else node

    def following(self, node: int | None, step: int = 1) -> Iterator[int]:
        """The nodes in focus, hidden or not, in the order of the tree from a node on (`step` -1: backwards).

        Goes round at the end and ends with the node itself; begins at the beginning when it is None or out of focus. The
        forest must not change meanwhile.
        """
        if node is not None and node != TOP and self.leads_to(self._root, node):
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
            IndexError: there is no such row.
        """
        if not 0 <= index < len(self):
            raise IndexError(f"no row {index} among {len(self)}")
        return self.rows(index, index + 1, max_guides)[0]

    def rows(self, start: int, stop: int, max_guides: int = MAX_GUIDES) -> list[Row]:
        """The rows from `start` up to `stop`, as many of them as there are."""
        start, stop = max(start, 0), min(stop, len(self))
        return self._walk(self._path(start), stop - start, max_guides) if start < stop else []

    def index(self, node: int) -> int | None:
        """The row of a node, None when an ancestor is collapsed, or the node is outside the focus or does not exist."""
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
        self._tally.open_all(under, expanded)

    def _path(self, row: int) -> _Path:
        node, path, child_at = self._root, _Path(), self._tally.child_at
        if node != TOP:
            path.append(([node], 0))
            row -= 1
        while row >= 0:
            place, row = child_at(node, row)
            siblings = self.kids[node]
            path.append((siblings, place))
            node = siblings[place]
            row -= 1
        return path

    def _walk(self, path: _Path, wanted: int, max_guides: int) -> list[Row]:
        """The rows from the one that the path leads to, in order; `wanted` must not exceed what there is."""
        horizon, kids, within, expanded = self._horizon, self.kids, self._tally.within, self._tally.expanded
        lines = [place + 1 < len(siblings) and siblings[place + 1] < horizon for siblings, place in path]
        rows: list[Row] = []
        while True:
            siblings, place = path[-1]
            node, depth = siblings[place], len(path) - 1
            inner, opened = within[node], expanded[node]
            shown = inner > 0 and opened > 0
            guides = tuple(lines[max(1, depth - max_guides) : depth])
            rows.append(Row(node, depth, guides, not lines[-1], inner > 0, shown, 0 if opened else inner))
            if len(rows) == wanted:
                return rows
            if shown:
                path.append((kids[node], 0))
            else:
                while not lines[-1]:
                    path.pop()
                    lines.pop()
                siblings, place = path[-1]
                path[-1] = (siblings, place + 1)
                lines.pop()
            siblings, place = path[-1]
            lines.append(place + 1 < len(siblings) and siblings[place + 1] < horizon)
