"""Reads the tasks that show that a run runs away."""

from msgspec import Struct

from store.database.reader import Reader
from store.database.rows import SELECT_NODES, node_from_row
from store.database.run_queries import RunQueries
from store.model.alarm import FAN_OUT_MAX, Sign
from store.model.record import RunRow
from store.model.runaway import Runaway, task_runaways
from store.model.state import Node

TASK_SIGNS = {Sign.CALL, Sign.GOAL, Sign.FAN_OUT}
"""Signs that are stored with a task. Its depth is computed from the tree."""


class RunawayTask(Struct, frozen=True):
    """A task that shows that its run runs away."""

    node: Node
    outer_nid: str | None
    """The planner's name of its parent."""
    reasons: list[Runaway]


_WHERE = "n.run = ? AND (n.streaks IS NOT NULL OR n.repeats IS NOT NULL OR n.children > ?) ORDER BY n.key"


async def suspects(reader: Reader, row: RunRow) -> list[int]:
    """Keys of the tasks of a run that may have reasons at some position. Reads all nodes of a run with signs.

    Raises FileError.
    """
    if not TASK_SIGNS & row.run.alarms.keys():
        return []
    return [found[0] for found in await reader.rows(f"SELECT key FROM node n WHERE {_WHERE}", (row.key, FAN_OUT_MAX))]


async def runaway_tasks(reader: Reader, row: RunRow) -> list[RunawayTask]:
    """The tasks of a run with reasons of their own, in the order of creation.

    Reads all nodes of a run with signs. Raises FileError.
    """
    if not TASK_SIGNS & row.run.alarms.keys():
        return []
    rows = await reader.rows(f"{SELECT_NODES} {_WHERE}", (row.key, FAN_OUT_MAX))
    outer = await RunQueries(reader, row.key).nodes([found[1] for found in rows if found[1] is not None])
    tasks = []
    for found in rows:
        node = node_from_row(found)
        reasons = task_runaways(node)
        if reasons:
            tasks.append(RunawayTask(node, None if found[1] is None else outer[found[1]].nid, reasons))
    return tasks
