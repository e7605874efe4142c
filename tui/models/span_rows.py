"""The columns and cells of a list of steps and calls. Pure."""

from collections.abc import Mapping

from msgspec import Struct

from store.model.record import SpanRow
from store.model.span import Kind, Outcome, Span
from store.model.work import interval
from tui import format as fmt
from tui.models import summary
from tui.models.columns import Cell, Column
from tui.models.name import task_name
from tui.text import clean

COLUMNS = (
    Column("time", "TIME", 8, right=True),
    Column("mark", "", 1),
    Column("task", "TASK", 8),
    Column("label", "WHAT", 0),
    Column("duration", "LASTED", 8, right=True),
    Column("tokens", "TOKENS", 13, right=True),
    Column("cost", "COST", 9, right=True, needs=96),
    Column("outcome", "OUTCOME", 7),
)

LAYOUTS = {
    0: COLUMNS,
    116: (*COLUMNS[:3], Column("label", "WHAT", 36), *COLUMNS[4:], Column("goal", "GOAL", 0)),
}
"""The columns by the width of a table from which on it has them."""

SORTS = {"duration": "slowest first", "time": "newest first", "tokens": "most tokens first", "cost": "dearest first"}
"""The columns that order the rows, and the names of these orders."""

REVERSED = {"duration": "fastest first", "time": "oldest first", "tokens": "fewest tokens first", "cost": "cheapest first"}
"""The names of the reversed orders."""

_MARKS = {
    Outcome.OPEN: ("active", "active"),
    Outcome.OK: ("none", "faint"),
    Outcome.FAILED: ("error", "failed"),
    Outcome.ABORTED: ("aborted", "doing"),
}
"""Meaning and role of the glyph of an outcome."""


class SpanRows(Struct, frozen=True, eq=False):
    """The rows of a list of spans: how many, and those on the screen and near it."""

    version: int = 0
    """Number of the list. Rows have other numbers in another list."""
    count: int = 0
    start: float = 0.0
    """Time from which the times of spans are counted."""
    now: float = 0.0
    """Time up to which open spans have lasted."""
    row: int = 0
    """Row of the cursor."""
    rows: Mapping[int, SpanRow] = {}


def lasted(span: Span, now: float) -> float:
    """Seconds that a span lasted; 0 if that is unknown."""
    start, end = interval(span, now)
    return end - start


def figure(name: str, row: SpanRow, shown: SpanRows) -> tuple[str, str]:
    """Text and role of the cell of a span in a column."""
    span = row.span
    match name:
        case "time":
            return fmt.offset(span.since - shown.start), "muted"
        case "task":
            return ("" if row.node is None else clean(task_name(row.nid, row.outer_nid), 20)), "label"
        case "label":
            return clean(what(span), 100), "text"
        case "duration":
            known = span.open or span.aborted is not None or span.duration is not None
            text = fmt.duration(lasted(span, shown.now)) if known else fmt.UNKNOWN
            return text, "active" if span.open else "strong" if known else "faint"
        case "tokens":
            return ("" if span.kind != Kind.LLM else summary.tokens(span.tokens_in, span.tokens_out)), "muted"
        case "cost":
            return ("" if span.kind != Kind.LLM else fmt.dollars(span.cost)), "muted"
        case "outcome":
            return str(span.outcome), mark(span)[1]
    return clean(row.goal or "", 300), "muted"


def mark(span: Span) -> tuple[str, str]:
    """Meaning and role of the glyph of a span."""
    return _MARKS[span.outcome]


def what(span: Span) -> str:
    """What a span does: `SimpleExecutor gpt-4o-mini`, `BingBrowser.run`, `plan`."""
    if span.kind == Kind.LLM:
        return " ".join(filter(None, (span.label, span.answered or span.model))) or "llm"
    return span.label or ("working" if span.kind == Kind.STEP else "tool")


def cell(name: str, row: SpanRow, shown: SpanRows) -> Cell:
    """The cell of a span in a column with text."""
    return Cell(*figure(name, row, shown))
