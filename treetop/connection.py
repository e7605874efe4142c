"""A connection that adds entries to one Redis stream, in batches that Redis applies as a whole."""

from collections.abc import Sequence
from typing import Any

import redis

from treetop.redis_client import make_client

FIELD = "json_payload"
"""Field of a stream entry that holds the event."""

CONNECT_TIMEOUT_S, REPLY_TIMEOUT_S = 3.0, 5.0
"""Seconds in which Redis must accept a connection, and reply to a command."""


def connect(url: str, stream: str = "") -> redis.Redis:
    """A client for publishing. Nothing is sent yet. Raises AddressError."""
    return make_client(url, REPLY_TIMEOUT_S, CONNECT_TIMEOUT_S, stream)


class StreamConnection:
    """Connection for adding entries to a stream. Connects with the first batch, and again after `disconnect`.

    Commands are encoded here: the pipeline of redis-py takes several times as long as everything else together.
    """

    def __init__(self, url: str, stream: str, maxlen: int) -> None:
        self._connection: Any = connect(url, stream).connection_pool.make_connection()
        words = "XADD", stream, "MAXLEN", "~", str(maxlen), "*", FIELD
        self._prefix = b"*%d\r\n%b" % (len(words) + 1, b"".join(_encoded(word.encode()) for word in words))
        """Encoded command without its last argument, the event."""

    def add(self, batch: Sequence[bytes]) -> None:
        """Add all entries or none, so that their order survives a retry. Raises RedisError or OSError."""
        commands = [self._prefix + _encoded(body) for body in batch]
        if len(commands) > 1:
            commands = [b"*1\r\n$5\r\nMULTI\r\n", *commands, b"*1\r\n$4\r\nEXEC\r\n"]
        self._connection.send_packed_command([b"".join(commands)], check_health=False)
        for _ in commands:
            reply = self._connection.read_response()
        for error in reply if isinstance(reply, list) else ():
            if isinstance(error, Exception):
                raise error

    def disconnect(self) -> None:
        """Close the connection if it is open."""
        self._connection.disconnect()


def _encoded(argument: bytes) -> bytes:
    """An argument of a command in the Redis protocol."""
    return b"$%d\r\n%b\r\n" % (len(argument), argument)
