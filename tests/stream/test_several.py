"""Several streams in one file: each has its own position, state, retries and losses."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from store.database.lease import Holder, Lease, holder
from store.model.entry import Entry
from store.stream.server import RedisServer
from tests.conftest import until
from tests.live import command, publish
from tests.recorder import body_of, entry_of
from tests.tables import query
from tests.test_terminal import Terminal

pytestmark = pytest.mark.redis


def notes(run: str, first: int, last: int) -> list[Entry]:
    """Events of a run with the numbers `first` to `last`."""
    event = {"event_type": "note", "payload": {"node_id": run}, "run_id": run}
    return [entry_of(body_of({"event_id": f"{run}{number}", **event}), number) for number in range(first, last + 1)]


def names(streams: Sequence[str]) -> list[str]:
    return [word for stream in streams for word in ("--stream", stream)]


def treetop(db: Path, server: RedisServer, *words: str, streams: Sequence[str] = "abc") -> subprocess.CompletedProcess[str]:
    arguments = [sys.executable, "-m", "tui.cli", *words, "--db", str(db), *names(streams)]
    return subprocess.run(
        arguments, env={**os.environ, "REDIS_URL": server.url}, capture_output=True, text=True, timeout=60
    )


@contextmanager
def storing(db: Path, server: RedisServer, streams: Sequence[str] = "abc") -> Iterator[int]:
    """Run `treetop ingest` until the end of the block. Yields its process id; its output is in the file `log`."""
    arguments = [sys.executable, "-m", "tui.cli", "ingest", "--db", str(db), "--redis", server.url, *names(streams)]
    log = db.with_name("log").open("w")
    with log, subprocess.Popen(arguments, stdout=log, stderr=log) as process:
        try:
            until(lambda: len(states(db)) == len(streams))
            yield process.pid
        finally:
            process.terminate()
            process.wait(20)


def states(db: Path) -> dict[str, str]:
    if not db.exists() or not query(db, "SELECT 1 FROM sqlite_master WHERE name = 'stream'"):
        return {}
    return dict(query(db, "SELECT name, state FROM stream"))


def stored(db: Path) -> dict[str, int]:
    return dict(query(db, "SELECT name, stored FROM stream ORDER BY name"))


def test_a_drain_stores_all_streams_and_prints_their_total(redis_server: RedisServer, db: Path) -> None:
    for run, count in (("a", 5), ("b", 2_000), ("c", 1)):
        publish(redis_server, notes(run, 1, count), stream=run)
    done = treetop(db, redis_server, "ingest", "--drain")
    assert json.loads(done.stdout) == {"received": 2_006, "stored": 2_006, "duplicate": 0, "rejected": 0}
    assert stored(db) == {"a": 5, "b": 2_000, "c": 1}
    publish(redis_server, notes("b", 2_001, 2_003), stream="b")
    assert json.loads(treetop(db, redis_server, "ingest", "--drain").stdout)["received"] == 3


def test_a_drain_stores_the_other_streams_if_one_is_refused(redis_server: RedisServer, db: Path) -> None:
    command(redis_server, "SET", "a", "text")
    publish(redis_server, notes("b", 1, 3), stream="b")
    done = treetop(db, redis_server, "ingest", "--drain", streams="ab")
    assert (done.returncode, "WRONGTYPE" in done.stderr) == (2, True)
    assert stored(db)["b"] == 3


def test_a_stream_given_twice_is_stored_once(redis_server: RedisServer, db: Path) -> None:
    publish(redis_server, notes("a", 1, 3), stream="a")
    assert json.loads(treetop(db, redis_server, "ingest", "--drain", streams="aa").stdout)["received"] == 3


def test_a_name_in_the_environment_is_one_stream(redis_server: RedisServer, db: Path) -> None:
    """Names of streams may contain blanks and commas."""
    publish(redis_server, notes("a", 1, 3), stream="a b,c")
    command_line = [sys.executable, "-m", "tui.cli", "ingest", "--drain", "--db", str(db)]
    environment = {**os.environ, "REDIS_URL": redis_server.url, "EVENT_STREAM": "a b,c"}
    subprocess.run(command_line, env=environment, check=True, capture_output=True, timeout=60)
    assert stored(db) == {"a b,c": 3}


def test_a_refused_stream_does_not_delay_the_others(redis_server: RedisServer, db: Path) -> None:
    """Its error is printed with its name, and shown by the doctor and on the screen."""
    command(redis_server, "SET", "b", "text")
    with storing(db, redis_server):
        until(lambda: states(db) == {"a": "live", "b": "refused", "c": "live"})
        for number in range(1, 51):
            publish(redis_server, notes("a", number, number), stream="a")
            publish(redis_server, notes("c", number, number), stream="c")
        until(lambda: stored(db) == {"a": 50, "b": 0, "c": 50})
        doctor = treetop(db, redis_server, "doctor").stdout
        assert "b: is a string, not a stream" in doctor
        assert "b at" in doctor
        assert "the ingester cannot read it" in doctor
        assert all(f"{name}: 50 entries" in doctor for name in "ac")
        screen = Terminal(db.parent, "--db", str(db), "--redis", redis_server.url, *names("abc"))
        try:
            screen.sees("b: redis refuses access")
        finally:
            screen.close()
    log = db.with_name("log").read_text()
    assert f"{db}: storing the events of a, b, c at " in log
    assert f"{db}: b: nothing can be read, " in log
    assert states(db) == dict.fromkeys("abc", "stopped")


def test_losses_belong_to_the_stream_that_lost_them(redis_server: RedisServer, db: Path) -> None:
    with storing(db, redis_server, "ab"):
        for name in "ab":
            publish(redis_server, notes(name, 1, 20), stream=name)
        until(lambda: stored(db) == {"a": 20, "b": 20})
    publish(redis_server, notes("b", 21, 50), stream="b")
    command(redis_server, "XTRIM", "b", "MAXLEN", "10")
    assert treetop(db, redis_server, "ingest", "--drain", streams="ab").returncode == 0
    assert query(db, "SELECT s.name, g.kind FROM gap g JOIN stream s ON s.key = g.stream") == [("b", "trimmed")]


def test_streams_continue_after_the_file_was_replaced(redis_server: RedisServer, db: Path) -> None:
    with storing(db, redis_server, "ab"):
        publish(redis_server, notes("a", 1, 10), stream="a")
        publish(redis_server, notes("b", 1, 10), stream="b")
        until(lambda: stored(db) == {"a": 10, "b": 10})
        db.unlink()
        until(lambda: states(db) == {"a": "live", "b": "live"})
        publish(redis_server, notes("a", 11, 12), stream="a")
        until(lambda: stored(db) == {"a": 12, "b": 10})


def test_streams_continue_after_the_file_was_locked(redis_server: RedisServer, db: Path) -> None:
    with storing(db, redis_server, "ab"):
        until(lambda: states(db) == {"a": "live", "b": "live"})
        other = sqlite3.connect(db, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        for name in "ab":
            publish(redis_server, notes(name, 1, 10), stream=name)
        until(lambda: (found := holder(db)) is not None and found.trouble)
        other.execute("ROLLBACK")
        other.close()
        until(lambda: stored(db) == {"a": 10, "b": 10})
    assert query(db, "SELECT sum(duplicate) FROM stream") == [(0,)]


def test_an_ingester_that_is_killed_stores_each_event_of_each_stream_once(redis_server: RedisServer, db: Path) -> None:
    for name in "abc":
        publish(redis_server, notes(name, 1, 4_000), stream=name)
    for third in range(1, 4):
        with storing(db, redis_server) as pid:
            until(lambda: sum(stored(db).values()) >= third * 3_000)  # noqa: B023 - called at once
            os.kill(pid, signal.SIGKILL)
    assert treetop(db, redis_server, "ingest", "--drain").returncode == 0
    assert query(db, "SELECT stream, count(*), count(DISTINCT event_id) FROM event GROUP BY stream") == [
        (key, 4_000, 4_000) for key, _ in enumerate("abc", 1)
    ]
    assert query(db, "SELECT sum(received), sum(duplicate) FROM stream") == [(12_000, 0)]


def test_an_ingester_that_stores_only_some_of_the_streams_is_named(redis_server: RedisServer, db: Path) -> None:
    with storing(db, redis_server, "ab") as pid:
        second = treetop(db, redis_server, "ingest", streams="bc")
        expected = f"process {pid} on {os.uname().nodename} stores a, b; c is not being stored: a file has one ingester"
        assert (second.returncode, expected in second.stderr) == (75, True)
        assert "already stores events into it" in treetop(db, redis_server, "ingest", streams="b").stderr
        assert "not being stored" not in treetop(db, redis_server, "doctor", streams="ab").stdout


def test_the_lease_notes_no_streams_if_they_are_too_many(db: Path) -> None:
    with Lease(db, *(f"{number:0100} at h:1/0" for number in range(30))):
        found = holder(db)
        assert found is not None
        assert (found.sources, found.neglects("another at h:1/0")) == ((), "")


@pytest.mark.parametrize(
    ("stored", "wanted", "expected"),
    [
        (("a at h:1/0",), ("a at h:1/0",), ""),
        (("a at h:1/0",), ("b at h:1/0", "c at h:1/0"), "p stores a; b, c are not being stored: a file has one ingester"),
        (("a at h:1/0",), ("a at i:1/0",), "p stores a at h:1/0; a at i:1/0 is not being stored: a file has one ingester"),
        ((), ("a at h:1/0",), ""),
    ],
)
def test_streams_that_are_not_stored_are_named(stored: tuple[str, ...], wanted: tuple[str, ...], expected: str) -> None:
    assert Holder("p", "", stored).neglects(*wanted) == expected


def test_a_run_is_replayed_to_one_stream(redis_server: RedisServer, db: Path) -> None:
    done = treetop(db, redis_server, "replay", "latest", streams="ab")
    assert (done.returncode, "a run is published to one stream" in done.stderr) == (2, True)
