"""Queries for the statistics of one run. They return keys of nodes, and never all spans at once."""

import sqlite3
from collections.abc import Callable, Sequence
from functools import partial

from msgspec import json

from store.database.reader import Reader
from store.database.rows import SELECT_SPANS, SELECT_SPANS_OF_RUN, span_from_row
from store.database.statement import batched, placeholders
from store.model.event_type import NodeCreated
from store.model.record import SpanRow
from store.model.span import Span

SPANS_PER_PART = 1_000
"""Number of spans that are read at a time. Between two parts, other queries run, and the reading can be cancelled."""

Visit = Callable[[int | None, Span], None]
"""Takes the key of a node, None if it is unknown, and a span of that node."""

Progress = Callable[[float], None]
"""Takes the part of a reading that is done, from 0.0 to 1.0."""

_decode_ids = json.Decoder(list[str]).decode
_decode_types = json.Decoder(list[str | None]).decode


class StatisticsQueries:
    """Queries of the run with a key. Methods raise FileError."""

    def __init__(self, reader: Reader, key: int) -> None:
        self._reader = reader
        self._key = key

    async def visit(self, position: int, visit: Visit, progress: Progress = lambda part: None) -> None:
        """Call a function with each span of the run as of a position, in the order of birth.

        It runs in the thread of the connection. The spans have no ids of nodes. `progress` is called after each part.
        """
        after = 0
        while after < position:
            after = await self._reader.in_transaction(partial(self._visit_part, after, position, visit))
            progress(after / position)

    def _visit_part(self, after: int, position: int, visit: Visit, connection: sqlite3.Connection) -> int:
        sql = f"{SELECT_SPANS_OF_RUN} AND born > ? AND born <= ? ORDER BY born LIMIT ?"
        last, count = after, 0
        for row in connection.execute(sql, (self._key, after, position, SPANS_PER_PART)):
            span = span_from_row(row)
            last, count = span.born, count + 1
            found = span.at(position)
            if found is not None:
                visit(row[0], found)
        return last if count == SPANS_PER_PART else position

    async def task_types(self) -> list[str | None]:
        """Task type of each node now, in the order of the keys."""
        types = "SELECT task_type FROM node WHERE run = ? ORDER BY key"
        ((found,),) = await self._reader.rows(f"SELECT json_group_array(task_type) FROM ({types})", (self._key,))
        return _decode_types(found)

    async def node_ids(self) -> list[str]:
        """Id of each node, in the order of the keys."""
        ids = "SELECT node_id FROM node WHERE run = ? ORDER BY key"
        ((found,),) = await self._reader.rows(f"SELECT json_group_array(node_id) FROM ({ids})", (self._key,))
        return _decode_ids(found)

    async def created_after(self, position: int, key: int) -> list[int]:
        """Keys, up to `key`, of the nodes whose node_created is after a position."""
        sql = (
            "SELECT DISTINCT node FROM event WHERE run = ? AND position > ? AND node <= ?"
            " AND type = (SELECT key FROM event_type WHERE name = ?)"
        )
        return [row[0] for row in await self._reader.rows(sql, (self._key, position, key, NodeCreated.type))]

    async def dependencies(self, position: int) -> list[tuple[int, int]]:
        """Keys of the prerequisite and of the dependent of each edge announced by a position."""
        sql = "SELECT parent, child FROM edge WHERE run = ? AND born <= ? ORDER BY key"
        return [(row[0], row[1]) for row in await self._reader.rows(sql, (self._key, position))]

    async def spans(self, born: Sequence[int], position: int) -> dict[int, SpanRow]:
        """The spans with these births as of a position, by birth, with the names that their nodes have now."""
        rows = []
        for part in batched(born):
            rows += await self._reader.rows(
                f"{SELECT_SPANS} span.run = ? AND span.born IN ({placeholders(part)})", (self._key, *part)
            )
        names = {}
        for part in batched({row[0] for row in rows if row[0] is not None}):
            sql = (
                "SELECT n.key, n.nid, o.nid, coalesce(n.latest_goal, n.goal) FROM node n"
                f" LEFT JOIN node o ON o.key = n.outer WHERE n.key IN ({placeholders(part)})"
            )
            names.update({row[0]: row[1:] for row in await self._reader.rows(sql, part)})
        found = {}
        for row in rows:
            span = span_from_row(row).at(position)
            if span is not None:
                found[span.born] = SpanRow(span, row[0], *names.get(row[0], ()))
        return found
