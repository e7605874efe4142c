"""The statistics of all runs as rows of a table: days, the slowest and the dearest runs. Pure."""

from collections.abc import Sequence
from datetime import date

from store.model.phase import elapsed, errors
from store.model.run_statistics import Day, by_day, day_of, dearest, slowest
from store.model.state import Run
from tui import format as fmt
from tui.models.columns import Cell, Column
from tui.models.statistics_text import DAY_FIGURES, NONE, number
from tui.models.table_section import BAR, TableRow, TableSection, TableSections
from tui.text import clean

COLUMNS = (
    Column("name", "DAY", 0),
    Column("runs", "RUNS", 6, right=True),
    Column("finished", "FINISHED", 9, right=True),
    Column("failed", "FAILED", 7, right=True),
    Column("time", "TIME", 7, right=True),
    Column("p50", "P50", 6, right=True),
    Column("llm", "LLM", 6, right=True, needs=90),
    Column("cost", "COST", 10, right=True),
    Column("errors", "ERR", 5, right=True),
    Column(BAR, "", 24, needs=120),
)

SORTS = ("name", "time", "cost", "runs", "finished", "failed", "p50", "llm", "errors")
"""The columns that can order the days, those through which a key goes. `name`: the latest day first."""

DAY, RUN = "day", "run"
"""Kinds of keys of rows: the date of a day, the id of a run."""


def sections(runs: Sequence[Run], now: float, day: date | None, sort: str, backwards: bool, hint: str) -> TableSections:
    """The rows of a table. `day`: the day of the slowest and dearest runs; None: any."""
    if not runs:
        return TableSections(hint=hint)
    days = by_day(runs, now)
    if sort != "name":
        days.sort(key=DAY_FIGURES[sort].value, reverse=True)
    if backwards:
        days.reverse()
    longest = max((one.seconds for one in days), default=0.0)
    chosen = [run for run in runs if day is None or day_of(run) == day]
    of = "" if day is None else f" OF {day.isoformat()}"
    found = [TableSection("BY DAY", [_day_row(one, longest) for one in days])]
    for title, extremes in (("SLOWEST", slowest(chosen, now)), ("DEAREST", dearest(chosen))):
        if extremes:
            rows = [_run_row(title, run, now) for run in extremes]
            found.append(TableSection(f"{title}{of}", rows))
    return TableSections(found)


def lead(runs: Sequence[Run], now: float) -> str:
    """`6 runs on 2 days: 2 finished, 1 failed, 2h15m, ≥ $0.58`."""
    days = by_day(runs, now)
    if not days:
        return ""
    known = [day.cost for day in days if day.cost is not None]
    facts = (
        f"{fmt.count(sum(day.finished for day in days))} finished",
        f"{fmt.count(sum(day.failed for day in days))} failed",
        fmt.duration(sum(day.seconds for day in days)),
        fmt.cost(sum(known) if known else None, sum(day.unpriced for day in days)),
    )
    return f"{fmt.counted(len(runs), 'run')} on {fmt.counted(len(days), 'day')}: {', '.join(facts)}"


def _day_row(day: Day, longest: float) -> TableRow:
    cells = {"name": Cell(day.day.isoformat())}
    for name, figure in DAY_FIGURES.items():
        cells[name] = _cell(figure.text(day), "failed" if name in ("failed", "errors") else "text")
    return TableRow((DAY, day.day.isoformat()), cells, part=day.seconds / longest if longest else 0.0)


def _run_row(title: str, run: Run, now: float) -> TableRow:
    cells = {
        "name": Cell(clean(run.goal or run.run_id, 300)),
        "time": _cell(fmt.duration(elapsed(run, now))),
        "cost": _cell(fmt.cost(run.cost, run.unpriced)),
        "llm": _cell(fmt.count(run.llm_calls)),
        "errors": _cell(number(errors(run)), "failed"),
    }
    return TableRow((f"{RUN} {title}", run.run_id), cells)


def _cell(text: str, role: str = "text") -> Cell:
    return Cell(text, "faint" if text in (NONE, fmt.UNKNOWN) else role)
