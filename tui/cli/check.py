"""`treetop check`: whether a run stayed within limits and does not run away, for scripts."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import click

from store.database.reader import Reader
from store.database.runaway_queries import TASK_SIGNS, RunawayTask, runaway_tasks
from store.model.phase import Phase, elapsed, phase, unfinished
from store.model.record import RunRow
from store.model.runaway import runaways
from store.model.state import Run
from tui import format as fmt
from tui.cli import option
from tui.cli.amount import AGE, DOLLARS, TOKENS
from tui.cli.query import query
from tui.cli.terminal import echo
from tui.models import summary
from tui.models.name import task_name
from tui.text import clean

FOUND = 1
"""Exit code if a limit was exceeded, or the run runs away."""


@click.command()
@option.RUN
@option.DB
@click.option("--max-cost", type=DOLLARS.parse, metavar="DOLLARS", help="Largest cost in US dollars, such as 2.50.")
@click.option("--max-time", type=AGE.parse, metavar="TIME", help="Longest duration, such as 90s, 10m, 2h.")
@click.option("--max-tokens", type=TOKENS.parse, metavar="N", help="Most tokens, in and out together, such as 500k, 2M.")
@click.option("--no-failed", is_flag=True, help="The run must have ended, without an error and with all tasks finished.")
@click.option("--allow-runaway", is_flag=True, help="Do not check whether the run runs away.")
def check(
    run: str,
    db: Path,
    max_cost: float | None,
    max_time: float | None,
    max_tokens: float | None,
    no_failed: bool,
    allow_runaway: bool,
) -> None:
    """Check that a run stayed within limits, and does not run away.

    RUN is the id of a run, the beginning of an id, or `latest`. Prints one line for each limit that was exceeded and for
    each reason why the run runs away: a call that fails again and again with the same arguments, a task with the goal of a
    task around it, too many tasks inside each other or beside each other. Exits with 1 if there is such a line. What is
    unknown, such as the cost of calls without a price, is printed and does not count.
    """

    async def find(reader: Reader) -> tuple[RunRow, list[RunawayTask]]:
        async with reader.snapshot():
            row = await reader.find(await reader.resolve(run))
            return row, [] if allow_runaway else await runaway_tasks(reader, row)

    (row, tasks), now = query(db, find), time.time()
    found = row.run
    findings = [
        *([] if max_cost is None else _cost(found, max_cost)),
        *([] if max_time is None else _time(found, max_time, now)),
        *([] if max_tokens is None else _tokens(found, max_tokens)),
        *(_end(found, now) if no_failed else []),
        *([] if allow_runaway else _runaways(found, tasks)),
    ]
    for finding in findings:
        echo(finding)
    exceeded = [finding for finding in findings if not finding.startswith("note: ")]
    if exceeded:
        sys.exit(FOUND)


def _runaways(run: Run, tasks: list[RunawayTask]) -> Iterator[str]:
    """One line for each reason of a task; of the run for the depth, which no task has alone."""
    for task in tasks:
        name = clean(task_name(task.node.nid, task.outer_nid), 80)
        for reason in task.reasons:
            yield f"runaway: {reason.sign}: task {name}: {clean(reason.reason, 200)}"
    for reason in runaways(run):
        if reason.sign not in TASK_SIGNS:
            yield f"runaway: {reason.sign}: {reason.reason}"


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
