"""Transactions of the writer, whose commits may run in the background."""

import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import RLock

from store.database.file import check, explain
from store.errors import StoreError


class Transactions:
    """The transactions of one connection, one after the other, whichever threads call.

    `forget` is called when the caller's caches may differ from the file: after a failure, and when another process has
    written since the last transaction.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path, forget: Callable[[], None]) -> None:
        self._db = connection
        self._path = path
        self._forget = forget
        self.lock = RLock()
        """Held while a thread uses the connection or the caller's caches."""
        self._data_version = -1
        self._commit: Future[sqlite3.Cursor] | None = None
        """The commit that runs in the background."""
        self._thread: ThreadPoolExecutor | None = None

    def close(self) -> None:
        """Wait for the commit that runs in the background."""
        if self._thread is not None:
            self._thread.shutdown()

    def wait_for_commit(self) -> None:
        """Wait for the commit that runs in the background. Raises FileError if it fails; its batch is then rolled back."""
        with self.lock:
            commit, self._commit = self._commit, None
            if commit is not None:
                with self._rolling_back():
                    commit.result()

    @contextmanager
    def begin(self, defer_commit: bool = False) -> Iterator[None]:
        """One transaction: all of the block is stored, or nothing. `defer_commit`: return while the commit is running."""
        with self.lock, self._rolling_back():
            self.wait_for_commit()
            self._db.execute("BEGIN IMMEDIATE")
            version = self._db.execute("PRAGMA data_version").fetchone()[0]
            if version != self._data_version:
                check(self._db, self._path)  # another version of treetop may have replaced the content
                self._forget()
                self._data_version = version
            yield
            if defer_commit:
                self._thread = self._thread or ThreadPoolExecutor(1, "commit")
                self._commit = self._thread.submit(self._db.execute, "COMMIT")
            else:
                self._db.execute("COMMIT")

    @contextmanager
    def explaining(self) -> Iterator[None]:
        """Raise errors of SQLite as FileError, for reads outside of a transaction."""
        try:
            with self.lock:
                yield
        except sqlite3.DatabaseError as error:
            raise explain(error, self._path) from error

    @contextmanager
    def _rolling_back(self) -> Iterator[None]:
        try:
            yield
        except BaseException as error:
            self._forget()
            if self._db.in_transaction:
                with suppress(sqlite3.DatabaseError):  # SQLite may have rolled back already
                    self._db.execute("ROLLBACK")
            if isinstance(error, sqlite3.DatabaseError) and is_file_error(error):
                raise explain(error, self._path, "nothing was written") from error
            raise


def is_of_rows(error: Exception) -> bool:
    """Whether the rows that were written caused an error: they are then rejected one by one, with the error as the reason.

    These are all errors except those of the file, of memory, and `StoreError`. No list of types would do: one entry that
    reveals a defect of decoding or folding must not prevent the storage of all later entries.
    """
    return not (isinstance(error, StoreError | MemoryError) or is_file_error(error))


def is_file_error(error: Exception) -> bool:
    """Whether the file caused the error, so that the same rows can be written later. Otherwise the rows caused it."""
    return type(error) in (sqlite3.OperationalError, sqlite3.DatabaseError, sqlite3.InternalError)
