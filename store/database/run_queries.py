"""Queries of one run: the shape of its tree, its nodes and edges, and its events.

Pages of events are given by the first and the last position or number, both included, never by OFFSET.
"""

import sqlite3
from collections.abc import Iterable, Sequence

import msgspec

from store.database.event_row import EVENT_WIDTH, EventReader, select_event
from store.database.reader import Reader
from store.database.rows import (
    CHECKPOINT_COLUMNS,
    SELECT_EDGES,
    SELECT_NODES,
    SELECT_SPANS,
    edge_from_row,
    node_from_row,
    span_from_row,
)
from store.database.statement import batched, placeholders
from store.model.event_type import PlanReceived
from store.model.record import Mark, Match, MoveRow, ShapePart, Stored
from store.model.span import Span
from store.model.state import Edge, EdgeKey, Node

_STORED = (
    f"SELECT {select_event('CASE WHEN e.guessed THEN NULL ELSE r.run_id END')}, e.seq, e.position, e.failed, e.old_status,"
    " e.status, e.node, n.nid, o.nid, e.inferred FROM {}"
    " JOIN run r ON r.key = e.run LEFT JOIN node n ON n.key = e.node"
    " LEFT JOIN node o ON o.key = n.outer"
)
SPANS_PER_QUERY = 1_000
"""Spans that `RunQueries.all_spans` reads at a time."""

_integers = msgspec.json.Decoder(list[int])
_integers_or_none = msgspec.json.Decoder(list[int | None])
_ESCAPE = " ESCAPE '\\'"
_BY_NODE = "node_event x CROSS JOIN event e ON e.seq = x.seq"


