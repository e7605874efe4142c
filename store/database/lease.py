"""The lease of a file: at most one ingester at a time.

A lock file beside the file is locked with flock. The kernel releases the lock when the process ends. The protocol:

- The holder has an exclusive lock on the lock file. The lock file contains its process id and host.
- A shared lock does not make a holder: other programs, such as backups, take shared locks. An ingester that finds only
  shared locks takes one too, which blocks exclusive locks of other processes. Then it replaces the lock file by a new one
  that it has locked exclusively. The exclusive lock on the new file serialises ingesters that do so at the same time.
- After taking a lock, a process checks that the path still leads to the locked file. If not, the lock file was deleted or
  replaced, and the process starts again.
"""

import errno
import fcntl
import os
import re
import stat
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from store.database.permission import create_private
from store.errors import FileError, FileLocked

LEASE_TIMEOUT_S = 0.3
"""Seconds for which taking the lease is retried. `holder` and other contenders hold shared locks for moments."""

HOLDER_ATTEMPTS = 10
"""Attempts of `holder` to open and lock a lock file that is being replaced."""

NOTE_BYTES = 4_000
"""Bytes of a lock file. The size is constant, so that overwriting needs no space on a full disk."""


class Holder(NamedTuple):
    """The process that holds the lease of a file."""

    name: str
    """Process and host."""
    trouble: str
    """Reason why it cannot store events now; empty if it can."""
    sources: tuple[str, ...] = ()
    """Streams that it stores, each with its server's address; empty if it stores none, or too many to note."""

    def neglects(self, *wanted: str) -> str:
        """Message for streams that are not stored because the holder stores others; empty if it stores all of these."""
        missing = [source for source in wanted if source not in self.sources]
        if not self.sources or not missing:
            return ""
        stored = list(self.sources)
        if len({source.rpartition(" at ")[2] for source in stored + missing}) == 1:
            stored, missing = ([source.rpartition(" at ")[0] or source for source in names] for names in (stored, missing))
        verb = "is" if len(missing) == 1 else "are"
        names = ", ".join(stored), ", ".join(missing)
        return f"{self.name} stores {names[0]}; {names[1]} {verb} not being stored: a file has one ingester"

    def __str__(self) -> str:
        return self.name


def lock_path(path: Path) -> Path:
    """Path of the lock file. The lock file is never deleted: deleting it would permit two holders."""
    real = Path(os.path.realpath(path))
    return real.with_name(real.name + ".lock")


class Lease:
    """Context manager that holds the lease of a file. Entering raises FileLocked, which names the holder."""

    def __init__(self, path: Path, *sources: str) -> None:
        """`sources`: streams that will be stored, as `Holder.sources`."""
        self.path = path
        self.sources = sources
        self._fd = -1

    def __enter__(self) -> "Lease":
        lock = lock_path(self.path)
        deadline = time.monotonic() + LEASE_TIMEOUT_S
        try:
            while not self._try(lock):
                if time.monotonic() > deadline:
                    first = holder(self.path) or Holder(UNNAMED, "")
                    if neglected := first.neglects(*self.sources):
                        raise FileLocked(f"{self.path}: {neglected}; stop that process, or name another file with --db")
                    raise FileLocked(f"{self.path}: {first} already stores events into it; stop that process first")
                time.sleep(0.01)
        except OSError as error:
            why = f"{error.strerror}: {error.filename or lock}"
            raise FileError(f"{self.path}: cannot be locked ({why}); name another file") from error
        self.report("")
        return self

    def report(self, trouble: str) -> None:
        """Write to the lock file why nothing can be stored; an empty text if everything can."""
        sources = "\t".join(self.sources)
        noted = sources if len(sources.encode()) < NOTE_BYTES // 2 else ""
        self._write(f"process {os.getpid()} on {os.uname().nodename}\n{noted}\n{trouble}")

    def _write(self, text: str) -> None:
        with suppress(OSError):  # the lock is held nevertheless
            os.pwrite(self._fd, text.encode("utf-8", "replace")[:NOTE_BYTES].ljust(NOTE_BYTES), 0)

    def _try(self, lock: Path) -> bool:
        """Take the lock if it is free. False if it is held, or if its file was replaced meanwhile. Raises OSError."""
        create_private(lock)
        fd = _open(lock, os.O_RDWR)
        try:
            if _lock(fd, fcntl.LOCK_EX):
                if _is_at(lock, fd):
                    self._fd, fd = fd, -1
            elif _lock(fd, fcntl.LOCK_SH):
                self._fd = _replace(lock, fd)
        finally:
            if fd >= 0:
                os.close(fd)
        return self._fd >= 0

    def __exit__(self, *_: object) -> None:
        self._write("")
        fd, self._fd = self._fd, -1  # the number may soon be another file's
        os.close(fd)


