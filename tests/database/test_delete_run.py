"""Deletion of a run while other runs are being stored and read."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from store.database import deletion
from store.database.deletion import delete_hidden, delete_run
from store.database.file import open_as_guest
from store.database.reader import Reader
from store.database.writer import Writer
from store.doctor import check_file
from store.errors import FileError, FileMissing, RunUnknown
from store.model.entry import Gap, StreamId, follow
from tests.recorder import Recorder
from tests.tables import query, rows, states, store


def test_deleting_a_run_deletes_all_of_its_rows_and_no_other(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deletion, "ROWS_PER_TRANSACTION", 7)
    store(db, Recorder("B").whole().entries)
    before = rows(db, "run", "node", "edge", "event", "body", "node_event", "rejected", "gap")
    store(db, Recorder("A").whole().entries, stream="deleted")
    delete_run(db, "A")
    assert rows(db, *before) == before
    assert query(db, "SELECT name, open_run FROM stream ORDER BY name") == [("agent_events", 1), ("deleted", None)]


def test_a_writer_stores_further_events_of_a_deleted_run_as_a_new_run(db: Path) -> None:
    recorder = Recorder("A").root()
    with Writer(db) as writer:
        writer.append(recorder.entries)
        delete_run(db, "A")
        writer.append(recorder.node("root", "a").entries[1:])
    assert {run_id: set(state.nodes) for run_id, state in states(db).items()} == {"A": {"root", "a"}}
    assert states(db)["A"].nodes["root"].placeholder


def test_a_deleted_run_can_be_stored_again(db: Path) -> None:
    entries = Recorder("A").whole().entries
    store(db, entries)
    before = states(db)
    delete_run(db, "A")
    assert store(db, entries).stored == len(entries)
    assert states(db) == before


def test_a_gap_stays_when_its_run_is_deleted(db: Path) -> None:
    with Writer(db) as writer:
        key = writer.stream("agent_events")
        cursor = writer.cursor(key)
        entries = Recorder("A").root().entries
        writer.append(entries, key, cursor, follow(cursor, entries))
        after = follow(cursor, entries)
        writer.append([], key, after, after, Gap("trimmed", 7, StreamId(1, 0), None, "lost"))
    delete_run(db, "A")
    assert query(db, "SELECT run, lost FROM gap") == [(None, 7)]


def test_gaps_of_other_runs_keep_their_run(db: Path) -> None:
    with Writer(db) as writer:
        key = writer.stream("agent_events")
        cursor = writer.cursor(key)
        for number, run_id in enumerate("AB", 1):
            entries = Recorder(run_id).root(f"root-{run_id}").entries
            after = follow(cursor, entries)
            writer.append(entries, key, cursor, after)
            writer.append([], key, after, after, Gap("trimmed", number, StreamId(1, 0), None, "lost"))
            cursor = after
    delete_run(db, "A")
    found = query(db, "SELECT r.run_id, g.lost FROM gap g LEFT JOIN run r ON r.key = g.run ORDER BY g.key")
    assert found == [(None, 1), ("B", 2)]


async def test_an_interrupted_deletion_hides_the_run_and_is_completed_by_the_next(
    db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(db, Recorder("A").whole().entries)
    store(db, Recorder("B").root().entries)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(deletion, "_delete_rows", killed)
        with pytest.raises(KeyboardInterrupt):
            delete_run(db, "A")
    async with Reader(db) as reader:
        assert [row.run.run_id for row in await reader.runs()] == ["B"]
        with pytest.raises(RunUnknown):
            await reader.resolve("A")
    for view in ("runs", "nodes", "edges", "events", "node_status_history", "node_execution_timeline", "node_tree"):
        assert {run_id for (run_id,) in query(db, f"SELECT run_id FROM {view}")} <= {"B"}
    store(db, Recorder("A").nameless().step_started("write").entries, stream="late")
    assert set(states(db)) == {"B", "auto-write", b"deleted/1"}  # the hidden run gets no further events
    assert unfinished(db)
    delete_run(db, "B")
    assert set(states(db)) == {"auto-write"}
    assert len(rows(db, "body")["body"]) == 1
    assert not unfinished(db)


@pytest.mark.parametrize("named", [True, False], ids=["named", "without a run id"])
def test_events_of_a_hidden_run_can_be_stored_again(db: Path, monkeypatch: pytest.MonkeyPatch, named: bool) -> None:
    made = Recorder("A") if named else Recorder("A").nameless()
    entries = made.root().node("root", "a").status("a", "READY").entries
    store(db, entries)
    before = states(db)
    with monkeypatch.context() as patched:
        patched.setattr(deletion, "_delete_rows", lambda *_: None)
        delete_run(db, *before)
    assert store(db, entries, stream="again").stored == len(entries)
    with open_as_guest(db) as connection:
        assert delete_hidden(connection, db) == 1
        assert delete_hidden(connection, db) == 0
    assert states(db) == before


def unfinished(path: Path) -> bool:
    """Whether the doctor reports an interrupted deletion."""
    return any("was interrupted" in finding.text and not finding.well for finding in check_file(path, deep=False))


def test_deleting_an_unknown_run_fails(db: Path) -> None:
    with pytest.raises(FileMissing):
        delete_run(db, "A")
    assert not db.exists()
    store(db, [])
    with pytest.raises(RunUnknown, match="there is no run A"):
        delete_run(db, "A")


def test_a_run_that_cannot_be_deleted_stays_and_the_error_names_it(db: Path) -> None:
    store(db, Recorder("A").whole().entries)
    before = states(db)
    with closing(sqlite3.connect(db, isolation_level=None)) as other:
        other.execute("CREATE TRIGGER keep BEFORE UPDATE ON run BEGIN SELECT RAISE(ABORT, 'kept by another program'); END")
    with pytest.raises(FileError, match=r"run A was not deleted \(kept by another program\); try again"):
        delete_run(db, "A")
    assert states(db) == before


def test_a_run_with_the_id_form_of_hidden_runs_is_not_affected(db: Path) -> None:
    recorder = Recorder("first").whole()
    Recorder("deleted/1", beside=recorder).whole()
    store(db, recorder.entries)
    delete_run(db, "first")
    assert query(db, "SELECT run_id, events FROM run") == [("deleted/1", 45)]
    delete_run(db, "deleted/1")
    assert query(db, "SELECT count(*) FROM event") == [(0,)]


async def test_a_hidden_run_gets_no_events_of_a_run_with_its_id_form(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Writer(db) as writer:
        key = writer.stream("agent_events")
        cursor, entries = writer.cursor(key), Recorder("first").whole().entries
        after = follow(cursor, entries)
        writer.append(entries, key, cursor, after)
        writer.append([], key, after, after, Gap("trimmed", 7, StreamId(1, 0), None, "lost"))
    monkeypatch.setattr(deletion, "delete_hidden", lambda *_: 0)  # the process was killed before
    delete_run(db, "first")
    more = Recorder("deleted/1").whole().entries
    store(db, more)
    async with Reader(db) as reader:
        assert [row.run.run_id for row in await reader.runs()] == ["deleted/1"]
        assert [gap.run_id for gap in await reader.all_gaps()] == [None]
    with open_as_guest(db) as connection:
        delete_hidden(connection, db)
    assert query(db, "SELECT run_id, events FROM run") == [("deleted/1", len(more))]
