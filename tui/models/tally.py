"""The number of nodes beneath each node of a forest, and the number of their visible rows.

A change is propagated to the ancestors at once. Simultaneous changes are propagated together, from the youngest node on:
a node is rarely older than its parent, so the changes beneath a common ancestor are added up before they reach it, and each
ancestor is updated once. This order affects only the speed. If propagation takes more steps than a recount, which costs
about 0.1 µs for each node, all nodes are recounted.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from heapq import heapify, heappop, heappush
from itertools import compress

from tui.models.fenwick import Fenwick
from tui.models.forest import TOP, Forest

SCAN_MAX_CHILDREN = 64
"""Number of children above which a Fenwick tree finds a row. Up to it a scan is as fast, and needs no memory."""

RECOUNT_NODES_PER_STEP = 10
"""Number of nodes that are recounted in the time of one step of propagation."""

PROPAGATION_MIN_STEPS = 100
"""Number of steps that a change is propagated before a recount, however small the forest."""


class Tally:
    """Counts of what is beneath each node, the node itself excluded. Nodes beyond the horizon are not counted."""

    __slots__ = ("_all_children", "_forest", "_inner", "_parents", "_sums", "below", "expanded", "within")

    def __init__(self, forest: Forest) -> None:
        self._forest, self._parents, self._all_children = forest, forest.parents, forest.all_children
        self.within = [0]
        """Number of nodes beneath each node."""
        self.below = [0]
        """Number of rows beneath each node if it is expanded."""
        self.expanded = bytearray(b"\1")
        """By node: 1 if it is expanded, else 0. The parent of the roots always is."""
        self._sums: dict[int, Fenwick] = {}  # by wide node: the rows of its children, 0 beyond the horizon
        self._inner: list[int] = []  # the nodes with children, each after those beneath it; empty: not known

    def rows(self, node: int) -> int:
        """Number of rows of a subtree, its root included."""
        return 1 + self.below[node] if self.expanded[node] else 1

    # Changes

    def extend(self, parents: Sequence[int]) -> None:
        """The forest has new nodes, which are beyond its horizon."""
        new = len(parents)
        self._inner = []
        self.within[TOP:TOP] = self.below[TOP:TOP] = [0] * new
        self.expanded[TOP:TOP] = b"\1" * new
        if new > self._max_steps():
            self._sums.clear()
        elif self._sums:
            for parent in parents:
                if parent in self._sums:
                    self._sums[parent].append(0)

    def horizon_moved(self, before: int) -> None:
        """The horizon of the forest was `before`."""
        now = self._forest.horizon
        sign, nodes = (1, range(before, now)) if now > before else (-1, range(now, before))
        if len(nodes) > self._max_steps():
            self.recount()
            return
        changes = _Changes()
        for node in nodes:
            self._note(changes, node, sign * (1 + self.within[node]), sign * self.rows(node))
        self._propagate(changes)

    def moved(self, node: int, before: int) -> None:
        """A node was moved, with everything beneath it. Its parent was `before`."""
        siblings = self._all_children[after := self._parents[node]]
        self._inner = []
        self._sums.pop(before, None)
        if after in self._sums:
            if siblings[-1] == node:
                self._sums[after].append(0)
            else:
                del self._sums[after]
        if node < self._forest.horizon:
            size, rows = 1 + self.within[node], self.rows(node)
            changes = _Changes()
            changes.add(before, -size, -rows)
            self._note(changes, node, size, rows)
            self._propagate(changes)

    def reordered(self, node: int) -> None:
        """The children of a node have another order."""
        self._sums.pop(node, None)

    def open(self, node: int, expanded: bool) -> None:
        """Expand or collapse a node."""
        if self.expanded[node] != expanded:
            self.expanded[node] = expanded
            self._propagate_rows(node, self.below[node] if expanded else -self.below[node])

    def open_all(self, under: int, expanded: bool, closed: Iterable[int] = ()) -> None:
        """Expand or collapse a node and everything beneath it; -1: all nodes that exist. `closed` stay collapsed."""
        if under == TOP:
            self.expanded[: self._forest.horizon] = bytes([expanded]) * self._forest.horizon
            for node in closed:
                self.expanded[node] = 0
            self.recount()
            return
        children, before, found = self._forest.children, self.rows(under), [under]
        for node in found:  # grows during the loop
            self.expanded[node] = expanded
            if self.within[node]:
                inner = children(node)
                found += inner
                self.below[node] = self.within[node] if expanded else len(inner)
        for wide in self._sums.keys() & set(found):
            del self._sums[wide]
        self._propagate_rows(under, self.rows(under) - before)
        for node in set(closed).intersection(found):
            self.open(node, False)

    # Counting

    def recount(self) -> None:
        """Count all nodes and rows from scratch."""
        parents, all_children, expanded, horizon = self._parents, self._all_children, self.expanded, self._forest.horizon
        within = [0] * len(all_children)
        below = within.copy()
        self._inner = self._inner or self._in_order()
        for node in self._inner:
            children = all_children[node]
            if children[0] >= horizon:
                continue
            count = len(children) if children[-1] < horizon else bisect_left(children, horizon)
            within[node] += count
            below[node] += count
            if node < horizon:
                parent = parents[node]
                within[parent] += within[node]
                if expanded[node]:
                    below[parent] += below[node]
        roots = bisect_left(all_children[TOP], horizon)
        within[TOP] += roots
        below[TOP] += roots
        self.within, self.below = within, below
        self._sums.clear()

    def _in_order(self) -> list[int]:
        """The nodes with children, each after those beneath it."""
        parents, found = self._parents, list[int]()
        inner = list(compress(range(self._forest.total), self._all_children))
        missing = [0] * len(self._all_children)  # by node: number of its inner children that are not in `found` yet
        for node in inner:
            missing[parents[node]] += 1
        for youngest in reversed(inner):
            node = youngest
            while not missing[node]:
                found.append(node)
                missing[parents[node]] -= 1
                if parents[node] <= youngest:
                    break  # the outer loop comes to it later
                node = parents[node]  # the outer loop skipped it while this child was missing
        return found

    def _max_steps(self) -> int:
        return PROPAGATION_MIN_STEPS + self._forest.horizon // RECOUNT_NODES_PER_STEP

    def _propagate_rows(self, node: int, rows: int) -> None:
        if rows and node < self._forest.horizon:
            changes = _Changes()
            self._note(changes, node, 0, rows)
            self._propagate(changes)

    def _note(self, changes: "_Changes", child: int, size: int, rows: int) -> None:
        """Note that a child grew by `size` nodes and `rows` rows, as a change of its parent."""
        parent = self._parents[child]
        if parent in self._sums:
            self._sums[parent].add(self._forest.rank(child), rows)
        changes.add(parent, size, rows)

    def _propagate(self, changes: "_Changes") -> None:
        """Apply changes to their nodes and to all ancestors of these."""
        parents, horizon = self._parents, self._forest.horizon
        within, below, expanded, sums = self.within, self.below, self.expanded, self._sums
        waiting = [-node for node in changes.sizes]  # negated: a heap returns the least, and the greatest number is needed
        heapify(waiting)
        node = size = rows = 0
        for _ in range(self._max_steps()):
            if not size and not rows:
                if not waiting:
                    return
                node = -heappop(waiting)
                size, rows = changes.sizes.pop(node), changes.rows.pop(node)
            within[node] += size
            below[node] += rows
            if not 0 <= node < horizon:
                size = rows = 0
                continue
            parent = parents[node]
            if not expanded[node]:
                rows = 0
            elif rows and parent in sums:
                sums[parent].add(self._forest.rank(node), rows)
            if waiting and -waiting[0] >= parent:
                if parent not in changes.sizes:
                    heappush(waiting, -parent)
                changes.add(parent, size, rows)
                size = rows = 0
            else:
                node = parent
        self.recount()

    # Lookup

    def rows_before(self, node: int) -> int:
        """Number of rows of the siblings before a node."""
        siblings = self._forest.siblings(self._parents[node])
        if len(siblings) > SCAN_MAX_CHILDREN:
            return self._sums_of(self._parents[node]).sum(self._forest.rank(node))
        below, expanded, rows = self.below, self.expanded, 0
        for sibling in siblings:
            if sibling == node:
                break
            rows += 1 + below[sibling] if expanded[sibling] else 1
        return rows

    def child_at(self, node: int, row: int) -> tuple[int, int]:
        """The index of the child that contains a row (0 <= row < below[node]) of a node, and the row within that child."""
        children = self._forest.siblings(node)
        if len(children) == 1:
            return 0, row
        if len(children) > SCAN_MAX_CHILDREN:
            return self._sums_of(node).find(row)
        below, expanded, place = self.below, self.expanded, 0
        for child in children:
            rows = 1 + below[child] if expanded[child] else 1
            if row < rows:
                break
            row -= rows
            place += 1
        return place, row

    def _sums_of(self, node: int) -> Fenwick:
        if node not in self._sums:
            below, expanded, existing = self.below, self.expanded, self._forest.children(node)
            rows = [1 + below[child] if expanded[child] else 1 for child in existing]
            rows += [0] * (len(self._all_children[node]) - len(existing))
            self._sums[node] = Fenwick(rows)
        return self._sums[node]


class _Changes:
    """Amounts to be added to the counts of nodes."""

    __slots__ = ("rows", "sizes")

    def __init__(self) -> None:
        self.sizes: dict[int, int] = {}
        self.rows: dict[int, int] = {}

    def add(self, node: int, size: int, rows: int) -> None:
        self.sizes[node] = self.sizes.get(node, 0) + size
        self.rows[node] = self.rows.get(node, 0) + rows
