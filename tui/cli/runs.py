"""`treetop runs`: the list of runs, as text or JSON."""

import json
import time
from pathlib import Path

import click

from store.model.document import row_document
from tui.cli import option
from tui.cli.query import query
from tui.cli.report import runs_text
from tui.cli.terminal import echo


@click.command()
@option.DB
@option.JSON
@option.budget
def runs(db: Path, as_json: bool, budget_cost: float | None, budget_tokens: float | None) -> None:
    """List the runs in the file, newest first.

    The status of a run is live, silent, interrupted, ended, failed or finished. A live run without an event for a minute
    shows the call or step that it waits for. ERR, and `errors` in JSON, are reported errors plus aborted steps. A run that
    runs away, or exceeds the budget, has the reason before its goal.
    """
    rows, now = query(db, lambda reader: reader.runs()), time.time()
    budget = option.budget_of(budget_cost, budget_tokens)
    if as_json:
        echo(json.dumps([row_document(row, now, budget) for row in rows], indent=2))
    else:
        echo(runs_text(rows, now, budget))
