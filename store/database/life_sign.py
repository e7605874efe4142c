"""The last signs of life of the tasks of a run: the times of their latest events, and of those of tasks inside them."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from store.database.reader import Reader
from store.database.run_queries import RunQueries
from store.model.state import Node

RECENT_EVENTS = 200
"""Number of latest events of a run that are searched first. If they have no sign of life, all tasks inside are read."""

_LATEST = "(SELECT e.time FROM node_event x JOIN event e ON e.seq = x.seq WHERE x.node = {} ORDER BY x.n DESC LIMIT 1)"
"""Time of the latest event of a node."""


class LifeSigns:
    """Reads times of the run with a key, which has `events` events. Methods raise FileError."""

    def __init__(self, reader: Reader, key: int, events: int) -> None:
        self._key = key
        self._events = events
        self._rows = reader.rows
        self._run = RunQueries(reader, key)
        self._recent_inside: dict[str, float] | None = None
        """By id of a task: time of the latest one of the latest events that is of a task inside it; None: not read yet."""

    async def of_tasks(self, nodes: Sequence[Node]) -> dict[str, float]:
        """By id of a task: time of the latest event of it, or of any task inside it; 0.0 if there is none."""
        found, keys = await self.inside(nodes), await self._run.keys([node.node_id for node in nodes])
        own = await self.own([*keys.values()])
        return {node_id: max(time, own.get(keys[node_id], 0.0)) for node_id, time in found.items()}

    async def inside(self, nodes: Sequence[Node]) -> dict[str, float]:
        """By id of a task: time of the latest event of any task inside it; 0.0 if there is none.

        `nodes`: none of them is inside another one.
        """
        found = {node.node_id: 0.0 for node in nodes}
        outer = [node.node_id for node in nodes if node.children]
        recent = await self._recently_inside() if outer else {}
        found |= {node_id: recent[node_id] for node_id in outer if node_id in recent}
        keys = await self._run.keys([node_id for node_id in outer if node_id not in recent])
        times = await self.all_inside([*keys.values()])
        return found | {node_id: times.get(key, 0.0) for node_id, key in keys.items()}

    async def own(self, keys: Sequence[int]) -> dict[int, float]:
        """Time of the latest event of each of the nodes with these keys that has one."""
        sql = f"SELECT j.value, {_LATEST.format('j.value')} FROM json_each(?) j"
        return {key: time for key, time in await self._rows(sql, (_json(keys),)) if time is not None}

    async def all_inside(self, keys: Sequence[int]) -> dict[int, float]:
        """Like `inside`, for the nodes with these keys. Reads all of the nodes beneath them."""
        if not keys:
            return {}
        sql = (
            "WITH RECURSIVE inside (top, key) AS ("
            "SELECT n.outer, n.key FROM json_each(?) j CROSS JOIN node n ON n.outer = j.value"
            " UNION ALL SELECT i.top, n.key FROM inside i CROSS JOIN node n ON n.outer = i.key)"
            f" SELECT top, {_LATEST.format('i.key')} FROM inside i"
        )
        latest: dict[int, float] = {}
        for top, time in await self._rows(sql, (_json(keys),)):
            latest[top] = max(latest.get(top, 0.0), time or 0.0)
        return latest

    async def recent(self) -> list[tuple[str, float]]:
        """Node and time of each of the latest events of the run that are about a node, the latest first."""
        sql = (
            "SELECT n.node_id, e.time FROM event e JOIN node n ON n.key = e.node"
            " WHERE e.run = ? AND e.position > ? ORDER BY e.position DESC"
        )
        return [(row[0], row[1]) for row in await self._rows(sql, (self._key, self._events - RECENT_EVENTS))]

    async def _recently_inside(self) -> dict[str, float]:
        if self._recent_inside is None:
            recent, self._recent_inside = await self.recent(), {}
            nodes = await with_outer(self._run, (node_id for node_id, _ in recent))
            for node_id, time in recent:
                for outer in around(nodes, node_id):
                    self._recent_inside.setdefault(outer, time)
        return self._recent_inside


def _json(keys: Sequence[int]) -> str:
    return msgspec.json.encode(keys).decode()


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
