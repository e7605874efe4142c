"""Each change of a run gives it the highest change number, so a reader finds all changes since a number."""

from collections.abc import Callable
from pathlib import Path

import pytest

from store.database.deletion import delete_run
from store.database.migration import rebuild
from store.database.reader import Reader
from store.database.retention import pin
from store.database.writer import Writer
from store.model.entry import Gap, StreamId
from tests.recorder import Recorder
from tests.tables import store


def lose(path: Path) -> None:
    """Store a gap, which belongs to the run of the newest event."""
    with Writer(path) as writer:
        stream = writer.stream("agent_events")
        gap = Gap("trimmed", 3, StreamId(1, 0), StreamId(9, 0), "3 entries were trimmed")
        cursor = writer.cursor(stream)
        writer.append([], stream, cursor, cursor, gap)


def reassign(path: Path) -> None:
    """A publisher names the run of a node that was assigned to `second` by inference."""
    store(path, Recorder("named", name="later").root("lost").entries)


def delete(path: Path) -> None:
    delete_run(path, "first")


def more(path: Path) -> None:
    store(path, Recorder("first", name="more").llm("root").entries)


@pytest.fixture
def path(db: Path) -> Path:
    """A file with two runs. Events without a run id belong to `second`; the newest event belongs to `first`."""
    store(db, Recorder("second", name="second").root().entries)
    store(db, Recorder(None, name="nobody").root("lost").llm("lost").entries)
    store(db, Recorder("first", name="first").root().entries)
    return db


@pytest.mark.parametrize(
    ("change", "changed", "gone"),
    [
        (more, {"first"}, 0),
        (lambda path: pin(path, "second", True), {"second"}, 0),
        (lose, {"first"}, 0),
        (rebuild, {"first", "second"}, 0),
        (delete, set[str](), 1),
        (reassign, {"named", "second"}, 0),
    ],
    ids=["new events", "a pin", "a gap", "a rebuild", "a deletion", "events of another run"],
)
async def test_a_reader_finds_the_changed_and_deleted_runs(
    path: Path, change: Callable[[Path], None], changed: set[str], gone: int
) -> None:
    async with Reader(path) as reader:
        before = await reader.last_change()
        keys = {row.key for row in await reader.runs()}
        change(path)
        changes = await reader.run_changes(before)
        assert {row.run.run_id for row in changes.rows} == changed
        assert len(changes.gone) == gone
        assert set(changes.gone) <= keys
        assert changes.number == await reader.last_change() > before
        rows = {row.key: row for row in await reader.runs()}
        assert all(rows[row.key] == row for row in changes.rows)


async def test_a_change_number_is_not_used_again_after_a_deletion(path: Path) -> None:
    more(path)  # `first` has the highest number now
    async with Reader(path) as reader:
        seen = await reader.last_change()
        delete(path)
        pin(path, "second", True)
        changes = await reader.run_changes(seen)
        assert [row.run.run_id for row in changes.rows] == ["second"]
        assert len(changes.gone) == 1
