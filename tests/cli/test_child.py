"""Child processes run the code of treetop, whatever the current directory contains."""

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import tui.child
from tests.conftest import until
from tests.test_terminal import Terminal

NAMES = ("tui", "store", "treetop", "redis", "click", "msgspec", "runpy")
"""Packages that child processes import."""


@contextmanager
def demo_in(folder: Path, command: tuple[str, ...]) -> Iterator[Terminal]:
    """The demo, started in a folder. Its child processes are an ingester and a publisher."""
    with TemporaryDirectory() as temporary:
        terminal = Terminal(Path(temporary), "demo", "--speed", "100", prepare=partial(os.chdir, folder), command=command)
        try:
            terminal.sees("1 live")  # published by one child process, stored by the other
            yield terminal
        finally:
            terminal.close()


def test_child_processes_import_nothing_from_the_current_directory(tmp_path: Path) -> None:
    for name in NAMES:
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(f"open({str(tmp_path / 'executed')!r}, 'a').write({name!r})\n")
    with demo_in(tmp_path, (sys.executable, "-P", "-m", "tui.cli")) as terminal:
        terminal.press("q")
        assert terminal.ends() == 0
    assert not (tmp_path / "executed").exists()


def test_child_processes_of_a_checkout_run_its_code(tmp_path: Path) -> None:
    """Another copy of treetop is installed in this environment."""
    for name in ("tui", "store", "treetop"):
        shutil.copytree(Path(tui.child.ROOT) / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for module in ("store/stream/ingest.py", "tui/demo/publisher.py"):
        code = (tmp_path / module).read_text()
        (tmp_path / module).write_text(f"open({str(tmp_path / 'executed')!r}, 'a').write('{module} ')\n{code}")
    executed = tmp_path / "executed"
    wanted = {"store/stream/ingest.py", "tui/demo/publisher.py"}
    with demo_in(tmp_path, (sys.executable, "-m", "tui.cli")) as terminal:
        until(lambda: executed.exists() and set(executed.read_text().split()) == wanted)
        terminal.press("q")
        assert terminal.ends() == 0
