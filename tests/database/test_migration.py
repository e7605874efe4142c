"""An older file is brought up to date by an ingester, and a damaged one is rebuilt, without a loss."""

import asyncio
import io
import json
import os
import re
import shutil
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from store.database import migration, replay
from store.database.arrival import Arrived
from store.database.deletion import delete_run
from store.database.file import VERSION, check_readable, connect_reader
from store.database.history import History
from store.database.lease import Lease
from store.database.migration import leftovers, migrate, rebuild
from store.database.open_run import OpenRuns
from store.database.projection import Projection
from store.database.reader import Reader
from store.database.replay import Replay
from store.database.repricing import reprice
from store.database.retention import pin
from store.database.rows import RUN
from store.database.writer import Writer
from store.doctor import check_file
from store.errors import FileBusy, FileError, FileForeign, FileNewer, FileOlder, FileReplaced
from store.model.decode import decode
from store.model.entry import Entry, Gap, StreamId, follow
from store.model.fold import fold
from store.model.state import empty
from store.pricing.pricer import Pricer
from store.stream.ingest import Ingester
from store.stream.server import RedisServer
from tests.conftest import until
from tests.live import STREAM, ingesting, number_stored, publish
from tests.older import make_older, restore_former, restore_version_1
from tests.recorder import Recorder, entry_of
from tests.tables import Row, events_of, facts_of, query, rows, states
from tests.tui.stage import entries_of
from tui.demo import Scenario, simulate

REFUSED = (
    f"was written by an older treetop (file version {VERSION - 1}, ours {VERSION}); open it once with `treetop` or"
    " `treetop ingest`, which brings it up to date"
)

DERIVED = ("node", "edge", "node_event", "checkpoint", "version", "move", "event_type", "run_change")


def many() -> list[Entry]:
    """Entries of every kind: named and unnamed runs, reassigned events, moves, repetitions and invalid entries."""
    recorder = Recorder("first").root("a").plan("a", "b", "c").node("b", "late").node("c", "late")
    recorder.nameless().step_started("d").llm("d", error="timeout")  # of an unnamed run, until ...
    recorder.run_id = "first"
    recorder.node("a", "d").step("b", "execute", after="FINISH")  # ... a publisher names the run of its node
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
    """The content of a file, without the generations of runs and the keys of nodes, edges and event types."""
    assert query(path, "PRAGMA integrity_check") == [("ok",)]
    found = rows(path)
    at = len(RUN.columns) + 1
    found["run"] = [row[:at] + row[at + 1 :] for row in found["run"]]
    for table in ("stream", "gap", "rejected"):
        found[f"all of {table}"] = query(path, f"SELECT * FROM {table}")
    found["types"] = query(path, "SELECT name FROM event_type")
    found["keys of runs"] = query(path, "SELECT key, run_id, marked FROM run")
    found["keys that were given"] = query(path, "SELECT * FROM sqlite_sequence WHERE name NOT IN ('node', 'edge')")
    found["schema"] = query(path, "SELECT type, name, sql FROM sqlite_master")
    return {table: sorted(found[table], key=repr) for table in found}


def dump(path: Path) -> list[str]:
    """The content of a file of any version, as SQL."""
    with closing(sqlite3.connect(path)) as connection:
        return [*connection.iterdump(), str(connection.execute("PRAGMA user_version").fetchone())]


def leave_new_file(path: Path, mode: int = 0o700) -> Path:
    """Make the new file of a migration, as a killed process leaves it."""
    new = path.with_name(f".{path.name}.treetop-x7") / "treetop-new.db"
    new.parent.mkdir()
    new.parent.chmod(mode)
    new.write_bytes(b"half of a file")
    return new


def execute(path: Path, *statements: str) -> None:
    """Change the file as another program would."""
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def overwrite_root_page(path: Path, name: str) -> None:
    """Damage a table or an index, as a faulty disk may."""
    ((page,),) = query(path, "SELECT rootpage FROM sqlite_master WHERE name = ?", name)
    ((size,),) = query(path, "PRAGMA page_size")
    content = bytearray(path.read_bytes())
    content[(page - 1) * size : page * size] = b"\xaa" * size
    path.write_bytes(content)


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch, small_past: None) -> None:
    """Runs of some dozens of events take several batches and have several checkpoints."""
    monkeypatch.setattr(replay, "BATCH_EVENTS", 7)


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    """A file of this version, with a pinned run."""
    path = tmp_path / "fresh.db"
    fill(path, many())
    pin(path, "second", True)
    return path


