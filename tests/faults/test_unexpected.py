"""Unexpected exceptions are shown to the user and set the exit code, wherever they are raised."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from store.database.lease import holder
from store.stream.server import RedisServer
from tests.conftest import WAIT_TIMEOUT_S, until
from tests.faults.numbered import entries
from tests.live import STREAM, number_stored, publish, state_of_ingest
from tests.recorder import Recorder
from tests.tables import store
from tests.test_terminal import RESTORED, Terminal
from tests.tui.conftest import _no_idle_wait  # noqa: F401 - as all tests of screens
from tests.tui.stage import Clock, sees, shown, watching
from tests.tui.stage import until as until_shown
from tui import ingester_process
from tui.app import Treetop

SURPRISE = "an unexpected exception"

AT_START = """
import asyncio, os, sys
from pathlib import Path

def fail(*_, **__):
    raise ZeroDivisionError("{surprise}")

async def fail_later(*_, **__):
    fail()

async def fail_alone(*_, **__):
    asyncio.get_running_loop().create_task(fail_later())

if ("ingest" in sys.orig_argv) is {of_ingester} and Path("{flaw}").exists():
    {code}
"""
"""Content of sitecustomize.py, which every Python process with this PYTHONPATH runs first."""

Spoil = Callable[[str, bool], Path]


@pytest.fixture
def spoil(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Spoil:
    """A function that makes new processes run code first: those that ingest, or those that do not.

    It returns the path of a file. The code is run as long as this file exists.
    """

    def change(code: str, of_ingester: bool) -> Path:
        flaw, folder = tmp_path / "flaw", tmp_path / "spoiled"
        flaw.touch()
        folder.mkdir()
        start = AT_START.format(surprise=SURPRISE, of_ingester=of_ingester, flaw=flaw, code=code)
        (folder / "sitecustomize.py").write_text(start)
        monkeypatch.setenv("PYTHONPATH", f"{folder}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
        return flaw

    return change


IN_THE_SCREENS = {
    "worker": "from tui.screens.runs import RunsScreen; RunsScreen.read = fail_later",
    "worker of the app": "from tui.ingester_process import IngesterProcess; IngesterProcess.keep_running = fail_later",
    "timer": "from tui.screens.runs import RunsScreen; RunsScreen.tick = fail",
    "callback": "from tui.app import Treetop; Treetop._drawn = fail",
    "key": "from tui.app import Treetop; Treetop.action_newest = fail",
    "thread of the pool": "import tui.file_feed; tui.file_feed.holder = fail",
    "thread": "import tui.terminal_watch; tui.terminal_watch._watch = fail",
    "task": "from tui.app import Treetop; Treetop.file_opened = fail_alone",
}
"""Parts of the program that fail, and the code that makes them fail."""


@pytest.mark.parametrize("code", IN_THE_SCREENS.values(), ids=IN_THE_SCREENS)
def test_the_screens_end_with_the_error_and_restore_the_terminal(
    redis_server: RedisServer, db: Path, spoil: Spoil, code: str
) -> None:
    store(db, Recorder("old").root("root", "Write an old book").entries)
    spoil(code, False)
    with TemporaryDirectory() as folder:
        terminal = Terminal(Path(folder), "--db", str(db), "--redis", redis_server.url, "--stream", STREAM)
        try:
            if "action_newest" in code:
                terminal.sees("Write an old book")
                terminal.press("F")
            terminal.sees(SURPRISE)
            assert terminal.ends() == 1
        finally:
            terminal.close()
    assert [sequence for sequence in RESTORED if sequence not in terminal.output] == []
    until(lambda: holder(db) is None)


@pytest.mark.parametrize("place", ["Follower.follow", "SourceReport.state", "RedisStream.read", "Writer.cursor"])
def test_an_ingester_ends_with_the_error(redis_server: RedisServer, db: Path, spoil: Spoil, place: str) -> None:
    spoil(f"from store.stream.ingest import Follower, RedisStream, SourceReport, Writer; {place} = fail", True)
    done = ingest(db, redis_server)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (1, f"ZeroDivisionError: {SURPRISE}")
    assert holder(db) is None


def test_an_ingester_that_cannot_watch_its_parent_ends_with_the_error(
    redis_server: RedisServer, db: Path, spoil: Spoil
) -> None:
    spoil("import os; os.read = fail", True)
    done = ingest(db, redis_server, "--until-eof")
    assert (done.returncode, done.stderr.splitlines()[-1]) == (1, f"ZeroDivisionError: {SURPRISE}")


def ingest(path: Path, server: RedisServer, *options: str) -> "subprocess.CompletedProcess[str]":
    """Run an ingester until it ends."""
    where = ("--db", str(path), "--redis", server.url, "--stream", STREAM)
    command = [sys.executable, "-m", "tui.cli", "ingest", *where, *options]
    return subprocess.run(command, capture_output=True, text=True, stdin=subprocess.PIPE, timeout=WAIT_TIMEOUT_S)


async def test_a_screen_shows_why_its_ingester_ended_and_starts_it_again(
    redis_server: RedisServer, db: Path, spoil: Spoil, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingester_process, "RETRY_S", 0.2)
    flaw = spoil("from store.stream.follower import Follower; Follower._store = fail", True)
    app = Treetop(db, redis_server.url, [STREAM], clock=Clock())
    app.animation_level = "none"
    async with watching(app, width=240) as pilot:
        publish(redis_server, entries(1, 3))
        await sees(pilot, f"not ingesting: ZeroDivisionError: {SURPRISE}")
        assert number_stored(db) == 0
        flaw.unlink()
        await sees(pilot, "3 stored")
        await until_shown(pilot, lambda: SURPRISE not in shown(app))
        assert state_of_ingest(db) == "live"
