"""From a real Redis into the file: all of it, once, whatever happens on the way."""

import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from store import database, source
from store.cursor import Cursor, Entry
from store.deletion import delete_run
from store.errors import FileLocked, RedisError, RunUnknown
from store.events import StreamId
from store.ingest import Ingester
from store.lease import Lease
from store.prune import mark
from store.redis_server import RedisServer
from store.source import BATCH_FIRST
from store.state import EdgeKey
from store.writer import Counts, Writer
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
    """Events that are numbered."""
    event = {"event_type": "note", "payload": {"node_id": "n"}, "run_id": "run"}
    return [entry_of(body_of({"event_id": str(number), **event}), number) for number in range(first, last + 1)]


@pytest.fixture
def mortal_redis() -> Iterator[RedisServer]:
    """A redis-server that a test may start and stop as it likes."""
    with TemporaryDirectory(prefix="treetop-") as folder:
        yield RedisServer(Path(folder))


# All that is there


def test_a_recorded_run_is_stored_as_it_was(redis_server: RedisServer, db: Path, recorded: list[Entry]) -> None:
    publish(redis_server, recorded, ids=True)
    assert drain(db, redis_server) == Counts(received=100, stored=100)
    (state,) = states(db).values()
    root, nodes = state.nodes[state.run.roots[0]], state.nodes.values()
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


def test_an_answer_that_nobody_wants_any_more_is_not_taken_for_another(redis_server: RedisServer) -> None:
    """What comes next is asked for before a batch is written; when that fails, reading goes on from another place."""
    publish(redis_server, notes(1, 40), ids=True)
    reader = source.Source(redis_server.url, STREAM)
    first = reader.read(Cursor(), certain=True)
    assert [entry.at.ms for entry in first.batch] == [entry.at.ms for entry in notes(1, BATCH_FIRST)]
    second = reader.read(first.cursor, certain=False)
    for certain in (False, True):
        reader.ask(second.cursor)
        assert reader.read(first.cursor, certain) == second
        reader.ask(second.cursor)
        reader.disconnect()
        reader.limit = BATCH_FIRST
        assert reader.read(first.cursor, certain) == second
    reader.ask(first.cursor)
    assert reader.read(first.cursor, certain=False) == second


def test_draining_again_stores_nothing_again(redis_server: RedisServer, db: Path) -> None:
    publish(redis_server, Recorder().whole().entries)
    assert drain(db, redis_server).stored == 45
    assert drain(db, redis_server) == Counts()
    publish(redis_server, Recorder().whole().llm("root").entries)
    assert drain(db, redis_server) == Counts(received=47, stored=2, duplicate=45)


def test_a_stream_that_is_not_there_yet_holds_nothing(redis_server: RedisServer, db: Path) -> None:
    assert drain(db, redis_server) == Counts()
    assert state_of_ingest(db) == "stopped"


def test_entries_that_are_no_events_are_kept_apart(redis_server: RedisServer, db: Path) -> None:
    odd = [Entry(StreamId(1, 0), {b"payload": b"{}"}), entry_of(b"\xff", 2), entry_of(b"{}", 3)]
    publish(redis_server, [*notes(1, 2), *odd, *notes(3, 4)])
    assert drain(db, redis_server) == Counts(received=7, stored=4, rejected=3)
    assert query(db, "SELECT count(*) FROM rejected") == [(3,)]


