"""HTTP connections of uvicorn, with timeouts for requests and for clients that do not read, and JSON errors."""

import asyncio
import json

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

STALL_TIMEOUT_S = 10.0
"""Seconds for which a client may read nothing while data waits for it."""

REQUEST_TIMEOUT_S = 10.0
"""Seconds within which a request must be complete, counted from the end of the previous response."""


def bad_request(sentence: str) -> bytes:
    """A response to bytes that are not a valid request."""
    body = json.dumps({"error": sentence}).encode()
    head = "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\nconnection: close\r\n"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


class HttpProtocol(H11Protocol):
    """uvicorn's HTTP/1.1 protocol with timeouts."""

    _request_timer: asyncio.TimerHandle | None = None
    _stall_timer: asyncio.TimerHandle | None = None
    _unread = 0
    """Size of the write buffer, in bytes, when the stall timer was started."""
    _has_read = False
    """Whether the client has emptied the write buffer since then."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn narrows it too
        super().connection_made(transport)
        self._limit_request()

    def connection_lost(self, exc: Exception | None) -> None:
        for timer in (self._request_timer, self._stall_timer):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def handle_events(self) -> None:
        super().handle_events()
        self._limit_request()

    def _limit_request(self) -> None:
        """Abort the connection unless the request is complete in time."""
        complete = self.conn.their_state not in (h11.IDLE, h11.SEND_BODY) or self.transport.get_protocol() is not self
        if not complete and self._request_timer is None:
            self._request_timer = self.loop.call_later(REQUEST_TIMEOUT_S, self.transport.abort)
        elif complete and self._request_timer is not None:
            self._request_timer.cancel()
            self._request_timer = None

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch_client()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._has_read = True

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        self._watch_client()  # uvicorn closes the connection only after the client has read everything

    def _watch_client(self) -> None:
        """Start the stall timer."""
        if self._stall_timer is None:
            self._unread, self._has_read = self.transport.get_write_buffer_size(), False
            self._stall_timer = self.loop.call_later(STALL_TIMEOUT_S, self._check_client)

    def _check_client(self) -> None:
        """Abort the connection of a client that read nothing since the stall timer was started."""
        self._stall_timer = None
        left = self.transport.get_write_buffer_size()
        if left >= self._unread > 0 and not self._has_read:
            self.transport.abort()
        elif left:
            self._watch_client()

    def send_400_response(self, msg: str) -> None:
        self.transport.write(bad_request("The request is not HTTP/1.1, or its headers are too large."))
        self.transport.close()
