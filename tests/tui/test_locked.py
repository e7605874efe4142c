"""A file locked by another program: keys work, and the screen shows the reason for the empty list."""

import asyncio
import fcntl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ParamSpec, TypeVar

import pytest

from store.database import file as database
from store.database.lease import Lease
from tests.test_terminal import Terminal
from tests.tui.run_stage import opened
from tests.tui.stage import STREAM, Clock, sees, shown, treetop, until, watching
from tui.app import Treetop
from tui.screens.help import Help
from tui.screens.runs import RunsScreen

P = ParamSpec("P")
T = TypeVar("T")

LOCK = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA locking_mode=EXCLUSIVE")
connection.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
sys.stdin.read()
"""


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Another process locks the file against reading."""
    command = [sys.executable, "-c", LOCK, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        yield
        process.communicate()


class Loop:
    """Counts iterations of the event loop, and records calls on its thread."""

    def __init__(self) -> None:
        self.iterations = 0
        self.thread = threading.get_ident()
        self.called = 0
        self.called_on_loop = 0
        self._task = asyncio.create_task(self._count())

    async def _count(self) -> None:
        while True:
            self.iterations += 1
            await asyncio.sleep(0)

    def noting(self, function: Callable[P, T], note: Callable[[int], object]) -> Callable[P, T]:
        """The function, which also gives the number of the iteration in which it was called."""

        def noted(*arguments: P.args, **options: P.kwargs) -> T:
            self.called += 1
            self.called_on_loop += threading.get_ident() == self.thread
            note(self.iterations)
            return function(*arguments, **options)

        return noted

    def stop(self) -> None:
        self._task.cancel()


async def test_keys_work_while_the_file_is_locked(path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    loop, begun, failed = Loop(), list[int](), list[int]()
    monkeypatch.setattr(database, "uri_of", loop.noting(database.uri_of, begun.append))
    monkeypatch.setattr(database, "explain", loop.noting(database.explain, failed.append))
    app = treetop(path, clock)
    with locked(path):
        async with watching(app) as pilot:
            await sees(pilot, "another program is writing to it")
            await pilot.press("question_mark")
            await until(pilot, lambda: isinstance(app.screen, Help))
            await pilot.press("escape")
            await until(pilot, lambda: isinstance(app.screen, RunsScreen))
            tries = len(failed)
            await until(pilot, lambda: len(failed) > tries + 2)
    waited = [end - start for start, end in zip(begun, failed, strict=False)]  # in which SQLite waited for the lock
    assert min(waited) > 0
    assert loop.called_on_loop == 0
    loop.stop()


async def test_the_runs_are_shown_once_the_file_is_unlocked(path: Path, clock: Clock) -> None:
    app = treetop(path, clock)
    lock = locked(path)
    lock.__enter__()
    async with watching(app) as pilot:
        await sees(pilot, "another program is writing to it")
        lock.__exit__(None, None, None)
        await sees(pilot, "3 runs")
        await until(pilot, lambda: "another program" not in shown(app))


async def test_the_event_loop_opens_and_locks_no_file(
    path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with Lease(path):
        pass
    loop = Loop()
    monkeypatch.setattr(database, "uri_of", loop.noting(database.uri_of, lambda _: None))
    monkeypatch.setattr(fcntl, "flock", loop.noting(fcntl.flock, lambda _: None))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "none"))  # no ingester
    app = Treetop(path, "redis://localhost:1/0", [STREAM], clock=clock)
    app.animation_level = "none"
    async with watching(app) as pilot:
        await opened(pilot, "t")
        await sees(pilot, "PAST")
        await pilot.press("left_square_bracket")
        await until(pilot, lambda: loop.called >= 3)  # a reader, a history, and a question for the holder of the lease
    assert loop.called_on_loop == 0
    loop.stop()


def test_the_program_starts_and_quits_on_a_locked_file(path: Path) -> None:
    with locked(path), TemporaryDirectory() as folder:
        terminal = Terminal(Path(folder), "--db", str(path.absolute()), "--redis", "redis://localhost:1/0")
        try:
            terminal.sees("another program is writing to it")
            terminal.press("?")
            terminal.sees("On this screen")
            terminal.press("qq")
            assert terminal.ends() == 0
        finally:
            terminal.close()
