"""Limits of requests and connections."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus
from websockets.protocol import State

from store.relay import connection, http_protocol, server, websocket_protocol
from tests.recorder import Recorder
from tests.relay.stage import (
    WAIT_TIMEOUT_S,
    Publishing,
    Stage,
    bodies_of,
    raw_client,
    ready,
    receive,
    relaying,
    steps,
    until,
)
from tests.relay.test_access import socket_status


@pytest.fixture
def file(db: Path) -> Path:
    with Publishing(db) as publishing:
        publishing.store(Recorder().whole().entries)
    return db


@pytest.fixture
async def stage(file: Path) -> AsyncIterator[Stage]:
    async with relaying(file, reload=True) as stage:
        yield await ready(stage)


class TestLimits:
    """Sizes, numbers and times of requests and connections are limited."""

    async def test_large_headers_are_rejected(self, stage: Stage) -> None:
        answer = await stage.get("/api/runs", X="x" * 17_000)
        assert answer.status == 431
        assert "16,000 bytes" in answer.error
        assert (await stage.get(f"/api/runs?q={'x' * 17_000}")).status == 431
        assert (await stage.get("/api/runs", X="x" * 1_000_000)).status in (400, 431)

    async def test_large_bodies_are_rejected(self, stage: Stage) -> None:
        assert (await stage.ask("GET", "/api/runs", b"x" * 2_000)).status in (200, 413)
        assert (await stage.ask("POST", "/api/runs", b"x" * 2_000)).status in (405, 413)

    async def test_a_large_message_closes_the_socket(self, stage: Stage) -> None:
        async with stage.connect("/ws/events") as client:
            await client.send("x" * 5_000)
            await client.wait_closed()
            assert client.close_code == 1009

    async def test_small_messages_are_ignored(self, stage: Stage) -> None:
        async with stage.connect("/ws/events") as client:
            await client.send("ping")
            await client.send(b"ping")
            await receive(client, 30)

    async def test_the_number_of_clients_is_limited(self, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(connection, "CLIENTS_MAX", 5)
        async with AsyncExitStack() as stack:
            connecting = (stack.enter_async_context(stage.connect("/ws/events")) for _ in range(20))
            done = await asyncio.gather(*connecting, return_exceptions=True)
            refused = [one.response.status_code for one in done if isinstance(one, InvalidStatus)]
            assert refused == [503] * 15
            assert await socket_status(stage) == 503

    async def test_an_incomplete_request_times_out(self, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(http_protocol, "REQUEST_TIMEOUT_S", 0.2)
        reader, writer = await asyncio.open_connection("127.0.0.1", stage.port)
        writer.write(b"GET / HTTP/1.1\r\nHost: loc")
        with suppress(ConnectionResetError):
            assert await reader.read() == b""
        writer.close()

    async def test_an_incomplete_second_request_times_out(self, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(http_protocol, "REQUEST_TIMEOUT_S", 0.5)
        reader, writer = await asyncio.open_connection("127.0.0.1", stage.port)
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\nGET / HTTP/1.1\r\nHost: loc")
        assert await closed(reader, writer) == b'{"status":"ok"}'

    async def test_an_incomplete_body_times_out(self, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(http_protocol, "REQUEST_TIMEOUT_S", 0.5)
        reader, writer = await asyncio.open_connection("127.0.0.1", stage.port)
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
        writing = asyncio.create_task(drip(writer))  # each chunk restarts the keep-alive timer
        assert await closed(reader, writer) == b'{"status":"ok"}'
        await writing

    async def test_responses_that_are_never_read_are_aborted(self, db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(http_protocol, "STALL_TIMEOUT_S", 0.3)
        with Publishing(db) as publishing:
            publishing.store(steps(1_000, "x" * 7_000).entries)
        async with relaying(db) as stage:
            await ready(stage)
            connections = stage.server.server_state.connections
            path = "/api/runs/run/events?limit=1000"
            whole = (await stage.get(path)).body
            await until(lambda: not connections)
            stuck = [raw_request(stage.port, path) for _ in range(5)]
            try:
                await until(lambda: len(connections) == len(stuck))
                while connections:
                    waiting = [connection.transport.get_write_buffer_size() for connection in connections]
                    assert max(waiting, default=0) <= 200_000
                    await asyncio.sleep(0.005)
            finally:
                for one in stuck:
                    one.close()
            assert (await stage.get(path)).body == whole
            assert len(whole) > 7_000_000

    @pytest.mark.parametrize(
        "more",
        ["Content-Length: 5\r\n\r\nhello", "X: y\r\n" * 300 + "\r\n", f"X: {'y' * 9_000}\r\n\r\n"],
        ids=["body", "many headers", "long header"],
    )
    async def test_an_unreadable_handshake_gets_an_error(self, stage: Stage, more: str) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", stage.port)
        writer.write(HANDSHAKE.encode() + more.encode())
        text = await closed(reader, writer)
        assert json.loads(text) == {"error": "The handshake cannot be read, or its headers are too large."}

    async def test_a_client_that_does_not_answer_pings_is_closed(self, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(server, "PING_INTERVAL_S", 0.05)
        monkeypatch.setattr(server, "PONG_TIMEOUT_S", 0.2)
        async with relaying(file) as stage, stage.connect("/ws/events") as good:
            reader, writer = await upgraded(stage)
            silent = await asyncio.wait_for(reader.read(), WAIT_TIMEOUT_S)  # until the server closes the connection
            writer.close()
            reason = b"keepalive ping timeout"
            assert silent.endswith(b"\x88%c\x03\xf3%b" % (len(reason) + 2, reason))  # 1011
            await until(lambda: len(stage.log) == 1)
            assert "1011 keepalive ping timeout" in stage.log[0]
            assert good.state is State.OPEN  # it answers

    async def test_fragments_of_messages_are_discarded(self, stage: Stage) -> None:
        reader, writer = await upgraded(stage)
        writer.write(b"\x01\x80\0\0\0\0" + b"\x00\x80\0\0\0\0" * 1_000 + b"\x89\x80\0\0\0\0")
        await reader.readuntil(b"\x8a\x00")  # all fragments were received
        (connection,) = stage.server.server_state.connections
        assert isinstance(connection, websocket_protocol.WebSocketProtocol)
        assert not connection.frames
        writer.close()

    async def test_pings_of_a_stalled_client_use_bounded_memory(self, db: Path) -> None:
        with Publishing(db) as publishing:
            publishing.store(steps(1_000, "x" * 7_000).entries)
        async with relaying(db) as stage:
            await ready(stage)
            stuck = raw_client(stage.port, "/ws/events?run=run")
            await until(lambda: any(not one.is_drained for one in stage.relay.connections.writers))
            (connection,) = stage.server.server_state.connections
            full = connection.transport.get_write_buffer_size()
            ping = b"\x89\xfd\0\0\0\0" + b"p" * 125
            for _ in range(20):
                await asyncio.to_thread(stuck.sendall, ping * 1_000)
            taken = connection.transport.get_write_buffer_size()
            assert taken <= full + websocket_protocol.SLICE_BYTES
            stuck.close()

    async def test_the_answer_to_a_ping_follows_a_large_frame(self, db: Path) -> None:
        large = Recorder().run_started().root().emit("thought", {"node_id": "root", "text": "x" * 12_000_000})
        with Publishing(db) as publishing:
            publishing.store(large.entries)
        async with relaying(db) as stage, stage.connect("/ws/events?run=run", max_queue=1, ping_interval=None) as client:
            await until(lambda: any(one.in_frame and not one.is_drained for one in stage.relay.connections.writers))
            answered = await client.ping(b"p" * 100)
            assert await receive(client, 3) == bodies_of(large.entries)
            await asyncio.wait_for(answered, WAIT_TIMEOUT_S)


HANDSHAKE = (
    "GET /ws/events HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
)


async def upgraded(stage: Stage) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A WebSocket client after its handshake, for raw frames."""
    reader, writer = await asyncio.open_connection("127.0.0.1", stage.port)
    writer.write(f"{HANDSHAKE}\r\n".encode())
    assert b"101" in await reader.readuntil(b"\r\n\r\n")
    return reader, writer


async def closed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    """The body of the response, after the server closed the connection."""
    found = bytearray()
    async with asyncio.timeout(WAIT_TIMEOUT_S):
        with suppress(ConnectionError):
            while piece := await reader.read(64_000):
                found += piece
    writer.close()
    return bytes(found).partition(b"\r\n\r\n")[2]


async def drip(writer: asyncio.StreamWriter) -> None:
    """Send small chunks of a body until the connection is closed."""
    with suppress(ConnectionError):
        while not writer.is_closing():
            writer.write(b"1\r\nx\r\n")
            await writer.drain()
            await asyncio.sleep(0.05)


def raw_request(port: int, path: str) -> socket.socket:
    """A client that sends a request and does not read the response."""
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    one.connect(("127.0.0.1", port))
    one.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    return one