def holder(path: Path) -> Holder | None:
    """The process that holds the lease of this file; None if there is no holder."""
    lock = lock_path(path)
    with suppress(OSError):  # the lock file does not exist, or is not readable
        for _ in range(HOLDER_ATTEMPTS):
            fd = _open(lock, os.O_RDONLY)
            try:
                if not _lock(fd, fcntl.LOCK_SH):
                    return _read(fd)
                if _is_at(lock, fd):
                    return None
            finally:
                os.close(fd)
    return None


def _open(lock: Path, flags: int) -> int:
    """Open a lock file. Raises OSError unless it is a regular file and not a link: the holder writes to it."""
    try:
        fd = os.open(lock, flags | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise OSError(errno.ELOOP, "its lock is a link; remove it", str(lock)) from error
        raise
    about = os.fstat(fd)
    if not stat.S_ISREG(about.st_mode) or (flags == os.O_RDWR and about.st_nlink > 1):
        os.close(fd)
        raise OSError(errno.EINVAL, "its lock is not a regular file, or has a second hard link; remove it", str(lock))
    return fd


def _lock(fd: int, kind: int) -> bool:
    """Lock an open file without waiting; `kind` is LOCK_SH or LOCK_EX. False if another lock prevents it."""
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_at(path: Path, fd: int) -> bool:
    """Whether the path still leads to this open file."""
    try:
        return os.path.samestat(os.lstat(path), os.fstat(fd))
    except FileNotFoundError:
        return False


def _replace(lock: Path, fd: int) -> int:
    """Replace the lock file `fd`, on which this and other processes hold shared locks, by a new one.

    Returns the descriptor of the new file, locked exclusively; -1 if another process does the same.
    """
    new = lock.with_name(lock.name + ".new")
    create_private(new)
    try:
        new_fd = _open(new, os.O_RDWR)
    except FileNotFoundError:  # another process has just moved it
        return -1
    # Only the process that has locked `new`, while `new` is at its path, may move it to the path of the lock file.
    try:
        if _lock(new_fd, fcntl.LOCK_EX) and _is_at(new, new_fd) and _is_at(lock, fd):
            os.replace(new, lock)
            taken, new_fd = new_fd, -1
            return taken
    finally:
        if new_fd >= 0:
            os.close(new_fd)
    return -1


UNNAMED = "another process"
"""Name of a holder that did not write its own."""


def _read(fd: int) -> Holder:
    """Content of a lock file as a Holder: UNNAMED if the process that wrote it has ended, as then another one holds it."""
    lines = os.pread(fd, NOTE_BYTES, 0).decode("utf-8", "replace").split("\n", 2)
    name, sources, trouble = (line.strip() for line in (*lines, "", "")[:3])
    if not name or _is_gone(name):
        return Holder(UNNAMED, "")
    return Holder(name, trouble, tuple(sources.split("\t")) if sources else ())


def _is_gone(name: str) -> bool:
    """Whether this is a process of this host that has ended."""
    found = re.fullmatch(r"process (\d{1,9}) on (.*)", name.strip())
    if found is None or found[2] != os.uname().nodename:
        return False
    try:
        os.kill(int(found[1]), 0)
    except OSError as error:
        return error.errno == errno.ESRCH  # EPERM: the process of another user
    return False
