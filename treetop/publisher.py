"""Client with which an agent publishes its events.

    with Publisher() as run:
        run.run_started({"question": "Why is the sky blue?"})
        root = run.node_created("Explain why the sky is blue")
        with run.step(root):
            with run.llm_call("Writer", "gpt-4o-mini", "Why is the sky blue?") as call:
                call.response = ask("Why is the sky blue?")
        run.run_finished()

No method that publishes waits for Redis, or raises because of Redis or of a value in a payload. Threads and coroutines can
call them. Only `flush` and `close` wait.
"""

import asyncio
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from treetop.encode import encode_event, new_id
from treetop.outbox import Outbox
from treetop.tracer import Tracer

CLOSE_TIMEOUT_S = 2.0
"""Seconds that the end of a `with` block waits until Redis has acknowledged all events."""


class Publisher(Tracer):
    """Publishes the events of one run to a Redis stream: `with Publisher() as run:`, or `async with`.

    A background thread connects with the first event, and sends the events from a buffer of `buffer` entries and
    `buffer_bytes`. While Redis is unreachable, events stay in the buffer. While the buffer is full, the newest events are
    dropped; an event `events_dropped` reports their number. `maxlen`: number of entries to which Redis trims the stream,
    approximately. Raises AddressError when `url` is not a Redis address.
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
        self.run_id = run_id or new_id()
        self._ended = False
        self._outbox = Outbox(url, stream, maxlen=maxlen, entries=buffer, size=buffer_bytes, notice=self._notice)

    def emit(self, event_type: str, payload: Mapping[str, object]) -> None:
        """Publish an event of any type. An event that cannot be serialised is dropped."""
        self._ended = event_type in ("run_finished", "run_error")
        try:
            body = encode_event(event_type, payload, self.run_id)
        except Exception as error:  # values may raise anything
            self._outbox.drop(f"{event_type} is not serialisable ({type(error).__name__})")
        else:
            self._outbox.put(body, at_once=self._ended)

    def _notice(self, reasons: Mapping[str, int]) -> bytes:
        return encode_event("events_dropped", {"count": sum(reasons.values()), "reasons": reasons}, self.run_id)

    # State of the transfer

    @property
    def sent(self) -> int:
        """Number of events that Redis acknowledged, including `events_dropped`."""
        return self._outbox.sent

    @property
    def dropped(self) -> int:
        """Number of events that were not and will not be sent."""
        return self._outbox.dropped

    @property
    def pending(self) -> int:
        """Number of events in the buffer."""
        return self._outbox.pending

    @property
    def connected(self) -> bool:
        """Whether the last attempt to send succeeded. False before the first."""
        return self._outbox.connected

    @property
    def error(self) -> str | None:
        """Error message of the last attempt to send; None if it succeeded."""
        return self._outbox.error

    def flush(self, timeout: float = CLOSE_TIMEOUT_S) -> bool:
        """Wait until Redis has acknowledged all events published so far. False after `timeout` seconds."""
        return self._outbox.flush(timeout)

    def close(self, timeout: float = CLOSE_TIMEOUT_S) -> None:
        """Send the buffer, for at most `timeout` seconds, and drop the rest. Later events are dropped."""
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
        """Publish an exception that leaves the block as `run_error`, unless the run has ended."""
        if error is not None and not self._ended and not isinstance(error, SystemExit | GeneratorExit):
            self.run_error(error)