class RunQueries:
    """Queries of the run with a key. Methods raise FileError."""

    def __init__(self, reader: Reader, key: int) -> None:
        self.key = key
        self._reader = reader
        self._rows = reader.rows

    # The tree

    async def shape(self, after: int = 0) -> ShapePart:
        """Keys, parents and births of the nodes with keys above a key, and which of them are executions.

        SQLite returns them as JSON: for a large tree three times as fast as rows.
        """
        nodes = "SELECT key, outer, born FROM node WHERE run = ? AND key > ? ORDER BY key"
        lists = f"SELECT json_group_array(key), json_group_array(outer), json_group_array(born) FROM ({nodes})"
        ((keys, outers, born),) = await self._rows(lists, (self.key, after))
        executions = (
            "SELECT json_group_array(key) FROM (SELECT key FROM node INDEXED BY node_execution"
            " WHERE run = ? AND key > ? AND node_type = 'EXECUTE_NODE' AND nid = '0' ORDER BY key)"
        )
        ((found,),) = await self._rows(executions, (self.key, after))
        return ShapePart(
            _integers.decode(keys), _integers_or_none.decode(outers), _integers.decode(born), _integers.decode(found)
        )

    async def moves(self, after: int = 0) -> list[MoveRow]:
        """Moves of nodes to another parent after a position, in order. Most runs have none."""
        sql = "SELECT position, node, before, after FROM move WHERE run = ? AND position > ? ORDER BY position, n"
        return [MoveRow(*row) for row in await self._rows(sql, (self.key, after))]

    async def nodes(self, keys: Sequence[int]) -> dict[int, Node]:
        """Nodes by key, as of the latest event."""
        found: dict[int, Node] = {}
        for part in batched(keys):
            marks = ",".join("?" * len(part))
            rows = await self._rows(f"{SELECT_NODES} n.key IN ({marks})", part)
            found.update((row[0], node_from_row(row)) for row in rows)
        return found

    async def keys(self, node_ids: Iterable[str]) -> dict[str, int]:
        """Keys of the nodes with these ids, without those that do not exist."""
        found: dict[str, int] = {}
        for part in batched(node_ids):
            marks = ",".join("?" * len(part))
            rows = await self._rows(
                f"SELECT node_id, key FROM node WHERE node_id IN ({marks}) AND run = ?", (*part, self.key)
            )
            found.update((row[0], row[1]) for row in rows)
        return found

    async def kinds(self, keys: Sequence[int]) -> dict[int, tuple[str | None, str | None]]:
        """Node type and task type of a few hundred nodes at most, by key."""
        marks = ",".join("?" * len(keys))
        rows = await self._rows(f"SELECT key, node_type, task_type FROM node WHERE key IN ({marks})", keys)
        return {row[0]: (row[1], row[2]) for row in rows}

    async def called(self, words: Sequence[str]) -> list[int]:
        """Keys of the nodes that have each of these words in their first or latest goal, nid or id.

        Case-insensitive for ASCII letters. Reads all nodes of the run: about 70 ms for 100,000.
        """
        where = "".join(
            f" AND (latest_goal LIKE ?{n} ESCAPE '\\' OR goal LIKE ?{n} ESCAPE '\\' OR nid LIKE ?{n} ESCAPE '\\'"
            f" OR node_id LIKE ?{n} ESCAPE '\\')"
            for n in range(2, len(words) + 2)
        )
        sql = f"SELECT json_group_array(key) FROM (SELECT key FROM node WHERE run = ?1{where} ORDER BY key)"
        ((keys,),) = await self._rows(sql, (self.key, *map(containing, words)))
        return _integers.decode(keys)

    async def with_errors(self) -> list[int]:
        """Keys of the nodes that have errors now, ascending."""
        sql = "SELECT key FROM node WHERE run = ? AND troubled IS NOT NULL AND errors + aborted > 0 ORDER BY key"
        return [row[0] for row in await self._rows(sql, (self.key,))]

    async def spans(self, nodes: Sequence[int], position: int) -> dict[int, list[Span]]:
        """Spans of nodes by key as of a position, in the order of birth. Nodes without spans are left out."""
        found: dict[int, list[Span]] = {}
        for part in batched(nodes):
            sql = f"{SELECT_SPANS} span.node IN ({placeholders(part)}) AND span.born <= ? ORDER BY span.node, span.born"
            for row in await self._rows(sql, (*part, position)):
                span = span_from_row(row).at(position)
                if span is not None:
                    found.setdefault(row[0], []).append(span)
        return found

    async def all_spans(self, after: int, position: int) -> tuple[int, list[Span]]:
        """The next spans of the run as of `position`, in the order of birth, and the `after` of the next call."""
        sql = f"{SELECT_SPANS} span.run = ? AND span.born > ? AND span.born <= ? ORDER BY span.born LIMIT ?"
        rows = await self._rows(sql, (self.key, after, position, SPANS_PER_QUERY))
        spans = list(map(span_from_row, rows))
        last = spans[-1].born if len(spans) == SPANS_PER_QUERY else position
        return last, [found for span in spans if (found := span.at(position)) is not None]

    async def edges(self, node_id: str, position: int) -> list[EdgeKey]:
        """Edges of the graph that a node is in, as far as they were announced by a position."""
        sql = (
            f"{SELECT_EDGES} AND e.born <= ? AND e.owner IN"
            " (SELECT coalesce(n.outer, 0) FROM node n WHERE n.node_id = ? AND n.run = e.run)"
        )
        return [edge_from_row(row).key for row in await self._rows(sql, (self.key, position, node_id))]

    async def all_edges(self, position: int) -> dict[EdgeKey, Edge]:
        """All edges announced by a position, in that order."""
        rows = await self._rows(f"{SELECT_EDGES} AND e.born <= ? ORDER BY e.key", (self.key, position))
        return {edge.key: edge for edge in map(edge_from_row, rows)}

    # Events

    async def events(self, first: int, last: int) -> list[Stored]:
        """Events at these positions, in order."""
        return await self._stored(
            "event e", "e.run = ? AND e.position BETWEEN ? AND ? ORDER BY e.position", self.key, first, last
        )

    async def node_events(self, node: int, first: int, last: int) -> list[Stored]:
        """Events that name a node, in order: the first-th to the last-th of them."""
        return await self._stored(_BY_NODE, "x.node = ? AND x.n BETWEEN ? AND ? ORDER BY x.n", node, first, last)

    async def at_positions(self, positions: Sequence[int]) -> list[Stored]:
        """Events at these positions, in order; one page at most."""
        marks = ",".join("?" * len(positions))
        return await self._stored(
            "event e", f"e.run = ? AND e.position IN ({marks}) ORDER BY e.position", self.key, *positions
        )

    async def status_history(self, node: int, position: int = 2**63 - 1) -> list[Stored]:
        """Events up to a position that changed the status of a node, in order; the first 1,000 at most."""
        return await self._stored(
            "event e",
            "e.node = ? AND e.turn AND e.status IS NOT NULL AND e.position <= ? ORDER BY e.position LIMIT 1000",
            node,
            position,
        )

    async def plan(self, node: int, position: int) -> int | None:
        """Seq of the latest plan of a node up to a position."""
        sql = (
            f"SELECT e.seq FROM {_BY_NODE} WHERE x.node = ?1 AND e.node = ?1 AND e.position <= ?"
            " AND e.type = (SELECT key FROM event_type WHERE name = ?) ORDER BY x.n DESC LIMIT 1"
        )
        rows = await self._rows(sql, (node, position, PlanReceived.type))
        return rows[0][0] if rows else None

    # Positions of events that match, in order

    async def search(self, match: Match, first: int, last: int) -> list[int]:
        """Among the events at these positions."""
        where, parameters = _matching(match)
        sql = f"SELECT e.position FROM event e WHERE e.run = ? AND e.position BETWEEN ? AND ?{where} ORDER BY e.position"
        return [row[0] for row in await self._rows(sql, (self.key, first, last, *parameters))]

    async def search_about(self, match: Match, first: int, last: int) -> list[tuple[int, int]]:
        """Among the events at these positions that are about a node; each with the key of the node."""
        where, parameters = _matching(match)
        sql = (
            "SELECT e.position, e.node FROM event e WHERE e.run = ? AND e.position BETWEEN ? AND ? AND e.node IS NOT NULL"
            f"{where} ORDER BY e.position"
        )
        return [(row[0], row[1]) for row in await self._rows(sql, (self.key, first, last, *parameters))]

    async def search_node(self, node: int, match: Match, first: int, last: int) -> list[int]:
        """Among the first-th to the last-th event that names a node."""
        where, parameters = _matching(match)
        sql = f"SELECT e.position FROM {_BY_NODE} WHERE x.node = ? AND x.n BETWEEN ? AND ?{where} ORDER BY x.n"
        return [row[0] for row in await self._rows(sql, (node, first, last, *parameters))]

    async def search_nodes(self, nodes: Sequence[int], match: Match, first: int, last: int) -> list[int]:
        """Among the events at these positions that name any of these nodes."""
        where, parameters = _matching(match)
        marks = ",".join("?" * len(nodes))
        sql = (
            f"SELECT DISTINCT e.position FROM {_BY_NODE} WHERE x.node IN ({marks}) AND e.position BETWEEN ? AND ?{where}"
            " ORDER BY e.position"
        )
        return [row[0] for row in await self._rows(sql, (*nodes, first, last, *parameters))]

    async def _stored(self, source: str, where: str, *parameters: object) -> list[Stored]:
        def read(connection: sqlite3.Connection) -> list[Stored]:
            rows = connection.execute(f"{_STORED.format(source)} WHERE {where}", parameters).fetchall()
            events = EventReader(connection).read(rows)
            return [
                Stored(seq, position, event, bool(failed), *rest)
                for event, (seq, position, failed, *rest) in zip(events, (row[EVENT_WIDTH:] for row in rows), strict=True)
            ]

        return await self._reader.in_transaction(read)

    # Positions and times

    async def failed(self, position: int, step: int) -> int | None:
        """Position of the next (step 1) or previous (step -1) event that reports an error."""
        return await self._next("failed", position, step)

    async def alike(self, position: int, step: int) -> int | None:
        """Position of the next or previous event of the same type as the event at a position."""
        return await self._next("type = (SELECT type FROM event WHERE run = ?1 AND position = ?2)", position, step)

    async def _next(self, condition: str, position: int, step: int) -> int | None:
        end, beyond = ("min", ">") if step > 0 else ("max", "<")
        sql = f"SELECT {end}(position) FROM event WHERE run = ?1 AND position {beyond} ?2 AND {condition}"
        found: int | None = (await self._rows(sql, (self.key, position)))[0][0]
        return found

    async def boundary(self, node: int, position: int, step: int) -> int | None:
        """Next or previous position at which a step of the node begins or ends, or its status changes."""
        end, beyond = ("min", ">") if step > 0 else ("max", "<")
        sql = f"SELECT {end}(position) FROM event WHERE node = ? AND turn AND position {beyond} ?"
        found: int | None = (await self._rows(sql, (node, position)))[0][0]
        return found

    async def after_time(self, time: float, first: int, last: int) -> tuple[int, float] | None:
        """Position and time of the first event among these positions that is later than a time."""
        sql = (
            "SELECT position, time FROM event WHERE run = ? AND position BETWEEN ? AND ? AND time > ?"
            " ORDER BY position LIMIT 1"
        )
        rows = await self._rows(sql, (self.key, first, last, time))
        return (rows[0][0], rows[0][1]) if rows else None

    async def inferred(self, position: int) -> int:
        """Number of events up to a position whose run or node is inferred."""
        sql = "SELECT count(*) FROM event WHERE run = ? AND position <= ? AND inferred"
        count: int = (await self._rows(sql, (self.key, position)))[0][0]
        return count

    async def times(self, first: int, last: int) -> list[float]:
        """Times of the events at these positions."""
        sql = "SELECT time FROM event WHERE run = ? AND position BETWEEN ? AND ? ORDER BY position"
        return [row[0] for row in await self._rows(sql, (self.key, first, last))]

    async def marks(self, after: int = 0) -> list[Mark]:
        """Counters of the run at each checkpoint after a position."""
        sql = f"SELECT {', '.join(CHECKPOINT_COLUMNS)} FROM checkpoint WHERE run = ? AND position > ? ORDER BY position"
        return [Mark(*row) for row in await self._rows(sql, (self.key, after))]

    async def outlines(self, after: int, limit: int) -> list[tuple[int, float, bool, str]]:
        """Position, time, whether it reports an error, and type of each event after a position."""
        sql = (
            "SELECT e.position, e.time, e.failed, t.name FROM event e JOIN event_type t ON t.key = e.type"
            " WHERE e.run = ? AND e.position > ? ORDER BY e.position LIMIT ?"
        )
        return [(row[0], row[1], bool(row[2]), row[3]) for row in await self._rows(sql, (self.key, after, limit))]


