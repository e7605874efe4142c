"""The statistics of a run as rows of a table: the critical path, and a section for each dimension. Pure."""

from collections.abc import Sequence

from msgspec import Struct

from store.model.critical_path import CriticalPath
from store.model.record import PathTask
from store.model.statistics import Group, Statistics
from tui import format as fmt
from tui.models.columns import Cell, Column
from tui.models.name import task_name
from tui.models.statistics_text import (
    DIMENSION_TITLES,
    GROUP_FIGURES,
    NONE,
    PATH_TITLE,
    failed,
    group_texts,
    group_title,
    share,
)
from tui.models.table_section import ACTIVITY, BAR, TableRow, TableSection, TableSections
from tui.text import clean

PATH_TASKS_SHOWN = 5
"""Number of tasks of the critical path that are listed, those with the most work."""

COLUMNS = (
    Column("name", "NAME", 0),
    Column("count", "COUNT", 6, right=True),
    Column("failed", "FAILED", 7, right=True),
    Column("retries", "RETRIES", 8, right=True, needs=96),
    Column("tokens", "TOKENS", 12, right=True, needs=106),
    Column("cost", "COST", 9, right=True),
    Column("p50", "P50", 6, right=True),
    Column("p95", "P95", 6, right=True),
    Column("max", "MAX", 6, right=True),
    Column("time", "TIME", 6, right=True),
    Column("share", "SHARE", 6, right=True),
    Column(ACTIVITY, "ACTIVITY", 12, needs=118),
)

LAYOUTS = {
    0: COLUMNS,
    150: (*COLUMNS[:-1], Column(BAR, "", 12), Column(ACTIVITY, "ACTIVITY", 24)),
    180: (*COLUMNS[:-1], Column(BAR, "", 20), Column(ACTIVITY, "ACTIVITY", 48)),
}
"""The columns by the width of a table from which on it has them."""

SORTS = ("share", "cost", "tokens", "count", "failed", "retries", "p50", "p95", "max", "name")
"""The columns through which a key goes."""

SORTED_BY = (*SORTS, "time")
"""The columns that a click on a title can select."""


class StatisticsShown(Struct, frozen=True, eq=False):
    """The statistics of a run, or of a task and everything beneath it, at a position."""

    groups: Statistics = {}
    path: CriticalPath = CriticalPath()
    tasks: Sequence[PathTask] = ()
    """Tasks of the critical path with the most work."""
    scope: str = ""
    """Name of the task; empty: the run."""


def sections(shown: StatisticsShown, sort: str, backwards: bool) -> TableSections:
    """The rows of a table. Groups are sorted by a column: numbers descending, names ascending, unless `backwards`."""
    found = [
        TableSection(
            DIMENSION_TITLES[dimension], [_group_row(dimension, group) for group in _ordered(groups, sort, backwards)]
        )
        for dimension, groups in shown.groups.items()
        if groups
    ]
    if shown.tasks:
        longest = sorted(shown.tasks, key=lambda task: -task.seconds)
        found.insert(0, TableSection(PATH_TITLE, [_task_row(task, shown.path.length) for task in longest]))
    return TableSections(found, "No step and no call up to here.")


def _ordered(groups: Sequence[Group], sort: str, backwards: bool) -> list[Group]:
    if sort == "name":
        return sorted(groups, key=lambda group: group.name.casefold(), reverse=backwards)
    figure = GROUP_FIGURES[sort]
    return sorted(groups, key=figure.value, reverse=not backwards)


def _group_row(dimension: str, group: Group) -> TableRow:
    cells = {"name": Cell(group_title(group, 80))}
    for name, text in group_texts(dimension, group).items():
        cells[name] = Cell(text, "faint" if text in (NONE, fmt.UNKNOWN) else "text")
    if failed(group):
        cells["failed"] = cells["failed"]._replace(role="failed")
    return TableRow((dimension, group.name), cells, group.activity, group.share)


def _task_row(task: PathTask, length: float) -> TableRow:
    name = clean(f"{task_name(task.nid, task.outer_nid)} {task.goal or task.node_id}", 300)
    cells = {"name": Cell(name), "time": Cell(fmt.duration(task.seconds)), "share": Cell(share(task.seconds / length))}
    return TableRow(("path", str(task.number)), cells, part=task.seconds / length)
