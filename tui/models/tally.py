"""How many nodes are beneath each node of a forest, and how many of them have a row on the screen.

A change is carried up to the roots at once. Several that happen together are carried together, the youngest node first:
a node is hardly ever older than the one it is in, so their ways have met by the time they pass a common ancestor, and
each ancestor is passed once. The order is for speed alone. When the way is longer than counting everything again, which
takes about 0.1 µs a node, everything is counted again.
"""

from bisect import bisect_left
from collections.abc import Sequence
from heapq import heapify, heappop, heappush
from itertools import compress

from tui.models.fenwick import Fenwick
from tui.models.forest import TOP, Forest

WIDE = 64
"""Children beyond which rows are found by a Fenwick tree; up to here a plain scan is as fast and takes no memory."""

PATIENCE = 10
"""All is counted again rather than carried past more than one node in this many."""

AT_LEAST = 100
"""Steps that a change is carried in any case."""


class Tally:
    """Counts that keep up with a forest. Only nodes before its horizon count; only their changes are carried on.

    Those of the children of a node are added up in it; it is not among them itself.
    """

    __slots__ = ("_forest", "_kids", "_parents", "_sums", "below", "expanded", "within")

    def __init__(self, forest: Forest) -> None:
        self._forest, self._parents, self._kids = forest, forest.parents, forest.kids
        self.within = [0]
        """Nodes beneath each node."""
        self.below = [0]
        """Rows beneath each node, were it expanded."""
        self.expanded = bytearray(b"\1")
        """1 where a node is expanded. The top always is."""
        self._sums: dict[int, Fenwick] = {}  # over the rows of all kids of a wide node, 0 for those beyond the horizon

    def rows(self, node: int) -> int:
        """The rows that a subtree takes, its root included."""
        return 1 + self.below[node] if self.expanded[node] else 1

    # Changes

    def extend(self, parents: Sequence[int]) -> None:
        """The forest has new nodes, beyond its horizon."""
        new = len(parents)
        self.within[TOP:TOP] = self.below[TOP:TOP] = [0] * new
        self.expanded[TOP:TOP] = b"\1" * new
        if new > self._patience():
            self._sums.clear()
        elif self._sums:
            for parent in parents:
                if parent in self._sums:
                    self._sums[parent].append(0)

    def horizon_moved(self, before: int) -> None:
        """Nodes came into being, or went out of it."""
        now = self._forest.horizon
        sign, nodes = (1, range(before, now)) if now > before else (-1, range(now, before))
        if len(nodes) > self._patience():
            self.recount()
            return
        changes = _Changes()
        for node in nodes:
            self._note(changes, node, sign * (1 + self.within[node]), sign * self.rows(node))
        self._carry(changes)

    def moved(self, node: int, before: int) -> None:
        """A node that was in another one, `before`, was moved with all that is in it."""
        siblings = self._kids[after := self._parents[node]]
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
            self._carry(changes)

    def open(self, node: int, expanded: bool) -> None:
        """Expand or collapse a node."""
        if self.expanded[node] != expanded:
            self.expanded[node] = expanded
            self._carry_rows(node, self.below[node] if expanded else -self.below[node])

    def open_all(self, under: int, expanded: bool) -> None:
        """Expand or collapse a node and all beneath it; under the top, every node that exists."""
        if under == TOP:
            self.expanded[: self._forest.horizon] = bytes([expanded]) * self._forest.horizon
            self.recount()
            return
        children, before, found = self._forest.children, self.rows(under), [under]
        for node in found:  # grows as it goes
            self.expanded[node] = expanded
            if self.within[node]:
                inner = children(node)
                found += inner
                self.below[node] = self.within[node] if expanded else len(inner)
        for wide in self._sums.keys() & set(found):
            del self._sums[wide]
        self._carry_rows(under, self.rows(under) - before)

    # Counting

    def recount(self) -> None:
        """Count everything again."""
        forest, expanded = self._forest, self.expanded
        parents, kids, horizon = self._parents, self._kids, forest.horizon
        if horizon == forest.total:
            within = list(map(len, kids))
        else:
            within = [(len(some) if some[-1] < horizon else bisect_left(some, horizon)) if some else 0 for some in kids]
        below = within.copy()
        inner = list(compress(range(forest.total), kids))
        missing = [0] * len(kids)  # children with children whose counts have not been added to a node yet
        for node in inner:
            missing[parents[node]] += 1
        for youngest in reversed(inner):
            node = youngest
            while not missing[node]:
                parent = parents[node]
                missing[parent] -= 1
                if node < horizon:
                    within[parent] += within[node]
                    if expanded[node]:
                        below[parent] += below[node]
                if parent <= youngest:
                    break  # it has its turn
                node = parent  # it had its turn, but was missing this one
        self.within, self.below = within, below
        self._sums.clear()

    def _patience(self) -> int:
        return AT_LEAST + self._forest.horizon // PATIENCE

    def _carry_rows(self, node: int, rows: int) -> None:
        if rows and node < self._forest.horizon:
            changes = _Changes()
            self._note(changes, node, 0, rows)
            self._carry(changes)

    def _note(self, changes: "_Changes", child: int, size: int, rows: int) -> None:
        """A child takes more nodes and rows than before: that changes its parent."""
        parent = self._parents[child]
        if parent in self._sums:
            self._sums[parent].add(self._forest.place(child), rows)
        changes.add(parent, size, rows)

    def _carry(self, changes: "_Changes") -> None:
        """Apply changes to the nodes they are for, and to all around these."""
        parents, horizon = self._parents, self._forest.horizon
        within, below, expanded, sums = self.within, self.below, self.expanded, self._sums
        waiting = [-node for node in changes.sizes]  # a heap gives the least, and the greatest number is wanted
        heapify(waiting)
        node = size = rows = 0
        for _ in range(self._patience()):
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
                sums[parent].add(self._forest.place(node), rows)
            if waiting and -waiting[0] >= parent:
                if parent not in changes.sizes:
                    heappush(waiting, -parent)
                changes.add(parent, size, rows)
                size = rows = 0
            else:
                node = parent
        self.recount()

    # Questions

    def rows_before(self, node: int) -> int:
        """The rows that the siblings before a node take."""
        siblings = self._kids[self._parents[node]]
        if len(siblings) > WIDE:
            return self._sums_of(self._parents[node]).sum(self._forest.place(node))
        below, expanded, rows = self.below, self.expanded, 0
        for sibling in siblings:
            if sibling == node:
                break
            rows += 1 + below[sibling] if expanded[sibling] else 1
        return rows

    def child_at(self, node: int, row: int) -> tuple[int, int]:
        """The place of the child of a node that takes a row (0 <= row < below[node]), and the row within that child."""
        children = self._kids[node]
        if len(children) == 1:
            return 0, row
        if len(children) > WIDE:
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
            below, expanded, born = self.below, self.expanded, self._forest.children(node)
            rows = [1 + below[child] if expanded[child] else 1 for child in born]
            rows += [0] * (len(self._kids[node]) - len(born))
            self._sums[node] = Fenwick(rows)
        return self._sums[node]


class _Changes:
    """What is to be added to the counts beneath some nodes."""

    __slots__ = ("rows", "sizes")

    def __init__(self) -> None:
        self.sizes: dict[int, int] = {}
        self.rows: dict[int, int] = {}

    def add(self, node: int, size: int, rows: int) -> None:
        self.sizes[node] = self.sizes.get(node, 0) + size
        self.rows[node] = self.rows.get(node, 0) + rows
