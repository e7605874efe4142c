"""The file is deleted, replaced or damaged while events are stored, or cannot be written from the start."""

import ctypes
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from store.database.file import VERSION
from store.database.reader import Reader
from store.errors import FileMissing, FileReplaced
from store.stream.ingest import Ingester
from store.stream.server import RedisServer
from tests.conftest import until
from tests.faults import child
from tests.faults.numbered import entries, publishing, settle, tally
from tests.faults.nursery import Nursery
from tests.live import STREAM, number_stored, publish
from tests.tables import query

PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 24, 1, 2


def delete(path: Path) -> None:
    """Delete only the file itself."""
    path.unlink()


def delete_all(path: Path) -> None:
    """Delete the file, the files of SQLite beside it, and the lock file."""
    for file in path.parent.glob(f"{path.name}*"):
        file.unlink()


def move_away(path: Path) -> None:
    path.rename(path.with_name("old.db"))


def replace_by_a_copy(path: Path) -> None:
    """Replace the file by an older copy of it."""
    path.with_name("copy.db").replace(path)


def replace_by_an_empty_file(path: Path) -> None:
    path.with_name("empty.db").touch()
    path.with_name("empty.db").replace(path)


@pytest.mark.parametrize("happen", [delete, delete_all, move_away, replace_by_a_copy, replace_by_an_empty_file])
def test_an_ingester_continues_with_the_file_at_its_path(
    redis_server: RedisServer, db: Path, nursery: Nursery, happen: Callable[[Path], None]
) -> None:
    with publishing(redis_server) as sent:
        until(lambda: len(sent) > 100)
        Ingester(db, redis_server.url, STREAM).drain()
        shutil.copy(db, db.with_name("copy.db"))
        drained = number_stored(db)
        ingester = nursery.start(child.ingest, db, redis_server.url)
        until(lambda: number_stored(db) > drained + 200)
        happen(db)
        until(lambda: "while events were stored into it" in nursery.said)
        until(lambda: "events are stored again" in nursery.said)
        before = len(sent)
        until(lambda: db.exists() and number_stored(db) > before)
        ingester.send(signal.SIGTERM)
        assert ingester.wait() == 0
    Ingester(db, redis_server.url, STREAM).drain()
    found = settle(f"file: {happen.__name__.replace('_', ' ')}", 1, sent, db)
    assert (found.lost(sent), found.doubled, found.duplicate, found.gaps) == (0, 0, 0, [])
    if happen is move_away:
        old = tally(db.with_name("old.db"))  # intact, with all events that were stored before
        assert len(old.stored) > drained + 200
        assert old.doubled == 0


async def test_a_reader_notices_that_its_file_was_replaced(db: Path, redis_server: RedisServer) -> None:
    publish(redis_server, entries(1, 30))
    Ingester(db, redis_server.url, STREAM).drain()
    async with Reader(db) as reader:
        changes = reader.watch()
        await anext(changes)
        os.unlink(db)
        with pytest.raises(FileReplaced, match="was deleted or replaced; its last contents are shown"):
            await anext(changes)
        with pytest.raises(FileMissing):
            await reader.reopen()
        assert await reader.count_runs() == 3
        publish(redis_server, entries(31, 40))
        Ingester(db, redis_server.url, STREAM).drain()
        await reader.reopen()
        assert sum(row.run.events for row in await reader.runs()) == 40
        await anext(reader.watch())


