"""A file that an older treetop wrote: the ingester of the screen brings it up to date, and the screen waits for that."""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner

from store.database import VERSION
from store.errors import FileOlder
from store.lease import Lease
from store.redis_server import RedisServer
from tests.older import make_version_1
from tests.tables import query
from tests.test_terminal import Terminal
from tests.tui.stage import FINISHED, STREAM, Clock, sees, shown, store_run, treetop, until, watching
from tui import cli, ingester_process
from tui.app import Treetop
from tui.screens.run import RunScreen
from tui.screens.runs import RunsScreen

OLDER = "treetop.db was written by an older treetop, and is being brought up to date."


@pytest.fixture
def old(path: Path) -> Path:
    make_version_1(path)
    return path


def feeding(path: Path, server: RedisServer, clock: Clock, run: str | None = None) -> Treetop:
    """The application with an ingester of its own."""
    app = Treetop(path, server.url, STREAM, run, clock=clock)
    app.animation_level = "none"
    return app


@contextmanager
def held_up(path: Path) -> Iterator[Callable[[], object]]:
    """Nobody can bring the file up to date, as another program is about to write to it, until what this gives is called."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield partial(connection.execute, "ROLLBACK")


async def test_it_is_said_until_it_is_done(old: Path, redis_server: RedisServer, clock: Clock) -> None:
    app = feeding(old, redis_server, clock)
    with held_up(old) as release:
        async with watching(app, 80, 24) as pilot:
            await sees(pilot, OLDER, "10,000 events take about a second", "starting")
            assert "No run yet" not in shown(app)
            assert query(old, "PRAGMA user_version") == [(1,)]
            release()
            await sees(pilot, "3 runs", "Write a mystery story")
            assert "older treetop" not in shown(app)


async def test_then_the_run_is_opened_that_was_asked_for(old: Path, redis_server: RedisServer, clock: Clock) -> None:
    app = feeding(old, redis_server, clock, "latest")
    with held_up(old) as release:
        async with watching(app, 120, 36) as pilot:
            await sees(pilot, OLDER)
            release()
            await until(pilot, lambda: isinstance(app.screen, RunScreen))
            await sees(pilot, "2 Tree")


async def test_an_empty_one_has_no_runs_then(here: Path, redis_server: RedisServer, clock: Clock) -> None:
    path = Path("treetop.db")
    store_run(path, FINISHED)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM run")
    make_version_1(path)
    app = feeding(path, redis_server, clock)
    with held_up(path) as release:
        async with watching(app, 120, 36) as pilot:
            await sees(pilot, OLDER)
            release()
            await sees(pilot, "No run yet")
            assert "older treetop" not in shown(app)


async def test_its_own_ingester_is_not_taken_for_another(
    old: Path, redis_server: RedisServer, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    hints: list[str] = []
    monkeypatch.setattr(RunsScreen, "explain", lambda _, hint: hints.append(hint))
    with held_up(old):
        async with watching(feeding(old, redis_server, clock), 120, 36) as pilot:
            await sees(pilot, "starting")
            before = len(hints)
            await until(pilot, lambda: len(hints) > before + 1)
    assert {hint.partition("\n")[0] for hint in hints} == {OLDER}
    assert not any("stop it" in hint for hint in hints)


async def test_another_who_holds_it_is_named(
    old: Path, redis_server: RedisServer, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingester_process, "RETRY", 0.05)
    app = feeding(old, redis_server, clock)
    with Lease(old):
        async with watching(app, 120, 36) as pilot:
            await sees(pilot, OLDER, f"process {os.getpid()} on", "if that is an older treetop, stop it")


async def test_what_is_in_the_way_is_said(old: Path, redis_server: RedisServer, clock: Clock) -> None:
    with closing(sqlite3.connect(old)) as connection:
        connection.execute("PRAGMA user_version=0")
    async with watching(feeding(old, redis_server, clock), 240, 24) as pilot:
        await sees(pilot, "not ingesting: says that it is of version 0, which never was")


async def test_who_does_not_store_is_told_what_to_do(old: Path, clock: Clock) -> None:
    async with watching(treetop(old, clock), 120, 36) as pilot:
        await sees(
            pilot, f"was written by an older treetop (file version 1, ours {VERSION});", "open it once with `treetop`"
        )
    assert query(old, "PRAGMA user_version") == [(1,)]


@pytest.mark.parametrize(("words", "run"), [((), None), (("latest",), "latest"), (("any",), "any")])
def test_the_command_line_lets_it_pass(
    old: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], run: str | None
) -> None:
    apps: list[Treetop] = []
    monkeypatch.setattr(Treetop, "run", lambda app: apps.append(app))
    monkeypatch.setattr(cli, "_need_terminal", lambda: None)
    done = CliRunner().invoke(cli.treetop, ["--db", str(old), *words], catch_exceptions=False)
    assert done.exit_code == 0
    assert apps[0]._run == run


def test_also_where_the_latest_session_is_to_be_opened(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    apps: list[Treetop] = []
    monkeypatch.setattr(Treetop, "run", lambda app: apps.append(app))
    monkeypatch.setattr(cli, "_need_terminal", lambda: None)
    environment = {"RELOAD_LATEST_SESSION": "true"}
    assert CliRunner().invoke(cli.treetop, ["--db", str(old)], env=environment, catch_exceptions=False).exit_code == 0
    assert apps[0]._run == "latest"
    done = CliRunner().invoke(cli.treetop, ["--db", str(old), "--no-ingest"], env=environment)
    assert isinstance(done.exception, FileOlder)


def test_in_a_real_terminal(old: Path, redis_server: RedisServer, tmp_path: Path) -> None:
    """Opened by the command, with an ingester that the command starts."""
    folder = tmp_path / "home"
    folder.mkdir()
    terminal = Terminal(folder, "--db", str(old.absolute()), "--redis", redis_server.url)
    try:
        terminal.sees("Write a mystery story")
        terminal.press("q")
        assert terminal.ends() == 0
    finally:
        terminal.close()
    assert query(old, "PRAGMA user_version") == [(VERSION,)]
