"""Identity of streams: streams with the same name on two servers are two streams, and a moved stream is one."""

import json
import os
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from store.model.entry import Entry
from store.stream.server import RedisServer
from tests.conftest import until
from tests.live import STREAM, command, counts_entries, publish, state_of_ingest
from tests.recorder import body_of, entry_of
from tests.tables import query
from tests.test_terminal import Terminal
from treetop.address import location

pytestmark = pytest.mark.redis


def notes(first: int, last: int) -> list[Entry]:
    """Events with the ids `first` to `last`."""
    event = {"event_type": "note", "payload": {"node_id": "n"}, "run_id": "run"}
    return [entry_of(body_of({"event_id": str(number), **event}), number) for number in range(first, last + 1)]


def treetop(db: Path, url: str, *words: str, stream: str = STREAM) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    arguments = [sys.executable, "-m", "tui.cli", *words, "--db", str(db), "--stream", stream]
    return subprocess.run(arguments, env={**os.environ, "REDIS_URL": url}, capture_output=True, text=True, timeout=60)


def drain(db: Path, url: str) -> tuple[int, int]:
    """Run `treetop ingest --drain`. Returns the numbers of stored and of duplicate events."""
    done = treetop(db, url, "ingest", "--drain")
    assert done.returncode == 0, done.stderr
    counts = json.loads(done.stdout)
    return counts["stored"], counts["duplicate"]


def gaps(db: Path) -> list[tuple[object, ...]]:
    return query(db, "SELECT kind, lost FROM gap ORDER BY key")


