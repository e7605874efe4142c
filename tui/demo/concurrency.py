"""Coroutines in simulated time: tasks that overlap, and are cancelled when one of their group fails, as with asyncio.

The order of everything that happens follows from the durations alone, so that a simulation is deterministic. A coroutine
awaits only the functions of this module. Each task runs in a copy of the context of its creator.
"""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import Callable, Coroutine, Generator, Iterator
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Protocol

Start = Callable[[], Coroutine["Request", None, None]]
"""Makes a coroutine. It is called when the task begins: a simulation that is not run to its end abandons no coroutine."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a coroutine awaits: a duration in microseconds, or the ends of other coroutines."""

    duration: int = 0
    starts: tuple[Start, ...] = ()
    detached: bool = False
    """Whether the coroutines continue when the one that awaits them is cancelled."""

    def __await__(self) -> Generator[Request, None, None]:
        yield self


def pause(duration: int) -> Request:
    """Await the end of a duration in microseconds."""
    return Request(duration)


def together(*starts: Start) -> Request:
    """Await coroutines that run at once, as in a TaskGroup. If one raises, the others are cancelled, and it raises, too."""
    return Request(starts=starts)


def in_thread(start: Start) -> Request:
    """Await a function in another thread: nothing can cancel it, so it may end after the step in which it was called."""
    return Request(starts=(start,), detached=True)


@dataclass(slots=True, eq=False)
class _Task:
    start: Start
    context: Context
    group: _Group | None = None
    """The group that it belongs to; None for the first task."""
    coroutine: Coroutine[Request, None, None] | None = None
    """None until it begins."""
    awaited: _Group | None = None
    turn: int = 0
    """Number of its next turn. Turns with other numbers were replaced."""
    ended: bool = False


@dataclass(slots=True, eq=False)
class _Group:
    parent: _Task
    detached: bool
    tasks: list[_Task] = field(default_factory=list)
    open: int = 0
    """Number of its tasks that have not ended."""
    error: BaseException | None = None
    """What its parent is resumed with."""


class Clock(Protocol):
    """The time of a simulation."""

    clock: int
    """Microseconds since its start."""


class Loop:
    """Runs a coroutine and all that it begins. Others may advance the clock, too."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._agenda: list[tuple[int, int, _Task, BaseException | None]] = []
        """A heap of turns: time, number, task, and the exception that is raised in it."""
        self._turns = 0

    def run(self, start: Start) -> Iterator[None]:
        """Run to the end of all tasks, also detached ones. Yields after each turn. Raises what the first task raises."""
        self._schedule(_Task(start, copy_context()))
        while self._agenda:
            time, turn, task, error = heappop(self._agenda)
            if turn == task.turn and not task.ended:
                self._clock.clock = max(self._clock.clock, time)
                self._turn(task, error)
                yield

    def _schedule(self, task: _Task, delay: int = 0, error: BaseException | None = None) -> None:
        self._turns += 1
        task.turn = self._turns
        heappush(self._agenda, (self._clock.clock + delay, task.turn, task, error))

    def _turn(self, task: _Task, error: BaseException | None) -> None:
        """Run a task up to its next request."""
        if task.coroutine is None:
            task.coroutine = task.start()
        try:
            if error is None:
                request = task.context.run(task.coroutine.send, None)
            else:
                request = task.context.run(task.coroutine.throw, error)
        except StopIteration:
            self._end(task, None)
        except BaseException as raised:  # the outcome of a task is handed to the one that awaits it
            self._end(task, raised)
        else:
            self._grant(task, request)

    def _grant(self, task: _Task, request: Request) -> None:
        if not request.starts:
            self._schedule(task, request.duration)
            return
        task.awaited = group = _Group(task, request.detached, open=len(request.starts))
        group.tasks = [_Task(start, task.context.copy(), group) for start in request.starts]
        for child in group.tasks:
            self._schedule(child)

    def _end(self, task: _Task, error: BaseException | None) -> None:
        task.ended = True
        group = task.group
        if group is None:
            if error is not None:
                raise error
            return
        group.open -= 1
        if error is not None and group.error is None and not isinstance(error, CancelledError):
            group.error = error
            for sibling in group.tasks:
                self._cancel(sibling)
        if group.open == 0 and group.parent.awaited is group:
            group.parent.awaited = None
            self._schedule(group.parent, error=group.error)

    def _cancel(self, task: _Task) -> None:
        if task.ended:
            return
        if task.coroutine is None:
            self._end(task, CancelledError())
        elif task.awaited is None or task.awaited.detached:
            task.awaited = None
            self._schedule(task, error=CancelledError())
        elif task.awaited.error is None:
            task.awaited.error = CancelledError()
            for child in list(task.awaited.tasks):
                self._cancel(child)
