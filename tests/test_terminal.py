"""The whole program in a real terminal: a pseudo terminal, real processes, real signals."""

import contextlib
import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.conftest import PATIENCE, until

RESTORED = (b"\x1b[?1049l", b"\x1b[?25h", b"\x1b[?1000l", b"\x1b[?1003l")
"""What a terminal must be told before the shell gets it back: main screen, cursor on, mouse off."""


class Terminal:
    """A program in a pseudo terminal of 100x30."""

    def __init__(self, folder: Path, *arguments: str, prepare: Callable[[], None] | None = None) -> None:
        self.folder = folder
        self.output = b""
        self.code: int | None = None
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
            ours = ("SQLITE_DB_PATH", "REDIS_URL", "EVENT_STREAM", "RELOAD_LATEST_SESSION", "NO_COLOR")
            environment = {name: value for name, value in os.environ.items() if name not in ours}
            if prepare is not None:
                prepare()
            environment |= {"TERM": "xterm-256color", "TMPDIR": str(folder), "TEXTUAL_ANIMATIONS": "none"}
            os.execve(sys.executable, [sys.executable, "-m", "tui.cli", *arguments], environment)

    def close(self) -> None:
        if self.code is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self._fd)

    def read(self, seconds: float = 0.05) -> None:
        """Take what the program wrote."""
        with contextlib.suppress(OSError):  # it closed its side
            while select.select([self._fd], [], [], seconds)[0]:
                self.output += os.read(self._fd, 65536)

    def sees(self, text: str) -> None:
        """Wait until the program wrote this."""
        deadline = time.monotonic() + 3 * PATIENCE
        while text.encode() not in self.output:
            assert time.monotonic() < deadline, f"{text!r} did not come; it wrote {self.output[-2000:]!r}"
            self.read()

    def press(self, keys: str) -> None:
        os.write(self._fd, keys.encode())

    def ends(self) -> int:
        """Wait for the end of the program; gives its exit code."""
        deadline = time.monotonic() + PATIENCE
        while self.code is None:
            assert time.monotonic() < deadline, "it did not end"
            self.read()
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.code = os.waitstatus_to_exitcode(status)
        self.read()
        return self.code

    def litter(self) -> list[str]:
        """What is left of it: files in its folder for temporary files, processes that were told of that folder."""
        left = [str(path) for path in self.folder.iterdir()]
        for process in Path("/proc").iterdir():
            with contextlib.suppress(OSError, ValueError):
                command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                if int(process.name) != os.getpid() and str(self.folder) in command:
                    left.append(command)
        return left


@pytest.fixture
def demo() -> Iterator[Terminal]:
    """The demo, with its list of runs on the screen and its agent at work."""
    with TemporaryDirectory() as folder:  # a short path: that of a socket has a limit
        terminal = Terminal(Path(folder), "demo", "--speed", "100")
        try:
            terminal.sees("mystery story")
            terminal.sees("1 live")
            yield terminal
        finally:
            terminal.close()


pytestmark = pytest.mark.skipif(not Path("/proc").exists(), reason="finds what is left in /proc")


def test_q_ends_the_demo_and_nothing_is_left(demo: Terminal) -> None:
    demo.press("q")
    assert demo.ends() == 0
    until(lambda: not demo.litter())


def test_the_newest_run_is_followed_and_left_with_q(demo: Terminal) -> None:
    demo.press("F")
    demo.sees("FOLLOWING")
    demo.press("qq")
    assert demo.ends() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_after_a_signal_the_terminal_is_as_before_and_nothing_is_left(demo: Terminal, number: signal.Signals) -> None:
    os.kill(demo.pid, number)
    assert demo.ends() == 128 + number
    assert [sequence for sequence in RESTORED if sequence not in demo.output] == []
    until(lambda: not demo.litter())


def test_even_when_it_is_killed_nothing_is_left(demo: Terminal) -> None:
    os.kill(demo.pid, signal.SIGKILL)
    assert demo.ends() == -signal.SIGKILL
    until(lambda: not demo.litter())
