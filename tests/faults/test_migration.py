"""Whoever brings an older file up to date dies of SIGKILL meanwhile, or the disk is full."""

import shutil
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

from store.ingest import Ingester
from store.redis_server import RedisServer
from tests.faults import child
from tests.faults.numbered import entries
from tests.faults.nursery import Nursery
from tests.ledger import Ledger, Line
from tests.live import STREAM, number_stored, publish
from tests.older import make_version_1
from tests.recorder import Recorder
from tests.tables import query, rows, store


def test_killed_at_any_step_it_is_of_one_version_and_whole(
    redis_server: RedisServer, tmp_path: Path, nursery: Nursery, ledger: Ledger
) -> None:
    base, whole, path = tmp_path / "base.db", tmp_path / "whole.db", tmp_path / "killed.db"
    recorder = Recorder("first").root("a").plan("a", "b", "c").node("b", "late").node("c", "late").llm("a", error="no")
    store(base, Recorder("second", beside=recorder).whole().entries)
    make_version_1(base)
    before = dump(base)
    shutil.copy(base, whole)
    Ingester(whole, redis_server.url, STREAM).drain()
    after = rows(whole)
    step, code, done = 0, -signal.SIGKILL, 0
    while code:
        assert code == -signal.SIGKILL
        step += 1
        begin(base, path)
        code = nursery.run(child.drain_until_step, path, redis_server.url, step)
        if version(path) == 1:
            assert dump(path) == before
        else:
            done += 1
        Ingester(path, redis_server.url, STREAM).drain()
        assert query(path, "PRAGMA integrity_check") == [("ok",)]
        assert rows(path) == after
    assert step > 100
    assert 2 < done < step
    stored = len(after["event"])
    ledger.note(Line("killed -9 at every step of a migration", step - 1, stored, stored, 0, 0))


def test_with_a_disk_that_is_full_it_stays_as_it_was_until_there_is_space(
    redis_server: RedisServer, db: Path, nursery: Nursery
) -> None:
    store(db, list(entries(1, 3_000)))
    make_version_1(db)
    before, size = dump(db), db.stat().st_size
    publish(redis_server, entries(3_001, 3_100))
    assert nursery.run(child.ingest, db, redis_server.url, size // 2) == child.WRONG
    assert "was not brought up to date, and is as it was (" in nursery.said
    assert dump(db) == before
    assert Ingester(db, redis_server.url, STREAM).drain().stored == 100
    assert number_stored(db) == 3_100


def begin(base: Path, path: Path) -> None:
    """A file as it was before."""
    for old in path.parent.glob(f"{path.name}*"):
        old.unlink()
    shutil.copy(base, path)


def version(path: Path) -> int:
    found: int = query(path, "PRAGMA user_version")[0][0]
    return found


def dump(path: Path) -> list[str]:
    """All that is in a file of any version, as SQL."""
    with closing(sqlite3.connect(path)) as connection:
        return [*connection.iterdump()]
