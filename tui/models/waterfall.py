"""The bars of the waterfall: from the spans of a task to the cells of its line. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

from msgspec import Struct

from store.model.span import Kind, Outcome, Span
from tui.models.folded_time import Stretch
from tui.models.snapshot import TreeNodes
from tui.models.time_scale import EIGHTHS, TimeScale
from tui.theme import Glyphs

OWN, CRITICAL, INSIDE, FAILED = 1, 2, 3, 4
"""Kinds of bars, in the order in which they are drawn over each other: steps, steps on the critical path, the time in which
tasks inside have a step, so that the outer step only waits for them, and failed or aborted steps and calls."""

BAR_ROLES = {OWN: "own", CRITICAL: "critical", INSIDE: "inside", FAILED: "failed"}
"""Role of each kind."""

_FULL = {kind: bytes([kind]) * EIGHTHS for kind in range(FAILED + 1)}


class Bar(NamedTuple):
    """A bar of a line. `open`: it has not ended, and grows."""

    start: float
    end: float
    kind: int
    open: bool = False


class BarCell(NamedTuple):
    """Cells of a line: text, role ("" for none), and whether text and background are swapped."""

    text: str
    role: str = ""
    swapped: bool = False


class WaterfallRows(Struct, frozen=True, eq=False):
    """What the waterfall draws, at one position. Tasks are given by number."""

    tree: TreeNodes = TreeNodes()
    spans: Mapping[int, Sequence[Span]] = {}
    """The spans of each task on the screen and near it."""
    inside: Mapping[int, Sequence[Stretch]] = {}
    """The times in which tasks inside a task have a step, as far as they are known. Ascending and disjoint."""
    critical: frozenset[int] = frozenset()
    """The tasks with own work on the critical path."""
    slack: Mapping[int, float] = {}
    """Seconds by which the work of a task can grow without making the critical path longer."""
    idle: Sequence[Stretch] = ()
    """The stretches in which nothing is active."""
    whole: Stretch = Stretch(0.0, 0.0)
    """The time of the run, or of the subtree that is shown."""
    origin: float = 0.0
    """Time of the start of the run."""
    now: float = 0.0
    """Time up to which open spans have lasted."""
    summaries: Sequence[str] = ()
    """Work, critical path and parallelism, the longest text first."""


def extent(span: Span, now: float) -> Stretch:
    """Beginning and end of a span. An open span ends at `now`."""
    if span.open:
        return Stretch(span.since, max(now, span.since))
    if span.ended is None:
        return Stretch(span.since, span.since + max(span.lasted, 0.0))
    seconds = max(span.duration or 0.0, 0.0)
    if span.started is None:
        return Stretch(span.since - seconds, span.since)
    return Stretch(span.started, span.started + seconds)


def bars(number: int, execution: int | None, rows: WaterfallRows) -> list[Bar]:
    """The bars of a task, and of the execution that shares its line. Later ones are drawn over earlier ones."""
    found = [Bar(start, end, INSIDE) for start, end in rows.inside.get(number, ())]
    beneath = rows.tree.beneath.get(number)
    if beneath is not None and execution is None:
        since = max((bar.end for bar in found), default=rows.now)
        found.append(Bar(since, rows.now, INSIDE, open=True))
    for one in (number,) if execution is None else (number, execution):
        found += _own_bars(rows.spans.get(one, ()), one in rows.critical, rows.now)
    return sorted(found, key=lambda bar: bar.kind)


def _own_bars(spans: Iterable[Span], critical: bool, now: float) -> Iterator[Bar]:
    """Steps, calls outside steps, and calls that failed."""
    for span in spans:
        failed = span.outcome in (Outcome.FAILED, Outcome.ABORTED)
        if span.kind == Kind.STEP or span.parent is None or failed:
            start, end = extent(span, now)
            yield Bar(start, end, FAILED if failed else CRITICAL if critical else OWN, span.open)


def bar_cells(drawn: Iterable[Bar], scale: TimeScale, glyphs: Glyphs, marks: Mapping[int, BarCell]) -> list[BarCell]:
    """A line of bars. `marks`: what empty cells have."""
    width = scale.width
    painted, edges = bytearray(width * EIGHTHS), set[int]()
    for start, end, kind, open_ended in drawn:
        found = scale.bar(start, end)
        if found is not None:
            left, right = found
            painted[left:right] = bytes([kind]) * (right - left)
            if open_ended and end <= scale.window.end:
                edges.add((right - 1) // EIGHTHS)
    eighths = bytes(painted)
    cells = (
        BarCell(glyphs("open-end"), "active") if at in edges else _cell(eighths[at * 8 : at * 8 + 8], glyphs, marks.get(at))
        for at in range(width)
    )
    return [BarCell("".join(cell.text for cell in same), *how) for how, same in groupby(cells, key=lambda cell: cell[1:])]


def _cell(eighths: bytes, glyphs: Glyphs, mark: BarCell | None) -> BarCell:
    """The cell with these eighths. Of several kinds, the one with most eighths gives the colour."""
    first = eighths[0]
    if eighths == _FULL[first]:
        if not first:
            return mark or BarCell(" ")
        return BarCell(glyphs.bar(BAR_ROLES[first]), BAR_ROLES[first])
    solid = [at for at, kind in enumerate(eighths) if kind and kind != INSIDE]
    if not solid:
        return BarCell(glyphs.bar("inside"), "inside")
    kind = max((OWN, CRITICAL, FAILED), key=lambda one: (eighths.count(one), one))
    at_right = solid[0] + solid[-1] >= EIGHTHS and len(solid) < EIGHTHS
    text, swapped = glyphs.part(BAR_ROLES[kind], len(solid), at_right)
    return BarCell(text, BAR_ROLES[kind], swapped)


def span_near(spans: Iterable[Span], time: float | None, now: float) -> Span | None:
    """The innermost span at a time, else the nearest one. Without a time: the longest step."""
    found = list(spans)
    if time is None:
        return max(found, key=lambda span: (span.kind == Kind.STEP, extent(span, now).length), default=None)

    def distance(span: Span) -> tuple[float, float]:
        start, end = extent(span, now)
        return max(start - time, time - end, 0.0), end - start

    return min(found, key=distance, default=None)
