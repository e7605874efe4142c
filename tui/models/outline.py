"""The visible rows of a growing forest, found without walking it.

A tree widget that draws rows [a, b) of 100,000 must not touch the other 99,950. So every node knows how many rows its
children take (branch.py), and a row is found by going down from the root; under a wide node a Fenwick tree over the
children finds the one that holds it.

With d the depth of a node, f the fan-out along the way, and c the nodes marked since the last question about rows:

    put as last sibling, expand, collapse   O(d) at worst, O(1) beneath nodes already marked
    put between siblings, remove            the same, and O(f) once at the next question about that parent
    the first question after changes        O(c log f), at most O(1) a node
    rows(a, b), index                       O(d log f), and O(1) for each row
    expand_all, collapse_all, descendants   one pass over the subtree

Nothing here recurses: a chain of 10,000 nodes and a fan of 50,000 are ordinary trees.
"""

from collections.abc import Iterator, Sequence
from itertools import count
from typing import NamedTuple

from tui.models.branch import Branch

MAX_GUIDES = 32
"""Levels of guides a row carries unless told otherwise: more than fit beside any text."""


class Row(NamedTuple):
    """What is needed to draw one row."""

    key: str
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


_Path = list[tuple[Sequence[Branch], int]]
"""The way down to a row: at each depth the siblings, and the place among them."""


class Outline:
    """A forest of keys, each expanded or collapsed, seen as a list of rows.

    `len(outline)` is the number of visible rows. Roots are the children of None. A new node is expanded unless the
    outline was made with `expanded=False`. Nodes without children remember it too: after `collapse_all`, a leaf that
    gets its first child stays closed. A key that is not in the outline raises KeyError.
    """

    def __init__(self, expanded: bool = True) -> None:
        self._expanded = expanded
        self._top = Branch("", expanded=True)  # the parent of the roots; it takes no row
        self._root = self._top
        self._branches: dict[str, Branch] = {}
        self._ticks = count()

    # The forest

    def put(self, key: str, parent: str | None, order: int) -> None:
        """Insert a node, or move one with all that is beneath it.

        Siblings are sorted by `order`, equals by the time they were put there.

        Raises:
            ValueError: the parent is the node itself or lies beneath it.
        """
        above = self._find(parent)
        branch = self._branches.get(key)
        if branch is None:
            branch = self._branches[key] = Branch(key, self._expanded)
        elif branch.parent is above:
            if branch.order == order:
                return
            above.detach(branch)
        else:
            _refuse_cycle(branch, above)
            _parent(branch).detach(branch)
        above.attach(branch, order, next(self._ticks))

    def remove(self, key: str) -> None:
        """Remove a node and all that is beneath it. A focus on one of them moves to the parent of the node."""
        branch = self._branches[key]
        above = _parent(branch)
        above.detach(branch)
        for gone in branch.subtree():
            del self._branches[gone.key]
            gone.parent = None  # no reference cycle is left to the garbage collector
            if gone is self._root:
                self._root = above

    def __contains__(self, key: object) -> bool:
        return key in self._branches

    def parent(self, key: str) -> str | None:
        """The parent of a node, None for a root."""
        return self._name(_parent(self._branches[key]))

    def children(self, key: str | None) -> list[str]:
        """The children of a node in order; those of None are the roots."""
        return [child.key for child in self._find(key).children]

    def next_sibling(self, key: str) -> str | None:
        """The sibling after a node, or None."""
        return self._sibling(key, 1)

    def previous_sibling(self, key: str) -> str | None:
        """The sibling before a node, or None."""
        return self._sibling(key, -1)

    def ancestors(self, key: str) -> Iterator[str]:
        """The nodes above a node, nearest first."""
        branch = _parent(self._branches[key])
        while branch is not self._top:
            yield branch.key
            branch = _parent(branch)

    def descendants(self, key: str | None) -> Iterator[str]:
        """The nodes beneath a node (None: all), each before its children. The forest must not change meanwhile."""
        waiting = list(reversed(self._find(key).children))
        while waiting:
            branch = waiting.pop()
            yield branch.key
            waiting.extend(reversed(branch.children))

    def size(self, key: str) -> int:
        """The number of nodes in a subtree, its root included."""
        self._top.settle()
        return self._branches[key].size

    # What is open

    def is_expanded(self, key: str) -> bool:
        """Whether the children of a node, should it have any, are shown beneath it."""
        return self._branches[key].expanded

    def expand(self, key: str) -> None:
        """Show the children of a node."""
        self._branches[key].open(True)

    def collapse(self, key: str) -> None:
        """Hide all that is beneath a node."""
        self._branches[key].open(False)

    def toggle(self, key: str) -> None:
        """Expand a collapsed node, collapse an expanded one."""
        branch = self._branches[key]
        branch.open(not branch.expanded)

    def expand_all(self, under: str | None = None) -> None:
        """Expand a node and all beneath it; under None, every node."""
        self._open_all(under, True)

    def collapse_all(self, under: str | None = None) -> None:
        """Collapse a node and all beneath it; under None, every node."""
        self._open_all(under, False)

    def reveal(self, key: str) -> None:
        """Expand all ancestors of a node. The focus stays, so a node outside it stays out of view."""
        for above in self.ancestors(key):
            self.expand(above)

    # What is in view

    @property
    def root(self) -> str | None:
        """The node whose subtree is in view, None when the whole forest is."""
        return self._name(self._root)

    def focus(self, key: str | None) -> None:
        """Let the rows be those of one subtree, its root at depth 0; None shows the whole forest."""
        self._root = self._find(key)

    def __len__(self) -> int:
        self._top.settle()
        return self._root.below if self._root is self._top else self._root.rows

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
        return _walk(self._path(start), stop - start, max_guides) if start < stop else []

    def index(self, key: str) -> int | None:
        """The row of a node, None when an ancestor is collapsed or the node lies outside the focus."""
        self._top.settle()
        branch = self._branches[key]
        row = 0
        while branch is not self._root:
            above = branch.parent
            if above is None or not above.expanded:
                return None
            row += above.rows_before(branch) + (above is not self._top)
            branch = above
        return row

    def _path(self, row: int) -> _Path:
        branch, path = self._root, _Path()
        if branch is not self._top:
            path.append(([branch], 0))
            row -= 1
        while row >= 0:
            place, row = branch.child_at(row)
            path.append((branch.children, place))
            branch = branch.children[place]
            row -= 1
        return path

    def _open_all(self, under: str | None, expanded: bool) -> None:
        self._top.settle()
        self._find(under).open_all(expanded)
        self._top.expanded = True

    def _find(self, key: str | None) -> Branch:
        return self._top if key is None else self._branches[key]

    def _name(self, branch: Branch) -> str | None:
        return None if branch is self._top else branch.key

    def _sibling(self, key: str, step: int) -> str | None:
        branch = self._branches[key]
        siblings = _parent(branch).children
        place = _parent(branch).place(branch) + step
        return siblings[place].key if 0 <= place < len(siblings) else None


