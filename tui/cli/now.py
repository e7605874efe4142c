"""`treetop now`: what all live runs are doing, and since when."""

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import click

from store.database.open_work import OpenWorkReader
from store.model.document import Document, runaway_documents, work_document
from store.model.silence import OpenWork, by_silence
from store.model.span import Kind
from store.model.state import Work
from tui.cli import option
from tui.cli.query import query
from tui.cli.table import table
from tui.cli.terminal import ascii_only, echo, is_terminal
from tui.models.work_row import COLUMNS, cell, summary
from tui.text import clean
from tui.theme import Glyphs


@click.command()
@option.DB
@option.JSON
@click.option("--once", is_flag=True, help="Print once, also in a terminal.")
@click.option("--all", "every", is_flag=True, help="Also what waits, and what is open in interrupted runs.")
@option.budget
@option.REDIS
@option.STREAMS
@option.LIGHT
@option.ASCII
@click.option("--no-ingest", is_flag=True, help="In a terminal: show the file; store nothing, do not connect to Redis.")
def now(
    db: Path,
    url: str,
    streams: tuple[str, ...],
    no_ingest: bool,
    as_json: bool,
    once: bool,
    every: bool,
    budget_cost: float | None,
    budget_tokens: float | None,
    light: bool,
    ascii_only: bool | None,
) -> None:
    """Show what all live runs are doing, late steps and calls first, then the longest silence first.

    In a terminal, opens the screens at this list, which is updated every second. Otherwise, and with --once, --all or
    --json, prints one line for each open step and call. Those that wait for a call or for a task inside their task are left
    out, unless --all is given.

    A step is silent since the last event of its task, or of a task inside it; a call since it began. USUAL is the median
    duration of the calls of that model or tool. A call is late if it takes longer than 99% of them, at least a minute; a
    call of a model or tool with few ended calls, and a step, if it is silent for five minutes.
    """
    budget = option.budget_of(budget_cost, budget_tokens)
    if not (once or as_json or every) and is_terminal():
        from tui.cli.screen import open_screens

        sys.exit(open_screens(db, url, streams, None, not no_ingest, light, ascii_only, budget, now=True))
    at = time.time()
    works = by_silence(query(db, lambda reader: OpenWorkReader(reader, budget).read(at, every)), at, every)
    echo(json.dumps([_document(work, at) for work in works], indent=2) if as_json else "\n".join(_text(works, at)))


def _text(works: Sequence[OpenWork], at: float) -> list[str]:
    if not works:
        return [summary(works, at)]
    glyphs = Glyphs(ascii_only())
    rows = [[_printed(column.name, work, at, glyphs) for column in COLUMNS] for work in works]
    right = [number for number, column in enumerate(COLUMNS) if column.right]
    return [summary(works, at), "", *table([column.title for column in COLUMNS], rows, right=right)]


def _printed(name: str, work: OpenWork, at: float, glyphs: Glyphs) -> str:
    """A cell of the table. The run is given by its id, for other commands."""
    if name == "run":
        return clean(work.run.run.run_id, 40)
    text = cell(name, work, at, glyphs).text
    if name == "task":
        flags = "".join(f"{glyphs('runaway')} {found.sign}  " for found in work.runaways[:1])
        return clean(f"{flags}{text}", 70)
    return text


def _document(work: OpenWork, at: float) -> Document:
    span = work.span
    return {
        "run_id": work.run.run.run_id,
        **work_document(Work(span.node_id, span.kind, span.since, work.name)),
        "path": list(work.path),
        "goal": work.goal,
        "open_seconds": work.open_for(at),
        "silent_seconds": work.silent_for(at),
        "usual_seconds": None if work.usual is None else work.usual.p50,
        "budget_seconds": work.budget,
        "late": work.is_late(at),
        "waiting": work.waiting,
        "interrupted": work.is_interrupted(at),
        "runaways": runaway_documents(work.runaways),
        "step": span.number if span.kind == Kind.STEP else None,
    }
