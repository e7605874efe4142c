"""`treetop stats`: what took the time and the money, of one run or of all."""

import json
import time
from pathlib import Path

import click

from store.database.reader import Reader
from store.model.document import Document
from tui.cli import option
from tui.cli.query import query
from tui.cli.terminal import echo


@click.command()
@click.argument("run", required=False)
@option.DB
@option.AT
@option.JSON
def stats(run: str | None, db: Path, at: str | None, as_json: bool) -> None:
    """Print what took the time and the money.

    With RUN (the id of a run, the beginning of an id, or `latest`): the critical path, and statistics by model, tool, agent
    class, action, type and depth of the task. The critical path is the longest chain of work in which each part has to wait
    for the one before it. No run of the same plan takes less time, however many of its tasks run at once.

    Without RUN: all runs by day, and the slowest and dearest ones.
    """
    if run is None and at is not None:
        raise click.UsageError("--at requires RUN")
    from tui.cli import stats_report as report

    now = time.time()

    async def of_run(reader: Reader, name: str) -> tuple[Document, str]:
        from store.database.analysis import Scope, analyse, path_tasks
        from store.database.statistics_queries import StatisticsQueries
        from store.database.whole_run import whole_run

        async with whole_run(reader, name, at) as whole:
            moment = whole.moment
            analysis = await analyse(moment, Scope(moment, whole.parents), report.measured_to(whole, now))
            if not as_json:
                tasks = await path_tasks(moment, analysis, report.PATH_TASKS_MAX)
                return {}, "\n".join(report.run_text(whole, analysis, tasks, now))
            node_ids = await StatisticsQueries(reader, moment.row.key).node_ids()
            return report.run_document(whole, analysis, await path_tasks(moment, analysis), node_ids), ""

    async def answer(reader: Reader) -> tuple[Document, str]:
        if run is not None:
            return await of_run(reader, run)
        rows = await reader.runs()
        return report.runs_document(rows, now), "\n".join(report.runs_text(rows, now))

    document, text = query(db, answer)
    echo(json.dumps(document, indent=2) if as_json else text)
