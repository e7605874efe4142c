"""`treetop show`: the tree of a run, as text or JSON."""

import gc
import shutil
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from tempfile import TemporaryFile

import click

from store.database.reader import Reader
from store.database.whole_run import WholeRun, whole_run
from tui.cli import option, report
from tui.cli.query import query
from tui.cli.terminal import ascii_only


@click.command()
@option.RUN
@option.DB
@option.AT
@option.JSON
@click.option(
    "--spans", is_flag=True, help="With --json: include the steps and calls, with durations, tokens, costs and outcomes."
)
def show(run: str, db: Path, at: str | None, as_json: bool, spans: bool) -> None:
    """Print the tree of a run.

    RUN is the id of a run, the beginning of an id, or `latest`. JSON has `run`, `at` (null, or the position), `nodes` (the
    tasks), `edges`, `spans` (on request) and `counts`, with times in UTC. Status words and numbers are those of the
    screens. README lists the fields.
    """
    if spans and not as_json:
        raise click.UsageError("--spans requires --json")
    gc.disable()  # saves 6% of the CPU time for 100,000 tasks: their records have no cycles
    with TemporaryFile() as spool:  # a slow consumer must not keep the read transaction open

        async def write(reader: Reader) -> None:
            async with whole_run(reader, run, at) as whole:
                pieces = whole.document(time.time(), spans) if as_json else _encoded_text(whole)
                async for piece in pieces:
                    spool.write(piece)

        query(db, write)
        spool.seek(0)
        sys.stdout.flush()
        shutil.copyfileobj(spool, sys.stdout.buffer)
        sys.stdout.buffer.flush()


async def _encoded_text(whole: WholeRun) -> AsyncIterator[bytes]:
    """The text of a run in the encoding of standard output."""
    encoding = sys.stdout.encoding or "utf-8"
    async for line in report.run_text(whole, ascii_only(), time.time()):
        yield f"{line}\n".encode(encoding, "replace")