def test_large_entries_are_read_a_few_at_a_time(
    redis_server: RedisServer, db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches: list[int] = []
    append = Writer.append

    def counting(self: Writer, entries: list[Entry], *rest: object, **options: object) -> Counts:
        batches.append(len(entries))
        return append(self, entries, *rest, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Writer, "append", counting)
    large = {"event_type": "llm_call_completed", "run_id": "run", "payload": {"node_id": "n", "response": "x" * 2_500_000}}
    publish(redis_server, [entry_of(body_of({**large, "event_id": number}), 1) for number in range(BATCH_FIRST + 3)])
    assert drain(db, redis_server).stored == BATCH_FIRST + 3
    assert batches == [1] * (BATCH_FIRST + 3)


def test_large_entries_after_small_ones_are_not_read_all_at_once(
    redis_server: RedisServer, db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody can ask Redis how large they are, so the reply that is too large is cut off."""
    monkeypatch.setattr(source, "REPLY_BYTES", 1_000_000)
    sizes: list[int] = []
    learn = source.Source.learn

    def noting(self: source.Source, batch: Sequence[Entry]) -> None:
        sizes.append(sum(len(entry.fields[b"json_payload"]) for entry in batch))
        learn(self, batch)

    monkeypatch.setattr(source.Source, "learn", noting)
    large = {"event_type": "llm_call_completed", "run_id": "run", "payload": {"node_id": "n", "response": "x" * 400_000}}
    publish(redis_server, notes(1, 2_000))
    publish(redis_server, [entry_of(body_of({**large, "event_id": number}), 1) for number in range(2_001, 2_050)])
    publish(redis_server, notes(2_050, 3_000))
    assert drain(db, redis_server) == Counts(received=3_000, stored=3_000)
    assert max(sizes) < 1_000_000
    assert gaps(db) == []


def test_without_redis_a_drain_says_what_to_do(mortal_redis: RedisServer, db: Path) -> None:
    with pytest.raises(RedisError, match="start Redis, or name another with --redis"):
        drain(db, mortal_redis)
    with pytest.raises(RedisError, match="is not the address of a Redis"):
        Ingester(db, "http://localhost", STREAM)


# Live


def test_events_are_in_the_file_while_agents_publish(redis_server: RedisServer, db: Path) -> None:
    with ingesting(db, redis_server.url):
        for number in range(1, 6):
            publish(redis_server, notes(number, number))
            until(lambda: number_stored(db) == number)  # noqa: B023 - it is called at once
        until(lambda: state_of_ingest(db) == "live")
    assert state_of_ingest(db) == "stopped"
    assert gaps(db) == []


def test_redis_may_come_later(mortal_redis: RedisServer, db: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Who only has its standard error hears of it, once."""
    with ingesting(db, mortal_redis.url):
        until(lambda: state_of_ingest(db) == "away")
        with mortal_redis:
            publish(mortal_redis, notes(1, 3))
            until(lambda: number_stored(db) == 3)
        until(lambda: state_of_ingest(db) == "away")
    said = capfd.readouterr()
    assert said.err.count("nothing can be read, ") == said.err.count("; trying again") == 2
    assert said.out.count("events are read again from ") == 1


@pytest.mark.parametrize("saving", [True, False], ids=["with-its-data", "without"])
def test_redis_may_die_and_come_back(db: Path, saving: bool) -> None:
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


def test_a_stream_that_is_none_is_refused_until_somebody_mends_it(redis_server: RedisServer, db: Path) -> None:
    command(redis_server, "SET", STREAM, "not a stream")
    with ingesting(db, redis_server.url):
        until(lambda: state_of_ingest(db) == "refused")
        assert "WRONGTYPE" in query(db, "SELECT reason FROM stream")[0][0]


# Losses


def test_what_was_trimmed_before_it_was_read_is_a_gap(redis_server: RedisServer, db: Path) -> None:
    publish(redis_server, notes(1, 10))
    drain(db, redis_server)
    publish(redis_server, notes(11, 60))
    command(redis_server, "XTRIM", STREAM, "MAXLEN", "20")
    assert drain(db, redis_server).stored == 20
    assert gaps(db) == [("trimmed", 30 if counts_entries(redis_server) else None)]


def test_a_stream_that_was_emptied_is_one_gap_and_goes_on(redis_server: RedisServer, db: Path) -> None:
    with ingesting(db, redis_server.url):
        publish(redis_server, notes(1, 3))
        until(lambda: number_stored(db) == 3)
        command(redis_server, "FLUSHALL")
        publish(redis_server, notes(4, 5))
        until(lambda: number_stored(db) == 5)
        until(lambda: state_of_ingest(db) == "live")
    assert len(gaps(db)) == 1


def test_a_stream_that_stays_empty_is_not_one_gap_after_the_other(redis_server: RedisServer, db: Path) -> None:
    publish(redis_server, notes(1, 3))
    drain(db, redis_server)
    publish(redis_server, notes(4, 9))
    command(redis_server, "XTRIM", STREAM, "MAXLEN", "0")
    for _ in range(3):
        drain(db, redis_server)
    assert gaps(db) == [("trimmed", 6 if counts_entries(redis_server) else None)]
    publish(redis_server, notes(10, 11))
    assert drain(db, redis_server).stored == 2


# Twice


def test_an_ingester_says_that_the_file_is_held_before_others_give_up(
    redis_server: RedisServer, db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within three seconds, on every screen; it goes on waiting."""
    patience: list[int] = []
    connect = database.connect_writer

    def connect_and_ask(path: Path, older: bool = False, **options: float) -> sqlite3.Connection:
        connection = connect(path, older, **options)
        patience.append(connection.execute("PRAGMA busy_timeout").fetchone()[0])
        return connection

    monkeypatch.setattr(database, "connect_writer", connect_and_ask)
    with ingesting(db, redis_server.url):
        until(lambda: state_of_ingest(db) == "live")
    drain(db, redis_server)
    with Writer(db, guest=True):
        mark(db, "run", True)
    with pytest.raises(RunUnknown):
        delete_run(db, "run")
    assert patience == [1_500, 5_000, 5_000, 5_000, 5_000]


def test_a_second_ingester_is_told_of_the_first(redis_server: RedisServer, db: Path) -> None:
    with Lease(db), pytest.raises(FileLocked, match="is storing events into it already"):
        drain(db, redis_server)


INGEST = """
import sys
from pathlib import Path
from store import ingest, source
source.BATCH = 50
ingest.Ingester(Path(sys.argv[1]), sys.argv[2], sys.argv[3]).run()
"""


def test_an_ingester_that_is_killed_again_and_again_stores_each_event_once(redis_server: RedisServer, db: Path) -> None:
    publish(redis_server, notes(1, 20_000))
    for fifth in range(1, 5):
        with subprocess.Popen([sys.executable, "-c", INGEST, str(db), redis_server.url, STREAM]) as process:
            until(lambda: number_stored(db) > fifth * 3_500)  # noqa: B023 - it is called at once
            process.kill()
    drain(db, redis_server)
    assert query(db, "SELECT count(*), count(DISTINCT event_id), min(position), max(position) FROM event") == [
        (20_000, 20_000, 1, 20_000)
    ]
    assert query(db, "SELECT received, stored, duplicate, rejected FROM stream") == [(20_000, 20_000, 0, 0)]
    assert states(db)["run"].position == 20_000
    assert gaps(db) == []
    assert query(db, "PRAGMA integrity_check") == [("ok",)]
