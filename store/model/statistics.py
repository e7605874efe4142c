"""Statistics of the spans of a run: what each model, tool, kind of agent, action, type of task and depth took and cost."""

from collections.abc import Callable, Iterable, Sequence
from math import ceil

from msgspec import Struct, field

from store.model.span import Kind, Outcome, Span, add_known

UNKNOWN = "?"
"""Name of the group of spans whose model, tool, agent or type is unknown."""


STEPPED_MIN_S = 1e-6
"""Seconds in all ended steps below which shares are 0. Bounded so that they are finite."""


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
    durations: list[float] = field(default_factory=list)
    """Durations of ended spans, ascending."""

    def add(self, span: Span) -> None:
        """Count a span."""
        self.count += 1
        outcome = span.outcome
        self.open += outcome == Outcome.OPEN
        self.failed += outcome == Outcome.FAILED
        self.aborted += outcome == Outcome.ABORTED
        self.retries += (span.tries or 1) - 1
        self.tokens_in = add_known(self.tokens_in, span.tokens_in)
        self.tokens_out = add_known(self.tokens_out, span.tokens_out)
        self.cost = add_known(self.cost, span.cost)
        self.unpriced += span.kind == Kind.LLM and span.ended is not None and span.cost is None
        if span.duration is not None:
            self.seconds += span.duration
            self.durations.append(span.duration)

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


def statistics(spans: Iterable[Span], task_of: Callable[[str | None], Task]) -> Statistics:
    """The statistics of spans. `task_of`: the task with a node id."""
    found: dict[str, dict[str, Group]] = {dimension: {} for dimension in DIMENSIONS}
    stepped = 0.0
    for span in spans:
        task = task_of(span.node_id)
        if span.kind == Kind.STEP:
            stepped += span.duration or 0.0
        for dimension, (kind, name_of) in _DIMENSIONS.items():
            if span.kind == kind:
                name = name_of(span, task)
                groups = found[dimension]
                group = groups.get(name) or groups.setdefault(name, Group(name))
                group.add(span)
    for groups in found.values():
        for group in groups.values():
            group.durations.sort()
            group.share = group.seconds / stepped if stepped >= STEPPED_MIN_S else 0.0
    return {
        dimension: sorted(groups.values(), key=lambda group: (-group.seconds, group.name))
        for dimension, groups in found.items()
    }


def percentile(ascending: Sequence[float], part: float) -> float | None:
    """The value that this part of the values does not exceed (nearest rank); None if there are none."""
    return ascending[max(ceil(part * len(ascending)), 1) - 1] if ascending else None
