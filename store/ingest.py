"""From the Redis stream into the file, for as long as it takes.

One loop: read after the stored position, check that nothing is missing, append rows and position in one transaction. Redis
may be absent, go away, come back empty or refuse: that is said in the file, for every screen to show, and tried again. The
loop ends only when it is told to.

What it says of itself (`stream.state`): `connecting`, `reading` (behind, catching up), `live` (everything that the stream
holds is stored), `away` (Redis can not be reached), `refused` (Redis answers, but does not let us read), `stopped`.
"""

import random
import sys
import time
from pathlib import Path
from threading import Event as Flag
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from store.cursor import START, Cursor, Entry, Look, Verdict, follow, is_contiguous, judge
from store.errors import Fenced, FileError, RedisError
from store.events import StreamId
from store.lease import Lease
from store.writer import Counts, Writer

BLOCK = 0.5
"""Seconds to wait in Redis for the next entry."""

CHECK = 1.0
"""Seconds between two checks that the stream is still the one we know, while nothing arrives."""

BATCH_FIRST = 16
BATCH = 1_000
BATCH_BYTES = 4_000_000
"""Bounds of a batch. What is waiting when one is committed is the next one, so batches grow under load by themselves;
the first is small, as nobody knows yet how large entries are."""

RETRY_FIRST, RETRY_LAST, RETRY_REFUSED = 0.1, 5.0, 30.0
"""Seconds before Redis is tried again: more each time; long, when it refused and a person must mend it."""

ANSWER = 5.0
"""Seconds in which Redis must answer."""


def connect(url: str) -> redis.Redis:
    """A client with every timeout given: the library's own retries would hide an outage for a minute."""
    keepalive = {} if url.startswith("unix:") else {"socket_keepalive": True}
    try:
        return redis.Redis.from_url(
            url,
            decode_responses=False,
            socket_timeout=BLOCK + ANSWER,
            socket_connect_timeout=3.0,
            retry=Retry(NoBackoff(), 0),
            health_check_interval=0,
            **keepalive,
        )
    except ValueError as error:
        raise RedisError(
            f"{url}: is not the address of a Redis ({error}); give one like redis://localhost:6379/0"
        ) from error


