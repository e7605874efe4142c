"""Derives a new file from the bodies of the events in an old file. The old file has this version or an older one.

Every body is decoded and folded anew, in the order of arrival (`seq`). Columns of the old file are read by name, so no
version needs SQL of its own. Data outside the bodies is copied: streams, gaps, rejected entries, the ids and pins of runs,
the AUTOINCREMENT counters, and the tables and views that the user added.

An event keeps the run that it has in the old file, even if its body contains no run id. A new attribution could give a
different result: it depends on the batches in which the events arrived, on deleted runs, and on imports and reassignments.
"""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from store.database import file as db
from store.database.arrival import FIELD, Arrived, Pricing, Refused, arrive, identity_of
from store.database.event_row import event_id_from_row, price_from_row
from store.database.projection import Projection
from store.database.rows import RUN
from store.database.statement import insert
from store.database.transaction import is_of_rows
from store.errors import FileError
from store.model.attribution import INFERRED_RUN_PREFIX
from store.model.decode import Unreadable, decode
from store.model.entry import Entry, StreamId
from store.model.event_type import RunStarted
from store.model.record import RUN_INFERRED
from store.model.state import empty

BATCH_EVENTS = 2_000
"""Maximum number of events in one transaction."""

BATCH_BYTES = 16_000_000
"""Bytes of bodies at which a batch ends. Bounds the memory of a replay."""

_COPY_COUNTERS = """
INSERT INTO main.sqlite_sequence (name, seq) SELECT name, 0 FROM main.sqlite_master
    WHERE sql LIKE '%AUTOINCREMENT%' AND name NOT IN (SELECT name FROM main.sqlite_sequence);
UPDATE main.sqlite_sequence AS s SET seq =
    max(seq, coalesce((SELECT max(o.seq) FROM old.sqlite_sequence o WHERE o.name = s.name), 0));
"""
"""Preserves the AUTOINCREMENT counters, so that keys of deleted rows are not reused."""

_FINISH = (
    """UPDATE run_change SET number = number - (SELECT min(number) FROM run_change)
        + max(strftime('%s') * 1000000, (SELECT max(number) + 1 FROM run_change))""",
    "DELETE FROM run WHERE events = 0",
    "UPDATE run SET first_seq = (SELECT seq FROM event WHERE event.run = run.key AND position = 1)",
    "UPDATE gap SET run = NULL WHERE run NOT IN (SELECT key FROM run)",
    "UPDATE stream SET open_run = NULL WHERE open_run NOT IN (SELECT key FROM run)",
)
"""Statements that need all events. Runs whose events were all rejected are deleted.

Changes are renumbered from the time of day in microseconds, so that to readers every run has changed, also if the other
file has lost its numbers.
"""


class _Row(Struct):
    """An event of the old file."""

    seq: int
    run: int
    stream: int | None
    ms: int
    number: int
    event_id: str
    inferred: int | None
    """None if the old file has no such column."""
    crc: int | None
    body: bytes | None
    """None if the body is missing."""
    price: float | None
    priced_as: str | None

    @property
    def at(self) -> StreamId:
        return StreamId(self.ms, self.number)


