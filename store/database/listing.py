"""Lists of events by row number: all events of a run or node, or those that match a filter or belong to a subtree.

The rows of a full list are known by their numbers. The rows of a filtered list are found by a scan in parts, from one end
of the run to the other, and then on at its end while the run grows. Rows found so far can be read meanwhile.
"""

import time
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Protocol

from store.database.run_queries import RunQueries
from store.model.record import Match, Stored

SCAN_EVENTS = 4_000
"""Events of the first part of a scan. Later parts have as many as fit SCAN_PART_S."""

SCAN_PART_S = 0.02
"""Seconds that one part of a scan should take."""

SCAN_EVENTS_MAX = 500_000
"""Events of the largest part of a scan."""

SMALL_SUBTREE_NODES = 200
"""Nodes of a subtree up to which events are found by node. In larger ones all events of the run are scanned."""

ROOT_EVENTS_MAX = 20_000
"""Events of the root of a large subtree that are found by node. Only the root of a run has more."""


class Listing(Protocol):
    """Events in order, by row number from 0."""

    @property
    def complete(self) -> bool:
        """Whether no part is left to scan."""
        ...

    def count(self, position: int) -> int:
        """Number of rows up to a position of the run."""
        ...

    async def rows(self, first: int, last: int) -> list[Stored]:
        """Rows from `first` up to, not including, `last`."""
        ...

    async def row(self, position: int) -> int:
        """Row of the last event up to a position; -1: there is none."""
        ...


class RunEvents:
    """All events of a run."""

    complete = True

    def __init__(self, run: RunQueries) -> None:
        self._run = run

    def count(self, position: int) -> int:
        return position

    async def rows(self, first: int, last: int) -> list[Stored]:
        return await self._run.events(first + 1, last)

    async def row(self, position: int) -> int:
        return position - 1


class NodeEvents:
    """All events that name a node.

    `events`: their number at the position shown; the caller keeps it equal to `Node.events`.
    """

    complete = True

    def __init__(self, run: RunQueries, node: int, events: int) -> None:
        self._run = run
        self._node = node
        self.events = events

    def count(self, position: int) -> int:
        return self.events

    async def rows(self, first: int, last: int) -> list[Stored]:
        return await self._run.node_events(self._node, first + 1, last)

    async def row(self, position: int) -> int:
        first, beyond = 0, self.events
        while first < beyond:
            middle = (first + beyond) // 2
            rows = await self.rows(middle, middle + 1)
            if rows and rows[0].position <= position:
                first = middle + 1
            else:
                beyond = middle
        return first - 1


class Matches:
    """Events of a run that match, as far as the scan has come.

    The scan goes by numbers of events: positions in the run, or, in `NodeMatches`, numbers among the events of the node.
    """

    def __init__(self, run: RunQueries, match: Match, first: int, last: int, backwards: bool) -> None:
        """Scan the numbers from `first` to `last`, from the end if `backwards`."""
        self._run = run
        self._match = match
        self._first = first
        self._last = last
        self._range = (last + 1, last) if backwards else (first, first - 1)
        """First and last number scanned so far."""
        self._part_events = SCAN_EVENTS
        self.positions = array("q")
        """Positions of the events found, ascending."""

    @property
    def complete(self) -> bool:
        return self._range[0] <= self._first and self._range[1] >= self._last

    def has_scanned(self, number: int) -> bool:
        """Whether a number was scanned, or is outside the numbers to scan."""
        return self._range[0] <= number <= self._range[1] or not self._first <= number <= self._last

    @property
    def scanned(self) -> float:
        """Share of the numbers scanned, 0 to 1."""
        there = self._last - self._first + 1
        return 1.0 if there <= 0 else (self._range[1] - self._range[0] + 1) / there

    def count(self, position: int) -> int:
        return bisect_right(self.positions, position)

    async def rows(self, first: int, last: int) -> list[Stored]:
        return await self._run.at_positions(self.positions[first:last])

    async def row(self, position: int) -> int:
        """As far as the scan has come."""
        return self.count(position) - 1

    def grow(self, last: int) -> None:
        """Extend the numbers to scan."""
        self._last = max(last, self._last)

    async def scan(self) -> int:
        """Scan one part more. Returns the number of rows found before the former first row."""
        low, high = self._range
        begun, before = time.monotonic(), 0
        if high < self._last:
            upto = min(high + self._part_events, self._last)
            self.positions.extend(await self._search(high + 1, upto))
            self._range = (low, upto)
        elif low > self._first:
            down = max(low - self._part_events, self._first)
            found = await self._search(down, low - 1)
            self.positions[:0] = array("q", found)
            self._range, before = (down, high), len(found)
        spent = time.monotonic() - begun
        fitting = round(self._part_events * SCAN_PART_S / max(spent, SCAN_PART_S / 8))
        self._part_events = max(SCAN_EVENTS // 4, min(fitting, SCAN_EVENTS_MAX))
        return before

    async def _search(self, first: int, last: int) -> list[int]:
        """Positions of matching events among the events with these numbers."""
        return await self._run.search(self._match, first, last)


class NodeMatches(Matches):
    """Events that name a node and match."""

    def __init__(self, run: RunQueries, match: Match, node: int, events: int, backwards: bool) -> None:
        super().__init__(run, match, 1, events, backwards)
        self._node = node

    async def _search(self, first: int, last: int) -> list[int]:
        return await self._run.search_node(self._node, self._match, first, last)


class SubtreeMatches(Matches):
    """Events about the nodes of a subtree, and events that name its root. The root is the first of its keys."""

    def __init__(self, run: RunQueries, match: Match, keys: Sequence[int], born: int, last: int, backwards: bool) -> None:
        super().__init__(run, match, born, last, backwards)
        self._keys = keys
        self._inside = set(keys)
        self._own: list[int] | None = None
        """Positions of the events that name the root; None: not read yet."""
        self._end = last
        """Position up to which `_own` is complete."""
        if self.small:
            self._part_events = last + 1

    def __contains__(self, key: int) -> bool:
        return key in self._inside

    def add(self, keys: Sequence[int]) -> None:
        """Add new nodes of the subtree, whose events are later than all that were scanned."""
        if keys:
            self._keys = [*self._keys, *keys]
            self._inside |= set(keys)

    @property
    def small(self) -> bool:
        """Whether events are found by node."""
        return len(self._keys) <= SMALL_SUBTREE_NODES

    async def _search(self, first: int, last: int) -> list[int]:
        if self.small:
            return await self._run.search_nodes(self._keys, self._match, first, last)
        if self._own is None:
            self._own = await self._run.search_node(self._keys[0], self._match, 1, ROOT_EVENTS_MAX)
        elif first > self._end and len(self._own) < ROOT_EVENTS_MAX:
            self._own += await self._run.search_nodes(self._keys[:1], self._match, first, last)
        self._end = max(self._end, last)
        named = self._own[bisect_left(self._own, first) : bisect_right(self._own, last)]
        about = await self._run.search_about(self._match, first, last)
        inside = self._inside
        return sorted({*named, *(position for position, node in about if node in inside)})