@pytest.fixture
def old(tmp_path: Path, fresh: Path) -> Path:
    """The same as an older file."""
    path = tmp_path / "events.db"
    shutil.copy(fresh, path)
    make_older(path)
    return path


class TestContent:
    @pytest.mark.usefixtures("small_parts")
    def test_a_migrated_file_equals_a_new_one(self, tmp_path: Path) -> None:
        fresh, old = tmp_path / "fresh.db", tmp_path / "old.db"
        for path in (fresh, old):
            fill(path, many())
            pin(path, "second", True)
        make_older(old)
        migrate(old)
        assert query(old, "PRAGMA user_version") == [(VERSION,)]
        assert everything(old) == everything(fresh)
        assert all(everything(fresh).values()), "every table has rows"

    def test_a_migrated_file_equals_a_new_one_with_the_usual_sizes_of_batches(self, fresh: Path, old: Path) -> None:
        migrate(old)
        assert everything(old) == everything(fresh)

    def test_further_events_are_stored_as_in_a_new_file(self, fresh: Path, old: Path) -> None:
        more = Recorder("second").whole().llm("root").entries[-2:] + Recorder("third").whole().entries
        migrate(old)
        for path in (fresh, old):
            fill(path, [*many(), *more])
        assert everything(old) == everything(fresh)
        received, duplicate = query(old, "SELECT received, duplicate FROM stream")[0]
        assert duplicate > received // 3, "stored events are recognised"

    def test_every_run_of_version_1_equals_the_fold_of_its_events(self, tmp_path: Path) -> None:
        path = tmp_path / "events.db"
        restore_version_1(path)
        before = query(path, "SELECT seq, run, stream, ms, number, event_id FROM event WHERE run <> 4 ORDER BY seq")
        bodies = query(path, "SELECT * FROM body WHERE seq <> 16")
        migrate(path)
        assert query(path, "SELECT seq, run, stream, ms, number, event_id FROM event ORDER BY seq") == before
        assert query(path, "SELECT * FROM body") == bodies
        runs = states(path)
        assert runs == {run_id: fold(empty(run_id), events_of(path, run_id)) for run_id in runs}
        assert query(path, "SELECT key, run_id, declared, marked, events FROM run") == [
            (1, "named", 1, 0, 9),
            (2, "auto-1745341209002-0", 0, 1, 5),
        ]
        found = [finding.text for finding in check_file(path, deep=True)]
        assert "derived rows match the events in 2 runs" in found

    def test_every_run_of_the_version_before_equals_the_fold_of_its_events(self, tmp_path: Path) -> None:
        path = tmp_path / "events.db"
        restore_former(path)
        kept = ("SELECT * FROM body", "SELECT * FROM stream", "SELECT seq, run, position, ms, number, type FROM event")
        before = [query(path, sql) for sql in kept]
        reports: list[str] = []
        migrate(path, reports.append)
        assert [query(path, sql) for sql in kept] == before
        runs = states(path)
        assert runs == {run_id: fold(empty(run_id), events_of(path, run_id)) for run_id in runs}
        assert facts_of(path) == [
            decode(body, StreamId(ms, number)).facts
            for body, ms, number in query(
                path, "SELECT b.data, e.ms, e.number FROM event e JOIN body b USING (seq) ORDER BY seq"
            )
        ]
        assert "derived rows match the events in 4 runs" in [finding.text for finding in check_file(path, deep=True)]
        assert reports[0].endswith(f"bringing the file up to date: {len(before[2])} events, about 1 s")

    def test_what_version_1_has_beside_events_is_kept(self, tmp_path: Path) -> None:
        path = tmp_path / "events.db"
        restore_version_1(path)
        stream = "SELECT name, position, entry_crc, epoch, added, server, received, stored, rejected, state FROM stream"
        tables = [stream, "SELECT * FROM gap", "SELECT * FROM rejected", "SELECT * FROM sqlite_sequence WHERE name = 'run'"]
        before = [query(path, sql) for sql in tables]
        assert all(before)
        migrate(path)
        assert [query(path, sql) for sql in tables] == before
        assert query(path, "SELECT address, pruned FROM stream") == [("", 0)]

    def test_a_deletion_that_was_interrupted_is_completed(self, tmp_path: Path) -> None:
        path = tmp_path / "events.db"
        restore_version_1(path)
        assert query(path, "SELECT run_id FROM run WHERE generation < 0") == [("deleted/4",)]
        assert query(path, "SELECT open_run FROM stream") == [(4,)]
        migrate(path)
        assert query(path, "SELECT count(*) FROM run WHERE key > 2") == [(0,)]
        assert query(path, "SELECT count(*) FROM event WHERE seq > 14") == [(0,)]
        assert query(path, "SELECT open_run FROM stream") == [(None,)]
        fill(path, Recorder("new").root("n").entries)
        assert query(path, "SELECT key, first_seq FROM run WHERE run_id = 'new'") == [(5, 17)]

    def test_events_of_version_1_that_name_nothing_are_marked_as_inferred(self, tmp_path: Path) -> None:
        path = tmp_path / "events.db"
        restore_version_1(path)
        migrate(path)
        found = query(path, "SELECT event_type FROM events WHERE inferred ORDER BY id")
        assert found == [("thought",), ("run_finished",)]

    def test_tables_and_views_of_the_user_are_kept(self, old: Path) -> None:
        own = [
            'CREATE TABLE "my ""notes" (run_id TEXT PRIMARY KEY, note)',
            'CREATE INDEX by_note ON "my ""notes" (note)',
            "CREATE VIEW goals AS SELECT run_id, goal, roots FROM runs",
        ]
        execute(old, *own, "INSERT INTO \"my \"\"notes\" VALUES ('second', 'good')")
        migrate(old)
        assert [sql for (sql,) in query(old, "SELECT sql FROM sqlite_master") if sql in own] == own
        assert query(old, 'SELECT goals.roots, note FROM goals JOIN "my ""notes" USING (run_id)') == [('["root"]', "good")]

    def test_a_virtual_table_of_the_user_is_refused_by_name(self, old: Path) -> None:
        execute(old, "CREATE VIRTUAL TABLE words USING fts5 (text)")
        before = dump(old)
        with pytest.raises(FileError, match=r"has the virtual table words, which cannot be copied .*; drop it first"):
            migrate(old)
        assert dump(old) == before

    def test_the_past_of_a_migrated_run_can_be_read(self, old: Path) -> None:
        migrate(old)
        state = states(old)["second"]
        ((key,),) = query(old, "SELECT key FROM run WHERE run_id = 'second'")
        with closing(connect_reader(old)) as connection:
            history = History(connection, key, "second")
            history.seek(state.run.events)
            assert history.run == state.run

    def test_an_empty_file_is_migrated(self, db: Path) -> None:
        Writer(db).close()
        make_older(db)
        migrate(db)
        check_readable(db)
        assert query(db, "SELECT count(*) FROM event") == [(0,)]

    def test_the_file_keeps_its_mode_and_its_links(self, old: Path, tmp_path: Path) -> None:
        old.chmod(0o640)
        link, place = tmp_path / "link.db", old.stat().st_ino
        link.symlink_to(old)
        migrate(link)
        assert link.is_symlink()
        assert (stat.S_IMODE(old.stat().st_mode), old.stat().st_ino) == (0o640, place)
        assert query(old, "PRAGMA journal_mode") == [("wal",)]
        assert query(old, "PRAGMA auto_vacuum") == [(2,)]

    def test_a_file_of_another_page_size_is_migrated(self, old: Path, fresh: Path) -> None:
        with closing(sqlite3.connect(old, isolation_level=None)) as connection:
            for statement in ("PRAGMA journal_mode=DELETE", "PRAGMA page_size=8192", "VACUUM"):
                connection.execute(statement)
        migrate(old)
        assert query(old, "PRAGMA page_size") == [(8192,)]
        assert everything(old) == everything(fresh)


