"""A program in a pseudo terminal. Its output is counted and drawn on a `Grid`."""

import asyncio
import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from collections.abc import Hashable, Iterable, Sequence
from time import perf_counter
from types import TracebackType

from tests.bench.grid import Grid
from tests.bench.process import Process
from tests.bench.surface import Surface

KEYS = {
    "enter": "\r",
    "tab": "\t",
    "up": "\x1b[A",
    "down": "\x1b[B",
    "end": "\x1b[F",
    "home": "\x1b[H",
    "pageup": "\x1b[5~",
    "pagedown": "\x1b[6~",
    "ctrl+l": "\x0c",
}
"""Bytes that terminals send for keys."""

ASKS_SYNC, HAS_SYNC = b"\x1b[?2026$p", b"\x1b[?2026;2$y"
"""The query for synchronised updates, and the answer of a terminal that has them."""

NOT_OURS = (
    *("SQLITE_DB_PATH", "REDIS_URL", "EVENT_STREAM", "RELOAD_LATEST_SESSION"),
    *("NO_COLOR", "COLUMNS", "LINES", "TEXTUAL", "TEXTUAL_DEBUG"),
    "PYTHONDONTWRITEBYTECODE",  # what is installed is compiled: Textual, and so should we be
)


class Terminal(Surface):
    """Runs `python -m <module> <arguments>`; use as `async with Terminal(...)`. It is killed at the end of the block."""

    def __init__(self, module: str, arguments: Iterable[str] = (), size: tuple[int, int] = (200, 50)) -> None:
        super().__init__()
        self.written = 0
        """Number of bytes that the program wrote."""
        self.grid = Grid(*size)
        self._command = [sys.executable, "-m", module, *arguments]
        self._fd, self._side = pty.openpty()
        fcntl.ioctl(self._side, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))

    async def __aenter__(self) -> "Terminal":
        asyncio.get_running_loop().add_reader(self._fd, self._read)
        self._start()
        return self

    def _start(self) -> None:
        environment = {name: value for name, value in os.environ.items() if name not in NOT_OURS}
        environment |= {"TERM": "xterm-256color", "COLORTERM": "truecolor", "TEXTUAL_ANIMATIONS": "none"}
        self.started_at = perf_counter()
        self._process = subprocess.Popen(
            self._command, stdin=self._side, stdout=self._side, stderr=self._side, env=environment, start_new_session=True
        )
        os.close(self._side)
        self.process = Process(self._process.pid)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        asyncio.get_running_loop().remove_reader(self._fd)
        os.close(self._fd)

    @property
    def lines(self) -> list[str]:
        return self.grid.lines

    def shades(self, x: int) -> Sequence[Hashable]:
        return self.grid.shades(x)

    async def press(self, key: str) -> None:
        os.write(self._fd, KEYS.get(key, key).encode())

    def _read(self) -> None:
        try:
            data = os.read(self._fd, 65536)
        except OSError:  # it closed its side
            asyncio.get_running_loop().remove_reader(self._fd)
            return
        if ASKS_SYNC in data:
            os.write(self._fd, HAS_SYNC)
        self.written += len(data)
        now = perf_counter()
        self.grid.feed(data)
        self.painted(now)
