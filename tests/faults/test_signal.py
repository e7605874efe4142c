"""Signals to `treetop ingest`, and the death of a screen that started one."""

import fcntl
import os
import pty
import re
import signal
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import pytest

from store.database.lease import holder
from store.stream.ingest import Ingester
from store.stream.server import RedisServer
from tests.conftest import WAIT_TIMEOUT_S, until
from tests.faults.numbered import publishing, settle
from tests.live import STREAM, number_stored, state_of_ingest

TREETOP = (sys.executable, "-m", "tui.cli")


def options(path: Path, server: RedisServer) -> tuple[str, ...]:
    return "--db", str(path), "--redis", server.url, "--stream", STREAM


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP], ids=lambda number: number.name)
def test_a_signal_stops_an_ingester_after_its_current_batch(
    redis_server: RedisServer, db: Path, number: signal.Signals
) -> None:
    with publishing(redis_server) as sent:
        for _ in range(3):
            stored = number_stored(db)
            command = [*TREETOP, "ingest", *options(db, redis_server)]
            with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as ingester:
                until(lambda: number_stored(db) > stored + 50)  # noqa: B023 - it is called at once
                ingester.send_signal(number)
                said = ingester.communicate()[1]
            assert (ingester.returncode, said) == (0, "")
            assert state_of_ingest(db) == "stopped"
    Ingester(db, redis_server.url, STREAM).drain()
    found = settle(f"ingester ended by {number.name}", 3, sent, db)
    assert (found.lost(sent), found.doubled, found.duplicate, found.gaps) == (0, 0, 0, [])


@contextmanager
def screen(path: Path, server: RedisServer, controlling: bool = False) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """The program on a terminal of its own, as users start it. Its output is not read."""
    ours, theirs = pty.openpty()
    command = [*TREETOP, *options(path, server)]
    environment = {**os.environ, "TERM": "xterm-256color"}
    with subprocess.Popen(
        command,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        env=environment,
        preexec_fn=partial(fcntl.ioctl, 0, termios.TIOCSCTTY, 0) if controlling else None,
    ) as process:
        os.close(theirs)
        os.set_blocking(ours, False)
        try:
            yield process, ours
        finally:
            process.kill()
            with suppress(OSError):  # closed by the test
                os.close(ours)


def ingester_of(path: Path) -> int | None:
    """Process id of the ingester of the file."""
    found = re.match(r"process (\d+) on", str(holder(path)))
    return int(found[1]) if found else None


def is_alive(pid: int) -> bool:
    """Whether the process exists and is not a zombie."""
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_screen_that_is_killed_leaves_no_ingester_behind(redis_server: RedisServer, db: Path) -> None:
    with publishing(redis_server) as sent:
        for _ in range(3):
            stored = number_stored(db)
            with screen(db, redis_server) as (process, _):
                until(lambda: number_stored(db) > stored + 50)  # noqa: B023
                pid = ingester_of(db)
                assert pid is not None
                assert pid != process.pid
                process.kill()
                process.wait()
                until(lambda: not is_alive(pid))  # noqa: B023
            assert holder(db) is None
            assert state_of_ingest(db) == "stopped"
    Ingester(db, redis_server.url, STREAM).drain()
    found = settle("screen killed -9", 3, sent, db)
    assert (found.lost(sent), found.doubled, found.duplicate, found.gaps) == (0, 0, 0, [])


def test_a_screen_whose_ingester_is_killed_starts_another(
    redis_server: RedisServer, db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with publishing(redis_server) as sent, screen(db, redis_server):
        until(lambda: number_stored(db) > 50)
        pid = ingester_of(db)
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        until(lambda: ingester_of(db) not in (None, pid))
        known = len(sent)
        until(lambda: number_stored(db) > known)
    until(lambda: holder(db) is None)
    Ingester(db, redis_server.url, STREAM).drain()
    found = settle("ingester of a screen killed -9", 1, sent, db)
    assert (found.lost(sent), found.doubled, found.duplicate, found.gaps) == (0, 0, 0, [])


@pytest.mark.parametrize("controlling", [True, False], ids=["controlling", "not-controlling"])
def test_a_screen_whose_terminal_was_closed_ends(redis_server: RedisServer, db: Path, controlling: bool) -> None:
    """The kernel sends SIGHUP for the controlling terminal. The loss of another terminal must be detected."""
    with publishing(redis_server) as sent, screen(db, redis_server, controlling) as (process, terminal):
        until(lambda: number_stored(db) > 50)
        pid = ingester_of(db)
        assert pid is not None
        drawn(terminal)
        os.close(terminal)
        assert process.wait(WAIT_TIMEOUT_S) == 128 + signal.SIGHUP
        until(lambda: not is_alive(pid))
    Ingester(db, redis_server.url, STREAM).drain()
    found = settle(f"terminal gone {'with' if controlling else 'without'} SIGHUP", 1, sent, db)
    assert (found.lost(sent), found.doubled, found.duplicate, found.gaps) == (0, 0, 0, [])


def drawn(terminal: int) -> None:
    """Wait for the first picture: by then the program handles signals."""
    output = b""

    def seen() -> bool:
        nonlocal output
        with suppress(BlockingIOError):
            output += os.read(terminal, 65_536)
        return b"agent_events" in output

    until(seen)


def test_events_are_stored_while_a_screen_is_stopped(redis_server: RedisServer, db: Path) -> None:
    """By Ctrl+Z, or by a terminal that accepts no output: no thread of the screen's process runs."""
    with publishing(redis_server) as sent, screen(db, redis_server) as (process, _):
        until(lambda: number_stored(db) > 50)
        process.send_signal(signal.SIGSTOP)
        for _ in range(3):
            known = len(sent)
            until(lambda: number_stored(db) > known + 500)  # noqa: B023
        process.send_signal(signal.SIGCONT)
    until(lambda: holder(db) is None)
    Ingester(db, redis_server.url, STREAM).drain()
    found = settle("screen stopped", 1, sent, db)
    assert (found.lost(sent), found.doubled, found.duplicate, found.gaps) == (0, 0, 0, [])
