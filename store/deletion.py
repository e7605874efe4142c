"""How a run leaves the file, while others read it and an ingester writes to it."""

import sqlite3
from contextlib import closing
from pathlib import Path

from store import database as db
from store.errors import FileError, RunUnknown

AT_ONCE = 10_000
"""Rows that a deletion takes in one transaction."""


def delete_run(path: Path, run_id: str) -> None:
    """Delete a run and all that belongs to it, while an ingester may be writing. Raises RunUnknown, FileError.

    In parts, so that nobody waits long. The run is out of sight with the first; a deletion that was broken off is
    finished by the next.
    """
    db.check_readable(path)  # or it would be made
    with closing(db.connect_writer(path)) as connection:
        try:
            connection.execute("PRAGMA wal_autocheckpoint=0")  # only the ingester's connection moves pages into the file
            hidden = connection.execute(
                "UPDATE run SET run_id = 'deleted/' || key, generation = -1 WHERE run_id = ? AND generation >= 0", (run_id,)
            )
        except sqlite3.DatabaseError as error:
            raise FileError(f"{path}: run {run_id} was not deleted ({error}); try again") from error
        if hidden.rowcount != 1:
            raise RunUnknown(f"{path}: there is no run {run_id}")
        _finish(connection, path)


def finish_deletions(path: Path) -> int:
    """Delete what is left of runs whose deletion was broken off; how many there were. Raises FileError."""
    db.check_readable(path)
    with closing(db.connect_writer(path)) as connection:
        return _finish(connection, path)


def _finish(connection: sqlite3.Connection, path: Path) -> int:
    try:
        connection.execute("PRAGMA wal_autocheckpoint=0")
        doomed = connection.execute("SELECT key FROM run WHERE generation < 0").fetchall()
        for (key,) in doomed:
            _delete_parts(connection, key)
    except sqlite3.DatabaseError as error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise FileError(
            f"{path}: what was deleted is out of sight, but not all of it was removed ({error}); prune again to finish that"
        ) from error
    return len(doomed)


def _delete_parts(connection: sqlite3.Connection, run: int) -> None:
    doomed = "SELECT seq FROM event WHERE run = ? ORDER BY position LIMIT ?"
    nodes = "SELECT key FROM node WHERE run = ? ORDER BY key LIMIT ?"
    node_parts = ("DELETE FROM node_event WHERE node IN ({})", "DELETE FROM version WHERE node IN ({})")
    for selected, statements in (
        (doomed, ("DELETE FROM body WHERE seq IN ({})", "DELETE FROM event WHERE seq IN ({})")),
        (nodes, (*node_parts, "DELETE FROM node WHERE key IN ({})")),
    ):
        left = True
        while left:
            connection.execute("BEGIN IMMEDIATE")
            for statement in statements:
                left = connection.execute(statement.format(selected), (run, AT_ONCE)).rowcount > 0
            connection.execute("COMMIT")
    connection.execute("BEGIN IMMEDIATE")
    for table in ("edge", "move", "checkpoint"):
        connection.execute(f"DELETE FROM {table} WHERE run = ?", (run,))
    connection.execute("UPDATE stream SET open_run = NULL WHERE open_run = ?", (run,))
    connection.execute("UPDATE gap SET run = NULL WHERE run = ?", (run,))
    connection.execute("DELETE FROM run WHERE key = ?", (run,))
    connection.execute("COMMIT")
