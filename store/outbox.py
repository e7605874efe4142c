"""Entries on their way to a Redis stream: a bounded buffer, and the thread that empties it.

Whoever puts something in never waits for Redis and never hears of its troubles. What Redis has not acknowledged stays in
the buffer and is sent again, so an entry can arrive twice, but none before those that were put in earlier. When the buffer
is full, the newest entries are dropped: what was said before the gap is then whole, and an entry behind it tells how many
there were.
"""

import atexit
import encodings.idna  # noqa: F401 - names of hosts are looked up with it, see connect
import logging
import os
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from enum import IntEnum
from random import Random
from weakref import WeakSet

import redis

from store.client import make_client

FIELD = "json_payload"
"""The field of a stream entry that holds the event."""

BATCH = 500
BATCH_BYTES = 1_000_000
"""Bounds of what is sent at once. An entry larger than that is sent alone."""

CONNECT, ANSWER = 3.0, 5.0
"""Seconds in which Redis must accept a connection, and answer."""

RETRY_FIRST, RETRY_LAST = 0.1, 5.0
"""Seconds before Redis is tried again: more each time."""

EXIT = 2.0
"""Seconds that the end of a process waits for all outboxes that nobody closed."""

_log = logging.getLogger(__name__)


def connect(url: str) -> redis.Redis:
    """A client of whom a thread may wait for an answer. Raises RedisError."""
    return make_client(url, ANSWER, CONNECT)


class Phase(IntEnum):
    """How long an outbox works."""

    OPEN = 0
    CLOSING = 1
    """Takes nothing more, and sends what it holds."""
    CLOSED = 2


