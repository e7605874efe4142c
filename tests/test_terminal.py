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

from tests.conftest import WAIT_TIMEOUT_S, until
from tests.recorder import Recorder
from tests.tables import store

RESTORED = (b"\x1b[?1049l", b"\x1b[?25h", b"\x1b[?1000l", b"\x1b[?1003l")
"""Sequences that restore a terminal for the shell: main screen, cursor on, mouse off."""


class Terminal:
    """A program in a pseudo terminal of 100x30."""

    def __init__(
        self,
        folder: Path,
        *arguments: str,
        prepare: Callable[[], None] | None = None,
        command: tuple[str, ...] = (sys.executable, "-m", "tui.cli"),
    ) -> None:
        """`folder` is for temporary files; `prepare` runs in the new process, before the program replaces it."""
        self.folder = folder
        self.output = b""
        self.code: int | None = None
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
            ours = {"SQLITE_DB_PATH", "REDIS_URL", "EVENT_STREAM", "RELOAD_LATEST_SESSION", "NO_COLOR"}
            ours |= {"COLUMNS", "LINES"}  # they take precedence over the size of the terminal; importing readline sets them
            environment = {name: value for name, value in os.environ.items() if name not in ours}
            if prepare is not None:
                prepare()
            environment |= {"TERM": "xterm-256color", "TMPDIR": str(folder), "TEXTUAL_ANIMATIONS": "none"}
            os.execve(command[0], [*command, *arguments], environment)

    def close(self) -> None:
        if self.code is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self._fd)

    def read(self, seconds: float = 0.05) -> None:
        """Read the output of the program."""
        with contextlib.suppress(OSError):  # it closed its side
            while select.select([self._fd], [], [], seconds)[0]:
                self.output += os.read(self._fd, 65536)

    def sees(self, text: str) -> None:
        """Wait until a text is in the output of the program."""
        deadline = time.monotonic() + 3 * WAIT_TIMEOUT_S
        while text.encode() not in self.output:
            ended = self.code is None and os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
            failed = ended or time.monotonic() > deadline
            assert not failed, f"{text!r} did not come{' before the end' * ended}; it wrote {self.output[-2000:]!r}"
            self.read()

    def press(self, keys: str) -> None:
        os.write(self._fd, keys.encode())

    def ends(self) -> int:
        """Wait for the end of the program. Returns its exit code."""
        deadline = time.monotonic() + WAIT_TIMEOUT_S
        while self.code is None:
            assert time.monotonic() < deadline, "it did not end"
            self.read()
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.code = os.waitstatus_to_exitcode(status)
        self.read()
        return self.code

    def litter(self) -> list[str]:
        """Remaining files in its folder for temporary files, and processes with this folder in their command line."""
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


def test_without_redis_the_list_says_how_to_start_one(tmp_path: Path) -> None:
    with TemporaryDirectory() as folder:
        terminal = Terminal(Path(folder), "--db", str(tmp_path / "events.db"), "--redis", "redis://localhost:1/0")
        try:
            for text in ("does not answer", "redis-server", "treetop demo", "treetop doctor"):
                terminal.sees(text)
            terminal.press("q")
            assert terminal.ends() == 0
        finally:
            terminal.close()


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


# A file of one's own, without ingest


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Terminal]:
    """The list of two runs."""
    for run_id in "older", "newer":
        made = Recorder(run_id).root("root", f"A goal of the {run_id} run")
        for name in "first", "second":
            goal = f"A goal that is too long for a row of a tree or a timeline and shown whole elsewhere, {run_id}:{name}"
            made.node("root", name, goal)
        store(tmp_path / "events.db", made.entries)
    with TemporaryDirectory() as folder:
        terminal = Terminal(Path(folder), "--db", str(tmp_path / "events.db"), "--no-ingest")
        try:
            terminal.sees("2 runs")
            terminal.sees("Help")  # in the last line
            yield terminal
        finally:
            terminal.close()


