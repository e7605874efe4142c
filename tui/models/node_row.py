"""The row of a node in the tree: guides, status, name, goal and present activity. Pure."""

from collections.abc import Iterable

from rich.cells import set_cell_size

from store.model.alarm import DEPTH_MAX
from store.model.phase import errors
from store.model.record import Stored
from store.model.runaway import task_runaways
from store.model.state import Node
from tui import format as fmt
from tui.models.columns import Cell, clip, fit, pad
from tui.models.node_column import figure, tree_columns
from tui.models.open_work import NO_WORK
from tui.models.outline_row import Row
from tui.models.pair import as_one, is_execution
from tui.models.snapshot import TreeNodes
from tui.models.summary import activity
from tui.text import clean
from tui.theme import DIM_ROLES, Glyphs, event_name, node_mark

BRIEF_CELLS = 56
"""Width of a row, in cells, below which an activity is shown as one word, and of a change only the new status."""

GUIDE_SHARE = 0.25
"""Maximum share of a row's width that guides take. Deeper levels are counted instead of drawn."""


def max_guides(width: int) -> int:
    """Number of levels whose guides are drawn in a row of `width` cells."""
    return max(int(width * GUIDE_SHARE) // 2, 2)


def guides(row: Row, glyphs: Glyphs) -> str:
    """The lines that lead from the root to a row. Levels that are not drawn are counted."""
    if row.depth == 0:
        return ""
    omitted = row.depth - 1 - len(row.guides)
    deep = f"{omitted}{glyphs('more')}" if omitted else ""
    lines = "".join(glyphs("guide-on" if on else "guide-off") for on in row.guides)
    return deep + lines + glyphs("guide-end" if row.last else "guide-tee")


def row_cells(
    row: Row, shown: TreeNodes, width: int, own: bool, glyphs: Glyphs, selected: bool = False, skipped: int = 0
) -> Iterable[Cell]:
    """The cells of a row, `width` cells wide. A node that was not read yet is a placeholder.

    `own`: tokens and cost are those of the node alone. A row that is selected, at work or failed is not dimmed.
    `skipped`: cells of the goal that are scrolled out on the left.
    """
    node = shown.nodes.get(row.node)
    if node is None:
        yield Cell(pad(f"{guides(row, glyphs)}{glyphs('leaf')} {glyphs('more')}", width), "guide")
        return
    if row.execution is not None:
        node = as_one(node, shown.nodes.get(row.execution))
    at_work = node.working or (row.hidden and row.node in shown.beneath)
    bright = selected or at_work or _failures(row, node) or node_mark(node)[1] == "failed"
    for text, role in _cells(row, node, shown, width, own, glyphs, skipped):
        yield Cell(text, "text" if bright and role in DIM_ROLES else role)


def _cells(row: Row, node: Node, shown: TreeNodes, width: int, own: bool, glyphs: Glyphs, skipped: int) -> Iterable[Cell]:
    columns = fit(tree_columns(width, shown, own), width)
    now_apart = any(column.name == "now" for column, _ in columns)
    for column, size in columns:
        if column.name == "task":
            yield from _label(row, node, shown, size, now_apart, glyphs, skipped)
        else:
            text, role = figure(column.name, row, node, shown, own, glyphs)
            yield Cell(pad(_shortened(text, size, glyphs), size, column.right, glyphs("more")), role)
        yield Cell(" ")


def _shortened(text: str, width: int, glyphs: Glyphs) -> str:
    """An activity in at most `width` cells: of the words before the duration, only the beginning is kept."""
    what, _, since = text.rpartition(" ")
    fits = len(text) <= width or not what
    return text if fits else f"{pad(what, width - len(since) - 1, more=glyphs('more'))} {since}"


def _label(
    row: Row, node: Node, shown: TreeNodes, width: int, now_apart: bool, glyphs: Glyphs, skipped: int
) -> Iterable[Cell]:
    """Guides, mark, status, planner's name and goal, in exactly `width` cells.

    `now_apart`: the present activity has its own column.
    """
    mark, role = node_mark(node)
    fold = glyphs("expanded" if row.expanded else "collapsed") if row.expandable else glyphs("leaf")
    name = clean(shown.names.get(row.node, node.nid or ""), 20) if node.nid else ""
    cells = [Cell(guides(row, glyphs), "guide"), Cell(f"{fold} ", "muted"), Cell(f"{glyphs(mark)} ", role)]
    if shown.critical and not shown.critical.isdisjoint((row.node, row.execution)):
        cells.append(Cell(f"{glyphs('critical')} ", "critical"))
    if node.loop is not None:
        cells.append(Cell(f"{glyphs('loop')} ", "failed"))
    if is_execution(node):
        goal_role = "faint"
    else:
        goal_role = "muted" if node.status == "FINISH" else "strong" if node.working or row.depth == 0 else "text"
    if name:
        cells.append(Cell(f"{name} ", "label"))
    goal = clean(node.current_goal or "") or f"(not announced yet) {clean(node.node_id, 40)}"
    if skipped:
        goal = f"{glyphs('more')}{goal[len(set_cell_size(goal, skipped).rstrip()) :]}"
    tails = list(_tails(row, node, shown, width, now_apart, glyphs))
    yield from clip([*cells, Cell(goal, goal_role)], width, tails, glyphs("more"))


def _tails(row: Row, node: Node, shown: TreeNodes, width: int, now_apart: bool, glyphs: Glyphs) -> Iterable[Cell]:
    """What follows the goal: errors, number of hidden nodes, and the event at the position or the present activity.

    A row that hides nodes has their errors and their activity.
    """
    for found in task_runaways(node, row.depth if row.depth == DEPTH_MAX + 1 else 0)[:1]:  # beneath, all are too deep
        yield Cell(f" {glyphs('runaway')}{'' if width < BRIEF_CELLS else f' {found.sign}'}", "failed")
    if failures := _failures(row, node):
        yield Cell(f" {glyphs('error')}{fmt.count(failures)}", "failed")
    if row.hidden and row.execution is None:
        yield Cell(f" +{fmt.count(row.hidden)}", "muted")
    highlight, beneath = shown.highlight, shown.beneath.get(row.node, NO_WORK)
    if highlight is not None and highlight.node == row.node:
        yield Cell(" ")
        yield Cell(f" {_change(highlight.event, width < BRIEF_CELLS, glyphs)} ", "lit")
    elif now_apart:
        return
    elif node.working:
        yield Cell(f" {activity(node, shown.now, brief=width < BRIEF_CELLS)}", "active")
    elif row.hidden and beneath.tasks:
        yield Cell(f" {glyphs('active')}{fmt.count(beneath.tasks)}", "active")


def _failures(row: Row, node: Node) -> int:
    """Number of errors of a node and of those that its row hides."""
    return node.total.errors if row.hidden and row.execution is None else errors(node)


def _change(stored: Stored, brief: bool, glyphs: Glyphs) -> str:
    """What an event changes in its node. `brief`: without the status before."""
    if stored.status is None:
        return event_name(stored.event.type)[0]
    old = "" if brief else clean(stored.old_status or "unknown", 20)
    return f"{old} {glyphs('arrow')} {clean(stored.status, 20)}".strip()
