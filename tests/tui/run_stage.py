"""What the tests of the run screen share: its parts, what they show, and what the file says of the same run."""

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
    """The position of the event under the cursor, None while it is not here yet."""
    event = timeline(app).selected
    return None if event is None else event.position


async def found(app: Treetop) -> None:
    """Wait until what was looked for is found, or is not."""
    for worker in [worker for worker in app.workers if worker.group == "find"]:
        await worker.wait()


def node_ids(app: Treetop) -> list[str]:
    """The ids of the nodes of the run on the screen, by number."""
    assert isinstance(app.screen, RunScreen)
    sql = "SELECT node_id FROM node WHERE run = (SELECT key FROM run WHERE run_id = ?) ORDER BY key"
    return [node_id for (node_id,) in query(app.path, sql, app.screen.run_id)]


def selected(app: Treetop) -> str | None:
    """The id of the node under the cursor."""
    number = tree(app).selected
    return None if number is None else node_ids(app)[number]


def at_work(app: Treetop) -> str | None:
    """The id of the node that work began on last, of those that it goes on on."""
    assert isinstance(app.screen, RunScreen)
    ((active,),) = query(app.path, "SELECT active FROM run WHERE run_id = ?", app.screen.run_id)
    return json.loads(active)[-1] if active else None


def about(app: Treetop, node_id: str | None) -> list[int]:
    """The positions of the events that name a node, or any that is in it by now."""
    assert isinstance(app.screen, RunScreen)
    sql = (
        "WITH RECURSIVE inside (key) AS (SELECT n.key FROM node n JOIN run r ON r.key = n.run WHERE n.node_id = ?"
        " AND r.run_id = ? UNION SELECT n.key FROM inside i JOIN node n ON n.outer = i.key) SELECT DISTINCT e.position"
        " FROM inside i JOIN node_event x ON x.node = i.key JOIN event e ON e.seq = x.seq ORDER BY e.position"
    )
    return [position for (position,) in query(app.path, sql, node_id, app.screen.run_id)]


def inspector(app: Treetop) -> str:
    """What the inspector shows, without the spaces at the ends of its lines."""
    return "\n".join(line.strip() for line in rows_of(app.screen.query_one(TextPane)))


def focused(app: Treetop) -> str | None:
    return app.screen.focused.id if app.screen.focused is not None else None


async def opened(pilot: Pilot[Any], *keys: str) -> None:
    """Open the newest run, then press these keys."""
    await until(pilot, lambda: pilot.app.screen.query_one(RunList).count)
    await pilot.press("g", "enter")
    await sees(pilot, "2 Tree", "3 Timeline", "nodes")
    await until(pilot, lambda: tree(pilot.app).count)  # type: ignore[arg-type]
    for key in keys:
        await pilot.press(key)
