"""One ingester for each file: an OS lock beside it, which the kernel releases when the process dies, however it dies."""

import fcntl
import os
import time
from pathlib import Path

from store.errors import FileError, FileLocked

PATIENCE = 0.3
"""Seconds to go on trying: somebody who only asks (`held`) holds the lock for a moment."""


def lock_path(path: Path) -> Path:
    """The lock of a file. It stays when nobody holds it: deleting it would let two holders in."""
    real = Path(os.path.realpath(path))
    return real.with_name(real.name + ".lock")


class Lease:
    """The right to write events to a file; use as `with Lease(path):`. Raises FileLocked, which names the holder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd = -1

    def __enter__(self) -> "Lease":
        lock = lock_path(self.path)
        deadline = time.monotonic() + PATIENCE
        while not self._try(lock):
            if time.monotonic() > deadline:
                holder = lock.read_text("ascii", "replace").strip() or "another process"
                raise FileLocked(f"{self.path}: {holder} is storing events into it already; stop that one first")
            time.sleep(0.01)
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, f"process {os.getpid()} on {os.uname().nodename}\n".encode(), 0)
        return self

    def _try(self, lock: Path) -> bool:
        try:
            fd = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise FileError(f"{self.path}: can not be locked ({error.strerror}: {lock}); name another file") from error
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(fd).st_ino == os.stat(lock).st_ino:  # not a lock file that was deleted meanwhile
                self._fd = fd
                return True
        except (BlockingIOError, FileNotFoundError):
            pass
        os.close(fd)
        return False

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)


def holder(path: Path) -> str | None:
    """Who holds the lease of this file right now; None when nobody does."""
    try:
        fd = os.open(lock_path(path), os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return os.pread(fd, 200, 0).decode("ascii", "replace").strip() or "another process"
    finally:
        os.close(fd)
    return None
