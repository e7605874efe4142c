"""A forest of numbered nodes, of which those before a horizon exist.

The nodes are numbered 0, 1, 2 ... in the order of their birth, and siblings stand in that order. All that is known of a
node lies at its number in parallel lists, so 100,000 nodes take no objects beyond the lists of those that have children.
"""

from bisect import bisect_left, insort
from collections.abc import Iterator, Sequence
from itertools import count
from operator import le

TOP = -1
"""What the roots are in. It has the last place of every list, which is where the index -1 leads."""

_NONE: list[int] = []
"""The children of all nodes that never had one: a list that stays empty."""


class Forest:
    """Who is in whom. Nothing here recurses: a chain of 10,000 nodes and a fan of 50,000 are ordinary.

    A node at or beyond the horizon is nobody's child. Should it have older children, nothing above leads to them.
    """

    def __init__(self) -> None:
        self.parents: list[int] = [TOP]
        """The node around each node. To be read only, as is `kids`."""
        self.kids: list[list[int]] = [_NONE]
        """The children of each node, ascending, those beyond the horizon included."""
        self._horizon = 0

    @property
    def total(self) -> int:
        """How many nodes there are, those beyond the horizon included."""
        return len(self.parents) - 1

    @property
    def horizon(self) -> int:
        """The number of the first node that does not exist yet, as far as any question goes."""
        return self._horizon

    def __contains__(self, node: object) -> bool:
        return isinstance(node, int) and 0 <= node < self._horizon

    # Links

    def _link(self, parents: Sequence[int]) -> None:
        """Add nodes behind all others; they are not before the horizon yet.

        Raises:
            ValueError: a parent is no node, or a node would contain itself.
        """
        first, kids = self.total, self.kids
        if not parents:
            return
        if min(parents) < TOP or max(parents) >= first + len(parents):
            raise ValueError(f"a parent is none of the nodes from 0 to {first + len(parents) - 1}, nor {TOP} as for roots")
        if any(map(le, count(first), parents)):
            _refuse_circles(parents, first)
        self.parents[TOP:TOP] = parents
        kids[TOP:TOP] = [_NONE] * len(parents)
        for node, parent in enumerate(parents, first):
            if siblings := kids[parent]:
                siblings.append(node)
            else:
                kids[parent] = [node]

    def _relink(self, node: int, parent: int) -> None:
        """Hang a node, with all that is in it, into another one that is not in it."""
        del self.kids[self.parents[node]][self.place(node)]
        self.parents[node] = parent
        if self.kids[parent]:
            insort(self.kids[parent], node)
        else:
            self.kids[parent] = [node]

    def _check(self, node: int) -> None:
        if not 0 <= node < self.total:
            raise IndexError(f"no node {node} among {self.total}")

    # Relations

    def parent(self, node: int) -> int:
        """The parent of a node, -1 for a root."""
        self._check(node)
        return self.parents[node]

    def children(self, node: int) -> Sequence[int]:
        """The children of a node, ascending; those of -1 are the roots. To be read before the forest changes."""
        kids = self.kids[node]
        if not kids or kids[-1] < self._horizon:
            return kids
        return kids[: bisect_left(kids, self._horizon)]

    def place(self, node: int) -> int:
        """Where a node stands among its siblings, counted from 0."""
        siblings = self.kids[self.parents[node]]
        return len(siblings) - 1 if siblings[-1] == node else bisect_left(siblings, node)

    def next_sibling(self, node: int) -> int | None:
        """The sibling after a node, or None."""
        self._check(node)
        siblings, place = self.children(self.parents[node]), self.place(node) + 1
        return siblings[place] if place < len(siblings) else None

    def previous_sibling(self, node: int) -> int | None:
        """The sibling before a node, or None."""
        self._check(node)
        place = self.place(node)
        return self.kids[self.parents[node]][place - 1] if place else None

    def ancestors(self, node: int) -> Iterator[int]:
        """The nodes around a node, nearest first."""
        while (node := self.parents[node]) != TOP:
            yield node

    def leads_to(self, ancestor: int, node: int) -> bool:
        """Whether a node is that ancestor, or exists beneath it (-1: anywhere)."""
        while node != ancestor:
            if not 0 <= node < self._horizon:
                return False
            node = self.parents[node]
        return True

    # In the order of the tree: each node before its children. The forest must not change meanwhile.

    def descendants(self, node: int) -> Iterator[int]:
        """The nodes beneath a node (-1: all)."""
        kids = self.kids
        waiting = [iter(self.children(node))]
        while waiting:
            for child in waiting[-1]:
                yield child
                if kids[child]:
                    waiting.append(iter(self.children(child)))
                    break
            else:
                waiting.pop()

    def _descendants_reversed(self, node: int) -> Iterator[int]:
        kids = self.kids
        waiting, around = [reversed(self.children(node))], [node]
        while waiting:
            for child in waiting[-1]:
                if kids[child]:
                    waiting.append(reversed(self.children(child)))
                    around.append(child)
                    break
                yield child
            else:
                waiting.pop()
                if waiting:
                    yield around.pop()

    def subtree(self, root: int, step: int) -> Iterator[int]:
        """A node and all beneath it (-1: all), backwards when `step` is negative."""
        if step > 0 and root != TOP:
            yield root
        yield from self.descendants(root) if step > 0 else self._descendants_reversed(root)
        if step < 0 and root != TOP:
            yield root

    def after(self, node: int, root: int, step: int) -> Iterator[int]:
        """What follows a node in the subtree of a root (-1: anywhere); what precedes it when `step` is negative."""
        if step > 0:
            yield from self.descendants(node)
        while node != root:
            parent, place = self.parents[node], self.place(node)
            for sibling in self.children(parent)[place + 1 :] if step > 0 else reversed(self.kids[parent][:place]):
                yield from self.subtree(sibling, step)
            if step < 0 and parent != TOP:
                yield parent
            node = parent


def _refuse_circles(parents: Sequence[int], first: int) -> None:
    """Follow new nodes outwards as far as new ones go; in any circle there is one that is older than its parent."""
    clear: set[int] = set()
    for start in (node for node, parent in enumerate(parents, first) if parent >= node):
        node, steps = start, set[int]()
        while node >= first and node not in clear:
            if node in steps:
                raise ValueError(f"node {node} cannot be in node {parents[node - first]}: it would contain itself")
            steps.add(node)
            node = parents[node - first]
        clear |= steps
