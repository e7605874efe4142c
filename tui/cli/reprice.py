"""`treetop reprice`: stored calls priced anew."""

from pathlib import Path

import click

from store.database import repricing
from tui import format as fmt
from tui.cli import option
from tui.cli.query import query


@click.command()
@option.DB
@option.PRICES
@click.option("--run", metavar="RUN", help="Price the calls of this run only.")
@click.option("--yes", is_flag=True, help="Store the new prices. Without --yes, only count them.")
def reprice(db: Path, run: str | None, yes: bool) -> None:
    """Price the stored LLM calls anew, after a change of your prices or of the bundled list.

    Without --yes, only prints how many calls would change, and by how much. Costs that agents published never change. Each
    call has the price of its own day. With --yes all of them change, or none. The ingester must be stopped for it; screens
    may stay open.
    """
    run_id = None if run is None else query(db, lambda reader: reader.resolve(run))
    found = (repricing.reprice if yes else repricing.preview)(db, option.pricer(), run_id)
    if not found.calls:
        click.echo("all prices are up to date")
        return
    calls, runs = fmt.exactly(found.calls, "call"), fmt.exactly(found.runs, "run")
    change = f"{'-' if found.after < found.before else '+'}{fmt.dollars(abs(found.after - found.before))}"
    costs = f"{fmt.dollars(found.after)} instead of {fmt.dollars(found.before)} ({change})"
    parts = [f"{calls} in {runs} {'were' if yes else 'would be'} priced anew: {costs}"]
    if found.unpriced_before:
        parts.append(f"{found.unpriced_before:,} had no price before")
    if found.unpriced_after:
        parts.append(f"{found.unpriced_after:,} {'have' if yes else 'would have'} none now")
    click.echo(f"{', '.join(parts)}{'' if yes else '; add --yes to store this'}")