def _parent(branch: Branch) -> Branch:
    assert branch.parent is not None, "only the top has no parent, and it has no key"
    return branch.parent


def _refuse_cycle(branch: Branch, above: Branch) -> None:
    ancestor: Branch | None = above
    while ancestor is not None:
        if ancestor is branch:
            raise ValueError(f"cannot put {branch.key!r} beneath {above.key!r}: it would contain itself")
        ancestor = ancestor.parent


def _walk(path: _Path, wanted: int, max_guides: int) -> list[Row]:
    """The rows from the one that the path leads to, in order; `wanted` must not exceed what there is."""
    lines = [place + 1 < len(siblings) for siblings, place in path]
    rows: list[Row] = []
    while True:
        siblings, place = path[-1]
        branch, depth = siblings[place], len(path) - 1
        shown = branch.expanded and len(branch.children) > 0
        guides = tuple(lines[max(1, depth - max_guides) : depth])
        hidden = 0 if branch.expanded else branch.within
        rows.append(Row(branch.key, depth, guides, not lines[-1], len(branch.children) > 0, shown, hidden))
        if len(rows) == wanted:
            return rows
        if shown:
            path.append((branch.children, 0))
        else:
            while not lines[-1]:
                path.pop()
                lines.pop()
            siblings, place = path[-1]
            path[-1] = (siblings, place + 1)
            lines.pop()
        siblings, place = path[-1]
        lines.append(place + 1 < len(siblings))
