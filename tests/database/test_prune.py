"""Pruning removes old runs, keeps live and pinned ones, and returns free space to the disk."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from store.database.deletion import delete_run
from store.database.file import connect_writer
from store.database.reader import Reader
from store.database.retention import Rule, choose, pin, prune
from store.errors import FileMissing, RunUnknown
from store.model.phase import INTERRUPTED_AFTER_S
from store.model.record import RunRow
from store.model.state import Run, RunStatus
from store.stream.server import RedisServer
from tests.conftest import until
from tests.live import ingesting, number_stored, publish
from tests.recorder import Recorder
from tests.tables import query, rows, states, store

NOW = 1_000_000.0
DAY = 86_400.0


def row(name: str, age: float, size: int = 100, pinned: bool = False, status: RunStatus = RunStatus.COMPLETED) -> RunRow:
    """A run whose last event is so many seconds old."""
    run = Run(name, status=status, latest=NOW - age, ended=None if status == RunStatus.RUNNING else NOW - age)
    return RunRow(1, 0, 1, size, 0, pinned, run)


def chosen(rule: Rule, *found: RunRow) -> list[str]:
    return [one.run.run_id for one in choose(found, rule, NOW)]


OLD = (row("c", 1 * DAY), row("b", 2 * DAY), row("a", 3 * DAY))
"""Three runs, newest first."""


def test_an_empty_rule_removes_nothing() -> None:
    assert chosen(Rule(), *OLD) == []


def test_older_than_removes_older_runs_oldest_first() -> None:
    assert chosen(Rule(older_than=1.5 * DAY), *OLD) == ["a", "b"]
    assert chosen(Rule(older_than=3 * DAY), *OLD) == []
    assert chosen(Rule(older_than=0), *OLD) == ["a", "b", "c"]


def test_keep_keeps_the_newest_runs() -> None:
    assert chosen(Rule(keep=2), *OLD) == ["a"]
    assert chosen(Rule(keep=0), *OLD) == ["a", "b", "c"]
    assert chosen(Rule(keep=3), *OLD) == []


def test_larger_than_removes_the_oldest_runs_until_the_rest_is_small_enough() -> None:
    assert chosen(Rule(larger_than=300), *OLD) == []
    assert chosen(Rule(larger_than=299), *OLD) == ["a"]
    assert chosen(Rule(larger_than=100), *OLD) == ["a", "b"]
    assert chosen(Rule(larger_than=0), *OLD) == ["a", "b", "c"]


def test_a_run_is_removed_if_any_condition_chooses_it() -> None:
    assert chosen(Rule(older_than=2.5 * DAY, keep=2, larger_than=150), *OLD) == ["a", "b"]
    assert chosen(Rule(older_than=2.5 * DAY, keep=1, larger_than=10_000), *OLD) == ["a", "b"]


def test_pinned_and_live_runs_stay_and_count() -> None:
    live = row("live", INTERRUPTED_AFTER_S - 1, size=500, status=RunStatus.RUNNING)
    kept = row("kept", 9 * DAY, pinned=True)
    assert chosen(Rule(older_than=0, keep=0, larger_than=0), live, *OLD, kept) == ["a", "b", "c"]
    assert chosen(Rule(keep=1), live, *OLD) == ["a", "b", "c"]
    assert chosen(Rule(larger_than=700), live, *OLD, kept) == ["a", "b"]


def test_a_run_without_an_end_is_pruned_once_it_is_interrupted() -> None:
    for age, stays in ((0.0, True), (INTERRUPTED_AFTER_S - 1, True), (INTERRUPTED_AFTER_S, False), (9 * DAY, False)):
        assert (chosen(Rule(keep=0), row("r", age, status=RunStatus.RUNNING)) == []) is stays
    assert chosen(Rule(keep=0), row("r", 0.0)) == ["r"]
    assert chosen(Rule(keep=0), row("r", 0.0, status=RunStatus.ERROR)) == ["r"]


def test_a_run_whose_clock_is_slow_is_live_while_its_events_arrive() -> None:
    slow = row("slow", 2 * DAY, status=RunStatus.RUNNING)
    assert choose([slow], Rule(keep=0), NOW) == [slow]
    assert choose([slow], Rule(keep=0), NOW, {slow.key: NOW - 60.0}) == []
    assert choose([slow], Rule(older_than=DAY), NOW, {slow.key: NOW - 3600.0}) == []
    assert choose([slow], Rule(keep=0), NOW, {slow.key: NOW - 3600.0}) == [slow]


def test_a_run_whose_events_have_no_time_counts_as_old() -> None:
    assert choose([RunRow(1, 0, 1, 1, 0, False, Run("a", status=RunStatus.COMPLETED))], Rule(older_than=DAY), NOW)


# The file


def large_runs(*names: str) -> Recorder:
    """Whole runs of 2 MB each."""
    recorder = Recorder(names[0])
    for name in names:
        one = Recorder(name, beside=recorder).whole()
        for _ in range(20):
            one.emit("llm_call_completed", {"node_id": "root", "response": name * 100_000})
    return recorder


def test_pruning_returns_free_space_to_the_disk(db: Path) -> None:
    store(db, large_runs("a", "b", "c").entries)
    before, others = db.stat().st_size, {name: state for name, state in states(db).items() if name != "b"}
    pin(db, "a", True)
    pruned = prune(db, Rule(keep=1), NOW)
    pin(db, "a", False)
    assert [run.run.run_id for run in pruned.runs] == ["b"]
    freed = pruned.freed
    assert freed == before - db.stat().st_size
    assert 1_900_000 < freed < 2_500_000
    assert states(db) == others
    assert query(db, "PRAGMA freelist_count") == [(0,)]
    assert query(db, "PRAGMA integrity_check") == [("ok",)]
    assert prune(db, Rule(keep=0), NOW).freed > 3_800_000
    assert db.stat().st_size < 400_000


def test_while_an_ingester_works_the_file_shrinks_at_its_next_checkpoint(redis_server: RedisServer, db: Path) -> None:
    publish(redis_server, large_runs("a", "b").entries)
    with ingesting(db, redis_server.url):
        count = len(large_runs("a", "b").entries)
        until(lambda: number_stored(db) == count)
        prune(db, Rule(keep=1), NOW)
        kept = rows(db, "run", "event", "body")
        publish(redis_server, large_runs("c").entries)
        until(lambda: number_stored(db) == count)  # run c has as many events as run a
        assert query(db, "PRAGMA freelist_count") == [(0,)]
    assert db.stat().st_size < 5_000_000
    assert {name for (name,) in query(db, "SELECT run_id FROM run")} == {"b", "c"}
    assert all(row in rows(db, "run", "event", "body")[table] for table, found in kept.items() for row in found)
    assert query(db, "PRAGMA integrity_check") == [("ok",)]


def test_a_file_without_auto_vacuum_keeps_its_free_space(db: Path) -> None:
    """As after `VACUUM INTO` by another program."""
    store(db, large_runs("a", "b").entries)
    with closing(sqlite3.connect(db, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
        connection.execute("PRAGMA auto_vacuum=NONE")
        connection.execute("VACUUM")
    size = db.stat().st_size
    assert prune(db, Rule(keep=1), NOW).freed <= 0
    assert db.stat().st_size >= size
    assert query(db, "PRAGMA freelist_count")[0][0] > 200
    prune(db, Rule(), NOW)


def test_a_missing_file_is_refused_and_not_created(db: Path) -> None:
    for change in (
        lambda: delete_run(db, "a"),
        lambda: pin(db, "a", True),
        lambda: prune(db, Rule(keep=1), NOW),
    ):
        with pytest.raises(FileMissing, match="there is no such file"):
            change()
    assert list(db.parent.iterdir()) == []


def test_pinning_or_deleting_an_unknown_run_fails(db: Path) -> None:
    store(db, Recorder("a").whole().entries)
    with pytest.raises(RunUnknown, match="there is no run b"):
        pin(db, "b", True)
    with pytest.raises(RunUnknown, match="there is no run b"):
        delete_run(db, "b")


async def test_a_run_stays_pinned_until_it_is_unpinned(db: Path) -> None:
    store(db, [*Recorder("a").whole().entries, *Recorder("b").whole().entries])
    pin(db, "a", True)
    async with Reader(db) as reader:
        assert {found.run.run_id: found.pinned for found in await reader.runs()} == {"a": True, "b": False}
        pin(db, "a", False)
        assert not any(found.pinned for found in await reader.runs())


def test_a_run_stays_pinned_when_further_events_are_stored(db: Path) -> None:
    recorder = Recorder("a").root()
    store(db, recorder.entries)
    pin(db, "a", True)
    store(db, recorder.whole().entries)
    assert query(db, "SELECT run_id, marked FROM run") == [("a", 1)]


def test_pruning_does_not_checkpoint(db: Path) -> None:
    store(db, large_runs("a", "b").entries)
    with closing(connect_writer(db)) as other:  # the last connection to close would checkpoint
        other.execute("SELECT count(*) FROM run").fetchall()
        prune(db, Rule(keep=1), NOW)
        assert db.with_name(f"{db.name}-wal").stat().st_size > 0
    assert query(db, "PRAGMA integrity_check") == [("ok",)]