def _matching(match: Match) -> tuple[str, list[object]]:
    """Conditions to append to a query of events `e`, and their parameters."""
    where, parameters = "", list[object]()
    if match.types:
        where += f" AND e.type IN (SELECT key FROM event_type WHERE name IN ({','.join('?' * len(match.types))}))"
        parameters += sorted(match.types)
    if match.without:
        where += f" AND e.type NOT IN (SELECT key FROM event_type WHERE name IN ({','.join('?' * len(match.without))}))"
        parameters += sorted(match.without)
    if match.failed:
        where += " AND e.failed"
    if match.words:
        encoded = msgspec.json.encode(match.words).decode()[1:-1]  # as in the JSON of the facts
        where += (
            f" AND (e.facts LIKE ?{_ESCAPE}"
            f" AND EXISTS (SELECT 1 FROM json_tree(e.facts) j WHERE j.type = 'text' AND j.atom LIKE ?{_ESCAPE})"
            f" OR e.label LIKE ?{_ESCAPE} OR e.model LIKE ?{_ESCAPE} OR e.error LIKE ?{_ESCAPE}"
            f" OR e.type IN (SELECT key FROM event_type WHERE name LIKE ?{_ESCAPE}))"
        )
        parameters += [containing(encoded), *[containing(match.words)] * 5]
    return where, parameters


def containing(words: str) -> str:
    """LIKE pattern for texts that contain these words; its ESCAPE character is a backslash."""
    escaped = words.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"
