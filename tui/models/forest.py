"""A forest of numbered nodes. Nodes below a horizon exist.

Nodes are numbered 0, 1, 2 ... in the order of their creation, which is also the order of siblings unless they are given
another one. The facts about a node are at its number in parallel lists, so 100,000 nodes need no objects except the lists
of children.
"""

from bisect import bisect_left, insort
from collections.abc import Iterator, Sequence
from itertools import count
from operator import le

TOP = -1
"""Parent of the roots. Its entry is the last in every list, at index -1."""

_NO_CHILDREN: list[int] = []
"""Shared by all nodes that never had a child. Stays empty."""


class Forest:
    """Parents and children. Without recursion, as a chain can have 10,000 nodes, and a node 50,000 children.

    A node at or beyond the horizon is not among the children of its parent, so its own children are not reached from above.
    """

    def __init__(self) -> None:
        self.parents: list[int] = [TOP]
        """The parent of each node. Read-only for callers, as is `all_children`."""
        self.all_children: list[list[int]] = [_NO_CHILDREN]
        """The children of each node, ascending, including those beyond the horizon."""
        self._horizon = 0
        self._ordered: dict[int, list[int]] = {}
        """The existing children of nodes in another order than that of creation, by node."""

    @property
    def total(self) -> int:
        """Number of nodes, including those beyond the horizon."""
        return len(self.parents) - 1

    @property
    def horizon(self) -> int:
        """Number of nodes that exist. They have the lowest numbers."""
        return self._horizon

    def __contains__(self, node: object) -> bool:
        return isinstance(node, int) and 0 <= node < self._horizon

    # Links

    def _link(self, parents: Sequence[int]) -> None:
        """Append nodes, beyond the horizon.

        Raises:
            ValueError: a parent does not exist, or a node would contain itself.
        """
        first, all_children = self.total, self.all_children
        if not parents:
            return
        if min(parents) < TOP or max(parents) >= first + len(parents):
            raise ValueError(f"a parent must be a node from 0 to {first + len(parents) - 1}, or {TOP} for a root")
        if any(map(le, count(first), parents)):
            _refuse_cycles(parents, first)
        self.parents[TOP:TOP] = parents
        all_children[TOP:TOP] = [_NO_CHILDREN] * len(parents)
        for node, parent in enumerate(parents, first):
            if siblings := all_children[parent]:
                siblings.append(node)
            else:
                all_children[parent] = [node]

    def _relink(self, node: int, parent: int) -> None:
        """Move a node, with everything beneath it, to another parent, which is not beneath it."""
        del self.all_children[self.parents[node]][self.place(node)]
        self.parents[node] = parent
        if self.all_children[parent]:
            insort(self.all_children[parent], node)
        else:
            self.all_children[parent] = [node]

    def _check(self, node: int) -> None:
        if not 0 <= node < self.total:
            raise IndexError(f"no node {node} among {self.total}")

    # Relations

    def parent(self, node: int) -> int:
        """The parent of a node; -1 for a root."""
        self._check(node)
        return self.parents[node]

    def children(self, node: int) -> Sequence[int]:
        """The children of a node in their order; those of -1 are the roots. Valid until the forest changes."""
        if node in self._ordered:
            return self._ordered[node]
        all_children = self.all_children[node]
        if not all_children or all_children[-1] < self._horizon:
            return all_children
        return all_children[: bisect_left(all_children, self._horizon)]

    def siblings(self, parent: int) -> Sequence[int]:
        """The children of a node in their order. Those beyond the horizon come last, or are left out."""
        return self._ordered.get(parent) or self.all_children[parent]

    def rank(self, node: int) -> int:
        """Index of a node among its siblings in their order."""
        ordered = self._ordered.get(self.parents[node])
        return self.place(node) if ordered is None else ordered.index(node)

    def place(self, node: int) -> int:
        """Index of a node among its siblings in the order of creation."""
        siblings = self.all_children[self.parents[node]]
        return len(siblings) - 1 if siblings[-1] == node else bisect_left(siblings, node)

    def next_sibling(self, node: int) -> int | None:
        """The sibling after a node, or None."""
        self._check(node)
        siblings, place = self.children(self.parents[node]), self.rank(node) + 1
        return siblings[place] if place < len(siblings) else None

    def previous_sibling(self, node: int) -> int | None:
        """The sibling before a node, or None."""
        self._check(node)
        place = self.rank(node)
        return self.siblings(self.parents[node])[place - 1] if place else None

    def ancestors(self, node: int) -> Iterator[int]:
        """The ancestors of a node, nearest first."""
        while (node := self.parents[node]) != TOP:
            yield node

    def contains(self, ancestor: int, node: int) -> bool:
        """Whether a node is `ancestor` itself, or exists beneath it (-1: anywhere)."""
        while node != ancestor:
            if not 0 <= node < self._horizon:
                return False
            node = self.parents[node]
        return True

    # Iteration in the order of the tree, each node before its children. The forest must not change meanwhile.

    def descendants(self, node: int) -> Iterator[int]:
        """The nodes beneath a node (-1: all)."""
        all_children = self.all_children
        waiting = [iter(self.children(node))]
        while waiting:
            for child in waiting[-1]:
                yield child
                if all_children[child]:
                    waiting.append(iter(self.children(child)))
                    break
            else:
                waiting.pop()

    def _descendants_reversed(self, node: int) -> Iterator[int]:
        all_children = self.all_children
        waiting, around = [reversed(self.children(node))], [node]
        while waiting:
            for child in waiting[-1]:
                if all_children[child]:
                    waiting.append(reversed(self.children(child)))
                    around.append(child)
                    break
                yield child
            else:
                waiting.pop()
                if waiting:
                    yield around.pop()

    def subtree(self, root: int, step: int) -> Iterator[int]:
        """A node and all beneath it (-1: all nodes); backwards if `step` is negative."""
        if step > 0 and root != TOP:
            yield root
        yield from self.descendants(root) if step > 0 else self._descendants_reversed(root)
        if step < 0 and root != TOP:
            yield root

    def after(self, node: int, root: int, step: int) -> Iterator[int]:
        """The nodes after a node in the subtree of `root` (-1: the forest); those before it if `step` is negative."""
        if step > 0:
            yield from self.descendants(node)
        while node != root:
            parent, place = self.parents[node], self.rank(node)
            for sibling in self.children(parent)[place + 1 :] if step > 0 else reversed(self.siblings(parent)[:place]):
                yield from self.subtree(sibling, step)
            if step < 0 and parent != TOP:
                yield parent
            node = parent


def _refuse_cycles(parents: Sequence[int], first: int) -> None:
    """Follow the parents of new nodes as far as these are new. In every cycle a node is older than its parent."""
    clear: set[int] = set()
    for start in (node for node, parent in enumerate(parents, first) if parent >= node):
        node, steps = start, set[int]()
        while node >= first and node not in clear:
            if node in steps:
                raise ValueError(f"node {node} cannot be in node {parents[node - first]}: it would contain itself")
            steps.add(node)
            node = parents[node - first]
        clear |= steps
