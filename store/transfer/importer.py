"""Import of runs: an archive, another treetop file, or the database of a reference server.

Events that the file has already are left alone, so a repeated import changes nothing and completes an interrupted one. An
archive is verified before its first event is stored. Batches are transactions, and an ingester may be at work meanwhile.
"""

import shutil
import sqlite3
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO

from msgspec import Struct

from store.database import file as db
from store.database.arrival import Pricing, Refused
from store.database.lease import Lease, holder
from store.database.source import Batch
from store.database.stream_row import Counts
from store.database.writer import Writer
from store.errors import FileLocked, NotImportable
from store.model.entry import Entry
from store.transfer import treetop_file
from store.transfer.archive import Archive
from store.transfer.reference_database import ReferenceDatabase

STDIN = "-"
"""Name of standard input as a source."""

SQLITE_MAGIC = b"SQLite format 3\x00"
"""First bytes of a SQLite file."""

BATCH_MAX_ENTRIES = 2_000
"""Entries in one transaction."""

BATCH_MAX_BYTES = 8_000_000
"""Bytes of entries in one transaction. A larger entry is a batch of its own."""

CHECKPOINT_AFTER_BYTES = 32_000_000
"""Bytes stored between two checkpoints of the write-ahead log, if no ingester makes them."""

PAUSE_RATIO = 0.5
"""Pause after a batch, as a fraction of its duration, while an ingester is at work."""

Imports = Iterable[tuple[str | None, Entry | Refused]]
"""Entries, each with the id of its run if the source assigns one."""


class Imported(Struct, frozen=True):
    """The result of an import."""

    name: str
    """Name of the source."""
    run_id: str | None
    """Id of the run in an archive. None for a database, which may hold several runs."""
    counts: Counts
    gaps: int = 0
    """Number of times that entries were lost before the source stored them."""
    redacted: int = 0
    """Number of secrets redacted in the source."""
    differing: int = 0
    """Number of rejected events that the file has with other content."""


def import_source(path: Path, source: str, pricing: Pricing | None = None) -> Imported:
    """Import `source`, a path or `-` for standard input, into the file at `path`, which is created if missing.

    Raises NotImportable if the source cannot be read or is incomplete; nothing is stored of such an archive. Raises
    FileError if the file cannot be written; a repeated import completes it. `pricing`: as for `Writer`.
    """
    if db.owns(path, sys.stdin.fileno() if source == STDIN else source):
        raise NotImportable(f"{source}: belongs to the file to import into, {path}; name another file with --db")
    with _seekable(source) as file:
        name = "standard input" if source == STDIN else source
        if not _begins_with(file, SQLITE_MAGIC):
            archive = Archive(file, name)
            header, footer = archive.check()
            counts, differing = _store(path, ((header.run_id, entry) for entry in archive.entries()), pricing)
            return Imported(name, header.run_id, counts, header.gaps, sum(footer.redacted.values()), differing)
        if source == STDIN:
            raise NotImportable("standard input: is a database; give its path, because SQLite must open the file itself")
    # After `file` is closed: closing it would release the locks that SQLite holds on the file in this process.
    return _import_database(path, source, pricing)


@contextmanager
def _seekable(source: str) -> Iterator[BinaryIO]:
    """The source as a seekable file. The content of a pipe is copied to a temporary file."""
    try:
        file: BinaryIO = open(sys.stdin.fileno(), "rb", closefd=False) if source == STDIN else open(source, "rb")  # noqa: SIM115
    except OSError as error:
        raise NotImportable(
            f"{source}: cannot be read ({error.strerror}); name another file, or - for standard input"
        ) from error
    with file:
        if file.seekable():
            yield file
            return
        with TemporaryFile() as copy:
            shutil.copyfileobj(file, copy, 1 << 20)
            yield copy


def _begins_with(file: BinaryIO, magic: bytes) -> bool:
    file.seek(0)
    try:
        return file.read(len(magic)) == magic
    except OSError as error:
        raise NotImportable(f"{file.name}: cannot be read ({error.strerror})") from error


def _import_database(path: Path, source: str, pricing: Pricing | None) -> Imported:
    try:
        connection = sqlite3.connect(
            db.uri_of(Path(source), "ro"), uri=True, timeout=db.LOCK_TIMEOUT_S, isolation_level=None
        )
    except sqlite3.DatabaseError as error:
        raise NotImportable(f"{source}: cannot be opened ({error})") from error
    with closing(connection):
        connection.text_factory = lambda text: text.decode("utf-8", "replace")
        try:
            if db.holds_runs(connection):
                entries: Imports = treetop_file.entries(connection)
                gaps = treetop_file.count_gaps(connection)
            else:
                reference = ReferenceDatabase(connection)
                if not reference.is_readable():
                    raise NotImportable(f"{source}: is a database of another program: it has no known table of events")
                entries, gaps = ((None, entry) for entry in reference.entries()), 0
        except sqlite3.DatabaseError as error:
            raise NotImportable(f"{source}: cannot be read ({error}); nothing was imported") from error
        counts, differing = _store(path, _in_one_transaction(connection, source, entries), pricing)
        return Imported(source, None, counts, gaps, differing=differing)


def _in_one_transaction(connection: sqlite3.Connection, source: str, entries: Imports) -> Imports:
    """The entries from one read transaction, because another program may be writing. Raises NotImportable."""
    try:
        connection.execute("BEGIN")
        yield from entries
        connection.execute("COMMIT")
    except sqlite3.DatabaseError as error:
        raise NotImportable(f"{source}: is damaged ({error}); the readable part was imported") from error


def _batches(entries: Imports) -> Iterator[Batch[Entry | Refused]]:
    """The entries in batches of one run, bounded by number and by bytes."""
    batch, size, home = list[Entry | Refused](), 0, None
    for run_id, entry in entries:
        if batch and (run_id != home or len(batch) >= BATCH_MAX_ENTRIES or size >= BATCH_MAX_BYTES):
            yield Batch(batch, run_id=home)
            batch, size = [], 0
        home = run_id
        batch.append(entry)
        size += entry.size
    if batch:
        yield Batch(batch, run_id=home)


def _store(path: Path, entries: Imports, pricing: Pricing | None) -> tuple[Counts, int]:
    """Store the entries. Returns the counts, and the number of events that the file has with other content."""
    counts, size, differing = Counts(), 0, 0
    with Writer(path, guest=True, pricing=pricing) as writer:
        for batch in _batches(entries):
            start = time.monotonic()
            stored = writer.append(batch.entries, archived_run=batch.run_id)
            counts.add(stored)
            differing += 0 if batch.run_id is None else stored.rejected
            size += sum(entry.size for entry in batch.entries)
            if holder(path) is not None:
                time.sleep(PAUSE_RATIO * (time.monotonic() - start))
            elif size > CHECKPOINT_AFTER_BYTES:
                _checkpoint(path, writer)
                size = 0
    return counts, differing


def _checkpoint(path: Path, writer: Writer) -> None:
    """Checkpoint the write-ahead log, which only the holder of the lease may do."""
    try:
        with Lease(path):
            writer.checkpoint()
    except FileLocked:
        pass
