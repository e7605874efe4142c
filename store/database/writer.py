"""The writer of events. It stores the entries of a stream as rows, in one transaction with the new position of the stream.

Invariants at every commit: `received = stored + duplicate + rejected`, and the rows of the derived tables (run, node, edge)
are the fold of the rows of `event`.
"""

import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from itertools import count
from pathlib import Path

from store.database import file as db
from store.database import stream_row
from store.database.arrival import Arrived, Pricing, Refused, arrive, data_of
from store.database.assignment import Assignment
from store.database.blob import write_blob
from store.database.projection import Projection
from store.database.repetition import sort_out
from store.database.stream_row import Counts, Namesake
from store.database.transaction import Transactions, is_of_rows
from store.errors import Fenced, FileError, FileReplaced
from store.model.entry import Cursor, Entry, Gap, StreamId

REASON_CHARS_MAX = 500
"""Maximum number of characters of a stored reason for a rejection. Reasons quote values of any length."""

BLOB_BYTES_MAX = 900_000_000
"""Maximum number of bytes that are stored of a rejected entry: just below the limit of a value in SQLite."""


class Writer:
    """Writes events to a file. Holds one connection, which threads use one after the other.

    The position of a stream is updated by compare-and-set: `append` raises Fenced if its expected position is out of date.
    After an exception the file contains nothing of the batch, and the batch can be appended again.
    """

    def __init__(
        self,
        path: Path,
        clock: Callable[[], float] = time.time,
        guest: bool = False,
        lock_timeout_s: float = db.LOCK_TIMEOUT_S,
        pricing: Pricing | None = None,
    ) -> None:
        """`guest`: another process may be ingesting, so never checkpoint the WAL.

        `lock_timeout_s`: seconds to wait for the lock of another program before FileBusy. `pricing`: prices the calls whose
        agents publish no cost; None: they have none. Raises FileError or a subclass.
        """
        self.path = path
        self._clock = clock
        self._pricing = pricing
        self._db = db.connect_writer(path, lock_timeout_s=lock_timeout_s)
        self._file_identity = db.file_identity(path)
        if guest:
            self._db.execute("PRAGMA wal_autocheckpoint=0")
        else:
            db.register_adapters()
        self._transactions = Transactions(self._db, path, self._forget)
        self._projection = Projection(self._db)
        self._assignment = Assignment(self._db, self._projection)
        self._latest_without_stream: str | None = None
        """Run of the newest event that came from no stream."""

    def close(self) -> None:
        """Close the file, after the commit that runs in the background."""
        self._transactions.close()
        self._db.close()

    def __enter__(self) -> "Writer":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def wait_for_commit(self) -> None:
        """Wait for the commit that runs in the background. Raises FileError if it fails; its batch is then rolled back."""
        self._transactions.wait_for_commit()

    def checkpoint(self) -> None:
        """Copy pages from the write-ahead log into the file, without waiting for readers. Requires the lease."""
        self.wait_for_commit()
        self._db.execute("PRAGMA wal_checkpoint(PASSIVE)")

    def check_in_place(self) -> None:
        """Raise FileReplaced if the file at the path is not the open one any more. Costs 2 us."""
        found = db.file_identity(self.path)
        if found != self._file_identity:
            with suppress(sqlite3.DatabaseError, FileError), self._transactions.lock:
                self.wait_for_commit()  # the moved file is then complete without its WAL
                self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            raise FileReplaced(
                f"{self.path}: was {'deleted' if found is None else 'replaced'} while events were stored into it"
            )

    def _forget(self) -> None:
        """Empty the caches."""
        self._projection.forget()
        self._assignment.forget()

    # Streams

    def stream(self, name: str, address: str = "") -> int:
        """The key of the stream with this name at this address. A new stream is inserted."""
        with self._transactions.begin():
            return stream_row.stream_key(self._db, name, address)

    def namesakes(self, stream: int) -> list[Namesake]:
        """The streams of the same name at other addresses, in descending order of position."""
        with self._transactions.explaining():
            return stream_row.find_namesakes(self._db, stream)

    def continue_from(self, stream: int, other: int) -> int:
        """Continue at the position of another row of the same stream. Returns the key of the row to use."""
        with self._transactions.begin():
            return stream_row.continue_stream(self._db, stream, other)

    def cursor(self, stream: int) -> Cursor:
        """The position of the last entry that was read from the stream."""
        self.wait_for_commit()
        with self._transactions.explaining():
            return stream_row.read_cursor(self._db, stream)

    def report(self, stream: int, state: str, reason: str | None, head: StreamId | None, since: float) -> None:
        """Store the state of the ingester for the readers of the file."""
        with self._transactions.begin():
            stream_row.set_state(self._db, stream, state, reason, head, since)

    # Appending

    def append(
        self,
        entries: Sequence[Entry | Refused],
        stream: int | None = None,
        before: Cursor | None = None,
        after: Cursor | None = None,
        gap: Gap | None = None,
        archived_run: str | None = None,
        defer_commit: bool = False,
    ) -> Counts:
        """Store entries in this order, and move the stream from `before` to `after`, in one transaction.

        `stream`: None for entries from a file. `archived_run`: the run whose archive contains the entries. Events without
        a run id are assigned to it. An event that the file contains with other content is counted as rejected, and not
        stored. `defer_commit`: return before the commit is complete. The next call of a method waits for it, and raises its
        error.

        Raises Fenced if the stream is not at `before`, FileError if the file cannot be written.
        """

        def store(put: Callable[[Counts], None]) -> Counts:
            counts, latest = Counts(received=len(entries)), self._latest_without_stream
            try:
                with self._transactions.begin(defer_commit):
                    if stream is not None and before is not None and after is not None:
                        self._move(stream, before, after)
                    if gap is not None and stream is not None:
                        stream_row.insert_gap(self._db, stream, gap, self._clock())
                    put(counts)
                    if stream is not None:
                        stream_row.add_counts(self._db, stream, counts)
            except BaseException:
                self._latest_without_stream = latest
                raise
            self._projection.trim()
            self._assignment.trim()
            return counts

        try:
            items = [arrive(entry, stream, self._pricing) for entry in entries]
            with self._transactions.lock:
                return store(partial(self._put, items, stream, archived_run))
        except Exception as error:  # of any type, see `is_of_rows`
            if not is_of_rows(error):
                raise
            with self._transactions.lock:
                return store(partial(self._put_each, entries, stream, archived_run))

    def _move(self, stream: int, before: Cursor, after: Cursor) -> None:
        if not stream_row.move_position(self._db, stream, before, after):
            raise Fenced(f"{self.path}: another ingester stored entries after {before.position}; this one must read again")

    def _put(
        self, items: Sequence[Arrived | Refused], stream: int | None, archived_run: str | None, counts: Counts
    ) -> None:
        """Store all items, or none if one cannot be stored."""
        arrived = []
        for item in items:
            if isinstance(item, Arrived):
                arrived.append(item)
            else:
                self._reject(stream, item, counts)
        fresh, repeated, conflicting = sort_out(self._db, arrived)
        counts.stored += len(fresh)
        counts.duplicate += repeated
        for item in conflicting:
            if archived_run is None:
                reason = f"event_id {item.event.event_id} was seen before with other content"
                self._reject(item.stream, Refused(item.at, item.body, reason), counts)
            else:
                counts.rejected += 1
        for item, seq in zip(fresh, count(self._projection.runs.next_key("event")), strict=False):
            item.seq = seq
        latest = self._latest_without_stream if stream is None else stream_row.latest_run(self._db, stream)
        if fresh:
            latest = self._assignment.store(fresh, stream, latest, archived_run)
            if stream is not None and latest is not None:
                key = self._projection.runs.open(latest).key
                self._db.execute("UPDATE stream SET open_run = ? WHERE key = ?", (key, stream))
        if stream is None:
            self._latest_without_stream = latest

    def _put_each(
        self, entries: Sequence[Entry | Refused], stream: int | None, archived_run: str | None, counts: Counts
    ) -> None:
        """Store entries one by one, and reject those that cannot be stored."""
        for entry in entries:
            one, latest = Counts(), self._latest_without_stream
            self._db.execute("SAVEPOINT entry")
            try:
                self._put([arrive(entry, stream, self._pricing)], stream, archived_run, one)
            except Exception as error:  # of any type, see `is_of_rows`
                if not is_of_rows(error):
                    raise
                self._db.execute("ROLLBACK TO entry")
                self._forget()
                self._latest_without_stream, one = latest, Counts()
                reason = f"cannot be stored: {type(error).__name__}: {error}"
                self._reject(stream, Refused(entry.at, data_of(entry), reason), one)
            self._db.execute("RELEASE entry")
            counts.add(one)

    def _reject(self, stream: int | None, item: Refused, counts: Counts) -> None:
        """Store a rejected entry. An entry that was rejected before counts as a duplicate."""
        at, data = item.at, item.data
        reason = item.reason.encode("utf-8", "backslashreplace").decode()
        if len(reason) > REASON_CHARS_MAX:
            reason = f"{reason[: REASON_CHARS_MAX - 1]}…"
        if len(data) > BLOB_BYTES_MAX:
            reason = f"{reason} (the first {BLOB_BYTES_MAX:,} of {len(data):,} bytes)"
            data = data[:BLOB_BYTES_MAX]
        known = "SELECT EXISTS (SELECT 1 FROM rejected WHERE stream IS ? AND ms = ? AND number = ? AND data = ?)"
        if self._db.execute(known, (stream, *at.bounded, data)).fetchone()[0]:
            counts.duplicate += 1
            return
        counts.rejected += 1
        row = self._db.execute(
            "INSERT INTO rejected (stream, ms, number, found, reason, data) VALUES (?, ?, ?, ?, ?, zeroblob(?))",
            (stream, *at.bounded, self._clock(), reason, len(data)),
        )
        assert row.lastrowid is not None
        write_blob(self._db, "rejected", row.lastrowid, data)
