"""Bounded buffer of entries for a Redis stream, and the thread that sends them.

Adding an entry never waits for Redis, and never fails because of Redis. An entry stays in the buffer until Redis has
acknowledged it, and is sent again after an error. So an entry can arrive twice, but never before an earlier one. While the
buffer is full, new entries are dropped. A notice with the number of dropped entries follows the buffered ones.
"""

import atexit
import encodings.idna  # noqa: F401 - for host names; the sending thread must not import, see make_client
import logging
import os
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from enum import IntEnum
from random import Random
from weakref import WeakSet

import redis

from treetop.address import mask, public
from treetop.connection import StreamConnection, connect

BATCH_ENTRIES = 500
BATCH_BYTES = 1_000_000
"""Maximum number of entries and of bytes in a batch. A larger entry is sent alone."""

LINGER_S = 0.1
"""Maximum time in seconds for which an entry waits for further ones. Larger batches cost less CPU time per entry."""

RETRY_FIRST_S, RETRY_MAX_S = 0.1, 5.0
"""Delay before a retry, in seconds: the first one, and the maximum up to which it doubles."""

EXIT_TIMEOUT_S = 2.0
"""Maximum time in seconds for which the exit of a process waits for all open outboxes."""

_log = logging.getLogger(__name__)


class Phase(IntEnum):
    """Life cycle of an outbox."""

    OPEN = 0
    CLOSING = 1
    """Accepts no further entries, and sends the buffer."""
    CLOSED = 2


class Activity(IntEnum):
    """Activity of the sending thread."""

    WORKING = 0
    LINGERING = 1
    """Waits for more entries, at most LINGER_S seconds."""
    IDLE = 2
    """Waits for an entry."""


