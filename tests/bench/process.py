"""Memory and processor time of another process, as reported by the kernel."""

import os
from pathlib import Path
from time import perf_counter

TICK = os.sysconf("SC_CLK_TCK")
"""Clock ticks per second in /proc."""


class Process:
    """Memory and processor time of a process. All values are 0 without /proc."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._proc = Path("/proc") / str(pid)
        self.mark()

    @property
    def memory(self) -> float:
        """Resident memory in MB."""
        return self._status("VmRSS:")

    @property
    def peak(self) -> float:
        """Peak resident memory in MB."""
        return self._status("VmHWM:")

    def mark(self) -> None:
        """Start of the interval of `load`."""
        self._marked, self._used = perf_counter(), self._cpu()

    @property
    def load(self) -> float:
        """Percent of one core since `mark`."""
        return 100 * (self._cpu() - self._used) / max(perf_counter() - self._marked, 1e-9)

    def _cpu(self) -> float:
        try:
            fields = (self._proc / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            return 0.0
        return (int(fields[11]) + int(fields[12])) / TICK

    def _status(self, name: str) -> float:
        try:
            lines = (self._proc / "status").read_text().splitlines()
        except OSError:
            return 0.0
        return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(name)), 0.0)
