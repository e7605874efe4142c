"""The words and figures of statistics, the same on the command line and on the screens. Pure."""

from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

from store.model.critical_path import CriticalPath
from store.model.run_statistics import Day
from store.model.span import Kind
from store.model.statistics import Group, dimension_kind
from tui import format as fmt
from tui.models import summary
from tui.text import clean

T = TypeVar("T")

DIMENSION_TITLES = {
    "model": "MODEL",
    "tool": "TOOL",
    "agent": "AGENT",
    "action": "ACTION",
    "type": "TASK TYPE",
    "depth": "DEPTH",
}

PATH_TITLE = "CRITICAL PATH"

NONE = "-"
"""Text in place of the number 0."""


class Figure(NamedTuple, Generic[T]):
    """A column of a table: its title, the text of a row, and the value by which rows are sorted."""

    title: str
    text: Callable[[T], str]
    value: Callable[[T], float]


GROUP_FIGURES: dict[str, Figure[Group]] = {
    "count": Figure("COUNT", lambda group: fmt.count(group.count), lambda group: group.count),
    "failed": Figure("FAILED", lambda group: number(failed(group)), lambda group: failed(group)),
    "retries": Figure("RETRIES", lambda group: number(group.retries), lambda group: group.retries),
    "tokens": Figure(
        "TOKENS",
        lambda group: summary.tokens(group.tokens_in, group.tokens_out),
        lambda group: summary.total(group.tokens_in, group.tokens_out) or 0,
    ),
    "cost": Figure("COST", lambda group: fmt.cost(group.cost, group.unpriced), lambda group: group.cost or 0.0),
    "p50": Figure("P50", lambda group: fmt.duration(group.percentile(0.5)), lambda group: group.percentile(0.5) or 0.0),
    "p95": Figure("P95", lambda group: fmt.duration(group.percentile(0.95)), lambda group: group.percentile(0.95) or 0.0),
    "max": Figure("MAX", lambda group: fmt.duration(group.percentile(1.0)), lambda group: group.percentile(1.0) or 0.0),
    "time": Figure(
        "TIME", lambda group: fmt.duration(group.seconds if group.durations else None), lambda group: group.seconds
    ),
    "share": Figure("SHARE", lambda group: share(group.share), lambda group: group.seconds),
}
"""Figures of a group, by the name of their column."""

WITHOUT = {Kind.STEP: ("retries", "tokens", "cost"), Kind.TOOL: ("tokens",)}
"""By kind of spans: the columns that stay empty, because agents publish no such figure for the kind."""

DAY_FIGURES: dict[str, Figure[Day]] = {
    "runs": Figure("RUNS", lambda day: str(day.runs), lambda day: day.runs),
    "finished": Figure("FINISHED", lambda day: number(day.finished), lambda day: day.finished),
    "failed": Figure("FAILED", lambda day: number(day.failed), lambda day: day.failed),
    "time": Figure("TIME", lambda day: fmt.duration(day.seconds), lambda day: day.seconds),
    "p50": Figure("P50", lambda day: fmt.duration(day.p50), lambda day: day.p50 or 0.0),
    "llm": Figure("LLM", lambda day: fmt.count(day.llm_calls), lambda day: day.llm_calls),
    "cost": Figure("COST", lambda day: fmt.cost(day.cost, day.unpriced), lambda day: day.cost or 0.0),
    "errors": Figure("ERR", lambda day: number(day.errors), lambda day: day.errors),
}
"""Figures of a day, by the name of their column."""


def path_line(path: CriticalPath) -> str:
    """`19m00s of work, 4m12s on the critical path: could run 4.5 wide`."""
    if path.width is None:
        return "no work has been measured"
    work, length = fmt.duration(path.work), fmt.duration(path.length)
    return f"{work} of work, {length} on the critical path: could run {path.width:.1f} wide"


def group_title(group: Group, width: int) -> str:
    """The name of a group, in this width, and the number of its open spans: `search, 1 open`."""
    name = clean(group.name, width)
    return f"{name}, {fmt.count(group.open)} open" if group.open else name


def group_texts(dimension: str, group: Group) -> dict[str, str]:
    """The text of each figure of a group by the name of its column."""
    empty = WITHOUT.get(dimension_kind(dimension), ())
    return {name: "" if name in empty else figure.text(group) for name, figure in GROUP_FIGURES.items()}


def failed(group: Group) -> int:
    """Number of spans that failed or were aborted."""
    return group.failed + group.aborted


def number(count: int) -> str:
    """A count; NONE for 0."""
    return fmt.count(count) if count else NONE


def share(part: float) -> str:
    """A part of a whole: `59%`."""
    return f"{part:.0%}"