class Outbox:
    """Sends entries to a stream, in the order in which they were `put`. Safe to use from threads and after a fork.

    `entries` and `size` (bytes) bound the buffer. `notice` makes the entry that reports dropped entries, from their number
    by reason. A forked child begins with an empty buffer, because the parent sends the entries in its own. The constructor
    raises AddressError if `url` is not a Redis address; other methods do not raise.
    """

    def __init__(
        self, url: str, stream: str, *, maxlen: int, entries: int, size: int, notice: Callable[[Mapping[str, int]], bytes]
    ) -> None:
        connect(url)  # checks the address, and imports what the sending thread needs
        self._url = url
        self._stream = stream
        self._maxlen = maxlen
        self._entries = entries
        self._size = size
        self._notice = notice
        self._phase = Phase.OPEN
        self.begin()
        _open_outboxes.add(self)

    def begin(self) -> None:
        """Initialise the buffer and the locks. A forked child repeats it, as its copies of locks may be held for ever."""
        self._lock = threading.RLock()  # reentrant: a signal handler or finalizer may call `put` while it is held
        self._changed = threading.Condition(self._lock)
        self._activity = Activity.WORKING
        self._wake = threading.Lock()
        """Held while the thread works; a release ends its wait. Costs less CPU time than a condition."""
        self._wake.acquire()
        self._waiting: deque[bytes] = deque()
        self._bytes = 0
        self._unreported: Counter[str] = Counter()
        """Number of dropped entries by reason, since the last notice."""
        self._urgent = 0
        """Number of accepted entries up to the last one that is sent without LINGER_S."""
        self._accepted = 0
        """Number of entries that were put into the buffer."""
        self._thread: threading.Thread | None = None
        self.sent = 0
        """Number of entries that Redis acknowledged, including notices."""
        self.dropped = 0
        """Number of discarded entries."""
        self.error: str | None = None
        """Error of the last attempt to send; None if it succeeded."""
        self.connected = False
        """Whether the last attempt to send succeeded."""

    @property
    def pending(self) -> int:
        """Number of entries that Redis has not acknowledged yet."""
        return len(self._waiting)

    # Adding entries, without input or output

    def put(self, body: bytes, at_once: bool = False) -> None:
        """Add an entry, or drop it if the buffer is full. `at_once`: send it without LINGER_S."""
        with self._lock:
            if self._phase is not Phase.OPEN:
                self.dropped += 1
            elif len(body) > self._size:
                self.drop("larger than the buffer")
            elif len(self._waiting) >= self._entries or self._bytes + len(body) > self._size:
                self.dropped += 1
                self._unreported["buffer full"] += 1
            else:
                self._append(body)
                if at_once:
                    self._expedite()

    def drop(self, reason: str) -> None:
        """Count an entry that cannot be sent."""
        with self._changed:
            self.dropped += 1
            self._unreported[reason] += 1
            if self._phase is Phase.OPEN and len(self._waiting) < self._entries:
                self._append_notice()

    def _append(self, body: bytes) -> None:
        self._waiting.append(body)
        self._bytes += len(body)
        self._accepted += 1
        if self._thread is None:
            self._thread = threading.Thread(target=self._send_all, name=f"publish to {self._stream}", daemon=True)
            try:
                self._thread.start()
            except RuntimeError:  # thread limit or interpreter exit; the next entry retries
                self._thread = None
            else:
                _close_at_exit_of_child()
        if self._activity is Activity.IDLE or self._is_batch_full():
            self._end_wait()

    def _append_notice(self) -> None:
        """Add a notice of the entries dropped since the last one, if there are any."""
        if self._unreported:
            body = self._notice(dict(self._unreported))
            self._unreported.clear()
            self._append(body)

    def _is_batch_full(self) -> bool:
        return len(self._waiting) >= BATCH_ENTRIES or self._bytes >= BATCH_BYTES

    def _expedite(self) -> None:
        """Send all entries in the buffer without LINGER_S."""
        self._urgent = self._accepted
        if self._waiting:
            self._end_wait()

    def _end_wait(self) -> None:
        if self._activity is not Activity.WORKING:
            self._activity = Activity.WORKING
            self._wake.release()

    # Waiting for Redis

    def flush(self, timeout: float) -> bool:
        """Wait until Redis has acknowledged all entries accepted so far. False after `timeout` seconds."""
        with self._changed:
            goal = self._accepted
            self._expedite()
            self._changed.wait_for(lambda: self.sent >= goal or self._phase is Phase.CLOSED, timeout)
            return self.sent >= goal

    def close(self, timeout: float) -> None:
        """Send the buffer, for at most `timeout` seconds, and drop the rest."""
        deadline = time.monotonic() + timeout
        with self._changed:
            if self._phase is Phase.CLOSED:
                return
            self._phase = Phase.CLOSING
            self._end_wait()
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._waiting, timeout)
            lost = len(self._waiting)
            self.dropped += lost
            self._waiting.clear()
            self._phase = Phase.CLOSED
            self._end_wait()
            self._changed.notify_all()
            thread = self._thread
        _open_outboxes.discard(self)
        if lost:
            _log.warning("%s: %d events were not published (%s)", self._target, lost, self.error or "timeout")
        elif thread is not None and thread is not threading.current_thread():
            thread.join(max(0.0, deadline - time.monotonic()))

    # The sending thread

    def _send_all(self) -> None:
        connection = StreamConnection(self._url, self._stream, self._maxlen)
        delay, limit, random = RETRY_FIRST_S, BATCH_ENTRIES, Random()  # does not use the generator of the agent
        proven = False
        """Whether Redis has replied on this connection."""
        while batch := self._next_batch(limit):
            try:
                connection.add(batch)
            except Exception as error:  # any failure is retried
                connection.disconnect()
                stale = proven and isinstance(error, redis.ConnectionError)
                proven = False
                if stale:  # Redis closed an idle connection: no outage
                    continue
                self._note_failure(error)
                if self._pause(random.uniform(delay / 2, delay)):
                    delay = RETRY_FIRST_S
                delay, limit = min(2 * delay, RETRY_MAX_S), max(1, limit // 2)
            else:
                self._remove(batch)
                proven = True
                delay, limit = RETRY_FIRST_S, min(BATCH_ENTRIES, 2 * limit)
        connection.disconnect()

    def _next_batch(self, limit: int) -> list[bytes]:
        """Wait for entries, and return the oldest ones, which stay in the buffer. Empty when the outbox is closed."""
        while not self._waiting and self._phase is Phase.OPEN:
            self._wait(Activity.IDLE)
        self._wait(Activity.LINGERING)
        with self._changed:
            batch: list[bytes] = []
            size = 0
            for body in self._waiting:
                size += len(body)
                if len(batch) == limit or (batch and size > BATCH_BYTES):
                    break
                batch.append(body)
            return batch

    def _wait(self, activity: Activity) -> None:
        """Wait until `_end_wait`, or return at once if there is work."""
        with self._changed:
            busy = bool(self._waiting) if activity is Activity.IDLE else self._urgent > self.sent or self._is_batch_full()
            if busy or self._phase is not Phase.OPEN:
                return
            self._activity = activity
        if not self._wake.acquire(timeout=-1 if activity is Activity.IDLE else LINGER_S):
            with self._changed:
                if self._activity is Activity.WORKING:  # `_end_wait` was called after the timeout
                    self._wake.acquire()
                self._activity = Activity.WORKING

    def _remove(self, batch: list[bytes]) -> None:
        """Remove acknowledged entries from the buffer."""
        with self._changed:
            if self._phase is Phase.CLOSED:
                return
            for body in batch:
                self._waiting.popleft()
                self._bytes -= len(body)
            self.sent += len(batch)
            self.error, self.connected = None, True
            self._append_notice()
            self._changed.notify_all()

    def _note_failure(self, error: Exception) -> None:
        text = mask(f"{type(error).__name__}: {error}", self._url).rstrip(".")
        first, self.error, self.connected = self.error is None, text, False
        if first and self._phase is Phase.OPEN:
            _log.warning("%s: %s; events are kept until Redis is reachable", self._target, self.error)

    def _pause(self, seconds: float) -> bool:
        """Wait for a number of seconds. Returns early, and True, if the phase changes."""
        with self._changed:
            phase = self._phase
            return self._changed.wait_for(lambda: self._phase is not phase, seconds)

    @property
    def _target(self) -> str:
        """Address and stream, for log messages."""
        return f"{public(self._url)}, stream {self._stream}"


_open_outboxes: "WeakSet[Outbox]" = WeakSet()


def _close_all() -> None:
    deadline = time.monotonic() + EXIT_TIMEOUT_S
    for outbox in list(_open_outboxes):
        outbox.close(max(0.0, deadline - time.monotonic()))


def _close_at_exit_of_child() -> None:
    """Register `_close_all` in a process of `multiprocessing`, which does not run the handlers of `atexit`."""
    library = sys.modules.get("multiprocessing.util")  # imported in each such process
    if library is not None and sys.modules["multiprocessing"].parent_process() is not None:
        library.Finalize(None, _close_all, exitpriority=0)


def _begin_all() -> None:
    for outbox in list(_open_outboxes):
        outbox.begin()


atexit.register(_close_all)
os.register_at_fork(after_in_child=_begin_all)
