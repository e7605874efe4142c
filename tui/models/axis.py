"""Where the moments of a run lie on a bar: its events by number, by time, and by the cell that they are drawn in. Pure.

Three measures of the same run, none of which ever goes back:

- *position*: how many events have happened, 0 to N. What a screen shows is the run at a position.
- *time*: what the publishers' clocks said, mended: see `mended`.
- *cell*: of a bar of some width. It is the time, but stretches in which nothing happened for much longer than usual are
  drawn as small as a fold in a map: see `_patience`. Where the clock stood still, it is the position.

A run of a million events is known by two thousand marks; between two marks events are taken to come evenly, or where
that took long, after a pause.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate, compress, count, islice, pairwise
from operator import le, mul
from typing import Literal, NamedTuple

from store.record import Mark

Kind = Literal["error", "tool", "llm", "plan", "other"]

IDLE_AFTER = 5.0
"""Seconds that nobody calls idle."""

IDLE_SHARE = 1 / 20
"""A stretch is idle when it is longer than this part of all the time that is not, and"""

IDLE_TIMES = 3
"""so many times as long as is usual."""

LONGEST_USUAL = 60.0
"""Seconds: what takes longer counts as this much when we ask what is usual. Long calls to models are, pauses are not."""

FOLD = 2.0
"""Cells that an idle stretch is drawn in: with two of them there is always one in which nothing else is."""

FOLDS_SHARE = 1 / 4
"""Of the bar: more than that is not spent on idle stretches, however many."""


class CellData(NamedTuple):
    """What happened in the part of a run that is drawn in one cell."""

    events: int = 0
    kind: Kind = "other"
    """`error` when there was one, else what there was most of: tool calls, llm calls, or nodes born (`plan`)."""
    idle: bool = False
    """Time was left out here."""


class Axis:
    """The positions 0 to `total` of a run between its marks. It does not change: `extended` gives a longer one.

    Marks ascend by position from 0; raises ValueError where they do not.
    """

    def __init__(self, marks: Iterable[Mark]) -> None:
        self.marks = tuple(marks)
        """Where the run is known exactly."""
        self._positions = [mark.position for mark in self.marks]
        if self._positions[:1] != [0] or any(map(le, self._positions[1:], self._positions)):
            raise ValueError("marks must ascend by position from 0")
        self._times = mended([mark.time for mark in self.marks])
        lengths = [after - before for before, after in pairwise(self._times)]
        patience = _patience([after - before for before, after in pairwise(self._positions)], lengths)
        self._idle = [length > patience for length in lengths]
        self._folds = [0, *accumulate(self._idle)]
        busy = [0.0, *accumulate(0.0 if length > patience else length for length in lengths)]
        self._busy = busy if busy[-1] > 0 else self._positions
        """How much of the run, without its idle stretches, lies before each mark."""
        self._places_by_width: dict[int, list[float]] = {}
        self._lasts_by_width: dict[int, list[int]] = {}

    def __repr__(self) -> str:
        return f"<Axis of {self.total} events, {len(self.marks)} marks, {sum(self._idle)} idle>"

    @property
    def total(self) -> int:
        """The last position: how many events there are."""
        return self._positions[-1]

    @property
    def start(self) -> float:
        """The time at which the run began."""
        return self._times[0]

    @property
    def end(self) -> float:
        """The time of the last event."""
        return self._times[-1]

    def extended(self, marks: Iterable[Mark]) -> "Axis":
        """The axis of the same run with what came since; marks that it has already are skipped."""
        return Axis([*self.marks, *(mark for mark in marks if mark.position > self.total)])

    # Time

    def time_at(self, position: int) -> float:
        """The time of an event, that of the start for 0."""
        return self._along(self._times, position)

    def position_at(self, time: float) -> int:
        """The last position whose time is not later; 0 before the run began."""
        return max(bisect_right(range(self.total + 1), time, key=self.time_at) - 1, 0)

    def idle_after(self, position: int) -> int | None:
        """The position at which something happens again, where a position is followed by an idle stretch; else None."""
        index, share = self._find(position)
        return position + 1 if not share and index < len(self._idle) and self._idle[index] else None

    # Cells

    def cell_of(self, position: int, width: int) -> int:
        """The cell of a bar of this width in which a position is drawn."""
        return max(min(int(self._along(self._places(width), position)), width - 1), 0)

    def at_cell(self, x: int, width: int) -> int:
        """The position after all that is drawn up to a cell: the last one there, or where it is empty, before it.

        Left of the bar it is 0, right of it the end.
        """
        if x < 0:
            return 0
        return self.total if x >= width else self._lasts(width)[x]

    def cells(self, width: int) -> list[CellData]:
        """What is drawn in each cell of a bar of this width."""
        found = []
        before = self._counts(0)
        for last in self._lasts(width):
            counts = self._counts(last)
            found.append(_cell(before, counts))
            before = counts
        places = self._places(width)
        for index in compress(count(), self._idle):
            cell = min(int((places[index] + places[index + 1]) / 2), width - 1)
            if found:
                found[cell] = found[cell]._replace(idle=not found[cell].events)
        return found

    def _lasts(self, width: int) -> list[int]:
        """The last position that is not to the right of each cell."""
        if width not in self._lasts_by_width:
            lasts, marks = [], [self.cell_of(position, width) for position in self._positions]
            for cell in range(width):
                index = bisect_right(marks, cell)
                between = range(self._positions[index - 1], *self._positions[index : index + 1] or [self.total + 1])
                lasts.append(between[bisect_right(between, cell, key=lambda position: self.cell_of(position, width)) - 1])
            self._lasts_by_width[width] = lasts
        return self._lasts_by_width[width]

    def _places(self, width: int) -> list[float]:
        """How far from the left, in cells, each mark is."""
        if width not in self._places_by_width:
            folds = self._folds[-1]
            fold = min(FOLD, width * FOLDS_SHARE / folds) if folds else 0.0
            scale = (width - fold * folds) / (self._busy[-1] or 1)
            self._places_by_width[width] = [
                busy * scale + fold * folded for busy, folded in zip(self._busy, self._folds, strict=True)
            ]
        return self._places_by_width[width]

    # Between marks

    def _find(self, position: int) -> tuple[int, float]:
        """The mark at or before a position, and which part of the way to the next one it has gone."""
        index = max(bisect_right(self._positions, position) - 1, 0)
        if index == len(self.marks) - 1 or position <= 0:
            return index, 0.0
        at = self._positions[index]
        return index, (position - at) / (self._positions[index + 1] - at)

    def _along(self, values: Sequence[float], position: int) -> float:
        """What marks have by these values, a position in between; of an idle stretch all events come at its end."""
        index, share = self._find(position)
        if not share:
            return values[index]
        before, after = values[index : index + 2]
        return after if self._idle[index] else min(before + (after - before) * share, after)

    def _counts(self, position: int) -> tuple[int, int, int, int, int]:
        """Events, errors, tool calls, llm calls and nodes up to a position."""
        index, share = self._find(position)
        _, _, nodes, errors, llm_calls, tool_calls, *_ = self.marks[index]
        if share:
            after = self.marks[index + 1]
            nodes += int((after.nodes - nodes) * share)
            errors += int((after.errors - errors) * share)
            llm_calls += int((after.llm_calls - llm_calls) * share)
            tool_calls += int((after.tool_calls - tool_calls) * share)
        return position, errors, tool_calls, llm_calls, nodes


def mended(times: Sequence[float]) -> Sequence[float]:
    """The times nearest to these that never go back: one wrong clock, years ahead or behind, moves nothing but itself.

    Nearest by the sum of the differences: where times go back, they are pooled into their median, as isotonic regression
    does ("pool adjacent violators").
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


