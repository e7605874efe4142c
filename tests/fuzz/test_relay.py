"""`treetop serve` gets 10,000 requests and frames that no client should send, and answers the next one."""

import asyncio
import json
import os
import struct
from contextlib import suppress
from pathlib import Path
from random import Random
from urllib.parse import quote

from tests.recorder import Recorder
from tests.relay.stage import Publishing, Stage, ready, receive, relaying, until

REQUESTS, FRAMES, PATHS = 4_000, 4_000, 2_000
AT_ONCE = 50

WORDS = ["GET", "POST", "X" * 500, "", " ", "\r\n", "\x00", "HTTP/1.1", "HTTP/9.9", "/", "/api/runs", "http://evil/", "*"]
NAMES = [
    "Host",
    "Origin",
    "Content-Length",
    "Transfer-Encoding",
    "Upgrade",
    "Connection",
    "Cookie",
    "Authorization",
    "\xfc",
]
VALUES = ["127.0.0.1", "evil", "-1", "9" * 11, "chunked", "websocket", "Upgrade", "x" * 5_000, "\x00", "Bearer \xff"]
SEGMENTS = [
    "api",
    "runs",
    "run",
    "events",
    "graph",
    "nodes",
    "..",
    ".",
    "",
    "\x00",
    "%",
    "latest",
    "1",
    "-1",
    "9" * 40,
    "é",
]
SEGMENTS += ["\\", "é", "a/b", "~", ":", "secret.txt", "index.html", "ws", "login", "metrics"]


def request(random: Random) -> bytes:
    """Something like an HTTP request."""
    if random.random() < 0.1:
        return random.randbytes(random.randrange(1, 2_000))
    line = " ".join(random.choice(WORDS) for _ in range(random.randrange(1, 5)))
    headers = "".join(
        f"{random.choice(NAMES)}{random.choice((': ', ':', ' ', ''))}{random.choice(VALUES)}\r\n"
        for _ in range(random.randrange(6))
    )
    return f"{line}\r\n{headers}{random.choice(('', chr(13) + chr(10)))}".encode("latin-1") + random.randbytes(
        random.choice((0, 0, 10))
    )


def frame(random: Random) -> bytes:
    """Something like a WebSocket frame."""
    kind = random.random()
    if kind < 0.2:
        return random.randbytes(random.randrange(1, 300))
    first = random.randrange(256) if kind < 0.6 else random.choice((0x81, 0x82, 0x88, 0x89, 0x8A, 0x01, 0x80))
    size = random.choice((0, 1, 2, 125, 126, 127))
    length = {126: struct.pack("!H", random.randrange(65_536)), 127: random.randbytes(8)}.get(size, b"")
    masked = random.random() < 0.8
    return (
        bytes((first, size | (0x80 if masked else 0)))
        + length
        + random.randbytes(4 if masked else 0)
        + random.randbytes(min(size, 200))
    )


async def offer(stage: Stage, data: list[bytes], shake: bool) -> None:
    """Send these pieces over one connection, whatever comes back."""
    with suppress(OSError):
        reader, writer = await asyncio.open_connection("127.0.0.1", stage.port)
        try:
            if shake:
                writer.write(
                    b"GET /ws/events HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
                )
                await reader.readuntil(b"\r\n\r\n")
            for piece in data:
                writer.write(piece)
            await writer.drain()
            writer.write_eof()
            with suppress(TimeoutError, asyncio.IncompleteReadError):
                async with asyncio.timeout(0.05):
                    await reader.read()
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


async def well(stage: Stage) -> None:
    """It answers as ever."""
    assert (await stage.json("/api/runs"))["runs"]
    async with stage.connect("/ws/events?run=run&after=1") as client:
        await receive(client, 1)


async def test_malformed_requests_and_frames(db: Path, tmp_path: Path) -> None:
    seed = int(os.environ.get("TREETOP_SEED", "1"))
    random = Random(seed)
    with Publishing(db) as publishing:
        publishing.store(Recorder().run_started().root().entries)
    folder = tmp_path / "web"
    folder.mkdir()
    (folder / "index.html").write_text("the page")
    (tmp_path / "secret.txt").write_text("a secret")
    async with relaying(db, web=folder, reload=True) as stage:
        await ready(stage)
        for make, total, shake in ((request, REQUESTS, False), (frame, FRAMES, True)):
            sent = 0
            while sent < total:
                batch = [[make(random) for _ in range(random.randrange(1, 4))] for _ in range(AT_ONCE)]
                await asyncio.gather(*(offer(stage, data, shake) for data in batch))
                sent += sum(map(len, batch))
            await well(stage)
        for _ in range(PATHS):
            path = "/" + "/".join(random.choice(SEGMENTS) for _ in range(random.randrange(1, 7)))
            path = quote(path, safe=random.choice(("/", "", "/%"))).replace(" ", "%20")
            path = path if path.startswith("/") else f"/{path}"
            answer = await stage.get(path + random.choice(("", "?limit=1", "?after=-1", "?x", "?run=%00", "?at=%ff")))
            assert answer.status in (200, 400, 401, 404, 431), (path, answer)
            assert b"a secret" not in answer.body
            if answer.status != 200:
                assert list(json.loads(answer.body)) == ["error"]
        await well(stage)
        await until(lambda: not stage.relay.connections.writers)
