"""Which runs may go so that the file stays small, and their going.

Never a live run, nor one that the user marked. The oldest go first.
"""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from types import MappingProxyType

from msgspec import Struct

from store import database as db
from store.deletion import delete_run, finish_deletions
from store.errors import FileError
from store.record import RunRow
from store.state import RunStatus

LIVE_WITHIN = 900.0
"""Seconds since its last event within which a run that has not ended counts as live."""

PAGES_AT_ONCE = 2_000
"""Pages given back to the disk in one transaction: others may want to write meanwhile."""


class Rule(Struct, frozen=True):
    """What to keep. Each rule that is given may doom further runs; with none given, nothing goes."""

    older_than: float | None = None
    """Seconds since the last event."""
    keep: int | None = None
    """How many of the newest runs stay."""
    larger_than: int | None = None
    """Bytes of bodies that all runs together may have."""


def choose(
    rows: Sequence[RunRow], rule: Rule, now: float, arrivals: Mapping[int, float] = MappingProxyType({})
) -> list[RunRow]:
    """The runs that must go, oldest first. `rows` are newest first, as the reader gives them.

    `arrivals` tells by key when a run was heard of last, by another clock than that of the agent, which may be wrong.
    """
    doomed: list[RunRow] = []
    total = sum(row.bytes for row in rows)
    heard = [max(row.run.latest or 0.0, arrivals.get(row.key, 0.0)) for row in rows]
    may_go = [
        (index, row) for index, row in enumerate(rows) if not row.marked and not is_live(row.run.status, heard[index], now)
    ]
    for index, row in reversed(may_go):
        latest = heard[index]
        too_old = rule.older_than is not None and now - latest > rule.older_than
        too_many = rule.keep is not None and index >= rule.keep
        too_large = rule.larger_than is not None and total > rule.larger_than
        if too_old or too_many or too_large:
            doomed.append(row)
            total -= row.bytes
    return doomed


def is_live(status: str, heard: float, now: float) -> bool:
    """May events of a run still arrive that has this status and was heard of then?"""
    return status == RunStatus.RUNNING and now - heard < LIVE_WITHIN


def prune(path: Path, run_ids: Iterable[str]) -> int:
    """Delete these runs, and what deletions that were broken off left, and give their space back to the disk.

    Gives the bytes by which the file became smaller.

    While an ingester works, the file shrinks when that moves its write-ahead log into the file the next time.
    """
    before = path.stat().st_size
    finish_deletions(path)
    for run_id in run_ids:
        delete_run(path, run_id)
    give_back(path)
    return before - path.stat().st_size


def give_back(path: Path) -> None:
    """Return free pages of the file to the disk. Raises FileError."""
    try:
        with closing(db.connect_writer(path)) as connection:
            connection.execute("PRAGMA wal_autocheckpoint=0")
            free, before = _free_pages(connection), 0
            while free and free != before:  # nothing is given back by a file that was not made for it
                connection.execute(f"PRAGMA incremental_vacuum({PAGES_AT_ONCE})").fetchall()
                free, before = _free_pages(connection), free
    except sqlite3.DatabaseError as error:
        raise FileError(f"{path}: its free space was not given back ({error}); try again") from error


def _free_pages(connection: sqlite3.Connection) -> int:
    pages: int = connection.execute("PRAGMA freelist_count").fetchone()[0]
    return pages


def mark(path: Path, run_id: str, marked: bool) -> None:
    """Remember that a run is to be kept, or no longer. Raises FileError."""
    try:
        with closing(db.connect_writer(path)) as connection:
            connection.execute("PRAGMA wal_autocheckpoint=0")
            connection.execute("UPDATE run SET marked = ? WHERE run_id = ?", (marked, run_id))
    except sqlite3.DatabaseError as error:
        raise FileError(f"{path}: run {run_id} was not marked ({error}); try again") from error
