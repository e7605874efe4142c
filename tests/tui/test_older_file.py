"""The ingester of a screen brings an older file up to date, and the screen waits for that."""

import asyncio
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner

from store.database.file import VERSION
from store.database.lease import Lease
from store.database.migration import rebuild
from store.errors import FileOlder
from store.stream.server import RedisServer
from tests.older import make_older
from tests.recorder import Recorder
from tests.tables import query, store
from tests.test_terminal import Terminal
from tests.tui.stage import FINISHED, STREAM, Clock, sees, shown, store_run, treetop, until, watching
from tui import ingester_process
from tui.app import Treetop
from tui.cli import program as cli
from tui.screens.run import RunScreen
from tui.screens.runs import RunsScreen

OLDER = "treetop.db was written by an older treetop, and is being brought up to date."


@pytest.fixture
def old(path: Path) -> Path:
    make_older(path)
    return path


def feeding(path: Path, server: RedisServer, clock: Clock, run: str | None = None) -> Treetop:
    """The application with an ingester of its own."""
    app = Treetop(path, server.url, [STREAM], run, clock=clock)
    app.animation_level = "none"
    return app


@contextmanager
def held_up(path: Path) -> Iterator[Callable[[], object]]:
    """Another program holds the write lock of the file until the function that this gives is called."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield partial(connection.execute, "ROLLBACK")


async def test_the_list_of_runs_says_that_the_file_is_migrated_until_that_is_done(
    old: Path, redis_server: RedisServer, clock: Clock
) -> None:
    app = feeding(old, redis_server, clock)
    with held_up(old) as release:
        async with watching(app, 80, 24) as pilot:
            await sees(pilot, OLDER, "10,000 events take about a second", "starting")
            assert "No run yet" not in shown(app)
            assert query(old, "PRAGMA user_version") == [(VERSION - 1,)]
            release()
            await sees(pilot, "3 runs", "Write a mystery story")
            assert "older treetop" not in shown(app)


async def test_a_run_given_on_the_command_line_is_opened_afterwards(
    old: Path, redis_server: RedisServer, clock: Clock
) -> None:
    app = feeding(old, redis_server, clock, "latest")
    with held_up(old) as release:
        async with watching(app, 120, 36) as pilot:
            await sees(pilot, OLDER)
            release()
            await until(pilot, lambda: isinstance(app.screen, RunScreen))
            await sees(pilot, "2 Tree")


async def test_a_file_without_runs_is_shown_as_empty_afterwards(
    here: Path, redis_server: RedisServer, clock: Clock
) -> None:
    path = Path("treetop.db")
    store_run(path, FINISHED)
    with closing(sqlite3.connect(path)) as connection, connection:
        for table in ("run", "event", "body"):
            connection.execute(f"DELETE FROM {table}")
    make_older(path)
    app = feeding(path, redis_server, clock)
    with held_up(path) as release:
        async with watching(app, 120, 36) as pilot:
            await sees(pilot, OLDER)
            release()
            await sees(pilot, "No run yet")
            assert "older treetop" not in shown(app)


async def test_the_ingester_of_the_screen_is_not_named_as_another_program(
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


async def test_another_holder_of_the_lease_is_named(
    old: Path, redis_server: RedisServer, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingester_process, "RETRY_S", 0.05)
    app = feeding(old, redis_server, clock)
    with Lease(old):
        async with watching(app, 120, 36) as pilot:
            await sees(pilot, OLDER, f"process {os.getpid()} on", "if that is an older treetop, stop it")


async def test_progress_is_shown(old: Path, redis_server: RedisServer, clock: Clock) -> None:
    with Lease(old) as lease:
        lease.report("bringing the file up to date: 12,000 of 64,782 events (18%), about 10 s left")
        async with watching(feeding(old, redis_server, clock), 120, 36) as pilot:
            await sees(pilot, OLDER, "bringing the file up to date: 12,000 of 64,782 events (18%), about 10 s left")
            lease.report("bringing the file up to date: 24,000 of 64,782 events (37%), about 8 s left")
            await sees(pilot, "24,000 of 64,782 events (37%)")


async def test_the_reason_why_a_file_cannot_be_migrated_is_shown(
    old: Path, redis_server: RedisServer, clock: Clock
) -> None:
    with closing(sqlite3.connect(old)) as connection:
        connection.execute("PRAGMA user_version=0")
    async with watching(feeding(old, redis_server, clock), 240, 24) as pilot:
        await sees(pilot, "not ingesting: has the unknown file version 0")


async def test_a_screen_without_an_ingester_shows_what_to_do(old: Path, clock: Clock) -> None:
    async with watching(treetop(old, clock), 120, 36) as pilot:
        await sees(
            pilot,
            f"was written by an older treetop (file version {VERSION - 1}, ours {VERSION});",
            "open it once with `treetop`",
        )
    assert query(old, "PRAGMA user_version") == [(VERSION - 1,)]


@pytest.mark.parametrize(("words", "run"), [((), None), (("latest",), "latest"), (("any",), "any")])
def test_the_command_opens_an_older_file(
    old: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], run: str | None
) -> None:
    apps: list[Treetop] = []
    monkeypatch.setattr(Treetop, "run", lambda app: apps.append(app))
    monkeypatch.setattr("tui.cli.screen.require_terminal", lambda: None)
    done = CliRunner().invoke(cli.treetop, ["--db", str(old), *words], catch_exceptions=False)
    assert done.exit_code == 0
    assert apps[0]._run == run


def test_the_command_opens_an_older_file_at_its_latest_run(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    apps: list[Treetop] = []
    monkeypatch.setattr(Treetop, "run", lambda app: apps.append(app))
    monkeypatch.setattr("tui.cli.screen.require_terminal", lambda: None)
    environment = {"RELOAD_LATEST_SESSION": "true"}
    assert CliRunner().invoke(cli.treetop, ["--db", str(old)], env=environment, catch_exceptions=False).exit_code == 0
    assert apps[0]._run == "latest"
    done = CliRunner().invoke(cli.treetop, ["--db", str(old), "--no-ingest"], env=environment)
    assert isinstance(done.exception, FileOlder)


async def test_a_screen_on_a_run_follows_it_through_a_rebuild(db: Path) -> None:
    agent = Recorder("book").root("root", "Write a book").node("root", "one", "Write the first chapter")
    store(db, agent.entries)
    app = treetop(db, Clock(), "book")
    async with watching(app) as pilot:
        await until(pilot, lambda: isinstance(app.screen, RunScreen))
        await sees(pilot, "Write the first chapter")
        await pilot.press("down")
        await asyncio.to_thread(rebuild, db)
        store(db, agent.node("root", "two", "Write the second chapter").entries)
        await sees(pilot, "Write the first chapter", "Write the second chapter")
        await pilot.press("q")
        await sees(pilot, "1 run ", "Write a book")
        assert isinstance(app.screen, RunsScreen)


def test_an_older_file_in_a_real_terminal(old: Path, redis_server: RedisServer, tmp_path: Path) -> None:
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
