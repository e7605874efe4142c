"""Statistics of runs as text for people and as JSON documents."""

from collections.abc import Iterator, Sequence

from store.database.analysis import Analysis
from store.database.whole_run import WholeRun
from store.model.document import Document
from store.model.phase import elapsed, latest_time
from store.model.record import PathTask, RunRow
from store.model.run_statistics import Day, by_day, dearest, slowest
from store.model.statistics import Group
from tui import format as fmt
from tui.cli.table import table
from tui.models import summary
from tui.models.statistics_text import (
    DAY_FIGURES,
    DIMENSION_TITLES,
    GROUP_FIGURES,
    PATH_TITLE,
    group_texts,
    group_title,
    path_line,
    share,
)
from tui.text import clean

PATH_TASKS_MAX = 12
"""Number of tasks of the critical path that are printed, those with the most work. JSON has all of them."""


def measured_to(whole: WholeRun, now: float) -> float:
    """The time up to which open steps of a run have worked."""
    return summary.measured_to(whole.run, now if whole.stored is None else latest_time(whole.run))


# One run


def run_text(whole: WholeRun, analysis: Analysis, tasks: Sequence[PathTask], now: float) -> Iterator[str]:
    """The critical path with some of its tasks, and a table for each dimension that has spans."""
    run = whole.run
    at = "" if whole.stored is None else f"at event {run.events:,} of {whole.stored:,}, "
    yield clean(run.goal or run.run_id)
    took = fmt.duration(elapsed(run, now if whole.stored is None else latest_time(run)))
    yield f"{clean(run.run_id)}: {at}{took}, {fmt.full_cost(run.cost, run.unpriced)}"
    yield ""
    yield path_line(analysis.path)
    yield from _path_table(analysis, tasks)
    for dimension, groups in analysis.groups.items():
        if groups:
            yield ""
            yield from _group_table(dimension, groups)


def _path_table(analysis: Analysis, tasks: Sequence[PathTask]) -> Iterator[str]:
    if not tasks:
        return
    yield ""
    rows = [
        (
            fmt.duration(task.seconds),
            share(task.seconds / analysis.path.length),
            clean(f"{task.nid or ''} {task.goal or task.node_id}".strip(), 100),
        )
        for task in tasks
    ]
    yield from table(("OWN", "SHARE", PATH_TITLE), rows, right=(0, 1))
    more = len(set(analysis.path.path)) - len(tasks)
    if more:
        yield f"and {fmt.exactly(more, 'task')} with less work"


def _group_table(dimension: str, groups: Sequence[Group]) -> list[str]:
    texts = [group_texts(dimension, group) for group in groups]
    shown = [name for name in GROUP_FIGURES if any(text[name] for text in texts)]
    titles = (DIMENSION_TITLES[dimension], *(GROUP_FIGURES[name].title for name in shown))
    rows = [(group_title(group, 40), *map(text.__getitem__, shown)) for group, text in zip(groups, texts, strict=True)]
    return table(titles, rows, right=range(1, len(titles)))


def run_document(whole: WholeRun, analysis: Analysis, tasks: Sequence[PathTask], node_ids: Sequence[str]) -> Document:
    """The same numbers as JSON. Durations are in seconds. `node_ids`: the id of each node of the run."""
    path = analysis.path
    return {
        "run_id": whole.run.run_id,
        "position": whole.run.events,
        "work_seconds": path.work,
        "critical_seconds": path.length,
        "width": path.width,
        "critical_path": [{"node": task.node_id, "nid": task.nid, "own_seconds": task.seconds} for task in tasks],
        "slack_seconds": dict(zip(node_ids, path.slack, strict=False)),  # nodes born later have none
        **{dimension: [_group_document(group) for group in groups] for dimension, groups in analysis.groups.items()},
    }


def _group_document(group: Group) -> Document:
    return {
        "name": group.name,
        "count": group.count,
        "open": group.open,
        "failed": group.failed,
        "aborted": group.aborted,
        "retries": group.retries,
        "tokens_in": group.tokens_in,
        "tokens_out": group.tokens_out,
        "cost": group.cost,
        "unpriced_calls": group.unpriced,
        "seconds": group.seconds,
        "share": group.share,
        "p50": group.percentile(0.5),
        "p95": group.percentile(0.95),
        "max": group.percentile(1.0),
    }


# All runs


def runs_text(rows: Sequence[RunRow], now: float) -> Iterator[str]:
    """A table of days, and the slowest and dearest runs."""
    if not rows:
        yield "no runs yet"
        return
    runs = [row.run for row in rows]
    figures = DAY_FIGURES.values()
    days = [(day.day.isoformat(), *(figure.text(day) for figure in figures)) for day in by_day(runs, now)]
    titles = ("DAY", *(figure.title for figure in figures))
    yield from table(titles, days, right=range(1, len(titles)))
    for title, extremes in (("SLOWEST", slowest(runs, now)), ("DEAREST", dearest(runs))):
        if extremes:
            yield ""
            found = [
                (
                    fmt.duration(elapsed(run, now)),
                    fmt.cost(run.cost, run.unpriced),
                    clean(run.run_id, 40),
                    clean(run.goal or "", 80),
                )
                for run in extremes
            ]
            yield from table(("TIME", "COST", title, "GOAL"), found, right=(0, 1))


def runs_document(rows: Sequence[RunRow], now: float) -> Document:
    """The same numbers as JSON. Durations are in seconds."""
    runs = [row.run for row in rows]
    return {
        "days": [_day_document(day) for day in by_day(runs, now)],
        "slowest": [{"run_id": run.run_id, "seconds": elapsed(run, now)} for run in slowest(runs, now)],
        "dearest": [{"run_id": run.run_id, "cost": run.cost, "unpriced_calls": run.unpriced} for run in dearest(runs)],
    }


def _day_document(day: Day) -> Document:
    return {
        "day": day.day.isoformat(),
        "runs": day.runs,
        "finished": day.finished,
        "failed": day.failed,
        "seconds": day.seconds,
        "p50": day.p50,
        "llm_calls": day.llm_calls,
        "cost": day.cost,
        "unpriced_calls": day.unpriced,
        "errors": day.errors,
    }