def click(column: int, line: int) -> str:
    """SGR mouse reports of a click. Column and line count from 1."""
    return f"\x1b[<0;{column};{line}M\x1b[<0;{column};{line}m"


def test_clicks_hit_the_row_under_the_mouse(browser: Terminal) -> None:
    browser.press(click(40, 4))  # the second row of the list, under one line of title and one of columns
    browser.press("\r")
    browser.sees("not begun")  # the inspector is filled after the tree
    browser.press(click(20, 6))  # the second row of the tree, under two lines of header, a border and one of columns
    browser.sees("older:first")
    browser.press(click(20, 7))
    browser.sees("older:second")
    browser.press("qq")
    assert browser.ends() == 0


def test_the_inspector_shows_each_event_that_the_cursor_moves_to(tmp_path: Path) -> None:
    made = Recorder().root("root").step_started("root").llm("root").tool_invoked("root").tool_returned("root")
    made.step_finished("root", "execute", "FINISH").status("root", "FINISH").run_finished()
    store(tmp_path / "events.db", made.entries)
    with (
        TemporaryDirectory() as folder,
        contextlib.closing(Terminal(Path(folder), "--db", str(tmp_path / "events.db"), "--no-ingest", "run")) as terminal,
    ):
        terminal.sees("own time")
        terminal.press("3g")
        terminal.sees("node_created")
        for second in range(1, 7):
            terminal.output = b""
            terminal.press("j")
            terminal.sees(f"+0:0{second}.0")  # only the inspector writes the sign


PLACES = {
    "the list of runs": ("", "runs"),
    "a run": ("\r", "2 Tree"),
    "a dialog": ("d", "Delete this run for good?"),
    "the help": ("?", "On this screen"),
    "an input": ("\\", "words of the goal"),
    "the command palette": (":", "Search for commands"),
}


@pytest.mark.parametrize("place", PLACES)
def test_ctrl_c_pressed_twice_quits_from_anywhere(browser: Terminal, place: str) -> None:
    keys, shown = PLACES[place]
    browser.press(keys)
    browser.sees(shown)
    browser.press("\x03")
    browser.sees("Press Ctrl+C again")  # the edge of the dialog below can divide the rest of the text
    browser.press("\x03")
    assert browser.ends() == 128 + signal.SIGINT
    assert [sequence for sequence in RESTORED if sequence not in browser.output] == []
    until(lambda: not browser.litter())


@pytest.mark.parametrize("place", PLACES)
def test_ctrl_q_quits_from_anywhere(browser: Terminal, place: str) -> None:
    keys, shown = PLACES[place]
    browser.press(keys)
    browser.sees(shown)
    browser.press("\x11")
    assert browser.ends() == 0
    assert [sequence for sequence in RESTORED if sequence not in browser.output] == []


def test_keys_of_one_burst_act_on_the_screens_that_they_lead_to(browser: Terminal) -> None:
    browser.press("j\rg3Gk\r")  # the second run, the timeline of its first task, the event before the last, the inspector
    browser.sees("older:first")
    browser.press("qqqg\r/second\r")  # back to the list, the first run, a search of its tree
    browser.sees("newer:second")
    browser.press("qqq")
    assert browser.ends() == 0


def test_keys_after_the_one_that_quits_are_dropped(browser: Terminal) -> None:
    browser.press("qjj\r/second\r?")
    assert browser.ends() == 0
    assert [sequence for sequence in RESTORED if sequence not in browser.output] == []


def test_keys_typed_before_a_suspension_act_after_it(browser: Terminal) -> None:
    browser.press("j\x1a\r")  # the second run, the shell, and the run opens
    until(lambda: Path(f"/proc/{browser.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T")
    os.kill(browser.pid, signal.SIGCONT)
    browser.sees("2 Tree")
    browser.press("qq")
    assert browser.ends() == 0
