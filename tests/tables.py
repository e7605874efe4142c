"""The rows of a file in terms of what they mean: keys, which depend on who came first, become names."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

from store import database as db
from store.cursor import Entry, follow
from store.events import Event, StreamId, decode
from store.reader import Reader
from store.state import RunState
from store.view import View
from store.writer import Counts, Writer

Row = tuple[Any, ...]

_MEANING = {
    "run": f"SELECT {db.RUN_FIELDS}, declared, generation, first_seq, last_seq, bytes FROM run",
    "node": f"SELECT r.run_id, o.node_id, n.{', n.'.join(db.NODE_FIELDS.replace(' outer,', '').split(', '))}"
    " FROM node n JOIN run r ON r.key = n.run LEFT JOIN node o ON o.key = n.outer",
    "edge": f"SELECT r.run_id, e.{', e.'.join(db.EDGE_FIELDS.split(', '))} FROM edge e JOIN run r ON r.key = e.run",
    "event": "SELECT e.seq, r.run_id, e.position, t.name, n.node_id, e.time, e.stream, e.ms, e.number, e.event_id,"
    " e.identity, e.guessed, e.failed, e.turn, e.old_status, e.status, e.facts FROM event e"
    " LEFT JOIN run r ON r.key = e.run LEFT JOIN event_type t ON t.key = e.type LEFT JOIN node n ON n.key = e.node",
    "body": "SELECT seq, crc, data FROM body",
    "node_event": "SELECT r.run_id, n.node_id, x.n, x.seq FROM node_event x LEFT JOIN node n ON n.key = x.node"
    " LEFT JOIN run r ON r.key = n.run",
    "checkpoint": "SELECT r.run_id, c.position, c.time, c.nodes, c.errors, c.llm_calls, c.tool_calls, c.tokens_in,"
    " c.tokens_out, c.data FROM checkpoint c LEFT JOIN run r ON r.key = c.run",
    "version": "SELECT r.run_id, n.node_id, v.position, v.data FROM version v LEFT JOIN node n ON n.key = v.node"
    " LEFT JOIN run r ON r.key = n.run",
    "move": "SELECT r.run_id, m.position, m.n, n.node_id, b.node_id, a.node_id FROM move m JOIN run r ON r.key = m.run"
    " LEFT JOIN node n ON n.key = m.node LEFT JOIN node b ON b.key = m.before LEFT JOIN node a ON a.key = m.after",
    "rejected": "SELECT stream, ms, number, reason, data FROM rejected",
    "stream": "SELECT s.name, s.position, s.entry_crc, s.epoch, s.added, r.run_id, s.received, s.stored, s.duplicate,"
    " s.rejected FROM stream s LEFT JOIN run r ON r.key = s.open_run",
    "gap": "SELECT g.stream, r.run_id, g.seq, g.kind, g.lost, g.after, g.before, g.note FROM gap g"
    " LEFT JOIN run r ON r.key = g.run",
}


def query(path: Path, sql: str, *parameters: object) -> list[Row]:
    """What anybody with SQLite would get."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql, parameters).fetchall()


def rows(path: Path, *tables: str) -> dict[str, list[Row]]:
    """The rows of these tables, or of all."""
    return {name: sorted(query(path, _MEANING[name]), key=repr) for name in tables or _MEANING}


def states(path: Path) -> dict[str, RunState]:
    """All runs of a file, as saved."""
    with closing(sqlite3.connect(path)) as connection:
        found = {}
        for (run_id,) in connection.execute("SELECT run_id FROM run").fetchall():
            key, _, *run = connection.execute(db.SELECT_RUN, (run_id,)).fetchone()
            nodes = connection.execute(f"{db.SELECT_NODES} n.run = ? ORDER BY n.key", (key,)).fetchall()
            edges = connection.execute(f"{db.SELECT_EDGES} ORDER BY key", (key,)).fetchall()
            found[run_id] = RunState(
                db.run_from_row(run),
                {node.node_id: node for node in map(db.node_from_row, nodes)},
                {edge.key: edge for edge in map(db.edge_from_row, edges)},
            )
    return found


async def load(reader: Reader, run_id: str) -> RunState:
    """A run as it is now, as `treetop show` gets it."""
    async with View(reader, run_id) as view:
        return await view.state()


def store(path: Path, entries: Sequence[Entry], size: int = 1_000, stream: str = "agent_events") -> Counts:
    """Write these entries as ingest would that reads so many at a time."""
    counts = Counts()
    with Writer(path) as writer:
        key = writer.stream(stream)
        cursor = writer.cursor(key)
        for start in range(0, len(entries), size):
            batch = entries[start : start + size]
            after = follow(cursor, batch)
            counts.add(writer.append(batch, key, cursor, after))
            cursor = after
    return counts


def store_in_parts(path: Path, entries: Sequence[Entry], random: Random) -> Iterator[int]:
    """Write these entries in batches of any size, and say after each how many there are; now and then another process
    takes over."""
    at = 0
    while at < len(entries):
        with Writer(path) as writer:
            for _ in range(random.randint(1, 4)):
                if at < len(entries):
                    size = random.randint(1, 9)
                    writer.append(entries[at : at + size])
                    at = min(at + size, len(entries))
                    yield at


def events_of(path: Path, run_id: str) -> list[Event]:
    """The events that the file has of a run, decoded from what was published."""
    published = query(
        path,
        "SELECT b.data, e.ms, e.number FROM event e JOIN body b ON b.seq = e.seq JOIN run r ON r.key = e.run"
        " WHERE r.run_id = ? ORDER BY e.position",
        run_id,
    )
    return [decode(data, StreamId(ms, number)) for data, ms, number in published]
