"""The change feed: one task that reads new events from the file, for any number of clients.

A client has a position in a run. Until it reaches the end of the run, it reads pages at its own speed. At the end it
becomes a *member* of the tail of the run, and new events are written to all members at once. A member that cannot accept
them leaves the tail and reads pages again. So no events are queued for a client, and no client waits for another one.
"""

import asyncio
import time
from contextlib import suppress
from enum import Enum
from pathlib import Path
from typing import Protocol

from store.database.reader import Reader
from store.errors import FileError, FileReplaced, RunChanged
from store.relay import run_head
from store.relay.event_page import EventPage, EventPages
from store.relay.run_head import HEAD_COLUMNS, RunHead
from store.relay.secret_filter import SecretFilter

FILE_RETRY_S = 0.5
"""Seconds between two attempts to open a file that cannot be read."""

_CHANGES = (
    f"SELECT c.number, c.run, {HEAD_COLUMNS} FROM run_change c LEFT JOIN run r ON r.key = c.run AND r.generation >= 0"
    " WHERE c.number > ? ORDER BY c.number"
)


class StopReason(Enum):
    """Why a client stops following a run."""

    REBUILT = "rebuilt"
    DELETED = "deleted"
    REQUESTED = "requested"
    """The client has reached its `Follower.stop_at`."""


class Member(Protocol):
    """A client that has all events up to the tail's position."""

    def offer(self, page: EventPage) -> None:
        """Send these events, or leave the tail if the client cannot accept them."""
        ...

    def leave(self) -> None:
        """Leave the tail. The client then reads pages again."""
        ...


class Tail:
    """The end of one run, to which new events are appended."""

    def __init__(self, head: RunHead) -> None:
        self.key = head.key
        self.run_id = head.run_id
        self.generation = head.generation
        self.position = head.events
        """Position up to which events were offered to the members."""
        self.members: set[Member] = set()
        self.followers = 0
        """Number of clients that follow the run, members included."""
        self.stop_reason: StopReason | None = None
        """Set when the run was rebuilt or deleted; otherwise None."""
        self.latest: EventPage | None = None
        """The page that was offered last. The reference keeps it in the cache of pages, for members that have just left."""

    def release(self) -> None:
        """Make all members leave the tail."""
        for member in list(self.members):
            member.leave()


class Listener(Protocol):
    """Is notified of changes to the list of runs."""

    def runs_changed(self, keys: list[int], begun: list[RunHead]) -> None:
        """The runs with these keys were changed or deleted. `begun`: the new runs among them."""
        ...

    def file_replaced(self) -> None:
        """Another file is at the path. Keys and positions of the old file are invalid."""
        ...


