"""Times with idle stretches collapsed, and windows of time that are zoomed and panned. Pure.

Times are seconds since 1970. A *folded* time is a time without the idle stretches before it. Zooming and panning are done
in folded times, so that a collapsed stretch counts as nothing.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import NamedTuple

IDLE_MIN_S = 2.0
"""Minimum length of an idle stretch, in seconds."""

IDLE_SHARE = 0.05
"""Minimum length of an idle stretch, as a part of the whole time."""

WINDOW_MIN_S = 0.01
"""Length of the shortest window, in seconds."""


class Stretch(NamedTuple):
    """A stretch of time."""

    start: float
    end: float

    @property
    def length(self) -> float:
        return self.end - self.start


def idle_stretches(active: Iterable[Stretch], whole: Stretch) -> list[Stretch]:
    """The stretches of `whole` without activity that are longer than IDLE_MIN_S and IDLE_SHARE of it.

    `active`: ascending and disjoint.
    """
    least, found, at = max(IDLE_MIN_S, IDLE_SHARE * whole.length), list[Stretch](), whole.start
    for start, end in (*active, Stretch(whole.end, whole.end)):
        start = min(start, whole.end)
        if start - at > least:
            found.append(Stretch(at, start))
        at = max(at, end)
    return found


class FoldedTime:
    """Times without the idle stretches before them. `idle`: ascending and disjoint."""

    def __init__(self, idle: Sequence[Stretch]) -> None:
        self._starts = [one.start for one in idle]
        self._lengths = [one.length for one in idle]
        self._before = [0.0, *accumulate(self._lengths)]
        self._at = [start - before for start, before in zip(self._starts, self._before, strict=False)]
        """The folded time of each stretch."""

    def fold(self, time: float) -> float:
        """The folded time of a time. All times in an idle stretch have the same."""
        at = bisect_right(self._starts, time) - 1
        if at < 0:
            return time
        return time - self._before[at] - min(time - self._starts[at], self._lengths[at])

    def first(self, folded: float) -> float:
        """The first time with a folded time."""
        return folded + self._before[bisect_left(self._at, folded)]

    def last(self, folded: float) -> float:
        """The last time with a folded time: the end of the idle stretch, if there is one."""
        return folded + self._before[bisect_right(self._at, folded)]


def zoomed(window: Stretch, about: float, factor: float, whole: Stretch, idle: Sequence[Stretch] = ()) -> Stretch:
    """The window `factor` times as long, with the time `about` at the same place of it, within `whole`."""
    times = FoldedTime(idle)
    start, end, here = map(times.fold, (*window, about))
    if end - start <= 0:
        return window
    length = max((end - start) * factor, min(WINDOW_MIN_S, end - start))
    start = here - (min(max(here, start), end) - start) / (end - start) * length
    return _within(start, length, whole, times)


def panned(window: Stretch, share: float, whole: Stretch, idle: Sequence[Stretch] = ()) -> Stretch:
    """The window moved by a share of its length, within `whole`."""
    times = FoldedTime(idle)
    start, end = map(times.fold, window)
    return _within(start + share * (end - start), end - start, whole, times)


def _within(start: float, length: float, whole: Stretch, times: FoldedTime) -> Stretch:
    """A window with this folded start and length, moved into `whole`, or shortened to it."""
    first, last = map(times.fold, whole)
    if length >= last - first:
        return whole
    start = min(max(start, first), last - length)
    end = start + length
    return Stretch(whole.start if start <= first else times.last(start), whole.end if end >= last else times.first(end))
