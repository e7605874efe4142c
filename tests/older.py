"""Files of older versions."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from store.database.file import VERSION, statements

OLDEST = Path(__file__).with_name("older.sql")
"""A small file of version 1."""

FORMER = Path(__file__).with_name(f"golden-{VERSION - 1}.sql")
"""A file of the version before, with a value in every column."""

_STAND_INS = {"event": {"facts": "'{}'", "event_id": "(SELECT v.event_id FROM new.events v WHERE v.id = o.seq)"}}
"""Values of columns that another version stores in another form."""


def restore_version_1(path: Path) -> None:
    """Create the file of OLDEST."""
    _restore(path, OLDEST)


def restore_former(path: Path) -> None:
    """Create the file of FORMER."""
    _restore(path, FORMER)


def _restore(path: Path, script: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script.read_text("utf-8"))


def make_older(path: Path) -> None:
    """Turn a file of this version into one of the version before: its schema, and all columns that both have."""
    older = path.with_name("older.db")
    schema = [sql for sql in statements(FORMER.read_text("utf-8")) if sql.startswith(("CREATE", "PRAGMA"))]
    with closing(sqlite3.connect(older, isolation_level=None)) as connection:
        for sql in schema:
            if sql.startswith(("PRAGMA", "CREATE TABLE")):
                connection.execute(sql)
        connection.execute("ATTACH ? AS new", (str(path),))
        tables = "SELECT name FROM main.sqlite_master WHERE type = 'table' ORDER BY name = 'sqlite_sequence'"
        for (table,) in connection.execute(tables).fetchall():
            _copy(connection, table)
        connection.execute("DETACH new")
        for sql in schema:
            if not sql.startswith(("PRAGMA", "CREATE TABLE")):
                connection.execute(sql)
        connection.execute("PRAGMA journal_mode=WAL")
    shutil.copyfile(older, path)
    older.unlink()


def _copy(connection: sqlite3.Connection, table: str) -> None:
    both = "SELECT name FROM pragma_table_info(?1, 'main') INTERSECT SELECT name FROM pragma_table_info(?1, 'new')"
    connection.execute(f"DELETE FROM main.{table}")  # of sqlite_sequence, what the other tables inserted
    names = [name for (name,) in connection.execute(both, (table,))]
    values = [_STAND_INS.get(table, {}).get(name, f"o.{name}") for name in names]
    connection.execute(f"INSERT INTO main.{table} ({', '.join(names)}) SELECT {', '.join(values)} FROM new.{table} o")