class Outbox:
    """Sends what is `put` to a stream, in that order, from a thread of its own. Safe to use from threads and after a fork.

    A forked child begins with an empty buffer; what was waiting is the parent's to send. `notice` makes the entry that says
    how many were dropped, by reason. Raises RedisError when `url` is not the address of a Redis; nothing else raises.
    """

    def __init__(
        self, url: str, stream: str, *, maxlen: int, entries: int, size: int, notice: Callable[[Mapping[str, int]], bytes]
    ) -> None:
        connect(url)  # only to hear now that the address is none
        self._url = url
        self._stream = stream
        self._maxlen = maxlen
        self._entries = entries
        self._size = size
        self._notice = notice
        self._phase = Phase.OPEN
        self.begin()
        _living.add(self)

    def begin(self) -> None:
        """Start out empty, as a forked child has to: its copies of locks and threads are of no use."""
        self._changed = threading.Condition()  # on an RLock: a signal handler or finalizer may put while we hold it
        self._waiting: deque[bytes] = deque()
        self._bytes = 0
        self._unsaid: Counter[str] = Counter()
        """Why entries were dropped that no notice told of yet."""
        self._accepted = 0
        """Entries that found room, and will be `sent` unless nobody waits for it."""
        self._thread: threading.Thread | None = None
        self.sent = 0
        """Entries that Redis acknowledged, notices among them."""
        self.dropped = 0
        """Entries that were given up."""
        self.error: str | None = None
        """Why nothing can be sent at the moment."""
        self.connected = False
        """Did Redis take what was sent last?"""

    @property
    def pending(self) -> int:
        """Entries that Redis has not acknowledged yet."""
        return len(self._waiting)

    # The side of those who have something to say. Everything here is short: no input, no output.

    def put(self, body: bytes) -> None:
        """Add an entry, or drop it when there is no room."""
        with self._changed:
            if self._phase is not Phase.OPEN:
                self.dropped += 1
            elif len(body) > self._size:
                self.drop("larger than the buffer")
            elif len(self._waiting) >= self._entries or self._bytes + len(body) > self._size:
                self.dropped += 1
                self._unsaid["buffer full"] += 1
            else:
                self._append(body)

    def drop(self, reason: str) -> None:
        """Count an entry that can not be sent, whatever room there is."""
        with self._changed:
            self.dropped += 1
            self._unsaid[reason] += 1
            if self._phase is Phase.OPEN and len(self._waiting) < self._entries:
                self._own_up()

    def _append(self, body: bytes) -> None:
        self._waiting.append(body)
        self._bytes += len(body)
        self._accepted += 1
        if self._thread is None:
            self._thread = threading.Thread(target=self._send_all, name=f"publish to {self._stream}", daemon=True)
            try:
                self._thread.start()
            except RuntimeError:  # no more threads, now or any more: the next entry tries again
                self._thread = None
        self._changed.notify_all()

    def _own_up(self) -> None:
        """Say how many were dropped, behind all that was not."""
        if self._unsaid:
            body = self._notice(dict(self._unsaid))
            self._unsaid.clear()
            self._append(body)

    # The side of those who wait, for as long as they say.

    def flush(self, timeout: float) -> bool:
        """Wait until Redis has all that was put before now. False: it had not when the time was up."""
        with self._changed:
            goal = self._accepted
            self._changed.wait_for(lambda: self.sent >= goal or self._phase is Phase.CLOSED, timeout)
            return self.sent >= goal

    def close(self, timeout: float) -> None:
        """Send what can be sent in this time, and give up the rest."""
        deadline = time.monotonic() + timeout
        with self._changed:
            if self._phase is Phase.CLOSED:
                return
            self._phase = Phase.CLOSING
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._waiting, timeout)
            lost = len(self._waiting)
            self.dropped += lost
            self._waiting.clear()
            self._phase = Phase.CLOSED
            self._changed.notify_all()
            thread = self._thread
        _living.discard(self)
        if lost:
            _log.warning("%s: %d events were not published (%s)", self._place, lost, self.error or "no time was left")
        elif thread is not None and thread is not threading.current_thread():
            thread.join(max(0.0, deadline - time.monotonic()))

    # The sending thread.

    def _send_all(self) -> None:
        client = connect(self._url)
        patience, limit, random = RETRY_FIRST, BATCH, Random()  # not the random numbers of the agent
        while batch := self._next(limit):
            try:
                pipe = client.pipeline(transaction=True)  # all of a batch or nothing, so that order outlives errors
                for body in batch:
                    pipe.xadd(self._stream, {FIELD: body}, maxlen=self._maxlen, approximate=True)
                pipe.execute()
            except Exception as error:  # whatever it is, it is no reason to stop trying
                client.connection_pool.disconnect()
                self._note_failure(error)
                if self._pause(random.uniform(patience / 2, patience)):
                    patience = RETRY_FIRST
                patience, limit = min(2 * patience, RETRY_LAST), max(1, limit // 2)
            else:
                self._settle(batch)
                patience, limit = RETRY_FIRST, min(BATCH, 2 * limit)
        client.connection_pool.disconnect()

    def _next(self, limit: int) -> list[bytes]:
        """The oldest entries, which stay in the buffer meanwhile. None at all: it is over."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._phase is not Phase.OPEN)
            batch: list[bytes] = []
            size = 0
            for body in self._waiting:
                size += len(body)
                if len(batch) == limit or (batch and size > BATCH_BYTES):
                    break
                batch.append(body)
            return batch

    def _settle(self, batch: list[bytes]) -> None:
        with self._changed:
            if self._phase is Phase.CLOSED:
                return
            for body in batch:
                self._waiting.popleft()
                self._bytes -= len(body)
            self.sent += len(batch)
            self.error, self.connected = None, True
            self._own_up()
            self._changed.notify_all()

    def _note_failure(self, error: Exception) -> None:
        first, self.error, self.connected = self.error is None, f"{type(error).__name__}: {error}".rstrip("."), False
        if first and self._phase is Phase.OPEN:
            _log.warning("%s: %s; events wait until it can be reached", self._place, self.error)

    def _pause(self, seconds: float) -> bool:
        """Wait so long, or until somebody closes: then True."""
        with self._changed:
            phase = self._phase
            return self._changed.wait_for(lambda: self._phase is not phase, seconds)

    @property
    def _place(self) -> str:
        """The address, without the password that may be in it."""
        return f"{self._url.partition('?')[0].rpartition('@')[2]}, stream {self._stream}"


_living: "WeakSet[Outbox]" = WeakSet()
"""Those that nobody closed."""


def _close_all() -> None:
    deadline = time.monotonic() + EXIT
    for outbox in list(_living):
        outbox.close(max(0.0, deadline - time.monotonic()))


def _begin_all() -> None:
    for outbox in list(_living):
        outbox.begin()


atexit.register(_close_all)
os.register_at_fork(after_in_child=_begin_all)
