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
def runs(db: Path, as_json: bool) -> None:
    """List the runs in the file, newest first.

    The status of a run is live, silent, interrupted, ended, failed or finished. A live run without an event for a minute
    shows the call or step that it waits for. ERR, and `errors` in JSON, are reported errors plus aborted steps.
    """
    rows, now = query(db, lambda reader: reader.runs()), time.time()
    echo(json.dumps([row_document(row, now) for row in rows], indent=2) if as_json else runs_text(rows, now))
