"""What children do until they are killed."""

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
"""Exit codes, as those of `treetop ingest`."""


def ingest(path: Path, url: str, limit: int | None = None) -> None:
    """Store until SIGTERM, in a process whose files may have `limit` bytes each."""
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
    """Store all that there is."""
    Ingester(path, url, STREAM).drain()


def drain_until_step(path: Path, url: str, step: int, together: int = 100) -> None:
    """Store all that there is, so many entries together, but die of SIGKILL at this step.

    Steps are: before each statement that SQLite begins, which is each row of a batch, and after each call that was made of
    it; before and after each time that something is sent, received, locked, deleted or written to the lock's file; after
    each page that a migration puts in place.
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
    source.BATCH_ENTRIES = source.FIRST_BATCH_ENTRIES = together
    ingester = Ingester(path, url, STREAM)
    sys.setprofile(profile)
    ingester.drain()
    sys.setprofile(None)


def drain_until_size(path: Path, url: str, size: int) -> None:
    """Store all that there is, but die of SIGXFSZ in the middle of the write that makes any file larger than this."""
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    setrlimit(RLIMIT_FSIZE, (size, -1))
    Ingester(path, url, STREAM).drain()


def hold_lock(path: Path, kind: str, ready: Path, enough: Path) -> None:
    """Be another program that writes to the file, from when `ready` is there until `enough` is."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(f"BEGIN {kind}")
    ready.touch()
    while not enough.exists():
        time.sleep(0.01)
    connection.execute("ROLLBACK")
    connection.close()
