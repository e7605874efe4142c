"""The writing half of the store: entries of a stream in, rows out, in one transaction with the stream's new position.

The invariant, at every commit: `received = stored + duplicate + rejected`, and the rows of the derived tables (run, node,
edge) are the fold of the rows of `event`.
"""

import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from itertools import count
from pathlib import Path
from zlib import crc32

from msgspec import Struct

from store import database as db
from store.attribution import GUESSED, attribute, takes_roots
from store.cursor import Cursor, Entry, Gap
from store.errors import Fenced, FileError, FileReplaced, StoreError
from store.events import StreamId, Unreadable, decode
from store.history import ASKED_AT_ONCE, batched
from store.migration import migrate
from store.projection import Arrived, Projection, identity_of

KNOWN_HOMES = 20_000
"""Of how many nodes the run is remembered without asking the file, which takes some microseconds for each."""

REASON = 500
"""Characters that a reason has at most: what it quotes may be of any length."""

LARGEST = 900_000_000
"""Bytes of the largest value that SQLite takes, nearly."""

FIELD = b"json_payload"
"""The field of a stream entry that holds the event."""


class Counts(Struct):
    """What became of the entries of one or more batches."""

    received: int = 0
    stored: int = 0
    duplicate: int = 0
    rejected: int = 0

    def add(self, other: "Counts") -> None:
        self.received += other.received
        self.stored += other.stored
        self.duplicate += other.duplicate
        self.rejected += other.rejected


class Refused(Struct):
    """An entry that is no event."""

    at: StreamId
    data: bytes
    reason: str


def arrive(entry: Entry, stream: int | None) -> Arrived | Refused:
    """What an entry of a stream holds. Asks nobody."""
    body = entry.fields.get(FIELD)
    try:
        if body is None:
            names = ", ".join(name.decode("utf-8", "replace") for name in entry.fields) or "none"
            raise Unreadable(f"no field json_payload (fields: {names})")
        event = decode(body, entry.at)
    except Unreadable as error:
        return Refused(entry.at, _data(entry), str(error))
    concerns = event.facts.concerns
    return Arrived(
        0,
        event,
        concerns,
        event.facts.with_root(concerns),
        stream,
        entry.at,
        body,
        crc32(body),
        identity_of(event.run_id, event.event_id),
    )


