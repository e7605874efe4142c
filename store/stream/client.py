"""Client for reading a Redis stream. XRANGE and XREAD return entries.

Redis cannot limit a reply by size, and redis-py reads each reply to its end. The client therefore counts the bytes that
arrive, and raises ReplyTooLarge beyond a limit.
"""

from functools import partial
from typing import Any

import redis
from redis.connection import DefaultParser

from store.errors import RedisError
from store.model.entry import Entry, StreamId
from treetop.address import AddressError
from treetop.redis_client import make_client

BLOCK_S = 0.5
"""Seconds that one XREAD waits for the next entry. After each wait without entries, the stream is checked."""

CONNECT_TIMEOUT_S, REPLY_TIMEOUT_S = 3.0, 5.0
"""Seconds in which Redis must accept a connection, and reply to a command."""


class ReplyTooLarge(redis.RedisError):
    """More bytes arrived than are allowed. The connection is in the middle of a reply: disconnect it."""


class ReplyLimit:
    """Number of bytes that may still arrive on the connections of a client; None: any number."""

    def __init__(self) -> None:
        self.bytes_left: int | None = None

    def take(self, size: int) -> None:
        """Count bytes that arrived. Raises ReplyTooLarge."""
        if self.bytes_left is not None:
            self.bytes_left -= size
            if self.bytes_left < 0:
                raise ReplyTooLarge("the reply is larger than permitted")


class _CountingSocket:
    """A socket that counts the bytes it receives."""

    def __init__(self, socket: Any, limit: ReplyLimit) -> None:
        self._socket = socket
        self._limit = limit

    def __getattr__(self, name: str) -> Any:
        return getattr(self._socket, name)

    def recv_into(self, *arguments: Any) -> int:
        size: int = self._socket.recv_into(*arguments)
        self._limit.take(size)
        return size


class _LimitedParser(DefaultParser):  # type: ignore[misc, valid-type]  # chosen by redis-py when it is imported
    """Parses replies from a counting socket."""

    def __init__(self, limit: ReplyLimit, socket_read_size: int) -> None:
        super().__init__(socket_read_size=socket_read_size)
        self._limit = limit

    def on_connect(self, connection: Any, **options: Any) -> None:
        super().on_connect(connection, **options)
        self._sock: Any = _CountingSocket(self._sock, self._limit)


def connect(url: str, stream: str = "", limit: ReplyLimit | None = None) -> redis.Redis:
    """A client whose commands may block for BLOCK_S. Nothing is sent yet. Raises RedisError for an invalid address."""
    options = {} if limit is None else {"parser_class": partial(_LimitedParser, limit)}
    try:
        client = make_client(url, BLOCK_S + REPLY_TIMEOUT_S, CONNECT_TIMEOUT_S, stream, **options)
    except AddressError as error:
        raise RedisError(str(error)) from None
    client.set_response_callback("XRANGE", _entries)
    client.set_response_callback("XREAD", _entries_of_stream)
    return client


def _entries(reply: Any, **_: Any) -> list[Entry]:
    """Reply of XRANGE. An entry that was deleted during the command has no fields, and is left out."""
    return [
        Entry(StreamId.parse(at), dict(zip(pairs[::2], pairs[1::2], strict=True)))
        for at, pairs in reply or ()
        if pairs is not None
    ]


def _entries_of_stream(reply: Any, **_: Any) -> list[Entry]:
    """Reply of XREAD for one stream: a list in version 2 of the protocol, a mapping in version 3."""
    if not reply:
        return []
    ((_, entries),) = reply.items() if isinstance(reply, dict) else reply
    return _entries(entries)
