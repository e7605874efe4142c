"""`treetop rebuild`: a file whose derived rows are damaged, derived anew."""

from pathlib import Path

import click

from store.database.migration import rebuild as rebuild_file
from tui.cli import option


@click.command()
@option.DB
@option.PRICES
def rebuild(db: Path) -> None:
    """Derive runs, tasks and counts anew from the stored events.

    For a file that is damaged except in its events, as `treetop doctor --deep` reports. Needs free space for two copies of
    the file. The ingester must be stopped; screens may stay open.
    """
    rebuild_file(db, click.echo, option.pricer())
