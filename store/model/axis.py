"""The axis of a run: conversion between positions, times and the cells of a bar.

Each of the three increases monotonically with the others:

- *position*: number of events so far, 0 to N. A screen shows the run at one position.
- *time*: the publishers' clocks, corrected by `monotonic`.
- *cell*: a column of a bar of a given width. Proportional to time, except that an idle stretch (see `_idle_after`) takes
  few cells. Proportional to the position if all events have the same time.

A run of a million events is represented by two thousand marks. Events between two marks are spaced evenly; those in an idle
stretch are placed at its end.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate, compress, count, islice, pairwise
from operator import le, mul
from typing import Literal, NamedTuple

from store.model.record import Mark

Kind = Literal["error", "tool", "llm", "plan", "other"]

IDLE_MIN_S = 5.0
"""Seconds. A shorter stretch without events is never idle."""

IDLE_BUSY_SHARE = 1 / 20
"""Part of the busy time that an idle stretch exceeds."""

IDLE_USUAL_TIMES = 3
"""Multiple of the usual wait for an event that an idle stretch exceeds."""

USUAL_WAIT_MAX_S = 60.0
"""Seconds to which a wait is limited when the usual wait is computed, so that pauses do not count as usual."""

IDLE_STRETCH_CELLS = 2.0
"""Cells of an idle stretch. Two cells always contain one that is empty."""

IDLE_BAR_SHARE = 1 / 4
"""Part of the bar that all idle stretches occupy at most."""


class AxisCell(NamedTuple):
    """The events in one cell of the bar."""

    events: int = 0
    kind: Kind = "other"
    """`error` if there is one, else the most frequent of tool calls, llm calls and new nodes (`plan`)."""
    idle: bool = False
    """Whether the cell represents an idle stretch."""


class Axis:
    """The axis of positions 0 to `total`. Immutable.

    Raises ValueError if the positions of the marks do not ascend from 0.
    """

    def __init__(self, marks: Iterable[Mark]) -> None:
        self.marks = tuple(marks)
        """The known points of the run."""
        self._positions = [mark.position for mark in self.marks]
        if self._positions[:1] != [0] or any(map(le, self._positions[1:], self._positions)):
            raise ValueError("marks must ascend by position from 0")
        self._times = monotonic([mark.time for mark in self.marks])
        lengths = [after - before for before, after in pairwise(self._times)]
        idle_after = _idle_after([after - before for before, after in pairwise(self._positions)], lengths)
        self._idle = [length > idle_after for length in lengths]
        self._idle_before = [0, *accumulate(self._idle)]
        """Number of idle stretches before each mark."""
        busy = [0.0, *accumulate(0.0 if length > idle_after else length for length in lengths)]
        self._busy = busy if busy[-1] > 0 else self._positions
        """Busy time before each mark in seconds; if there is none, the number of events."""
        self._offsets_by_width: dict[int, list[float]] = {}
        self._last_positions_by_width: dict[int, list[int]] = {}

    @property
    def total(self) -> int:
        """The last position, which is the number of events."""
        return self._positions[-1]

    @property
    def start(self) -> float:
        """Time of the beginning of the run."""
        return self._times[0]

    @property
    def end(self) -> float:
        """Time of the last event."""
        return self._times[-1]

    def extended(self, marks: Iterable[Mark]) -> "Axis":
        """A new axis with further marks. Known marks are skipped."""
        return Axis([*self.marks, *(mark for mark in marks if mark.position > self.total)])

    # Time

    def time_at(self, position: int) -> float:
        """Time of the event at a position; of the start for 0."""
        return self._along(self._times, position)

    def position_at(self, time: float) -> int:
        """The last position whose time is not later than `time`; 0 before the start."""
        return max(bisect_right(range(self.total + 1), time, key=self.time_at) - 1, 0)

    def idle_end(self, position: int) -> int | None:
        """The position after the idle stretch that follows a position; None if none follows."""
        index, share = self._find(position)
        return position + 1 if not share and index < len(self._idle) and self._idle[index] else None

    # Cells

    def cell_of(self, position: int, width: int) -> int:
        """The cell of a position on a bar of this width."""
        return max(min(int(self._along(self._offsets(width), position)), width - 1), 0)

    def position_at_cell(self, cell: int, width: int) -> int:
        """The last position in this cell or left of it; 0 left of the bar, `total` right of it."""
        if cell < 0:
            return 0
        return self.total if cell >= width else self._last_positions(width)[cell]

    def cells(self, width: int) -> list[AxisCell]:
        """The cells of a bar of this width."""
        found = []
        before = self._counts(0)
        for last in self._last_positions(width):
            counts = self._counts(last)
            found.append(_cell(before, counts))
            before = counts
        offsets = self._offsets(width)
        for index in compress(count(), self._idle):
            cell = min(int((offsets[index] + offsets[index + 1]) / 2), width - 1)
            if found:
                found[cell] = found[cell]._replace(idle=not found[cell].events)
        return found

    def _last_positions(self, width: int) -> list[int]:
        """For each cell, the last position in it or left of it."""
        if width not in self._last_positions_by_width:
            last_positions, marks = [], [self.cell_of(position, width) for position in self._positions]
            for cell in range(width):
                index = bisect_right(marks, cell)
                between = range(self._positions[index - 1], *self._positions[index : index + 1] or [self.total + 1])
                last_positions.append(
                    between[bisect_right(between, cell, key=lambda position: self.cell_of(position, width)) - 1]
                )
            self._last_positions_by_width[width] = last_positions
        return self._last_positions_by_width[width]

    def _offsets(self, width: int) -> list[float]:
        """Distance of each mark from the left end, in cells."""
        if width not in self._offsets_by_width:
            idle = self._idle_before[-1]
            idle_cells = min(IDLE_STRETCH_CELLS, width * IDLE_BAR_SHARE / idle) if idle else 0.0
            scale = (width - idle_cells * idle) / (self._busy[-1] or 1)
            self._offsets_by_width[width] = [
                busy * scale + idle_cells * before for busy, before in zip(self._busy, self._idle_before, strict=True)
            ]
        return self._offsets_by_width[width]

    # Between marks

    def _find(self, position: int) -> tuple[int, float]:
        """Index of the last mark at or before a position, and the fraction of the way to the next mark."""
        index = max(bisect_right(self._positions, position) - 1, 0)
        if index == len(self.marks) - 1 or position <= 0:
            return index, 0.0
        at = self._positions[index]
        return index, (position - at) / (self._positions[index + 1] - at)

    def _along(self, values: Sequence[float], position: int) -> float:
        """Interpolate values of the marks. After an idle stretch: the value at its end."""
        index, share = self._find(position)
        if not share:
            return values[index]
        before, after = values[index : index + 2]
        return after if self._idle[index] else min(before + (after - before) * share, after)

    def _counts(self, position: int) -> tuple[int, int, int, int, int]:
        """Number of events, errors, tool calls, llm calls and nodes at a position."""
        index, share = self._find(position)
        _, _, nodes, errors, llm_calls, tool_calls, *_ = self.marks[index]
        if share:
            after = self.marks[index + 1]
            nodes += int((after.nodes - nodes) * share)
            errors += int((after.errors - errors) * share)
            llm_calls += int((after.llm_calls - llm_calls) * share)
            tool_calls += int((after.tool_calls - tool_calls) * share)
        return position, errors, tool_calls, llm_calls, nodes


def monotonic(times: Sequence[float]) -> Sequence[float]:
    """The closest non-decreasing times. A single wrong clock changes no other event.

    Closest by the sum of absolute differences: isotonic regression with medians ("pool adjacent violators").
    """
    if all(map(le, times, islice(times, 1, None))):
        return times
    pools: list[list[float]] = []
    for time in times:
        pool = [time]
        while pools and _median(pools[-1]) > _median(pool):
            pools[-1] += pool
            pool = pools.pop()
            pool.sort()
        pools.append(pool)
    return [_median(pool) for pool in pools for _ in pool]


def _median(ascending: Sequence[float]) -> float:
    return ascending[(len(ascending) - 1) // 2]


def _idle_after(counts: Sequence[int], lengths: Sequence[float]) -> float:
    """Seconds beyond which a stretch is idle. `counts`, `lengths`: number of events and seconds between adjacent marks.

    The usual wait is weighted by time: one model call of 20 s weighs more than the twenty events after it. At least half of
    the stretches are never idle.
    """
    if not lengths:
        return IDLE_MIN_S
    ascending = sorted(lengths)
    waits = [min(length / count, USUAL_WAIT_MAX_S) for count, length in zip(counts, lengths, strict=True)]
    waited = sum(map(mul, counts, waits))
    usual = sum(count * wait * wait for count, wait in zip(counts, waits, strict=True)) / waited if waited else 0.0
    least = max(IDLE_MIN_S, IDLE_USUAL_TIMES * usual, IDLE_USUAL_TIMES * _median(ascending))
    busy = 0.0
    for length in ascending:
        if length > max(least, busy * IDLE_BUSY_SHARE):
            break
        busy += length
    return max(least, busy * IDLE_BUSY_SHARE)


def _cell(before: Sequence[int], after: Sequence[int]) -> AxisCell:
    events, errors, tools, llms, nodes = (b - a for a, b in zip(before, after, strict=True))
    if errors > 0:
        return AxisCell(events, "error")
    grown: list[tuple[int, Kind]] = [(0, "other"), (tools, "tool"), (llms, "llm"), (nodes, "plan")]
    return AxisCell(events, max(grown, key=lambda kind: kind[0])[1])
