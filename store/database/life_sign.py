"""The last signs of life of the tasks of a run: the times of their latest events, and of those of tasks inside them."""

from collections.abc import Iterable, Mapping

from store.database.reader import Reader
from store.database.run_queries import RunQueries
from store.model.state import Node

RECENT_EVENTS = 200
"""Number of latest events of a run that are searched first. If they have no sign of life, all tasks inside are read."""


class LifeSigns:
    """Reads times of the run with a key, which has `events` events. Methods raise FileError."""

    def __init__(self, reader: Reader, key: int, events: int) -> None:
        self._key = key
        self._events = events
        self._rows = reader.rows
        self._run = RunQueries(reader, key)
        self._recent: list[tuple[str, float]] | None = None
        """Node and time of each of the latest events, the latest first; None: not read yet."""
        self._nodes: dict[str, Node] = {}
        """The nodes of these events, and all nodes around them."""

    async def of_task(self, node: Node) -> float:
        """Time of the latest event of a task, or of any task inside it; 0.0 if there is none."""
        (key,) = (await self._run.keys([node.node_id])).values()
        sql = "SELECT e.time FROM node_event x JOIN event e ON e.seq = x.seq WHERE x.node = ? ORDER BY x.n DESC LIMIT 1"
        own = await self._rows(sql, (key,))
        inside = await self.inside(node)
        return max(inside, *(float(row[0]) for row in own)) if own else inside

    async def inside(self, node: Node) -> float:
        """Time of the latest event of any task inside a task; 0.0 if there is none."""
        if not node.children:
            return 0.0
        for node_id, time in await self._latest():
            if node.node_id in around(self._nodes, node_id):
                return time
        (key,) = (await self._run.keys([node.node_id])).values()
        return await self.all_inside(key)

    async def all_inside(self, key: int) -> float:
        """Like `inside`, for the node with a key. Reads all of the nodes beneath it."""
        sql = (
            "WITH RECURSIVE inside (key) AS (SELECT key FROM node WHERE outer = ?"
            " UNION ALL SELECT n.key FROM inside i JOIN node n ON n.outer = i.key)"
            " SELECT coalesce(max((SELECT e.time FROM node_event x JOIN event e ON e.seq = x.seq WHERE x.node = i.key"
            " ORDER BY x.n DESC LIMIT 1)), 0.0) FROM inside i"
        )
        latest: float = (await self._rows(sql, (key,)))[0][0]
        return latest

    async def recent(self) -> list[tuple[str, float]]:
        """Node and time of each of the latest events of the run that are about a node, the latest first."""
        sql = (
            "SELECT n.node_id, e.time FROM event e JOIN node n ON n.key = e.node"
            " WHERE e.run = ? AND e.position > ? ORDER BY e.position DESC"
        )
        return [(row[0], row[1]) for row in await self._rows(sql, (self._key, self._events - RECENT_EVENTS))]

    async def _latest(self) -> list[tuple[str, float]]:
        if self._recent is None:
            self._recent = await self.recent()
            self._nodes = await with_outer(self._run, (node_id for node_id, _ in self._recent))
        return self._recent


async def with_outer(run: RunQueries, node_ids: Iterable[str]) -> dict[str, Node]:
    """Nodes and all nodes around them, by id."""
    found: dict[str, Node] = {}
    wanted = set(node_ids)
    while wanted:
        read = await run.nodes(list((await run.keys(wanted)).values()))
        found |= {node.node_id: node for node in read.values()}
        wanted = {node.outer for node in read.values() if node.outer is not None} - found.keys()
    return found


def around(nodes: Mapping[str, Node], node_id: str) -> list[str]:
    """Ids of the nodes around a node, the nearest first."""
    found, outer = list[str](), nodes[node_id].outer
    while outer is not None:
        found.append(outer)
        outer = nodes[outer].outer
    return found
