"""Permissions of new files. Runs contain prompts and answers, so only the owner may read them."""

import os
import stat
from pathlib import Path

PRIVATE = 0o600
"""Mode of a new file: read and written by its owner alone."""


def create_private(path: Path) -> None:
    """Create an empty file of mode PRIVATE, whatever the umask. Raises OSError.

    An existing file stays as it is, and is not opened: closing a database that this process has open in SQLite would drop
    SQLite's locks on it. SQLite gives the `-wal` and `-shm` beside a database the mode of the database.
    """
    if os.path.lexists(path):
        return
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE)
    except FileExistsError:
        return
    try:
        os.fchmod(fd, PRIVATE)
    finally:
        os.close(fd)


def readable_by_others(path: Path) -> bool:
    """Whether the mode of a file lets its group or all users read it. False if there is no file."""
    try:
        return bool(path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH))
    except OSError:
        return False
