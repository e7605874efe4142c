"""A file that an older treetop wrote is brought up to date when events are stored into it, and nothing in it is lost."""

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from store import ingest, migration, projection
from store.checkup import check_file
from store.cursor import Entry, Gap, follow
from store.database import RUN_FIELDS, VERSION, check_readable, connect_writer
from store.deletion import delete_run
from store.errors import FileError, FileForeign, FileOlder
from store.events import StreamId
from store.history import RunHistory
from store.ingest import Ingester
from store.migration import migrate
from store.prune import mark
from store.reader import Reader
from store.redis_server import RedisServer
from store.simulator import Scenario, simulate
from store.writer import Writer
from tests.conftest import until
from tests.live import STREAM, ingesting, number_stored, publish
from tests.older import make_version_1
from tests.recorder import Recorder, entry_of
from tests.tables import Row, query, rows, states
from tests.tui.stage import entries_of

TOLD = f"was written by an older treetop .file version 1, ours {VERSION}.; open it once with `treetop` or `treetop ingest`"


def many() -> list[Entry]:
    """All that there can be in a stream: several runs, one without a name, moves, what is repeated and what is no event."""
    recorder = Recorder("first").root("a").plan("a", "b", "c").node("b", "late").node("c", "late")
    recorder.nameless().step_started("d").llm("d", error="timeout")  # a run that nobody named, until ...
    recorder.run_id = "first"
    recorder.node("a", "d").step("b", "execute", after="FINISH")  # ... its node turns out to be this one's
    Recorder(None, beside=recorder).root("x").step("x", "plan", after="DOING").tool_invoked("x")
    Recorder("second", beside=recorder).whole()
    Recorder("odd \x00 name é", beside=recorder).root("a").llm("a", error="no").step_started("a").run_error()
    large = Scenario(seed=3, nodes=60, ending="failing-branch")
    bad = [entry_of(b'{"event_type": 1', 1), entry_of(b"\xff", 2), recorder.entries[0]]
    return [*recorder.entries, *bad, *entries_of(simulate(large), large.start)]


def fill(path: Path, entries: list[Entry]) -> None:
    """Store these entries, with a gap in the middle."""
    middle = len(entries) // 2
    with Writer(path, clock=lambda: 7.0) as writer:
        key = writer.stream(STREAM)
        writer.report(key, "live", "all is well", StreamId(9, 9), 8.0)
        for part, gap in (entries[:middle], None), (entries[middle:], Gap("trimmed", 3, StreamId(1, 0), None, "gone")):
            before = writer.cursor(key)
            writer.append(part, key, before, follow(before, part), gap)


def everything(path: Path) -> dict[str, list[Row]]:
    """All that is in a file but the generations of its runs and the keys of its nodes and edges."""
    assert query(path, "PRAGMA integrity_check") == [("ok",)]
    found = rows(path)
    at = len(RUN_FIELDS.split(", ")) + 1
    found["run"] = [row[:at] + row[at + 1 :] for row in found["run"]]
    for table in ("stream", "gap", "rejected", "event_type"):
        found[f"all of {table}"] = query(path, f"SELECT * FROM {table}")
    found["keys of runs"] = query(path, "SELECT key, run_id, marked FROM run")
    found["keys that were given"] = query(path, "SELECT * FROM sqlite_sequence WHERE name NOT IN ('node', 'edge')")
    return found


