"""The file system of the database file.

SQLite's write-ahead log needs shared memory and locks. File systems that several machines use provide neither between
machines: if two machines write to a database there, it becomes corrupt without an error.
"""

import os
import re
from pathlib import Path
from typing import NamedTuple

MOUNTS = Path("/proc/self/mountinfo")
"""The mounted file systems. Exists on Linux only; elsewhere every file system counts as local."""

SHARED = frozenset(("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "coda", "ceph", "glusterfs", "lustre", "gpfs"))
SHARED |= {"beegfs", "ocfs2", "gfs2", "vboxsf", "vmhgfs", "prl_fs"}
"""Types of file systems that other machines, or the host of a virtual machine, may use at the same time."""


class Mount(NamedTuple):
    """A mounted file system."""

    point: Path
    kind: str

    @property
    def warning(self) -> str:
        """The risk of a database on this file system; empty if there is none. A root file system counts as local."""
        if self.point == Path("/") or not (self.kind in SHARED or self.kind.startswith("fuse.")):
            return ""
        return (
            f"{self.point} is a file system that machines share ({self.kind}); if another machine writes to the file too,"
            " the file becomes corrupt"
        )


def mount_of(path: Path) -> Mount | None:
    """The file system of a path; None if it cannot be determined."""
    try:
        lines = MOUNTS.read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return None
    real, found = Path(os.path.realpath(path)), None
    for line in lines:
        before, _, after = line.partition(" - ")
        fields = before.split(" ")
        if len(fields) < 5:  # an empty line
            continue
        point = Path(_unescape(fields[4]))
        if real.is_relative_to(point) and (found is None or len(point.parts) >= len(found.point.parts)):
            found = Mount(point, after.split(" ")[0])  # of two at the same point, the later one covers the other
    return found


def warning_of(path: Path) -> str:
    """The risk of a database at this path because of its file system; empty if there is none."""
    mount = mount_of(path)
    return "" if mount is None else mount.warning


def _unescape(text: str) -> str:
    """Decode octal escapes, which stand for blanks and backslashes."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), text)
