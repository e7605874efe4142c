"""Failures of the ingester, the file and the package are shown, and the program goes on."""

import ast
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

import tui
from store.database.lease import Lease
from store.database.writer import Writer
from tests.recorder import Recorder
from tests.test_terminal import Terminal
from tests.tui.stage import STREAM, Clock, sees, shown, treetop, until, watching
from tui.app import Treetop
from tui.ingester_process import LINE_BYTES

URL = "redis://localhost:1/0"


def test_a_removed_interpreter_is_reported(tmp_path: Path) -> None:
    """The interpreter of the running program."""
    python, db = tmp_path / "python", tmp_path / "events.db"
    python.symlink_to(Path(sys.executable).resolve())
    path = os.pathsep.join(filter(None, sys.path))
    with TemporaryDirectory() as folder:
        with Lease(db):
            terminal = Terminal(
                Path(folder),
                *("--db", str(db), "--redis", URL),
                command=("/usr/bin/env", f"PYTHONPATH={path}", str(python), "-P", "-m", "tui.cli"),
            )
            try:
                terminal.sees("No run yet")
                python.unlink()
            except BaseException:
                terminal.close()
                raise
        try:
            terminal.sees("the ingester cannot be started (No such file or directory")
            terminal.press("q")
            assert terminal.ends() == 0
        finally:
            terminal.close()


def fake_ingester(tmp_path: Path, script: str, mode: int = 0o755) -> str:
    """A program that replaces the interpreter and runs a script instead of an ingester."""
    program = tmp_path / "python"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(mode)
    return str(program)


@pytest.mark.parametrize("lines", [1, 3])
async def test_a_very_long_line_of_an_ingester_is_truncated(
    here: Path, monkeypatch: pytest.MonkeyPatch, lines: int
) -> None:
    size = 20 * LINE_BYTES
    line = f"printf 'oh dear '; head -c {size} /dev/zero | tr '\\0' x; echo;"
    monkeypatch.setattr(sys, "executable", fake_ingester(here, f"{{ {line * lines} }} | tee /dev/stderr; exit 1"))
    app = Treetop(Path("treetop.db"), URL, [STREAM], clock=Clock())
    async with watching(app) as pilot:
        await sees(pilot, "oh dear xxx")


async def test_an_ingester_without_execute_permission_is_reported(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", fake_ingester(here, "", mode=0o644))
    app = Treetop(Path("treetop.db"), URL, [STREAM], clock=Clock())
    async with watching(app, width=200) as pilot:
        await sees(pilot, "the ingester cannot be started (Permission denied")


def rubbish(path: Path) -> None:
    path.write_bytes(b"Dear diary, " * 1_000)


async def test_a_foreign_file_at_the_path_is_reported_until_it_is_removed(here: Path) -> None:
    app = treetop(Path("treetop.db"), Clock())
    async with watching(app, width=200) as pilot:
        await sees(pilot, "No run yet")
        rubbish(Path("treetop.db"))
        await sees(pilot, "is not a treetop file, or is damaged")
        os.unlink("treetop.db")
        await sees(pilot, "No run yet")
        with Writer(Path("treetop.db")) as writer:
            writer.append(Recorder().whole().entries)
        await sees(pilot, "1 run")
        await until(pilot, lambda: "damaged" not in shown(app))


def test_a_file_of_a_newer_version_at_the_path_is_reported(here: Path) -> None:
    with TemporaryDirectory() as folder:
        terminal = Terminal(Path(folder), "--db", str(here / "events.db"), "--redis", URL, "--no-ingest")
        try:
            terminal.sees("No run yet")
            subprocess.run(
                [sys.executable, "-c", NEWER, str(here / "new.db"), str(here / "events.db")], check=True, cwd=here
            )
            terminal.sees("was written by a newer treetop")
            terminal.press("q")
            assert terminal.ends() == 0
        finally:
            terminal.close()


NEWER = """
import os, sqlite3, sys
from pathlib import Path
from store.database.file import connect_writer
with connect_writer(Path(sys.argv[1])) as connection:
    connection.execute("PRAGMA user_version = 999")
connection.close()
os.replace(sys.argv[1], sys.argv[2])
"""


TOUR = """
import asyncio, gc, sys
from pathlib import Path
from tui.app import Treetop

KEYS = ["question_mark", "escape", "exclamation_mark", "q", "d", "n", "m", "m", "backslash", "a", "escape", "S",
        "enter", "question_mark", "q", "3", "down", "4", "v", "v", "2", "down", "slash", "x", "enter", "n", "escape", "e",
        "x", "down", "x", "dollar_sign", "S", "S", "z", "z", "right_parenthesis", "a", "f", "b", "b", "backslash", "escape",
        "t", "left_square_bracket", "space", "space", "T", "escape", "L", "C", "u", "exclamation_mark", "q", "colon",
        "escape", "q", "d", "y", "F", "ctrl+l", "1"]
PACKAGES = ("tui", "store", "textual", "rich", "networkx", "aiosqlite", "msgspec", "redis")

def ours():
    return {name for name in sys.modules if name.partition(".")[0] in PACKAGES}

async def main():
    gc.disable()
    app = Treetop(Path(sys.argv[1]), "redis://localhost:1/0", ["events"], ingest=False, clock=lambda: 1.0)
    async with app.run_test(size=(120, 40)) as pilot:
        while not gc.isenabled():  # the last that is done when the program is idle
            await pilot.pause(0.01)
        before = ours()
        for key in KEYS:
            await pilot.press(key)
            await pilot.pause(0.05)
        app.action_change_theme()
        await pilot.pause(0.05)
    print(*sorted(ours() - before))

asyncio.run(main())
"""


def test_no_module_is_imported_after_the_start(path: Path) -> None:
    """A later import could load another version of the package."""
    done = subprocess.run([sys.executable, "-c", TOUR, str(path)], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


IDLE = """
import asyncio, gc, sys
from pathlib import Path
from tui.app import Treetop

async def main():
    gc.disable()
    app = Treetop(Path(sys.argv[1]), "redis://localhost:1/0", ["events"], ingest=False, clock=lambda: 1.0)
    async with app.run_test(size=(120, 40)) as pilot:
        while not gc.isenabled():
            await pilot.pause(0.01)
    print(*sys.modules)

asyncio.run(main())
"""

ROOMS = ("screens", "widgets", "session", "models")
"""Parts of the program that run in the process with the screens."""


def imported_late(source: str) -> set[str]:
    """Modules that functions import, by the text of a module."""
    found: set[str] = set()
    functions = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    for node in (node for function in functions for node in ast.walk(function)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            from_room = node.module == "tui.screens"
            found |= {f"{node.module}.{alias.name}" if from_room else f"{node.module}" for alias in node.names}
    return found


def test_what_the_screens_import_late_is_imported_once_idle(path: Path) -> None:
    """So that it does not depend on the keys that are pressed."""
    folder = Path(tui.__file__).parent
    files = [folder / "app.py", *(file for room in ROOMS for file in (folder / room).glob("*.py"))]
    late = {module for file in files for module in imported_late(file.read_text())}
    assert {"tui.screens.now", "tui.screens.run_deletion"} <= late
    done = subprocess.run([sys.executable, "-c", IDLE, str(path)], capture_output=True, text=True, check=True)
    assert late - set(done.stdout.split()) == set()
