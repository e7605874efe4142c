"""Runs in progress: cached between batches with the nodes that recent events needed."""

import sqlite3
from collections import OrderedDict
from collections.abc import Mapping

from msgspec import Struct, field

from store.database.history import History, fetch_edges
from store.database.rows import RUN, SELECT_NODES, SELECT_RUN, node_from_row
from store.database.statement import batched, placeholders
from store.model.accumulator import Accumulator
from store.model.lazy_mapping import LazyMapping
from store.model.state import Edge, EdgeKey, Node, empty

CACHED_NODES_MAX = 100_000
"""Nodes of all runs that stay in memory between batches."""

EVICT_AFTER_EVENTS = 20_000
"""Events of other runs after which a run is evicted. Reading it again takes as long as some dozen events."""


class OpenRun(Struct):
    """A run in progress, its cached nodes, and the keys of their rows."""

    key: int
    accumulator: Accumulator
    nodes: LazyMapping[str, Node]
    """The nodes of the accumulator."""
    edges: LazyMapping[EdgeKey, Edge]
    """The edges of the accumulator."""
    keys: dict[str, int]
    """Keys of nodes, by node id."""
    generation: int
    """-1: the run has no row yet."""
    written: int
    """Position up to which the file has its events."""
    checkpoint: int = 0
    """Position of its newest checkpoint."""
    touched: set[str] = field(default_factory=set)
    """Nodes that changed since the newest checkpoint."""
    last_used: int = 0
    """Value of `OpenRuns.written` when the run was used last."""

    def key_of(self, node_id: str) -> int:
        """The key of the row of a node."""
        key = self.keys.get(node_id)
        if key is None:
            self.nodes.get(node_id)
            key = self.keys[node_id]
        return key

    def evict_nodes(self) -> None:
        """Drop everything that can be read from the file again."""
        self.nodes.clear()
        self.edges.clear()
        self.keys.clear()


class OpenRuns:
    """Cache of runs by run id. The least recently used run is evicted first."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        self._runs: OrderedDict[str, OpenRun] = OrderedDict()
        self.written = 0
        """Number of events written, of any run."""

    def open(self, run_id: str) -> OpenRun:
        """The run with this id, read from the file if it is not cached; empty if there is none."""
        run = self._runs.get(run_id)
        if run is None:
            run = self._runs[run_id] = self._load(run_id)
        self._runs.move_to_end(run_id)
        run.last_used = self.written
        return run

    def put(self, run_id: str, run: OpenRun) -> None:
        """Replace the run with this id."""
        self._runs[run_id] = run

    def pop(self, run_id: str) -> OpenRun | None:
        """Remove a run from the cache and return it."""
        return self._runs.pop(run_id, None)

    def forget(self) -> None:
        """Empty the cache: the transaction failed, or another process wrote to the file."""
        self._runs.clear()

    def trim(self) -> None:
        """Evict runs until the cache is within its limits. Between transactions only."""
        while self._runs and next(iter(self._runs.values())).last_used < self.written - EVICT_AFTER_EVENTS:
            self._runs.popitem(last=False)
        nodes = sum(len(run.nodes) for run in self._runs.values())
        while nodes > CACHED_NODES_MAX and len(self._runs) > 1:
            nodes -= len(self._runs.popitem(last=False)[1].nodes)
        if nodes > CACHED_NODES_MAX:
            for run in self._runs.values():
                run.evict_nodes()

    def make(self, key: int, accumulator: Accumulator, generation: int) -> OpenRun:
        """A run with this accumulator, whose nodes and edges are replaced by empty caches of rows."""

        def load_nodes(node_ids: list[str]) -> Mapping[str, Node]:
            return self._load_nodes(run, node_ids)

        def load_old_edges(keys: list[EdgeKey]) -> Mapping[EdgeKey, Edge]:
            old = [key for key in keys if nodes[key.child].born <= run.written]  # no edge is older than its nodes
            return fetch_edges(self._db, run.key, old)

        nodes = accumulator.nodes = LazyMapping(load_nodes)
        edges = accumulator.edges = LazyMapping(load_old_edges)
        run = OpenRun(key, accumulator, nodes, edges, {}, generation, accumulator.run.events)
        return run

    def next_key(self, table: str) -> int:
        """The lowest key that no row of the table has or had."""
        row = self._db.execute("SELECT seq FROM sqlite_sequence WHERE name = ?", (table,)).fetchone()
        return 1 if row is None else row[0] + 1

    def _load(self, run_id: str) -> OpenRun:
        row = self._db.execute(SELECT_RUN, (run_id,)).fetchone()
        if row is None:
            without_row = sum(run.generation < 0 for run in self._runs.values())
            return self.make(self.next_key("run") + without_row, Accumulator(empty(run_id).run, {}, {}), -1)
        run = self.make(row[0], Accumulator(RUN.from_row(row[2:]), {}, {}), row[1])
        found = self._db.execute("SELECT max(position) FROM checkpoint WHERE run = ?", (run.key,)).fetchone()
        run.checkpoint = found[0] or 0
        if run.checkpoint < run.accumulator.run.events:
            run.touched = History(self._db, run.key, run_id).seek(run.accumulator.run.events)
        return run

    def _load_nodes(self, run: OpenRun, node_ids: list[str]) -> Mapping[str, Node]:
        found = {}
        for part in batched(node_ids):
            sql = f"{SELECT_NODES} n.node_id IN ({placeholders(part)}) AND n.run = ?"
            for row in self._db.execute(sql, (*part, run.key)):
                node = found[row[2]] = node_from_row(row)
                run.keys[node.node_id] = row[0]
                if node.outer is not None:
                    run.keys[node.outer] = row[1]
        return found
