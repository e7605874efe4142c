"""Deleting a run, while others go on."""

from pathlib import Path

import pytest

from store import deletion
from store.checkup import check_file
from store.cursor import Gap, follow
from store.deletion import delete_run, finish_deletions
from store.errors import FileMissing, RunUnknown
from store.events import StreamId
from store.reader import Reader
from store.writer import Writer
from tests.recorder import Recorder
from tests.tables import query, rows, states, store


def test_nothing_of_a_deleted_run_is_left_and_nothing_of_others_is_touched(
    db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deletion, "AT_ONCE", 7)
    store(db, Recorder("B").whole().entries)
    before = rows(db, "run", "node", "edge", "event", "body", "node_event", "rejected", "gap")
    store(db, Recorder("A").whole().entries, stream="doomed")
    delete_run(db, "A")
    assert rows(db, *before) == before
    assert query(db, "SELECT name, open_run FROM stream ORDER BY name") == [("agent_events", 1), ("doomed", None)]


def test_a_writer_at_work_notices_that_its_run_was_deleted(db: Path) -> None:
    recorder = Recorder("A").root()
    with Writer(db) as writer:
        writer.append(recorder.entries)
        delete_run(db, "A")
        writer.append(recorder.node("root", "a").entries[1:])
    assert {run_id: set(state.nodes) for run_id, state in states(db).items()} == {"A": {"root", "a"}}
    assert states(db)["A"].nodes["root"].placeholder


def test_a_deleted_run_may_be_stored_again(db: Path) -> None:
    entries = Recorder("A").whole().entries
    store(db, entries)
    before = states(db)
    delete_run(db, "A")
    assert store(db, entries).stored == len(entries)
    assert states(db) == before


def test_a_gap_is_remembered_longer_than_the_run_it_was_noted_in(db: Path) -> None:
    with Writer(db) as writer:
        key = writer.stream("agent_events")
        cursor = writer.cursor(key)
        entries = Recorder("A").root().entries
        writer.append(entries, key, cursor, follow(cursor, entries))
        after = follow(cursor, entries)
        writer.append([], key, after, after, Gap("trimmed", 7, StreamId(1, 0), None, "lost"))
    delete_run(db, "A")
    assert query(db, "SELECT run, lost FROM gap") == [(None, 7)]


async def test_a_deletion_that_was_broken_off_is_out_of_sight_and_finished_by_the_next(
    db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(db, Recorder("A").whole().entries)
    store(db, Recorder("B").root().entries)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(deletion, "_delete_parts", killed)
        with pytest.raises(KeyboardInterrupt):
            delete_run(db, "A")
    async with Reader(db) as reader:
        assert [row.run.run_id for row in await reader.runs()] == ["B"]
        with pytest.raises(RunUnknown):
            await reader.resolve("A")
    for view in ("runs", "nodes", "edges", "events", "node_status_history", "node_execution_timeline", "node_tree"):
        assert {run_id for (run_id,) in query(db, f"SELECT run_id FROM {view}")} <= {"B"}
    store(db, Recorder("A").nameless().step_started("write").entries, stream="late")
    assert set(states(db)) == {"B", "auto-write", "deleted/1"}  # the doomed run takes nothing more
    assert unfinished(db)
    delete_run(db, "B")
    assert set(states(db)) == {"auto-write"}
    assert len(rows(db, "body")["body"]) == 1
    assert not unfinished(db)


@pytest.mark.parametrize("named", [True, False], ids=["named", "that nobody named"])
def test_what_comes_again_of_a_run_whose_deletion_was_broken_off_is_stored(
    db: Path, monkeypatch: pytest.MonkeyPatch, named: bool
) -> None:
    made = Recorder("A") if named else Recorder("A").nameless()
    entries = made.root().node("root", "a").status("a", "READY").entries
    store(db, entries)
    before = states(db)
    with monkeypatch.context() as patched:
        patched.setattr(deletion, "_delete_parts", lambda *_: None)
        delete_run(db, *before)
    assert store(db, entries, stream="again").stored == len(entries)
    assert finish_deletions(db) == 1
    assert finish_deletions(db) == 0
    assert states(db) == before


def unfinished(path: Path) -> bool:
    """Does the doctor say that a deletion was broken off?"""
    return any("was broken off" in finding.text and not finding.well for finding in check_file(path, deep=False))


def test_a_run_that_is_not_there_can_not_be_deleted(db: Path) -> None:
    with pytest.raises(FileMissing):
        delete_run(db, "A")
    assert not db.exists()
    store(db, [])
    with pytest.raises(RunUnknown, match="there is no run A"):
        delete_run(db, "A")
