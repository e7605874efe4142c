"""WebSocket connections: their number and traffic, and each one from handshake to close."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from starlette.websockets import WebSocket
from websockets.frames import CloseCode

from store.errors import StoreError, TooManyClients
from store.relay.websocket_protocol import WRITER_EXTENSION, ClientGone, ClientStalled, FrameWriter

CLIENTS_MAX = 1_000
"""Number of WebSocket clients at a time."""

REASON_MAX_CHARACTERS = 100
"""Longest reason that fits into a close frame, in characters."""


class Close(NamedTuple):
    """Code and reason of a close frame."""

    code: int
    reason: str


class Connections:
    """The open connections of one server, and counters. `log` gets a line for each connection that was closed."""

    def __init__(self, log: Callable[[str], None]) -> None:
        self.writers: set[FrameWriter] = set()
        """Writers of the open connections."""
        self.accepted = 0
        """Number of connections since the start."""
        self.stalled = 0
        """Number of connections closed because the client did not read."""
        self._closed_sent_bytes = 0
        """Bytes sent over connections that are closed."""
        self._log = log

    def __len__(self) -> int:
        return len(self.writers)

    @property
    def sent_bytes(self) -> int:
        """Bytes of all frames sent."""
        return self._closed_sent_bytes + sum(writer.sent_bytes for writer in self.writers)

    async def serve(self, websocket: WebSocket, work: Callable[[FrameWriter], Awaitable[Close]]) -> None:
        """Accept a client and close the connection when `work` returns. Messages of the client are ignored.

        Raises TooManyClients.
        """
        if len(self) >= CLIENTS_MAX:
            raise TooManyClients(f"The server has its {CLIENTS_MAX:,} WebSocket clients; try again later.")
        writer: FrameWriter = websocket.scope["extensions"][WRITER_EXTENSION]
        self.writers.add(writer)  # before the first await, so that the limit holds
        self.accepted += 1
        start = time.monotonic()
        try:
            await websocket.accept()
        except BaseException:
            self.writers.discard(writer)
            raise
        working = asyncio.ensure_future(work(writer))
        receiving = asyncio.create_task(_receive_close(websocket))
        close = Close(CloseCode.GOING_AWAY, "the server is shutting down")
        try:
            await asyncio.wait({working, receiving}, return_when=asyncio.FIRST_COMPLETED)
            close = _close(working, receiving)
        finally:
            for task in (working, receiving):
                task.cancel()
            await asyncio.gather(working, receiving, return_exceptions=True)
            writer.close(*close)
            path = websocket.scope["raw_path"].decode("ascii", "replace")
            self._remove(writer, path, time.monotonic() - start, close)
        error = None if working.cancelled() else working.exception()
        if error is not None and not isinstance(error, ClientGone | ClientStalled | StoreError):
            raise error

    def _remove(self, writer: FrameWriter, path: str, seconds: float, close: Close) -> None:
        self.writers.discard(writer)
        self._closed_sent_bytes += writer.sent_bytes
        self.stalled += close.code == CloseCode.TRY_AGAIN_LATER
        why = f"{close.code} {ascii(close.reason)[1:-1]}".rstrip()
        self._log(f"{writer.address} {path}: {writer.sent_bytes:,} bytes in {seconds:.1f} s, closed with {why}")


def _close(working: "asyncio.Future[Close]", receiving: "asyncio.Task[Close]") -> Close:
    """Code and reason by the task that ended first."""
    if not working.done():
        return receiving.result()
    error = working.exception()
    if error is None:
        return working.result()
    if isinstance(error, ClientStalled):
        return Close(CloseCode.TRY_AGAIN_LATER, str(error))
    if isinstance(error, ClientGone):
        return receiving.result() if receiving.done() else Close(CloseCode.ABNORMAL_CLOSURE, "the connection was lost")
    if isinstance(error, StoreError):
        return Close(CloseCode.SERVICE_RESTART, str(error)[:REASON_MAX_CHARACTERS])
    return Close(CloseCode.INTERNAL_ERROR, "the server failed; see its log")


async def _receive_close(websocket: WebSocket) -> Close:
    """Wait until the client closes the connection."""
    while True:
        message = await websocket.receive()
        if message["type"] == "websocket.disconnect":
            return Close(message.get("code", CloseCode.NO_STATUS_RCVD), message.get("reason") or "")
