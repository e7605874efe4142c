"""The file: how it is opened, what makes it ours, and how records become rows and rows records again.

SQL lives here, in `schema.sql`, and in what reads and writes the file: `reader`, `writer`, `projection`, `migration`,
`prune`, `checkup` and `archive`. `reference` has that of other programs' files.
"""

import os
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from store.errors import FileBusy, FileError, FileForeign, FileMissing, FileNewer, FileOlder
from store.events import PIECE
from store.state import Call, Edge, EdgeKey, Node, Run, Step, Totals

APPLICATION_ID = 0x74726565
"""`tree` in ASCII: marks a SQLite file as ours."""

VERSION = 2
"""Of the schema; `user_version` of the file."""

CACHE = 16_000
"""KiB that the writing connection keeps of the file: what a batch changes must fit, or it is written twice."""

PATIENCE = 5.0
"""Seconds for which a writer waits, where nothing else is said, until another lets go of the file."""

Row = Sequence[Any]

# Of values of these types, sqlite3 asks each time for an adapter before it stores them as they are, and to learn that there
# is none takes longer than to store them.
sqlite3.register_adapter(type(None), dict[None, None]().get)
sqlite3.register_adapter(bool, int)
sqlite3.register_adapter(bytes, bytes)


def address(path: Path, mode: str) -> str:
    """The URI under which SQLite opens the file, `mode` being ro, rw or rwc.

    To read a file that somebody may be writing, SQLite makes two more beside it. Where it can not, and none are there,
    nobody is writing, and the file is all there is.
    """
    path = Path(os.path.realpath(path))
    alone = mode == "ro" and not os.access(path.parent, os.W_OK) and not path.with_name(f"{path.name}-wal").exists()
    return f"{path.absolute().as_uri()}?mode={mode}{'&immutable=1' if alone else ''}"


def connect_writer(path: Path, older: bool = False, patience: float = PATIENCE) -> sqlite3.Connection:
    """Open the file for writing; make it where there is none. Autocommit: transactions are begun by hand.

    WAL with synchronous=FULL: a commit that returned survives a power cut, at a factor of 1.2 for batches of 1,000.
    `older`: also a file of an older version, which is left as it is. `patience`: seconds to wait, at each step, for others
    who write. Raises FileError and its kinds.
    """
    from store.mount import ANY_DISK, mount_of

    if not path.parent.is_dir():
        raise FileMissing(f"{path}: there is no folder {path.parent}; make it, or name another file with --db")
    mount = mount_of(path)
    if mount is not None and mount.is_shared and not os.environ.get(ANY_DISK):
        raise FileError(
            f"{path}: {mount.point} is a file system that machines share ({mount.kind}), where SQLite can not keep a file"
            f" whole; name a file on a disk of this machine with --db, or set {ANY_DISK}=1 if no other one uses it"
        )
    if path.is_file() and not os.access(path, os.W_OK):
        raise FileError(f"{path}: may only be read; name another file with --db")
    try:
        connection = sqlite3.connect(
            address(path, "rwc"), uri=True, timeout=patience, isolation_level=None, check_same_thread=False
        )
    except sqlite3.OperationalError as error:
        raise FileError(f"{path}: can not be opened for writing ({error}); name another file with --db") from error
    try:
        _claim(connection, path, older)
        if connection.execute("PRAGMA journal_mode=WAL").fetchone() != ("wal",):
            raise FileError(f"{path}: lies where SQLite can not share it between processes; use a local disk")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA journal_size_limit=67108864")
        connection.execute(f"PRAGMA cache_size=-{CACHE}")
    except sqlite3.DatabaseError as error:
        connection.close()
        raise explain(error, path) from error
    except FileError:
        connection.close()
        raise
    return connection


def check_readable(path: Path) -> None:
    """Make sure that the file is there and ours. Raises FileError and its kinds."""
    if not path.is_file():
        raise FileMissing(f"{path}: there is no such file; start `treetop` or `treetop ingest` to make it, or name another")
    try:
        with closing(sqlite3.connect(address(path, "ro"), uri=True, timeout=5.0)) as connection:
            if not _check(connection, path):
                raise FileMissing(f"{path}: is still empty; start `treetop` or `treetop ingest` to fill it")
    except sqlite3.DatabaseError as error:
        raise explain(error, path) from error


def explain(error: sqlite3.DatabaseError, path: Path, outcome: str = "can not be used") -> FileError:
    """What an error of SQLite means for who uses the file."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
        return FileForeign(f"{path}: is not a treetop file, or is damaged ({error}); name another file with --db")
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return FileBusy(f"{path}: {outcome}, another program is writing to it ({error}); wait for that one, or stop it")
    return FileError(f"{path}: {outcome} ({error})")


def place(path: Path) -> tuple[int, int] | None:
    """Which file is at this path: another number, another file. None where there is none. Never opens it."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def fill(connection: sqlite3.Connection, table: str, key: int, data: bytes) -> None:
    """Write the `data` of a row that was made with `zeroblob`: given a value, SQLite would copy it as a whole, twice."""
    with connection.blobopen(table, "data", key) as blob, memoryview(data) as whole:
        for start in range(0, len(data), PIECE):
            blob.write(whole[start : start + PIECE])


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    value: int = connection.execute(f"PRAGMA {name}").fetchone()[0]
    return value


