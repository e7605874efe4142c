"""Deletion of runs and rejected entries, while others read the file and an ingester writes to it.

A run is hidden in one transaction; the following ones delete its rows in parts, so that other writers wait briefly. An
interrupted deletion is completed by the next one.
"""

import sqlite3
from collections.abc import Iterable
from pathlib import Path

from store.database import file as db
from store.errors import FileError, RunUnknown

ROWS_PER_TRANSACTION = 10_000
"""Rows that one transaction deletes. Other writers wait for one transaction at most."""

PAGES_PER_TRANSACTION = 1_000
"""Pages that one transaction returns to the disk. Other writers wait for one transaction at most."""

_HIDE = "UPDATE run SET run_id = CAST('deleted/' || key AS BLOB), generation = -1 WHERE"
"""Hides runs. Publishers choose the ids of runs; a BLOB never equals a text, so the id of a hidden run is unique."""


def delete_run(path: Path, run_id: str) -> None:
    """Delete a run with everything that belongs to it. Raises RunUnknown, FileError."""
    with db.open_as_guest(path) as connection:
        try:
            hidden = connection.execute(f"{_HIDE} run_id = ? AND generation >= 0", (run_id,))
        except sqlite3.DatabaseError as error:
            raise FileError(f"{path}: run {run_id} was not deleted ({error}); try again") from error
        if hidden.rowcount != 1:
            raise RunUnknown(f"{path}: there is no run {run_id}")
        delete_hidden(connection, path)


def hide(connection: sqlite3.Connection, keys: Iterable[int]) -> None:
    """Hide runs from all readers, in the transaction of the caller. `delete_hidden` then deletes their rows."""
    connection.executemany(f"{_HIDE} key = ?", [(key,) for key in keys])


def delete_hidden(connection: sqlite3.Connection, path: Path) -> int:
    """Delete the rows of all hidden runs and return the number of those runs. Raises FileError."""
    try:
        hidden = connection.execute("SELECT key FROM run WHERE generation < 0").fetchall()
        for (key,) in hidden:
            _delete_rows(connection, key)
    except sqlite3.DatabaseError as error:
        raise FileError(
            f"{path}: the deleted runs are hidden, but not removed completely ({error}); prune again to complete it"
        ) from error
    return len(hidden)


def _delete_rows(connection: sqlite3.Connection, run: int) -> None:
    events = "SELECT seq FROM event WHERE run = ? ORDER BY position LIMIT ?"
    nodes = "SELECT key FROM node WHERE run = ? ORDER BY key LIMIT ?"
    spans = "SELECT born FROM span WHERE run = ?1 ORDER BY born LIMIT ?2"
    of_nodes = ("DELETE FROM node_event WHERE node IN ({})", "DELETE FROM version WHERE node IN ({})")
    for selected, statements in (
        (events, ("DELETE FROM body WHERE seq IN ({})", "DELETE FROM event WHERE seq IN ({})")),
        (spans, ("DELETE FROM span WHERE run = ?1 AND born IN ({})",)),
        (nodes, (*of_nodes, "DELETE FROM node WHERE key IN ({})")),
    ):
        left = True
        while left:
            with db.transaction(connection):
                for statement in statements:
                    left = connection.execute(statement.format(selected), (run, ROWS_PER_TRANSACTION)).rowcount > 0
    with db.transaction(connection):
        for table in ("edge", "move", "checkpoint"):
            connection.execute(f"DELETE FROM {table} WHERE run = ?", (run,))
        connection.execute("UPDATE stream SET open_run = NULL WHERE open_run = ?", (run,))
        connection.execute("UPDATE gap SET run = NULL WHERE run = ?", (run,))
        connection.execute("DELETE FROM run WHERE key = ?", (run,))


def delete_rejected(connection: sqlite3.Connection, path: Path) -> int:
    """Delete the rejected entries that exist now, and return their number. Later ones stay. Raises FileError."""
    deleted, left = 0, True
    try:
        last = connection.execute("SELECT coalesce(max(key), 0) FROM rejected").fetchone()[0]
        while left:
            with db.transaction(connection):
                part = "SELECT key FROM rejected WHERE key <= ? ORDER BY key LIMIT ?"
                sql = f"DELETE FROM rejected WHERE key IN ({part})"
                count = connection.execute(sql, (last, ROWS_PER_TRANSACTION)).rowcount
                deleted, left = deleted + count, count == ROWS_PER_TRANSACTION
                connection.execute(
                    "UPDATE stream SET pruned = rejected - (SELECT count(*) FROM rejected WHERE stream = stream.key)"
                )
    except sqlite3.DatabaseError as error:
        raise db.explain(error, path, f"only {deleted:,} rejected entries were removed") from error
    return deleted


def return_free_pages(connection: sqlite3.Connection, path: Path) -> None:
    """Return free pages of the file to the disk. Raises FileError."""
    try:
        free, before = _free_pages(connection), 0
        while free and free != before:  # a file without auto_vacuum returns none
            connection.execute(f"PRAGMA incremental_vacuum({PAGES_PER_TRANSACTION})").fetchall()
            free, before = _free_pages(connection), free
    except sqlite3.DatabaseError as error:
        raise FileError(f"{path}: its free space was not given back ({error}); try again") from error


def _free_pages(connection: sqlite3.Connection) -> int:
    pages: int = connection.execute("PRAGMA freelist_count").fetchone()[0]
    return pages
