"""A node of a tree that knows how many rows its subtree takes on the screen.

Changes are not carried up to the root at once. A change marks the branches above it as stale, up to the first that
already is; `settle` at the top then counts all of them in one pass, children before parents. So a thousand changes
between two questions cost little more than one, and filling a tree costs O(1) a node.

What a parent knows of its children (`below`, `within`, `sums`) always agrees with what they hold in `rows` and `size`;
being stale means that `rows` and `size` themselves wait to be counted again.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from operator import attrgetter

from tui.models.fenwick import Fenwick

WIDE = 64
"""Children beyond which rows are found by a Fenwick tree; up to here a plain scan is as fast and takes no memory."""

MANY = 16
"""When more than one child in this many is stale, making the Fenwick tree anew is cheaper than correcting it."""

_order = attrgetter("order")
_rank = attrgetter("order", "tick")


class Branch:
    """A node, its children in order, and the counts of its subtree. Nothing here recurses."""

    __slots__ = (
        "below",  # the sum of `rows` over the children
        "children",  # sorted by order, equals by tick
        "expanded",
        "key",
        "order",
        "parent",
        "rows",  # rows that the subtree takes, 1 when collapsed
        "size",  # nodes in the subtree
        "stale",  # None when counted; else those children that are stale too
        "sums",  # a Fenwick tree over `rows` of the children, made when it is needed
        "tick",
        "within",  # the sum of `size` over the children
    )

    def __init__(self, key: str, expanded: bool) -> None:
        self.key = key
        self.expanded = expanded
        self.parent: Branch | None = None
        self.children: Sequence[Branch] = ()  # a list from the first child on: most nodes never have one
        self.order = self.tick = 0
        self.rows = self.size = 1
        self.below = self.within = 0
        self.stale: list[Branch] | None = None
        self.sums: Fenwick | None = None

    # Changes

    def attach(self, child: "Branch", order: int, tick: int) -> None:
        """Take in a subtree that has no parent; `tick` must be above all earlier ones."""
        child.parent, child.order, child.tick = self, order, tick
        if not isinstance(self.children, list):
            self.children = [child]
        elif not self.children or self.children[-1].order <= order:
            self.children.append(child)
            if self.sums is not None:
                self.sums.append(child.rows)
        else:
            self.children.insert(bisect_right(self.children, order, key=_order), child)
            self.sums = None
        self.below += child.rows
        self.within += child.size
        self.mark()
        if child.stale is not None and self.stale is not None:
            self.stale.append(child)

    def detach(self, child: "Branch") -> None:
        """Let a child go, with all that is beneath it."""
        assert isinstance(self.children, list), "a branch with a child has a list of them"
        place = self.place(child)
        del self.children[place]
        if self.sums is not None and place == len(self.children):
            self.sums.pop()
        else:
            self.sums = None
        self.below -= child.rows
        self.within -= child.size
        child.parent = None
        self.mark()

    def open(self, expanded: bool) -> None:
        """Expand or collapse."""
        if self.expanded is not expanded:
            self.expanded = expanded
            self.mark()

    def open_all(self, expanded: bool) -> None:
        """Expand or collapse the whole subtree, which must be settled: then there is nothing left to add up."""
        for branch in self.subtree():
            branch.expanded = expanded
            branch.below = branch.within if expanded else len(branch.children)
            branch.sums = None
            if branch is not self:
                branch.rows = branch.size if expanded else 1
        self.mark()

    # Counting

    def mark(self) -> None:
        """Note that the counts from here up to the top are out of date."""
        if self.stale is not None:
            return
        self.stale = []
        branch = self
        while (above := branch.parent) is not None:
            if above.stale is not None:
                above.stale.append(branch)
                return
            above.stale = [branch]
            branch = above

    def settle(self) -> None:
        """Bring all counts up to date; to be called at the top."""
        if self.stale is None:
            return
        found = [self]
        for branch in found:  # grows as it goes, parents before children
            stale, branch.stale = branch.stale or (), None
            if len(stale) * MANY > len(branch.children):
                branch.sums = None
            found.extend(child for child in stale if child.parent is branch)
        for branch in reversed(found):
            branch._count()

    def _count(self) -> None:
        rows = 1 + self.below if self.expanded else 1
        size = 1 + self.within
        if (above := self.parent) is not None:
            above.below += rows - self.rows
            above.within += size - self.size
            if above.sums is not None:
                above.sums.add(above.place(self), rows - self.rows)
        self.rows, self.size = rows, size

    # Questions, on a settled tree

    def place(self, child: "Branch") -> int:
        """Where a child stands among the children."""
        if self.children[-1] is child:
            return len(self.children) - 1
        return bisect_left(self.children, _rank(child), key=_rank)

    def rows_before(self, child: "Branch") -> int:
        """The rows that the children before a child take."""
        if len(self.children) > WIDE:
            return self._sums().sum(self.place(child))
        rows = 0
        for other in self.children:
            if other is child:
                break
            rows += other.rows
        return rows

    def child_at(self, row: int) -> tuple[int, int]:
        """The place of the child that takes a row (0 <= row < below), and the row within that child."""
        if len(self.children) > WIDE:
            return self._sums().find(row)
        place = 0
        while row >= (rows := self.children[place].rows):
            row -= rows
            place += 1
        return place, row

    def _sums(self) -> Fenwick:
        if self.sums is None:
            self.sums = Fenwick(child.rows for child in self.children)
        return self.sums

    def subtree(self) -> "list[Branch]":
        """This branch and all beneath it, level by level."""
        found = [self]
        for branch in found:
            found.extend(branch.children)
        return found
