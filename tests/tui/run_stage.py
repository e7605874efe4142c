"""Parts of the tests of the run screen: its widgets, their text, and the same facts read from the file."""

import json
from typing import Any

from textual.pilot import Pilot

from tests.tables import query
from tests.tui.stage import rows_of, sees, until
from tui.app import Treetop
from tui.screens.run import RunScreen
from tui.widgets.node_tree import NodeTree
from tui.widgets.run_list import RunList
from tui.widgets.text_pane import TextPane
from tui.widgets.timeline import Timeline


def tree(app: Treetop) -> NodeTree:
    return app.screen.query_one(NodeTree)


def timeline(app: Treetop) -> Timeline:
    return app.screen.query_one(Timeline)


def position(app: Treetop) -> int | None:
    """The position of the event under the cursor; None while it is not loaded."""
    event = timeline(app).selected
    return None if event is None else event.position


async def search_finished(app: Treetop) -> None:
    """Wait until the search for the target of a key has ended."""
    for worker in [worker for worker in app.workers if worker.group == "find"]:
        await worker.wait()


def node_ids(app: Treetop) -> list[str]:
    """The ids of the nodes of the run on the screen, by number."""
    assert isinstance(app.screen, RunScreen)
    sql = "SELECT node_id FROM node WHERE run = (SELECT key FROM run WHERE run_id = ?) ORDER BY key"
    return [node_id for (node_id,) in query(app.path, sql, app.screen.run_id)]


def selected(app: Treetop) -> str | None:
    """The id of the selected node."""
    number = tree(app).selected
    return None if number is None else node_ids(app)[number]


def nodes_in_rows(app: Treetop) -> int:
    """The number of nodes that the rows of the tree stand for: a pair is one row."""
    rows = tree(app)._tree.outline.rows(0, tree(app).count)
    return sum(1 if row.execution is None else 2 for row in rows)


def at_work(app: Treetop) -> str | None:
    """The id of the task on which work began last. An only execution stands for its task."""
    assert isinstance(app.screen, RunScreen)
    ((active,),) = query(app.path, "SELECT active FROM run WHERE run_id = ?", app.screen.run_id)
    node_id: str | None = json.loads(active)[-1][0] if active else None
    sql = (
        "SELECT o.node_id FROM node n JOIN node o ON o.key = n.outer WHERE n.node_id = ? AND n.node_type = 'EXECUTE_NODE'"
        " AND n.nid = '0' AND (SELECT count(*) FROM node WHERE outer = o.key) = 1"
    )
    return next((task for (task,) in query(app.path, sql, node_id)), node_id)


def about(app: Treetop, node_id: str | None) -> list[int]:
    """The positions of the events about a node or a node beneath it, by the end of the run."""
    assert isinstance(app.screen, RunScreen)
    sql = (
        "WITH RECURSIVE inside (key) AS (SELECT n.key FROM node n JOIN run r ON r.key = n.run WHERE n.node_id = ?"
        " AND r.run_id = ? UNION SELECT n.key FROM inside i JOIN node n ON n.outer = i.key) SELECT DISTINCT e.position"
        " FROM inside i JOIN node_event x ON x.node = i.key JOIN event e ON e.seq = x.seq ORDER BY e.position"
    )
    return [position for (position,) in query(app.path, sql, node_id, app.screen.run_id)]


def inspector(app: Treetop) -> str:
    """The text of the inspector, without spaces at the ends of its lines."""
    return "\n".join(line.strip() for line in rows_of(app.screen.query_one(TextPane)))


def focused(app: Treetop) -> str | None:
    return app.screen.focused.id if app.screen.focused is not None else None


async def opened(pilot: Pilot[Any], *keys: str) -> None:
    """Open the newest run, select its first task if the run opened on another one, then press keys."""
    await until(pilot, lambda: pilot.app.screen.query_one(RunList).count)
    await pilot.press("g", "enter")
    await sees(pilot, "2 Tree", "3 Timeline", "task")
    await until(pilot, lambda: tree(pilot.app).count)  # type: ignore[arg-type]
    assert isinstance(pilot.app.screen, RunScreen)
    await pilot.app.screen.until_ready()
    if tree(pilot.app).selected:  # type: ignore[arg-type]
        await pilot.press("g")
    for key in keys:
        await pilot.press(key)
