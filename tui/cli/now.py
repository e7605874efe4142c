"""`treetop now`: what all live runs are doing, and since when."""

import json
import time
from pathlib import Path

import click

from store.database.open_work import OpenWork, open_work
from store.model.document import Document, work_document
from store.model.span import Kind
from store.model.state import Work
from tui import format as fmt
from tui.cli import option
from tui.cli.query import query
from tui.cli.table import table
from tui.cli.terminal import ascii_only, echo
from tui.text import clean
from tui.theme import Glyphs


@click.command()
@option.DB
@option.JSON
def now(db: Path, as_json: bool) -> None:
    """Print what all live runs are doing, the longest silence first.

    One line for each open call of a model or tool, and for each open step without one. A task that waits for a task inside
    it is not listed. USUAL is the median duration of the calls of that model or tool. A call is late if it takes longer
    than 99% of them, at least a minute; a step, if its task has published nothing for five minutes.
    """
    at = time.time()
    works = query(db, lambda reader: open_work(reader, at))
    echo(json.dumps([_document(work) for work in works], indent=2) if as_json else "\n".join(_text(works)))


def _text(works: list[OpenWork]) -> list[str]:
    if not works:
        return ["no live run does anything now"]
    glyphs = Glyphs(ascii_only())
    rows = [
        (
            glyphs("error") if work.late else glyphs("active"),
            fmt.duration(work.silent),
            "" if work.usual is None else fmt.duration(work.usual.p50),
            clean(f"{work.span.kind} {work.span.model or work.span.label}".strip(), 40),
            clean(" ".join(filter(None, ("/".join(work.path), work.goal or "no known task"))), 70),
            clean(work.run.run.run_id, 40),
        )
        for work in works
    ]
    late = sum(work.late for work in works)
    runs = fmt.exactly(len({work.run.key for work in works}), "run")
    summary = f"{len(works)} at work in {runs}, {late} late"
    return [summary, "", *table(("", "FOR", "USUAL", "WAITS FOR", "TASK", "RUN"), rows, right=(1, 2))]


def _document(work: OpenWork) -> Document:
    span = work.span
    return {
        "run_id": work.run.run.run_id,
        **work_document(Work(span.node_id, span.kind, span.since, span.model or span.label)),
        "path": list(work.path),
        "goal": work.goal,
        "silent_seconds": work.silent,
        "usual_seconds": None if work.usual is None else work.usual.p50,
        "budget_seconds": None if work.usual is None else work.usual.budget,
        "late": work.late,
        "step": span.number if span.kind == Kind.STEP else None,
    }
