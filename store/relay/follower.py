"""A client that follows one run: stored events page by page, then new events as the change feed offers them."""

import asyncio
from collections.abc import Callable

from store.errors import FileError, RunChanged
from store.relay.change_feed import ChangeFeed, StopReason, Tail
from store.relay.event_page import PAGE_MAX_BYTES, EventPage
from store.relay.frame import Rendering
from store.relay.websocket_protocol import FrameWriter

OFFER_MAX_BYTES = 4 * PAGE_MAX_BYTES
"""Largest frames, in bytes, that are written to a member at once. A member reads larger ones as a page."""


class Follower:
    """Sends the events of one run at a time to one client."""

    def __init__(
        self,
        feed: ChangeFeed,
        writer: FrameWriter,
        rendering: Rendering,
        on_live: Callable[["Follower"], None] | None = None,
    ) -> None:
        """`on_live` is called each time that the client has every stored event."""
        self.writer = writer
        self.position = 0
        """Position of the last event sent."""
        self.seq = 0
        """Seq of the last event sent."""
        self.stop_at: int | None = None
        """Position at which to stop following the run."""
        self._feed = feed
        self._rendering = rendering
        self._on_live = on_live
        self._tail: Tail | None = None
        self._left = asyncio.Event()

    async def follow(self, tail: Tail) -> StopReason:
        """Send the events after `position` as they are stored, until the run changes or `stop_at` is reached.

        Waits while the file cannot be read. Raises ClientGone and ClientStalled.
        """
        tail.followers += 1
        self._tail = tail
        try:
            while True:
                await self.writer.drain()
                if tail.stop_reason is not None:
                    return tail.stop_reason
                if self.stop_at is not None and self.position >= self.stop_at:
                    return StopReason.REQUESTED
                if self.position >= tail.position:
                    await self._join(tail)
                    continue
                try:
                    await self._send_page(tail)
                except RunChanged:
                    await self._feed.recheck(tail)
                except FileError:
                    await self._feed.wait_for_file()
        finally:
            self._tail = None
            tail.members.discard(self)
            tail.followers -= 1
            self._feed.forget(tail)

    async def _send_page(self, tail: Tail) -> None:
        last = tail.position if self.stop_at is None else min(tail.position, self.stop_at)
        page = await self._feed.page(tail, self.position, last)
        await self.writer.send(page.frames(self._rendering))
        self._advance(page)

    async def _join(self, tail: Tail) -> None:
        """Be a member of the tail until `leave`."""
        if self._on_live is not None:
            self._on_live(self)
        self._left.clear()
        tail.members.add(self)
        await self._left.wait()

    def offer(self, page: EventPage) -> None:
        """Send the next events of the run if the client took all earlier ones; otherwise leave the tail."""
        writer = self.writer
        frames = page.frames(self._rendering)
        if self.position == page.first - 1 and writer.is_open and writer.is_drained and len(frames) <= OFFER_MAX_BYTES:
            writer.write(frames)
            self._advance(page)
            if self.stop_at is not None and self.position >= self.stop_at:
                self.leave()
        else:
            self.leave()

    def _advance(self, page: EventPage) -> None:
        self.position = page.last
        self.seq = page.events[-1].seq
        self._feed.sent_events += len(page.events)

    def leave(self) -> None:
        """Leave the tail."""
        if self._tail is not None:
            self._tail.members.discard(self)
        self._left.set()

    def stop_at_end(self) -> None:
        """Stop following the run once every event stored so far is sent."""
        if self._tail is not None and self.stop_at is None:
            self.stop_at = self._tail.position
        self.leave()
