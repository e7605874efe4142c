"""A user who may read the file, but not create files beside it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from store.database.writer import Writer
from tests.faults.test_file import without_privileges
from tests.recorder import Recorder
from tests.tables import store
from tests.test_terminal import Terminal

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs two users")

OWNER = 12_345
"""Another user than the reader."""


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """A file, with one run, that others may read, in a folder that others may not write."""
    path = tmp_path / "shared" / "events.db"
    path.parent.mkdir()
    store(path, Recorder("old").root("root", "Write an old book").entries)
    path.chmod(0o644)
    for each in (path.parent, path):
        os.chown(each, OWNER, OWNER)
    return path


@contextmanager
def screen(path: Path) -> Iterator[Terminal]:
    with TemporaryDirectory() as folder:
        terminal = Terminal(Path(folder), "--db", str(path), "--no-ingest", prepare=without_privileges)
        try:
            yield terminal
            terminal.press("q")
            assert terminal.ends() == 0
        finally:
            terminal.close()


def test_a_screen_follows_a_writer_that_starts_later(shared: Path) -> None:
    with screen(shared) as terminal:
        terminal.sees("Write an old book")
        for number in ("first", "second"):
            with Writer(shared) as writer:
                writer.append(Recorder(number).root("root", f"Write the {number} book").entries)
                terminal.sees(f"Write the {number} book")
                writer.append(Recorder(f"{number}-sequel").root("root", f"Write a sequel of the {number}").entries)
                terminal.sees(f"Write a sequel of the {number}")


PAST = """
import asyncio, sys
from pathlib import Path
from store.database.moment import Moment
from store.database.reader import Reader

async def main():
    async with Reader(Path(sys.argv[1])) as reader:
        moment = Moment(reader, "old")
        await moment.load()
        watching = reader.watch()
        for line in sys.stdin:
            await anext(watching)
            moment.seek(int(line))
            await moment.refresh()
            print(moment.position, flush=True)

asyncio.run(main())
"""


def test_the_past_of_a_run_follows_a_writer_that_starts_later(shared: Path) -> None:
    story = Recorder("old").root("root", "Write an old book").step("root", "execute", after="FINISH")
    command = [sys.executable, "-c", PAST, str(shared)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1, preexec_fn=without_privileges
    ) as reader:
        assert reader.stdin is not None
        assert reader.stdout is not None
        reader.stdin.write("1\n")
        assert reader.stdout.readline() == "1\n"
        with Writer(shared) as writer:
            writer.append(story.entries)
            reader.stdin.write("3\n")
            assert reader.stdout.readline() == "3\n"


def test_a_log_that_may_not_be_read_is_reported_with_the_remedy(shared: Path) -> None:
    with Writer(shared):
        Path(f"{shared}-wal").chmod(0o600)
        command = [sys.executable, "-m", "tui.cli", "runs", "--db", str(shared)]
        done = subprocess.run(command, capture_output=True, text=True, preexec_fn=without_privileges)
    assert done.returncode == 2
    assert (
        "is being written, and this user cannot follow it: events.db-wal and events.db-shm may not be read" in done.stderr
    )
