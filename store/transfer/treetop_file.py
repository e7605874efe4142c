"""Another treetop file as the source of an import: a copy, a file of another machine, or one restored from a dump.

`sqlite3 events.db .dump` preserves neither application id nor version, so the file is recognised by its tables. Event
bodies are stored alike in every version.
"""

import sqlite3
from collections.abc import Iterator

from store.database.arrival import Refused
from store.model.entry import Entry, StreamId


def entries(connection: sqlite3.Connection) -> Iterator[tuple[str | None, Entry | Refused]]:
    """The events of all runs in order, each with the id of its run, then the rejected entries."""
    runs = "SELECT key, run_id FROM run WHERE generation >= 0 ORDER BY key"
    for key, run_id in connection.execute(runs).fetchall():
        for ms, number, body in connection.execute(
            "SELECT CAST(e.ms AS INTEGER), CAST(e.number AS INTEGER), CAST(b.data AS BLOB) FROM event e"
            " JOIN body b ON b.seq = e.seq WHERE e.run = ? ORDER BY e.position",
            (key,),
        ):
            yield run_id, Entry(StreamId(ms, number), {b"json_payload": body})
    for ms, number, reason, data in connection.execute(
        "SELECT CAST(ms AS INTEGER), CAST(number AS INTEGER), CAST(reason AS TEXT), CAST(data AS BLOB) FROM rejected"
        " ORDER BY key"
    ):
        yield None, Refused(StreamId(ms, number), data, reason)


def count_gaps(connection: sqlite3.Connection) -> int:
    """Number of losses recorded in the file."""
    count: int = connection.execute("SELECT count(*) FROM gap").fetchone()[0]
    return count
