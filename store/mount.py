"""On what kind of file system a file lies.

SQLite's log needs memory that all who use the file share, and locks that hold: no two machines have that, whatever a
network file system promises. A file there is damaged sooner or later, without a word.
"""

import os
import re
from pathlib import Path
from typing import NamedTuple

MOUNTS = Path("/proc/self/mountinfo")
"""What Linux has mounted. Elsewhere there is no such file, and nothing is known."""

SHARED = frozenset(("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "coda", "ceph", "glusterfs", "lustre", "gpfs"))
SHARED |= {"beegfs", "ocfs2", "gfs2", "vboxsf", "vmhgfs", "prl_fs"}
"""Kinds of file systems that other machines, or the host of a virtual one, may use at the same time."""

ANY_DISK = "TREETOP_ANY_DISK"
"""The environment variable with which a user says that no other machine uses the file."""


class Mount(NamedTuple):
    """A file system, and where it is mounted."""

    point: Path
    kind: str

    @property
    def is_shared(self) -> bool:
        """May other machines use it? The one that a machine starts from is its own, over a network, too."""
        return self.point != Path("/") and (self.kind in SHARED or self.kind.startswith("fuse."))


def mount_of(path: Path) -> Mount | None:
    """The file system that this path lies on; None where that can not be found out."""
    try:
        lines = MOUNTS.read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return None
    real, found = Path(os.path.realpath(path)), None
    for line in lines:
        before, _, after = line.partition(" - ")
        point = Path(_unescaped(before.split(" ")[4]))
        if real.is_relative_to(point) and (found is None or len(point.parts) >= len(found.point.parts)):
            found = Mount(point, after.split(" ")[0])  # of two at the same place, the later one covers the other
    return found


def _unescaped(text: str) -> str:
    """Blanks and backslashes are written as octal numbers."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), text)