class Ingester:
    """Reads one stream into one file. Takes the file's lease while it works; raises FileLocked when another has it."""

    def __init__(self, path: Path, url: str, stream: str) -> None:
        self.path = path
        self.url = url
        self.stream = stream
        self.counts = Counts()
        self._stop = Flag()
        self._client = connect(url)
        self._limit = BATCH_FIRST
        self._state: tuple[str, str | None] = ("", None)
        self._since = 0.0
        self._head: StreamId | None = None
        self._told = 0.0

    def stop(self) -> None:
        """Finish the batch in hand, then return from `run`. May be called from a signal handler or another thread."""
        self._stop.set()

    def run(self) -> None:
        """Store what arrives until `stop`."""
        with Lease(self.path), Writer(self.path) as writer:
            key = writer.stream(self.stream)
            cursor, patience, checked = writer.cursor(key), RETRY_FIRST, False
            self._tell(writer, key, "connecting")
            while not self._stop.is_set():
                try:
                    cursor, caught_up = self._step(writer, key, cursor, certain=not checked)
                    checked, patience = True, RETRY_FIRST
                    if caught_up:
                        self._tell(writer, key, "live")
                        checked = self._wait(cursor)
                    else:
                        self._tell(writer, key, "reading")
                except (redis.RedisError, OSError, MemoryError) as error:
                    checked = False
                    self._limit = max(1, self._limit // 2)
                    refused = _is_refusal(error)
                    self._client.connection_pool.disconnect()
                    self._tell(writer, key, "refused" if refused else "away", f"{self.url}: {error}")
                    self._stop.wait(RETRY_REFUSED if refused else random.uniform(0.0, patience))
                    patience = min(2 * patience, RETRY_LAST)
                except (Fenced, FileError) as error:
                    print(error, file=sys.stderr, flush=True)  # noqa: T201 - the file itself can not carry it
                    self._stop.wait(1.0)
                    cursor = writer.cursor(key)
            self._tell(writer, key, "stopped")

    def drain(self) -> Counts:
        """Store everything that the stream holds now, then return. Raises RedisError when Redis is not there."""
        with Lease(self.path), Writer(self.path) as writer:
            key = writer.stream(self.stream)
            cursor, certain, caught_up = writer.cursor(key), True, False
            try:
                while not caught_up:
                    cursor, caught_up = self._step(writer, key, cursor, certain)
                    certain = False
            except (redis.RedisError, OSError) as error:
                reason = str(error).rstrip(".")
                raise RedisError(f"{self.url}: {reason}; start Redis, or name another with --redis") from error
            self._tell(writer, key, "stopped")
        return self.counts

    def _step(self, writer: Writer, key: int, cursor: Cursor, certain: bool) -> tuple[Cursor, bool]:
        """Read, check and store one batch. Gives the next cursor, and whether that was all there is."""
        look = None if certain or cursor.position == START else self._glance(cursor)
        verdict = judge(cursor, self._look(cursor)) if look is None else Verdict(look, follow(cursor, look))
        batch, after, gap = verdict.batch, verdict.cursor, verdict.gap
        limit = self._limit
        if batch or gap is not None or after != cursor:
            self.counts.add(writer.append(batch, key, cursor, after, gap))
        if batch:
            size = sum(len(value) for entry in batch for value in entry.fields.values()) // len(batch)
            self._limit = max(1, min(BATCH, 2 * limit, BATCH_BYTES // (size + 1)))
        return after, len(batch) < limit and (gap is None or gap.kind != "reset")

    def _glance(self, cursor: Cursor) -> list[Entry] | None:
        """The cheap read: the next entries, if nothing is missing before them; None where that takes a closer look."""
        pipe = self._client.pipeline(transaction=False)
        pipe.xread({self.stream: str(cursor.position)}, count=self._limit)
        pipe.xrange(self.stream, str(cursor.position), str(cursor.position))
        batch, at_position = pipe.execute()
        found = _entries_of_range(at_position)
        return _entries_of_read(batch) if is_contiguous(cursor, found[0] if found else None) else None

    def _look(self, cursor: Cursor) -> Look:
        """Everything that Redis knows, at one moment."""
        server = str(self._client.info("server")["run_id"])
        pipe = self._client.pipeline(transaction=True)
        pipe.exists(self.stream)
        pipe.xread({self.stream: str(cursor.position)}, count=self._limit)
        pipe.xrange(self.stream, str(cursor.position), str(cursor.position))
        pipe.xinfo_stream(self.stream)
        there, batch, at_position, about = pipe.execute(raise_on_error=False)
        if not isinstance(there, Exception) and not there:
            self._head = None
            return Look((), self._limit, None, None, 0, None, server)
        for reply in (there, batch, at_position, about):
            if isinstance(reply, Exception):
                raise reply
        found = _entries_of_range(at_position)
        self._head = StreamId.parse(about["last-generated-id"])
        return Look(
            _entries_of_read(batch),
            self._limit,
            found[0] if found else None,
            self._head,
            about["length"],
            about.get("entries-added"),
            server,
        )

    def _wait(self, cursor: Cursor) -> bool:
        """Sleep in Redis until there is something to read. False: nothing came for a while, so look closely again."""
        until = time.monotonic() + CHECK
        while not self._stop.is_set() and time.monotonic() < until:
            if self._client.xread({self.stream: str(cursor.position)}, count=1, block=int(BLOCK * 1000)):
                return True
        return False

    def _tell(self, writer: Writer, key: int, state: str, reason: str | None = None) -> None:
        """Say in the file how it goes, when that changed, and at most once a second while catching up."""
        now = time.time()
        if (state, reason) == self._state and (state != "reading" or now - self._told < 1.0):
            return
        if (state, reason) != self._state:
            self._since = now
        self._state, self._told = (state, reason), now
        try:
            writer.report(key, state, reason, self._head, self._since)
        except FileError as error:
            print(error, file=sys.stderr, flush=True)  # noqa: T201 - the file itself can not carry it


def _is_refusal(error: Exception) -> bool:
    """Does a person have to mend something before it makes sense to try again?"""
    if isinstance(error, redis.AuthenticationError):
        return True
    passing = (redis.exceptions.BusyLoadingError, redis.exceptions.ReadOnlyError, redis.exceptions.OutOfMemoryError)
    return isinstance(error, redis.ResponseError) and not isinstance(error, passing)


def _entries_of_range(reply: Any) -> list[Entry]:
    """Entries of XRANGE."""
    return [Entry(StreamId.parse(at), fields) for at, fields in reply or () if fields is not None]


def _entries_of_read(reply: Any) -> list[Entry]:
    """Entries of XREAD, whichever of its two shapes the protocol gives it."""
    if not reply:
        return []
    if isinstance(reply, dict):
        (parts,) = reply.values()
        return [entry for part in parts for entry in _entries_of_range(part)]
    return _entries_of_range(reply[0][1])
