"""Queries of the errors of one run: events that report one, and aborted steps."""

from collections.abc import Iterable, Sequence

from msgspec import json

from store.database.reader import Reader
from store.database.rows import SELECT_SPANS, Row, span_from_row
from store.database.run_queries import RunQueries
from store.database.statement import placeholders
from store.model.record import Failure

_SPANS_AT = SELECT_SPANS.replace("FROM span", "FROM json_each(?) p CROSS JOIN span") + " span.run = ?"
"""Spans at the positions in a JSON array; to be followed by a condition with `_HERE`."""

_HERE = "BETWEEN p.value AND p.value"
"""Equality, so written that SQLite 3.40 uses the partial indexes."""


class FailureQueries:
    """Queries of the errors of the run with a key. Methods raise FileError."""

    def __init__(self, reader: Reader, key: int) -> None:
        self._key = key
        self._rows = reader.rows
        self._run = RunQueries(reader, key)

    async def aborted(self, first: int, last: int, position: int) -> list[int]:
        """Positions among these at which steps were aborted that had not ended by `position`, once for each step."""
        sql = (
            "SELECT aborted FROM span WHERE run = ? AND kind = 'step' AND aborted BETWEEN ? AND ?"
            " AND (ended IS NULL OR ended > ?) ORDER BY aborted"
        )
        return [row[0] for row in await self._rows(sql, (self._key, first, last, position))]

    async def reported(self, position: int, end: int, node: int | None = None) -> tuple[int, int]:
        """Number of events up to a position that report an error, and up to `end`; those of a node if its key is given."""
        sql = (
            "SELECT count(*) FILTER (WHERE position <= ?2), count(*) FROM event"
            " WHERE run = ?1 AND failed AND position <= ?3 AND (?4 IS NULL OR node = ?4)"
        )
        ((place, count),) = await self._rows(sql, (self._key, position, end, node))
        return place, count

    async def newest_failures(self, position: int, limit: int, node: int | None = None, first: int = 1) -> list[Failure]:
        """The newest errors at the positions from `first` to `position`, in order; those of a node if its key is given."""
        here = "BETWEEN ?2 AND ?3 AND (?5 IS NULL OR node = ?5)"
        events = f"SELECT position FROM event WHERE run = ?1 AND failed AND position {here} ORDER BY position DESC LIMIT ?4"
        steps = (
            f"SELECT aborted FROM span WHERE run = ?1 AND kind = 'step' AND aborted {here}"
            " AND (ended IS NULL OR ended > ?3) ORDER BY aborted DESC LIMIT ?4"
        )
        values = (self._key, first, position, limit, node)
        rows = [*await self._rows(events, values), *await self._rows(steps, values)]
        found = await self.failures(sorted({row[0] for row in rows})[-limit:], position)
        return [failure for failure in found if node in (None, failure.node)]

    async def failures(self, positions: Sequence[int], position: int) -> list[Failure]:
        """Errors at some positions as of a later position, in order. Steps that an event aborted precede the event."""
        if not positions:
            return []
        at = json.encode(positions)
        calls = await self._rows(f"{_SPANS_AT} AND span.failed AND span.ended {_HERE}", (at, self._key))
        steps = await self._rows(f"{_SPANS_AT} AND span.kind = 'step' AND span.aborted {_HERE}", (at, self._key))
        events = {stored.position: stored for stored in await self._run.at_positions(positions)}
        ended = {span.ended: span for span in map(span_from_row, calls)}
        names = await self._names({row[0] for row in steps} | {stored.node for stored in events.values()})
        found = []
        for row in steps:
            span = span_from_row(row).at(position)
            if span is not None and span.ended is None and span.aborted in events:
                found.append(Failure(events[span.aborted], span, row[0], *names.get(row[0], ())))
        found += [
            Failure(stored, ended.get(stored.position), stored.node, *names.get(stored.node, ()))
            for stored in events.values()
            if stored.failed
        ]
        return sorted(
            found, key=lambda failure: (failure.position, not failure.aborted, failure.span and failure.span.born)
        )

    async def _names(self, nodes: Iterable[int | None]) -> dict[int | None, Row]:
        """Nid, nid of the parent and goal of nodes by key."""
        keys = [key for key in nodes if key is not None]
        rows = await self._rows(
            "SELECT n.key, n.nid, o.nid, coalesce(n.latest_goal, n.goal) FROM node n LEFT JOIN node o ON o.key = n.outer"
            f" WHERE n.key IN ({placeholders(keys)})",
            keys,
        )
        return {row[0]: row[1:] for row in rows}
