"""A file of an older version is brought up to date: numbered steps, then every run built again from its events.

All in one transaction: whatever happens, the file is of the old version and whole, or of ours and whole. Steps change what
there is of tables and columns, and what is in them only where no event tells it; the rest is folded anew, so that the file
says what it would say if its events had been stored by us. Part of the writing half, for who holds the lease.
"""

import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from store import database as db
from store.errors import FileForeign, FileOlder
from store.projection import Projection, identity_of

PACE = 10_000
"""Events that are folded in a second, about."""


def _to_2(connection: sqlite3.Connection) -> None:
    """The past: checkpoints, versions and moves. Who is at work, and the first trouble of a node. Other identities."""
    connection.execute("DROP INDEX event_by_identity")  # or each row would be sorted in by itself
    connection.create_function("identity_of", 2, identity_of, deterministic=True)
    for statement in db.statements(_TO_2):
        connection.execute(statement)
    connection.create_function("identity_of", 2, None)


_TO_2 = """
ALTER TABLE run ADD COLUMN active TEXT;
ALTER TABLE node ADD COLUMN troubled INTEGER;
ALTER TABLE event ADD COLUMN turn INTEGER NOT NULL DEFAULT 0;
DROP INDEX node_by_run;
CREATE INDEX node_by_run ON node (run, key, outer, born);
CREATE INDEX node_troubled ON node (run, key, troubled) WHERE troubled IS NOT NULL;
CREATE INDEX event_turn ON event (node, position) WHERE turn;
CREATE TABLE checkpoint (
    run INTEGER NOT NULL, position INTEGER NOT NULL,
    time REAL NOT NULL, nodes INTEGER NOT NULL, errors INTEGER NOT NULL,
    llm_calls INTEGER NOT NULL, tool_calls INTEGER NOT NULL, tokens_in INTEGER, tokens_out INTEGER,
    data BLOB NOT NULL,
    PRIMARY KEY (run, position)
) WITHOUT ROWID;
CREATE TABLE version (
    node INTEGER NOT NULL, position INTEGER NOT NULL, data BLOB NOT NULL,
    PRIMARY KEY (node, position)
) WITHOUT ROWID;
CREATE TABLE move (
    run INTEGER NOT NULL, position INTEGER NOT NULL, n INTEGER NOT NULL,
    node INTEGER NOT NULL, before INTEGER, after INTEGER,
    PRIMARY KEY (run, position, n)
) WITHOUT ROWID;
UPDATE event SET identity =
    identity_of((SELECT CASE WHEN guessed THEN NULL ELSE run_id END FROM run WHERE key = event.run), event_id);
CREATE INDEX event_by_identity ON event (identity);
"""

STEPS: dict[int, Callable[[sqlite3.Connection], None]] = {1: _to_2}
"""What makes of a file of this version one of the next, but for what derives from events."""


def _tell_nobody(_: str) -> None:
    pass


def _go_on() -> bool:
    return False


def migrate(
    connection: sqlite3.Connection,
    path: Path,
    tell: Callable[[str], None] = _tell_nobody,
    stopping: Callable[[], bool] = _go_on,
) -> None:
    """Bring the file up to date if it is older than we are; `tell` hears of it before and after.

    Takes as much memory for a file of any size. Raises FileOlder when it is told to stop, FileError when it can not be
    done; the file is as it was then.
    """
    if _version(connection) == db.VERSION:
        return
    begun = time.monotonic()
    try:
        connection.execute("BEGIN IMMEDIATE")
        if ours := _version(connection) < db.VERSION:  # not brought up to date by another process meanwhile
            _advance(connection, path, tell, stopping)
        connection.execute("COMMIT")
    except BaseException as error:
        if connection.in_transaction:
            with suppress(sqlite3.DatabaseError):  # or SQLite did it by itself
                connection.execute("ROLLBACK")
        if isinstance(error, sqlite3.DatabaseError):
            raise db.explain(error, path, "was not brought up to date, and is as it was") from error
        raise
    if ours:
        tell(f"{path}: is up to date, after {time.monotonic() - begun:.0f} s")


def _advance(connection: sqlite3.Connection, path: Path, tell: Callable[[str], None], stopping: Callable[[], bool]) -> None:
    version = _version(connection)
    if version not in STEPS:
        raise FileForeign(f"{path}: says that it is of version {version}, which never was; name another file with --db")
    runs = connection.execute("SELECT run_id, events FROM run WHERE generation >= 0 ORDER BY key").fetchall()
    total = sum(events for _, events in runs)
    tell(
        f"{path}: was written by an older treetop (file version {version}, ours {db.VERSION}); bringing its"
        f" {total:,} events up to date, which takes about {max(total // PACE, 1):,} s"
    )

    def going_on() -> None:
        if stopping():
            raise FileOlder(f"{path}: was not brought up to date, and is as it was: it was time to stop")

    for step in range(version, db.VERSION):
        going_on()
        STEPS[step](connection)
    projection = Projection(connection)
    for run_id, _ in runs:
        going_on()
        projection.rebuild(run_id, going_on)
        projection.forget()
    connection.execute(f"PRAGMA user_version={db.VERSION}")


def _version(connection: sqlite3.Connection) -> int:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return version
