"""Steps and calls as context managers, which publish their beginning, end, duration and error.

Inside a step, calls, new nodes and results belong to its node, and need not name it. Steps may overlap: each thread and
each task has a current step of its own.
"""

from collections.abc import Callable, Mapping
from types import TracebackType
from typing import ClassVar, ParamSpec, Self, TypeVar

from treetop.context import Frame, bound, current, located
from treetop.emitter import Emitter
from treetop.encode import text
from treetop.memory import Memory

P = ParamSpec("P")
T = TypeVar("T")


class Span:
    """A part of a run with a beginning and an end, for one `with` or `async with`."""

    RESERVED: ClassVar[frozenset[str]] = frozenset()
    """Fields that the block itself publishes. They cannot be given as optional fields."""

    def __init__(self, run: Emitter, clock: Callable[[], float], more: Mapping[str, object]) -> None:
        if given := self.RESERVED & more.keys():  # else the end would raise it, in place of an exception in the block
            names = ", ".join(sorted(given))
            raise TypeError(f"{names}: published by the block; set it on the object that `with` returns, if it has it")
        self.run = run
        self._clock = clock
        self._more = more
        """Optional fields of both events."""
        self._began = 0.0

    def _begin(self) -> None:
        """Publish the beginning."""
        raise NotImplementedError

    def _end(self, duration: float, error: BaseException | None) -> None:
        """Publish the end. `error`: the exception that leaves the block."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        self._began = self._clock()
        self._begin()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._end(self._clock() - self._began, error)

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, trace)


class LlmCall(Span):
    """A running call of a model. Set `response`, and `token_usage`, `cost` and `tries` if they are known."""

    RESERVED = frozenset({"call_id", "response", "duration_seconds", "error", "token_usage"})

    def __init__(
        self,
        run: Emitter,
        clock: Callable[[], float],
        call_id: str,
        agent_class: str,
        model: str,
        prompt: object,
        more: Mapping[str, object],
    ) -> None:
        super().__init__(run, clock, more)
        self.call_id = call_id
        self.response: object = ""
        self.token_usage: object = None
        """A mapping, or an object of a client library. `llm_call_completed` describes its counts."""
        self.cost: float | None = None
        """US dollars."""
        self.tries: int | None = None
        """Number of requests that the client sent, at least 1."""
        self.error: str | None = None
        self._agent_class, self._model, self._prompt = agent_class, model, prompt

    def _begin(self) -> None:
        self._more = located(self.run, self._more)
        self.run.llm_call_started(self._agent_class, self._model, self._prompt, call_id=self.call_id, **self._more)

    def _end(self, duration: float, error: BaseException | None) -> None:
        if error is not None:
            self.error = self.error or _summary(error)
        self.run.llm_call_completed(
            self.call_id,
            self._agent_class,
            self._model,
            self.response,
            duration,
            error=self.error,
            token_usage=self.token_usage,
            cost=self.cost,
            tries=self.tries,
            **self._more,
        )


class ToolCall(Span):
    """A running call of a tool. Set `result`, and `cost` and `tries` if they are known."""

    RESERVED = frozenset({"tool_call_id", "result", "duration_seconds", "state", "error"})

    def __init__(
        self,
        run: Emitter,
        clock: Callable[[], float],
        tool_call_id: str,
        tool_name: str,
        api_name: str,
        args: object,
        more: Mapping[str, object],
    ) -> None:
        super().__init__(run, clock, more)
        self.tool_call_id = tool_call_id
        self.result: object = None
        self.state = "SUCCESS"
        self.cost: float | None = None
        """US dollars."""
        self.tries: int | None = None
        """Number of requests that the client sent, at least 1."""
        self.error: str | None = None
        self._tool_name, self._api_name, self._args = tool_name, api_name, args

    def _begin(self) -> None:
        self._more = located(self.run, self._more)
        self.run.tool_invoked(self._tool_name, self._api_name, self._args, tool_call_id=self.tool_call_id, **self._more)

    def _end(self, duration: float, error: BaseException | None) -> None:
        if error is not None:
            self.state, self.error = "API_ERROR", self.error or _summary(error)
        self.run.tool_returned(
            self.tool_call_id,
            self._tool_name,
            self._api_name,
            self.result,
            duration,
            state=self.state,
            error=self.error,
            cost=self.cost,
            tries=self.tries,
            **self._more,
        )


class Step(Span, Frame):
    """A running step of a node. Set `result` if it has one, and `status_after` if it does not finish the node."""

    RESERVED = frozenset({"step", "status_after", "duration_seconds"})

    def __init__(
        self,
        run: Emitter,
        clock: Callable[[], float],
        memory: Memory,
        node_id: str,
        action_name: str,
        node_goal: str,
        root_id: str | None,
        more: Mapping[str, object],
    ) -> None:
        super().__init__(run, clock, more)
        place = memory.place(node_id)
        self.node_id = node_id
        self.step = -1
        """Number of the step in the tree of its root, once it has begun."""
        self.status_after = "FINISH"
        self.result: object = None
        """Published at the end as `node_result_available`, unless it is None or an exception ends the step."""
        self._memory, self._root, self._goal = memory, root_id or place.root, node_goal or place.goal
        self._action_name = action_name

    def _begin(self) -> None:
        self.step = self._memory.next_step(self._root)
        self.run.step_started(self.node_id, self.step, self._goal, self._root, **self._more)
        self._enter(self.run)

    def _end(self, duration: float, error: BaseException | None) -> None:
        self._leave(self.run)
        if error is not None:
            self.status_after = "FAILED"
        elif self.result is not None:
            fields = {"step": self.step, **self._more}
            self.run.node_result_available(self.node_id, self._action_name, self.result, **fields)
        self.run.step_finished(self.node_id, self.step, self._action_name, self.status_after, duration, **self._more)


class Tracer(Emitter):
    """An emitter with spans, and with a current step in each thread and each task."""

    @property
    def current_node_id(self) -> str | None:
        """Node of the innermost step around the caller; None outside of steps."""
        frame = current(self)
        return None if frame is None else frame.node_id

    def step(
        self, node_id: str, action_name: str = "execute", node_goal: str = "", root_id: str | None = None, **more: object
    ) -> Step:
        """A step of a node, for `with` or `async with`. An exception makes the node FAILED, and is re-raised.

        Calls, new nodes and further steps inside of it belong to the node.
        """
        return Step(self, self._clock, self._memory, node_id, action_name, node_goal, root_id, more)

    def llm_call(
        self,
        agent_class: str,
        model: str,
        prompt: object,
        *,
        cost: float | None = None,
        tries: int | None = None,
        **more: object,
    ) -> LlmCall:
        """A call of a model, for `with` or `async with`. An exception is published as its error, and re-raised."""
        call = LlmCall(self, self._clock, self._new_id(), agent_class, model, prompt, more)
        call.cost, call.tries = cost, tries
        return call

    def tool_call(
        self,
        tool_name: str,
        args: object,
        api_name: str = "run",
        *,
        cost: float | None = None,
        tries: int | None = None,
        **more: object,
    ) -> ToolCall:
        """A call of a tool, for `with` or `async with`. An exception is published as its error, and re-raised."""
        call = ToolCall(self, self._clock, self._new_id(), tool_name, api_name, args, more)
        call.cost, call.tries = cost, tries
        return call

    @staticmethod
    def bound(function: Callable[P, T]) -> Callable[P, T]:
        """The function, bound to the current step: for another thread. `pool.submit(run.bound(search), goal)`.

        It runs in a copy of the present context (`contextvars`), as with `asyncio.to_thread`. Other new threads have no
        current step.
        """
        return bound(function)


def _summary(error: BaseException) -> str:
    """An exception in one line."""
    return f"{type(error).__name__}: {text(error)}"
