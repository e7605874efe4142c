"""`treetop prune`: old runs and rejected entries, listed or deleted."""

import time
from pathlib import Path

import click

from store.database import retention
from tui import format as fmt
from tui.cli import option
from tui.cli.amount import AGE, SIZE
from tui.cli.report import runs_text


@click.command()
@option.DB
@click.option(
    "--older-than", type=AGE.parse, metavar="AGE", help="Delete runs whose last event is older, such as 30d, 12h, 90m."
)
@click.option("--keep", type=click.IntRange(1, 1_000_000_000), metavar="N", help="Delete all but the newest N runs.")
@click.option(
    "--larger-than",
    type=SIZE.parse,
    metavar="SIZE",
    help="Delete the oldest runs until the rest is not larger, such as 2GB.",
)
@click.option("--rejected", is_flag=True, help="Delete the rejected entries, which could not be read as events.")
@click.option("--yes", is_flag=True, help="Delete. Without --yes, only list.")
def prune(
    db: Path, older_than: float | None, keep: int | None, larger_than: float | None, rejected: bool, yes: bool
) -> None:
    """Delete old runs and rejected entries, and free their space.

    Without --yes, only lists them. Live and silent runs, and runs marked as kept, are never deleted.
    """
    rule, now = retention.Rule(older_than, keep, larger_than, rejected), time.time()
    if rule == retention.Rule():
        message = "specify at least one of --older-than, --keep, --larger-than, --rejected"
        raise click.UsageError(message, click.get_current_context())
    found = (retention.prune if yes else retention.preview)(db, rule, now)
    if found.runs:
        click.echo(runs_text(found.runs, now))
    parts = [fmt.exactly(len(found.runs), "run")] if found.runs else []
    parts += [fmt.exactly(found.rejected, "rejected entry", "rejected entries")] if found.rejected else []
    what = " and ".join(parts)
    if yes:
        smaller = f"; the file is {found.freed:,} bytes smaller" if what or found.freed > 0 else ""
        click.echo(f"{f'pruned {what}' if what else 'nothing to prune'}{smaller}")
    else:
        click.echo(f"{what} would be deleted; add --yes to delete" if what else "nothing to prune")
