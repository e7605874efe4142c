"""`treetop export` and `treetop import`: which file, and what to say about it."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import BinaryIO

from store.archive import Footer, export, pack
from store.errors import FileError
from store.intake import take_in
from store.redaction import Redactor
from tui.text import clean


def save(db: Path, run_id: str, output: Path | None, redact: bool) -> str:
    """Export a run to a file, or to standard output; what to say about it. Raises StoreErrors."""
    redactor = Redactor() if redact else None
    try:
        if output is None:
            with open(sys.stdout.fileno(), "wb", closefd=False) as out:
                footer = export(db, run_id, out, redactor)
        else:
            with _replacing(db, output) as out:
                footer = _packed(db, run_id, out, redactor) if output.suffix == ".gz" else export(db, run_id, out, redactor)
    except BrokenPipeError:  # who reads has enough
        raise
    except OSError as error:
        where = "standard output" if output is None else output
        raise FileError(f"{where}: can not be written ({error.strerror}); name another file with -o") from error
    found = ", ".join(f"{kind} ({count})" for kind, count in footer.redacted.items())
    words = f"redacted {found}" if found else "found nothing to redact" if redact else "redacted nothing, as you wished"
    return f"exported {clean(run_id)}: {footer.end:,} events; {words}"


def _packed(db: Path, run_id: str, out: BinaryIO, redactor: Redactor | None) -> Footer:
    with pack(out) as packed:
        return export(db, run_id, packed, redactor)


@contextmanager
def _replacing(db: Path, output: Path) -> Iterator[BinaryIO]:
    """A file beside `output` that takes its place when all went well. What is no ordinary file is written to as it is."""
    if output.exists() and not output.is_file():
        with open(output, "wb") as out:
            yield out
        return
    if output.exists() and output.samefile(db):
        raise FileError(f"{output}: holds the runs themselves; name another file with -o")
    with NamedTemporaryFile(dir=output.parent, prefix=f".{output.name}.", delete=False) as out:
        try:
            yield out  # type: ignore[misc]
            out.flush()
            os.fsync(out.fileno())
            os.chmod(out.name, 0o666 & ~_umask())
            os.replace(out.name, output)
        except BaseException:
            os.unlink(out.name)
            raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def load(db: Path, source: str) -> str:
    """Import from a file; what to say about it. Raises StoreErrors."""
    taken = take_in(db, source)
    counts = taken.counts
    parts = [f"{counts.stored:,} events stored", f"{counts.duplicate:,} there already"]
    if counts.rejected and taken.run_id is not None:
        parts.append(f"{counts.rejected:,} left as they are stored here, with other content")
    elif counts.rejected:
        parts.append(f"{counts.rejected:,} put aside as unreadable")
    if taken.gaps:
        parts.append(f"entries were lost {taken.gaps} times before they could be stored where this comes from")
    if taken.redacted:
        parts.append(f"{taken.redacted:,} secrets had been taken out of it")
    return f"imported {clean(taken.name if taken.run_id is None else taken.run_id)}: {', '.join(parts)}"
