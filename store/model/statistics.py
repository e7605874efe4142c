"""Statistics of the spans of a run: what each model, tool, kind of agent, action, type of task and depth took and cost."""

from array import array
from collections.abc import Callable, Sequence
from itertools import accumulate
from math import ceil

from msgspec import Struct, field

from store.model.span import Kind, Span, add_known
from store.model.work import Interval

UNKNOWN = "?"
"""Name of the group of spans whose model, tool, agent or type is unknown."""

OTHERS = "(others)"
"""Name of the group of spans beyond GROUPS_MAX."""

GROUPS_MAX = 1_000
"""Groups of a dimension. Agents can publish any number of names; the spans of further ones are in the group OTHERS."""

STEPPED_MIN_S = 1e-6
"""Seconds in all ended steps below which shares are 0. Bounded so that they are finite."""

ACTIVITY_PARTS = 48
"""Number of equal parts into which the time of a run is divided. The activity of a group is counted in each part."""


class Period(Struct, frozen=True):
    """The time over which activity is counted, in seconds since 1970."""

    start: float = 0.0
    end: float = 0.0
    """Also the time up to which open spans have lasted."""

    def part(self, time: float) -> int:
        """The part that a time lies in; that of a time outside the period is the first or the last one."""
        length = self.end - self.start
        share = (time - self.start) / length if length > 0 else 0.0
        return min(max(int(share * ACTIVITY_PARTS), 0), ACTIVITY_PARTS - 1)


class Group(Struct):
    """Spans with the same model, tool, agent, action, type of task or depth."""

    name: str
    count: int = 0
    open: int = 0
    failed: int = 0
    aborted: int = 0
    retries: int = 0
    """Tries beyond the first one of each call."""
    tokens_in: int | None = None
    tokens_out: int | None = None
    cost: float | None = None
    """US dollars, of the calls with a known cost."""
    unpriced: int = 0
    """Number of ended LLM calls without a known cost."""
    seconds: float = 0.0
    """Sum of the durations of ended spans."""
    share: float = 0.0
    """`seconds` as a part of the seconds in all ended steps; steps and calls at the same time count each."""
    durations: "array[float]" = field(default_factory=lambda: array("d"))
    """Durations of ended spans, ascending."""
    activity: "array[int]" = field(default_factory=lambda: array("q", bytes(8 * (ACTIVITY_PARTS + 1))))
    """Number of spans that lasted in each part of the period, the first part first."""

    def percentile(self, part: float) -> float | None:
        """Duration that this part of the ended spans does not exceed (nearest rank); None if no duration is known."""
        return percentile(self.durations, part)


class Task(Struct, frozen=True):
    """What the statistics need of a node."""

    task_type: str | None = None
    depth: int | None = None


Statistics = dict[str, list[Group]]
"""Groups by dimension, each list with the group of the most seconds first."""

_DIMENSIONS: dict[str, tuple[Kind, Callable[[Span, Task], str]]] = {
    "model": (Kind.LLM, lambda span, task: span.answered or span.model or UNKNOWN),
    "tool": (Kind.TOOL, lambda span, task: span.label or UNKNOWN),
    "agent": (Kind.LLM, lambda span, task: span.label or UNKNOWN),
    "action": (Kind.STEP, lambda span, task: span.label or UNKNOWN),
    "type": (Kind.STEP, lambda span, task: task.task_type or UNKNOWN),
    "depth": (Kind.STEP, lambda span, task: UNKNOWN if task.depth is None else str(task.depth)),
}
"""By dimension: the kind of its spans, and the name of the group of a span."""

DIMENSIONS = tuple(_DIMENSIONS)

_OF_KIND: dict[str, list[tuple[str, Callable[[Span, Task], str]]]] = {
    kind: [(dimension, name_of) for dimension, (of, name_of) in _DIMENSIONS.items() if of == kind] for kind in Kind
}
"""Dimensions of the spans of a kind."""


def dimension_kind(dimension: str) -> Kind:
    """The kind of the spans of a dimension."""
    return _DIMENSIONS[dimension][0]


def group_name(dimension: str, span: Span, task: Task) -> str | None:
    """The name of the group of a span in a dimension; None if the dimension has no spans of this kind."""
    kind, name_of = _DIMENSIONS[dimension]
    return name_of(span, task) if span.kind == kind else None


class Collector:
    """Collects the statistics of spans that are added one by one. Spans are not kept."""

    def __init__(self, period: Period) -> None:
        self._period = period
        self._groups: dict[str, dict[str, Group]] = {dimension: {} for dimension in DIMENSIONS}
        self._stepped = 0.0

    def add(self, span: Span, task: Task, times: Interval) -> None:
        """Add a span of a task, which lasted for these times."""
        kind, duration, part = span.kind, span.duration, self._period.part
        if kind == Kind.STEP and duration is not None:
            self._stepped += duration
        first, last = part(times[0]), part(times[1])
        for dimension, name_of in _OF_KIND[kind]:
            group = self._group(dimension, name_of(span, task))
            group.count += 1
            group.activity[first] += 1
            group.activity[last + 1] -= 1
            if span.ended is None:
                group.aborted += span.aborted is not None
                group.open += span.aborted is None
                continue
            group.failed += span.failed
            if duration is not None:
                group.seconds += duration
                group.durations.append(duration)
            if kind != Kind.STEP:
                _add_call(group, span)

    def _group(self, dimension: str, name: str) -> Group:
        groups = self._groups[dimension]
        found = groups.get(name)
        if found is None and len(groups) >= GROUPS_MAX:
            name = OTHERS
            found = groups.get(name)
        if found is None:
            found = groups[name] = Group(name)
        return found

    def statistics(self) -> Statistics:
        """The statistics of the spans so far. Ends the collection."""
        for groups in self._groups.values():
            for group in groups.values():
                group.durations = array("d", sorted(group.durations))
                group.activity = array("q", accumulate(group.activity))[:ACTIVITY_PARTS]
                group.share = group.seconds / self._stepped if self._stepped >= STEPPED_MIN_S else 0.0
        return {
            dimension: sorted(groups.values(), key=lambda group: (-group.seconds, group.name))
            for dimension, groups in self._groups.items()
        }


def _add_call(group: Group, call: Span) -> None:
    """Add what only ended calls have."""
    group.retries += (call.tries or 1) - 1
    group.tokens_in = add_known(group.tokens_in, call.tokens_in)
    group.tokens_out = add_known(group.tokens_out, call.tokens_out)
    group.cost = add_known(group.cost, call.cost)
    group.unpriced += call.kind == Kind.LLM and call.cost is None


def percentile(ascending: Sequence[float], part: float) -> float | None:
    """The value that this part of the values does not exceed (nearest rank); None if there are none."""
    return ascending[max(ceil(part * len(ascending)), 1) - 1] if ascending else None
