"""The phase of a run at a given time, and its duration, unfinished tasks and errors.

Screens, text, JSON, `treetop prune` and the relay use these words and numbers; screens and JSON label the phase `status`.
The SQL views keep the three statuses of the reference server (`running`, `completed`, `error`).

An agent that is killed publishes no end. The phase of a run without an end therefore depends on the time since its last
event, and on its open calls and steps. Times are seconds since 1970. `now` is the time for which the phase is computed; for
a moment in the past, it is the time of the last event at that moment.
"""

from enum import StrEnum

from store.model.state import Node, Run, RunStatus, Work

SILENT_AFTER_S = 60.0
"""Seconds without an event after which a run is silent, unless a call or step is open."""

STEP_BUDGET_S = 300.0
"""Seconds since the last event for which an open step keeps its run live. Some work in a step is not published: the search
agents of the reference implementation make calls of several minutes that publish no event."""

CALL_BUDGET_S = 900.0
"""Seconds since its start for which an open call to a model or tool keeps its run live. Common clients of model servers
time out after 10 minutes; this leaves time for a retry."""

INTERRUPTED_AFTER_S = 900.0
"""Seconds without an event after which a run counts as interrupted, until its next event. Not less than the budgets, so
that no live run is interrupted."""


class Phase(StrEnum):
    """The phase of a run, as printed on screens and in JSON."""

    LIVE = "live"
    """Not ended; published an event within the last minute, or has a call or step open within its budget."""
    SILENT = "silent"
    """Not ended, and no longer live."""
    INTERRUPTED = "interrupted"
    """Not ended, and without an event for INTERRUPTED_AFTER_S: no further events are expected."""
    ENDED = "ended"
    """Ended without an error, with unfinished tasks."""
    FAILED = "failed"
    """Ended with an error."""
    FINISHED = "finished"
    """Ended, and all tasks are finished."""


def phase(run: Run, now: float, arrived: float | None = None) -> Phase:
    """The phase of a run.

    `arrived`: arrival time of its last event, by another clock than the publisher's. The later of the two times counts.
    """
    if run.status == RunStatus.ERROR:
        return Phase.FAILED
    if run.status == RunStatus.COMPLETED:
        return Phase.ENDED if unfinished(run) else Phase.FINISHED
    last = max((time for time in (run.latest, arrived) if time is not None), default=now)
    if now <= max([last + SILENT_AFTER_S, *(_budget_ends(work, last) for work in run.active)]):
        return Phase.LIVE
    return Phase.SILENT if now - last < INTERRUPTED_AFTER_S else Phase.INTERRUPTED


def is_live(run: Run, now: float) -> bool:
    """Whether the run is live."""
    return phase(run, now) == Phase.LIVE


def may_continue(run: Run, now: float, arrived: float | None = None) -> bool:
    """Whether further events of the run are expected: it is live or silent."""
    return phase(run, now, arrived) in (Phase.LIVE, Phase.SILENT)


def _budget_ends(work: Work, last: float) -> float:
    """Time until which an open call or step keeps its run live; `last` is the time of the last event."""
    return last + STEP_BUDGET_S if work.kind == "step" else min(work.since, last) + CALL_BUDGET_S


def silent_for(run: Run, now: float) -> float:
    """Seconds since the last event; 0 if there is none, or if it is dated in the future."""
    return 0.0 if run.latest is None else max(now - run.latest, 0.0)


def latest_time(run: Run) -> float:
    """Time of the last event: `now` for a moment in the past."""
    return run.latest or 0.0


def open_work(run: Run) -> Work | None:
    """Call or step that the run waits for: the open call that began last, else the open step; None if nothing is open."""
    calls = [work for work in run.active if work.kind != "step"]
    return max(calls or run.active, key=lambda work: work.since, default=None)


def elapsed(run: Run, now: float) -> float | None:
    """Duration in seconds: to the end, to now while the run may continue, or to the last event if it is interrupted."""
    if run.started is None or run.latest is None:
        return None
    if run.status != RunStatus.RUNNING:
        return (run.latest if run.ended is None else run.ended) - run.started
    return (max(now, run.latest) if may_continue(run, now) else run.latest) - run.started


def last_stepped(one: Node | None, other: Node) -> Node | None:
    """The node whose latest step began later; None if neither has a step."""
    if other.step is None:
        return one
    return other if one is None or one.step is None or other.step.since >= one.step.since else one


def unfinished(run: Run) -> int:
    """Number of tasks without the status FINISH."""
    return run.nodes - run.finished


def errors(counted: Run | Node) -> int:
    """Number of errors: reported errors plus aborted steps."""
    return counted.errors + counted.aborted
