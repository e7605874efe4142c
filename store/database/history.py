"""The past of a run: its state after any number of events, at a cost that does not depend on the length of the run.

A *checkpoint* holds the run at a position; a *version* holds a node that changed since the checkpoint before. The state at
a position is the newest checkpoint up to it, plus the fold of the events from there on. Only nodes that an event or a
caller needs are read, so that memory does not depend on the size of the run either.

Calls take milliseconds: run them in a thread. Calls that belong together need one read transaction.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from store.database.checkpoint_row import run_from_checkpoint
from store.database.event_row import EventReader, select_event
from store.database.rows import SELECT_EDGES, edge_from_row
from store.database.statement import batched
from store.database.version_row import SELECT_VERSIONS, versions_from_rows
from store.errors import RunChanged
from store.model.accumulator import Accumulator
from store.model.event import Event
from store.model.event_type import NodeCreated
from store.model.fold import advance, fold
from store.model.lazy_mapping import LazyMapping
from store.model.phase import errors
from store.model.state import Edge, EdgeKey, Node, Run, empty

CHECKPOINT_EVENTS = 100
"""Events from one checkpoint to the next, and so the most that a seek folds. Fewer events make the file larger."""

RESTART_AFTER_EVENTS = 10 * CHECKPOINT_EVENTS
"""Events since its checkpoint that a history keeps in memory. Beyond, it restarts at a later checkpoint."""

KEPT_NODES_MAX = 20_000
"""Nodes that a history keeps in memory. Beyond, the next seek restarts at a checkpoint."""

_EVENTS = "SELECT {} FROM event e WHERE e.run = ? AND e.position BETWEEN ? AND ? ORDER BY e.position".format(
    select_event(event_id="''")
)
"""Events as they are folded: without their ids."""

_VALUES = "(SELECT value FROM json_each(?2))"
"""A JSON list. The text of a statement with it, and so its plan, is the same for any number of values."""

_BY_KEY = f"{SELECT_VERSIONS} n.key IN {_VALUES}"
_BY_ID = f"{SELECT_VERSIONS} n.node_id IN {_VALUES} AND n.run = ?3"
_BY_ID_WITH_OUTER = (
    f"{SELECT_VERSIONS} n.key IN (WITH RECURSIVE found (key) AS ("
    f"SELECT key FROM node WHERE node_id IN {_VALUES} AND run = ?3"
    " UNION SELECT o.outer FROM found CROSS JOIN node o ON o.key = found.key WHERE o.outer IS NOT NULL)"
    " SELECT key FROM found)"
)
"""Versions of nodes with some ids, and of those that are now above them."""

_CREATED = (
    f"SELECT {select_event()} FROM node_event x CROSS JOIN event e ON e.seq = x.seq JOIN event_type t ON t.key = e.type"
    f" WHERE x.node = ? AND e.node = x.node AND e.position <= ? AND t.name = '{NodeCreated.type}' ORDER BY x.n DESC LIMIT 1"
)
"""The last node_created of a node up to a position."""


class History:
    """One run at the position of the last `seek`; at first 0, before the first event."""

    def __init__(self, connection: sqlite3.Connection, key: int, run_id: str) -> None:
        self.connection = connection
        self.run_id = run_id
        self._key = key
        self._base = 0
        """Position of the checkpoint to start from. Nodes that are not in the accumulator did not change since then."""
        self._events: list[Event] = []
        """Events after the checkpoint, as far as they were read."""
        self._reader = EventReader(connection)
        self._accumulator = Accumulator(empty(run_id).run, LazyMapping(self._fetch_nodes), LazyMapping(self._fetch_edges))

    @property
    def run(self) -> Run:
        """The run at this position. Later calls do not change it."""
        return self._accumulator.run

    @property
    def position(self) -> int:
        """Number of events of the run."""
        return self._accumulator.run.events

    def seek(self, position: int) -> set[str]:
        """Go to a position, at most the end of the run. Returns the ids of the nodes that the folded events changed."""
        is_near = 0 <= position - self.position <= CHECKPOINT_EVENTS and position - self._base <= RESTART_AFTER_EVENTS
        if not is_near or len(self._nodes) > KEPT_NODES_MAX:
            self.restart(position)
        changed: set[str] = set()
        while self.position < position:
            changed |= advance(self._accumulator, self._next(position)).nodes.keys()
        return changed

    def nodes(self, keys: Sequence[int]) -> dict[int, Node]:
        """Nodes at this position by key, without those not born yet."""
        found = {}
        for key, node_id, version in self._versions(_BY_KEY, keys):
            node = dict.get(self._nodes, node_id)
            if node is None and version is not None:
                node = version
                if len(self._nodes) < KEPT_NODES_MAX:
                    self._nodes[node_id] = node
            if node is not None:
                found[key] = node
        return found

    def with_errors(self) -> list[int]:
        """Keys of the nodes with errors at this position, ascending.

        `troubled` is the first error: an aborted step that ends late is none any more.
        """
        sql = "SELECT key FROM node WHERE run = ? AND troubled <= ? AND troubled IS NOT NULL ORDER BY key"
        keys = [key for (key,) in self.connection.execute(sql, (self._key, self.position))]
        nodes = self.nodes(keys)
        return [key for key in keys if errors(nodes[key])]

    @property
    def _nodes(self) -> LazyMapping[str, Node]:
        assert isinstance(self._accumulator.nodes, LazyMapping)
        return self._accumulator.nodes

    def restart(self, position: int) -> int:
        """Go to the newest checkpoint up to a position. Returns its position."""
        row = self.connection.execute(
            "SELECT position, data FROM checkpoint WHERE run = ? AND position <= ? ORDER BY position DESC LIMIT 1",
            (self._key, position),
        ).fetchone()
        base, run = 0, empty(self.run_id).run
        if row is not None:
            base, run = row[0], run_from_checkpoint(row[1], self.run_id, self._reader.node_ids)
        if base != self._base:
            self._events.clear()
        self._base = base
        self._accumulator = Accumulator(run, LazyMapping(self._fetch_nodes), LazyMapping(self._fetch_edges))
        return base

    def changed_until(self, position: int) -> set[str]:
        """Ids of the nodes that change from this position, which is that of a checkpoint, to a later one. Does not move."""
        accumulator = Accumulator(self.run, LazyMapping(self._fetch_nodes), LazyMapping(self._fetch_edges))
        changed: set[str] = set()
        for first in range(self.position + 1, position + 1, RESTART_AFTER_EVENTS):
            changed |= advance(accumulator, self._read(first, min(first + RESTART_AFTER_EVENTS - 1, position))).nodes.keys()
        return changed

    def versions(self, node_ids: Sequence[str]) -> list[tuple[int, str, Node | None]]:
        """Keys and ids of nodes, and what they were at the checkpoint; None: not born yet."""
        return list(self._versions(_BY_ID, node_ids, self._key))

    def _next(self, position: int) -> list[Event]:
        """The next events, up to a position, at most CHECKPOINT_EVENTS."""
        at = self.position - self._base
        upto = min(position - self._base, at + CHECKPOINT_EVENTS)
        if upto > len(self._events):
            self._events += self._read(self._base + len(self._events) + 1, self._base + upto)
        events = self._events[at:upto]
        self._nodes.prefetch(node_id for event in events for node_id in event.facts.mentions)
        return events

    def _read(self, first: int, last: int) -> list[Event]:
        rows = self.connection.execute(_EVENTS, (self._key, first, last)).fetchall()
        if len(rows) != last - first + 1:
            raise RunChanged(f"run {self.run_id}: was deleted or rebuilt; open it again")
        self._reader.trim(KEPT_NODES_MAX)
        return self._reader.read(rows)

    def _versions(self, sql: str, values: Sequence[object], *run: int) -> Iterator[tuple[int, str, Node | None]]:
        """Keys and ids of nodes, and what they were at the checkpoint."""
        for part in batched(values):
            rows = self.connection.execute(sql, (self._base, msgspec.json.encode(part).decode(), *run)).fetchall()
            nodes = versions_from_rows(rows, self._base, self._reader.node_ids, self._described)
            for row, node in zip(rows, nodes, strict=True):
                yield row[0], row[1], node

    def _described(self, key: int) -> Node:
        """A node as described by its last node_created up to the checkpoint."""
        (created,) = self._reader.read(self.connection.execute(_CREATED, (key, self._base)).fetchall())
        return fold(empty(self.run_id), [created]).nodes[created.facts.concerns[0]]

    def _fetch_nodes(self, node_ids: list[str]) -> Mapping[str, Node]:
        """Nodes and those above them, to which most events add."""
        found = self._versions(_BY_ID_WITH_OUTER, node_ids, self._key)
        return {node_id: node for _, node_id, node in found if node is not None}

    def _fetch_edges(self, keys: list[EdgeKey]) -> Mapping[EdgeKey, Edge]:
        children = {key: self._nodes.get(key.child) for key in keys}
        old = [key for key, child in children.items() if child is not None and child.born <= self._base]
        return fetch_edges(self.connection, self._key, old, self._base)  # no edge is older than its nodes


def fetch_edges(
    connection: sqlite3.Connection, run: int, keys: Iterable[EdgeKey], upto: int = 2**63 - 1
) -> dict[EdgeKey, Edge]:
    """Edges by key, without those announced after a position."""
    node = "(SELECT key FROM node WHERE node_id = ? AND run = ?)"
    sql = f"{SELECT_EDGES} AND e.owner = iif(? = '', 0, {node}) AND e.parent = {node} AND e.child = {node} AND e.born <= ?"
    rows = (
        connection.execute(sql, (run, owner, owner, run, parent, run, child, run, upto)).fetchone()
        for owner, parent, child in keys
    )
    found = (edge_from_row(row) for row in rows if row is not None)
    return {edge.key: edge for edge in found}
