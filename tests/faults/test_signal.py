"""Signals to `treetop ingest`, and the death of a screen that started one."""

import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from store.ingest import Ingester
from store.lease import holder
from store.redis_server import RedisServer
from tests.conftest import until
from tests.faults.numbered import publishing, settle
from tests.live import STREAM, number_stored, state_of_ingest

TREETOP = (sys.executable, "-m", "tui.cli")


def options(path: Path, server: RedisServer) -> tuple[str, ...]:
    return "--db", str(path), "--redis", server.url, "--stream", STREAM


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP], ids=lambda number: number.name)
def test_a_signal_ends_it_after_the_batch_in_hand(redis_server: RedisServer, db: Path, number: signal.Signals) -> None:
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
def screen(path: Path, server: RedisServer) -> Iterator[subprocess.Popen[bytes]]:
    """The program as users start it, on a terminal of its own."""
    ours, theirs = pty.openpty()
    command = [*TREETOP, *options(path, server)]
    environment = {**os.environ, "TERM": "xterm-256color"}
    with subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True, env=environment
    ) as process:
        os.close(theirs)
        os.set_blocking(ours, False)
        try:
            yield process
        finally:
            process.kill()
            os.close(ours)


def ingester_of(path: Path) -> int | None:
    """The process that stores events into the file."""
    found = re.match(r"process (\d+) on", holder(path) or "")
    return int(found[1]) if found else None


def is_alive(pid: int) -> bool:
    """Is it there, and not only waiting to be buried?"""
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_screen_that_is_killed_leaves_no_ingester_behind(redis_server: RedisServer, db: Path) -> None:
    with publishing(redis_server) as sent:
        for _ in range(3):
            stored = number_stored(db)
            with screen(db, redis_server) as process:
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
