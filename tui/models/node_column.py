"""The columns of the tree: which of them fit a width, and the figures of a node in them. Pure."""

from collections.abc import Sequence

from store.model.state import Node, Sums
from tui import format as fmt
from tui.models.columns import Cell, Column
from tui.models.open_work import NO_WORK
from tui.models.outline_row import Row
from tui.models.snapshot import TreeNodes
from tui.models.summary import activity, own_time, total_time
from tui.text import clean
from tui.theme import Glyphs, task_name

TASK_MIN_CELLS = 37
"""Cells that the other columns leave to the task: of a task two levels deep, its goal has about 24 of them."""

ROOMY_TASK_CELLS = 60
"""Cells that a cost leaves to the task in a run without any known cost."""

NARROW_TASK_CELLS = 24
"""Cells that the total time, which is the most important column, leaves to the task."""


def tree_columns(width: int, shown: TreeNodes, own: bool) -> Sequence[Column]:
    """The columns of a tree of this width, for `columns.fit`. `own`: tokens and cost are those of the tasks alone."""
    if shown.bare:
        return [Column("task", "TASK", 0)]
    alone = "/own" if own else ""
    total = Column("total", "TOTAL", 6, right=True, needs=NARROW_TASK_CELLS)
    tokens = Column("tokens", f"TOK{alone or 'ENS'}", 7, right=True, needs=TASK_MIN_CELLS)
    cost = Column("cost", f"COST{alone}", 9, right=True, needs=TASK_MIN_CELLS if shown.priced else ROOMY_TASK_CELLS)
    present = Column("now", "NOW", 14, needs=TASK_MIN_CELLS)
    kind = Column("type", "TYPE", 6, needs=TASK_MIN_CELLS)
    alone_time = Column("own", "OWN", 6, right=True, needs=TASK_MIN_CELLS)
    spent = (cost, tokens) if shown.priced else (tokens, cost)
    left, fitting = width - 1, dict[str, Column]()
    for column in (total, *spent[:1], *([present] if shown.active else []), kind, alone_time, spent[1]):
        twice = column is kind and "now" in fitting
        if not twice and left - column.width - 1 >= column.needs:
            fitting[column.name] = column
            left -= column.width + 1
    order = ("now", "type", "own", "total", "tokens", "cost")
    return [Column("task", "TASK", 0), *(fitting[name]._replace(needs=0) for name in order if name in fitting)]


def figure(name: str, row: Row, node: Node, shown: TreeNodes, own: bool, glyphs: Glyphs) -> Cell:
    """The cell of a node in a column other than the task. In the row of a pair, `node` is the task with its execution."""
    task, alone = shown.nodes.get(row.node, node), name == "own" and row.execution is None
    beneath = shown.beneath.get(row.node, NO_WORK)
    match name:
        case "now":
            if node.working:
                return Cell(activity(node, shown.now, brief=True), "active")
            if row.hidden and beneath.tasks:
                return Cell(f"{glyphs('active')} {fmt.count(beneath.tasks)} at work", "active")
            return _type(node)
        case "type":
            return _type(node)
        case "own" | "total":
            seconds = own_time(task, shown.now) if alone else total_time(task, beneath, shown.now)
            at_work = node.working or (name == "total" and beneath.tasks)
            role = "active" if at_work else "muted" if name == "own" else "text"
            return Cell("" if seconds is None else fmt.duration(seconds), role)
    sums = node.own if own else node.total
    if not sums.llm_calls:
        return Cell(glyphs("none"), "faint")
    return _tokens(sums) if name == "tokens" else _cost(sums)


def _type(node: Node) -> Cell:
    text, role = task_name(node.task_type)
    return Cell(clean(text, 20), role)


def _tokens(sums: Sums) -> Cell:
    """Tokens in and out; `n/a` if no call published them."""
    known = sums.tokens_known > 0
    return Cell(fmt.count(sums.tokens_in + sums.tokens_out) if known else fmt.UNKNOWN, "text" if known else "faint")


def _cost(sums: Sums) -> Cell:
    """The cost, which is a floor if calls have no known cost; `n/a` if none has."""
    known = sums.cost_known > 0
    return Cell(fmt.cost(sums.cost if known else None, sums.unpriced), "text" if known else "faint")
