"""One ingester for each file: an OS lock beside it, which the kernel releases when the process dies, however it dies."""

import fcntl
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from store.errors import FileError, FileLocked

PATIENCE = 0.3
"""Seconds to go on trying: somebody who only asks (`held`) holds the lock for a moment."""

SAID = 1_000
"""Bytes of what the lock says. Always so many: to write them anew takes no space on a disk that has none left."""


class Holder(NamedTuple):
    """Who stores events into a file."""

    name: str
    """Process and host."""
    trouble: str
    """Why it can not store any at the moment; empty when it can."""

    def __str__(self) -> str:
        return self.name


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
                raise FileLocked(f"{self.path}: {_read(lock)} is storing events into it already; stop that one first")
            time.sleep(0.01)
        self.tell("")
        return self

    def tell(self, trouble: str) -> None:
        """Tell whoever asks for the holder why nothing can be stored; empty: all is well."""
        said = f"process {os.getpid()} on {os.uname().nodename}\n{trouble}".encode("utf-8", "replace")
        with suppress(OSError):  # it holds all the same
            os.pwrite(self._fd, said[:SAID].ljust(SAID), 0)

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
        fd, self._fd = self._fd, -1  # its number may be another file's soon
        os.close(fd)


def holder(path: Path) -> Holder | None:
    """Who holds the lease of this file right now; None when nobody does."""
    lock = lock_path(path)
    try:
        fd = os.open(lock, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _read(lock)
    finally:
        os.close(fd)
    return None


def _read(lock: Path) -> Holder:
    """What the holder wrote into its lock."""
    name, trouble = "", ""
    with suppress(OSError):  # it was deleted
        name, _, trouble = lock.read_text("utf-8", "replace").partition("\n")
    return Holder(name.strip() or "another process", trouble.strip())
