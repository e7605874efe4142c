"""Old runs go, live and marked ones stay, and the disk gets its space back."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from store.database import connect_writer
from store.deletion import delete_run
from store.errors import FileMissing, RunUnknown
from store.prune import LIVE_WITHIN, Rule, choose, give_back, is_live, mark, prune
from store.reader import Reader
from store.record import RunRow
from store.redis_server import RedisServer
from store.state import Run, RunStatus
from tests.conftest import until
from tests.live import ingesting, number_stored, publish
from tests.recorder import Recorder
from tests.tables import query, rows, states, store

NOW = 1_000_000.0
DAY = 86_400.0


def row(name: str, age: float, size: int = 100, marked: bool = False, status: RunStatus = RunStatus.COMPLETED) -> RunRow:
    """A run whose last event is so many seconds old."""
    run = Run(name, status=status, latest=NOW - age, ended=None if status == RunStatus.RUNNING else NOW - age)
    return RunRow(1, 0, 1, size, 0, marked, run)


def chosen(rule: Rule, *found: RunRow) -> list[str]:
    return [one.run.run_id for one in choose(found, rule, NOW)]


OLD = (row("c", 1 * DAY), row("b", 2 * DAY), row("a", 3 * DAY))
"""Three runs, newest first."""


def test_without_a_rule_nothing_goes() -> None:
    assert chosen(Rule(), *OLD) == []


def test_the_oldest_go_first_and_only_what_is_older() -> None:
    assert chosen(Rule(older_than=1.5 * DAY), *OLD) == ["a", "b"]
    assert chosen(Rule(older_than=3 * DAY), *OLD) == []
    assert chosen(Rule(older_than=0), *OLD) == ["a", "b", "c"]


def test_so_many_of_the_newest_stay() -> None:
    assert chosen(Rule(keep=2), *OLD) == ["a"]
    assert chosen(Rule(keep=0), *OLD) == ["a", "b", "c"]
    assert chosen(Rule(keep=3), *OLD) == []


def test_the_oldest_go_until_the_rest_is_small_enough() -> None:
    assert chosen(Rule(larger_than=300), *OLD) == []
    assert chosen(Rule(larger_than=299), *OLD) == ["a"]
    assert chosen(Rule(larger_than=100), *OLD) == ["a", "b"]
    assert chosen(Rule(larger_than=0), *OLD) == ["a", "b", "c"]


def test_each_rule_may_doom_further_runs() -> None:
    assert chosen(Rule(older_than=2.5 * DAY, keep=2, larger_than=150), *OLD) == ["a", "b"]
    assert chosen(Rule(older_than=2.5 * DAY, keep=1, larger_than=10_000), *OLD) == ["a", "b"]


def test_what_is_marked_or_live_stays_and_counts() -> None:
    live = row("live", LIVE_WITHIN - 1, size=500, status=RunStatus.RUNNING)
    kept = row("kept", 9 * DAY, marked=True)
    assert chosen(Rule(older_than=0, keep=0, larger_than=0), live, *OLD, kept) == ["a", "b", "c"]
    assert chosen(Rule(keep=1), live, *OLD) == ["a", "b", "c"]
    assert chosen(Rule(larger_than=700), live, *OLD, kept) == ["a", "b"]


def test_a_run_that_never_ended_is_live_until_it_was_silent_for_long() -> None:
    for age, live in ((0.0, True), (LIVE_WITHIN - 1, True), (LIVE_WITHIN, False), (9 * DAY, False)):
        assert is_live(RunStatus.RUNNING, NOW - age, NOW) is live
    assert not is_live(RunStatus.COMPLETED, NOW, NOW)
    assert not is_live(RunStatus.ERROR, NOW, NOW)


def test_a_run_of_an_agent_whose_clock_is_slow_is_live_while_its_events_arrive() -> None:
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


def test_the_disk_gets_the_space_back(db: Path) -> None:
    store(db, large_runs("a", "b", "c").entries)
    before, others = db.stat().st_size, {name: state for name, state in states(db).items() if name != "b"}
    freed = prune(db, ["b"])
    assert freed == before - db.stat().st_size
    assert 1_900_000 < freed < 2_500_000
    assert states(db) == others
    assert query(db, "PRAGMA freelist_count") == [(0,)]
    assert query(db, "PRAGMA integrity_check") == [("ok",)]
    assert prune(db, ["a", "c"]) > 3_800_000
    assert db.stat().st_size < 200_000


def test_while_an_ingester_works_it_gives_the_space_back_with_what_it_writes_next(
    redis_server: RedisServer, db: Path
) -> None:
    publish(redis_server, large_runs("a", "b").entries)
    with ingesting(db, redis_server.url):
        count = len(large_runs("a", "b").entries)
        until(lambda: number_stored(db) == count)
        prune(db, ["a"])
        kept = rows(db, "run", "event", "body")
        publish(redis_server, large_runs("c").entries)
        until(lambda: number_stored(db) == count)  # c has as many as a had
        assert query(db, "PRAGMA freelist_count") == [(0,)]
    assert db.stat().st_size < 5_000_000
    assert {name for (name,) in query(db, "SELECT run_id FROM run")} == {"b", "c"}
    assert all(row in rows(db, "run", "event", "body")[table] for table, found in kept.items() for row in found)
    assert query(db, "PRAGMA integrity_check") == [("ok",)]


def test_a_file_that_can_not_give_space_back_keeps_it(db: Path) -> None:
    """Made by something that did not ask SQLite for it."""
    store(db, large_runs("a", "b").entries)
    with closing(sqlite3.connect(db, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
        connection.execute("PRAGMA auto_vacuum=NONE")
        connection.execute("VACUUM")
    size = db.stat().st_size
    assert prune(db, ["a"]) <= 0
    assert db.stat().st_size >= size
    assert query(db, "PRAGMA freelist_count")[0][0] > 400
    give_back(db)


def test_what_is_not_there_is_said(db: Path) -> None:
    with pytest.raises(FileMissing, match="there is no such file"):
        delete_run(db, "a")
    store(db, Recorder("a").whole().entries)
    with pytest.raises(RunUnknown, match="there is no run b"):
        prune(db, ["b"])


async def test_a_mark_is_kept_until_it_is_taken_off(db: Path) -> None:
    store(db, [*Recorder("a").whole().entries, *Recorder("b").whole().entries])
    mark(db, "a", True)
    async with Reader(db) as reader:
        assert {found.run.run_id: found.marked for found in await reader.runs()} == {"a": True, "b": False}
        mark(db, "a", False)
        assert not any(found.marked for found in await reader.runs())


def test_a_mark_survives_what_is_stored_later(db: Path) -> None:
    recorder = Recorder("a").root()
    store(db, recorder.entries)
    mark(db, "a", True)
    store(db, recorder.whole().entries)
    assert query(db, "SELECT run_id, marked FROM run") == [("a", 1)]


def test_giving_back_leaves_the_moving_of_pages_to_whoever_holds_the_lease(db: Path) -> None:
    store(db, large_runs("a", "b").entries)
    with closing(connect_writer(db)) as other:  # keeps the log from being cleared when the last one leaves
        other.execute("SELECT count(*) FROM run").fetchall()
        prune(db, ["a"])
        assert db.with_name(f"{db.name}-wal").stat().st_size > 0
    assert query(db, "PRAGMA integrity_check") == [("ok",)]
