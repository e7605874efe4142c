"""The rows that are derived from events: runs, nodes, edges, and which events name which nodes.

They are a saved `RunState` for each run, kept in step by folding every batch (`write`), and can be made again from the
events alone (`rebuild`). Part of the writing half; runs inside the transaction of `Writer`.
"""

import sqlite3
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import chain, groupby
from operator import itemgetter
from zlib import crc32

from msgspec import Struct, field

from store import database as db
from store.attribution import GUESSED
from store.events import PIECE, Event, StreamId, decode_facts, encode_facts
from store.fetching import Fetching
from store.fold import Draft, Move, Transition
from store.history import ASKED_AT_ONCE, EVERY, History, batched, encode, fetch_edges
from store.state import Edge, EdgeKey, Node, empty

CACHED_NODES = 100_000
"""How many nodes of runs in progress stay in memory between batches."""

AWAY = 20_000
"""Events of others after which a run is let go of: to read it again takes as long as some dozen events."""

CACHED_TYPES = 1_000
"""How many types of events stay in memory between batches."""

CHUNK = 5_000
"""Events that are read at a time when a run is built again."""


class Arrived(Struct, gc=False):
    """An event on its way into the file."""

    seq: int
    event: Event
    concerns: tuple[str, ...]
    mentions: tuple[str, ...]
    """As its facts say."""
    stream: int | None
    at: StreamId
    body: bytes
    crc: int
    identity: int


def identity_of(run_id: str | None, event_id: str) -> int:
    """A number that two deliveries of an event share: where to look for the first of them. `run_id` is as published.

    Half of it comes from the run, so that the identities of a run lie together in their index. Others may share it, too.
    """
    return _half_of(run_id) + crc32(event_id.encode("utf-8", "surrogatepass"))


@lru_cache(64)
def _half_of(run_id: str | None) -> int:
    return (crc32((run_id or "").encode("utf-8", "surrogatepass")) - 2**31) << 32


class OpenRun(Struct):
    """A run in progress: those of its nodes that were needed lately, and the keys of their rows."""

    key: int
    draft: Draft
    nodes: Fetching[str, Node]
    """Those of the draft."""
    edges: Fetching[EdgeKey, Edge]
    keys: dict[str, int]
    generation: int
    written: int
    """Up to which position the file has it."""
    checkpoint: int = 0
    """The position of the newest."""
    touched: set[str] = field(default_factory=set)
    """The nodes that changed since then."""
    heard: int = 0
    """How many events had been written, of any run, when it was last asked for."""

    def key_of(self, node_id: str) -> int:
        """The key of a node's row."""
        key = self.keys.get(node_id)
        if key is None:
            self.nodes.get(node_id)
            key = self.keys[node_id]
        return key

    def let_go(self) -> None:
        """Keep nothing in memory that the file has."""
        self.nodes.clear()
        self.edges.clear()
        self.keys.clear()


def _insert(table: str, fields: str, update: bool = False) -> str:
    names = fields.replace("\n", " ").split(", ")
    marks = ", ".join("?" * len(names))
    sql = f"INSERT INTO {table} ({fields}) VALUES ({marks})"
    if update:
        sets = ", ".join(f"{name} = excluded.{name}" for name in names if name not in ("key", "first_seq", "bytes"))
        sql += f" ON CONFLICT (key) DO UPDATE SET {sets}, bytes = bytes + excluded.bytes"
    return sql


_UPSERT_RUN = _insert("run", f"key, declared, generation, first_seq, last_seq, bytes, {db.RUN_FIELDS}", update=True)
_INSERT_NODE = _insert("node", f"key, run, {db.NODE_FIELDS}")
_INDEXED = ("node_id", "born", "outer", "troubled")
"""Columns of a node that are in an index, and seldom or never change: to set them would write the index anew."""

