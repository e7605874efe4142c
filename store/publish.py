"""What an agent publishes its events with, so that treetop shows them.

    with Publisher() as run:
        run.run_started({"question": "Why is the sky blue?"})
        root = run.node_created("Explain why the sky is blue")
        with run.step(root):
            with run.llm_call("Writer", "gpt-4o-mini", "Why is the sky blue?", node_id=root) as call:
                call.response = ask("Why is the sky blue?")
        run.run_finished()

No method waits for Redis, or raises because of it, or because of what is in a payload: an agent works the same whether or
not anybody watches. So coroutines and threads can call them alike.
"""

import asyncio
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from types import TracebackType
from typing import Self
from uuid import uuid4

from msgspec import Struct

from store.emitter import Emitter
from store.encode import encode_event, text
from store.outbox import Outbox

CLOSE = 2.0
"""Seconds that the end of a `with` block waits for Redis to take what is left."""


class LlmCall(Struct):
    """A call to a model that is under way; set `response`, and `token_usage` if it is known."""

    call_id: str
    response: object = ""
    token_usage: object = None
    """`prompt_tokens` and `completion_tokens`, as a mapping or as an object of a library."""
    error: str | None = None


class ToolCall(Struct):
    """A tool at work; set `result`."""

    tool_call_id: str
    result: object = None
    state: str = "SUCCESS"
    error: str | None = None


class Step(Struct):
    """Work on a node; set `status_after` where the node is not done with it."""

    step: int
    status_after: str = "FINISH"


class Publisher(Emitter):
    """One run's way into a Redis stream: `with Publisher() as run:`, or `async with`.

    Events wait in a buffer of so many entries and bytes until a thread has sent them; it connects with the first. While
    Redis is away they are kept; when the buffer is full the newest are dropped, counted, and later told of by an event
    `events_dropped`. Raises RedisError when `url` is not the address of a Redis.
    """

    def __init__(
        self,
        url: str = "redis://localhost:6379/0",
        stream: str = "agent_events",
        run_id: str | None = None,
        *,
        maxlen: int = 10_000,
        buffer: int = 10_000,
        buffer_bytes: int = 32_000_000,
    ) -> None:
        super().__init__()
        self.run_id = run_id or str(uuid4())
        self._ended = False
        self._steps: dict[str, count[int]] = {}
        self._outbox = Outbox(url, stream, maxlen=maxlen, entries=buffer, size=buffer_bytes, notice=self._dropped)

    def emit(self, event_type: str, payload: Mapping[str, object]) -> None:
        """Publish an event of any type."""
        self._ended = event_type in ("run_finished", "run_error")
        try:
            body = encode_event(event_type, payload, self.run_id)
        except Exception as error:  # values may raise anything, and an agent must not end because of what it tells
            self._outbox.drop(f"{event_type} is not serialisable ({type(error).__name__})")
        else:
            self._outbox.put(body)

    def _dropped(self, reasons: Mapping[str, int]) -> bytes:
        return encode_event("events_dropped", {"count": sum(reasons.values()), "reasons": reasons}, self.run_id)

    # How it goes

    @property
    def sent(self) -> int:
        """Events that Redis acknowledged, those about dropped ones among them."""
        return self._outbox.sent

    @property
    def dropped(self) -> int:
        """Events that were given up."""
        return self._outbox.dropped

    @property
    def pending(self) -> int:
        """Events that wait in the buffer."""
        return self._outbox.pending

    @property
    def connected(self) -> bool:
        """Did Redis take what was sent last? False until something was."""
        return self._outbox.connected

    @property
    def error(self) -> str | None:
        """Why events can not be sent at the moment, in Redis' words."""
        return self._outbox.error

    def flush(self, timeout: float = CLOSE) -> bool:
        """Wait until Redis has all that was said before; False when that took too long."""
        return self._outbox.flush(timeout)

    def close(self, timeout: float = CLOSE) -> None:
        """Send what can be sent in this time, give up the rest, and end. What is said later is dropped."""
        self._outbox.close(timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._end(error)
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end(error)
        await asyncio.to_thread(self.close)

    def _end(self, error: BaseException | None) -> None:
        """An exception that leaves the block is published as the end of the run, unless that was said already."""
        if error is not None and not self._ended and not isinstance(error, SystemExit | GeneratorExit):
            self.run_error(error)

    # Things that have a beginning and an end

    @contextmanager
    def llm_call(self, agent_class: str, model: str, prompt: object, **more: object) -> Iterator[LlmCall]:
        """A call to a model. An exception is published as its error, and goes on."""
        began = time.monotonic()
        call = LlmCall(self.llm_call_started(agent_class, model, prompt, call_id=str(uuid4()), **more))
        try:
            yield call
        except BaseException as error:
            call.error = call.error or _words(error)
            raise
        finally:
            self.llm_call_completed(
                call.call_id,
                agent_class,
                model,
                call.response,
                time.monotonic() - began,
                error=call.error,
                token_usage=call.token_usage,
                **more,
            )

    @contextmanager
    def tool_call(self, tool_name: str, args: object, api_name: str = "run", **more: object) -> Iterator[ToolCall]:
        """A call to a tool. An exception is published as its error, and goes on."""
        began = time.monotonic()
        call = ToolCall(self.tool_invoked(tool_name, api_name, args, tool_call_id=str(uuid4()), **more))
        try:
            yield call
        except BaseException as error:
            call.state, call.error = "API_ERROR", call.error or _words(error)
            raise
        finally:
            self.tool_returned(
                call.tool_call_id,
                tool_name,
                api_name,
                call.result,
                time.monotonic() - began,
                state=call.state,
                error=call.error,
                **more,
            )

    @contextmanager
    def step(
        self, node_id: str, action_name: str = "execute", node_goal: str = "", root_id: str | None = None, **more: object
    ) -> Iterator[Step]:
        """Work on a node, numbered by itself. It is finished afterwards, failed after an exception, which goes on."""
        place, began = self._place(node_id), time.monotonic()
        root = root_id or place.root
        step = Step(next(self._steps.setdefault(root, count())))
        self.step_started(node_id, step.step, node_goal or place.goal, root, **more)
        try:
            yield step
        except BaseException:
            step.status_after = "FAILED"
            raise
        finally:
            duration = time.monotonic() - began
            self.step_finished(node_id, step.step, action_name, step.status_after, duration, **more)


def _words(error: BaseException) -> str:
    """An exception in one line."""
    return f"{type(error).__name__}: {text(error)}"
