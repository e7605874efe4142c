"""A file of an older version is brought up to date, and a damaged one rebuilt, from the bodies of its events.

The new file is made beside the old one (`replay`) while the write lock of the old one is held. SQLite's backup then
replaces all pages of the old file in one transaction: readers have the old content until the commit and the new content
after it, and after a crash the file has all of one of them. The file itself stays, with its mode, owner and links, so no
program is left with a file that was moved away; such a program would write events that are lost, and would remove the
write-ahead log of the new file on exit. The price is room for a third copy, in the write-ahead log.

A program of the older version that has the file open waits for the write lock. A `Writer` and a `Reader` that find
another version in their file after a change raise FileNewer.
"""

import os
import shutil
import sqlite3
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from tempfile import mkdtemp
from typing import NamedTuple

from store.database import file as db
from store.database.arrival import Pricing
from store.database.lease import Lease
from store.database.replay import Replay
from store.errors import FileBusy, FileError, FileForeign, FileMissing, FileOlder

EVENTS_PER_S = 10_000
"""Events that are replayed in a second, for the estimate that is reported before."""

REPORT_EVERY_S = 2.0
"""Seconds between reports of progress."""

COPIES = 2
"""Copies of the file that must fit on the disk: the new file, and the write-ahead log with its pages."""

_SETTINGS = ("auto_vacuum=INCREMENTAL", "journal_mode=MEMORY", "synchronous=OFF", f"cache_size=-{db.CACHE_KIB}")
"""Of the new file while it is made: it need not survive a crash."""

PAGES_AT_ONCE = 2_000
"""Pages that are put in place between two checks whether to stop."""


_NEW_FILE = "treetop-new.db"
"""Name of the new file. It is in a hidden folder of mode 0700, so that no other user can read or replace it."""


class _Words(NamedTuple):
    """How messages call what is done to the file."""

    doing: str
    done: str
    failed: str


_MIGRATION = _Words("bringing the file up to date", "brought up to date", "was not brought up to date, and is unchanged")
_REBUILD = _Words("rebuilding the file", "rebuilt", "was not rebuilt, and is unchanged")


def _ignore(_: str) -> None:
    pass


def _never() -> bool:
    return False


def migrate(
    path: Path,
    report: Callable[[str], None] = _ignore,
    stopping: Callable[[], bool] = _never,
    lock_timeout_s: float = db.LOCK_TIMEOUT_S,
    pricing: Pricing | None = None,
) -> None:
    """Bring the file up to date if it is of an older version. For the holder of the lease.

    `report` gets messages: before, during and after. `stopping`: whether to give up. `lock_timeout_s`: as for
    `connect_writer`. `pricing`: as for `Replay`. After an error the file is unchanged. Raises FileOlder if `stopping`, else
    FileError or a subclass.
    """
    if not path.is_file():
        return
    with closing(db.connect_writer(path, older=True, lock_timeout_s=lock_timeout_s, create=False)) as old:
        _delete_leftovers(path)
        if db.pragma(old, "user_version") != db.VERSION:
            _Renewal(old, path, _MIGRATION, report, stopping, pricing).run()


def rebuild(path: Path, report: Callable[[str], None] = _ignore, pricing: Pricing | None = None) -> None:
    """Derive all rows anew from the bodies of the events. Takes the lease. Raises FileError or a subclass.

    `pricing`: as for `Replay`.
    """
    if not path.is_file():
        raise FileMissing(f"{path}: there is no such file; name another with --db")
    with Lease(path) as lease, closing(db.connect_writer(path, older=True, create=False)) as old:

        def report_to_all(text: str) -> None:
            report(text)
            lease.report(progress(path, text))

        _delete_leftovers(path)
        _Renewal(old, path, _REBUILD, report_to_all, _never, pricing).run()


def progress(path: Path, text: str) -> str:
    """The part of a report that fits in the lease, from which screens read it."""
    return text.removeprefix(f"{path}: ").rpartition("; ")[2]


def leftovers(path: Path) -> list[Path]:
    """Folders of new files: those of migrations that are running or were killed."""
    real = path.resolve()
    prefix = _folder_prefix(real)
    return [folder for folder in real.parent.iterdir() if folder.name.startswith(prefix)]


def _folder_prefix(real: Path) -> str:
    return f".{real.name}.treetop-"


def _delete_leftovers(path: Path) -> None:
    """Delete the new files of killed migrations, for the holder of the lease. What cannot be deleted, is left."""
    with suppress(OSError):
        for folder in leftovers(path):
            with suppress(OSError):
                _delete_new_file(folder)


