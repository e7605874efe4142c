"""Attribution of an event that names no run to a run.

Older agents publish no run_id, and newer ones omit it from some events. The candidates, in order of preference:

1. the newest run that contains a node of the event;
2. the open run that the event fits, see below;
3. the run of the latest event of the stream;
4. a new run.

A run_started without a known node always begins a new run. So does a root that fits no open run.

- A root fits a run that has a run_started and no root yet. A run whose input contains the goal of the root is preferred.
- The beginning of a call fits a run with an open step and no open call. The end of a call fits the run in which the call is
  open.
- The end of a run fits every open run. Preferred, in this order, are runs whose age equals the reported duration, runs with
  only finished roots (for run_finished), and the run whose age is closest to the duration.

An event that could belong to several open runs is marked as inferred. If a later event names the run of a node, `Writer`
reassigns the earlier events of that node.
"""

from collections.abc import Callable, Iterable, Sequence
from math import inf
from typing import NamedTuple, Protocol, TypeVar

from store.model.accumulator import Accumulator
from store.model.entry import StreamId
from store.model.event import Event
from store.model.event_type import (
    LlmCallCompleted,
    LlmCallStarted,
    NodeCreated,
    RunError,
    RunFinished,
    RunStarted,
    StepStarted,
    ToolInvoked,
    ToolReturned,
)
from store.model.facts import Facts
from store.model.goal import goal_digest
from store.model.pairing import CallEvent, call_name, open_calls
from store.model.state import Run

INFERRED_RUN_PREFIX = "auto-"
"""Prefix of generated run ids."""

FIRST_ROOT_WITHIN_S = 60.0
"""Seconds after its run_started for which a run without a root is preferred as the run of a root."""

DURATION_TOLERANCE_S = 1.0
"""Maximum difference between the duration in the end of a run and the age of the run, in seconds."""

T = TypeVar("T")


class Runs(Protocol):
    """The runs of one stream."""

    @property
    def latest(self) -> str | None:
        """Run of the latest event."""
        ...

    def run_of(self, node_id: str) -> str | None:
        """The newest run that contains a node; None if there is none."""
        ...

    def open(self) -> Sequence[Accumulator]:
        """The runs that have not ended, the one with the latest event first."""
        ...

    def inputs(self, run_id: str) -> frozenset[int]:
        """Digests of the texts in the input of a run, see `goal_digest`."""
        ...


class Attribution(NamedTuple):
    """The run of an event. `inferred`: the event may belong to another run."""

    run_id: str
    inferred: bool = False


def attribute(event: Event, at: StreamId, runs: Runs) -> Attribution:
    """Attribute an event to a run."""
    if event.run_id is not None:
        return Attribution(event.run_id)
    facts = event.facts
    for node_id in facts.mentions:
        run_id = runs.run_of(node_id)
        if run_id is not None:
            return Attribution(run_id)
    new = Attribution(f"{INFERRED_RUN_PREFIX}{_root_of(facts) or at}")
    if isinstance(facts, RunStarted):
        return new
    candidates = runs.open()
    ambiguous = len(candidates) > 1
    match facts:
        case RunFinished() | RunError():
            found = _ended_by(event, candidates)
        case LlmCallStarted() | ToolInvoked() if not facts.mentions:
            found = _first(filter(_can_begin_call, candidates))
        case LlmCallCompleted() | ToolReturned() if not facts.mentions:
            found, certain = _calling(facts, candidates)
            ambiguous = ambiguous and not certain
        case _ if _begins_root(facts):
            found, certain = _run_for_root(event, candidates, runs)
            if found is None:
                return new
            ambiguous = not certain
        case _:
            found, ambiguous = None, ambiguous or bool(facts.mentions)
    if found is not None:
        return Attribution(found.run.run_id, ambiguous)
    if runs.latest is None:
        return new
    return Attribution(runs.latest, ambiguous or all(acc.run.run_id != runs.latest for acc in candidates))


def _accepts_roots(run: Run) -> bool:
    """Whether a root without a run id may belong to this run. A run with a generated id and no run_started has one root."""
    named = not run.run_id.startswith(INFERRED_RUN_PREFIX)
    return (named or run.began) and run.ended is None


def _ended_by(event: Event, candidates: Sequence[Accumulator]) -> Accumulator | None:
    """The run that a run_finished or run_error ends; None if no run is open."""
    duration = event.facts.duration

    def difference(acc: Accumulator) -> float:
        started = acc.run.started
        return inf if duration is None or started is None else abs(event.time - duration - started)

    def is_done(acc: Accumulator) -> bool:
        return acc.run.roots > 0 and not acc.run.unfinished_roots

    found = _prefer(candidates, lambda acc: difference(acc) <= DURATION_TOLERANCE_S)
    if isinstance(event.facts, RunFinished):
        found = _prefer(found, is_done)
    return min(found, key=difference, default=None)


def _can_begin_call(acc: Accumulator) -> bool:
    """Whether a step is open whose node has no open call. Agents that omit the node from calls make one call at a time."""
    return any(not node.calls for node in acc.stepping())


def _calling(facts: CallEvent, candidates: Sequence[Accumulator]) -> tuple[Accumulator | None, bool]:
    """The run in which a call is open, and whether that is certain: the call has an id, and its beginning names a node."""
    name = call_name(facts)
    for acc in candidates:
        for call in open_calls(acc, name):
            return acc, not call.inferred and call.call_id is not None
    return None, False


def _run_for_root(event: Event, candidates: Sequence[Accumulator], runs: Runs) -> tuple[Accumulator | None, bool]:
    """The run of a root (None: a new run), and whether only the input of this run contains the goal of the root."""
    accepting = [acc for acc in candidates if _accepts_roots(acc.run)]
    goal = event.facts.task_goal if isinstance(event.facts, NodeCreated) else None
    goal = event.facts.node_goal if isinstance(event.facts, StepStarted) else goal
    digest = goal_digest(goal) if goal else None

    def is_without_root(acc: Accumulator) -> bool:
        return acc.run.began and not acc.run.roots

    def is_fresh(acc: Accumulator) -> bool:
        return is_without_root(acc) and event.time - (acc.run.started or 0.0) <= FIRST_ROOT_WITHIN_S

    matching = [acc for acc in accepting if digest in runs.inputs(acc.run.run_id)]
    fresh = list(filter(is_fresh, matching or accepting))
    if fresh:
        return fresh[-1], len(matching) == 1  # it began first: roots arrive in the order in which their runs began
    if matching:
        return _first(_prefer(matching, is_without_root)), len(matching) == 1
    return _first(acc for acc in accepting if acc.run.run_id == runs.latest), False


def _prefer(found: Sequence[T], condition: Callable[[T], bool]) -> Sequence[T]:
    """The elements that meet a condition; all elements if none does."""
    return list(filter(condition, found)) or found


def _first(found: Iterable[T]) -> T | None:
    return next(iter(found), None)


def _begins_root(facts: Facts) -> bool:
    """Whether an event is the first one of a root: its node_created, or a step with number 0."""
    is_root = isinstance(facts, NodeCreated) and facts.is_root
    return is_root or (isinstance(facts, StepStarted) and facts.step == 0)


def _root_of(facts: Facts) -> str | None:
    root = facts.root_id if isinstance(facts, StepStarted) else None
    return str(root) if root else facts.subject
