"""The row of a stream: how far it was read, what became of its entries, and what its ingester is doing.

Functions run inside the transaction of the caller.
"""

import sqlite3
from typing import NamedTuple

from msgspec import Struct

from store.model.entry import Cursor, Gap, StreamId

_POSITION = "position, epoch, entry_crc, added, server"


class Counts(Struct):
    """What became of the entries of one or more batches: `received = stored + duplicate + rejected`."""

    received: int = 0
    stored: int = 0
    duplicate: int = 0
    rejected: int = 0

    def add(self, other: "Counts") -> None:
        self.received += other.received
        self.stored += other.stored
        self.duplicate += other.duplicate
        self.rejected += other.rejected


class Namesake(NamedTuple):
    """A stream of the same name at another address."""

    key: int
    address: str
    cursor: Cursor


def stream_key(connection: sqlite3.Connection, name: str, address: str) -> int:
    """The key of the stream with this name at this address. A new stream is inserted."""
    connection.execute("INSERT INTO stream (name, address) VALUES (?, ?) ON CONFLICT DO NOTHING", (name, address))
    row = connection.execute("SELECT key FROM stream WHERE name = ? AND address = ?", (name, address)).fetchone()
    key: int = row[0]
    return key


def read_cursor(connection: sqlite3.Connection, stream: int) -> Cursor:
    """How far the stream was read."""
    row = connection.execute(f"SELECT {_POSITION} FROM stream WHERE key = ?", (stream,)).fetchone()
    return Cursor(StreamId.parse(row[0]), *row[1:])


def find_namesakes(connection: sqlite3.Connection, stream: int) -> list[Namesake]:
    """The streams of the same name at other addresses, the one read furthest first."""
    rows = connection.execute(
        f"SELECT key, address, {_POSITION} FROM stream WHERE name = (SELECT name FROM stream WHERE key = ?) AND key <> ?",
        (stream, stream),
    ).fetchall()
    found = [Namesake(key, address, Cursor(StreamId.parse(position), *rest)) for key, address, position, *rest in rows]
    return sorted(found, key=lambda namesake: namesake.cursor.position, reverse=True)


def continue_stream(connection: sqlite3.Connection, stream: int, other: int) -> int:
    """Continue at the position of another row of the same stream. Returns the key of the row to use.

    A row without an address gets the address of `stream`, whose row is deleted if nothing was read into it.
    """
    merged = connection.execute(
        "DELETE FROM stream WHERE key = ? AND received = 0 AND position = '0-0'"
        " AND (SELECT address FROM stream WHERE key = ?) = '' RETURNING address",
        (stream, other),
    ).fetchall()
    if merged:
        connection.execute("UPDATE stream SET address = ? WHERE key = ?", (merged[0][0], other))
        return other
    connection.execute(
        f"UPDATE stream SET ({_POSITION}) = (SELECT {_POSITION} FROM stream WHERE key = ?) WHERE key = ?", (other, stream)
    )
    return stream


def move_position(connection: sqlite3.Connection, stream: int, before: Cursor, after: Cursor) -> bool:
    """Move a stream from one position to another by compare-and-set. False if it is not at `before`."""
    values = (str(after.position), after.epoch, after.entry_crc, after.added, after.server)
    moved = connection.execute(
        f"UPDATE stream SET ({_POSITION}) = (?, ?, ?, ?, ?) WHERE key = ? AND position = ? AND epoch = ?",
        (*values, stream, str(before.position), before.epoch),
    )
    return moved.rowcount == 1


def add_counts(connection: sqlite3.Connection, stream: int, counts: Counts) -> None:
    """Add the counts of a batch to those of its stream."""
    connection.execute(
        "UPDATE stream SET received = received + ?, stored = stored + ?, duplicate = duplicate + ?,"
        " rejected = rejected + ? WHERE key = ?",
        (counts.received, counts.stored, counts.duplicate, counts.rejected, stream),
    )


def insert_gap(connection: sqlite3.Connection, stream: int, gap: Gap, found: float) -> None:
    """Store that entries were lost after the newest event, in the run of that event if it has not ended.

    `found`: time of day.
    """
    before = None if gap.before is None else str(gap.before)
    connection.execute(
        "INSERT INTO gap (stream, run, seq, found, kind, lost, after, before, note) SELECT key,"
        " (SELECT run.key FROM run WHERE run.key = open_run AND run.ended IS NULL),"
        " (SELECT coalesce(max(seq), 0) FROM event), ?, ?, ?, ?, ?, ? FROM stream WHERE key = ?",
        (found, gap.kind, gap.lost, str(gap.after), before, gap.note, stream),
    )


def set_state(
    connection: sqlite3.Connection, stream: int, state: str, reason: str | None, head: StreamId | None, since: float
) -> None:
    """Store the state of the ingester, and the newest entry of the stream if it is known."""
    connection.execute(
        "UPDATE stream SET state = ?, reason = ?, head = coalesce(?, head), since = ? WHERE key = ?",
        (state, reason, None if head is None else str(head), since, stream),
    )


def latest_run(connection: sqlite3.Connection, stream: int) -> str | None:
    """The run of the newest event of a stream."""
    row = connection.execute(
        "SELECT r.run_id FROM stream s JOIN run r ON r.key = s.open_run WHERE s.key = ? AND r.generation >= 0", (stream,)
    ).fetchone()
    return None if row is None else str(row[0])
