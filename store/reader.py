"""The reading half of the store: what screens, scripts and relays ask of the file. Never writes, never blocks the writer.

Every query goes by an index and reads a bounded number of rows. No cursor stays open between calls: a reader that held one
would make the file's write-ahead log grow without end.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import aiosqlite

from store import database as db
from store.errors import FileReplaced, RunUnknown
from store.events import Event, decode_facts
from store.record import GapRow, Loaded, RejectedRow, RunRow, Stored, StreamRow

POLL_FAST = 0.016
POLL_SLOW = 0.25
"""Seconds between two looks at the file: fast while it changes, slowing down by itself when it does not."""


_STORED = (
    "SELECT e.seq, e.position, e.event_id, t.name, e.time, CASE WHEN e.guessed THEN NULL ELSE r.run_id END, e.facts,"
    " e.failed, e.old_status, e.status FROM {} JOIN event_type t ON t.key = e.type JOIN run r ON r.key = e.run"
)
_GAP = "g.key, r.run_id, g.found, g.kind, g.lost, g.after, g.before, g.note FROM gap g LEFT JOIN run r ON r.key = g.run"
_RUN_COLUMNS = (
    f"key, generation, last_seq, bytes, marked, (SELECT count(*) FROM gap g WHERE g.run = run.key), {db.RUN_FIELDS}"
)


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

    async def _rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[db.Row]:
        try:
            return list(await self._db.execute_fetchall(sql, parameters))
        except sqlite3.DatabaseError as error:
            raise db.explain(error, self.path, "can not be read") from error

    # Runs

    async def runs(self, after_seq: int = 0) -> list[RunRow]:
        """The runs that changed after this seq, newest beginning first."""
        rows = await self._rows(
            f"SELECT {_RUN_COLUMNS} FROM run WHERE last_seq > ? AND generation >= 0 ORDER BY first_seq DESC",
            (after_seq,),
        )
        return [
            RunRow(key, generation, last_seq, size, gaps, bool(marked), db.run_from_row(run))
            for key, generation, last_seq, size, marked, gaps, *run in rows
        ]

    async def count_runs(self) -> int:
        """How many runs there are."""
        rows = await self._rows("SELECT count(*) FROM run WHERE generation >= 0")
        count: int = rows[0][0]
        return count

    async def resolve(self, name: str) -> str:
        """The id of the run that goes by this name: its id, the beginning of its id, or `latest`. Raises RunUnknown."""
        if name == "latest":
            rows = await self._rows("SELECT run_id FROM run WHERE generation >= 0 ORDER BY first_seq DESC LIMIT 1")
            if not rows:
                raise RunUnknown(f"{self.path}: holds no runs yet")
        else:
            rows = await self._rows(
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

    async def load(self, run_id: str) -> Loaded:
        """A whole run, payloads left aside. Raises RunUnknown."""
        return await asyncio.shield(self._load(run_id))  # who stops waiting must not leave the transaction open

    async def _load(self, run_id: str) -> Loaded:
        async with self._loading:
            await self._rows("BEGIN")  # one moment for all three
            try:
                found = await self._rows(db.SELECT_RUN, (run_id,))
                if not found or found[0][1] < 0:
                    raise RunUnknown(f"{self.path}: there is no run {run_id!r}")
                row = found[0]
                nodes = await self._rows(f"{db.SELECT_NODES} n.run = ? ORDER BY n.key", (row[0],))
                edges = await self._rows(f"{db.SELECT_EDGES} ORDER BY key", (row[0],))
            finally:
                await self._rows("COMMIT")
        return Loaded(row[0], row[1], db.state_from_rows(row[2:], nodes, edges))

    async def generation(self, run: int) -> int | None:
        """The generation of a run, None when it was deleted."""
        rows = await self._rows("SELECT generation FROM run WHERE key = ? AND generation >= 0", (run,))
        return rows[0][0] if rows else None

    # Events. Pages go by position: [first, last], both within, at most as many rows as you ask for.

    async def events(self, run: int, first: int, last: int) -> list[Stored]:
        """The events of a run at the positions from `first` to `last`, in order. For the end of a run, ask for its end."""
        return await self._stored(
            "event e", "e.run = ? AND e.position BETWEEN ? AND ? ORDER BY e.position", run, first, last
        )

    async def tail(self, run: int, position: int, limit: int = 5_000) -> list[Stored]:
        """The events of a run after this position."""
        return await self.events(run, position + 1, position + limit)

    async def node_events(self, run: int, node_id: str, first: int, last: int) -> list[Stored]:
        """Of the events that name a node, the first-th to the last-th, in order."""
        source = "node_event x CROSS JOIN event e ON e.seq = x.seq"
        where = "x.node = (SELECT key FROM node WHERE node_id = ? AND run = ?) AND x.n BETWEEN ? AND ? ORDER BY x.n"
        return await self._stored(source, where, node_id, run, first, last)

    async def subtree_positions(self, run: int, node_id: str, after: int = 0) -> list[int]:
        """The positions, after this one, of all events that are about a node or one beneath it, in order."""
        rows = await self._rows(
            "WITH RECURSIVE tree (key) AS ("
            " SELECT key FROM node WHERE node_id = ? AND run = ?"
            " UNION SELECT n.key FROM tree t JOIN node n ON n.outer = t.key)"
            " SELECT DISTINCT e.position FROM tree t CROSS JOIN node_event x ON x.node = t.key"
            " CROSS JOIN event e ON e.seq = x.seq WHERE e.position > ? ORDER BY e.position",
            (node_id, run, after),
        )
        return [row[0] for row in rows]

    async def at_positions(self, run: int, positions: Sequence[int]) -> list[Stored]:
        """The events at these positions, in order; a page of them at most."""
        marks = ",".join("?" * len(positions))
        return await self._stored("event e", f"e.run = ? AND e.position IN ({marks}) ORDER BY e.position", run, *positions)

    async def _stored(self, source: str, where: str, *parameters: object) -> list[Stored]:
        rows = await self._rows(f"{_STORED.format(source)} WHERE {where}", parameters)
        return [
            Stored(seq, position, Event(event_id, name, time, run_id, decode_facts(name, facts)), bool(failed), old, new)
            for seq, position, event_id, name, time, run_id, facts, failed, old, new in rows
        ]

    async def payload(self, seq: int) -> bytes:
        """The event with this seq, byte for byte as it was published; empty when it was deleted."""
        rows = await self._rows("SELECT data FROM body WHERE seq = ?", (seq,))
        return bytes(rows[0][0]) if rows else b""

    async def status_history(self, run: int, node_id: str) -> list[Stored]:
        """The events that changed a node's status, in order; at most 1,000."""
        return await self._stored(
            "node_event x CROSS JOIN event e ON e.seq = x.seq",
            "x.node = (SELECT key FROM node WHERE node_id = ?1 AND run = ?2) AND e.status IS NOT NULL AND e.node = x.node"
            " ORDER BY x.n LIMIT 1000",
            node_id,
            run,
        )

    # How ingest is doing

    async def streams(self) -> list[StreamRow]:
        """Every stream that was ever read into this file."""
        rows = await self._rows(
            "SELECT name, position, received, stored, duplicate, rejected, state, since, reason, head,"
            " (SELECT count(*) FROM gap g WHERE g.stream = s.key),"
            " (SELECT CASE WHEN count(*) = count(lost) THEN coalesce(sum(lost), 0) END FROM gap g WHERE g.stream = s.key)"
            " FROM stream s ORDER BY key"
        )
        return [StreamRow(*row) for row in rows]

    async def gaps(self, run: int) -> list[GapRow]:
        """What was lost while this run was the one heard of last, newest first."""
        rows = await self._rows(f"SELECT {_GAP} WHERE g.run = ? ORDER BY g.key DESC LIMIT 100", (run,))
        return [GapRow(*row) for row in rows]

    async def all_gaps(self, limit: int = 1_000) -> list[GapRow]:
        """What was lost, newest first."""
        rows = await self._rows(f"SELECT {_GAP} ORDER BY g.key DESC LIMIT ?", (limit,))
        return [GapRow(*row) for row in rows]

    async def rejected(self, limit: int = 1_000) -> list[RejectedRow]:
        """Entries that are not events, newest first."""
        rows = await self._rows(
            "SELECT key, ms || '-' || number, found, reason, length(data) FROM rejected ORDER BY key DESC LIMIT ?", (limit,)
        )
        return [RejectedRow(*row) for row in rows]

    async def rejected_data(self, key: int) -> bytes:
        """The bytes of a rejected entry: its json_payload, or, where it had none, its fields as Python prints them."""
        rows = await self._rows("SELECT data FROM rejected WHERE key = ?", (key,))
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
            version = (await self._rows("PRAGMA data_version"))[0][0]
            if version != seen:
                seen, pause = version, POLL_FAST
                yield
            await asyncio.sleep(pause)
            pause = min(pause * 1.05, POLL_SLOW)
