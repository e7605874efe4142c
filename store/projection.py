"""The rows that are derived from events: runs, nodes, edges, and which events name which nodes.

They are a saved `RunState` for each run, kept in step by folding every batch (`write`), and can be made again from the
events alone (`rebuild`). Part of the writing half; runs inside the transaction of `Writer`.
"""

import sqlite3
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct

from store import database as db
from store.attribution import GUESSED
from store.events import Event, StreamId, decode_facts, encode_facts
from store.fold import Change, advance
from store.state import RunState, empty

CACHED_NODES = 100_000
"""How many nodes of runs in progress stay in memory between batches."""

CHUNK = 5_000
"""Events that are read at a time when a run is built again."""


class Arrived(Struct):
    """An event on its way into the file."""

    seq: int
    event: Event
    mentions: tuple[str, ...]
    stream: int | None
    at: StreamId
    body: bytes
    crc: int
    identity: int


class OpenRun(Struct):
    """A run in progress: its state, and the keys of its rows."""

    key: int
    state: RunState
    keys: dict[str, int]
    generation: int = 0


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
_UPDATE_NODE = "UPDATE node SET {} WHERE key = ?".format(", ".join(f"{name} = ?" for name in db.NODE_FIELDS.split(", ")))
_INSERT_EDGE = _insert("edge", f"run, {db.EDGE_FIELDS}")
_INSERT_EVENT = _insert(
    "event",
    "seq, run, position, type, node, time, stream, ms, number, event_id, identity, guessed, failed, old_status, status,"
    " facts",
)
_RENUMBER_EVENT = "UPDATE event SET position = ?, node = ?, old_status = ?, status = ? WHERE seq = ?"


