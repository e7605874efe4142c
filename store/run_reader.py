"""What can be asked of one run in the file: the shape of its tree, its nodes, and its events a page at a time.

Pages go by position or by number, first to last, both within, as many rows as are asked for: never by counting rows off.
"""

from collections.abc import Iterable, Sequence

import msgspec

from store import database as db
from store.events import Event, decode_facts
from store.history import ASKED_AT_ONCE, batched
from store.reader import Reader
from store.record import Mark, Match, MoveRow, ShapePart, Stored
from store.state import Edge, EdgeKey, Node

_STORED = (
    "SELECT e.seq, e.position, e.event_id, t.name, e.time, CASE WHEN e.guessed THEN NULL ELSE r.run_id END, e.facts,"
    " e.failed, e.old_status, e.status, e.node, n.nid, o.nid FROM {} JOIN event_type t ON t.key = e.type"
    " JOIN run r ON r.key = e.run LEFT JOIN node n ON n.key = e.node LEFT JOIN node o ON o.key = n.outer"
)
_integers = msgspec.json.Decoder(list[int])
_integers_or_none = msgspec.json.Decoder(list[int | None])
_BY_NODE = "node_event x CROSS JOIN event e ON e.seq = x.seq"


class RunReader:
    """Reads one run, by its key; costs nothing to make. Methods raise FileError."""

    def __init__(self, reader: Reader, key: int) -> None:
        self.key = key
        self._rows = reader.rows

    # The tree

    async def shape(self, after: int = 0) -> ShapePart:
        """What the shape of the tree takes of the nodes with keys above this one.

        As JSON from SQLite, which is three times as fast for a large tree as rows are.
        """
        lists = ", ".join(f"json_group_array({column})" for column in ShapePart._fields)
        nodes = "SELECT key AS keys, outer AS outers, born FROM node WHERE run = ? AND key > ? ORDER BY key"
        sql = f"SELECT {lists} FROM ({nodes})"
        ((keys, outers, born),) = await self._rows(sql, (self.key, after))
        return ShapePart(_integers.decode(keys), _integers_or_none.decode(outers), _integers.decode(born))

    async def moves(self, after: int = 0) -> list[MoveRow]:
        """Which nodes changed their place after this position, in order. Mostly none ever does."""
        sql = "SELECT position, node, before, after FROM move WHERE run = ? AND position > ? ORDER BY position, n"
        return [MoveRow(*row) for row in await self._rows(sql, (self.key, after))]

    async def nodes(self, keys: Sequence[int]) -> dict[int, Node]:
        """The nodes with these keys, as they are now."""
        found: dict[int, Node] = {}
        for part in batched(keys, ASKED_AT_ONCE):
            marks = ",".join("?" * len(part))
            rows = await self._rows(f"{db.SELECT_NODES} n.key IN ({marks})", part)
            found.update((row[0], db.node_from_row(row)) for row in rows)
        return found

    async def keys(self, node_ids: Iterable[str]) -> dict[str, int]:
        """The keys of the nodes with these ids, as far as there are any."""
        found: dict[str, int] = {}
        for part in batched(node_ids, ASKED_AT_ONCE):
            marks = ",".join("?" * len(part))
            rows = await self._rows(
                f"SELECT node_id, key FROM node WHERE node_id IN ({marks}) AND run = ?", (*part, self.key)
            )
            found.update((row[0], row[1]) for row in rows)
        return found

    async def kinds(self, keys: Sequence[int]) -> dict[int, tuple[str | None, str | None]]:
        """Node type and task type of these nodes, a few hundred at most."""
        marks = ",".join("?" * len(keys))
        rows = await self._rows(f"SELECT key, node_type, task_type FROM node WHERE key IN ({marks})", keys)
        return {row[0]: (row[1], row[2]) for row in rows}

    async def called(self, words: Sequence[str]) -> list[int]:
        """The keys of the nodes whose goal (as first announced or as last heard), nid or id each of these words is in.

        Upper and lower case of a to z are the same. Looks at every node of the run, which takes some 70 ms for 100,000.
        """
        where = "".join(
            f" AND (latest_goal LIKE ?{n} ESCAPE '\\' OR goal LIKE ?{n} ESCAPE '\\' OR nid LIKE ?{n} ESCAPE '\\'"
            f" OR node_id LIKE ?{n} ESCAPE '\\')"
            for n in range(2, len(words) + 2)
        )
        sql = f"SELECT json_group_array(key) FROM (SELECT key FROM node WHERE run = ?1{where} ORDER BY key)"
        ((keys,),) = await self._rows(sql, (self.key, *map(_containing, words)))
        return _integers.decode(keys)

    async def troubled(self, position: int) -> list[int]:
        """The keys of the nodes that had an error or an aborted step by this position."""
        sql = "SELECT key FROM node WHERE run = ? AND troubled <= ? AND troubled IS NOT NULL ORDER BY key"
        return [row[0] for row in await self._rows(sql, (self.key, position))]

    async def edges(self, node_id: str, position: int) -> list[EdgeKey]:
        """The edges of the inner graphs in which a node has any, as far as they were there at this position."""
        sql = (
            "SELECT owner, parent, child FROM edge WHERE run = ?1 AND born <= ?3 AND owner IN"
            " (SELECT coalesce(o.node_id, '') FROM node n LEFT JOIN node o ON o.key = n.outer"
            " WHERE n.node_id = ?2 AND n.run = ?1)"
        )
        return [EdgeKey(*row) for row in await self._rows(sql, (self.key, node_id, position))]

    async def all_edges(self, position: int) -> dict[EdgeKey, Edge]:
        """All edges that there were at this position, in the order in which they were announced."""
        rows = await self._rows(f"{db.SELECT_EDGES} AND born <= ? ORDER BY key", (self.key, position))
        return {edge.key: edge for edge in map(db.edge_from_row, rows)}

    # Events

    async def events(self, first: int, last: int) -> list[Stored]:
        """The events at the positions from `first` to `last`, in order. For the end of a run, ask for its end."""
        return await self._stored(
            "event e", "e.run = ? AND e.position BETWEEN ? AND ? ORDER BY e.position", self.key, first, last
        )

    async def node_events(self, node: int, first: int, last: int) -> list[Stored]:
        """Of the events that name a node, given by its key, the first-th to the last-th, in order."""
        return await self._stored(_BY_NODE, "x.node = ? AND x.n BETWEEN ? AND ? ORDER BY x.n", node, first, last)

    async def at_positions(self, positions: Sequence[int]) -> list[Stored]:
        """The events at these positions, in order; a page of them at most."""
        marks = ",".join("?" * len(positions))
        return await self._stored(
            "event e", f"e.run = ? AND e.position IN ({marks}) ORDER BY e.position", self.key, *positions
        )

    async def status_history(self, node: int, position: int = 2**63 - 1) -> list[Stored]:
        """The events up to a position that changed the status of a node, given by its key, in order; at most 1,000."""
        return await self._stored(
            "event e",
            "e.node = ? AND e.turn AND e.status IS NOT NULL AND e.position <= ? ORDER BY e.position LIMIT 1000",
            node,
            position,
        )

    # Positions of the events that match, in order

    async def search(self, match: Match, first: int, last: int) -> list[int]:
        """Of the events at the positions from `first` to `last`."""
        where, parameters = _matching(match)
        sql = f"SELECT e.position FROM event e WHERE e.run = ? AND e.position BETWEEN ? AND ?{where} ORDER BY e.position"
        return [row[0] for row in await self._rows(sql, (self.key, first, last, *parameters))]

    async def search_about(self, match: Match, first: int, last: int) -> list[tuple[int, int]]:
        """Of the events at the positions from `first` to `last` that are about a node, with its key."""
        where, parameters = _matching(match)
        sql = (
            "SELECT e.position, e.node FROM event e WHERE e.run = ? AND e.position BETWEEN ? AND ? AND e.node IS NOT NULL"
            f"{where} ORDER BY e.position"
        )
        return await self._rows(sql, (self.key, first, last, *parameters))  # type: ignore[return-value]

    async def search_node(self, node: int, match: Match, first: int, last: int) -> list[int]:
        """Of the events that name a node, the `first`-th to the `last`-th."""
        where, parameters = _matching(match)
        sql = f"SELECT e.position FROM {_BY_NODE} WHERE x.node = ? AND x.n BETWEEN ? AND ?{where} ORDER BY x.n"
        return [row[0] for row in await self._rows(sql, (node, first, last, *parameters))]

    async def search_nodes(self, nodes: Sequence[int], match: Match, first: int, last: int) -> list[int]:
        """Of the events at the positions from `first` to `last` that name any of some nodes."""
        where, parameters = _matching(match)
        marks = ",".join("?" * len(nodes))
        sql = (
            f"SELECT DISTINCT e.position FROM {_BY_NODE} WHERE x.node IN ({marks}) AND e.position BETWEEN ? AND ?{where}"
            " ORDER BY e.position"
        )
        return [row[0] for row in await self._rows(sql, (*nodes, first, last, *parameters))]

    async def _stored(self, source: str, where: str, *parameters: object) -> list[Stored]:
        rows = await self._rows(f"{_STORED.format(source)} WHERE {where}", parameters)
        return [
            Stored(seq, position, Event(id_, name, time, run_id, decode_facts(name, facts)), bool(failed), *rest)
            for seq, position, id_, name, time, run_id, facts, failed, *rest in rows
        ]

    # Where to go

    async def failed(self, position: int, step: int) -> int | None:
        """The position of the next event that reports an error, or, with a step of -1, of the one before."""
        return await self._next("failed", position, step)

    async def alike(self, position: int, step: int) -> int | None:
        """The position of the next, or the previous, event of the same type as the one at this position."""
        return await self._next("type = (SELECT type FROM event WHERE run = ?1 AND position = ?2)", position, step)

    async def _next(self, condition: str, position: int, step: int) -> int | None:
        end, beyond = ("min", ">") if step > 0 else ("max", "<")
        sql = f"SELECT {end}(position) FROM event WHERE run = ?1 AND position {beyond} ?2 AND {condition}"
        found: int | None = (await self._rows(sql, (self.key, position)))[0][0]
        return found

    async def boundary(self, node: int, position: int, step: int) -> int | None:
        """The next, or the previous, position at which a step of the node begins or ends, or its status changes."""
        end, beyond = ("min", ">") if step > 0 else ("max", "<")
        sql = f"SELECT {end}(position) FROM event WHERE node = ? AND turn AND position {beyond} ?"
        found: int | None = (await self._rows(sql, (node, position)))[0][0]
        return found

    async def after_time(self, time: float, first: int, last: int) -> tuple[int, float] | None:
        """Of the events at these positions, the first that is later than a time: its position and its time."""
        sql = (
            "SELECT position, time FROM event WHERE run = ? AND position BETWEEN ? AND ? AND time > ?"
            " ORDER BY position LIMIT 1"
        )
        rows = await self._rows(sql, (self.key, first, last, time))
        return (rows[0][0], rows[0][1]) if rows else None

    async def times(self, first: int, last: int) -> list[float]:
        """The times of the events at these positions."""
        sql = "SELECT time FROM event WHERE run = ? AND position BETWEEN ? AND ? ORDER BY position"
        return [row[0] for row in await self._rows(sql, (self.key, first, last))]

    async def marks(self, after: int = 0) -> list[Mark]:
        """The checkpoints after this position."""
        sql = (
            "SELECT position, time, nodes, errors, llm_calls, tool_calls, tokens_in, tokens_out FROM checkpoint"
            " WHERE run = ? AND position > ? ORDER BY position"
        )
        return [Mark(*row) for row in await self._rows(sql, (self.key, after))]

    async def outlines(self, after: int, limit: int) -> list[tuple[int, float, bool, str]]:
        """Position, time, whether it reports an error, and type, of the events after this position."""
        sql = (
            "SELECT e.position, e.time, e.failed, t.name FROM event e JOIN event_type t ON t.key = e.type"
            " WHERE e.run = ? AND e.position > ? ORDER BY e.position LIMIT ?"
        )
        return [(row[0], row[1], bool(row[2]), row[3]) for row in await self._rows(sql, (self.key, after, limit))]


def _matching(match: Match) -> tuple[str, list[object]]:
    """What to add to a query so that it gives only events that match."""
    where, parameters = "", list[object]()
    if match.types:
        where += f" AND e.type IN (SELECT key FROM event_type WHERE name IN ({','.join('?' * len(match.types))}))"
        parameters += sorted(match.types)
    if match.failed:
        where += " AND e.failed"
    if match.words:
        encoded = msgspec.json.encode(match.words).decode()[1:-1]  # as it stands in the facts, if it does
        where += (
            " AND (e.facts LIKE ? ESCAPE '\\'"
            " AND EXISTS (SELECT 1 FROM json_tree(e.facts) j WHERE j.atom LIKE ? ESCAPE '\\')"
            " OR e.type IN (SELECT key FROM event_type WHERE name LIKE ? ESCAPE '\\'))"
        )
        parameters += [_containing(encoded), _containing(match.words), _containing(match.words)]
    return where, parameters


def _containing(words: str) -> str:
    """A pattern for LIKE that stands for what contains these words."""
    escaped = words.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"