@contextmanager
def server(folder: Path | None = None) -> Iterator[tuple[RedisServer, str]]:
    """A redis-server that also listens on a TCP port, and its TCP address."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    options = ("--port", str(port), "--bind", "127.0.0.1")
    with TemporaryDirectory(prefix="treetop-") as own, RedisServer(folder or Path(own), options=options) as running:
        yield running, f"redis://127.0.0.1:{port}/0"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://localhost", "localhost:6379/0"),
        ("redis://127.0.0.1:6379/", "localhost:6379/0"),
        ("rediss://me:secret@Redis.Example.:7000/2?protocol=3", "redis.example:7000/2"),
        ("redis://[::1]?db=3", "localhost:6379/3"),
        ("redis://10.0.0.7/nonsense", "10.0.0.7:6379/0"),
        ("unix:///tmp/../tmp/r.sock?db=1&password=secret", "/tmp/r.sock/1"),
        ("redis://:pa?ss@host", "host:6379/0"),
        ("redis://me:sec@ret/more@host", "host:6379/0"),
        ("redis://host:port", ""),
        ("redis+sentinel://me:secret@B:26379,a/agents", ""),
        ("redis+sentinel://me:secret@B.:26379,127.0.0.1:1/agents", "b:26379,localhost:1/agents/0"),
        ("rediss+sentinel://a/agents/2?sentinel_password=secret", "a:26379/agents/2"),
        ("redis+cluster://b:7001,a:7000", "a:7000,b:7001/0"),
        ("redis+cluster://:secret@a", "a:6379/0"),
        ("redis+sentinel://a:1", ""),
        ("redis+other://a:1", ""),
    ],
)
def test_all_spellings_of_an_address_have_the_same_location(url: str, expected: str) -> None:
    assert location(url) == expected


def test_streams_of_the_same_name_on_two_servers_are_stored_in_turns_without_gaps(db: Path) -> None:
    with server() as (first, url), server() as (second, other):
        publish(first, notes(1, 20))
        assert drain(db, url) == (20, 0)
        publish(second, notes(101, 110))
        assert drain(db, other) == (10, 0)
        publish(first, notes(21, 25))
        assert drain(db, url) == (5, 0)
        publish(second, notes(111, 112))
        assert drain(db, other) == (2, 0)
        assert gaps(db) == []
        assert query(db, "SELECT address, received FROM stream ORDER BY key") == [
            (location(url), 25),
            (location(other), 12),
        ]
        output = treetop(db, url, "doctor").stdout
    assert f"{STREAM} at {location(url)}: 25 received" in output
    assert f"{STREAM} at {location(other)}: 12 received" in output


def test_a_server_at_two_addresses_is_one_stream_and_its_losses_are_counted(db: Path) -> None:
    """Even if the entry read last is gone, so that only the server process identifies the stream."""
    with server() as (one, url):
        publish(one, notes(1, 20))
        assert drain(db, url) == (20, 0)
        publish(one, notes(21, 25))
        assert drain(db, one.url) == (5, 0)
        publish(one, notes(26, 60))
        command(one, "XTRIM", STREAM, "MAXLEN", "10")
        assert drain(db, url) == (10, 0)
        assert gaps(db) == [("trimmed", 25 if counts_entries(one) else None)]


def test_a_stream_whose_data_moved_to_another_server_continues(db: Path) -> None:
    """Only its content identifies it, as the server process is another one."""
    with TemporaryDirectory(prefix="treetop-") as folder:
        with server(Path(folder)) as (old, url):
            publish(old, notes(1, 20))
            assert drain(db, url) == (20, 0)
            publish(old, notes(21, 25))
            command(old, "SAVE")
        with server(Path(folder)) as (new, url):
            assert drain(db, url) == (5, 0)
            publish(new, notes(26, 30))
            assert drain(db, url) == (5, 0)
    assert [kind for kind, _ in gaps(db)] == ["restarted"]  # entries that the first server did not save are unknown


@pytest.mark.parametrize("same", [True, False], ids=["its-server", "another-server"])
def test_a_stream_from_a_file_without_addresses_is_recognised_by_its_server(db: Path, same: bool) -> None:
    with server() as (one, url), server() as (two, other):
        publish(one, notes(1, 20))
        publish(two, notes(101, 103))
        assert drain(db, url) == (20, 0)
        with closing(sqlite3.connect(db)) as connection, connection:
            connection.execute("UPDATE stream SET address = ''")  # as in a file of version 2
        assert drain(db, url if same else other) == ((0, 0) if same else (3, 0))
        expected = [(location(url), 20)] if same else [("", 20), (location(other), 3)]
        assert query(db, "SELECT address, received FROM stream ORDER BY key") == expected
        publish(one, notes(21, 22))
        assert drain(db, url) == (2, 0)
        assert gaps(db) == []
        assert ("", 20) not in query(db, "SELECT address, received FROM stream")


# One ingester per file


@contextmanager
def storing(db: Path, url: str, stream: str) -> Iterator[int]:
    """Run `treetop ingest` until the end of the block. Yields its process id."""
    arguments = [sys.executable, "-m", "tui.cli", "ingest", "--db", str(db), "--stream", stream]
    with subprocess.Popen(arguments, env={**os.environ, "REDIS_URL": url}, stdout=subprocess.DEVNULL) as process:
        try:
            until(lambda: state_of_ingest(db) == "live")
            yield process.pid
        finally:
            process.terminate()
            process.wait(20)


def test_an_ingester_of_another_stream_is_named(redis_server: RedisServer, db: Path) -> None:
    """On the screen, by the doctor, and by a second ingester."""
    address = location(redis_server.url)
    with storing(db, redis_server.url, "a") as pid:
        host = os.uname().nodename
        message = f"process {pid} on {host} stores a; b is not being stored: a file has one ingester"
        second = treetop(db, redis_server.url, "ingest", stream="b")
        assert (second.returncode, message in second.stderr) == (75, True)
        doctor = treetop(db, redis_server.url, "doctor", stream="b")
        assert (doctor.returncode, message in doctor.stdout) == (1, True)
        assert f"stores a at {address}" in treetop(db, redis_server.url, "doctor", stream="a").stdout
        screen = Terminal(db.parent, "--db", str(db), "--redis", redis_server.url, "--stream", "b")
        try:
            screen.sees(f"process {pid} on {host} stores a; b is not being stored")
        finally:
            screen.close()
        other = "redis://localhost:1/0"
        message = f"stores a at {address}; a at localhost:1/0 is not being stored"
        assert message in treetop(db, other, "ingest", stream="a").stderr


def test_the_lock_file_does_not_contain_the_password(redis_server: RedisServer, db: Path) -> None:
    command(redis_server, "ACL", "SETUSER", "reader", "on", ">open-sesame", "allkeys", "+@all")
    try:
        with storing(db, f"unix://reader:open-sesame@{redis_server.socket}", "a"):
            assert b"open-sesame" not in db.with_name(f"{db.name}.lock").read_bytes()
    finally:
        command(redis_server, "ACL", "DELUSER", "reader")