def test_a_file_damaged_during_ingest_is_reported_and_can_be_replaced(
    redis_server: RedisServer, db: Path, nursery: Nursery
) -> None:
    old = list(range(1, 8_001))  # more than SQLite keeps in memory
    publish(redis_server, entries(old[0], old[-1]))
    Ingester(db, redis_server.url, STREAM).drain()
    damage = "import os, sys; f = os.open(sys.argv[1], os.O_RDWR); os.pwrite(f, b'x' * os.fstat(f).st_size, 0)"
    with publishing(redis_server, first=8_001) as sent:
        ingester = nursery.start(child.ingest, db, redis_server.url)
        until(lambda: number_stored(db) > 8_100)
        subprocess.run([sys.executable, "-c", damage, str(db)], check=True)
        until(lambda: "is not a treetop file, or is damaged" in nursery.said)
        os.rename(db, db.with_name("damaged.db"))
        until(lambda: "events are stored again" in nursery.said)
        ingester.send(signal.SIGTERM)
        assert ingester.wait() == 0
    Ingester(db, redis_server.url, STREAM).drain()
    found = settle("file: overwritten with rubbish, then moved away", 1, old + sent, db)
    assert (found.lost(old + sent), found.doubled, found.duplicate, found.gaps) == (0, 0, 0, [])


# Unusable from the start: one line with the reason, the file unchanged, and no entry of the stream lost


def ingest_once(path: Path, server: RedisServer) -> tuple[int, str]:
    """Run `treetop ingest --drain` without the privileges of root. Returns the exit code and standard error."""
    command = [sys.executable, "-m", "tui.cli", "ingest", "--drain", "--db", str(path), "--redis", server.url]
    done = subprocess.run(command, capture_output=True, text=True, preexec_fn=without_privileges)
    assert done.stdout == ""
    return done.returncode, done.stderr


def without_privileges() -> None:
    """Drop the capabilities by which root ignores the modes of files."""
    if not os.geteuid():
        libc = ctypes.CDLL(None)
        for capability in (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH):
            libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)


def read_only(path: Path) -> None:
    path.chmod(0o444)


def in_a_read_only_folder(path: Path) -> None:
    path.parent.chmod(0o555)


def missing_in_a_read_only_folder(path: Path) -> None:
    path.unlink()
    path.parent.chmod(0o555)


def newer(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version=99")


def of_another_program(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE notes (text)")


def not_a_database(path: Path) -> None:
    path.write_bytes(b"Dear diary, \x00\xff\n" * 1_000)


def cut_in_half(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def with_a_broken_header(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[16:18] = b"\x00\x07"  # the size of a page
    path.write_bytes(data)


def with_zeroed_pages(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[4096 * 2 : 4096 * 30] = bytes(4096 * 28)
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (read_only, "is read-only; name another file with --db"),
        (in_a_read_only_folder, "cannot be locked (Permission denied"),
        (missing_in_a_read_only_folder, "cannot be locked (Permission denied"),
        (newer, f"was written by a newer treetop (file version 99, ours {VERSION}); update treetop"),
        (of_another_program, "is a database of another program"),
        (not_a_database, "is not a treetop file, or is damaged"),
        (cut_in_half, "is not a treetop file, or is damaged"),
        (with_a_broken_header, "is not a treetop file, or is damaged"),
        (with_zeroed_pages, "is not a treetop file, or is damaged"),
    ],
)
def test_an_unusable_file_is_reported_in_one_line_and_unchanged(
    redis_server: RedisServer, tmp_path: Path, spoil: Callable[[Path], None], said: str
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    path = folder / "events.db"
    publish(redis_server, entries(1, 300))
    Ingester(path, redis_server.url, STREAM).drain()
    for beside in folder.glob("events.db?*"):
        beside.unlink()
    spoil(path)
    publish(redis_server, entries(301, 400))
    before = path.read_bytes() if path.exists() else None
    try:
        code, error = ingest_once(path, redis_server)
    finally:
        folder.chmod(0o755)
    assert (code, error.count("\n")) == (2, 1)
    assert said in error
    assert (path.read_bytes() if path.exists() else None) == before
    other = tmp_path / "other.db"
    Ingester(other, redis_server.url, STREAM).drain()
    sent = list(range(1, 401))
    found = settle(f"refused file: {spoil.__name__.replace('_', ' ')}", 1, sent, other)
    assert (found.lost(sent), found.doubled, query(other, "SELECT count(*) FROM gap")) == (0, 0, [(0,)])