class Replay:
    """Fills an empty database, `new`, from the database `old`."""

    def __init__(self, old: sqlite3.Connection, new: sqlite3.Connection, pricing: Pricing | None = None) -> None:
        """`old`: connection whose file does not change until `run` returns. `pricing`: for calls without a price in it."""
        self._old = old
        self._new = new
        self._pricing = pricing
        self._projection = Projection(new)
        self._run_ids: dict[int, str] = {}
        """Ids of runs by key, without runs that are being deleted."""
        self._deleted: set[int] = set()
        """Keys of the runs that are being deleted."""

    def run(self, on_batch: Callable[[int], None]) -> None:
        """Fill the new file. `on_batch` is called after each batch with its number of events.

        An event that cannot be decoded or stored becomes a rejected entry. Raises sqlite3.DatabaseError, and FileError if
        the old file contains a virtual table.
        """
        path = Path(self._old.execute("PRAGMA database_list").fetchone()[2])
        db.create_tables(self._new)
        self._new.execute("ATTACH ? AS old", (db.uri_of(path, "ro"),))
        with db.transaction(self._new):
            for table in ("stream", "rejected", "gap"):
                self._copy(table)
            self._copy_changes()
            self._copy_tables_of_user(path)
            for statement in db.statements(_COPY_COUNTERS):
                self._new.execute(statement)
            self._create_runs()
        for batch in self._batches():
            self._write(batch)
            on_batch(len(batch))
        with db.transaction(self._new):
            for statement in _FINISH:
                self._new.execute(statement)
        self._new.execute("DETACH old")

    # Data outside the bodies

    def _copy(self, table: str) -> None:
        """Copy the columns that both files have."""
        if names := ", ".join(self._columns(table)):
            self._new.execute(f"INSERT INTO main.{table} ({names}) SELECT {names} FROM old.{table} NOT INDEXED")

    def _copy_changes(self) -> None:
        """Copy the changes of runs, including deleted runs."""
        with suppress(sqlite3.DatabaseError):  # a damaged table, or a version without this table
            rows = self._old.execute("SELECT run, number FROM run_change NOT INDEXED").fetchall()
            self._new.executemany("INSERT INTO run_change (run, number) VALUES (?, ?)", rows)

    def _columns(self, table: str) -> list[str]:
        """The columns that both files have."""
        both = "SELECT name FROM pragma_table_info(?1, 'main') INTERSECT SELECT name FROM pragma_table_info(?1, 'old')"
        return [name for (name,) in self._new.execute(both, (table,))]

    def _copy_tables_of_user(self, path: Path) -> None:
        """Copy the tables and views that the user added, with their indexes and triggers."""
        found = self._new.execute(
            "SELECT type, name, sql FROM old.sqlite_master"
            " WHERE tbl_name NOT IN (SELECT name FROM main.sqlite_master) AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
            " ORDER BY type <> 'table', rowid"
        ).fetchall()
        for kind, name, sql in found:
            if sql.upper().startswith("CREATE VIRTUAL"):
                raise FileError(
                    f"{path}: has the virtual table {name}, which cannot be copied into a new file; drop it first"
                )
            self._new.execute(sql)
            if kind == "table":
                quoted = '"{}"'.format(name.replace('"', '""'))
                self._new.execute(f"INSERT INTO main.{quoted} SELECT * FROM old.{quoted} NOT INDEXED")

    def _create_runs(self) -> None:
        """Create the runs without their events, with the same keys and pins, in the next generation."""
        rows = self._old.execute("SELECT key, run_id, generation, marked FROM run NOT INDEXED ORDER BY key")
        for key, run_id, generation, marked in rows:
            if generation < 0:
                self._deleted.add(key)
            else:
                self._create_run(key, run_id, generation + 1, marked)

    def _create_run(self, key: int, run_id: str, generation: int, marked: int) -> None:
        columns = ("key", "declared", "generation", "first_seq", "last_seq", "marked", *RUN.columns)
        declared = not run_id.startswith(INFERRED_RUN_PREFIX)
        row = (key, declared, generation, 0, 0, marked, *RUN.to_row(empty(run_id).run))
        self._new.execute(f"{insert('run', columns)} ON CONFLICT DO NOTHING", row)
        self._run_ids[key] = run_id

    # The bodies

    def _batches(self) -> Iterator[list[_Row]]:
        """The events in order of arrival, without the events of runs that are being deleted."""
        known = self._columns("event")
        inferred, price, model = (f"e.{name}" if name in known else "NULL" for name in ("inferred", "price", "priced_as"))
        rows = self._old.execute(
            f"SELECT e.seq, e.run, e.stream, e.ms, e.number, e.event_id, {inferred}, b.crc, CAST(b.data AS BLOB), {price},"
            f" {model} FROM event e NOT INDEXED LEFT JOIN body b ON b.seq = e.seq ORDER BY e.seq"
        )
        batch: list[_Row] = []
        size = 0
        for row in (_Row(*values) for values in rows):
            if row.run in self._deleted:
                continue
            row.event_id = event_id_from_row(row.event_id)
            batch.append(row)
            size += len(row.body or b"")
            if len(batch) >= BATCH_EVENTS or size >= BATCH_BYTES:
                yield batch
                batch, size = [], 0
        if batch:
            yield batch

    def _write(self, batch: list[_Row]) -> None:
        """Store the events of a batch. After an error, store them one by one, and reject those that cannot be stored."""
        try:
            with db.transaction(self._new):
                self._store(batch)
        except Exception as error:  # of any type, see `is_of_rows`
            if not is_of_rows(error):
                raise
            self._projection.forget()
            if len(batch) > 1:
                for row in batch:
                    self._write([row])
            else:
                with db.transaction(self._new):
                    self._reject(batch[0], f"cannot be stored: {type(error).__name__}: {error}")
        self._projection.trim()

    def _store(self, batch: list[_Row]) -> None:
        by_run: dict[str, list[Arrived]] = {}
        for row in batch:
            item = self._arrived(row)
            if isinstance(item, Arrived):
                by_run.setdefault(self._run_id(row.run), []).append(item)
            else:
                self._reject(row, item.reason)
        for run_id, items in by_run.items():
            self._projection.write(run_id, items)

    def _arrived(self, row: _Row) -> Arrived | Refused:
        """Decode the body as the writer does, and copy seq, checksum, event id, `inferred` and price from the old row."""
        if row.body is None or row.crc is None:
            return Refused(row.at, b"", "the body is missing")
        price = price_from_row(row.price, row.priced_as)
        item = arrive(Entry(row.at, {FIELD: row.body}), row.stream, self._pricing if price is None else None)
        if isinstance(item, Refused):
            return item
        if price is not None:
            item.event = replace(item.event, price=price)
        event = item.event
        if event.event_id == str(row.at) != row.event_id:  # the event id of the old row is a stream id too large for SQLite
            item.event = replace(event, event_id=row.event_id)
            item.identity = identity_of(event.run_id, row.event_id)
        item.seq, item.crc = row.seq, row.crc  # `treetop doctor` reports a checksum that does not match
        if row.inferred is not None:
            item.inferred = row.inferred & RUN_INFERRED
        elif event.run_id is None and not item.mentions and not isinstance(event.facts, RunStarted):
            item.inferred = RUN_INFERRED
        return item

    def _reject(self, row: _Row, reason: str) -> None:
        """Store an event of the old file as a rejected entry."""
        self._new.execute(
            "INSERT INTO rejected (stream, ms, number, found, reason, data) VALUES (?, ?, ?, ?, ?, ?)",
            (row.stream, row.ms, row.number, time.time(), f"was stored as event {row.seq}; {reason}", row.body or b""),
        )
        self._new.execute("UPDATE stream SET stored = stored - 1, rejected = rejected + 1 WHERE key = ?", (row.stream,))

    def _run_id(self, key: int) -> str:
        """The id of a run. If the old file has lost the row of the run, the run id in its events."""
        if key not in self._run_ids:
            self._create_run(key, self._named(key), 1, 0)
        return self._run_ids[key]

    def _named(self, key: int) -> str:
        """The first run id in the events of a run, or a generated id if they have none."""
        first: str | None = None
        rows = self._old.execute(
            "SELECT e.ms, e.number, CAST(b.data AS BLOB) FROM event e JOIN body b ON b.seq = e.seq WHERE e.run = ?"
            " ORDER BY e.position",
            (key,),
        )
        for ms, number, body in rows:
            with suppress(Unreadable):
                event = decode(body, StreamId(ms, number))
                if event.run_id is not None:
                    return event.run_id
                first = first or f"{INFERRED_RUN_PREFIX}{event.facts.subject or StreamId(ms, number)}"
        assert first is not None, "an event of the run was decoded"
        return first
