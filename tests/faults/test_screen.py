"""The file of a screen is deleted, replaced or damaged, or its ingester cannot store events."""

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from store.database.writer import Writer
from store.stream.server import RedisServer
from tests.faults.numbered import entries
from tests.faults.test_file import delete_all, without_privileges
from tests.live import STREAM, ingesting, publish
from tests.recorder import Recorder
from tests.tables import store
from tests.test_terminal import Terminal
from tests.tui.conftest import _no_idle_wait  # noqa: F401 - as all tests of screens
from tests.tui.stage import Clock, sees, shown, treetop, until, watching
from tui.app import Treetop
from tui.screens.run import RunScreen
from tui.screens.runs import RunsScreen
from tui.widgets.run_list import RunList


async def test_a_screen_continues_with_the_file_at_its_path(db: Path, tmp_path: Path) -> None:
    store(db, Recorder("old").root("root", "Write an old book").entries)
    store(tmp_path / "new.db", Recorder("new").root("root", "Write a new book").entries)
    app = treetop(db, Clock(), "old")
    async with watching(app) as pilot:
        await until(pilot, lambda: isinstance(app.screen, RunScreen))
        await sees(pilot, "Write an old book")
        os.replace(tmp_path / "new.db", db)
        await until(pilot, lambda: isinstance(app.screen, RunsScreen))
        await sees(pilot, "Write a new book", "was deleted or")
        assert "Write an old book" not in shown(app)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, RunScreen))
        await sees(pilot, "Write a new book")


async def test_a_screen_shows_a_deleted_file_until_there_is_another(db: Path) -> None:
    store(db, Recorder("old").root("root", "Write an old book").entries)
    app = treetop(db, Clock())
    async with watching(app) as pilot:
        await sees(pilot, "Write an old book")
        delete_all(db)
        await sees(pilot, "was deleted or")
        assert "Write an old book" in shown(app)
        store(db, Recorder("new").root("root", "Write a new book").entries)
        await sees(pilot, "Write a new book")
        assert "Write an old book" not in shown(app)


async def test_a_screen_reports_a_foreign_file_in_place_of_its_file(db: Path, tmp_path: Path) -> None:
    store(db, Recorder("old").root("root", "Write an old book").entries)
    (tmp_path / "rubbish").write_bytes(b"Dear diary, " * 1_000)
    shutil.copy(db, tmp_path / "copy.db")
    app = treetop(db, Clock())
    async with watching(app, width=240) as pilot:
        await sees(pilot, "Write an old book")
        os.replace(tmp_path / "rubbish", db)
        await sees(pilot, "is not a treetop file, or is damaged")
        os.replace(tmp_path / "copy.db", db)
        await until(pilot, lambda: app.screen.query_one(RunList).count == 1 and "damaged" not in shown(app))


@pytest.mark.parametrize("own", [True, False], ids=["its own", "of another user"])
async def test_the_trouble_of_an_ingester_is_shown_until_it_stores_again(
    db: Path, redis_server: RedisServer, own: bool
) -> None:
    """A table is missing for a while."""
    app = Treetop(db, redis_server.url, [STREAM], ingest=own, clock=Clock())
    app.animation_level = "none"
    other = nullcontext() if own else ingesting(db, redis_server.url)
    with other:
        await see_trouble(app, db, redis_server)


async def see_trouble(app: Treetop, db: Path, redis_server: RedisServer) -> None:
    """Hide a table, and restore it."""
    async with watching(app, width=240) as pilot:
        publish(redis_server, entries(1, 3))
        await sees(pilot, "3 runs", "3 stored")
        rename_table(db, "body", "hidden")
        publish(redis_server, entries(4, 6))
        await sees(pilot, "nothing was written (no such table: body)")
        rename_table(db, "hidden", "body")
        await sees(pilot, "6 stored")
        await until(pilot, lambda: "nothing was written" not in shown(app))


def rename_table(path: Path, name: str, to: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"ALTER TABLE {name} RENAME TO {to}")


def test_a_file_is_read_with_its_log_through_a_link_in_a_read_only_folder(tmp_path: Path) -> None:
    """Another process may be writing to the target of the link."""
    (tmp_path / "real").mkdir()
    folder = tmp_path / "folder"
    folder.mkdir()
    path, link = tmp_path / "real" / "events.db", folder / "events.db"
    link.symlink_to(path)
    with Writer(path) as writer:
        writer.append(Recorder("old").root("root", "Write an old book").entries)
        folder.chmod(0o555)
        command = [sys.executable, "-m", "tui.cli", "runs", "--db", str(link)]
        done = subprocess.run(command, capture_output=True, text=True, preexec_fn=without_privileges)
        folder.chmod(0o755)
    assert "Write an old book" in done.stdout


@pytest.mark.parametrize("closed", ["events.db", "."], ids=["file", "folder"])
def test_a_screen_shows_a_read_only_file(tmp_path: Path, closed: str) -> None:
    """The screen shows that nothing is stored. Runs as a user without root rights."""
    folder = tmp_path / "folder"
    folder.mkdir()
    path = folder / "events.db"
    store(path, Recorder("old").root("root", "Write an old book").entries)
    before = path.read_bytes()
    target = folder / closed
    mode = target.stat().st_mode
    target.chmod(mode & ~0o222)
    with TemporaryDirectory() as temporary:
        arguments = ("--db", str(path), "--redis", "redis://localhost:1/0")
        terminal = Terminal(Path(temporary), *arguments, prepare=without_privileges)
        try:
            terminal.sees("Write an old book")
            terminal.sees("is read-only" if closed == "events.db" else "cannot be locked")
            terminal.press("q")
            assert terminal.ends() == 0
        finally:
            terminal.close()
            target.chmod(mode)
    assert path.read_bytes() == before
