"""Work of child processes that tests kill."""

import os
import signal
import sqlite3
import sys
import time
from pathlib import Path
from resource import RLIMIT_FSIZE, setrlimit
from types import FrameType
from typing import Any

from store.database import file as db
from store.database import migration
from store.errors import FileLocked, StoreError
from store.stream import source
from store.stream.ingest import Ingester
from tests.live import STREAM

HELD, WRONG = 75, 2

EVERY = int(os.environ.get("TREETOP_TEST_EVERY", "1"))
"""1: processes are killed at every step; 3: at every third one."""
"""Exit codes of `treetop ingest`: another ingester holds the file; another user error."""


def ingest(path: Path, url: str, limit: int | None = None) -> None:
    """Ingest until SIGTERM. `limit`: largest file that the process may write, in bytes."""
    if limit is not None:
        setrlimit(RLIMIT_FSIZE, (limit, -1))
    ingester = Ingester(path, url, STREAM)
    signal.signal(signal.SIGTERM, lambda *_: ingester.stop())
    try:
        ingester.run()
    except StoreError as error:
        print(error, file=sys.stderr, flush=True)  # noqa: T201 - as `treetop ingest` does
        sys.exit(HELD if isinstance(error, FileLocked) else WRONG)


def drain(path: Path, url: str) -> None:
    """Store all entries of the stream."""
    Ingester(path, url, STREAM).drain()


def drain_until_step(path: Path, url: str, step: int, batch_entries: int = 100) -> None:
    """Store all entries of the stream in batches of `batch_entries`, but die of SIGKILL at a step.

    Steps are: the start of each SQLite statement (one for each row of a batch), and the end of each call of SQLite; the
    start and the end of each system call that sends, receives, locks, deletes, or writes to the lock file; each page that a
    migration copies.
    """
    calls = {"recv_into", "sendall", "flock", "pwrite", "ftruncate", "unlink", "backup"}
    watched = {("c_return", "execute"), ("c_return", "executemany"), ("call", "check")}
    watched |= {(event, call) for event in ("c_call", "c_return") for call in calls}
    steps = 0

    def count(*_: object) -> None:
        nonlocal steps
        steps += 1
        if steps == step:
            os.kill(os.getpid(), signal.SIGKILL)

    def profile(frame: FrameType, event: str, function: Any) -> None:
        name = frame.f_code.co_name if event == "call" else getattr(function, "__name__", "")
        if (event, name) in watched:
            count()

    connect = db.connect_writer

    def connect_counting(*arguments: Any, **options: Any) -> Any:
        connection = connect(*arguments, **options)
        connection.set_trace_callback(count)
        return connection

    db.connect_writer = connect_counting
    migration.PAGES_AT_ONCE = 1
    source.BATCH_ENTRIES = source.FIRST_BATCH_ENTRIES = batch_entries
    ingester = Ingester(path, url, STREAM)
    sys.setprofile(profile)
    ingester.drain()
    sys.setprofile(None)


def drain_until_size(path: Path, url: str, size: int) -> None:
    """Store all entries of the stream, but die of SIGXFSZ within the write that makes a file larger than `size` bytes."""
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    setrlimit(RLIMIT_FSIZE, (size, -1))
    Ingester(path, url, STREAM).drain()


def hold_lock(path: Path, kind: str, ready: Path, enough: Path) -> None:
    """Hold a lock of SQLite on the file. Creates `ready` after locking, and unlocks when `enough` exists."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(f"BEGIN {kind}")
    ready.touch()
    while not enough.exists():
        time.sleep(0.01)
    connection.execute("ROLLBACK")
    connection.close()
