"""A relay in the event loop of the test, and clients of it."""

import asyncio
import json
import os
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, NamedTuple

from websockets.asyncio.client import ClientConnection, connect

from store.database.writer import Writer
from store.model.entry import Entry
from store.relay.application import Relay
from store.relay.security import Access
from store.relay.server import RelayServer, listen, serve
from tests.recorder import Recorder

WAIT_TIMEOUT_S = 60.0
"""Seconds after which a test fails that waits for a message or a condition."""


class Answer(NamedTuple):
    """An HTTP response."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> str:
        """The sentence of an error response."""
        assert list(self.json) == ["error"]
        assert self.json["error"].endswith((".", ")")) or "\n" not in self.json["error"]
        return str(self.json["error"])


class Stage:
    """A relay and its address."""

    def __init__(self, relay: Relay, server: RelayServer, port: int, log: list[str]) -> None:
        self.relay = relay
        self.server = server
        self.port = port
        self.log = log
        """A line for each closed WebSocket connection."""

    async def get(self, path: str, **headers: str) -> Answer:
        """The response to a GET request. Underscores in header names become hyphens."""
        return await self.ask("GET", path, None, **headers)

    async def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        """The response to a request with any method."""
        return await asyncio.to_thread(request, self.port, path, method, body, headers)

    async def json(self, path: str) -> Any:
        """The JSON document at a path."""
        answer = await self.get(path)
        assert answer.status == 200, answer.body
        return answer.json

    def connect(self, path: str, **options: Any) -> connect:
        """A WebSocket client."""
        return client(self.port, path, **options)


def client(port: int, path: str, **options: Any) -> connect:
    """A WebSocket client without limits, so that it receives the close frame of the server."""
    options = {"compression": None, "max_size": None, "max_queue": None, "proxy": None, **options}
    return connect(f"ws://127.0.0.1:{port}{path}", **options)


def request(port: int, path: str, method: str, body: bytes | None, headers: dict[str, str]) -> Answer:
    connection = HTTPConnection("127.0.0.1", port, timeout=WAIT_TIMEOUT_S)
    try:
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        response = connection.getresponse()
        return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())
    finally:
        connection.close()


@asynccontextmanager
async def relaying(
    path: Path, *, token: str | None = None, loopback: bool = True, names: Sequence[str] = (), **options: Any
) -> AsyncIterator[Stage]:
    """A relay for this file, stopped at the end of the block."""
    log: list[str] = []
    sockets = listen("127.0.0.1", 0)
    relay = Relay(path, Access("127.0.0.1", loopback, token, names), log=log.append, **options)
    server = RelayServer(relay)
    serving = asyncio.create_task(serve(relay, server, sockets))
    try:
        yield Stage(relay, server, sockets[0].getsockname()[1], log)
    finally:
        server.stop()
        await serving


async def ready(stage: Stage) -> Stage:
    """Wait until the relay has opened its file."""
    await asyncio.wait_for(stage.relay.feed.ready.wait(), WAIT_TIMEOUT_S)
    return stage


async def receive(client: ClientConnection, count: int) -> list[str]:
    """The next `count` messages."""
    async with asyncio.timeout(WAIT_TIMEOUT_S):
        return [str(await client.recv()) for _ in range(count)]


async def until(condition: Any) -> None:
    """Wait until the condition holds."""
    async with asyncio.timeout(WAIT_TIMEOUT_S):
        while not condition():  # noqa: ASYNC110 - the condition has no event
            await asyncio.sleep(0.005)


def clean_environment() -> dict[str, str]:
    """The environment without variables of treetop."""
    ours = (
        "SQLITE_DB_PATH",
        "REDIS_URL",
        "EVENT_STREAM",
        "RELOAD_LATEST_SESSION",
        "WS_HOST",
        "WS_PORT",
        "TREETOP_TOKEN",
        "TREETOP_PRICES",
    )
    return {name: value for name, value in os.environ.items() if name not in ours}


def bodies_of(entries: Sequence[Entry]) -> list[str]:
    """The published bodies as text."""
    return [entry.fields[b"json_payload"].decode() for entry in entries]


class Publishing:
    """Stores entries in the file as an ingester does."""

    def __init__(self, path: Path) -> None:
        self._writer = Writer(path)
        self._key = self._writer.stream("agent_events")

    def __enter__(self) -> "Publishing":
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.close()

    def store(self, entries: Sequence[Entry]) -> None:
        """Store entries in one transaction."""
        self._writer.append(entries, self._key)


def steps(count: int, text: str = "x") -> Recorder:
    """A run with `count` events."""
    run = Recorder().run_started().root()
    while len(run.entries) < count:
        run.emit("thought", {"node_id": "root", "text": text})
    return run


def raw_client(port: int, path: str) -> socket.socket:
    """A client that sent a handshake, with a small receive buffer."""
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    one.connect(("127.0.0.1", port))
    one.sendall(
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode()
    )
    return one
