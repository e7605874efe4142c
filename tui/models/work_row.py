"""An open step or call of a run as a row: of `treetop now` and of its screen. Pure."""

from collections.abc import Sequence

from store.model.silence import OpenWork
from store.model.span import Kind
from tui import format as fmt
from tui.models.columns import Cell, Column
from tui.models.name import path_name
from tui.text import clean
from tui.theme import Glyphs

COLUMNS = (
    Column("mark", "", 1),
    Column("silent", "SILENT", 7, right=True),
    Column("open", "OPEN", 7, right=True, needs=96),
    Column("usual", "USUAL", 7, right=True),
    Column("budget", "LATE AT", 7, right=True, needs=96),
    Column("what", "WAITS FOR", 22),
    Column("task", "TASK", 0),
    Column("run", "RUN", 30, needs=110),
)

WIDE_COLUMNS = (*COLUMNS[:5], Column("what", "WAITS FOR", 34), COLUMNS[6], Column("run", "RUN", 56))
"""Columns of a table of WIDE_CELLS or more."""

WIDE_CELLS = 160


def columns(width: int) -> Sequence[Column]:
    """The columns of a table of this width."""
    return WIDE_COLUMNS if width >= WIDE_CELLS else COLUMNS


def what(work: OpenWork) -> str:
    """What is open: kind, and model, tool or number of the step."""
    number = "" if work.span.number is None else str(work.span.number)
    return clean(f"{work.span.kind} {number if work.span.kind == Kind.STEP else work.name}".strip(), 80)


def task(work: OpenWork) -> str:
    """Name and goal of the task."""
    if work.span.node_id is None:
        return "no known task"
    return clean(f"{path_name(work.path)}  {work.goal or ''}".rstrip(), 400)


def state(work: OpenWork, now: float) -> str:
    """`late`, `waits`, `interrupted`, or empty."""
    if work.is_interrupted(now):
        return "interrupted"
    return "waits" if work.waiting else "late" if work.is_late(now) else ""


def cell(name: str, work: OpenWork, now: float, glyphs: Glyphs) -> Cell:
    """One cell of a row by the name of its column."""
    state_of = state(work, now)
    late = state_of == "late"
    quiet = "muted" if state_of in ("", "late") else "faint"
    match name:
        case "mark":
            mark = {"late": "error", "waits": "none", "interrupted": "silent"}.get(state_of, "active")
            return Cell(glyphs(mark), "failed" if late else "active" if mark == "active" else "faint")
        case "silent":
            text = "waits" if state_of == "waits" else fmt.duration(work.silent_for(now))
            return Cell(text, "failed" if late else "faint" if state_of else "text")
        case "open":
            return Cell(fmt.duration(work.open_for(now)), quiet)
        case "usual":
            return Cell("" if work.usual is None else fmt.duration(work.usual.p50), quiet)
        case "budget":
            return Cell("" if work.waiting else fmt.duration(work.budget), quiet)
        case "what":
            return Cell(what(work), "failed" if late else "faint" if state_of else "label")
        case "task":
            return Cell(task(work), "strong" if late else "faint" if state_of else "text")
        case _:
            return Cell(clean(work.run.run.goal or work.run.run.run_id, 200), quiet)


def summary(works: Sequence[OpenWork], now: float) -> str:
    """How many are open and late, in how many runs."""
    if not works:
        return "no live run does anything now"
    runs = fmt.exactly(len({work.run.key for work in works}), "run")
    late = sum(work.is_late(now) and not work.is_interrupted(now) for work in works)
    return f"{len(works):,} at work in {runs}, {late:,} late"
