"""Ingester: from a real Redis into the file, every event once, through restarts, losses and kills."""

import random
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from store.database import file as database
from store.database.deletion import delete_run
from store.database.lease import Lease
from store.database.retention import pin
from store.database.stream_row import Counts
from store.database.writer import Writer
from store.errors import FileLocked, RedisError, RunUnknown
from store.model.entry import Entry, StreamId
from store.model.state import EdgeKey
from store.stream import source
from store.stream.ingest import Ingester
from store.stream.server import RedisServer
from tests.conftest import until
from tests.live import STREAM, command, counts_entries, ingesting, number_stored, publish, state_of_ingest
from tests.recorder import Recorder, body_of, entry_of
from tests.tables import query, states

pytestmark = pytest.mark.redis


def drain(path: Path, server: RedisServer) -> Counts:
    return Ingester(path, server.url, STREAM).drain()


def gaps(path: Path) -> list[tuple[object, ...]]:
    return query(path, "SELECT kind, lost FROM gap ORDER BY key")


def notes(first: int, last: int) -> list[Entry]:
    """Events with the ids `first` to `last`."""
    event = {"event_type": "note", "payload": {"node_id": "n"}, "run_id": "run"}
    return [entry_of(body_of({"event_id": str(number), **event}), number) for number in range(first, last + 1)]


@pytest.fixture
def mortal_redis() -> Iterator[RedisServer]:
    """A redis-server that is not running; the test starts and stops it."""
    with TemporaryDirectory(prefix="treetop-") as folder:
        yield RedisServer(Path(folder))


# Draining


def test_a_recorded_run_is_stored_as_it_was_published(redis_server: RedisServer, db: Path, recorded: list[Entry]) -> None:
    publish(redis_server, recorded, ids=True)
    assert drain(db, redis_server) == Counts(received=100, stored=100)
    (state,) = states(db).values()
    root, nodes = state.nodes[state.run.root or ""], state.nodes.values()
    assert (len(nodes), len(state.edges), state.run.steps, state.run.aborted) == (14, 14, 16, 0)
    assert (root.placeholder, root.status, root.children) == (True, "DOING", 9)
    planned = {node.nid: node for node in nodes if node.outer == root.node_id}
    assert {nid: node.status for nid, node in planned.items()} == {
        "1": "FINISH", "2": "DOING", "3": "DOING", "4": "DOING", "5": "READY",
        "6": "NOT_READY", "7": "NOT_READY", "8": "NOT_READY", "9": "NOT_READY",
    }  # fmt: skip
    atoms = {node.outer: node.status for node in nodes if node.nid == "0"}
    assert atoms == {planned[nid].node_id: status for nid, status in zip("1234", ("FINISH", *["READY"] * 3), strict=True)}
    assert EdgeKey(root.node_id, planned["5"].node_id, planned["6"].node_id) in state.edges
    assert query(db, "SELECT data FROM body ORDER BY seq") == [(entry.fields[b"json_payload"],) for entry in recorded]


def test_a_second_drain_stores_only_new_events(redis_server: RedisServer, db: Path) -> None:
    publish(redis_server, Recorder().whole().entries)
    assert drain(db, redis_server).stored == 45
    assert drain(db, redis_server) == Counts()
    publish(redis_server, Recorder().whole().llm("root").entries)
    assert drain(db, redis_server) == Counts(received=47, stored=2, duplicate=45)


def test_a_drain_of_a_stream_that_does_not_exist_stores_nothing(redis_server: RedisServer, db: Path) -> None:
    assert drain(db, redis_server) == Counts()
    assert state_of_ingest(db) == "stopped"


def test_entries_that_are_not_events_are_rejected_and_kept(redis_server: RedisServer, db: Path) -> None:
    odd = [Entry(StreamId(1, 0), {b"payload": b"{}"}), entry_of(b"\xff", 2), entry_of(b"{}", 3)]
    publish(redis_server, [*notes(1, 2), *odd, *notes(3, 4)])
    assert drain(db, redis_server) == Counts(received=7, stored=4, rejected=3)
    assert query(db, "SELECT count(*) FROM rejected") == [(3,)]


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> list[list[Entry]]:
    """All batches that are written during the test."""
    found: list[list[Entry]] = []
    append = Writer.append

    def recording(self: Writer, entries: list[Entry], *rest: object, **options: object) -> Counts:
        found.append(list(entries))
        return append(self, entries, *rest, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Writer, "append", recording)
    return found


def large_events(first: int, last: int, size: int) -> list[Entry]:
    """Events with the ids `first` to `last`, each of a little more than `size` bytes."""
    event = {"event_type": "llm_call_completed", "run_id": "run", "payload": {"node_id": "n", "response": "x" * size}}
    return [entry_of(body_of({**event, "event_id": str(number)}), number) for number in range(first, last + 1)]