def _delete_new_file(folder: Path) -> None:
    """Delete a new file and its folder, unless the folder is not a private one of this user. Raises OSError."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        about = os.fstat(fd)
        if about.st_uid != os.geteuid() or stat.S_IMODE(about.st_mode) != stat.S_IRWXU:
            return
        with suppress(FileNotFoundError):
            os.unlink(_NEW_FILE, dir_fd=fd)
    finally:
        os.close(fd)
    folder.rmdir()


class _Renewal:
    """Replaces the content of the file `old`, at `path`."""

    def __init__(
        self,
        old: sqlite3.Connection,
        path: Path,
        words: _Words,
        report: Callable[[str], None],
        stopping: Callable[[], bool],
        pricing: Pricing | None,
    ) -> None:
        self._old = old
        self._path = path
        self._words = words
        self._report = report
        self._stopping = stopping
        self._pricing = pricing
        self._total = self._replayed = 0
        self._begun = self._reported = time.monotonic()

    def run(self) -> None:
        try:
            self._run()
        except sqlite3.DatabaseError as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_CORRUPT:
                raise FileForeign(
                    f"{self._path}: {self._words.failed}: its events are damaged ({error}); copy those that can be read"
                    f" into another file with `treetop import {self._path} --db FILE`"
                ) from error
            raise db.explain(error, self._path, self._words.failed) from error
        except OSError as error:
            raise FileError(f"{self._path}: {self._words.failed} ({error.strerror}: {error.filename})") from error
        finally:
            if self._old.in_transaction:
                with suppress(sqlite3.DatabaseError):
                    self._old.execute("ROLLBACK")

    def _run(self) -> None:
        self._old.execute("BEGIN IMMEDIATE")  # no other program writes until everything was read
        version = db.pragma(self._old, "user_version")
        if version == db.VERSION and self._words is _MIGRATION:  # another process was faster
            return
        if version < 1 or not db.holds_runs(self._old):
            raise FileForeign(f"{self._path}: has the unknown file version {version}; name another file with --db")
        self._check_space()
        self._total = self._old.execute("SELECT count(*) FROM event NOT INDEXED").fetchone()[0]
        older = f"was written by an older treetop (file version {version}, ours {db.VERSION}); "
        self._report(
            f"{self._path}: {older if version != db.VERSION else ''}{self._words.doing}: {self._total:,} events, about"
            f" {max(self._total // EVENTS_PER_S, 1):,} s"
        )
        with self._new_file() as new, closing(sqlite3.connect(db.uri_of(self._path, "ro"), uri=True)) as watch:
            content = _content(watch)
            db.register_adapters()
            Replay(self._old, new, self._pricing).run(self._after_batch)
            self._old.execute("ROLLBACK")  # nothing was written; a commit would fail after an error in a damaged table
            self._put_in_place(new, watch, content)
        seconds = time.monotonic() - self._begun
        self._report(f"{self._path}: {self._words.done} in {'under 1' if seconds < 1 else f'{seconds:.0f}'} s")

    def _check_space(self) -> None:
        one = db.pragma(self._old, "page_size") * (
            db.pragma(self._old, "page_count") - db.pragma(self._old, "freelist_count")
        )
        folder = self._path.resolve().parent
        free = shutil.disk_usage(folder).free
        if free < COPIES * one:
            raise FileError(
                f"{self._path}: {self._words.failed}: this needs {COPIES * one:,} bytes in {folder},"
                f" where {free:,} are free; free some space there"
            )

    @contextmanager
    def _new_file(self) -> Iterator[sqlite3.Connection]:
        """An empty database beside the file, of the same page size. Deleted afterwards; after a crash, by the next try."""
        real = self._path.resolve()
        folder = Path(mkdtemp(prefix=_folder_prefix(real), dir=real.parent))
        try:
            with closing(sqlite3.connect(folder / _NEW_FILE, isolation_level=None)) as new:
                new.execute(f"PRAGMA page_size={db.pragma(self._old, 'page_size')}")
                for setting in _SETTINGS:
                    new.execute(f"PRAGMA {setting}")
                yield new
        finally:
            with suppress(OSError):
                _delete_new_file(folder)

    def _after_batch(self, events: int) -> None:
        self._check_stop()
        self._replayed += events
        now = time.monotonic()
        if now - self._reported >= REPORT_EVERY_S:
            self._reported = now
            left = (now - self._begun) * (self._total - self._replayed) / self._replayed
            self._report(
                f"{self._path}: {self._words.doing}: {self._replayed:,} of {self._total:,} events"
                f" ({100 * self._replayed // self._total}%), about {left:,.0f} s left"
            )

    def _check_stop(self) -> None:
        if self._stopping():
            raise FileOlder(f"{self._path}: {self._words.failed}: the ingester was stopped")

    def _put_in_place(self, new: sqlite3.Connection, watch: sqlite3.Connection, content: int) -> None:
        """Replace the content of the file by that of the new one, in one transaction."""
        checked = False

        def check(status: int, left: int, total: int) -> None:
            nonlocal checked
            if status == sqlite3.SQLITE_DONE:  # committed
                return
            self._check_stop()
            if status in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED) or not (checked or _content(watch) == content):
                raise FileBusy(f"{self._path}: {self._words.failed}: another program wrote to it; try again")
            checked = True  # the write lock is held from the first page on

        pages = min(PAGES_AT_ONCE, db.pragma(new, "page_count") - 1)  # so that `check` is called before the commit
        new.backup(self._old, pages=pages, progress=check)
        with suppress(sqlite3.DatabaseError):  # the content is committed
            self._old.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _content(watch: sqlite3.Connection) -> int:
    """A number that changes when another connection commits."""
    return db.pragma(watch, "data_version")
