"""The reading half of the store: what screens, scripts and relays ask of the file. Never writes, never blocks the writer.

Every query goes by an index and reads a bounded number of rows. No cursor stays open between calls: a reader that held one
would make the file's write-ahead log grow without end.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiosqlite

from store import database as db
from store.errors import FileReplaced, RunUnknown
from store.record import GapRow, RejectedRow, RunRow, StreamRow

POLL_FAST = 0.016
POLL_SLOW = 0.25
"""Seconds between two looks at the file: fast while it changes, slowing down by itself when it does not."""


GAP = "g.key, r.run_id, g.found, g.kind, g.lost, g.after, g.before, g.note FROM gap g LEFT JOIN run r ON r.key = g.run"
_RUN_COLUMNS = (
    f"key, generation, last_seq, bytes, marked, (SELECT count(*) FROM gap g WHERE g.run = run.key), {db.RUN_FIELDS}"
)


def _run_row(row: db.Row) -> RunRow:
    key, generation, last_seq, size, marked, gaps, *run = row
    return RunRow(key, generation, last_seq, size, gaps, bool(marked), db.run_from_row(run))


class Reader:
    """Reads a file; use as `async with Reader(path) as reader`. Raises FileError and its kinds on entering.

    One connection, and with it one thread, that must be closed for the process to end; `async with` does.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._db: aiosqlite.Connection
        self._loading = asyncio.Lock()

    async def __aenter__(self) -> "Reader":
        await self._open()
        return self

    async def _open(self) -> None:
        place = db.place(self.path)
        db.check_readable(self.path)
        self._db = await aiosqlite.connect(db.address(self.path, "ro"), uri=True, timeout=5.0, isolation_level=None)
        self._place = place

    async def reopen(self) -> None:
        """Read from the file that is at the path now. Raises FileError and its kinds, and goes on with the old one then."""
        async with self._loading:
            old = self._db
            await self._open()
        await old.close()  # after what was asked of it before

    async def __aexit__(self, *_: object) -> None:
        await self._db.close()

    async def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[db.Row]:
        """The rows of a query. For the modules of the store; the others ask for records."""
        try:
            return list(await self._db.execute_fetchall(sql, parameters))
        except sqlite3.DatabaseError as error:
            raise db.explain(error, self.path, "can not be read") from error

    # Runs

    async def runs(self, after_seq: int = 0) -> list[RunRow]:
        """The runs that changed after this seq, newest beginning first."""
        rows = await self.rows(
            f"SELECT {_RUN_COLUMNS} FROM run WHERE last_seq > ? AND generation >= 0 ORDER BY first_seq DESC",
            (after_seq,),
        )
        return [_run_row(row) for row in rows]

    async def arrivals(self) -> dict[int, float]:
        """By the clock of Redis, when the last event of each run arrived there; by the key of the run."""
        rows = await self.rows("SELECT r.key, e.ms / 1000.0 FROM run r JOIN event e ON e.seq = r.last_seq")
        return {row[0]: row[1] for row in rows}

    async def count_runs(self) -> int:
        """How many runs there are."""
        rows = await self.rows("SELECT count(*) FROM run WHERE generation >= 0")
        count: int = rows[0][0]
        return count

    async def resolve(self, name: str) -> str:
        """The id of the run that goes by this name: its id, the beginning of its id, or `latest`. Raises RunUnknown."""
        if name == "latest":
            rows = await self.rows("SELECT run_id FROM run WHERE generation >= 0 ORDER BY first_seq DESC LIMIT 1")
            if not rows:
                raise RunUnknown(f"{self.path}: holds no runs yet")
        else:
            rows = await self.rows(
                "SELECT run_id FROM run WHERE generation >= 0 AND (run_id = ?1 OR substr(run_id, 1, length(?1)) = ?1)"
                " ORDER BY run_id <> ?1, run_id LIMIT 4",
                (name,),
            )
            if not rows or not name:
                raise RunUnknown(f"{self.path}: there is no run {name!r}; see `treetop runs` for those there are")
            if len(rows) > 1 and rows[0][0] != name:
                several = ", ".join(row[0] for row in rows[:3]) + (" ..." if len(rows) > 3 else "")
                raise RunUnknown(f"{self.path}: several runs begin with {name!r}: {several}; give more of the id")
        run_id: str = rows[0][0]
        return run_id

    @asynccontextmanager
    async def moment(self) -> AsyncIterator[None]:
        """What is read within is read at one moment of the file. Not to be nested."""
        async with self._loading:
            try:
                await self.rows("BEGIN")
                yield
            finally:  # also when nobody waits any more: nothing must stay open
                await asyncio.shield(self.rows("COMMIT"))

    async def find(self, run_id: str) -> RunRow:
        """The run with this id. Raises RunUnknown."""
        rows = await self.rows(f"SELECT {_RUN_COLUMNS} FROM run WHERE run_id = ? AND generation >= 0", (run_id,))
        if not rows:
            raise RunUnknown(f"{self.path}: there is no run {run_id!r}")
        return _run_row(rows[0])

    async def look(self, run: int) -> RunRow | None:
        """A run by its key, None when it was deleted."""
        rows = await self.rows(f"SELECT {_RUN_COLUMNS} FROM run WHERE key = ? AND generation >= 0", (run,))
        return _run_row(rows[0]) if rows else None

    async def types(self, names: Sequence[str]) -> list[str]:
        """Those of these types of events of which the file ever had one; a few hundred at most can be asked for."""
        marks = ",".join("?" * len(names))
        return [row[0] for row in await self.rows(f"SELECT name FROM event_type WHERE name IN ({marks})", names)]

    async def payload(self, seq: int) -> bytes:
        """The event with this seq, byte for byte as it was published; empty when it was deleted."""
        rows = await self.rows("SELECT data FROM body WHERE seq = ?", (seq,))
        return bytes(rows[0][0]) if rows else b""

    # How ingest is doing

    async def streams(self) -> list[StreamRow]:
        """Every stream that was ever read into this file."""
        rows = await self.rows(
            "SELECT name, position, received, stored, duplicate, rejected, state, since, reason, head,"
            " (SELECT count(*) FROM gap g WHERE g.stream = s.key),"
            " (SELECT CASE WHEN count(*) = count(lost) THEN coalesce(sum(lost), 0) END FROM gap g WHERE g.stream = s.key)"
            " FROM stream s ORDER BY key"
        )
        return [StreamRow(*row) for row in rows]

    async def all_gaps(self, limit: int = 1_000) -> list[GapRow]:
        """What was lost, newest first."""
        rows = await self.rows(f"SELECT {GAP} ORDER BY g.key DESC LIMIT ?", (limit,))
        return [GapRow(*row) for row in rows]

    async def rejected(self, limit: int = 1_000) -> list[RejectedRow]:
        """Entries that are not events, newest first."""
        rows = await self.rows(
            "SELECT key, ms || '-' || number, found, reason, length(data) FROM rejected ORDER BY key DESC LIMIT ?", (limit,)
        )
        return [RejectedRow(*row) for row in rows]

    async def rejected_data(self, key: int) -> bytes:
        """The bytes of a rejected entry: its json_payload, or, where it had none, its fields as Python prints them."""
        rows = await self.rows("SELECT data FROM rejected WHERE key = ?", (key,))
        return bytes(rows[0][0]) if rows else b""

    async def watch(self) -> AsyncIterator[None]:
        """Yield whenever another process changed the file. The first time at once.

        Looks every 16 ms while there are changes, ever less often, down to four times a second, when there are none. Raises
        FileReplaced when there is no file at the path any more, or another one.
        """
        seen, pause = None, POLL_FAST
        while True:
            if db.place(self.path) != self._place:
                raise FileReplaced(f"{self.path}: was deleted or replaced; this is what it held")
            version = (await self.rows("PRAGMA data_version"))[0][0]
            if version != seen:
                seen, pause = version, POLL_FAST
                yield
            await asyncio.sleep(pause)
            pause = min(pause * 1.05, POLL_SLOW)