_UPDATE_NODE = "UPDATE node SET {} WHERE key = ?".format(
    ", ".join(f"{name} = ?" for name in db.NODE_FIELDS.split(", ") if name not in _INDEXED)
)
_changing = itemgetter(*(at for at, name in enumerate(db.NODE_FIELDS.split(", ")) if name not in _INDEXED))
_INSERT_CHECKPOINT = _insert(
    "checkpoint", "run, position, time, nodes, errors, llm_calls, tool_calls, tokens_in, tokens_out, data"
)
_INSERT_MOVE = _insert("move", "run, position, n, node, before, after")
_INSERT_EDGE = _insert("edge", f"run, {db.EDGE_FIELDS}")
_INSERT_EVENT = _insert(
    "event",
    "seq, run, position, type, node, time, stream, ms, number, event_id, identity, guessed, failed, turn, old_status,"
    " status, facts",
)
CLEAR = (
    "DELETE FROM node_event WHERE node IN (SELECT key FROM node WHERE run = ?)",
    "DELETE FROM version WHERE node IN (SELECT key FROM node WHERE run = ?)",
    "DELETE FROM node WHERE run = ?",
    "DELETE FROM edge WHERE run = ?",
    "DELETE FROM move WHERE run = ?",
    "DELETE FROM checkpoint WHERE run = ?",
)
"""What is derived from the events of a run, beside its row."""

_RENUMBER_EVENT = "UPDATE event SET position = ?, node = ?, turn = ?, old_status = ?, status = ? WHERE seq = ?"


