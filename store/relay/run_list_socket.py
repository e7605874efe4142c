"""`/ws/runs`: the list of runs and its changes."""

import asyncio
import time
from typing import Any

from store.errors import FileError
from store.model import document as doc
from store.relay.change_feed import ChangeFeed
from store.relay.connection import Close
from store.relay.frame import text_frame
from store.relay.run_head import RunHead
from store.relay.run_list import run_list_page
from store.relay.websocket_protocol import FrameWriter

INITIAL_RUNS = 100
"""Number of runs in the first message."""


class RunListSocket:
    """A client of `/ws/runs`: the newest runs, then each row that changes.

    A row that changes several times before the client takes it is sent once, in its latest state.
    """

    def __init__(self, feed: ChangeFeed, writer: FrameWriter) -> None:
        self._feed = feed
        self._writer = writer
        self._changed: dict[int, None] = {}
        """Keys of the rows to be sent, in order."""
        self._sent_ids: dict[int, str] = {}
        """Ids of the runs that the client has, by key."""
        self._wake = asyncio.Event()
        self._send_list = True
        """Whether to send the whole list next."""

    def runs_changed(self, keys: list[int], begun: list[RunHead]) -> None:
        """Send these rows, or their deletion."""
        self._changed.update(dict.fromkeys(keys))
        self._wake.set()

    def file_replaced(self) -> None:
        """Send the list of the new file."""
        self._changed.clear()
        self._send_list = True
        self._wake.set()

    async def run(self) -> Close:
        """Send until the client has gone."""
        self._feed.listeners.add(self)
        try:
            while True:
                self._wake.clear()
                try:
                    await self._send_changes()
                except FileError:
                    await self._feed.wait_for_file()
                    continue
                await self._wake.wait()
        finally:
            self._feed.listeners.discard(self)

    async def _send_changes(self) -> None:
        if self._send_list:
            rows = (await run_list_page(self._feed.reader, INITIAL_RUNS)).rows
            self._sent_ids.clear()
            await self._send({"type": "list", "runs": [doc.row_document(row, time.time()) for row in rows]})
            self._sent_ids.update((row.key, row.run.run_id) for row in rows)
            self._send_list = False
        while self._changed:
            key = next(iter(self._changed))
            row = await self._feed.reader.run(key)
            del self._changed[key]
            if row is not None:
                self._sent_ids[key] = row.run.run_id
                await self._send({"type": "run", "run": doc.row_document(row, time.time())})
            elif key in self._sent_ids:
                await self._send({"type": "deleted", "run_id": self._sent_ids.pop(key)})

    async def _send(self, message: dict[str, Any]) -> None:
        await self._writer.send(text_frame(await self._feed.secrets.apply_to(doc.encode(message))))