def test_large_entries_are_read_one_at_a_time(redis_server: RedisServer, db: Path, batches: list[list[Entry]]) -> None:
    publish(redis_server, large_events(1, 19, 2_500_000))
    assert drain(db, redis_server).stored == 19
    assert [len(batch) for batch in batches] == [1] * 19


def test_large_entries_after_small_ones_are_not_read_all_at_once(
    redis_server: RedisServer, db: Path, batches: list[list[Entry]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Redis cannot limit a reply by size, so a reply that is too large is abandoned."""
    monkeypatch.setattr(source, "REPLY_BYTES", 1_000_000)
    publish(redis_server, [*notes(1, 2_000), *large_events(2_001, 2_049, 400_000), *notes(2_050, 3_000)])
    assert drain(db, redis_server) == Counts(received=3_000, stored=3_000)
    assert max(len(batch) for batch in batches) > 400
    assert max(sum(entry.size for entry in batch) for batch in batches) < 1_000_000
    assert gaps(db) == []


def test_an_entry_of_50_mb_among_small_ones_is_stored(
    redis_server: RedisServer, db: Path, batches: list[list[Entry]]
) -> None:
    publish(redis_server, [*notes(1, 2_000), *large_events(2_001, 2_003, 50_000_000), *notes(2_004, 2_100)])
    assert drain(db, redis_server) == Counts(received=2_100, stored=2_100)
    assert query(db, "SELECT count(*) FROM body WHERE length(data) > 50000000") == [(3,)]
    assert gaps(db) == []


def test_a_drain_without_redis_fails_with_the_remedy(mortal_redis: RedisServer, db: Path) -> None:
    with pytest.raises(RedisError, match="start Redis, or name another with --redis"):
        drain(db, mortal_redis)
    with pytest.raises(RedisError, match="is not a Redis address"):
        Ingester(db, "http://localhost", STREAM)


# Live


def test_events_are_stored_while_agents_publish(redis_server: RedisServer, db: Path) -> None:
    with ingesting(db, redis_server.url):
        for number in range(1, 6):
            publish(redis_server, notes(number, number))
            until(lambda: number_stored(db) == number)  # noqa: B023 - called at once
        until(lambda: state_of_ingest(db) == "live")
    assert state_of_ingest(db) == "stopped"
    assert gaps(db) == []


def test_an_ingester_waits_for_redis(mortal_redis: RedisServer, db: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Each outage is printed once."""
    with ingesting(db, mortal_redis.url):
        until(lambda: state_of_ingest(db) == "away")
        with mortal_redis:
            publish(mortal_redis, notes(1, 3))
            until(lambda: number_stored(db) == 3)
            until(lambda: state_of_ingest(db) == "live")
        until(lambda: state_of_ingest(db) == "away")
    printed = capfd.readouterr()
    assert printed.err.count("nothing can be read, ") == printed.err.count("; trying again") == 2
    assert printed.out.count("events are read again from ") == 1


def test_the_delay_between_attempts_doubles_up_to_a_limit(
    mortal_redis: RedisServer, db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It begins anew after a success."""
    delays: list[float] = []

    def shortest(low: float, high: float) -> float:
        delays.append(high)
        return low

    monkeypatch.setattr(random, "uniform", shortest)
    expected = [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]
    with ingesting(db, mortal_redis.url):
        until(lambda: len(delays) >= len(expected))
        assert delays[: len(expected)] == expected
        with mortal_redis:
            until(lambda: state_of_ingest(db) == "live")
            delays.clear()
        until(lambda: len(delays) >= len(expected))
    assert delays[: len(expected)] == expected


@pytest.mark.parametrize("saving", [True, False], ids=["with-its-data", "without"])
def test_ingest_continues_after_a_restart_of_redis(db: Path, saving: bool) -> None:
    options = ("--appendonly", "yes", "--appendfsync", "always") if saving else ()
    with TemporaryDirectory(prefix="treetop-") as folder, RedisServer(Path(folder), options=options) as server:
        with ingesting(db, server.url):
            publish(server, notes(1, 300))
            until(lambda: number_stored(db) == 300)
            server.stop()
            until(lambda: state_of_ingest(db) == "away")
            server.start()
            publish(server, notes(301, 600))
            until(lambda: number_stored(db) == 600)
        ((kind, lost),) = gaps(db)
        assert lost is None
        assert kind in (("restarted",) if saving else ("restarted", "reset"))


def test_a_key_that_is_not_a_stream_is_refused_with_the_error_of_redis(redis_server: RedisServer, db: Path) -> None:
    command(redis_server, "SET", STREAM, "not a stream")
    with ingesting(db, redis_server.url):
        until(lambda: state_of_ingest(db) == "refused")
        assert "WRONGTYPE" in query(db, "SELECT reason FROM stream")[0][0]


# Losses


def test_entries_trimmed_before_they_were_read_are_a_gap(redis_server: RedisServer, db: Path) -> None:
    publish(redis_server, notes(1, 10))
    drain(db, redis_server)
    publish(redis_server, notes(11, 60))
    command(redis_server, "XTRIM", STREAM, "MAXLEN", "20")
    assert drain(db, redis_server).stored == 20
    assert gaps(db) == [("trimmed", 30 if counts_entries(redis_server) else None)]


def test_a_flushed_stream_is_one_gap_and_new_events_are_stored(redis_server: RedisServer, db: Path) -> None:
    with ingesting(db, redis_server.url):
        publish(redis_server, notes(1, 3))
        until(lambda: number_stored(db) == 3)
        command(redis_server, "FLUSHALL")
        publish(redis_server, notes(4, 5))
        until(lambda: number_stored(db) == 5)
        until(lambda: state_of_ingest(db) == "live")
    assert len(gaps(db)) == 1


@pytest.mark.parametrize(("ended", "run"), [(True, None), (False, "A")], ids=["ended", "running"])
def test_a_gap_is_attributed_to_a_run_that_has_not_ended(db: Path, ended: bool, run: str | None) -> None:
    recorder = Recorder("A").run_started().root("a")
    if ended:
        recorder.run_finished()
    with TemporaryDirectory(prefix="treetop-") as folder, RedisServer(Path(folder)) as server, ingesting(db, server.url):
        publish(server, recorder.entries)
        until(lambda: number_stored(db) == len(recorder.entries))
        server.stop()
        server.start()
        until(lambda: gaps(db) != [])
    assert query(db, "SELECT r.run_id FROM gap g LEFT JOIN run r ON r.key = g.run") == [(run,)]


def test_a_stream_that_stays_empty_is_one_gap(redis_server: RedisServer, db: Path) -> None:
    publish(redis_server, notes(1, 3))
    drain(db, redis_server)
    publish(redis_server, notes(4, 9))
    command(redis_server, "XTRIM", STREAM, "MAXLEN", "0")
    for _ in range(3):
        drain(db, redis_server)
    assert gaps(db) == [("trimmed", 6 if counts_entries(redis_server) else None)]
    publish(redis_server, notes(10, 11))
    assert drain(db, redis_server).stored == 2


# Several processes


def test_the_ingester_reports_a_locked_file_sooner_than_other_writers(
    redis_server: RedisServer, db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It reports the lock after 1.5 s and continues to wait; a drain, marks and deletions fail after 5 s."""
    timeouts: list[int] = []
    connect = database.connect_writer

    def connect_and_ask(path: Path, older: bool = False, **options: Any) -> sqlite3.Connection:
        connection = connect(path, older, **options)
        timeouts.append(connection.execute("PRAGMA busy_timeout").fetchone()[0])
        return connection

    monkeypatch.setattr(database, "connect_writer", connect_and_ask)
    with ingesting(db, redis_server.url):
        until(lambda: state_of_ingest(db) == "live")
    assert timeouts == [1_500]
    drain(db, redis_server)
    with Writer(db, guest=True), pytest.raises(RunUnknown):
        pin(db, "run", True)
    with pytest.raises(RunUnknown):
        delete_run(db, "run")
    assert timeouts[1:] == [5_000] * 5  # the drain opens the file twice: to migrate it, and to write


def test_a_second_ingester_fails_with_the_name_of_the_first(redis_server: RedisServer, db: Path) -> None:
    with Lease(db), pytest.raises(FileLocked, match="already stores events into it"):
        drain(db, redis_server)


INGEST = """
import sys
from pathlib import Path
from store.stream import ingest
from store.stream import source
source.BATCH_ENTRIES = 50
ingest.Ingester(Path(sys.argv[1]), sys.argv[2], sys.argv[3]).run()
"""


def test_an_ingester_that_is_killed_four_times_stores_each_event_once(redis_server: RedisServer, db: Path) -> None:
    publish(redis_server, notes(1, 20_000))
    for fifth in range(1, 5):
        with subprocess.Popen([sys.executable, "-c", INGEST, str(db), redis_server.url, STREAM]) as process:
            until(lambda: number_stored(db) > fifth * 3_500)  # noqa: B023 - called at once
            process.kill()
    drain(db, redis_server)
    assert query(db, "SELECT count(*), count(DISTINCT event_id), min(position), max(position) FROM event") == [
        (20_000, 20_000, 1, 20_000)
    ]
    assert query(db, "SELECT received, stored, duplicate, rejected FROM stream") == [(20_000, 20_000, 0, 0)]
    assert states(db)["run"].position == 20_000
    assert gaps(db) == []
    assert query(db, "PRAGMA integrity_check") == [("ok",)]
