"""WebSocket connections of uvicorn, with bounded sends and a close frame even for clients that do not read.

uvicorn frames every message again for every client. A `FrameWriter` writes frames that were made once for all clients.
"""

import asyncio
from typing import Any, cast

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode, Frame

from store.relay.http_protocol import STALL_TIMEOUT_S, bad_request

SLICE_BYTES = 320_000
"""Bytes written at a time. With the 64 kB of the transport, this bounds the memory for one client."""

CLOSE_TIMEOUT_S = 5.0
"""Seconds to wait for the client's close frame before the connection is aborted."""

WRITER_EXTENSION = "treetop.frame_writer"
"""Name of the ASGI extension that holds the connection's FrameWriter."""


class ClientGone(Exception):
    """The connection was closed, by either side."""


class ClientStalled(Exception):
    """The client does not read."""


class FrameWriter:
    """Writes frames to one WebSocket client."""

    def __init__(self, protocol: "WebSocketProtocol") -> None:
        self._protocol = protocol
        self._transport = protocol.transport
        self.sent_bytes = 0
        self.in_frame = False
        """Whether the last write ended inside a frame, so that a control frame would corrupt it."""

    @property
    def address(self) -> str:
        """Host and port of the client."""
        client = self._protocol.client
        return "unknown" if client is None else f"{client[0]}:{client[1]}"

    @property
    def is_open(self) -> bool:
        """Whether frames can still be sent."""
        protocol = self._protocol
        return not (protocol.close_sent or protocol.disconnected or self._transport.is_closing())

    @property
    def is_drained(self) -> bool:
        """Whether the write buffer is below its limit."""
        return self._protocol.writable.is_set()

    def write(self, frames: bytes) -> None:
        """Buffer whole frames. Requires `is_open` and `is_drained`."""
        self._transport.write(frames)
        self.sent_bytes += len(frames)

    async def send(self, frames: bytes) -> None:
        """Send whole frames as fast as the client reads. Raises ClientGone and ClientStalled."""
        rest = memoryview(frames)
        while rest:
            await self.drain()
            part, rest = rest[:SLICE_BYTES], rest[SLICE_BYTES:]
            self.in_frame = bool(rest)
            self._transport.write(part)
            self.sent_bytes += len(part)
        self._protocol.send_pong()

    async def drain(self) -> None:
        """Wait until the write buffer is below its limit. Raises ClientGone and ClientStalled."""
        if not self.is_drained:
            await self._wait_for_client()
        if not self.is_open:
            raise ClientGone

    async def _wait_for_client(self) -> None:
        """Wait while the client reads. Raises ClientStalled if it reads nothing for STALL_TIMEOUT_S."""
        left = self._transport.get_write_buffer_size()
        while not self.is_drained:
            try:
                async with asyncio.timeout(STALL_TIMEOUT_S):
                    await self._protocol.writable.wait()
            except TimeoutError:
                before, left = left, self._transport.get_write_buffer_size()
                if left >= before:
                    raise ClientStalled(f"nothing was read for {STALL_TIMEOUT_S:g} s while events waited") from None

    def close(self, code: int, reason: str) -> None:
        """Send a close frame, whether or not the client reads. Aborts the connection inside a frame."""
        if self.in_frame:
            self._transport.abort()
        elif self.is_open:
            self._protocol.close(code, reason)


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """uvicorn's WebSocket protocol with a FrameWriter in the ASGI scope."""

    writer: FrameWriter
    pong = b""
    """The pending answer to the last ping."""

    async def run_asgi(self) -> None:
        self.writer = FrameWriter(self)
        cast("dict[str, Any]", self.scope["extensions"])[WRITER_EXTENSION] = self.writer
        await super().run_asgi()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if not self.handshake_initiated:  # the request is complete, but the library cannot parse it
            self.handshake_initiated = True
            self.transport.write(bad_request("The handshake cannot be read, or its headers are too large."))
            self.transport.close()

    def handle_message(self, event: Frame) -> None:
        """Ignore messages of the client."""

    handle_text = handle_bytes = handle_cont = handle_message

    def handle_ping(self) -> None:
        """Answer now if the write buffer has room, otherwise later. RFC 6455 requires only the last ping to be answered."""
        self.pong = b"".join(self.conn.data_to_send())
        if self.writable.is_set():
            self.send_pong()

    def send_pong(self) -> None:
        """Send the pending pong, unless a frame is half sent."""
        if self.pong and not (self.writer.in_frame or self.close_sent):
            self.transport.write(self.pong)
            self.pong = b""

    def resume_writing(self) -> None:
        super().resume_writing()
        self.send_pong()

    async def send(self, message: Any) -> None:
        await super().send(message)
        if self.initial_response is not None and self.close_sent:
            self.handshake_complete = True  # a rejected handshake; otherwise uvicorn logs an error

    def handle_parser_exception(self) -> None:
        """Close after a protocol error of the client; abort if a close frame cannot be sent."""
        if self.conn.close_sent is None or self.writer.in_frame:
            self.transport.abort()
        else:
            super().handle_parser_exception()
            self.loop.call_later(CLOSE_TIMEOUT_S, self.transport.abort)

    def close(self, code: int, reason: str) -> None:
        """Start the closing handshake; abort if the client does not complete it in time."""
        self.stop_keepalive()
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.conn.send_close(code, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        self.close_timer = self.loop.call_later(CLOSE_TIMEOUT_S, self.transport.abort)

    def shutdown(self) -> None:
        """Close because the server stops."""
        if not self.handshake_complete:
            super().shutdown()
        elif self.writer.in_frame:
            self.transport.abort()
        else:
            if self.writer.is_open:
                self.close(CloseCode.GOING_AWAY, "the server is shutting down")
            self.transport.close()

    def keepalive_timeout(self) -> None:
        """Close because the client did not answer a ping."""
        self.pong_timer = None
        if not self.close_sent:
            self.writer.close(CloseCode.INTERNAL_ERROR, "keepalive ping timeout")

    def handle_close(self, event: Frame) -> None:
        super().handle_close(event)
        self.loop.call_later(CLOSE_TIMEOUT_S, self.transport.abort)  # in case earlier frames are never read

    def send_keepalive_ping(self) -> None:
        if self.writer.in_frame:
            self.schedule_ping()
        else:
            super().send_keepalive_ping()
