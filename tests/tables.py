"""The rows of a file, with ids in place of keys, which depend on the order of storing."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

from msgspec.structs import replace

from store.database.arrival import Pricing
from store.database.event_row import FACT_COLUMNS, EventReader, price_from_row, select_event
from store.database.moment import Moment
from store.database.reader import Reader
from store.database.rows import (
    NODE,
    RUN,
    SELECT_EDGES,
    SELECT_NODES,
    SELECT_RUN,
    SPAN_COLUMNS,
    edge_from_row,
    node_from_row,
)
from store.database.stream_row import Counts
from store.database.writer import Writer
from store.model.decode import decode
from store.model.entry import Entry, StreamId, follow
from store.model.event import Event
from store.model.facts import Facts
from store.model.state import RunState

Row = tuple[Any, ...]

_MEANING = {
    "run": f"SELECT {RUN.column_list}, declared, generation, first_seq, last_seq, bytes FROM run",
    "node": f"SELECT r.run_id, o.node_id, n.{', n.'.join(name for name in NODE.columns if name != 'outer')}"
    " FROM node n JOIN run r ON r.key = n.run LEFT JOIN node o ON o.key = n.outer",
    "span": f"SELECT r.run_id, n.node_id, s.{', s.'.join(name for name in SPAN_COLUMNS if name not in ('run', 'node'))}"
    " FROM span s LEFT JOIN run r ON r.key = s.run LEFT JOIN node n ON n.key = s.node",
    "edge": "SELECT r.run_id, o.node_id, p.node_id, c.node_id, e.born, e.parent_nid, e.child_nid FROM edge e"
    " JOIN run r ON r.key = e.run LEFT JOIN node o ON o.key = e.owner LEFT JOIN node p ON p.key = e.parent"
    " LEFT JOIN node c ON c.key = e.child",
    "event": "SELECT e.seq, r.run_id, e.position, t.name, n.node_id, e.time, e.skew, e.stream, e.ms, e.number, e.event_id,"
    " e.identity, e.guessed, e.inferred, e.failed, e.turn, e.old_status, e.status, e.price, e.priced_as, e.named,"
    f" e.{', e.'.join(FACT_COLUMNS)} FROM event e"
    " LEFT JOIN run r ON r.key = e.run LEFT JOIN event_type t ON t.key = e.type LEFT JOIN node n ON n.key = e.node",
    "body": "SELECT seq, crc, data FROM body",
    "node_event": "SELECT r.run_id, n.node_id, x.n, x.seq FROM node_event x LEFT JOIN node n ON n.key = x.node"
    " LEFT JOIN run r ON r.key = n.run",
    "checkpoint": "SELECT r.run_id, c.position, c.time, c.nodes, c.errors, c.llm_calls, c.tool_calls, c.tokens_in,"
    " c.tokens_out FROM checkpoint c LEFT JOIN run r ON r.key = c.run",
    "version": "SELECT r.run_id, n.node_id, v.position FROM version v LEFT JOIN node n ON n.key = v.node"
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
    """The rows of a query, by a connection of its own."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql, parameters).fetchall()


def rows(path: Path, *tables: str) -> dict[str, list[Row]]:
    """The rows of these tables; of all tables by default."""
    found = {name: sorted(query(path, _MEANING[name]), key=repr) for name in tables or _MEANING}
    return found if tables else found | {"facts": [(facts,) for facts in facts_of(path)]}


def facts_of(path: Path) -> list[Facts]:
    """The facts of all events in the order of their arrival, as read from their rows."""
    sql = f"SELECT {select_event()} FROM event e ORDER BY e.seq"
    with closing(sqlite3.connect(path)) as connection:
        return [event.facts for event in EventReader(connection).read(connection.execute(sql).fetchall())]


def states(path: Path) -> dict[str, RunState]:
    """The stored state of all runs."""
    with closing(sqlite3.connect(path)) as connection:
        found = {}
        for (run_id,) in connection.execute("SELECT run_id FROM run").fetchall():
            key, _, *run = connection.execute(SELECT_RUN, (run_id,)).fetchone()
            nodes = connection.execute(f"{SELECT_NODES} n.run = ? ORDER BY n.key", (key,)).fetchall()
            edges = connection.execute(f"{SELECT_EDGES} ORDER BY e.key", (key,)).fetchall()
            found[run_id] = RunState(
                RUN.from_row(run),
                {node.node_id: node for node in map(node_from_row, nodes)},
                {edge.key: edge for edge in map(edge_from_row, edges)},
            )
    return found


async def load(reader: Reader, run_id: str) -> RunState:
    """A run as it is now."""
    moment = Moment(reader, run_id)
    await moment.load()
    return await state_of(moment)


async def state_of(moment: Moment) -> RunState:
    """The complete state of a run at the position of a moment."""
    nodes = await moment.nodes(range(moment.horizon))
    edges = await moment.queries.all_edges(moment.run.events)
    return RunState(moment.run, {node.node_id: node for node in nodes.values()}, edges)


def store(
    path: Path,
    entries: Sequence[Entry],
    size: int = 1_000,
    stream: str = "agent_events",
    pricing: Pricing | None = None,
) -> Counts:
    """Store these entries as an ingester does, in batches of `size`."""
    counts = Counts()
    with Writer(path, pricing=pricing) as writer:
        key = writer.stream(stream)
        cursor = writer.cursor(key)
        for start in range(0, len(entries), size):
            batch = entries[start : start + size]
            after = follow(cursor, batch)
            counts.add(writer.append(batch, key, cursor, after))
            cursor = after
    check_reasons(path)
    return counts


def store_in_parts(path: Path, entries: Sequence[Entry], random: Random) -> Iterator[int]:
    """Write these entries in batches of any size, and say after each how many there are; now and then another process
    takes over."""
    at = 0
    Writer(path).close()
    while at < len(entries):
        with Writer(path) as writer:
            for _ in range(random.randint(1, 4)):
                if at < len(entries):
                    size = random.randint(1, 9)
                    writer.append(entries[at : at + size])
                    at = min(at + size, len(entries))
                    yield at
    check_reasons(path)


def check_reasons(path: Path) -> None:
    """Check that only malformed entries were rejected. An event that a defect of treetop rejects fails the test."""
    assert query(path, "SELECT reason FROM rejected WHERE reason LIKE 'cannot be stored%'") == []


def events_of(path: Path, run_id: str) -> list[Event]:
    """The stored events of a run, decoded from their bodies, with their stored prices."""
    published = query(
        path,
        "SELECT b.data, e.ms, e.number, e.price, e.priced_as"
        " FROM event e JOIN body b ON b.seq = e.seq JOIN run r ON r.key = e.run"
        " WHERE r.run_id = ? ORDER BY e.position",
        run_id,
    )
    return [
        replace(decode(data, StreamId(ms, number)), price=price_from_row(*price)) for data, ms, number, *price in published
    ]
