"""Repricing: the stored calls get the prices of another list. Published costs stay as they are.

The runs whose prices change are folded again, each from the checkpoint before the first of these calls.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from msgspec import Struct

from store.database import file as db
from store.database.arrival import Pricing, price_of
from store.database.event_row import EVENT_WIDTH, EventReader, select_event
from store.database.lease import Lease
from store.database.projection import Projection
from store.database.reassignment import Reassignment
from store.errors import FileMissing
from store.model.event_type import LlmCallCompleted
from store.model.price import Price

BATCH_CALLS = 2_000
"""Calls that are read at a time."""

_CALLS = (
    f"SELECT {select_event()}, e.seq, e.position FROM event e JOIN event_type t ON t.key = e.type"
    " WHERE e.run = ? AND t.name = ? AND e.position > ? ORDER BY e.position LIMIT ?"
)
"""The ends of the LLM calls of a run, from a position on."""


class Repriced(Struct):
    """What repricing changes. Only calls whose price changes are counted."""

    runs: int = 0
    calls: int = 0
    before: float = 0.0
    """US dollars, by the known prices."""
    after: float = 0.0
    """US dollars, by the known prices."""
    unpriced_before: int = 0
    """Number of the calls that have no price before."""
    unpriced_after: int = 0
    """Number of the calls that have no price afterwards."""

    def add(self, before: Price | None, after: Price | None) -> None:
        """Count a call."""
        self.calls += 1
        self.before += 0.0 if before is None else before.dollars
        self.after += 0.0 if after is None else after.dollars
        self.unpriced_before += before is None
        self.unpriced_after += after is None


class _Change(Struct):
    seq: int
    position: int
    before: Price | None
    after: Price | None


def preview(path: Path, pricing: Pricing, run_id: str | None = None) -> Repriced:
    """What `reprice` would change in one run, or in all. Raises FileError."""
    repriced = Repriced()
    try:
        with closing(db.connect_reader(path)) as connection:
            for key, _ in _runs(connection, run_id):
                _count(repriced, list(_changes(connection, key, pricing)))
    except sqlite3.DatabaseError as error:
        raise db.explain(error, path, "cannot be read") from error
    return repriced


def reprice(path: Path, pricing: Pricing, run_id: str | None = None) -> Repriced:
    """Store new prices of the calls of one run, or of all, in one transaction. Takes the lease. Raises FileError."""
    if not path.is_file():
        raise FileMissing(f"{path}: there is no such file; name another with --db")
    repriced = Repriced()
    with Lease(path), closing(db.connect_writer(path, create=False)) as connection:
        db.register_adapters()
        try:
            with db.transaction(connection):
                projection = Projection(connection)
                reassignment = Reassignment(projection)
                for key, name in _runs(connection, run_id):
                    changes = list(_changes(connection, key, pricing))
                    _count(repriced, changes)
                    if changes:
                        _store(connection, changes)
                        reassignment.refold(name, changes[0].position)
                        projection.forget()
        except sqlite3.DatabaseError as error:
            raise db.explain(error, path, "no price was changed") from error
    return repriced


def _runs(connection: sqlite3.Connection, run_id: str | None) -> list[tuple[int, str]]:
    """Key and id of one run, or of all."""
    sql = "SELECT key, run_id FROM run WHERE generation >= 0 AND (?1 IS NULL OR run_id = ?1) ORDER BY key"
    return connection.execute(sql, (run_id,)).fetchall()


def _changes(connection: sqlite3.Connection, run: int, pricing: Pricing) -> Iterator[_Change]:
    """The calls of a run that get another price, in order."""
    reader, last = EventReader(connection), 0
    while rows := connection.execute(_CALLS, (run, LlmCallCompleted.type, last, BATCH_CALLS)).fetchall():
        for event, row in zip(reader.read(rows), rows, strict=True):
            seq, last = row[EVENT_WIDTH:]
            price = price_of(event, pricing)
            if price != event.price:
                yield _Change(seq, last, event.price, price)


def _count(repriced: Repriced, changes: list[_Change]) -> None:
    repriced.runs += bool(changes)
    for change in changes:
        repriced.add(change.before, change.after)


def _store(connection: sqlite3.Connection, changes: list[_Change]) -> None:
    found = [(change.after, change.seq) for change in changes]
    rows = [(None, None, seq) if price is None else (price.dollars, price.model, seq) for price, seq in found]
    connection.executemany("UPDATE event SET price = ?, priced_as = ? WHERE seq = ?", rows)
