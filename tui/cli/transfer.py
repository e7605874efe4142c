"""`treetop export` and `treetop import`: runs written to one file, and read from one."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO

import click

from store.database.file import owns
from store.errors import FileError
from store.transfer.archive import Footer
from store.transfer.exporter import export, gzip_writer
from store.transfer.importer import import_source
from store.transfer.redaction import Redactor
from tui import format as fmt
from tui.cli import option
from tui.cli.query import query
from tui.text import clean


@click.command("export")
@option.RUN
@option.DB
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=option.PATH,
    help="Output file; compressed if it ends in .gz.  [default: standard output]",
)
@click.option("--redact/--no-redact", default=True, help="Redact keys, tokens and passwords.")
def export_(run: str, db: Path, output: Path | None, redact: bool) -> None:
    """Write a run to one file: JSON Lines, every event as published.

    RUN is the id of a run, the beginning of an id, or `latest`.
    """
    run_id = query(db, lambda reader: reader.resolve(run))
    where = "standard output" if output is None else output
    if owns(db, sys.stdout.fileno() if output is None else output):
        raise FileError(f"{where}: belongs to the database {db}, which it would destroy; name another file with -o")
    if output is not None and not output.parent.is_dir():
        raise FileError(f"{output}: there is no folder {output.parent}; make it, or name another file with -o")
    redactor = Redactor() if redact else None
    try:
        if output is None:
            with open(sys.stdout.fileno(), "wb", closefd=False) as out:
                footer = export(db, run_id, out, redactor)
        else:
            with _replacing(output) as out:
                footer = _packed(db, run_id, out, redactor) if output.suffix == ".gz" else export(db, run_id, out, redactor)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise FileError(f"{where}: cannot be written ({error.strerror}); name another file with -o") from error
    found = ", ".join(f"{kind} ({count})" for kind, count in footer.redacted.items())
    words = f"redacted {found}" if found else "found nothing to redact" if redact else "redacted nothing (--no-redact)"
    click.echo(f"exported {clean(run_id)}: {fmt.exactly(footer.end, 'event')}; {words}", err=True)


def _packed(db: Path, run_id: str, out: IO[bytes], redactor: Redactor | None) -> Footer:
    with gzip_writer(out) as packed:
        return export(db, run_id, packed, redactor)


@contextmanager
def _replacing(output: Path) -> Iterator[IO[bytes]]:
    """A temporary file that replaces `output` at the end of the block, or is deleted if the block raises.

    An existing file keeps its mode; a new one gets the mode that the umask allows. A device or pipe is written directly.
    """
    if output.exists() and not output.is_file():
        with open(output, "wb") as out:
            yield out
        return
    with NamedTemporaryFile(dir=output.parent, prefix=f".{output.name}.", delete=False) as out:
        try:
            yield out
            out.flush()
            os.fsync(out.fileno())
            os.chmod(out.name, output.stat().st_mode & 0o7777 if output.exists() else 0o666 & ~_umask())
            os.replace(out.name, output)
        except BaseException:
            os.unlink(out.name)
            raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@click.command("import")
@click.argument("source", metavar="FILE")
@option.DB
@option.PRICES
def import_(source: str, db: Path) -> None:
    """Import an export, another treetop file, or a reference server's database.

    FILE may be - for standard input. Events that are already stored are skipped: importing a file twice changes nothing. An
    ingester may store into the file meanwhile.
    """
    taken = import_source(db, source, option.pricer())
    counts = taken.counts
    parts = [f"{fmt.exactly(counts.stored, 'event')} stored", f"{counts.duplicate:,} there already"]
    if taken.differing:
        parts.append(f"{taken.differing:,} already stored with other content")
    if counts.rejected > taken.differing:
        parts.append(f"{counts.rejected - taken.differing:,} rejected as unreadable")
    if taken.gaps:
        parts.append(f"entries were lost {fmt.exactly(taken.gaps, 'time')} before the source could store them")
    if taken.redacted:
        parts.append(f"{fmt.exactly(taken.redacted, 'secret')} redacted in it")
    click.echo(f"imported {clean(taken.name if taken.run_id is None else taken.run_id)}: {', '.join(parts)}")
