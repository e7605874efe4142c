"""Which events a timeline lists: all of a run or of a node, or those of them that match.

Where every event of a run or node is listed, the n-th row is known without looking. Where only some are (those of a
subtree, of some types, or with some words), their positions are looked for a stretch at a time, from one end of the run to
the other and on at its end while it grows; what was found so far can be read meanwhile.
"""

import time
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Protocol

from store.record import Match, Stored
from store.run_reader import RunReader

STRETCH = 4_000
"""Events that are looked through first; then as many as fit the time."""

LONG = 0.02
"""Seconds that one stretch should take."""

FEW = 200
"""Nodes that are asked for their events by one statement."""

MANY = 20_000
"""Events that name the root of a subtree that are looked at. Only roots of runs have more, and no other node has those."""


class Listing(Protocol):
    """Events in order, by number from 0."""

    @property
    def complete(self) -> bool:
        """Is nothing left to be looked for?"""
        ...

    def count(self, position: int) -> int:
        """How many there are up to a position of the run."""
        ...

    async def rows(self, first: int, last: int) -> list[Stored]:
        """Those from `first` up to, not including, `last`."""
        ...


class RunEvents:
    """All events of a run."""

    complete = True

    def __init__(self, run: RunReader) -> None:
        self._run = run

    def count(self, position: int) -> int:
        return position

    async def rows(self, first: int, last: int) -> list[Stored]:
        return await self._run.events(first + 1, last)


class NodeEvents:
    """All events that name a node. How many those are at a position, the node then says: `events` is to be kept so."""

    complete = True

    def __init__(self, run: RunReader, node: int, events: int) -> None:
        self._run = run
        self._node = node
        self.events = events

    def count(self, position: int) -> int:
        return self.events

    async def rows(self, first: int, last: int) -> list[Stored]:
        return await self._run.node_events(self._node, first + 1, last)


class Matches:
    """The events of a run that match, as far as they were looked for; subclasses look in other places.

    They are looked for by a number that events have: their position in the run, or, in `NodeMatches`, among those that
    name the node.
    """

    def __init__(self, run: RunReader, match: Match, first: int, last: int, backwards: bool) -> None:
        """To be looked for among the numbers from `first` to `last`, beginning at the end if `backwards`."""
        self._run = run
        self._match = match
        self._first = first
        self._last = last
        self._looked = (last + 1, last) if backwards else (first, first - 1)
        """From and to which number was looked already."""
        self._stretch = STRETCH
        self.positions = array("q")
        """Of the events that were found, in order."""

    @property
    def complete(self) -> bool:
        return self._looked[0] <= self._first and self._looked[1] >= self._last

    def has_looked_at(self, number: int) -> bool:
        """Was this number looked at, or is it none to be looked at?"""
        return self._looked[0] <= number <= self._looked[1] or not self._first <= number <= self._last

    @property
    def looked(self) -> float:
        """Which part was looked through, 0 to 1."""
        there = self._last - self._first + 1
        return 1.0 if there <= 0 else (self._looked[1] - self._looked[0] + 1) / there

    def count(self, position: int) -> int:
        return bisect_right(self.positions, position)

    async def rows(self, first: int, last: int) -> list[Stored]:
        return await self._run.at_positions(self.positions[first:last])

    def grow(self, last: int) -> None:
        """There are more numbers to look at now."""
        self._last = max(last, self._last)

    async def look(self) -> int:
        """Look through one stretch more; tells how many rows were found before those that were there."""
        low, high = self._looked
        begun, before = time.monotonic(), 0
        if high < self._last:
            upto = min(high + self._stretch, self._last)
            self.positions.extend(await self._search(high + 1, upto))
            self._looked = (low, upto)
        elif low > self._first:
            down = max(low - self._stretch, self._first)
            found = await self._search(down, low - 1)
            self.positions[:0] = array("q", found)
            self._looked, before = (down, high), len(found)
        spent = time.monotonic() - begun
        self._stretch = max(STRETCH // 4, min(round(self._stretch * LONG / max(spent, LONG / 8)), 500_000))
        return before

    async def _search(self, first: int, last: int) -> list[int]:
        """The positions of the events that match, of those with these numbers."""
        return await self._run.search(self._match, first, last)


class NodeMatches(Matches):
    """The events that name a node, given by its key, and match."""

    def __init__(self, run: RunReader, match: Match, node: int, events: int, backwards: bool) -> None:
        super().__init__(run, match, 1, events, backwards)
        self._node = node

    async def _search(self, first: int, last: int) -> list[int]:
        return await self._run.search_node(self._node, self._match, first, last)


class SubtreeMatches(Matches):
    """The events about the nodes of a subtree, given by their keys, its root first. With those that name its root.

    Of a small one, its nodes are asked for their events; for a large one, all events are looked through.
    """

    def __init__(self, run: RunReader, match: Match, keys: Sequence[int], born: int, last: int, backwards: bool) -> None:
        super().__init__(run, match, born, last, backwards)
        self._keys = keys
        self._inside = set(keys)
        self._own: list[int] | None = None
        """The positions of the events that name the root of the subtree; None: not read yet."""
        self._end = last
        """Up to where those are known."""
        if self.small:
            self._stretch = last + 1

    def __contains__(self, key: int) -> bool:
        return key in self._inside

    def add(self, keys: Sequence[int]) -> None:
        """Further nodes of the subtree; what is about them comes after all that was looked at."""
        if keys:
            self._keys = [*self._keys, *keys]
            self._inside |= set(keys)

    @property
    def small(self) -> bool:
        """Few enough to be asked one by one."""
        return len(self._keys) <= FEW

    async def _search(self, first: int, last: int) -> list[int]:
        if self.small:
            return await self._run.search_nodes(self._keys, self._match, first, last)
        if self._own is None:
            self._own = await self._run.search_node(self._keys[0], self._match, 1, MANY)
        elif first > self._end and len(self._own) < MANY:
            self._own += await self._run.search_nodes(self._keys[:1], self._match, first, last)
        self._end = max(self._end, last)
        named = self._own[bisect_left(self._own, first) : bisect_right(self._own, last)]
        about = await self._run.search_about(self._match, first, last)
        inside = self._inside
        return sorted({*named, *(position for position, node in about if node in inside)})
