"""The database file: how it is opened and checked, and its transactions.

Raises FileError or a subclass if the file cannot be used.
"""

import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from store.database.permission import create_private
from store.errors import FileBusy, FileError, FileForeign, FileMissing, FileNewer, FileOlder

APPLICATION_ID = 0x74726565
"""`application_id` of a treetop file: `tree` in ASCII."""

VERSION = 4
"""Version of the schema, stored as `user_version`."""

PAGE_BYTES = 8_192
"""Bytes of a page of a new file. In pages of half the size, a body of 2,100 to 4,000 bytes has a page of its own."""

CACHE_KIB = 16_000
"""KiB of the page cache of a writing connection. Pages of a batch that do not fit are written twice."""

LOG_BYTES_KEPT = 67_108_864
"""Bytes to which SQLite truncates the write-ahead log after a checkpoint."""

LOCK_TIMEOUT_S = 5.0
"""Seconds a statement waits for the lock of another program before FileBusy. Default of all connections."""

SCREEN_LOCK_TIMEOUT_S = 0.25
"""Seconds a query of a screen waits for the lock of another program. The screen repeats the query later."""

FILE_SUFFIXES = ("", "-wal", "-shm", "-journal", ".lock")
"""Suffixes of the files of a database: the database, the files of SQLite beside it, and the lock file of the lease."""


def register_adapters() -> None:
    """Bind values of these types without a search for an adapter, which costs 8% of ingest.

    Registration is for the whole process, so only processes that store events do it.
    """
    sqlite3.register_adapter(type(None), dict[None, None]().get)
    sqlite3.register_adapter(bool, int)
    sqlite3.register_adapter(bytes, bytes)


def uri_of(path: Path, mode: str) -> str:
    """The URI under which SQLite opens the file. `mode` is ro, rw or rwc."""
    path = Path(os.path.realpath(path))
    return f"{path.absolute().as_uri()}?mode={mode}{'&immutable=1' if mode == 'ro' and is_immutable(path) else ''}"


def is_immutable(path: Path) -> bool:
    """Whether a reader must open the file as `immutable`: it is not being written, and its directory is read-only.

    SQLite reads a file in WAL mode only with a `-wal` and a `-shm` beside it, which a user without write permission cannot
    create. An `immutable` connection does not see later changes, so it is valid only until a writer opens the file.
    """
    path = Path(os.path.realpath(path))
    return not os.access(path.parent, os.W_OK) and not path.with_name(f"{path.name}-wal").exists()