def shape(path: Path) -> dict[str, set[Row]]:
    """The columns of each table, the indexes and the views, whatever their order."""
    tables = [name for (name,) in query(path, "SELECT name FROM sqlite_master WHERE type = 'table'")]
    found = {
        name: set(query(path, f"SELECT name, type, \"notnull\", pk FROM pragma_table_info('{name}')")) for name in tables
    }
    found["indexes and views"] = set(query(path, "SELECT name, sql FROM sqlite_master WHERE type IN ('index', 'view')"))
    return found


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch, small_past: None) -> None:
    """Runs of some dozens of events are built again in several parts, with little of them in memory."""
    monkeypatch.setattr(projection, "CHUNK", 7)


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A file of version 1, with a run that is marked."""
    path = tmp_path / "events.db"
    fill(path, many())
    mark(path, "second", True)
    make_version_1(path)
    return path


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    """The same, but of our version."""
    path = tmp_path / "fresh.db"
    fill(path, many())
    mark(path, "second", True)
    return path


# What becomes of it


@pytest.mark.usefixtures("small_parts")
def test_it_becomes_what_a_new_file_would_be(fresh: Path, old: Path) -> None:
    assert query(old, "PRAGMA user_version") == [(1,)]
    Writer(old).close()
    assert query(old, "PRAGMA user_version") == [(VERSION,)]
    assert shape(old) == shape(fresh)
    assert everything(old) == everything(fresh)
    assert all(everything(fresh).values()), "there is something of everything"


def test_also_with_the_bounds_that_it_really_has(fresh: Path, old: Path) -> None:
    Writer(old).close()
    assert everything(old) == everything(fresh)


def test_it_goes_on_as_a_new_file_would(fresh: Path, old: Path) -> None:
    more = Recorder("second").whole().llm("root").entries[-2:] + Recorder("third").whole().entries
    for path in (fresh, old):
        fill(path, [*many(), *more])
    assert everything(old) == everything(fresh)
    counts = dict(zip(("received", "duplicate"), query(old, "SELECT received, duplicate FROM stream")[0], strict=True))
    assert counts["duplicate"] > counts["received"] // 3, "what was stored by version 1 is known again"


def test_its_past_can_be_seen(old: Path) -> None:
    Writer(old).close()
    state = states(old)["second"]
    key, generation = query(old, "SELECT key, generation FROM run WHERE run_id = 'second'")[0]
    with RunHistory(old, key, "second", generation) as history:
        history.go(state.run.events)
        assert history.run == state.run


def test_what_is_being_deleted_is_left_alone_and_can_be_finished(tmp_path: Path) -> None:
    path = tmp_path / "events.db"
    fill(path, many())
    hide = "UPDATE run SET run_id = 'deleted/' || key, generation = -1 WHERE run_id = 'second'"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(hide)
    make_version_1(path)
    doomed = "SELECT e.* FROM event e JOIN run r ON r.key = e.run WHERE r.generation < 0"
    before = query(path, doomed.replace("e.*", "e.seq, e.position, e.node, e.status"))
    Writer(path).close()
    assert len(before) == 45
    assert query(path, doomed.replace("e.*", "e.seq, e.position, e.node, e.status")) == before
    delete_run(path, "first")
    assert query(path, "SELECT count(*) FROM run WHERE run_id = 'first' OR generation < 0") == [(0,)]
    assert query(path, "SELECT count(*) FROM node WHERE run NOT IN (SELECT key FROM run)") == [(0,)]


def test_an_empty_one_is_brought_up_to_date_too(db: Path) -> None:
    Writer(db).close()
    make_version_1(db)
    Writer(db).close()
    check_readable(db)
    assert query(db, "SELECT count(*) FROM checkpoint") == [(0,)]


# All or nothing


@pytest.mark.parametrize("statement", ["CREATE INDEX event_by_identity", "INSERT INTO version", "PRAGMA user_version="])
def test_a_step_that_fails_leaves_it_as_it_was(fresh: Path, old: Path, statement: str) -> None:
    before = dump(old)

    class Disk(sqlite3.Connection):
        """Is full when this is to be written."""

        def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
            self._fail(sql)
            return super().execute(sql, *parameters)

        def executemany(self, sql: str, parameters: Any) -> sqlite3.Cursor:
            self._fail(sql)
            return super().executemany(sql, parameters)

        def _fail(self, sql: str) -> None:
            if sql.lstrip().startswith(statement):
                raise sqlite3.OperationalError("database or disk is full")

    with closing(sqlite3.connect(old, factory=Disk, isolation_level=None)) as connection:
        said = "was not brought up to date, and is as it was .database or disk is full"
        with pytest.raises(FileError, match=said):
            migrate(connection, old)
    assert dump(old) == before
    Writer(old).close()
    assert everything(old) == everything(fresh)


def dump(path: Path) -> list[str]:
    """All that is in a file of any version, as SQL."""
    with closing(sqlite3.connect(path)) as connection:
        return [*connection.iterdump(), str(connection.execute("PRAGMA user_version").fetchone())]


def test_it_can_be_stopped_and_is_done_the_next_time(fresh: Path, old: Path) -> None:
    before, asked = dump(old), 0

    def stopping() -> bool:
        nonlocal asked
        asked += 1
        return asked > 5

    with (
        closing(connect_writer(old, older=True)) as connection,
        pytest.raises(FileOlder, match="was not brought up to date, and is as it was: it was time to stop"),
    ):
        migrate(connection, old, stopping=stopping)
    assert dump(old) == before
    Writer(old).close()
    assert everything(old) == everything(fresh)


def test_of_two_who_come_at_once_one_does_it(old: Path) -> None:
    """The other waits for the lock, and finds that there is nothing left to do."""

    class Waiting(sqlite3.Connection):
        def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
            if sql == "BEGIN IMMEDIATE":
                Writer(old).close()
                generations.extend(query(old, "SELECT key, generation FROM run"))
            return super().execute(sql, *parameters)

    generations: list[Row] = []
    told: list[str] = []
    with closing(sqlite3.connect(old, factory=Waiting, isolation_level=None)) as second:
        migrate(second, old, told.append)
    assert query(old, "SELECT key, generation FROM run") == generations != []
    assert told == []


def test_a_version_that_never_was_is_refused(old: Path) -> None:
    with closing(sqlite3.connect(old)) as connection:
        connection.execute("PRAGMA user_version=0")
    before = dump(old)
    with pytest.raises(FileForeign, match="says that it is of version 0, which never was"):
        Writer(old)
    assert dump(old) == before


def test_there_is_a_step_from_each_version_to_the_next() -> None:
    assert list(migration.STEPS) == list(range(1, VERSION))


# Who does it


def test_who_only_reads_or_writes_beside_an_ingester_does_not(old: Path) -> None:
    before = old.read_bytes()
    with pytest.raises(FileOlder, match=TOLD):
        check_readable(old)
    with pytest.raises(FileOlder, match=TOLD):
        asyncio.run(Reader(old).__aenter__())
    with pytest.raises(FileOlder, match=TOLD):
        Writer(old, guest=True)
    with pytest.raises(FileOlder, match=TOLD):
        delete_run(old, "second")
    with pytest.raises(FileOlder, match=TOLD):
        mark(old, "second", True)
    assert old.read_bytes() == before


def test_an_ingester_does_and_says_so(
    redis_server: RedisServer, fresh: Path, old: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    publish(redis_server, Recorder("third").whole().entries)
    events = number_stored(old)
    with ingesting(old, redis_server.url):
        until(lambda: number_stored(old) == events + 45)
    before, after, greeting = capsys.readouterr().out.splitlines()
    held = sum(events for (events,) in query(fresh, "SELECT events FROM run"))
    assert before == (
        f"{old}: was written by an older treetop (file version 1, ours {VERSION}); bringing its {held:,} events up to date,"
        " which takes about 1 s"
    )
    assert after.startswith(f"{old}: is up to date, after ")
    assert "storing what is published" in greeting


def test_an_ingester_that_is_stopped_meanwhile_ends(
    redis_server: RedisServer, old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = dump(old)
    ingester = Ingester(old, redis_server.url, STREAM)

    said: list[str] = []

    def say(text: str, **_: object) -> None:
        said.append(text)
        ingester.stop()

    monkeypatch.setattr(ingest, "_say", say)
    ingester.run()
    assert "bringing its" in said[0]
    assert dump(old) == before


# The commands


def treetop(folder: Path, *words: str, redis: str = "redis://127.0.0.1:1/0") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "SQLITE_DB_PATH": "events.db", "REDIS_URL": redis, "PYTHONUTF8": "1", "TERM": "xterm"}
    command = [sys.executable, "-m", "tui.cli", *words]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


@pytest.mark.parametrize(
    "words",
    [
        ("runs",),
        ("show", "latest"),
        ("export", "latest", "-o", "other.jsonl"),
        ("import", "run.jsonl"),
        ("prune", "--keep", "0", "--yes"),
        ("--no-ingest",),
        ("--no-ingest", "latest"),
    ],
    ids=lambda words: words[0],
)
def test_commands_that_do_not_store_refuse_it_in_a_line(old: Path, fresh: Path, words: tuple[str, ...]) -> None:
    assert treetop(old.parent, "export", "second", "-o", "run.jsonl", "--db", "fresh.db").returncode == 0
    before = old.read_bytes()
    done = treetop(old.parent, *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"treetop: events.db: was written by an older treetop (file version 1, ours {VERSION}); open it once with `treetop`"
        " or `treetop ingest`, which brings it up to date\n"
    )
    assert old.read_bytes() == before


def test_the_doctor_says_of_which_version_it_is_and_what_to_do(old: Path) -> None:
    (found,) = check_file(old, deep=True)
    assert not found.well
    assert f"file version 1, ours {VERSION}); open it once with `treetop` or `treetop ingest`" in found.text
    done = treetop(old.parent, "doctor")
    assert done.returncode == 1
    assert f"file version 1, ours {VERSION}" in done.stdout


def test_draining_does_it_and_prints_nothing_but_the_counts(redis_server: RedisServer, old: Path) -> None:
    done = treetop(old.parent, "ingest", "--drain", redis=redis_server.url)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["received"] == 0
    assert [line.partition(": ")[2][:20] for line in done.stderr.splitlines()] == [
        "was written by an ol",
        "is up to date, after",
    ]
    assert "second" in treetop(old.parent, "runs").stdout
