"""Publishing numbered events, and reading a stream, for tests of the publisher."""

import json
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis

from store.stream.server import RedisServer
from treetop.connection import FIELD
from treetop.publisher import Publisher


def bodies(server: RedisServer, stream: str = "agent_events") -> list[dict[str, Any]]:
    """Events in a stream."""
    with redis.Redis.from_url(server.url) as client:
        entries: Any = client.xrange(stream)
    return [json.loads(fields[FIELD.encode()]) for _, fields in entries]


def numbers(server: RedisServer) -> list[int]:
    """The field `number` of all events that have it, in the order of the stream."""
    return [body["payload"]["number"] for body in bodies(server) if "number" in body["payload"]]


def say(run: Publisher, *which: int) -> None:
    """Publish an event for each of these numbers."""
    for number in which:
        run.emit("thought", {"number": number})


@contextmanager
def to_be_started() -> Iterator[RedisServer]:
    """A redis-server that is not running. The test starts and stops it; its address stays the same."""
    folder = Path(tempfile.mkdtemp(prefix="treetop-"))
    yield RedisServer(folder)
    shutil.rmtree(folder)


@contextmanager
def frozen(server: RedisServer) -> Iterator[None]:
    """Stop the process of the server: it accepts connections, but does not reply."""
    os.kill(server.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(server.pid, signal.SIGCONT)