def connect_writer(
    path: Path, older: bool = False, lock_timeout_s: float = LOCK_TIMEOUT_S, create: bool = True
) -> sqlite3.Connection:
    """Open the file for writing, in autocommit mode. A new file gets our schema and is readable by its owner only.

    WAL with synchronous=FULL: a commit that has returned survives a power failure. `older`: also accept a file of an older
    version, and leave it unchanged. `create`: whether to create a missing file.
    """
    if not path.parent.is_dir():
        raise FileMissing(f"{path}: there is no folder {path.parent}; make it, or name another file with --db")
    if path.is_file() and not os.access(path, os.W_OK):
        raise FileError(f"{path}: is read-only; name another file with --db")
    try:
        if create:
            create_private(Path(os.path.realpath(path)))
        connection = _connect(path, "rw", lock_timeout_s)
    except (OSError, sqlite3.OperationalError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise FileError(f"{path}: cannot be opened for writing ({reason}); name another file with --db") from error
    try:
        _initialise(connection, path, older)
        if connection.execute("PRAGMA journal_mode=WAL").fetchone() != ("wal",):
            raise FileError(f"{path}: SQLite cannot share it between processes here; use a local disk")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute(f"PRAGMA journal_size_limit={LOG_BYTES_KEPT}")
        connection.execute(f"PRAGMA cache_size=-{CACHE_KIB}")
    except sqlite3.DatabaseError as error:
        connection.close()
        raise explain(error, path) from error
    except FileError:
        connection.close()
        raise
    return connection


@contextmanager
def open_as_guest(path: Path) -> Iterator[sqlite3.Connection]:
    """Open an existing file for changes while another process may be ingesting: never checkpoint its WAL."""
    check_readable(path)
    with closing(connect_writer(path, create=False)) as connection:
        connection.execute("PRAGMA wal_autocheckpoint=0")
        yield connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Hold the write lock of the file. Commits at the end of the block; an exception rolls everything back."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def connect_reader(path: Path, lock_timeout_s: float = LOCK_TIMEOUT_S) -> sqlite3.Connection:
    """Open the file for reading. Any thread may use the connection."""
    if not path.is_file():
        raise FileMissing(f"{path}: there is no such file; start `treetop` or `treetop ingest` to make it, or name another")
    try:
        connection = _connect(path, "ro", lock_timeout_s)
        try:
            if not check(connection, path):
                raise FileMissing(f"{path}: is still empty; start `treetop` or `treetop ingest` to fill it")
        except BaseException:
            connection.close()
            raise
    except sqlite3.DatabaseError as error:
        raise _unreadable_log(path) or explain(error, path) from error
    return connection


def check_readable(path: Path, lock_timeout_s: float = LOCK_TIMEOUT_S) -> None:
    """Check that the file exists, is a treetop file of our version, and can be read."""
    connect_reader(path, lock_timeout_s).close()


def _connect(path: Path, mode: str, lock_timeout_s: float) -> sqlite3.Connection:
    return sqlite3.connect(
        uri_of(path, mode), uri=True, timeout=lock_timeout_s, isolation_level=None, check_same_thread=False
    )


def _unreadable_log(path: Path) -> FileError | None:
    """The error for a file that is being written if this user may not read its `-wal` or `-shm`; otherwise None."""
    log, index = (Path(os.path.realpath(path) + suffix) for suffix in ("-wal", "-shm"))
    if not log.exists() or os.access(log.parent, os.W_OK) or (os.access(log, os.R_OK) and os.access(index, os.R_OK)):
        return None
    return FileError(
        f"{path}: is being written, and this user cannot follow it: {log.name} and {index.name} may not be read, or are"
        " incomplete; ask their owner for `chmod +r`"
    )


def explain(error: sqlite3.DatabaseError, path: Path, outcome: str = "cannot be used") -> FileError:
    """The FileError for an error of SQLite. `outcome`: what the error prevented."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
        return FileForeign(f"{path}: is not a treetop file, or is damaged ({error}); name another file with --db")
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return FileBusy(f"{path}: {outcome}, another program is writing to it ({error}); wait for that program, or stop it")
    return FileError(f"{path}: {outcome} ({error})")


def file_identity(path: Path) -> tuple[int, int] | None:
    """Device and inode of the file at this path; None if there is no file. Does not open the file."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def owns(path: Path, other: str | Path | int) -> bool:
    """Whether `other`, a path or an open descriptor, is one of the files of the database at `path`, under any name."""
    real = os.path.realpath(path)
    own = [f"{real}{suffix}" for suffix in FILE_SUFFIXES]
    if not isinstance(other, int) and os.path.realpath(other) in own:
        return True
    try:
        found = os.stat(other)
    except OSError:
        return False
    return (found.st_dev, found.st_ino) in [file_identity(Path(name)) for name in own]


_COLUMNS_OF_EVERY_VERSION = {
    "run": {"key", "run_id", "generation"},
    "event": {"seq", "run", "position", "ms", "number"},
    "body": {"seq", "data"},
}


def holds_runs(connection: sqlite3.Connection) -> bool:
    """Whether the database has the tables of a treetop file, whatever its application id."""
    return all(
        columns <= {name for (name,) in connection.execute("SELECT CAST(name AS TEXT) FROM pragma_table_info(?)", (table,))}
        for table, columns in _COLUMNS_OF_EVERY_VERSION.items()
    )


def pragma(connection: sqlite3.Connection, name: str) -> int:
    """The value of a pragma that is an integer."""
    value: int = connection.execute(f"PRAGMA {name}").fetchone()[0]
    return value


def check(connection: sqlite3.Connection, path: Path, older: bool = False) -> bool:
    """Check that the file is a treetop file of our version, or of an older one if `older`. False if it is still empty."""
    application = pragma(connection, "application_id")
    if application != APPLICATION_ID:
        if application == 0 and connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,):
            return False
        if holds_runs(connection):
            raise FileForeign(
                f"{path}: is a treetop file without its application id, as `sqlite3 .dump` leaves it; import its runs into"
                f" another file with `treetop import {path} --db FILE`"
            )
        raise FileForeign(f"{path}: is a database of another program; name another file with --db")
    version = pragma(connection, "user_version")
    if version > VERSION:
        raise FileNewer(f"{path}: was written by a newer treetop (file version {version}, ours {VERSION}); update treetop")
    if version < VERSION and not older:
        raise FileOlder(
            f"{path}: was written by an older treetop (file version {version}, ours {VERSION}); open it once with `treetop`"
            " or `treetop ingest`, which brings it up to date"
        )
    return True


def _initialise(connection: sqlite3.Connection, path: Path, older: bool) -> None:
    """Check the file. Apply the schema to an empty one, in one transaction."""
    if check(connection, path, older):
        return
    connection.execute(f"PRAGMA page_size={PAGE_BYTES}")
    connection.execute("PRAGMA auto_vacuum=INCREMENTAL")  # lets `treetop prune` return pages; ignored after the first table
    with transaction(connection):
        if not check(connection, path, older):  # unless another process has applied it meanwhile
            create_tables(connection)


def create_tables(connection: sqlite3.Connection) -> None:
    """Apply the schema to an empty database."""
    for statement in schema():
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version={VERSION}")


def schema() -> Iterable[str]:
    """The statements that create a file of our version."""
    from importlib.resources import files  # slow to import, and readers do not need it

    return statements(files("store.database").joinpath("schema.sql").read_text("utf-8"))


def statements(script: str) -> Iterable[str]:
    """The statements of a script, one by one: `executescript` would commit the open transaction."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
