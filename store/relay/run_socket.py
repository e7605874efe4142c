"""`/ws/runs/ID`: the events of one run with their positions."""

from websockets.frames import CloseCode

from store.errors import FileError
from store.model import document as doc
from store.relay import run_head
from store.relay.change_feed import ChangeFeed
from store.relay.connection import Close
from store.relay.follower import Follower
from store.relay.frame import text_frame, with_position
from store.relay.run_head import RunHead
from store.relay.websocket_protocol import FrameWriter


class RunSocket:
    """A client of `/ws/runs/ID`.

    Events carry their positions, so a client can reconnect with `?after=`. Other messages: `run` comes first, `live` when
    the client has every stored event, `rebuilt` before a run is sent again with new positions, `deleted` at the end.
    """

    def __init__(self, feed: ChangeFeed, writer: FrameWriter, head: RunHead, after: int, generation: int | None) -> None:
        """`generation`: the one that `after` refers to. If the run has another, it is sent from its beginning."""
        self._feed = feed
        self._writer = writer
        self._head = head
        self._file_number = feed.file_number
        self._rebuilt = generation is not None and generation != head.generation
        self._is_live = False
        self._follower = Follower(feed, writer, with_position, self._on_live)
        self._follower.position = 0 if self._rebuilt else after

    async def run(self) -> Close:
        """Send until the client has gone or the run was deleted."""
        head: RunHead | None = self._head
        while head is not None:
            try:
                await self._send("rebuilt" if self._rebuilt else "run", head)
                head = await self._follow(head)
            except FileError:
                await self._feed.wait_for_file()
        await self._send("deleted", self._head)
        return Close(CloseCode.NORMAL_CLOSURE, "the run was deleted")

    async def _follow(self, head: RunHead) -> RunHead | None:
        """Send the run until it changes. Returns what it has become, None if it was deleted."""
        self._is_live = False
        tail = await self._feed.tail(head.run_id)
        if tail is not None and tail.generation == head.generation:
            await self._follower.follow(tail)
        if self._feed.file_number != self._file_number:
            return None
        # The run was deleted or rebuilt, or its events now belong to another run.
        found = await run_head.by_id(self._feed.reader, head.run_id)
        found = found or await run_head.by_event(self._feed.reader, self._follower.seq or head.first_seq)
        self._follower.position, self._rebuilt = 0, True
        return found

    def _on_live(self, follower: Follower) -> None:
        if not self._is_live:
            self._is_live = True
            follower.writer.write(text_frame(doc.encode({"type": "live", "position": follower.position})))

    async def _send(self, kind: str, head: RunHead) -> None:
        message = {
            "type": kind,
            "run_id": head.run_id,
            "generation": head.generation,
            "position": self._follower.position,
            "events": head.events,
        }
        await self._writer.send(text_frame(await self._feed.secrets.apply_to(doc.encode(message))))
