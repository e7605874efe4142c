"""A migration is killed at any step, or finds the disk full."""

import shutil
import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from store.database.file import VERSION
from store.database.migration import leftovers, rebuild
from store.stream.ingest import Ingester
from store.stream.server import RedisServer
from tests.faults import child
from tests.faults.numbered import entries
from tests.faults.nursery import Nursery
from tests.ledger import Ledger, Line
from tests.live import STREAM, number_stored, publish
from tests.older import make_older
from tests.recorder import Recorder
from tests.tables import query, rows, store


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A small older file."""
    path = tmp_path / "base.db"
    recorder = Recorder("first").root("a").plan("a", "b", "c").node("b", "late").node("c", "late").llm("a", error="no")
    store(path, Recorder("second", beside=recorder).whole().entries)
    make_older(path)
    return path


@pytest.mark.parametrize("work", [child.drain_until_step, child.drain_until_size], ids=["step", "write"])
def test_a_killed_migration_leaves_the_old_content_or_the_new(
    redis_server: RedisServer, base: Path, nursery: Nursery, ledger: Ledger, work: Callable[..., None]
) -> None:
    """Killed before and after every step, and in the middle of writes."""
    whole, path = base.with_name("whole.db"), base.with_name("killed.db")
    before = dump(base)
    shutil.copy(base, whole)
    Ingester(whole, redis_server.url, STREAM).drain()
    after = rows(whole)
    tries, code, done = 0, -signal.SIGKILL, 0
    while code:
        tries += child.EVERY
        begin(base, path)
        code = nursery.run(work, path, redis_server.url, tries if work is child.drain_until_step else 3_000 * tries)
        assert code in (0, -signal.SIGKILL, -signal.SIGXFSZ)
        if version(path) < VERSION:
            assert dump(path) == before
        else:
            done += 1
        Ingester(path, redis_server.url, STREAM).drain()
        assert query(path, "PRAGMA integrity_check") == [("ok",)]
        assert rows(path) == after
        assert leftovers(path) == []
    assert tries > 50
    assert 1 <= done < tries
    stored = len(after["event"])
    ledger.note(Line(f"killed in a migration: {work.__name__}", tries - 1, stored, stored, 0, 0))


@pytest.mark.parametrize("share", [0.5, 1.001], ids=["new file", "log"])  # the log has 24 bytes more a page
def test_a_full_disk_leaves_the_old_content_until_there_is_space(
    redis_server: RedisServer, db: Path, nursery: Nursery, share: float
) -> None:
    """There is no space for the new file, or for the write-ahead log with its pages."""
    store(db, list(entries(1, 3_000)))
    make_older(db)
    whole = db.with_name("whole.db")
    shutil.copy(db, whole)
    rebuild(whole)
    size = whole.stat().st_size
    before = dump(db)
    publish(redis_server, entries(3_001, 3_100))
    assert nursery.run(child.ingest, db, redis_server.url, round(share * size)) == child.WRONG
    assert "was not brought up to date, and is unchanged (" in nursery.said
    assert dump(db) == before
    assert Ingester(db, redis_server.url, STREAM).drain().stored == 100
    assert number_stored(db) == 3_100


def begin(base: Path, path: Path) -> None:
    """Copy the file, after deleting the files of an earlier attempt."""
    for old in path.parent.glob(f"{path.name}*"):
        old.unlink()
    shutil.copy(base, path)


def version(path: Path) -> int:
    found: int = query(path, "PRAGMA user_version")[0][0]
    return found


def dump(path: Path) -> list[str]:
    """The content of a file of any version, as SQL."""
    with closing(sqlite3.connect(path)) as connection:
        return [*connection.iterdump()]
