"""Files as older versions wrote them."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from hashlib import blake2b
from pathlib import Path

from store.database import APPLICATION_ID, statements
from store.state import Call, Step, Totals

SCHEMA = Path(__file__).with_name("version-1.sql")


def make_version_1(path: Path) -> None:
    """Turn a file into what version 1 would have made of the same entries: its tables, its columns, and what is in them.

    Compared with what its program really wrote, when this was made: every row was the same.
    """
    old = path.with_name(f"{path.name}.1")
    with closing(sqlite3.connect(old, isolation_level=None)) as connection:
        connection.create_function("identity_1", 2, identity_1)
        connection.create_function("named", 2, named)
        connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
        connection.execute("PRAGMA journal_mode=WAL")
        for statement in statements(SCHEMA.read_text("utf-8")):
            connection.execute(statement)
        connection.execute("ATTACH ? AS new", (str(path),))
        for table, columns in tables(connection):
            connection.execute(f"INSERT INTO main.{table} ({columns}) SELECT {columns} FROM new.{table}")
        connection.execute("DELETE FROM main.sqlite_sequence")
        connection.execute(
            "INSERT INTO main.sqlite_sequence SELECT * FROM new.sqlite_sequence"
            " WHERE name IN (SELECT name FROM main.sqlite_master)"
        )
        connection.execute(
            "UPDATE main.event SET identity = identity_1("
            "(SELECT CASE WHEN guessed THEN '' ELSE run_id END FROM main.run WHERE key = event.run), event_id)"
        )
        connection.execute("UPDATE main.run SET totals = named('totals', totals)")
        connection.execute("UPDATE main.node SET step = named('step', step), calls = named('calls', calls)")
        connection.execute("DETACH new")
        connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
        connection.execute("PRAGMA user_version=1")
    for file in path.parent.glob(f"{path.name}-*"):
        file.unlink()
    old.replace(path)


def tables(connection: sqlite3.Connection) -> Iterator[tuple[str, str]]:
    """Those of version 1, each with the columns it had."""
    found = connection.execute("SELECT name FROM main.sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    for (table,) in found.fetchall():
        columns = connection.execute("SELECT name FROM pragma_table_info(?, 'main')", (table,)).fetchall()
        yield table, ", ".join(name for (name,) in columns)


def named(column: str, text: str | None) -> str | None:
    """JSON in which values have names; now they have places."""
    if text is None:
        return None
    value = json.loads(text)
    match column:
        case "totals":
            found: object = dict(zip(Totals.__struct_fields__, value, strict=True))
        case "step":
            found = dict(zip(Step.__struct_fields__, value, strict=True))
        case _:
            found = [dict(zip(Call.__struct_fields__, call, strict=True)) for call in value]
    return json.dumps(found, ensure_ascii=False, separators=(",", ":"))


def identity_1(run_id: str, event_id: str) -> int:
    """By which version 1 found repetitions."""
    digest = blake2b(f"{run_id}\n{event_id}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)
