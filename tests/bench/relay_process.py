"""Processes and clients of the benchmark of the relay: publisher, `treetop ingest`, `treetop serve`, WebSocket clients."""

import re
import selectors
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from multiprocessing.connection import Connection
from pathlib import Path
from zlib import crc32

import redis

from store.database import file as db
from store.database.arrival import FIELD
from store.relay.reference_socket import PAGE_WAIT_S
from tests.bench.process import Process
from tui.demo import Scenario, simulate

STREAM = "bench"
"""Name of the Redis stream."""

PUBLISH_INTERVAL_S = 0.005
"""Seconds between two groups of published events."""

SAMPLED_CLIENTS = 3
"""Number of clients whose frames are timed. Of the others, only the bytes are compared."""


def bodies(count: int) -> list[bytes]:
    """Events of 2 kB that belong to one run."""
    scenario = Scenario(nodes=count // 12 + 20, depth=6, text_bytes=2_000)
    return [event.body for event in islice(simulate(scenario), count)]


def program(*words: str) -> list[str]:
    """The command line of treetop with these arguments."""
    return [sys.executable, "-m", "tui.cli", *words]


@contextmanager
def serving(path: Path) -> Iterator[tuple[int, Process]]:
    """`treetop serve` for a file. Yields port and process."""
    command = program("serve", "--no-ingest", "--port", "0", "--db", str(path))
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        match = re.search(r":(\d+)/", server.stdout.readline())
        assert match is not None
        threading.Thread(target=server.stdout.read, daemon=True).start()
        try:
            yield int(match[1]), Process(server.pid)
        finally:
            server.terminate()


@contextmanager
def ingesting(path: Path, url: str) -> Iterator[None]:
    """`treetop ingest` into a file, which exists when the block begins."""
    command = program("ingest", "--db", str(path), "--redis", url, "--stream", STREAM)
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as ingester:
        while not path.exists() or not is_created(path):
            if ingester.poll() is not None:
                raise RuntimeError(f"treetop ingest exited with {ingester.returncode} before it created {path}")
            time.sleep(0.05)
        try:
            yield
        finally:
            ingester.terminate()


def is_created(path: Path) -> bool:
    """Whether the file has its tables."""
    try:
        connection = sqlite3.connect(db.uri_of(path, "ro"), uri=True)
        found = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'stream'").fetchone()
        connection.close()
    except sqlite3.Error:
        return False
    return found is not None


def publish(url: str, events: list[bytes], rate: float) -> None:
    """Publish events at a steady rate per second."""
    sent, begun = 0, time.perf_counter()
    with redis.Redis.from_url(url) as client:
        while sent < len(events):
            due = min(int((time.perf_counter() - begun) * rate), len(events))
            pipe = client.pipeline(transaction=False)
            for body in events[sent:due]:
                pipe.xadd(STREAM, {FIELD: body})
            pipe.execute()
            sent = due
            time.sleep(PUBLISH_INTERVAL_S)


def watch(path: Path, total: int, seen: list[float]) -> None:
    """Append the times at which the events can first be read, until there are `total`."""
    connection = sqlite3.connect(db.uri_of(path, "ro"), uri=True, isolation_level=None)
    while len(seen) < total:
        found = connection.execute("SELECT coalesce(max(seq), 0) FROM event").fetchone()[0]
        seen += [time.monotonic()] * (found - len(seen))
        time.sleep(0.001)
    connection.close()


class Client:
    """A WebSocket client that counts bytes, and times frames if `timed`."""

    def __init__(self, port: int, path: str, timed: bool) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.sendall(
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode()
        )
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += self.socket.recv(1)
        self.size = self.crc = 0
        self.times: list[float] = []
        """Times at which the frames were complete."""
        self._timed = timed
        self._rest = b""

    def take(self) -> None:
        """Receive once."""
        data = self.socket.recv(1 << 20)
        self.size += len(data)
        self.crc = crc32(data, self.crc)
        if self._timed:
            self._count(data, time.monotonic())

    def _count(self, data: bytes, now: float) -> None:
        data, at = self._rest + data, 0
        while len(data) - at >= 4:
            size, head = data[at + 1], 2
            if size == 126:
                size, head = int.from_bytes(data[at + 2 : at + 4], "big"), 4
            if len(data) - at < head + size:
                break
            at += head + size
            self.times.append(now)
        self._rest = data[at:]


def take_all(port: int, path: str, clients: int, wire: int, pipe: Connection) -> None:
    """Receive `wire` bytes with each client. Sends the times of frames, and the number of clients if all got the same."""
    selector = selectors.DefaultSelector()
    found = [Client(port, path, number < SAMPLED_CLIENTS) for number in range(clients)]
    for client in found:
        selector.register(client.socket, selectors.EVENT_READ, client)
    time.sleep(2 * PAGE_WAIT_S)  # how long the server waits for a web page
    pipe.send("ready")
    waiting = clients
    while waiting:
        for key, _ in selector.select():
            key.data.take()
            if key.data.size >= wire:
                selector.unregister(key.fileobj)
                waiting -= 1
    alike = len({(client.size, client.crc) for client in found}) == 1
    pipe.send(([client.times for client in found[:SAMPLED_CLIENTS]], clients if alike else 0))
