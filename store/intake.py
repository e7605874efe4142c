"""Importing: an archive of a run, or the database of a reference server, into the file. Safe while an ingester works.

What is there already is left alone, so importing the same twice changes nothing, and an import that was broken off is
finished by the next. An archive is read through to its end before the first event of it is stored. Both are stored some
thousand events at a time, each part in one transaction.
"""

import shutil
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO

from msgspec import Struct

from store.archive import Archive
from store.cursor import Entry
from store.errors import FileLocked, NotImportable
from store.lease import Lease, holder
from store.reference import ReferenceDatabase
from store.writer import Counts, Writer

STDIN = "-"
SQLITE = b"SQLite format 3\x00"
"""How a SQLite file begins."""

LOG_MAX = 32_000_000
"""Bytes stored after which the file's log is cleared, if no ingester does that."""

REST = 0.5
"""Of the time that a part took, how much we then leave to an ingester that is at work."""


class Taken(Struct, frozen=True):
    """What was imported."""

    name: str
    """Of what: as it was given."""
    run_id: str | None
    """Of the archive; None for a database, which holds many."""
    counts: Counts
    gaps: int = 0
    """How often events of the run were lost before they were stored where it was exported."""
    redacted: int = 0
    """How many secrets had been taken out."""


def take_in(path: Path, source: str) -> Taken:
    """Import what `source` names (`-` is standard input) into the file at `path`, which is made where there is none.

    Raises NotImportable when it can not be read or is not whole (then nothing was stored), FileError when the file can not
    be written (then some may be; import again).
    """
    with _opened(source) as file:
        name = "standard input" if source == STDIN else source
        if _begins_with(file, SQLITE):
            if source == STDIN:
                raise NotImportable("standard input: is a database; give its name, SQLite must open it itself")
        else:
            archive = Archive(file, name)
            header, footer = archive.check()
            counts = _append(path, archive.batches(), header.run_id)
            return Taken(name, header.run_id, counts, header.gaps, sum(footer.redacted.values()))
    with ReferenceDatabase(Path(source)) as reference:  # not before the file is closed: that would drop SQLite's locks
        return Taken(name, None, _append(path, reference.batches()))


@contextmanager
def _opened(source: str) -> Iterator[BinaryIO]:
    """The source as a file in which one can go back; a copy of what comes through a pipe."""
    try:
        file: BinaryIO = open(sys.stdin.fileno(), "rb", closefd=False) if source == STDIN else open(source, "rb")  # noqa: SIM115
    except OSError as error:
        raise NotImportable(
            f"{source}: can not be read ({error.strerror}); name another file, or - for standard input"
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
        raise NotImportable(f"{file.name}: can not be read ({error.strerror})") from error


def _append(path: Path, batches: Iterable[list[Entry]], home: str | None = None) -> Counts:
    counts, size = Counts(), 0
    with Writer(path, guest=True) as writer:
        for batch in batches:
            begun = time.monotonic()
            counts.add(writer.append(batch, home=home))
            size += sum(len(value) for entry in batch for value in entry.fields.values())
            if holder(path) is not None:
                time.sleep(REST * (time.monotonic() - begun))
            elif size > LOG_MAX:
                _clear_log(path, writer)
                size = 0
    return counts


def _clear_log(path: Path, writer: Writer) -> None:
    """Only one process may move pages at a time; that is who holds the lease."""
    try:
        with Lease(path):
            writer.checkpoint()
    except FileLocked:
        pass
