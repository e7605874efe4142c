"""The time axis of the waterfall: from times to eighths of a cell and back, with collapsed stretches. Pure."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from tui import format as fmt
from tui.models.folded_time import WINDOW_MIN_S, Stretch

EIGHTHS = 8
"""Positions in a cell."""

TICK_CELLS = 14
"""Minimum number of cells from one tick to the next."""

IDLE_CELLS_SHARE = 1 / 3
"""Maximum part of the axis for collapsed stretches with durations. If they need more, each is one cell without."""

IDLE_COUNT_SHARE = 1 / 4
"""Maximum number of collapsed stretches per cell of the axis. The longest are collapsed."""

STEPS_S = (
    *(number * unit for unit in (1e-3, 1e-2, 1e-1, 1.0) for number in (1, 2, 5)),
    *(10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0),
    *(hours * 3600.0 for hours in (1, 2, 5, 12, 24, 48, 120, 240, 480, 1200)),
)
"""Seconds from one tick to the next: multiples of 1, 2 and 5, and those of 60."""


class Tick(NamedTuple):
    """A tick of the axis, with its label."""

    cell: int
    label: str


class Fold(NamedTuple):
    """A collapsed stretch: its first cell, its number of cells, and its seconds."""

    cell: int
    width: int
    seconds: float


class TimeScale:
    """A window of time on `width` cells. Positions are in eighths of a cell, from the left.

    `idle`: stretches to collapse, ascending and disjoint.
    """

    def __init__(self, window: Stretch, width: int, idle: Sequence[Stretch] = ()) -> None:
        self.width = max(width, 1)
        self.window = window if window.length > 0 else Stretch(window.start, window.start + WINDOW_MIN_S)
        self.folds: list[Fold] = []
        """The collapsed stretches, from left to right."""
        folded = self._folded(idle)
        self._times = [self.window.start]
        """Times between which the scale is linear, ascending."""
        self._places = [0.0]
        """Their positions, ascending."""
        self._collapsed: set[int] = set()
        """Indexes of the parts of the scale that are collapsed stretches. Each begins at the time with its index."""
        self._lay_out(folded)

    def _folded(self, idle: Sequence[Stretch]) -> list[tuple[Stretch, float]]:
        """The stretches that are collapsed, as far as they are in the window, with their whole seconds."""
        start, end = self.window
        inside = [(Stretch(max(one.start, start), min(one.end, end)), one.length) for one in idle]
        inside = [one for one in inside if one[0].length > 0]
        if sum(one.length for one, _ in inside) >= self.window.length * (1 - 1e-9):
            return []
        most = int(self.width * IDLE_COUNT_SHARE)
        least = sorted((seconds for _, seconds in inside), reverse=True)[:most]
        return [one for one in inside if one[1] >= least[-1]][:most] if least else []

    def _lay_out(self, folded: Sequence[tuple[Stretch, float]]) -> None:
        """Give each collapsed stretch whole cells, and share the others among the stretches between them by length."""
        labels = [len(fmt.duration(seconds)) + 2 for _, seconds in folded]
        if sum(labels) > self.width * IDLE_CELLS_SHARE:
            labels = [1] * len(folded)
        ends = [self.window.start, *(one.end for one, _ in folded)]
        starts = [*(one.start for one, _ in folded), self.window.end]
        busy = [max(end - start, 0.0) for start, end in zip(ends, starts, strict=True)]
        cells = _shared(busy, self.width - sum(labels))
        at = 0
        for number, own in enumerate(cells):
            at += own
            self._add(starts[number], at)
            if number < len(folded):
                self.folds.append(Fold(at, labels[number], folded[number][1]))
                self._collapsed.add(len(self._times) - 1)
                at += labels[number]
                self._add(folded[number][0].end, at)

    def _add(self, time: float, cell: int) -> None:
        if time > self._times[-1]:
            self._times.append(time)
            self._places.append(float(cell * EIGHTHS))

    @property
    def seconds_per_cell(self) -> float:
        """Average number of seconds of a cell outside collapsed stretches."""
        idle = sum(self._times[at + 1] - self._times[at] for at in self._collapsed)
        return (self.window.length - idle) / max(self.width - sum(fold.width for fold in self.folds), 1)

    def place(self, time: float) -> float:
        """Position of a time. A time outside the window has the position of the nearer edge."""
        if time <= self._times[0]:
            return 0.0
        if time >= self._times[-1]:
            return self._places[-1]
        at = bisect_right(self._times, time) - 1
        before, after = self._times[at], self._times[at + 1]
        left, right = self._places[at], self._places[at + 1]
        return min(left + (time - before) / (after - before) * (right - left), right)

    def cell(self, time: float) -> int | None:
        """Cell of a time; None outside the window."""
        if not self.window.start <= time <= self.window.end:
            return None
        return min(int(self.place(time) / EIGHTHS), self.width - 1)

    def time(self, cell: int) -> float:
        """Time in the middle of a cell, or at the edge of the window."""
        place = min(max(cell, 0), self.width - 1) * EIGHTHS + EIGHTHS / 2
        at = min(bisect_right(self._places, place), len(self._places) - 1) - 1
        left, right = self._places[at], self._places[at + 1]
        return self._times[at] + (place - left) / (right - left) * (self._times[at + 1] - self._times[at])

    def bar(self, start: float, end: float) -> tuple[int, int] | None:
        """First eighth of a bar, and the one after its last; None outside the window. A bar has at least one eighth."""
        if end < self.window.start or start > self.window.end:
            return None
        most = self.width * EIGHTHS
        left = min(round(self.place(start)), most - 1)
        return left, min(max(round(self.place(end)), left + 1), most)

    def ticks(self, origin: float) -> list[Tick]:
        """Ticks at round times since `origin`, without those in collapsed stretches. Labels do not overlap."""
        per_cell = self.seconds_per_cell
        step = next((step for step in STEPS_S if step >= per_cell * TICK_CELLS), STEPS_S[-1])
        covered = [range(fold.cell, fold.cell + fold.width) for fold in self.folds]
        found, free = list[Tick](), 0
        for time in self._round_times(origin, step):
            cell, label = self.cell(time), _tick_label(time - origin, step)
            if cell is None or cell < free or cell + len(label) + 1 > self.width:
                continue
            if any(cell in cells or cells[0] in range(cell, cell + len(label) + 1) for cells in covered):
                continue
            found.append(Tick(cell, label))
            free = cell + len(label) + 2
        return found

    def _round_times(self, origin: float, step: float) -> Iterator[float]:
        """Multiples of a step since `origin` in the window, without those in collapsed stretches."""
        for at in range(len(self._times) - 1):
            if at not in self._collapsed:
                number = -int(-(self._times[at] - origin) // step)
                while (time := origin + number * step) <= self._times[at + 1]:
                    yield time
                    number += 1


def _shared(lengths: Sequence[float], cells: int) -> list[int]:
    """Whole cells for stretches by their lengths. Each with a length has at least one; the sum is `cells`."""
    total = sum(lengths)
    if total <= 0:
        return [cells, *(0 for _ in lengths[1:])]
    found = [max(int(cells * length / total), 1) if length > 0 else 0 for length in lengths]
    while sum(found) != cells:
        step = 1 if sum(found) < cells else -1
        wanted = [cells * length / total - own for length, own in zip(lengths, found, strict=True)]
        places = [at for at, own in enumerate(found) if lengths[at] > 0 and own + step >= 1]
        found[max(places, key=lambda at: wanted[at] * step)] += step
    return found


def _tick_label(seconds: float, step: float) -> str:
    """`0`, `0.25s`, `12s`, `1m30s`, `5m`, `1h`, `1h05m`, `2d`."""
    sign = "-" if seconds < -step / 2 else ""
    seconds = abs(seconds)
    if seconds < step / 2:
        return "0"
    if step < 1:
        digits = 1 if step >= 0.1 else 2 if step >= 0.01 else 3
        minutes, rest = divmod(round(seconds, digits), 60)
        return f"{sign}{minutes:.0f}m{rest:0{3 + digits}.{digits}f}s" if minutes else f"{sign}{rest:.{digits}f}s"
    whole = round(seconds)
    days, hours, minutes, rest = whole // 86_400, whole // 3600 % 24, whole // 60 % 60, whole % 60
    parts = [(days, "d"), (hours, "h"), (minutes, "m"), (rest, "s")]
    first = next(at for at, (number, _) in enumerate(parts) if number)
    last = max(at for at, (number, _) in enumerate(parts) if number)
    shown = (f"{number:02}{unit}" if at > first else f"{number}{unit}" for at, (number, unit) in enumerate(parts))
    return sign + "".join(text for at, text in enumerate(shown) if first <= at <= last)
