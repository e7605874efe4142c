"""`/ws/events`: the WebSocket of the reference servers.

Their web page requests `/api/events` and `/api/graph` once, prepends each frame to its list, and clears everything on
`run_started`. It loses frames that arrive before the response to `/api/events`, and shows events twice that come both
ways. So `/api/events` returns no history to the page, and the socket sends nothing before that response (`PageGate`).
"""

import asyncio
from typing import NamedTuple

from websockets.frames import CloseCode

from store.errors import FileError
from store.relay import run_head
from store.relay.change_feed import ChangeFeed, StopReason
from store.relay.connection import Close
from store.relay.follower import Follower
from store.relay.reference_event import for_reference_page
from store.relay.run_head import RunHead
from store.relay.websocket_protocol import FrameWriter

PAGE_WAIT_S = 0.5
"""Seconds that a new socket waits for a request of the page. A script sends none."""

PAGE_SETTLE_S = 0.3
"""Seconds between the response and the first frame. A browser may deliver frames before an earlier response."""


class PageGate:
    """Holds back new sockets until the page has its response to `/api/events`."""

    def __init__(self) -> None:
        self._responded = asyncio.Event()

    def open(self) -> None:
        """Release the waiting sockets: the page got its response."""
        responded, self._responded = self._responded, asyncio.Event()
        responded.set()

    async def wait(self) -> None:
        """Wait for the next `open` and PAGE_SETTLE_S, or else for PAGE_WAIT_S."""
        try:
            async with asyncio.timeout(PAGE_WAIT_S):
                await self._responded.wait()
        except TimeoutError:
            return
        await asyncio.sleep(PAGE_SETTLE_S)


class Start(NamedTuple):
    """Where a client starts."""

    head: RunHead | None
    """The run; None to wait for the first one."""
    position: int
    """Position of the last event that is not sent."""
    seq: int
    """Runs that begin after this seq are sent later."""


async def start_of(feed: ChangeFeed, reload: bool) -> Start:
    """The beginning of the latest run that did not fail (`reload`), or the end of the latest running one.

    Raises FileError.
    """
    seq = await run_head.newest_seq(feed.reader)
    head = await (run_head.latest_unfailed if reload else run_head.latest_running)(feed.reader)
    if head is None:
        return Start(None, 0, seq)
    return Start(head, 0 if reload else head.events, max(seq, head.first_seq))


class ReferenceSocket:
    """A client of `/ws/events`: one run at a time, in the order in which the runs begin."""

    def __init__(self, feed: ChangeFeed, gate: PageGate, writer: FrameWriter, start: Start, stay: bool = False) -> None:
        """`stay`: send only this run and ignore later ones."""
        head, position, self._queued_up_to = start
        self._feed = feed
        self._gate = gate
        self._head = head
        self._stay = stay
        self._queue: list[RunHead] = []
        """Runs to be sent after the current one."""
        self._queued = asyncio.Event()
        self._complete = position == 0
        """Whether the client got the current run from its beginning."""
        self._follower = Follower(feed, writer, for_reference_page)
        self._follower.position = position
        self._follower.seq = head.last_seq if head is not None and position == head.events else 0
        self._file_number = feed.file_number

    def runs_changed(self, keys: list[int], begun: list[RunHead]) -> None:
        """Queue new runs; the current one ends with its last stored event."""
        if self._enqueue(begun):
            self._follower.stop_at_end()

    def _enqueue(self, begun: list[RunHead]) -> bool:
        """Queue new runs, imported ones excepted. Returns whether any were queued."""
        new = [head for head in begun if head.streamed and head.first_seq > self._queued_up_to and not self._stay]
        if new:
            self._queue += new
            self._queued_up_to = new[-1].first_seq
            self._queued.set()
        return bool(new)

    def file_replaced(self) -> None:
        """Drop the queued runs."""
        self._queue.clear()
        self._queued_up_to = 0

    async def run(self) -> Close:
        """Send until the client has gone. With `stay`, return when the run was deleted."""
        self._feed.listeners.add(self)
        try:
            await self._gate.wait()
            caught_up = self._stay
            while True:
                try:
                    if not caught_up:  # runs that began before `listeners.add`
                        self._enqueue(await run_head.begun_after(self._feed.reader, self._queued_up_to))
                        caught_up = True
                    if self._head is None:
                        if self._stay:
                            return Close(CloseCode.NORMAL_CLOSURE, "the run was deleted")
                        self._head = await self._next_run()
                    self._head = await self._follow(self._head)
                except FileError:
                    await self._feed.wait_for_file()
        finally:
            self._feed.listeners.discard(self)

    async def _next_run(self) -> RunHead:
        while not self._queue:
            self._queued.clear()
            await self._queued.wait()
        self._complete = True
        self._follower.position = self._follower.seq = 0
        return self._queue.pop(0)

    async def _follow(self, head: RunHead) -> RunHead | None:
        """Send one run until it stops. Returns what it has become, None to continue with the next run."""
        feed, follower = self._feed, self._follower
        now, tail = await run_head.by_id(feed.reader, head.run_id), await feed.tail(head.run_id)
        if tail is not None and now is not None and tail.generation == head.generation:
            # The tail may be behind the events stored before the next run began.
            follower.stop_at = max(now.events, tail.position) if self._queue else None
            reason = await follower.follow(tail)
        else:
            reason = StopReason.REBUILT if tail is not None else StopReason.DELETED
        if reason is StopReason.REQUESTED or feed.file_number != self._file_number:
            self._file_number = feed.file_number
            return None
        # The run was rebuilt or deleted, or its events now belong to another run.
        found = await run_head.by_id(feed.reader, head.run_id)
        found = found or await run_head.by_event(feed.reader, follower.seq or head.first_seq)
        if found is not None:
            if self._complete and await run_head.begins_with_run_started(feed.reader, found.key):
                follower.position = 0  # run_started clears the page
            else:
                follower.position = await run_head.count_events(feed.reader, found.key, follower.seq)
        return found
