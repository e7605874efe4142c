"""The own work of tasks: the time of their steps, without the time in which a task inside them has a step. Pure."""

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from math import inf
from operator import itemgetter
from typing import NamedTuple

from store.model.number_lists import NumberLists
from store.model.span import Kind, Span

Interval = tuple[float, float]
"""Beginning and end, in seconds since 1970."""

INSERT_SHARE = 64
"""Intervals per interval that is added from which on it is inserted. Otherwise all are sorted."""


def interval(span: Span, to: float) -> Interval:
    """The time of a span. `to`: end of an open span. If the beginning is unknown, it is the end less the duration."""
    seconds = span.lasted if span.ended is None else span.duration or 0.0
    if span.open:
        seconds = to - span.since
    seconds = max(seconds, 0.0)
    start = span.since - seconds if span.started is None else span.started
    return start, start + seconds


class TaskTimes(NamedTuple):
    """The times of a task."""

    task: int
    own: list[Interval]
    """The times in which it has a step, ascending and disjoint."""
    inside: list[Interval]
    """The times in which tasks inside it have a step, at any depth, ascending and disjoint."""

    @property
    def work(self) -> tuple[float, float]:
        """Seconds of own work before the first step of a task inside it, and after."""
        alone, divide = without(self.own, self.inside), self.inside[0][0] if self.inside else inf
        before = sum(end - start for start, end in alone if start < divide)
        return before, sum(end - start for start, end in alone if start >= divide)


class Steps:
    """The times of the steps of numbered tasks, in three arrays."""

    def __init__(self) -> None:
        self._tasks = array("q")
        self._starts = array("d")
        self._ends = array("d")

    def add(self, task: int, span: Span, times: Interval) -> None:
        """Add a span of a task, if it is a step."""
        if span.kind == Kind.STEP:
            self._tasks.append(task)
            self._starts.append(times[0])
            self._ends.append(times[1])

    def times(self, parents: Sequence[int]) -> Iterator[TaskTimes]:
        """The times of each task, after those of the tasks inside it. `parents`: -1 for none.

        The lists of a task are changed by the next one.
        """
        steps = NumberLists(len(parents), self._tasks, range(len(self._tasks)))
        waiting: dict[int, list[list[Interval]]] = {}
        """By task: the times of each task inside it that was looked at."""
        for task in inner_first(parents):
            own = merged((self._starts[step], self._ends[step]) for step in steps[task])
            inside = _united(waiting.pop(task, []))
            yield TaskTimes(task, own, inside)
            if parents[task] >= 0 and (own or inside):
                waiting.setdefault(parents[task], []).append(_united([own, inside]))

    def own_work(self, parents: Sequence[int]) -> tuple[Sequence[float], Sequence[float]]:
        """By task: seconds of work before the first step of a task inside it, and after. `parents`: -1 for none."""
        before, after = array("d", bytes(8 * len(parents))), array("d", bytes(8 * len(parents)))
        for times in self.times(parents):
            before[times.task], after[times.task] = times.work
        return before, after


def depths(parents: Sequence[int]) -> Sequence[int]:
    """How many tasks contain each task, at any level. `parents`: -1 for none."""
    found = array("q", [-1]) * len(parents)
    for task in range(len(parents)):
        chain, above = [], task
        while above >= 0 and found[above] < 0:
            chain.append(above)
            above = parents[above]
        depth = found[above] if above >= 0 else -1
        for one in reversed(chain):
            depth += 1
            found[one] = depth
    return found


def inner_first(parents: Sequence[int]) -> list[int]:
    """All tasks, each after the tasks inside it."""
    return sorted(range(len(parents)), key=depths(parents).__getitem__, reverse=True)


def merged(intervals: Iterable[Interval]) -> list[Interval]:
    """The same times as disjoint intervals, ascending."""
    found: list[Interval] = []
    for start, end in sorted(intervals):
        if found and start <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], end)
        else:
            found.append((start, end))
    return found


def _united(parts: list[list[Interval]]) -> list[Interval]:
    """The same times as disjoint intervals, ascending, as all parts are. Can change the parts.

    A few intervals are inserted into many, so that a long chain of tasks does not copy the times of all at each level.
    """
    most = max(parts, key=len, default=[])
    if (sum(map(len, parts)) - len(most)) * INSERT_SHARE > len(most):
        return merged(one for part in parts for one in part)
    for part in parts:
        for one in part if part is not most else ():
            _insert(most, one)
    return most


def _insert(intervals: list[Interval], one: Interval) -> None:
    """Add an interval to disjoint, ascending ones."""
    start, end = one
    first = bisect_left(intervals, (start, start))
    if first and intervals[first - 1][1] >= start:
        first -= 1
    last = first
    while last < len(intervals) and intervals[last][0] <= end:
        last += 1
    if last > first:
        start, end = min(start, intervals[first][0]), max(end, intervals[last - 1][1])
    intervals[first:last] = [(start, end)]


def without(intervals: Iterable[Interval], others: Sequence[Interval]) -> list[Interval]:
    """The parts of intervals that lie in none of the others. Both are disjoint and ascending."""
    found, at = [], 0
    for start, end in intervals:
        at = bisect_left(others, start, at, key=itemgetter(1))
        at += at < len(others) and others[at][1] == start
        here = at  # the last of the others may reach into the next interval
        while here < len(others) and others[here][0] < end:
            other_start, other_end = others[here]
            if start < other_start:
                found.append((start, other_start))
            start = max(start, other_end)
            here += 1
        if start < end:
            found.append((start, end))
    return found
