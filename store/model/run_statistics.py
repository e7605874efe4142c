"""Statistics of many runs: by day, the slowest and the dearest. Pure."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime

from msgspec import Struct

from store.model.phase import Phase, elapsed, errors, phase
from store.model.state import Run
from store.model.statistics import percentile

EXTREMES = 5
"""Maximum number of slowest runs, and of dearest runs."""


class Day(Struct, frozen=True):
    """The runs that began on a day."""

    day: date
    runs: int
    finished: int
    failed: int
    seconds: float
    """Sum of their durations."""
    p50: float | None
    """Median of their durations; None if none is known."""
    llm_calls: int
    cost: float | None
    """US dollars, of the calls with a known cost."""
    unpriced: int
    """Number of ended LLM calls without a known cost."""
    errors: int


def by_day(runs: Iterable[Run], now: float) -> list[Day]:
    """Runs by the local day on which they began, the latest day first. Runs without a time are left out."""
    found: dict[date, list[Run]] = {}
    for run in runs:
        day = day_of(run)
        if day is not None:
            found.setdefault(day, []).append(run)
    return [_day(day, found[day], now) for day in sorted(found, reverse=True)]


def day_of(run: Run) -> date | None:
    """The local day on which a run began; None if it has no time."""
    if run.started is None:
        return None
    try:
        return datetime.fromtimestamp(run.started).astimezone().date()
    except (ValueError, OverflowError, OSError):  # a time beyond the years of the calendar
        return None


def _day(day: date, runs: Sequence[Run], now: float) -> Day:
    phases = [phase(run, now) for run in runs]
    durations = sorted(seconds for run in runs if (seconds := elapsed(run, now)) is not None)
    known = [run.cost for run in runs if run.cost is not None]
    return Day(
        day=day,
        runs=len(runs),
        finished=phases.count(Phase.FINISHED),
        failed=phases.count(Phase.FAILED),
        seconds=sum(durations),
        p50=percentile(durations, 0.5),
        llm_calls=sum(run.llm_calls for run in runs),
        cost=sum(known) if known else None,
        unpriced=sum(run.unpriced for run in runs),
        errors=sum(map(errors, runs)),
    )


def slowest(runs: Iterable[Run], now: float) -> list[Run]:
    """The runs that took longest, at most EXTREMES."""
    timed = [(seconds, run) for run in runs if (seconds := elapsed(run, now)) is not None]
    return [run for _, run in sorted(timed, key=lambda one: -one[0])[:EXTREMES]]


def dearest(runs: Iterable[Run]) -> list[Run]:
    """The runs with the highest known costs, at most EXTREMES."""
    priced = [(run.cost, run) for run in runs if run.cost is not None]
    return [run for _, run in sorted(priced, key=lambda one: -one[0])[:EXTREMES]]
