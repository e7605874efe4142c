"""What a live run does now: its open steps and calls, since when each is silent, and which are late. Pure.

- The last sign of life of a step is the latest event of its task, or of a task inside it at any level. The last sign of
  life of a call is its beginning, or the latest event of a task inside its task.
- The budget of a call is the 99th percentile of the durations of its model or tool, at least CALL_BUDGET_MIN_S.
- A step or call waits while a task inside its task works. A step also waits while a call of its task is open. What waits
  is neither silent nor late.
"""

from collections.abc import Iterable

from msgspec import Struct

from store.model.phase import STEP_BUDGET_S, may_continue
from store.model.record import RunRow
from store.model.runaway import Runaway
from store.model.span import Kind, Span

CALL_BUDGET_MIN_S = 60.0
"""Seconds below which no call is late."""

CALL_BUDGET_UNKNOWN_S = 300.0
"""Seconds after which a call is late if its usual duration is unknown."""


class Usual(Struct, frozen=True):
    """How long the calls of a model or tool take, in seconds."""

    p50: float
    p99: float

    @property
    def budget(self) -> float:
        """Seconds after which a call is late."""
        return max(self.p99, CALL_BUDGET_MIN_S)


class OpenWork(Struct, frozen=True):
    """An open step or call of a run."""

    run: RunRow
    span: Span
    path: tuple[str, ...]
    """Names of the task and of the tasks around it, the outermost first. Empty: a call of no known task."""
    goal: str | None
    alive: float
    """Time of its last sign of life, in seconds since 1970."""
    waiting: bool = False
    """Whether it waits for a call of its task, or for a task inside it."""
    usual: Usual | None = None
    """None for a step, and for a call of a model or tool with few ended calls."""
    runaways: tuple[Runaway, ...] = ()
    """Why its task, or its run, runs away."""

    @property
    def name(self) -> str:
        """Model or tool of a call; empty for a step."""
        return self.span.model or self.span.label

    @property
    def budget(self) -> float:
        """Seconds of silence after which it is late."""
        if self.span.kind == Kind.STEP:
            return STEP_BUDGET_S
        return CALL_BUDGET_UNKNOWN_S if self.usual is None else self.usual.budget

    def open_for(self, now: float) -> float:
        """Seconds since it began."""
        return max(now - self.span.since, 0.0)

    def silent_for(self, now: float) -> float:
        """Seconds since its last sign of life; 0 while it waits."""
        return 0.0 if self.waiting else max(now - self.alive, 0.0)

    def is_interrupted(self, now: float) -> bool:
        """Whether its run is interrupted, so that no further events are expected."""
        return not may_continue(self.run.run, now)

    def is_late(self, now: float) -> bool:
        """Whether it has been silent for longer than its budget."""
        return self.silent_for(now) > self.budget


def by_silence(works: Iterable[OpenWork], now: float, every: bool = False) -> list[OpenWork]:
    """Late ones first, then the longest silence first.

    `every`: also those that wait, which come last, and those of interrupted runs.
    """
    return sorted(
        (work for work in works if every or not (work.waiting or work.is_interrupted(now))),
        key=lambda work: (not work.is_late(now), work.waiting, -work.silent_for(now), -work.open_for(now)),
    )
