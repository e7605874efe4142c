"""Writes a batch of events, and the changes that the events make to runs, nodes and edges.

The derived tables contain the state of each run (`RunState`). The fold of each batch updates it. All methods are called
within the transaction of `Writer`.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from itertools import chain, groupby
from operator import attrgetter, itemgetter

from store.database.arrival import Arrived
from store.database.blob import BLOB_PART_BYTES, write_blob
from store.database.checkpoint_row import checkpoint_to_row
from store.database.event_row import EVENT_COLUMNS, event_id_to_row, facts_to_row
from store.database.history import CHECKPOINT_EVENTS
from store.database.open_run import OpenRun, OpenRuns
from store.database.rows import (
    CHECKPOINT_COLUMNS,
    EDGE_COLUMNS,
    NODE,
    RUN,
    SPAN_COLUMNS,
    Row,
    edge_to_row,
    node_to_row,
    span_to_row,
)
from store.database.statement import insert, update
from store.database.version_row import version_to_row
from store.model.attribution import INFERRED_RUN_PREFIX
from store.model.change import Move
from store.model.fold import advance
from store.model.record import NODE_INFERRED
from store.model.span import Kind, Span
from store.model.state import Edge, Node

Turn = tuple[int, str | None, str | None]
"""The columns `turn`, `old_status` and `status` of an event."""

NO_TURN: Turn = 0, None, None
STEP_TURN: Turn = 1, None, None
"""A step of the node begins or ends, and its status does not change."""

CACHED_TYPES_MAX = 1_000
"""Maximum number of event types whose keys are cached between batches."""

_RUN_COLUMNS = ("key", "declared", "generation", "first_seq", "last_seq", "bytes", *RUN.columns)
_UPSERT_RUN = "{} ON CONFLICT (key) DO UPDATE SET {}, bytes = bytes + excluded.bytes".format(
    insert("run", _RUN_COLUMNS),
    ", ".join(f"{name} = excluded.{name}" for name in _RUN_COLUMNS if name not in ("key", "first_seq", "bytes")),
)

_INDEXED = ("node_id", "born", "outer", "troubled")
"""Columns of a node that are in an index and seldom change. Each has a statement of its own, as it updates the index."""

_UNINDEXED = [name for name in NODE.columns if name not in _INDEXED]
_INSERT_NODE = insert("node", ("key", "run", *NODE.columns))
_UPDATE_NODE = update("node", _UNINDEXED)
_unindexed_values = itemgetter(*map(NODE.columns.index, _UNINDEXED))

_PUT_SPAN = "{} ON CONFLICT (run, born) DO UPDATE SET {}".format(
    insert("span", SPAN_COLUMNS),
    ", ".join(f"{name} = excluded.{name}" for name in SPAN_COLUMNS if name not in ("run", "born", "kind", "node")),
)
_INSERT_EDGE = insert("edge", ("run", *EDGE_COLUMNS))
_INSERT_MOVE = insert("move", ("run", "position", "n", "node", "before", "after"))
_INSERT_EVENT = insert("event", EVENT_COLUMNS)
_INSERT_CHECKPOINT = insert("checkpoint", ("run", *CHECKPOINT_COLUMNS, "data"))
_INSERT_VERSION = insert("version", ("node", "position", "step", "data"))
_checkpoint_counts = attrgetter(*CHECKPOINT_COLUMNS[2:])  # the columns after position and time


class Projection:
    """Keeps the derived rows of a file consistent with its events."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self.runs = OpenRuns(connection)
        self._types: dict[str, int] = {}

    def forget(self) -> None:
        """Empty the caches: the transaction failed, or another process wrote to the file."""
        self.runs.forget()
        self._types.clear()

    def trim(self) -> None:
        """Empty caches that exceed their limits. Call it only between transactions."""
        self.runs.trim()
        if len(self._types) > CACHED_TYPES_MAX:
            self._types.clear()

    def type_key(self, name: str) -> int:
        """The key of an event type. A new type is inserted."""
        key = self._types.get(name)
        if key is None:
            self.connection.execute("INSERT INTO event_type (name) VALUES (?) ON CONFLICT (name) DO NOTHING", (name,))
            found = self.connection.execute("SELECT key FROM event_type WHERE name = ?", (name,)).fetchone()
            key = self._types[name] = found[0]
        return key

    def write(self, run_id: str, items: Sequence[Arrived]) -> None:
        """Store further events of a run, and their changes to the run."""
        run = self.runs.open(run_id)
        first = run.accumulator.run.events + 1
        turns = self.apply(run, items)
        rows = []
        for position, item in enumerate(items, first):
            event, facts = item.event, item.event.facts
            ms, number = item.at.bounded
            subject = item.concerns[0] if item.concerns else None
            rows.append(
                (
                    item.seq,
                    run.key,
                    position,
                    self._types.get(event.type) or self.type_key(event.type),
                    None if subject is None else run.keys[subject],
                    1 if facts.node_id else 0,  # an int is bound at half the cost of a bool
                    event.time,
                    event.skew,
                    item.stream,
                    ms,
                    number,
                    event_id_to_row(event.event_id),
                    item.identity,
                    1 if event.run_id is None else 0,
                    item.inferred,
                    1 if facts.failed else 0,
                    *turns.get(position, NO_TURN),
                    None if event.price is None else event.price.dollars,
                    None if event.price is None else event.price.model,
                    *facts_to_row(facts, run.keys),
                )
            )
        self.connection.executemany(_INSERT_EVENT, rows)
        self._write_bodies(items)
        self.write_mentions(run, items)
        self.write_run(run, items[0].seq, items[-1].seq, sum(len(item.body) for item in items))
        self.runs.written += len(items)

    def _write_bodies(self, items: Sequence[Arrived]) -> None:
        bodies = [(item.seq, item.crc, item.body) for item in items if len(item.body) <= BLOB_PART_BYTES]
        self.connection.executemany("INSERT INTO body (seq, crc, data) VALUES (?, ?, ?)", bodies)
        if len(bodies) == len(items):
            return
        for item in items:
            if len(item.body) > BLOB_PART_BYTES:
                row = item.seq, item.crc, len(item.body)
                self.connection.execute("INSERT INTO body (seq, crc, data) VALUES (?, ?, zeroblob(?))", row)
                write_blob(self.connection, "body", item.seq, item.body)

    def apply(self, run: OpenRun, items: Sequence[Arrived]) -> dict[int, Turn]:
        """Fold events, and write the resulting nodes, edges, spans, moves and checkpoints. Returns turns by position."""
        events = [item.event for item in items]
        run.nodes.prefetch(chain.from_iterable(item.mentions for item in items))
        before = run.accumulator.run.events
        born: list[str] = []
        changed: dict[str, Node] = {}
        moves: list[Move] = []
        edges: list[Edge] = []
        spans: dict[int, Span] = {}
        turns: dict[int, Turn] = {}
        checkpoints = []
        first = self.runs.next_key("node")
        at = 0
        while at < len(events):
            upto = at + max(run.checkpoint + CHECKPOINT_EVENTS - run.accumulator.run.events, 1)
            change = advance(run.accumulator, events[at:upto])
            run.keys.update(zip(change.born, range(first + len(born), first + len(born) + len(change.born)), strict=True))
            born += change.born
            changed |= change.nodes
            moves += change.moves
            edges += change.edges
            spans |= change.spans
            for span in change.spans.values():
                if span.kind == Kind.STEP:
                    turns.update((at, STEP_TURN) for at in (span.began, span.ended) if at is not None and at > before)
            turns |= {at: (1, transition.old, transition.new) for at, transition in change.transitions.items()}
            for position, (node_id, uncertain) in change.inferred.items():
                item = items[position - before - 1]
                item.concerns = (node_id,)
                item.inferred |= NODE_INFERRED * uncertain
            run.touched.update(change.nodes)
            if run.accumulator.run.events - run.checkpoint >= CHECKPOINT_EVENTS:
                checkpoints.append(_checkpoint(run))
            at = upto
        fresh = [changed.pop(node_id) for node_id in born]
        execute_many = self.connection.executemany
        execute_many(_INSERT_NODE, [(run.keys[node.node_id], run.key, *node_to_row(node, run.key_of)) for node in fresh])
        self._update_nodes(run, changed.values(), before)
        self._write_moves(run, moves)
        self.write_spans(run, spans.values())
        execute_many(_INSERT_EDGE, [(run.key, *edge_to_row(edge, run.key_of)) for edge in edges])
        for row, versions in checkpoints:
            self.connection.execute(_INSERT_CHECKPOINT, row)
            execute_many(_INSERT_VERSION, versions)
        return turns

    def _update_nodes(self, run: OpenRun, nodes: Iterable[Node], before: int) -> None:
        """Update the rows of nodes that changed after the position `before`."""
        rows, troubled = [], []
        for node in nodes:
            key = run.key_of(node.node_id)
            rows.append((*_unindexed_values(node_to_row(node, run.key_of)), key))
            if node.troubled is not None and node.troubled > before:
                troubled.append((node.troubled, key))
        self.connection.executemany(_UPDATE_NODE, rows)
        self.connection.executemany("UPDATE node SET troubled = ? WHERE key = ?", troubled)

    def write_spans(self, run: OpenRun, spans: Iterable[Span]) -> None:
        """Insert or update the rows of spans."""
        self.connection.executemany(_PUT_SPAN, [span_to_row(run.key, span, run.key_of) for span in spans])

    def _write_moves(self, run: OpenRun, moves: Sequence[Move]) -> None:
        if not moves:
            return
        rows = [
            (run.key, move.position, n, *(None if id_ is None else run.key_of(id_) for id_ in move[1:]))
            for _, group in groupby(moves, lambda move: move.position)
            for n, move in enumerate(group)
        ]
        self.connection.executemany(_INSERT_MOVE, rows)
        self.connection.executemany("UPDATE node SET outer = ? WHERE key = ?", [(row[5], row[3]) for row in rows])

    def write_mentions(self, run: OpenRun, items: Sequence[Arrived]) -> None:
        """Number the events of each node. `Node.events` already includes them, so the last one gets this number."""
        nodes, keys = run.nodes, run.keys
        left: dict[str, int] = {}
        rows = []
        for item in reversed(items):
            seq = item.seq
            for node_id in item.concerns:
                n = left.get(node_id) or nodes[node_id].events
                left[node_id] = n - 1
                rows.append((keys[node_id], n, seq))
        self.connection.executemany("INSERT INTO node_event (node, n, seq) VALUES (?, ?, ?)", reversed(rows))

    def write_run(self, run: OpenRun, first_seq: int, last_seq: int, added_bytes: int) -> None:
        """Insert or update the row of a run. An update leaves `first_seq` unchanged and adds to `bytes`."""
        run.generation = max(run.generation, 0)
        now = run.accumulator.run
        declared = not now.run_id.startswith(INFERRED_RUN_PREFIX)
        row = (run.key, declared, run.generation, first_seq, last_seq, added_bytes, *RUN.to_row(now))
        self.connection.execute(_UPSERT_RUN, row)
        run.written = now.events
        run.edges.clear()  # an edge is repeated seldom: a miss costs one query
        run.nodes.forget_absent()  # nodes cached as absent may be in the file by now


def _checkpoint(run: OpenRun) -> tuple[Row, Sequence[Row]]:
    """The rows of a checkpoint: the run, and the versions of the nodes that changed since the previous one."""
    now = run.accumulator.run
    versions = [
        (run.key_of(node_id), now.events, *version_to_row(run.nodes[node_id], run.key_of)) for node_id in run.touched
    ]
    run.touched.clear()
    run.checkpoint = now.events
    return (run.key, now.events, now.latest, *_checkpoint_counts(now), checkpoint_to_row(now, run.key_of)), versions
