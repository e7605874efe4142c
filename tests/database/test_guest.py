"""Guests, which change the file while another process may be ingesting, never checkpoint the write-ahead log."""

import io
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from store.database.deletion import delete_run
from store.database.file import PAGE_BYTES, connect_writer
from store.database.retention import Rule, pin, prune
from store.transfer import importer
from store.transfer.exporter import export
from store.transfer.importer import import_source
from tests.recorder import Recorder
from tests.tables import query, store

PAGES = 1_500
"""Pages in the log. More than 1,000, at which SQLite checkpoints after the next commit of any connection."""


@pytest.fixture
def log(db: Path) -> Iterator[Path]:
    """A file with two runs and a large log that was not checkpointed."""
    store(db, [*Recorder("a").whole().entries, *Recorder("b").whole().entries])
    with closing(connect_writer(db)) as ingester:
        ingester.execute("PRAGMA wal_autocheckpoint=0")
        row = "INSERT INTO rejected (ms, number, found, reason, data) VALUES (1, 1, 1, 'x', zeroblob(?))"
        ingester.execute(row, (PAGES * PAGE_BYTES,))
        yield db


def import_run(db: Path) -> None:
    """As `treetop import` does."""
    other, archive = db.with_name("other.db"), db.with_name("run.jsonl")
    store(other, Recorder("c").whole().entries)
    out = io.BytesIO()
    export(other, "c", out, None)
    archive.write_bytes(out.getvalue())
    import_source(db, str(archive))


@pytest.mark.parametrize(
    "guest",
    [
        lambda db: pin(db, "a", True),
        lambda db: delete_run(db, "a"),
        lambda db: prune(db, Rule(keep=1), 9e9),
        import_run,
    ],
    ids=["pin", "delete", "prune", "import"],
)
def test_a_guest_does_not_checkpoint(log: Path, guest: Callable[[Path], object]) -> None:
    before = log.read_bytes()
    guest(log)
    assert log.read_bytes() == before
    assert log.with_name(f"{log.name}-wal").stat().st_size > PAGES * PAGE_BYTES


def test_a_large_import_without_an_ingester_checkpoints(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise the write-ahead log would grow to the size of the import. The reader keeps SQLite from closing it."""
    monkeypatch.setattr(importer, "CHECKPOINT_AFTER_BYTES", 1_000)
    before = log.read_bytes()
    with closing(sqlite3.connect(log)) as reader:
        reader.execute("SELECT count(*) FROM run").fetchone()
        import_run(log)
        assert log.read_bytes() != before


def test_an_ordinary_connection_checkpoints(log: Path) -> None:
    """Otherwise `test_a_guest_does_not_checkpoint` would prove nothing."""
    before = log.read_bytes()
    with closing(sqlite3.connect(log)) as connection, connection:
        connection.execute("UPDATE run SET marked = 1")
    assert log.read_bytes() != before
    assert query(log, "PRAGMA integrity_check") == [("ok",)]
