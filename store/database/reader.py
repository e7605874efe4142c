"""Reading a file: its runs, streams, gaps and rejected entries. `RunQueries` reads one run. Never blocks the writer.

Each query uses an index and reads a bounded number of rows. No cursor stays open between calls, because the write-ahead log
could not be truncated meanwhile.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import aiosqlite

from store.database import file as db
from store.database.rows import RUN, Row
from store.errors import FileBusy, FileError, FileReplaced, RunUnknown
from store.model.record import GapRow, RejectedRow, RunChanges, RunRow, StreamRow

T = TypeVar("T")

POLL_MIN_S = 0.016
"""Seconds between two checks for changes of the file just after one."""

POLL_MAX_S = 0.25
"""Seconds between two checks of a file that has not changed for a while."""

OPEN_RUNS_MAX = 1_000
"""Runs without an end that are read at once. Most of them are of agents that were killed."""

GAP = (
    "g.key, r.run_id, g.found, g.kind, g.lost, g.after, g.before, g.note FROM gap g"
    " LEFT JOIN run r ON r.key = g.run AND r.generation >= 0"
)
_RUN_COLUMNS = (
    f"key, generation, last_seq, bytes, marked, (SELECT count(*) FROM gap g WHERE g.run = run.key), {RUN.column_list}"
)


def _run_row(row: Row) -> RunRow:
    key, generation, last_seq, size, pinned, gaps, *run = row
    return RunRow(key, generation, last_seq, size, gaps, bool(pinned), RUN.from_row(run))


def _end_transaction(connection: sqlite3.Connection) -> None:
    """End the read transaction, unless SQLite has rolled it back after an error."""
    if connection.in_transaction:
        connection.execute("COMMIT")


def runs_with_arrivals(connection: sqlite3.Connection) -> tuple[list[RunRow], dict[int, float]]:
    """All runs, the one that began last first, and the time of arrival of the last event of each run by its key."""
    rows = connection.execute(f"SELECT {_RUN_COLUMNS} FROM run WHERE generation >= 0 ORDER BY first_seq DESC").fetchall()
    arrivals = connection.execute("SELECT r.key, e.ms / 1000.0 FROM run r JOIN event e ON e.seq = r.last_seq")
    return [_run_row(row) for row in rows], dict(arrivals.fetchall())


class Reader:
    """Reads a file: `async with Reader(path) as reader`. Entering and all methods raise FileError and its subclasses.

    It has one connection, with a thread. Without closing it, which `async with` does, the process does not end.
    """

    def __init__(self, path: Path, lock_timeout_s: float = db.LOCK_TIMEOUT_S) -> None:
        """`lock_timeout_s`: seconds for which each query waits while another program has the file locked."""
        self.path = path
        self._lock_timeout_s = lock_timeout_s
        self._connection: sqlite3.Connection
        self._db: aiosqlite.Connection
        """The same connection with its thread."""
        self._closed = False
        self._immutable = False
        """The file was opened as immutable: it must be opened again once there is a writer."""
        self._turn = asyncio.Lock()
        """Held by the task whose snapshot is open."""
        self._reading: asyncio.Task[Any] | None = None
        """The task whose snapshot is open."""

    async def __aenter__(self) -> "Reader":
        await self._open()
        return self

    async def _open(self) -> None:
        identity, immutable = db.file_identity(self.path), db.is_immutable(self.path)
        # Not opened by aiosqlite, which does not wait for the end of its thread if that fails.
        connection = await asyncio.to_thread(db.connect_reader, self.path, self._lock_timeout_s)
        self._db = await aiosqlite.Connection(lambda: connection, iter_chunk_size=64)
        self._connection, self._identity, self._immutable = connection, identity, immutable

    async def reopen(self) -> None:
        """Open the file that is at the path now. After an exception the reader still has the former one."""
        async with self._turn:
            old = self._db
            await self._open()
        await old.close()  # after the queries that are queued

    async def __aexit__(self, *_: object) -> None:
        self._closed = True
        await self._db.close()

    async def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """The rows of a query. For modules of the store; others call the methods that return records."""
        return await self.in_thread(lambda connection: connection.execute(sql, parameters).fetchall())

    async def in_thread(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """Run a function in the thread of the connection, which runs one function at a time, in the order of the calls.

        A function is also run to its end if the caller is cancelled, and before the end of the caller's snapshot.
        """
        try:
            # aiosqlite has no public method for several statements, and this one has no types
            found: T = await self._db._execute(function, self._connection)  # type: ignore[no-untyped-call]
            return found
        except sqlite3.DatabaseError as error:
            if self._written_now():
                raise FileBusy(f"{self.path}: is being written now; wait until it is reopened") from error
            raise db.explain(error, self.path, "cannot be read") from error
        except ValueError as error:
            if self._closed:
                raise FileError(f"{self.path}: was closed while it was read") from error
            raise

    async def in_transaction(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """Like `in_thread`, in one read transaction: that of the open snapshot, or one of its own."""

        def within(connection: sqlite3.Connection) -> T:
            if connection.in_transaction:
                return function(connection)
            connection.execute("BEGIN")
            try:
                return function(connection)
            finally:
                _end_transaction(connection)

        return await self.in_thread(within)

    def _written_now(self) -> bool:
        """Whether there is a writer since the file was opened as immutable."""
        return self._immutable and not db.is_immutable(self.path)

    # Runs

    async def runs(self) -> list[RunRow]:
        """All runs, the one that began last first."""
        rows = await self.rows(f"SELECT {_RUN_COLUMNS} FROM run WHERE generation >= 0 ORDER BY first_seq DESC")
        return [_run_row(row) for row in rows]

    async def open_runs(self, limit: int = OPEN_RUNS_MAX) -> list[RunRow]:
        """The runs without an end, the one with the latest event first; `limit` at most."""
        sql = f"SELECT {_RUN_COLUMNS} FROM run WHERE ended IS NULL AND generation >= 0 ORDER BY last_seq DESC LIMIT ?"
        return [_run_row(row) for row in await self.rows(sql, (limit,))]

    async def run_page(self, below: int | None, limit: int) -> list[RunRow]:
        """The runs with the highest keys below a key, highest first. `below` None: of all runs."""
        sql = f"SELECT {_RUN_COLUMNS} FROM run WHERE key < ? AND generation >= 0 ORDER BY key DESC LIMIT ?"
        return [_run_row(row) for row in await self.rows(sql, (2**62 if below is None else below, limit))]

    async def last_change(self) -> int:
        """Number of the last change of any run. Later changes have higher numbers."""
        number: int = (await self.rows("SELECT coalesce(max(number), 0) FROM run_change"))[0][0]
        return number

    async def run_changes(self, after: int) -> RunChanges:
        """Runs that changed since a number: new events, pinned, a gap, rebuilt, deleted."""
        rows = await self.rows(
            f"SELECT c.number, c.run, {_RUN_COLUMNS} FROM run_change c"
            " LEFT JOIN run ON run.key = c.run AND run.generation >= 0 WHERE c.number > ? ORDER BY c.number",
            (after,),
        )
        there = [_run_row(row[2:]) for row in rows if row[2] is not None]
        return RunChanges(there, [row[1] for row in rows if row[2] is None], rows[-1][0] if rows else after)

    async def count_runs(self) -> int:
        """Number of runs."""
        rows = await self.rows("SELECT count(*) FROM run WHERE generation >= 0")
        count: int = rows[0][0]
        return count

    async def resolve(self, name: str) -> str:
        """The id of a run, given the id, a unique beginning of it, or `latest`. Raises RunUnknown."""
        if name == "latest":
            rows = await self.rows("SELECT run_id FROM run WHERE generation >= 0 ORDER BY first_seq DESC LIMIT 1")
            if not rows:
                raise RunUnknown(f"{self.path}: contains no runs yet")
        else:
            rows = await self.rows(
                "SELECT run_id FROM run WHERE generation >= 0 AND (run_id = ?1 OR substr(run_id, 1, length(?1)) = ?1)"
                " ORDER BY run_id <> ?1, run_id LIMIT 4",
                (name,),
            )
            if not rows or not name:
                raise RunUnknown(f"{self.path}: there is no run {name!r}; `treetop runs` lists the runs")
            if len(rows) > 1 and rows[0][0] != name:
                several = ", ".join(row[0] for row in rows[:3]) + (" ..." if len(rows) > 3 else "")
                raise RunUnknown(f"{self.path}: several runs begin with {name!r}: {several}; give more of the id")
        run_id: str = rows[0][0]
        return run_id

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[None]:
        """Read transaction: all queries in the block see the file as it was at the first of them.

        Nested blocks belong to the outermost one. Tasks wait for each other's blocks: never await, within a block, another
        task that enters one. Keep blocks short, because the write-ahead log cannot be truncated meanwhile.
        """
        task = asyncio.current_task()
        if self._reading is task:
            yield
            return
        async with self._turn:
            self._reading = task
            try:
                await self.rows("BEGIN")
                yield
            finally:  # also after a cancellation
                self._reading = None
                await asyncio.shield(self.in_thread(_end_transaction))

    async def find(self, run_id: str) -> RunRow:
        """The run with this id. Raises RunUnknown."""
        rows = await self.rows(f"SELECT {_RUN_COLUMNS} FROM run WHERE run_id = ? AND generation >= 0", (run_id,))
        if not rows:
            raise RunUnknown(f"{self.path}: there is no run {run_id!r}")
        return _run_row(rows[0])

    async def run(self, key: int) -> RunRow | None:
        """The run with this key; None if it was deleted."""
        rows = await self.rows(f"SELECT {_RUN_COLUMNS} FROM run WHERE key = ? AND generation >= 0", (key,))
        return _run_row(rows[0]) if rows else None

    async def types(self, names: Sequence[str]) -> list[str]:
        """The event types, among `names` (a few hundred at most), that occur in the file."""
        marks = ",".join("?" * len(names))
        return [row[0] for row in await self.rows(f"SELECT name FROM event_type WHERE name IN ({marks})", names)]

    async def payload(self, seq: int) -> bytes:
        """The body of the event with this seq, exactly as published; empty if the event was deleted."""
        rows = await self.rows("SELECT data FROM body WHERE seq = ?", (seq,))
        return bytes(rows[0][0]) if rows else b""

    # Ingest

    async def streams(self) -> list[StreamRow]:
        """All streams that were ever stored in this file."""
        rows = await self.rows(
            "SELECT name, address, position, received, stored, duplicate, rejected - pruned, state, since, reason, head,"
            " (SELECT count(*) FROM gap g WHERE g.stream = s.key),"
            " (SELECT CASE WHEN count(*) = count(lost) THEN coalesce(sum(lost), 0) END FROM gap g WHERE g.stream = s.key)"
            " FROM stream s ORDER BY key"
        )
        return [StreamRow(*row) for row in rows]

    async def all_gaps(self, limit: int = 1_000) -> list[GapRow]:
        """Gaps in streams, newest first."""
        rows = await self.rows(f"SELECT {GAP} ORDER BY g.key DESC LIMIT ?", (limit,))
        return [GapRow(*row) for row in rows]

    async def rejected(self, limit: int = 1_000) -> list[RejectedRow]:
        """Stream entries that are not valid events, newest first."""
        rows = await self.rows(
            "SELECT key, ms || '-' || number, found, reason, length(data) FROM rejected ORDER BY key DESC LIMIT ?", (limit,)
        )
        return [RejectedRow(*row) for row in rows]

    async def rejected_data(self, key: int) -> bytes:
        """The `json_payload` of a rejected entry; without one, the `repr` of its fields."""
        rows = await self.rows("SELECT data FROM rejected WHERE key = ?", (key,))
        return bytes(rows[0][0]) if rows else b""

    async def watch(self) -> AsyncIterator[None]:
        """Yield at once, and then after each change of the file by another process.

        Raises FileReplaced if the file at the path was deleted, or replaced, also by a migrated one.
        """
        seen, pause = None, POLL_MIN_S
        while True:
            if db.file_identity(self.path) != self._identity:
                raise FileReplaced(f"{self.path}: was deleted or replaced; its last contents are shown")
            if self._written_now():
                await self.reopen()
                seen = None
            version = (await self.rows("PRAGMA data_version"))[0][0]
            if version != seen:
                if (await self.rows("PRAGMA user_version"))[0][0] != db.VERSION:
                    raise FileReplaced(f"{self.path}: was brought up to date by another version of treetop")
                seen, pause = version, POLL_MIN_S
                yield
            await asyncio.sleep(pause)
            pause = min(pause * 1.05, POLL_MAX_S)