def _check(connection: sqlite3.Connection, path: Path, older: bool = False) -> bool:
    """Is the file ours, and of our version, or an `older` one if that will do? False: it is still empty."""
    application = _pragma(connection, "application_id")
    if application != APPLICATION_ID:
        if application == 0 and connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,):
            return False
        raise FileForeign(f"{path}: is a database of another program; name another file with --db")
    version = _pragma(connection, "user_version")
    if version > VERSION:
        raise FileNewer(f"{path}: was written by a newer treetop (file version {version}, ours {VERSION}); update treetop")
    if version < VERSION and not older:
        raise FileOlder(
            f"{path}: was written by an older treetop (file version {version}, ours {VERSION}); open it once with `treetop`"
            " or `treetop ingest`, which brings it up to date"
        )
    return True


def _claim(connection: sqlite3.Connection, path: Path, older: bool) -> None:
    """Make an empty file ours, whole or not at all."""
    from importlib.resources import files

    if _check(connection, path, older):
        return
    connection.execute("PRAGMA auto_vacuum=INCREMENTAL")  # so that `treetop prune` can give pages back
    connection.execute("BEGIN IMMEDIATE")
    try:
        if not _check(connection, path, older):  # not made by another process meanwhile
            for statement in statements(files("store").joinpath("schema.sql").read_text("utf-8")):
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version={VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def statements(script: str) -> Iterable[str]:
    """The statements of a script one by one: `executescript` would commit the transaction that we are in."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


# Records and rows. A column is named like the field it holds; what is not a number or a text is JSON.

RUN_FIELDS = (
    "run_id, status, began, mode, goal, started, ended, latest, events, nodes, finished, edges, steps, aborted,"
    " llm_calls, tool_calls, tokens_in, tokens_out, errors, error, roots, stepping, totals, active"
)
NODE_FIELDS = (
    "node_id, born, created, nid, node_type, task_type, goal, latest_goal, layer, outer, loop, root, children, status,"
    " started, finished, busy, step, calls, orphans, results, events, steps, aborted, llm_calls, tool_calls, tokens_in,"
    " tokens_out, errors, troubled"
)
EDGE_FIELDS = "owner, parent, child, born, parent_nid, child_nid"

_NODE = ", ".join("o.node_id" if name == "outer" else f"n.{name}" for name in NODE_FIELDS.split(", "))

SELECT_RUN = f"SELECT key, generation, {RUN_FIELDS} FROM run WHERE run_id = ?"
SELECT_NODES = f"SELECT n.key, n.outer, {_NODE} FROM node n LEFT JOIN node o ON o.key = n.outer WHERE"
"""To be followed by a condition on the node `n`. For `node_from_row`."""
SELECT_EDGES = f"SELECT {EDGE_FIELDS} FROM edge WHERE run = ?"

_json = msgspec.json.encode
_ids = msgspec.json.Decoder(tuple[str, ...])
_step = msgspec.json.Decoder(Step)
_calls = msgspec.json.Decoder(tuple[Call, ...])
_results = msgspec.json.Decoder(dict[str, int])
_totals = msgspec.json.Decoder(Totals)


def _text(value: object) -> str | None:
    """JSON, or NULL for what is empty."""
    return _json(value).decode() if value else None


def run_to_row(run: Run) -> Row:
    """In the order of RUN_FIELDS."""
    row = list(msgspec.structs.astuple(run))
    row[20] = _json(run.roots).decode()
    row[22], row[23] = _text(run.totals), _text(run.active)
    return row


def run_from_row(row: Row) -> Run:
    """The inverse of `run_to_row`."""
    values = list(row)
    values[2] = bool(values[2])
    values[20] = _ids.decode(values[20])
    values[22] = None if values[22] is None else _totals.decode(values[22])
    values[23] = () if values[23] is None else _ids.decode(values[23])
    return Run(*values)


def node_to_row(node: Node, key_of: Callable[[str], int]) -> list[Any]:
    """In the order of NODE_FIELDS; the outer node becomes its key."""
    row = list(msgspec.structs.astuple(node))
    row[9] = None if node.outer is None else key_of(node.outer)
    row[17], row[18], row[19], row[20] = _text(node.step), _text(node.calls), _text(node.orphans), _text(node.results)
    return row


def node_from_row(row: Row) -> Node:
    """A node of a row of SELECT_NODES, whose first two columns are its key and that of the node around it."""
    values = list(row[2:])
    values[17] = None if values[17] is None else _step.decode(values[17])
    values[18] = () if values[18] is None else _calls.decode(values[18])
    values[19] = () if values[19] is None else _ids.decode(values[19])
    values[20] = {} if values[20] is None else _results.decode(values[20])
    return Node(*values)


def edge_to_row(edge: Edge) -> Row:
    """In the order of EDGE_FIELDS."""
    return (*edge.key, edge.born, edge.parent_nid, edge.child_nid)


def edge_from_row(row: Row) -> Edge:
    """The inverse of `edge_to_row`."""
    return Edge(EdgeKey(*row[:3]), *row[3:])