class Projection:
    """Keeps the derived rows of a file in step with its events."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        self._runs: OrderedDict[str, OpenRun] = OrderedDict()
        self._types: dict[str, int] = {}

    def forget(self) -> None:
        """Drop what is remembered of the file: the transaction failed, or another process wrote."""
        self._runs.clear()
        self._types.clear()

    def trim(self) -> None:
        """Let go of the runs not heard of for longest. Between transactions only."""
        nodes = sum(len(run.keys) for run in self._runs.values())
        while nodes > CACHED_NODES and len(self._runs) > 1:
            nodes -= len(self._runs.popitem(last=False)[1].keys)

    def open(self, run_id: str) -> OpenRun:
        """The run as the file has it, empty if it has none of this id."""
        run = self._runs.get(run_id)
        if run is None:
            run = self._runs[run_id] = self._load(run_id)
        self._runs.move_to_end(run_id)
        return run

    def _load(self, run_id: str) -> OpenRun:
        row = self._db.execute(db.SELECT_RUN, (run_id,)).fetchone()
        if row is None:
            opened = sum(run.generation < 0 for run in self._runs.values())
            key = self.next_key("run") + opened
            return OpenRun(key, empty(run_id), {}, generation=-1)
        nodes = self._db.execute(db.SELECT_NODES, (row[0],)).fetchall()
        state = db.state_from_rows(row[2:], nodes, self._db.execute(db.SELECT_EDGES, (row[0],)))
        return OpenRun(row[0], state, {node[1]: node[0] for node in nodes}, row[1])

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
        first = run.state.position + 1
        change, key_of = self._advance(run, [item.event for item in items])
        rows, bodies = [], []
        for position, item in enumerate(items, first):
            event, facts = item.event, item.event.facts
            transition = change.transitions.get(position)
            rows.append(
                (
                    item.seq,
                    run.key,
                    position,
                    self.type_key(event.type),
                    None if facts.subject is None else key_of(facts.subject),
                    event.time,
                    item.stream,
                    *item.at.bounded,
                    event.event_id,
                    item.identity,
                    event.run_id is None,
                    facts.failed,
                    *((None, None) if transition is None else transition[1:]),
                    encode_facts(facts).decode(),
                )
            )
            bodies.append((item.seq, item.crc, item.body))
        self._db.executemany(_INSERT_EVENT, rows)
        self._db.executemany("INSERT INTO body (seq, crc, data) VALUES (?, ?, ?)", bodies)
        self._write_mentions(run, items, key_of)
        self._write_run(run, items[0].seq, items[-1].seq, sum(len(item.body) for item in items))

    def _advance(self, run: OpenRun, events: Iterable[Event]) -> tuple[Change, Callable[[str], int]]:
        """Fold, and write the nodes and edges that changed. Also gives the way from a node's id to its key."""
        run.state, change = advance(run.state, events)
        keys, nodes = run.keys, run.state.nodes
        new, first = change.born, self.next_key("node")
        keys.update(zip(new, range(first, first + len(new)), strict=True))
        key_of = keys.__getitem__
        fresh = set(new)
        self._db.executemany(
            _INSERT_NODE, ((keys[node_id], run.key, *db.node_to_row(nodes[node_id], key_of)) for node_id in new)
        )
        self._db.executemany(
            _UPDATE_NODE, ((*db.node_to_row(nodes[id_], key_of), keys[id_]) for id_ in change.nodes if id_ not in fresh)
        )
        self._db.executemany(_INSERT_EDGE, ((run.key, *db.edge_to_row(edge)) for edge in change.edges))
        return change, key_of

    def _write_mentions(self, run: OpenRun, items: Iterable[Arrived], key_of: Callable[[str], int]) -> None:
        """Number the events that name a node. The state counted them already; so count back from there."""
        named = [(node_id, item.seq) for item in items for node_id in item.mentions]
        left: dict[str, int] = {}
        rows = []
        for node_id, seq in reversed(named):
            n = left.get(node_id)
            if n is None:
                n = run.state.nodes[node_id].events
            left[node_id] = n - 1
            rows.append((key_of(node_id), n, seq))
        self._db.executemany("INSERT INTO node_event (node, n, seq) VALUES (?, ?, ?)", reversed(rows))

    def _write_run(self, run: OpenRun, first: int, last: int, size: int) -> None:
        run.generation = max(run.generation, 0)
        declared = not run.state.run.run_id.startswith(GUESSED)
        row = (run.key, declared, run.generation, first, last, size, *db.run_to_row(run.state.run))
        self._db.execute(_UPSERT_RUN, row)

    def move(self, seqs: Sequence[int], source: str, target: str) -> None:
        """Events of one run turn out to be another's. Both are built again from their events."""
        old, new = self.open(source), self.open(target)
        marked = self._db.execute("SELECT max(marked) FROM run WHERE key IN (?, ?)", (old.key, new.key)).fetchone()[0]
        for seq in seqs:  # positions below 0 until they are numbered again
            self._db.execute("UPDATE event SET run = ?, position = -seq WHERE seq = ?", (new.key, seq))
        self.rebuild(source, old)
        self.rebuild(target, new)
        if not old.state.position:
            self._db.execute("UPDATE run SET marked = ? WHERE key = ?", (marked, new.key))
            self._db.execute("UPDATE gap SET run = ? WHERE run = ?", (new.key, old.key))
            self._db.execute("UPDATE stream SET open_run = ? WHERE open_run = ?", (new.key, old.key))

    def rebuild(self, run_id: str, run: OpenRun) -> None:
        """Number the events of a run in the order of arrival, and fold them from nothing."""
        self._db.execute("DELETE FROM node_event WHERE node IN (SELECT key FROM node WHERE run = ?)", (run.key,))
        self._db.execute("DELETE FROM node WHERE run = ?", (run.key,))
        self._db.execute("DELETE FROM edge WHERE run = ?", (run.key,))
        self._db.execute("UPDATE event SET position = -seq WHERE run = ?", (run.key,))
        marked = self._db.execute("SELECT marked FROM run WHERE key = ?", (run.key,)).fetchone()
        self._db.execute("DELETE FROM run WHERE key = ?", (run.key,))
        run.state, run.keys, run.generation = empty(run_id), {}, max(run.generation, 0) + 1
        after = 0
        while items := self._read(run.key, after):
            first = run.state.position + 1
            change, key_of = self._advance(run, [item.event for item in items])
            rows = []
            for position, item in enumerate(items, first):
                subject = item.event.facts.subject
                transition = change.transitions.get(position)
                status = (None, None) if transition is None else transition[1:]
                rows.append((position, None if subject is None else key_of(subject), *status, item.seq))
            self._db.executemany(_RENUMBER_EVENT, rows)
            self._write_mentions(run, items, key_of)
            size = self._db.execute(
                "SELECT sum(length(b.data)) FROM event e JOIN body b ON b.seq = e.seq"
                " WHERE e.run = ? AND e.position BETWEEN ? AND ?",
                (run.key, first, run.state.position),
            ).fetchone()[0]
            self._write_run(run, items[0].seq, items[-1].seq, size)
            after = items[-1].seq
        if marked is not None:
            self._db.execute("UPDATE run SET marked = ? WHERE key = ?", (marked[0], run.key))
        if not run.state.position:
            del self._runs[run_id]

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
        return [Arrived(seq, event, event.facts.mentions, None, StreamId(0, 0), b"", 0, 0) for seq, event in events]
