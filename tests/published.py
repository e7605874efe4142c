"""What goes into a stream and what comes out of it, for tests of those who publish."""

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

from store.outbox import FIELD
from store.publish import Publisher
from store.redis_server import RedisServer


def bodies(server: RedisServer, stream: str = "agent_events") -> list[dict[str, Any]]:
    """The events in a stream, as any reader would get them."""
    with redis.Redis.from_url(server.url) as client:
        entries: Any = client.xrange(stream)
    return [json.loads(fields[FIELD.encode()]) for _, fields in entries]


def numbers(server: RedisServer) -> list[int]:
    """The `number` of each event in the stream that has one."""
    return [body["payload"]["number"] for body in bodies(server) if "number" in body["payload"]]


def say(run: Publisher, *which: int) -> None:
    """Publish an event for each of these numbers."""
    for number in which:
        run.emit("thought", {"number": number})


@contextmanager
def to_be_started() -> Iterator[RedisServer]:
    """A redis-server that does not run yet, to be started and stopped at will, always at the same address."""
    folder = Path(tempfile.mkdtemp(prefix="treetop-"))
    yield RedisServer(folder)
    shutil.rmtree(folder)


@contextmanager
def frozen(server: RedisServer) -> Iterator[None]:
    """It takes connections, and says nothing."""
    os.kill(server.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(server.pid, signal.SIGCONT)