class TestRunsOfEvents:
    """An event keeps its run, whatever attribution would decide today."""

    def runs(self, path: Path) -> list[Row]:
        return query(
            path,
            "SELECT e.seq, e.position, r.key, r.run_id, e.inferred FROM event e JOIN run r ON r.key = e.run ORDER BY e.seq",
        )

    def stored(self, path: Path, *batches: list[Entry]) -> None:
        with Writer(path) as writer:
            key = writer.stream(STREAM)
            for batch in batches:
                before = writer.cursor(key)
                writer.append(batch, key, before, follow(before, batch))

    def test_unnamed_runs_whose_events_came_between_one_another(self, db: Path) -> None:
        recorder = Recorder(None, name="one").root("x")
        other = Recorder(None, beside=recorder, name="two").run_started().root("y")
        recorder.llm_started("x", "c1")
        other.emit("thought", {})
        recorder.emit("thought", {})
        self.stored(db, *([entry] for entry in recorder.entries))
        before = self.runs(db)
        assert len({run_id for *_, run_id, _ in before}) == 2
        rebuild(db)
        assert self.runs(db) == before

    def test_an_unnamed_event_after_its_run_was_deleted(self, db: Path) -> None:
        recorder = Recorder("named").root("a")
        Recorder("pruned", beside=recorder).root("p")
        recorder.nameless().emit("thought", {})  # attributed to `pruned`, the run of the event before it
        recorder.run_id = "named"
        recorder.llm("a")
        self.stored(db, *([entry] for entry in recorder.entries))
        assert query(db, "SELECT count(*) FROM event JOIN run ON run.key = run WHERE run_id = 'pruned'") == [(2,)]
        delete_run(db, "pruned")
        before = self.runs(db)
        rebuild(db)
        assert self.runs(db) == before
        assert query(db, "SELECT run_id FROM run") == [("named",)]

    def test_events_that_were_reassigned(self, db: Path) -> None:
        recorder = Recorder(None).root("a").llm("a").step_started("a")
        self.stored(db, recorder.entries)
        assert query(db, "SELECT run_id FROM run") == [("auto-a",)]
        self.stored(db, Recorder("named").step("a", "execute", after="FINISH").entries)
        before = self.runs(db)
        assert {run_id for *_, run_id, _ in before} == {"named"}
        rebuild(db)
        assert self.runs(db) == before

    def test_events_that_were_imported_into_a_run(self, db: Path) -> None:
        self.stored(db, Recorder("other").root("o").entries)
        with Writer(db) as writer:
            writer.append(Recorder(None).emit("thought", {}).entries, archived_run="archived")
        before = self.runs(db)
        assert before[-1][3] == "archived"
        rebuild(db)
        assert self.runs(db) == before


