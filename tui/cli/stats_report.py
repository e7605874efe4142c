"""Statistics of runs as text for people and as JSON documents."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime

from store.database.analysis import Analysis
from store.database.whole_run import WholeRun
from store.model.critical_path import CriticalPath
from store.model.document import Document
from store.model.phase import Phase, elapsed, errors, latest_time, phase
from store.model.record import RunRow
from store.model.state import Run
from store.model.statistics import Group, percentile
from tui import format as fmt
from tui.cli.table import table
from tui.models import summary
from tui.text import clean

EXTREMES = 5
"""Number of the slowest and of the dearest runs that are listed."""

PATH_TASKS_MAX = 12
"""Number of tasks of the critical path that are printed, those with the most work. JSON has all of them."""

TITLES = {
    "model": "MODEL",
    "tool": "TOOL",
    "agent": "AGENT",
    "action": "ACTION",
    "type": "TASK TYPE",
    "depth": "DEPTH",
}


def measured_to(whole: WholeRun, now: float) -> float:
    """The time up to which open steps of a run have worked."""
    return summary.measured_to(whole.run, now if whole.stored is None else latest_time(whole.run))


# One run


def run_text(whole: WholeRun, analysis: Analysis, now: float) -> Iterator[str]:
    """The critical path, and a table for each dimension that has spans."""
    run, path = whole.run, analysis.path
    at = "" if whole.stored is None else f"at event {run.events:,} of {whole.stored:,}, "
    yield clean(run.goal or run.run_id)
    took = fmt.duration(elapsed(run, now if whole.stored is None else latest_time(run)))
    yield f"{clean(run.run_id)}: {at}{took}, {fmt.full_cost(run.cost, run.unpriced)}"
    yield ""
    yield _path_line(path)
    yield from _path_table(analysis)
    for dimension, groups in analysis.groups.items():
        if groups:
            yield ""
            yield from _group_table(TITLES[dimension], groups)


def _path_line(path: CriticalPath) -> str:
    """`19m00s of work, 4m12s on the critical path: could run 4.5 wide`."""
    if path.width is None:
        return "no work has been measured"
    work, length = fmt.duration(path.work), fmt.duration(path.length)
    return f"{work} of work, {length} on the critical path: could run {path.width:.1f} wide"


def _path_table(analysis: Analysis) -> Iterator[str]:
    seconds = _seconds_on_path(analysis.path)
    shown = sorted(seconds, key=lambda node_id: -seconds[node_id])[:PATH_TASKS_MAX]
    if not shown:
        return
    yield ""
    rows = []
    for node_id in seconds:
        if node_id in shown:
            nid, goal = analysis.names[node_id]
            share = seconds[node_id] / analysis.path.length
            rows.append(
                (fmt.duration(seconds[node_id]), f"{share:.0%}", clean(f"{nid or ''} {goal or node_id}".strip(), 100))
            )
    yield from table(("OWN", "SHARE", "CRITICAL PATH"), rows, right=(0, 1))
    if len(seconds) > len(shown):
        yield f"and {fmt.exactly(len(seconds) - len(shown), 'task')} with less work"


def _seconds_on_path(path: CriticalPath) -> dict[str, float]:
    """Own work of each task on the path, in the order of the path."""
    return {node_id: path.seconds[node_id] for node_id in path.path}


def _group_table(title: str, groups: Sequence[Group]) -> list[str]:
    titles = (title, "COUNT", "FAILED", "RETRIES", "TOKENS", "COST", "P50", "P95", "MAX", "TIME", "SHARE")
    rows = [
        (
            clean(group.name, 40),
            fmt.count(group.count),
            str(group.failed + group.aborted or "-"),
            str(group.retries or "-"),
            summary.tokens(group.tokens_in, group.tokens_out),
            fmt.cost(group.cost, group.unpriced),
            *(fmt.duration(group.percentile(part)) for part in (0.5, 0.95, 1.0)),
            fmt.duration(group.seconds),
            f"{group.share:.0%}",
        )
        for group in groups
    ]
    return table(titles, rows, right=range(1, len(titles)))


def run_document(whole: WholeRun, analysis: Analysis) -> Document:
    """The same numbers as JSON. Durations are in seconds."""
    path = analysis.path
    return {
        "run_id": whole.run.run_id,
        "position": whole.run.events,
        "work_seconds": path.work,
        "critical_seconds": path.length,
        "width": path.width,
        "critical_path": [
            {"node": node_id, "nid": analysis.names[node_id][0], "own_seconds": seconds}
            for node_id, seconds in _seconds_on_path(path).items()
        ],
        "slack_seconds": path.slack,
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
    days = [
        (
            day.isoformat(),
            str(len(runs)),
            *(str(_count(runs, kind, now) or "-") for kind in (Phase.FINISHED, Phase.FAILED)),
            fmt.duration(sum(elapsed(run, now) or 0.0 for run in runs)),
            fmt.duration(percentile(_durations(runs, now), 0.5)),
            fmt.count(sum(run.llm_calls for run in runs)),
            fmt.cost(*_cost(runs)),
            str(sum(map(errors, runs)) or "-"),
        )
        for day, runs in _by_day(rows).items()
    ]
    titles = ("DAY", "RUNS", "FINISHED", "FAILED", "TIME", "P50", "LLM", "COST", "ERR")
    yield from table(titles, days, right=range(1, len(titles)))
    for title, runs in (("SLOWEST", _slowest(rows, now)), ("DEAREST", _dearest(rows))):
        if runs:
            yield ""
            found = [
                (
                    fmt.duration(elapsed(run, now)),
                    fmt.cost(run.cost, run.unpriced),
                    clean(run.run_id, 40),
                    clean(run.goal or "", 80),
                )
                for run in runs
            ]
            yield from table(("TIME", "COST", title, "GOAL"), found, right=(0, 1))


def runs_document(rows: Sequence[RunRow], now: float) -> Document:
    """The same numbers as JSON. Durations are in seconds."""
    return {
        "days": [
            {
                "day": day.isoformat(),
                "runs": len(runs),
                "finished": _count(runs, Phase.FINISHED, now),
                "failed": _count(runs, Phase.FAILED, now),
                "seconds": sum(elapsed(run, now) or 0.0 for run in runs),
                "p50": percentile(_durations(runs, now), 0.5),
                "llm_calls": sum(run.llm_calls for run in runs),
                "cost": _cost(runs)[0],
                "unpriced_calls": _cost(runs)[1],
                "errors": sum(map(errors, runs)),
            }
            for day, runs in _by_day(rows).items()
        ],
        "slowest": [{"run_id": run.run_id, "seconds": elapsed(run, now)} for run in _slowest(rows, now)],
        "dearest": [{"run_id": run.run_id, "cost": run.cost, "unpriced_calls": run.unpriced} for run in _dearest(rows)],
    }


def _by_day(rows: Iterable[RunRow]) -> dict[date, list[Run]]:
    """Runs by the local day on which they began, the latest day first. Runs without a time are left out."""
    found: dict[date, list[Run]] = {}
    for row in rows:
        if row.run.started is not None:
            found.setdefault(datetime.fromtimestamp(row.run.started).astimezone().date(), []).append(row.run)
    return dict(sorted(found.items(), reverse=True))


def _count(runs: Iterable[Run], wanted: Phase, now: float) -> int:
    return sum(phase(run, now) == wanted for run in runs)


def _durations(runs: Iterable[Run], now: float) -> list[float]:
    return sorted(seconds for run in runs if (seconds := elapsed(run, now)) is not None)


def _cost(runs: Sequence[Run]) -> tuple[float | None, int]:
    """The known cost of runs, and the number of their calls without one."""
    known = [run.cost for run in runs if run.cost is not None]
    return sum(known) if known else None, sum(run.unpriced for run in runs)


def _slowest(rows: Iterable[RunRow], now: float) -> list[Run]:
    runs = [row.run for row in rows if elapsed(row.run, now) is not None]
    return sorted(runs, key=lambda run: -(elapsed(run, now) or 0.0))[:EXTREMES]


def _dearest(rows: Iterable[RunRow]) -> list[Run]:
    runs = [row.run for row in rows if row.run.cost is not None]
    return sorted(runs, key=lambda run: -(run.cost or 0.0))[:EXTREMES]