class Writer:
    """The only one who writes events to a file. Holds one connection; use it from one thread at a time.

    Two writers on one file can not both advance a stream: the position is moved by compare-and-set, and the second gets
    `Fenced`. After any exception nothing of the batch is in the file, and the batch can be appended again.
    """

    def __init__(
        self,
        path: Path,
        clock: Callable[[], float] = time.time,
        guest: bool = False,
        upgrade: Callable[[sqlite3.Connection, Path], None] = migrate,
        patience: float = db.PATIENCE,
    ) -> None:
        """A guest writes while an ingester may be at work, which alone then moves pages into the file.

        A file of an older version is brought up to date, by `upgrade`; to a guest it is FileOlder. `patience`: seconds
        after which another who holds the file is FileBusy.
        """
        self.path = path
        self._clock = clock
        self._db = db.connect_writer(path, older=not guest, patience=patience)
        self._place = db.place(path)
        try:
            upgrade(self._db, path)
        except BaseException:
            self._db.close()
            raise
        if guest:
            self._db.execute("PRAGMA wal_autocheckpoint=0")
        self._data_version = -1
        self._committing: Future[sqlite3.Cursor] | None = None
        """The commit that is under way, on the thread of `_committer`."""
        self._committer: ThreadPoolExecutor | None = None
        self._projection = Projection(self._db)
        self._homes: dict[str, str | None] = {}
        """Of nodes heard of: the newest run that knows each, None where no run does."""
        self._guesses: dict[str, bool] = {}
        """Of runs heard of: does it hold events that were published without a run?"""
        self._streamless: str | None = None
        """The run heard of last in entries that came from no stream."""

    def close(self) -> None:
        """Close the file. Rows that were committed stay."""
        if self._committer is not None:
            self._committer.shutdown()
        self._db.close()

    def settle(self) -> None:
        """Wait for the commit that is under way. Raises FileError if it fails: of its batch nothing is in the file then."""
        committing, self._committing = self._committing, None
        if committing is not None:
            with self._undoing():
                committing.result()

    def check_in_place(self) -> None:
        """Raises FileReplaced when what is open here is not the file at its path any more. Costs 2 us."""
        found = db.place(self.path)
        if found != self._place:
            with suppress(sqlite3.DatabaseError, FileError):  # whoever moved it away has all of it then
                self.settle()
                self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            raise FileReplaced(
                f"{self.path}: was {'deleted' if found is None else 'replaced'} while events were stored into it"
            )

    def __enter__(self) -> "Writer":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Streams

    def stream(self, name: str) -> int:
        """The key of the stream with this name, made when it is new."""
        with self._transaction():
            self._db.execute("INSERT INTO stream (name) VALUES (?) ON CONFLICT (name) DO NOTHING", (name,))
            row = self._db.execute("SELECT key FROM stream WHERE name = ?", (name,)).fetchone()
        key: int = row[0]
        return key

    def cursor(self, stream: int) -> Cursor:
        """How far the stream was read."""
        self.settle()
        with self._explaining():
            row = self._db.execute(
                "SELECT position, epoch, entry_crc, added, server FROM stream WHERE key = ?", (stream,)
            ).fetchone()
        return Cursor(StreamId.parse(row[0]), *row[1:])

    def report(self, stream: int, state: str, reason: str | None, head: StreamId | None, since: float) -> None:
        """Tell the readers of the file how ingest is doing."""
        with self._transaction():
            self._db.execute(
                "UPDATE stream SET state = ?, reason = ?, head = coalesce(?, head), since = ? WHERE key = ?",
                (state, reason, None if head is None else str(head), since, stream),
            )

    # Appending

    def append(
        self,
        entries: Sequence[Entry],
        stream: int | None = None,
        before: Cursor | None = None,
        after: Cursor | None = None,
        gap: Gap | None = None,
        home: str | None = None,
        later: bool = False,
    ) -> Counts:
        """Store these entries, in this order, and move the stream's cursor from `before` to `after`, or do nothing at all.

        Entries may come from no stream. `home` is the run whose archive they come from: it has those that were published
        without a run, and where content differs from what is stored already, that stays. `later`: the commit may still be
        under way when this returns, so that the next entries are read meanwhile; what is asked of the writer next waits for
        it, and fails where it failed. Raises Fenced when the cursor is not at `before`, FileError when the file can not be
        written.
        """
        try:
            items = [arrive(entry, stream) for entry in entries]
            return self._append(partial(self._put, items), len(entries), stream, before, after, gap, home, later)
        except (StoreError, MemoryError):
            raise
        except Exception:  # one of the entries is at fault, whatever that may be: find it, and keep it apart
            return self._append(partial(self._put_each, entries), len(entries), stream, before, after, gap, home, later)

    def _append(
        self,
        put: Callable[[int | None, str | None, Counts], None],
        received: int,
        stream: int | None,
        before: Cursor | None,
        after: Cursor | None,
        gap: Gap | None,
        home: str | None,
        later: bool,
    ) -> Counts:
        counts, heard = Counts(received=received), self._streamless
        try:
            with self._transaction(later):
                if stream is not None and before is not None and after is not None:
                    self._move(stream, before, after)
                if gap is not None and stream is not None:
                    self._note_gap(stream, gap)
                put(stream, home, counts)
                if stream is not None:
                    self._db.execute(
                        "UPDATE stream SET received = received + ?, stored = stored + ?, duplicate = duplicate + ?,"
                        " rejected = rejected + ? WHERE key = ?",
                        (counts.received, counts.stored, counts.duplicate, counts.rejected, stream),
                    )
        except BaseException:
            self._streamless = heard
            raise
        self._projection.trim()
        if len(self._homes) + len(self._guesses) > KNOWN_HOMES:
            self._homes.clear()
            self._guesses.clear()
        return counts

    def _put(self, items: Sequence[Arrived | Refused], stream: int | None, home: str | None, counts: Counts) -> None:
        """Store what came, all or nothing of it."""
        good = []
        for item in items:
            if isinstance(item, Arrived):
                good.append(item)
            else:
                self._reject(stream, item.at, item.reason, item.data)
                counts.rejected += 1
        fresh = self._without_duplicates(good, counts, home is None)
        counts.stored += len(fresh)
        for item, seq in zip(fresh, count(self._projection.next_key("event")), strict=False):
            item.seq = seq
        latest = self._store(fresh, stream, home)
        if stream is None:
            self._streamless = latest

    def _put_each(self, entries: Sequence[Entry], stream: int | None, home: str | None, counts: Counts) -> None:
        """Store these entries one by one, and keep apart what can not be stored."""
        for entry in entries:
            one, heard = Counts(), self._streamless
            self._db.execute("SAVEPOINT entry")
            try:
                self._put([arrive(entry, stream)], stream, home, one)
            except Exception as error:
                if isinstance(error, StoreError | MemoryError) or _is_of_file(error):
                    raise
                self._db.execute("ROLLBACK TO entry")
                self._forget()
                self._streamless, one = heard, Counts(rejected=1)
                self._reject(stream, entry.at, f"can not be stored: {type(error).__name__}: {error}", _data(entry))
            self._db.execute("RELEASE entry")
            counts.add(one)

    def checkpoint(self) -> None:
        """Move pages from the write-ahead log into the file: only for who holds the lease. Gives way to others."""
        self.settle()
        self._db.execute("PRAGMA wal_checkpoint(PASSIVE)")

    @contextmanager
    def _transaction(self, later: bool = False) -> Iterator[None]:
        """All or nothing. `later`: the commit is only begun. What we remember is forgotten when another process wrote."""
        self.settle()
        with self._undoing():
            self._db.execute("BEGIN IMMEDIATE")
            version = self._db.execute("PRAGMA data_version").fetchone()[0]
            if version != self._data_version:
                self._forget()
                self._data_version = version
            yield
            if later:
                self._committer = self._committer or ThreadPoolExecutor(1, "commit")
                self._committing = self._committer.submit(self._db.execute, "COMMIT")
            else:
                self._db.execute("COMMIT")

    @contextmanager
    def _undoing(self) -> Iterator[None]:
        """What fails leaves nothing, and what we remember of the file is forgotten then."""
        try:
            yield
        except BaseException as error:
            self._forget()
            if self._db.in_transaction:
                with suppress(sqlite3.DatabaseError):  # or SQLite did it by itself
                    self._db.execute("ROLLBACK")
            if isinstance(error, sqlite3.DatabaseError) and _is_of_file(error):
                raise db.explain(error, self.path, "nothing was written") from error
            raise

    @contextmanager
    def _explaining(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            raise db.explain(error, self.path) from error

    def _forget(self) -> None:
        self._projection.forget()
        self._homes.clear()
        self._guesses.clear()

    def _move(self, stream: int, before: Cursor, after: Cursor) -> None:
        moved = self._db.execute(
            "UPDATE stream SET position = ?, epoch = ?, entry_crc = ?, added = ?, server = ?"
            " WHERE key = ? AND position = ? AND epoch = ?",
            (
                str(after.position),
                after.epoch,
                after.entry_crc,
                after.added,
                after.server,
                stream,
                str(before.position),
                before.epoch,
            ),
        )
        if moved.rowcount != 1:
            raise Fenced(f"{self.path}: another ingester moved on from entry {before.position}; this one must read again")

    def _note_gap(self, stream: int, gap: Gap) -> None:
        self._db.execute(
            "INSERT INTO gap (stream, run, seq, found, kind, lost, after, before, note) SELECT ?, open_run,"
            " (SELECT coalesce(max(seq), 0) FROM event), ?, ?, ?, ?, ?, ? FROM stream WHERE key = ?",
            (
                stream,
                self._clock(),
                gap.kind,
                gap.lost,
                str(gap.after),
                None if gap.before is None else str(gap.before),
                gap.note,
                stream,
            ),
        )

    def _reject(self, stream: int | None, at: StreamId, reason: str, data: bytes) -> None:
        """Keep what is no event; what is imported again, only once."""
        reason = reason.encode("utf-8", "backslashreplace").decode()
        if len(reason) > REASON:
            reason = f"{reason[: REASON - 1]}…"
        if len(data) > LARGEST:
            reason, data = f"{reason} (the first {LARGEST:,} of {len(data):,} bytes)", data[:LARGEST]
        known = "SELECT EXISTS (SELECT 1 FROM rejected WHERE stream IS NULL AND ms = ? AND number = ? AND data = ?)"
        if stream is None and self._db.execute(known, (*at.bounded, data)).fetchone()[0]:
            return
        row = self._db.execute(
            "INSERT INTO rejected (stream, ms, number, found, reason, data) VALUES (?, ?, ?, ?, ?, zeroblob(?))",
            (stream, *at.bounded, self._clock(), reason, len(data)),
        )
        assert row.lastrowid is not None
        db.fill(self._db, "rejected", row.lastrowid, data)

    def _without_duplicates(self, good: list[Arrived], counts: Counts, keep_differing: bool) -> list[Arrived]:
        """Leave out what is in the file already. The same id with other content is not the same event: rejected."""
        known = self._ask_identities([item.identity for item in good])
        fresh = []
        for item in good:
            alike = known.get(item.identity)
            if alike is None:  # nearly always
                known[item.identity] = [(item.event.run_id, item.event.event_id, item.crc)]
                fresh.append(item)
                continue
            named = (item.event.run_id, item.event.event_id)
            same = [crc for run_id, event_id, crc in alike if (run_id, event_id) == named]
            if not same:
                alike.append((*named, item.crc))
                fresh.append(item)
            elif item.crc in same:
                counts.duplicate += 1
            else:
                if keep_differing:
                    reason = f"event_id {item.event.event_id} was seen before with other content"
                    self._reject(item.stream, item.at, reason, item.body)
                counts.rejected += 1
        return fresh

    def _ask_identities(self, identities: Sequence[int]) -> dict[int, list[tuple[str | None, str, int]]]:
        """What the file has with these: the published run, the event's id, and the checksum of its body."""
        known: dict[int, list[tuple[str | None, str, int]]] = {}
        for part in batched(identities, ASKED_AT_ONCE):
            marks = ",".join("?" * len(part))
            for identity, *found in self._db.execute(
                "SELECT e.identity, CASE WHEN e.guessed THEN NULL ELSE r.run_id END, e.event_id, b.crc"
                " FROM event e JOIN run r ON r.key = e.run JOIN body b ON b.seq = e.seq"
                f" WHERE e.identity IN ({marks}) AND r.generation >= 0",
                part,
            ):
                known.setdefault(identity, []).append(tuple(found))
        return known

    def _store(self, items: list[Arrived], stream: int | None, home: str | None) -> str | None:
        """Find the run of each event, then write run by run. Gives the run heard of last."""
        latest = self._streamless if stream is None else self._latest(stream)
        if not items:
            return latest
        self._learn_homes(items)
        pending: dict[str, list[Arrived]] = {}

        def may_take_roots(run_id: str) -> bool:
            self._write(pending)
            return takes_roots(self._projection.open(run_id).draft.run)

        homes = self._homes
        for item in items:
            event = item.event
            run_id = event.run_id or home or attribute(event, item.at, self._home_of, latest, may_take_roots)
            if event.run_id is None:
                self._guesses[run_id] = True
            if run_id not in pending:
                self._projection.open(run_id)  # runs are numbered in the order in which they are heard of
            for node_id in item.mentions:
                if homes.get(node_id) != run_id:
                    self._claim(item, run_id, pending)
                    break
            pending.setdefault(run_id, []).append(item)
            latest = run_id
        self._write(pending)
        if stream is not None and latest is not None:
            key = self._projection.open(latest).key
            self._db.execute("UPDATE stream SET open_run = ? WHERE key = ?", (key, stream))
        return latest

    def _claim(self, item: Arrived, run_id: str, pending: dict[str, list[Arrived]]) -> None:
        """The event names nodes that this run was not known to have."""
        if item.event.run_id is not None:
            for node_id in item.mentions:
                home = self._home_of(node_id)
                if home is not None and home != run_id and self._has_guesses(home):
                    self._write(pending)
                    self._bring_home(node_id, home, run_id)
        for node_id in item.mentions:
            self._settle(node_id, run_id)

    def _write(self, pending: dict[str, list[Arrived]]) -> None:
        for run_id, items in pending.items():
            self._projection.write(run_id, items)
        pending.clear()

    # Whose event is it?

    def _latest(self, stream: int | None) -> str | None:
        """The run heard of last on this stream."""
        row = self._db.execute(
            "SELECT r.run_id FROM stream s JOIN run r ON r.key = s.open_run WHERE s.key = ? AND r.generation >= 0",
            (stream,),
        ).fetchone()
        return None if row is None else str(row[0])

    def _home_of(self, node_id: str) -> str | None:
        """The newest run that knows the node."""
        if node_id not in self._homes:
            self._ask_homes([node_id])
        return self._homes[node_id]

    def _learn_homes(self, items: Iterable[Arrived]) -> None:
        """Ask the file at once for the homes of all nodes that these events name."""
        named = {node_id for item in items for node_id in item.mentions}.difference(self._homes)
        for part in batched(named, ASKED_AT_ONCE):
            self._ask_homes(part)

    def _ask_homes(self, node_ids: Sequence[str]) -> None:
        self._homes.update(dict.fromkeys(node_ids))
        marks = ",".join("?" * len(node_ids))
        sql = (
            "SELECT n.node_id, r.run_id FROM node n JOIN run r ON r.key = n.run"
            f" WHERE n.node_id IN ({marks}) AND r.generation >= 0 ORDER BY n.run"
        )
        self._homes.update(self._db.execute(sql, node_ids))

    def _settle(self, node_id: str, run_id: str) -> None:
        """This run knows the node, too."""
        home = self._home_of(node_id)
        if home is None or (home != run_id and self._projection.open(home).key < self._projection.open(run_id).key):
            self._homes[node_id] = run_id

    def _has_guesses(self, run_id: str) -> bool:
        found = self._guesses.get(run_id)
        if found is None:
            sql = "SELECT EXISTS (SELECT 1 FROM event WHERE run = ? AND guessed)"
            found = bool(self._db.execute(sql, (self._projection.open(run_id).key,)).fetchone()[0])
            self._guesses[run_id] = found
        return found

    def _bring_home(self, node_id: str, home: str, run_id: str) -> None:
        """A publisher named the run of a node that was only guessed to be in another one: move what was guessed.

        Of a run that nobody named, all of it; of another run, the events that name this node, if all of them were guessed.
        """
        source = self._projection.open(home)
        where, key = "FROM node_event x JOIN event e ON e.seq = x.seq WHERE x.node = ?", source.key_of(node_id)
        if home.startswith(GUESSED):
            where, key = "FROM event e WHERE e.run = ?", source.key
        if self._db.execute(f"SELECT EXISTS (SELECT 1 {where} AND NOT e.guessed)", (key,)).fetchone()[0]:
            return
        seqs = [seq for (seq,) in self._db.execute(f"SELECT e.seq {where}", (key,))]
        self._projection.move(seqs, home, run_id)
        self._homes.clear()
        self._guesses.clear()


def _is_of_file(error: Exception) -> bool:
    """Is it about the file, which will do later, and not about what was to be written?"""
    return type(error) in (sqlite3.OperationalError, sqlite3.DatabaseError, sqlite3.InternalError)


def _data(entry: Entry) -> bytes:
    """What is kept of an entry that is no event: its body, or, where it has none, its fields as Python prints them."""
    body = entry.fields.get(FIELD)
    return repr(entry.fields).encode() if body is None else body