def _patience(counts: Sequence[int], lengths: Sequence[float]) -> float:
    """The seconds after which a stretch is idle, given how many events came in each and how long it took.

    Usual is the wait that a run is in at a moment taken at random: one call to a model of 20 s says more about it than the
    twenty events after that. Nor is idle what half of the stretches are.
    """
    if not lengths:
        return IDLE_AFTER
    ascending = sorted(lengths)
    waits = [min(length / count, LONGEST_USUAL) for count, length in zip(counts, lengths, strict=True)]
    waited = sum(map(mul, counts, waits))
    usual = sum(count * wait * wait for count, wait in zip(counts, waits, strict=True)) / waited if waited else 0.0
    least = max(IDLE_AFTER, IDLE_TIMES * usual, IDLE_TIMES * _median(ascending))
    busy = 0.0
    for length in ascending:
        if length > max(least, busy * IDLE_SHARE):
            break
        busy += length
    return max(least, busy * IDLE_SHARE)


def _cell(before: Sequence[int], after: Sequence[int]) -> CellData:
    events, errors, tools, llms, nodes = (b - a for a, b in zip(before, after, strict=True))
    if errors > 0:
        return CellData(events, "error")
    grown: list[tuple[int, Kind]] = [(0, "other"), (tools, "tool"), (llms, "llm"), (nodes, "plan")]
    return CellData(events, max(grown, key=lambda kind: kind[0])[1])
