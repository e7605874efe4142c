"""`treetop check`: whether a run stayed within limits, for scripts."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import click

from store.database.reader import Reader
from store.model.phase import Phase, elapsed, phase, unfinished
from store.model.record import RunRow
from store.model.state import Run
from tui import format as fmt
from tui.cli import option
from tui.cli.amount import AGE, DOLLARS, TOKENS
from tui.cli.query import query
from tui.cli.terminal import echo
from tui.models import summary
from tui.text import clean

FOUND = 1
"""Exit code if a limit was exceeded."""


@click.command()
@option.RUN
@option.DB
@click.option("--max-cost", type=DOLLARS.parse, metavar="DOLLARS", help="Largest cost in US dollars, such as 2.50.")
@click.option("--max-time", type=AGE.parse, metavar="TIME", help="Longest duration, such as 90s, 10m, 2h.")
@click.option("--max-tokens", type=TOKENS.parse, metavar="N", help="Most tokens, in and out together, such as 500k, 2M.")
@click.option("--no-failed", is_flag=True, help="The run must have ended, without an error and with all tasks finished.")
def check(
    run: str, db: Path, max_cost: float | None, max_time: float | None, max_tokens: float | None, no_failed: bool
) -> None:
    """Check that a run stayed within limits.

    RUN is the id of a run, the beginning of an id, or `latest`. Prints one line for each limit that was exceeded, and exits
    with 1 if there is one. What is unknown, such as the cost of calls without a price, is printed and does not count.
    """
    if max_cost is max_time is max_tokens is None and not no_failed:
        raise click.UsageError("specify at least one of --max-cost, --max-time, --max-tokens, --no-failed")

    async def find(reader: Reader) -> RunRow:
        return await reader.find(await reader.resolve(run))

    found, now = query(db, find).run, time.time()
    findings = [
        *([] if max_cost is None else _cost(found, max_cost)),
        *([] if max_time is None else _time(found, max_time, now)),
        *([] if max_tokens is None else _tokens(found, max_tokens)),
        *(_end(found, now) if no_failed else []),
    ]
    for finding in findings:
        echo(finding)
    exceeded = [finding for finding in findings if not finding.startswith("note: ")]
    if exceeded:
        sys.exit(FOUND)


def _cost(run: Run, limit: float) -> Iterator[str]:
    if run.cost is not None and run.cost > limit:
        yield f"cost: {fmt.full_cost(run.cost, run.unpriced)}; the limit is {fmt.dollars(limit)}"
    elif run.unpriced or run.cost is None:
        yield f"note: cost: {fmt.full_cost(run.cost, run.unpriced)}; the limit of {fmt.dollars(limit)} may be exceeded"


def _time(run: Run, limit: float, now: float) -> Iterator[str]:
    seconds = elapsed(run, now)
    if seconds is not None and seconds > limit:
        yield f"time: {fmt.duration(seconds)}; the limit is {fmt.duration(limit)}"


def _tokens(run: Run, limit: float) -> Iterator[str]:
    tokens = summary.total(run.tokens_in, run.tokens_out)
    if tokens is None:
        yield f"note: tokens: {fmt.UNKNOWN}; the limit of {limit:,.0f} may be exceeded"
    elif tokens > limit:
        yield f"tokens: {tokens:,}; the limit is {limit:,.0f}"


def _end(run: Run, now: float) -> Iterator[str]:
    ended = phase(run, now)
    if ended == Phase.FAILED:
        yield f"failed: {clean(run.error or 'the run ended with an error', 400)}"
    elif ended == Phase.ENDED:
        yield f"failed: {fmt.exactly(unfinished(run), 'task')} of {run.nodes:,} unfinished at the end"
    elif ended != Phase.FINISHED:
        yield f"failed: the run has not ended: {summary.run_status(run, now)}"