class ChangeFeed:
    """Reads new events for all clients. `run` is the task; `ready` is set while the file can be read."""

    def __init__(self, path: Path, secrets: SecretFilter) -> None:
        self.path = path
        self.ready = asyncio.Event()
        self.trouble = ""
        """Why the file cannot be read."""
        self.listeners: set[Listener] = set()
        self.sent_events = 0
        """Events sent, counted once for each client."""
        self.last_seq = 0
        """Seq of the newest event in the file."""
        self.lag: float | None = None
        """Seconds from the arrival of the newest event in Redis to its sending. None: it did not come from Redis."""
        self.file_number = 0
        """Number of times that another file was put at the path."""
        self.secrets = secrets
        self._reader: Reader
        self._pages: EventPages
        self._tails: dict[int, Tail] = {}
        self._last_change = -1
        """Number of the last processed row of `run_change`; -1 before the first."""
        self._first_seq = 0
        """Seq of the first event of the newest run."""

    @property
    def reader(self) -> Reader:
        """For short queries. Raises FileError while the file cannot be read."""
        self.check()
        return self._reader

    def check(self) -> None:
        """Raise FileError while the file cannot be read."""
        if not self.ready.is_set():
            raise FileError(self.trouble or f"{self.path}: is not open yet")

    async def wait_for_file(self) -> None:
        """Wait until the file can be read again."""
        await asyncio.sleep(FILE_RETRY_S)
        await self.ready.wait()

    async def page(self, run: RunHead | Tail, position: int, last: int) -> EventPage:
        """Events of a run after `position`, up to `last` at most. Raises RunChanged, FileError."""
        self.check()
        return await self._pages.after(run.key, run.generation, position, last)

    # Tails

    async def tail(self, run_id: str) -> Tail | None:
        """The tail of a run, None if there is no such run. Raises FileError."""
        head = await run_head.by_id(self.reader, run_id)
        if head is None:
            return None
        tail = self._tails.get(head.key)
        if tail is None or tail.generation != head.generation:
            if tail is not None:
                self._stop(tail, StopReason.REBUILT)
            tail = self._tails[head.key] = Tail(head)
        return tail

    async def recheck(self, tail: Tail) -> None:
        """Stop the tail if its run was rebuilt or deleted."""
        with suppress(FileError):
            head = await run_head.by_key(self.reader, tail.key)
            if head is None:
                self._stop(tail, StopReason.DELETED)
            elif head.generation != tail.generation:
                self._stop(tail, StopReason.REBUILT)

    def forget(self, tail: Tail) -> None:
        """Discard a tail without followers."""
        if not tail.followers and self._tails.get(tail.key) is tail:
            del self._tails[tail.key]

    def _stop(self, tail: Tail, reason: StopReason) -> None:
        if self._tails.get(tail.key) is tail:
            del self._tails[tail.key]
        tail.stop_reason = reason
        tail.release()

    # The task

    async def run(self) -> None:
        """Watch the file until cancelled. Continues after the file was locked, missing or replaced."""
        while True:
            try:
                async with Reader(self.path) as reader:
                    await self._watch(reader)
            except FileReplaced:
                self._last_change = -1
                self.file_number += 1
                for tail in list(self._tails.values()):
                    self._stop(tail, StopReason.DELETED)
                for listener in list(self.listeners):
                    listener.file_replaced()
            except FileError as error:
                self.trouble = str(error)
                await asyncio.sleep(FILE_RETRY_S)

    async def _watch(self, reader: Reader) -> None:
        self._reader, self._pages = reader, EventPages(reader, self.secrets)
        if self._last_change < 0:
            sql = "SELECT coalesce(max(first_seq), 0), coalesce(max(last_seq), 0) FROM run WHERE generation >= 0"
            async with reader.snapshot():
                self._last_change = await reader.last_change()
                self._first_seq, self.last_seq = (await reader.rows(sql))[0]
        self.trouble = ""
        self.ready.set()
        try:
            async for _ in reader.watch():
                await self._process_changes()
        except FileReplaced:
            self.trouble = f"{self.path}: was deleted or replaced; it is being opened again"
            raise
        except FileError as error:
            self.trouble = str(error)
            raise
        finally:
            self.ready.clear()  # before the reader is closed

    async def _process_changes(self) -> None:
        """Send new events first, then notify the listeners."""
        rows = await self.reader.rows(_CHANGES, (self._last_change,))
        if not rows:
            return
        heads = {row[1]: RunHead(*row[2:]) for row in rows if row[2] is not None}
        for tail in [self._tails[row[1]] for row in rows if row[1] in self._tails]:
            head = heads.get(tail.key)
            if head is None:
                self._stop(tail, StopReason.DELETED)
            elif head.generation > tail.generation:  # the tail may be newer than `rows`
                self._stop(tail, StopReason.REBUILT)
            else:
                await self._advance(tail, head.events)
        self._last_change = rows[-1][0]
        await self._measure_lag(max((head.last_seq for head in heads.values()), default=0))
        begun = sorted(
            (head for head in heads.values() if head.first_seq > self._first_seq), key=lambda head: head.first_seq
        )
        if begun:
            self._first_seq = begun[-1].first_seq
        for listener in list(self.listeners):
            listener.runs_changed([row[1] for row in rows], begun)

    async def _advance(self, tail: Tail, end: int) -> None:
        """Offer the events up to `end` to all members."""
        while tail.members and tail.position < end:
            try:
                page = await self._pages.after(tail.key, tail.generation, tail.position, end)
            except RunChanged:
                return  # the next row of `run_change` has the reason
            tail.position, tail.latest = page.last, page
            for member in list(tail.members):
                member.offer(page)
        if tail.position < end:
            tail.position, tail.latest = end, None
            tail.release()

    async def _measure_lag(self, seq: int) -> None:
        if seq > self.last_seq:
            self.last_seq = seq
            arrived = await self.reader.rows("SELECT ms / 1000.0 FROM event WHERE seq = ? AND stream IS NOT NULL", (seq,))
            self.lag = max(time.time() - arrived[0][0], 0.0) if arrived else None