class TestBodiesOfAnotherTime:
    def test_a_body_that_can_no_longer_be_decoded_is_kept_as_rejected(self, db: Path) -> None:
        fill(db, Recorder("run").root("a").llm("a").entries)
        execute(db, "UPDATE body SET data = CAST('not json' AS BLOB) WHERE seq = 2")
        rebuild(db)
        assert query(db, "SELECT seq FROM event") == [(1,), (3,)]
        assert query(db, "SELECT stream, data FROM rejected") == [(1, b"not json")]
        reason = query(db, "SELECT reason FROM rejected")[0][0]
        assert reason.startswith("was stored as event 2; not JSON")
        assert query(db, "SELECT received, stored, rejected FROM stream") == [(3, 2, 1)]
        assert states(db)["run"].run.events == 2

    def test_an_event_that_can_no_longer_be_stored_is_kept_as_rejected(
        self, db: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fill(db, Recorder("run").root("a").llm("a").entries)
        write = Projection.write

        def write_all_but_one(self: Projection, run_id: str, items: list[Arrived]) -> None:
            if any(item.seq == 2 for item in items):
                raise OverflowError("too large for this version")
            write(self, run_id, items)

        monkeypatch.setattr(Projection, "write", write_all_but_one)
        rebuild(db)
        monkeypatch.undo()
        assert query(db, "SELECT seq FROM event") == [(1,), (3,)]
        ((reason, data),) = query(db, "SELECT reason, data FROM rejected")
        assert reason == "was stored as event 2; cannot be stored: OverflowError: too large for this version"
        assert json.loads(data)["event_type"] == "llm_call_started"

    def test_a_run_without_any_valid_event_is_deleted(self, db: Path) -> None:
        fill(db, Recorder("run").root("a").entries)
        execute(db, "UPDATE body SET data = x'00'", "UPDATE gap SET run = 1")
        rebuild(db)
        assert query(db, "SELECT count(*) FROM run") == [(0,)]
        assert query(db, "SELECT run FROM gap") == [(None,)]

    def test_the_checksum_of_a_damaged_body_is_kept(self, db: Path) -> None:
        fill(db, Recorder("run").root("a").entries)
        execute(db, "UPDATE body SET data = CAST(replace(CAST(data AS TEXT), 'book', 'bOOk') AS BLOB)")
        rebuild(db)
        assert any("do not match their checksums" in finding.text for finding in check_file(db, deep=True))

    def test_an_event_named_after_an_entry_id_beyond_64_bits_keeps_its_id(self, db: Path) -> None:
        body = b'{"event_type": "note", "payload": {}, "run_id": "run"}'
        entry = entry_of(body, StreamId(2**64 - 1, 2**64 - 1))
        with Writer(db) as writer:
            writer.append([entry])
        before = query(db, "SELECT event_id, identity FROM event")
        rebuild(db)
        assert query(db, "SELECT event_id, identity FROM event") == before
        with Writer(db) as writer:
            assert writer.append([entry]).duplicate == 1


class TestFailure:
    @pytest.mark.parametrize(("owner", "failing"), [(Projection, "write"), (Projection, "trim"), (OpenRuns, "next_key")])
    def test_a_failure_leaves_the_file_as_it_was(
        self, fresh: Path, old: Path, monkeypatch: pytest.MonkeyPatch, owner: type, failing: str
    ) -> None:
        before = dump(old)

        def fail(*_: object) -> None:
            raise sqlite3.OperationalError("database or disk is full")

        monkeypatch.setattr(owner, failing, fail)
        expected = "was not brought up to date, and is unchanged .database or disk is full"
        with pytest.raises(FileError, match=expected):
            migrate(old)
        monkeypatch.undo()
        assert dump(old) == before
        assert leftovers(old) == []
        migrate(old)
        assert everything(old) == everything(fresh)

    @pytest.mark.usefixtures("small_parts")
    def test_a_migration_can_be_stopped_at_any_time(self, fresh: Path, old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(migration, "PAGES_AT_ONCE", 20)
        before, asked, copy = dump(old), 0, old.with_name("copy.db")
        shutil.copy(old, copy)

        def stopping() -> bool:
            nonlocal asked
            asked += 1
            return False

        migrate(copy, stopping=stopping)
        assert asked > 30
        for moment in range(0, asked, 5):
            left = iter(range(moment))
            with pytest.raises(FileOlder, match="is unchanged: the ingester was stopped"):
                migrate(old, stopping=lambda: next(left, None) is None)  # noqa: B023
            assert dump(old) == before
        migrate(old)
        assert everything(old) == everything(fresh)

    def test_a_disk_without_room_is_reported_before_anything_is_written(
        self, old: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        needed, before = 2 * old.stat().st_size, old.read_bytes()
        free = needed - 1
        monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(free, 0, free))
        expected = f"this needs {needed:,} bytes in {old.parent}, where {free:,} are free; free some space there"
        with pytest.raises(FileError, match=expected):
            migrate(old)
        assert old.read_bytes() == before

    def test_temporary_files_of_a_killed_process_are_removed(self, old: Path, fresh: Path) -> None:
        leave_new_file(old)
        migrate(old)
        assert everything(old) == everything(fresh)
        assert leftovers(old) == []
        leave_new_file(old)
        migrate(old)
        assert leftovers(old) == []
        leave_new_file(old)
        rebuild(old)
        assert leftovers(old) == []

    def test_a_folder_that_others_may_write_to_is_kept(self, old: Path) -> None:
        new = leave_new_file(old, 0o777)
        migrate(old)
        assert leftovers(old) == [new.parent]
        assert new.read_bytes() == b"half of a file"

    def test_a_link_in_place_of_a_leftover_folder_is_not_followed(self, old: Path) -> None:
        new = leave_new_file(old)
        kept = new.parent.rename(old.with_name("kept"))
        new.parent.symlink_to(kept)
        migrate(old)
        assert (kept / new.name).read_bytes() == b"half of a file"

    @pytest.mark.parametrize("name", ["events.db", "fresh.db"], ids=["older", "current"])
    @pytest.mark.parametrize("kind", ["file", "folder", "link"])
    def test_ingest_and_rebuild_keep_a_copy_of_the_user(
        self, redis_server: RedisServer, old: Path, fresh: Path, name: str, kind: str
    ) -> None:
        path = old.with_name(name)
        copy, victim = path.with_name(f"{name}.new"), path.with_name("victim.db")
        execute(victim, "CREATE TABLE mine (x)")
        before = victim.read_bytes()
        if kind == "file":
            copy.write_bytes(b"my copy")
        elif kind == "folder":
            copy.mkdir()
        else:
            copy.symlink_to(victim)
        ingest = ("ingest", "--drain", "--redis", redis_server.url)
        for words in (ingest, ("rebuild",)):
            done = treetop(old.parent, *words, "--db", name)
            assert (done.returncode, done.stderr if words == ("rebuild",) else "") == (0, "")
        assert victim.read_bytes() == before
        assert (copy.is_symlink(), copy.is_dir(), copy.exists()) == (kind == "link", kind == "folder", True)
        assert kind != "file" or copy.read_bytes() == b"my copy"

    def test_other_users_cannot_reach_the_new_file(self, old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        modes: list[int] = []
        run = Replay.run

        def run_and_look(made: Replay, on_batch: Callable[[int], None]) -> None:
            modes.extend(stat.S_IMODE(folder.stat().st_mode) for folder in leftovers(old))
            assert not old.with_name(f"{old.name}.new").exists()
            run(made, on_batch)

        monkeypatch.setattr(Replay, "run", run_and_look)
        umask = os.umask(0)
        try:
            migrate(old)
        finally:
            os.umask(umask)
        assert modes == [0o700]

    @pytest.mark.parametrize(
        ("statement", "version"),
        [("PRAGMA user_version=0", 0), ("DROP TABLE body", VERSION - 1)],
        ids=["version", "tables"],
    )
    def test_a_file_of_no_known_version_is_refused(self, old: Path, statement: str, version: int) -> None:
        execute(old, statement)
        before = dump(old)
        with pytest.raises(FileForeign, match=f"has the unknown file version {version}"):
            migrate(old)
        assert dump(old) == before


class TestOtherPrograms:
    def test_the_second_of_two_concurrent_migrations_has_nothing_to_do(self, old: Path) -> None:
        reports: list[str] = []
        with closing(sqlite3.connect(old, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            threads = [threading.Thread(target=migrate, args=(old, reports.append)) for _ in range(2)]
            for thread in threads:
                thread.start()
            other.execute("ROLLBACK")
            for thread in threads:
                thread.join()
        assert [text.partition(" in ")[0] for text in reports if "brought up to date" in text] == [
            f"{old}: brought up to date"
        ]

    def test_rows_that_another_program_writes_before_the_last_step_are_kept(
        self, old: Path, fresh: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The write lock is free for a moment between the replay and the last step."""
        run = replay.Replay.run

        def run_then_write(self: replay.Replay, on_batch: Callable[[int], None]) -> None:
            run(self, on_batch)
            self._old.execute("COMMIT")
            execute(old, "UPDATE run SET marked = 1 WHERE run_id = 'first'")
            self._old.execute("BEGIN")

        monkeypatch.setattr(replay.Replay, "run", run_then_write)
        with pytest.raises(FileBusy, match="is unchanged: another program wrote to it; try again"):
            migrate(old)
        monkeypatch.undo()
        migrate(old)
        pin(fresh, "first", True)
        assert everything(old) == everything(fresh)

    def test_a_program_that_writes_all_the_time_is_reported(self, old: Path) -> None:
        with closing(sqlite3.connect(old, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(FileBusy, match="is unchanged, another program is writing to it"):
                migrate(old, lock_timeout_s=0.05)

    def test_an_open_read_transaction_keeps_the_old_content(self, old: Path, fresh: Path) -> None:
        with closing(sqlite3.connect(old, isolation_level=None)) as reader:
            reader.execute("BEGIN")
            before = reader.execute("SELECT * FROM node").fetchall()
            migrate(old, lock_timeout_s=0.05)
            assert reader.execute("SELECT * FROM node").fetchall() == before
            reader.execute("COMMIT")
        assert everything(old) == everything(fresh)

    def test_a_writer_that_has_the_file_open_goes_on_after_a_rebuild(self, fresh: Path) -> None:
        with Writer(fresh, guest=True) as writer:
            writer.append(Recorder("third").root("a").entries)
            rebuild(fresh)
            writer.append(Recorder("third").root("a").llm("a").entries)
        assert states(fresh)["third"] == fold(empty("third"), events_of(fresh, "third"))
        assert all(finding.well for finding in check_file(fresh, deep=True) if finding.about == "file")

    def test_a_writer_of_another_version_does_not_write_to_the_migrated_file(self, fresh: Path) -> None:
        with Writer(fresh, guest=True) as writer:
            writer.append(Recorder("third").root("a").entries)
            execute(fresh, f"PRAGMA user_version={VERSION + 1}")
            before = dump(fresh)
            with pytest.raises(FileNewer, match="was written by a newer treetop"):
                writer.append(Recorder("third").root("a").llm("a").entries)
            assert dump(fresh) == before

    async def test_a_reader_of_another_version_stops_watching_and_refuses_to_reopen(self, fresh: Path) -> None:
        async with Reader(fresh) as reader:
            watch = reader.watch()
            await anext(watch)
            execute(fresh, f"PRAGMA user_version={VERSION + 1}")
            with pytest.raises(FileReplaced, match="was brought up to date by another version of treetop"):
                await anext(watch)
            with pytest.raises(FileNewer):
                await reader.reopen()

    async def test_a_reader_sees_every_run_of_a_rebuilt_file_as_changed(self, fresh: Path) -> None:
        async with Reader(fresh) as reader:
            before = {row.run.run_id: row for row in await reader.runs()}
            number = await reader.last_change()
            await asyncio.to_thread(rebuild, fresh)
            changes = await reader.run_changes(number)
            after = {row.run.run_id: row for row in changes.rows}
        assert after.keys() == before.keys()
        assert all(after[run_id].generation > before[run_id].generation for run_id in before)
        assert all(after[run_id].run == before[run_id].run for run_id in before)

    @pytest.mark.parametrize("emptied", [("run_change",), ("run_change", "run")], ids="-".join)
    async def test_a_reader_sees_every_run_as_changed_after_the_numbers_of_changes_were_lost(
        self, fresh: Path, emptied: tuple[str, ...]
    ) -> None:
        async with Reader(fresh) as reader:
            execute(fresh, "UPDATE run_change SET number = number + 1000")
            number, count = await reader.last_change(), await reader.count_runs()
            for _ in range(2):
                execute(fresh, *(f"DELETE FROM {table}" for table in emptied))
                done = await asyncio.to_thread(treetop, fresh.parent, "rebuild", "--db", fresh.name)
                assert done.returncode == 0
                changes = await reader.run_changes(number)
                assert (len(changes.rows), changes.number > number) == (count, True)

    def test_readers_and_guests_refuse_an_older_file(self, old: Path) -> None:
        before = old.read_bytes()
        attempts: list[Callable[[], object]] = [
            lambda: check_readable(old),
            lambda: asyncio.run(Reader(old).__aenter__()),
            lambda: Writer(old),
            lambda: Writer(old, guest=True),
            lambda: delete_run(old, "second"),
            lambda: pin(old, "second", True),
        ]
        for attempt in attempts:
            with pytest.raises(FileOlder) as caught:
                attempt()
            assert str(caught.value) == f"{old}: {REFUSED}"
        assert old.read_bytes() == before


class TestDamage:
    @pytest.mark.parametrize("emptied", [*[(table,) for table in DERIVED], DERIVED, ("run",)], ids="-".join)
    def test_emptied_tables_are_derived_again(self, fresh: Path, tmp_path: Path, emptied: tuple[str, ...]) -> None:
        path = tmp_path / "damaged.db"
        shutil.copy(fresh, path)
        execute(path, *(f"DELETE FROM {table}" for table in emptied))
        broken = [finding.text for finding in check_file(path, deep=True) if finding.about == "file" and not finding.well]
        if set(emptied) & {"node", "edge", "node_event", "checkpoint", "run"}:
            assert len(broken) == 1
            assert "do not match the events; `treetop rebuild` derives them anew" in broken[0]
        rebuild(path)
        pin(path, "second", True)  # in the table `run` alone
        assert everything(path) == everything(fresh)
        assert all(finding.well for finding in check_file(path, deep=True) if finding.about == "file")

    def test_an_emptied_table_of_counters_does_not_give_keys_again(self, fresh: Path, tmp_path: Path) -> None:
        path = tmp_path / "damaged.db"
        shutil.copy(fresh, path)
        execute(path, "DELETE FROM sqlite_sequence")
        rebuild(path)
        more = Recorder("third").whole().entries
        for one in (fresh, path):
            fill(one, more)
        assert everything(path) == everything(fresh)

    def test_a_file_with_damaged_events_is_left_as_it_is(self, fresh: Path, tmp_path: Path) -> None:
        path = tmp_path / "events.db"
        shutil.copy(fresh, path)
        overwrite_root_page(path, "body")
        before = path.read_bytes()
        done = treetop(tmp_path, "rebuild")
        assert done.returncode == 2
        assert "was not rebuilt, and is unchanged: its events are damaged (database disk image is malformed)" in done.stderr
        assert "copy those that can be read into another file with `treetop import events.db --db FILE`" in done.stderr
        assert path.read_bytes() == before

    @pytest.mark.parametrize("root", ["node", "node_by_run", "event_by_run", "event_by_identity", "run_change"])
    def test_a_damaged_page_of_a_derived_table_or_index_is_repaired(self, fresh: Path, tmp_path: Path, root: str) -> None:
        """With the command that the doctor names."""
        path = tmp_path / "events.db"
        reprice(fresh, Pricer())  # as commands price calls
        shutil.copy(fresh, path)
        overwrite_root_page(path, root)
        assert "then run `treetop rebuild`" in treetop(tmp_path, "doctor", "--deep").stdout
        done = treetop(tmp_path, "rebuild")
        assert (done.returncode, done.stderr) == (0, "")
        assert everything(path) == everything(fresh)

    def test_the_command_prints_what_it_does(self, old: Path) -> None:
        done = treetop(old.parent, "rebuild")
        events = query(old, "SELECT count(*) FROM event")[0][0]
        assert done.stdout.splitlines()[0] == (
            f"events.db: was written by an older treetop (file version {VERSION - 1}, ours {VERSION}); rebuilding the file:"
            f" {events:,} events, about 1 s"
        )
        assert re.fullmatch(r"events\.db: rebuilt in (under 1|\d+) s", done.stdout.splitlines()[-1])

    def test_the_command_refuses_a_file_that_an_ingester_holds(self, fresh: Path) -> None:
        with Lease(fresh):
            done = treetop(fresh.parent, "rebuild", "--db", "fresh.db")
        assert done.returncode != 0
        assert "already stores events into it; stop that process first" in done.stderr

    def test_the_command_refuses_a_file_that_does_not_exist(self, tmp_path: Path) -> None:
        done = treetop(tmp_path, "rebuild")
        assert (done.returncode, done.stderr) == (2, "treetop: events.db: there is no such file; name another with --db\n")
        assert list(tmp_path.iterdir()) == []


class TestIngester:
    def test_an_ingester_migrates_the_file_and_reports_it(
        self, redis_server: RedisServer, old: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        publish(redis_server, Recorder("third").whole().entries)
        events = number_stored(old)
        with ingesting(old, redis_server.url):
            until(lambda: number_stored(old) == events + 45)
        before, after, greeting = capsys.readouterr().out.splitlines()
        assert before == (
            f"{old}: was written by an older treetop (file version {VERSION - 1}, ours {VERSION}); bringing the file up to"
            f" date: {events:,} events, about 1 s"
        )
        assert after.startswith(f"{old}: brought up to date in ")
        assert "storing the events of" in greeting

    @pytest.mark.usefixtures("small_parts")
    def test_progress_is_printed_and_written_to_the_lease(
        self, redis_server: RedisServer, old: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        notes: list[str] = []
        report = Lease.report

        def report_and_note(lease: Lease, text: str) -> None:
            notes.append(text)
            report(lease, text)

        monkeypatch.setattr(Lease, "report", report_and_note)
        monkeypatch.setattr(migration, "REPORT_EVERY_S", 0.0)
        events = number_stored(old)
        Ingester(old, redis_server.url, STREAM).drain()
        lines = [line.removeprefix(f"{old}: ") for line in capsys.readouterr().err.splitlines()]
        assert lines[1].startswith(f"bringing the file up to date: 7 of {events:,} events ({100 * 7 // events}%), about ")
        assert len(lines) == events // 7 + 3
        assert notes == ["", lines[0].partition("; ")[2], *lines[1:], ""]

    def test_an_ingester_that_is_stopped_ends_and_leaves_the_file_as_it_was(
        self, redis_server: RedisServer, old: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = dump(old)
        ingester = Ingester(old, redis_server.url, STREAM)

        class StopOnOutput(io.StringIO):
            def write(self, text: str) -> int:
                ingester.stop()
                return super().write(text)

        output = StopOnOutput()
        monkeypatch.setattr(sys, "stdout", output)
        ingester.run()
        assert "bringing the file up to date" in output.getvalue()
        assert dump(old) == before

    def test_draining_prints_only_the_counts_to_standard_output(self, redis_server: RedisServer, old: Path) -> None:
        done = treetop(old.parent, "ingest", "--drain", redis=redis_server.url)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["received"] == 0
        assert [line.partition(": ")[2][:20] for line in done.stderr.splitlines()] == [
            "was written by an ol",
            "brought up to date i",
        ]
        assert "second" in treetop(old.parent, "runs").stdout


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
        ("prune", "--older-than", "1s", "--yes"),
        ("--no-ingest",),
        ("--no-ingest", "latest"),
    ],
    ids=lambda words: words[0],
)
def test_commands_that_do_not_ingest_refuse_an_older_file_in_one_line(old: Path, words: tuple[str, ...]) -> None:
    assert treetop(old.parent, "export", "second", "-o", "run.jsonl", "--db", "fresh.db").returncode == 0
    before = old.read_bytes()
    done = treetop(old.parent, *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"treetop: events.db: {REFUSED}\n"
    assert old.read_bytes() == before


def test_the_doctor_names_the_version_and_the_commands_that_migrate(old: Path) -> None:
    (found,) = check_file(old, deep=True)
    assert not found.well
    assert REFUSED in found.text
    done = treetop(old.parent, "doctor")
    assert done.returncode == 1
    assert f"file version {VERSION - 1}, ours {VERSION}" in done.stdout
