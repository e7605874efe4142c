"""The current step of each run, in a context variable.

A coroutine that becomes a task begins with the current steps of its creator, and its own steps do not change them: tasks
copy the context. So does `asyncio.to_thread`. Other threads begin without current steps, unless they run a function that
`bound` returned.
"""

from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar, copy_context
from functools import wraps
from types import MappingProxyType
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Frame:
    """Base of steps: makes one the current step of its run."""

    node_id: str
    step: int
    """Its number."""
    _outer: "Frame | None" = None
    """The step of the same run that becomes the current one at the end of this one."""

    def _enter(self, run: object) -> None:
        """Make this the current step of a run in this context."""
        frames = _frames.get()
        around = frames.get(run)
        if self not in _outward(around):  # else the steps would form a ring, and the end of another step would not return
            self._outer = around
        _frames.set({**frames, run: self})

    def _leave(self, run: object) -> None:
        """Make the step around this one the current one.

        Steps need not end in the reverse order of their beginnings. A step may end in another context, which keeps its own.
        """
        frames = _frames.get()
        inner = frames.get(run)
        if inner is self:
            others = {other: frame for other, frame in frames.items() if other is not run}
            _frames.set(others if self._outer is None else {**others, run: self._outer})
        else:
            for frame in _outward(inner):
                if frame._outer is self:
                    frame._outer = self._outer
                    break
        self._outer = None  # a context that was copied in this step must not keep all steps around it


def _outward(frame: Frame | None) -> Iterator[Frame]:
    """A step and the steps around it, the innermost first."""
    while frame is not None:
        yield frame
        frame = frame._outer


_frames: ContextVar[Mapping[object, Frame]] = ContextVar("treetop_steps", default=MappingProxyType({}))
"""The current step of each run that has one. Never changed in place, as contexts share it."""


def current(run: object) -> Frame | None:
    """The current step of a run in this context."""
    return _frames.get().get(run)


def located(run: object, more: Mapping[str, object]) -> Mapping[str, object]:
    """Optional fields of an event with `node_id` and `step` of the current step, unless they name a node."""
    frame = None if more.get("node_id") is not None else current(run)
    return more if frame is None else {"step": frame.step, **more, "node_id": frame.node_id}


def bound(function: Callable[P, T]) -> Callable[P, T]:
    """A function that runs in a copy of the present context, whichever thread calls it. Threads may call it at once."""
    context = copy_context()

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        return context.copy().run(function, *args, **kwargs)

    return call