class Projection:
    """Keeps the derived rows of a file in step with its events."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        self._runs: OrderedDict[str, OpenRun] = OrderedDict()
        self._types: dict[str, int] = {}
        self._written = 0
        """How many events, of any run."""

    def forget(self) -> None:
        """Drop what is remembered of the file: the transaction failed, or another process wrote."""
        self._runs.clear()
        self._types.clear()

    def trim(self) -> None:
        """Let go of the runs not heard of for longest. Between transactions only."""
        while self._runs and next(iter(self._runs.values())).heard < self._written - AWAY:
            self._runs.popitem(last=False)
        if len(self._types) > CACHED_TYPES:
            self._types.clear()
        nodes = sum(len(run.nodes) for run in self._runs.values())
        while nodes > CACHED_NODES and len(self._runs) > 1:
            nodes -= len(self._runs.popitem(last=False)[1].nodes)
        if nodes > CACHED_NODES:
            for run in self._runs.values():
                run.let_go()

    def open(self, run_id: str) -> OpenRun:
        """The run as the file has it, empty if it has none of this id."""
        run = self._runs.get(run_id)
        if run is None:
            run = self._runs[run_id] = self._load(run_id)
        self._runs.move_to_end(run_id)
        run.heard = self._written
        return run

    def _load(self, run_id: str) -> OpenRun:
        row = self._db.execute(db.SELECT_RUN, (run_id,)).fetchone()
        if row is None:
            opened = sum(run.generation < 0 for run in self._runs.values())
            return self._opened(self.next_key("run") + opened, Draft(empty(run_id).run, {}, {}), -1)
        run = self._opened(row[0], Draft(db.run_from_row(row[2:]), {}, {}), row[1])
        found = self._db.execute("SELECT max(position) FROM checkpoint WHERE run = ?", (run.key,)).fetchone()
        run.checkpoint = found[0] or 0
        if run.checkpoint < run.draft.run.events:
            run.touched = History(self._db, run.key, run_id).go(run.draft.run.events)
        return run

    def _opened(self, key: int, draft: Draft, generation: int) -> OpenRun:
        def fetch_nodes(node_ids: list[str]) -> Mapping[str, Node]:
            return self._fetch_nodes(run, node_ids)

        def fetch_edges_of(keys: list[EdgeKey]) -> Mapping[EdgeKey, Edge]:
            old = [key for key in keys if nodes[key.child].born <= run.written]  # no edge is older than its nodes
            return fetch_edges(self._db, run.key, old)

        nodes = draft.nodes = Fetching(fetch_nodes)
        edges = draft.edges = Fetching(fetch_edges_of)
        run = OpenRun(key, draft, nodes, edges, {}, generation, draft.run.events)
        return run

    def _fetch_nodes(self, run: OpenRun, node_ids: list[str]) -> Mapping[str, Node]:
        found = {}
        for part in batched(node_ids, ASKED_AT_ONCE):
            marks = ",".join("?" * len(part))
            for row in self._db.execute(f"{db.SELECT_NODES} n.node_id IN ({marks}) AND n.run = ?", (*part, run.key)):
                node = found[row[2]] = db.node_from_row(row)
                run.keys[node.node_id] = row[0]
                if node.outer is not None:
                    run.keys[node.outer] = row[1]
        return found

    def next_key(self, table: str) -> int:
        """The first key that no row of the table ever had."""
        row = self._db.execute("SELECT seq FROM sqlite_sequence WHERE name = ?", (table,)).fetchone()
        return 1 if row is None else row[0] + 1

    def type_key(self, name: str) -> int:
        """The key of an event type, made when it is new."""
        key = self._types.get(name)
        if key is None:
            self._db.execute("INSERT INTO event_type (name) VALUES (?) ON CONFLICT (name) DO NOTHING", (name,))
            key = self._types[name] = self._db.execute("SELECT key FROM event_type WHERE name = ?", (name,)).fetchone()[0]
        return key

    def write(self, run_id: str, items: Sequence[Arrived]) -> None:
        """Store further events of a run, and what they change."""
        run = self.open(run_id)
        first = run.draft.run.events + 1
        transitions = self._advance(run, items)
        rows = []
        for position, item in enumerate(items, first):
            event, facts = item.event, item.event.facts
            subject, (ms, number) = facts.subject, item.at.bounded
            turn, old, status = _turn(event, transitions.get(position))
            rows.append(
                (
                    item.seq,
                    run.key,
                    position,
                    self._types.get(event.type) or self.type_key(event.type),
                    None if subject is None else run.keys[subject],
                    event.time,
                    item.stream,
                    ms,
                    number,
                    event.event_id,
                    item.identity,
                    event.run_id is None,
                    facts.failed,
                    turn,
                    old,
                    status,
                    encode_facts(facts).decode(),
                )
            )
        self._db.executemany(_INSERT_EVENT, rows)
        bodies = [(item.seq, item.crc, item.body) for item in items if len(item.body) <= PIECE]
        self._db.executemany("INSERT INTO body (seq, crc, data) VALUES (?, ?, ?)", bodies)
        if len(bodies) < len(items):
            self._write_large_bodies(items)
        self._write_mentions(run, items)
        self._write_run(run, items[0].seq, items[-1].seq, sum(len(item.body) for item in items))
        self._written += len(items)

    def _write_large_bodies(self, items: Sequence[Arrived]) -> None:
        for item in items:
            if len(item.body) > PIECE:
                row = item.seq, item.crc, len(item.body)
                self._db.execute("INSERT INTO body (seq, crc, data) VALUES (?, ?, zeroblob(?))", row)
                db.fill(self._db, "body", item.seq, item.body)

    def _advance(self, run: OpenRun, items: Sequence[Arrived]) -> dict[int, Transition]:
        """Fold, and write what that changed: nodes, edges, moves and, where one is due, a checkpoint."""
        events = [item.event for item in items]
        run.nodes.expect(chain.from_iterable(item.mentions for item in items))
        before = run.draft.run.events
        born: list[str] = []
        changed: dict[str, Node] = {}
        moves: list[Move] = []
        edges: list[Edge] = []
        transitions: dict[int, Transition] = {}
        past = []
        first = self.next_key("node")
        at = 0
        while at < len(events):
            upto = at + max(run.checkpoint + EVERY - run.draft.run.events, 1)
            change = run.draft.advance(events[at:upto])
            run.keys.update(zip(change.born, range(first + len(born), first + len(born) + len(change.born)), strict=True))
            born += change.born
            changed |= change.nodes
            moves += change.moves
            edges += change.edges
            transitions.update(change.transitions)
            run.touched.update(change.nodes)
            if run.draft.run.events - run.checkpoint >= EVERY:
                past.append(self._checkpoint(run))
            at = upto
        fresh = [changed.pop(node_id) for node_id in born]
        self._db.executemany(
            _INSERT_NODE, [(run.keys[node.node_id], run.key, *db.node_to_row(node, run.key_of)) for node in fresh]
        )
        self._update(run, changed.values(), moves, before)
        self._db.executemany(_INSERT_EDGE, [(run.key, *db.edge_to_row(edge)) for edge in edges])
        for row, versions in past:
            self._db.execute(_INSERT_CHECKPOINT, row)
            self._db.executemany("INSERT INTO version (node, position, data) VALUES (?, ?, ?)", versions)
        return transitions

    def _update(self, run: OpenRun, nodes: Iterable[Node], moves: Sequence[Move], before: int) -> None:
        """Write nodes that have a row already."""
        rows, troubled = [], []
        for node in nodes:
            key = run.key_of(node.node_id)
            row = db.node_to_row(node, run.key_of)
            rows.append((*_changing(row), key))
            if node.troubled is not None and node.troubled > before:
                troubled.append((node.troubled, key))
        self._db.executemany(_UPDATE_NODE, rows)
        self._db.executemany("UPDATE node SET troubled = ? WHERE key = ?", troubled)
        if moves:
            written = [
                (run.key, move.position, n, *(None if id_ is None else run.key_of(id_) for id_ in move[1:]))
                for _, group in groupby(moves, lambda move: move.position)
                for n, move in enumerate(group)
            ]
            self._db.executemany(
                "INSERT INTO move (run, position, n, node, before, after) VALUES (?, ?, ?, ?, ?, ?)", written
            )
            self._db.executemany("UPDATE node SET outer = ? WHERE key = ?", [(row[5], row[3]) for row in written])

    def _checkpoint(self, run: OpenRun) -> tuple[db.Row, Sequence[db.Row]]:
        """What the run is now, and those of its nodes that changed since the checkpoint before."""
        now = run.draft.run
        versions = [(run.key_of(node_id), now.events, encode(run.nodes[node_id])) for node_id in run.touched]
        run.touched.clear()
        run.checkpoint = now.events
        counts = (now.nodes, now.errors, now.llm_calls, now.tool_calls, now.tokens_in, now.tokens_out)
        return (run.key, now.events, now.latest, *counts, encode(now)), versions

    def _write_mentions(self, run: OpenRun, items: Sequence[Arrived]) -> None:
        """Number the events that name a node. The state counted them already; so count back from there."""
        nodes, keys = run.nodes, run.keys
        left: dict[str, int] = {}
        rows = []
        for item in reversed(items):
            seq = item.seq
            for node_id in item.concerns:
                n = left.get(node_id) or nodes[node_id].events
                left[node_id] = n - 1
                rows.append((keys[node_id], n, seq))
        self._db.executemany("INSERT INTO node_event (node, n, seq) VALUES (?, ?, ?)", reversed(rows))

    def _write_run(self, run: OpenRun, first: int, last: int, size: int) -> None:
        run.generation = max(run.generation, 0)
        now = run.draft.run
        declared = not now.run_id.startswith(GUESSED)
        row = (run.key, declared, run.generation, first, last, size, *db.run_to_row(now))
        self._db.execute(_UPSERT_RUN, row)
        run.written = now.events
        run.edges.clear()  # each is announced once, and what there was none of may be there by now
        run.nodes.forget_absent()

    def move(self, seqs: Sequence[int], source: str, target: str) -> None:
        """Events of one run turn out to be another's. Both are built again from their events."""
        old, new = self.open(source), self.open(target)
        marked = self._db.execute("SELECT max(marked) FROM run WHERE key IN (?, ?)", (old.key, new.key)).fetchone()[0]
        for seq in seqs:  # positions below 0 until they are numbered again
            self._db.execute("UPDATE event SET run = ?, position = -seq WHERE seq = ?", (new.key, seq))
        old = self.rebuild(source)
        new = self.rebuild(target)
        if not old.draft.run.events:
            self._db.execute("UPDATE run SET marked = ? WHERE key = ?", (marked, new.key))
            self._db.execute("UPDATE gap SET run = ? WHERE run = ?", (new.key, old.key))
            self._db.execute("UPDATE stream SET open_run = ? WHERE open_run = ?", (new.key, old.key))

    def rebuild(self, run_id: str, on_part: Callable[[], None] | None = None) -> OpenRun:
        """Number the events of a run in the order of arrival, and fold them from nothing. `on_part` hears of each part.

        What the file says of the run is not read: it may be what an older version made of the events.
        """
        row = self._db.execute("SELECT key, generation, marked FROM run WHERE run_id = ?", (run_id,)).fetchone()
        if row is None:  # it is new
            key, generation, marked = self.open(run_id).key, -1, 0
        else:
            key, generation, marked = row
        for statement in CLEAR:
            self._db.execute(statement, (key,))
        self._db.execute("UPDATE event SET position = -seq WHERE run = ?", (key,))
        self._db.execute("DELETE FROM run WHERE key = ?", (key,))
        run = self._runs[run_id] = self._opened(key, Draft(empty(run_id).run, {}, {}), max(generation, 0) + 1)
        after = 0
        while items := self._read(run.key, after):
            first = run.draft.run.events + 1
            transitions = self._advance(run, items)
            rows = []
            for position, item in enumerate(items, first):
                subject = item.event.facts.subject
                node = None if subject is None else run.keys[subject]
                rows.append((position, node, *_turn(item.event, transitions.get(position)), item.seq))
            self._db.executemany(_RENUMBER_EVENT, rows)
            self._write_mentions(run, items)
            size = self._db.execute(
                "SELECT sum(length(b.data)) FROM event e JOIN body b ON b.seq = e.seq"
                " WHERE e.run = ? AND e.position BETWEEN ? AND ?",
                (run.key, first, run.draft.run.events),
            ).fetchone()[0]
            self._write_run(run, items[0].seq, items[-1].seq, size)
            after = items[-1].seq
            if len(run.nodes) > CACHED_NODES:
                run.let_go()
            if on_part is not None:
                on_part()
        self._db.execute("UPDATE run SET marked = ? WHERE key = ?", (marked, key))
        if not run.draft.run.events:
            del self._runs[run_id]
        return run

    def _read(self, run: int, after: int) -> list[Arrived]:
        """The next events of a run that is being built again, without their bodies."""
        rows = self._db.execute(
            "SELECT e.seq, t.name, e.time, e.event_id, e.facts FROM event e JOIN event_type t ON t.key = e.type"
            " WHERE e.run = ? AND e.position < 0 AND e.seq > ? ORDER BY e.position DESC LIMIT ?",
            (run, after, CHUNK),
        ).fetchall()
        events = [
            (seq, Event(event_id, name, time, None, decode_facts(name, facts))) for seq, name, time, event_id, facts in rows
        ]
        return [
            Arrived(seq, event, event.facts.concerns, event.facts.mentions, None, StreamId(0, 0), b"", 0, 0)
            for seq, event in events
        ]


def _turn(event: Event, transition: Transition | None) -> tuple[bool, str | None, str | None]:
    """Does a step of the node begin or end with the event, or its status change? And from which to which?"""
    if transition is None:
        return event.type in ("step_started", "step_finished"), None, None
    return True, transition.old, transition.new
