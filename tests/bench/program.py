"""The measured programs, each in a terminal of its own: treetop, its ingester, and the stock widgets."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.process import Process
from tests.bench.terminal import Terminal

STREAM = "bench"
WIDE = (200, 50)
SMALL = (80, 24)


def where(size: tuple[int, int]) -> str:
    """The size of a terminal as text."""
    return f"{size[0]}x{size[1]}"


def treetop(path: Path, *options: str, size: tuple[int, int] = WIDE) -> Terminal:
    """The screens on a file, without an ingester of their own."""
    return Terminal("tui.cli", ["--db", str(path), "--no-ingest", "--stream", STREAM, *options], size)


def stock(path: Path, widget: str, rows: int, size: tuple[int, int] = WIDE) -> Terminal:
    """A stock widget of Textual with the same data."""
    return Terminal("tests.bench.stock", ["--db", str(path), "--widget", widget, "--rows", str(rows)], size)


@contextmanager
def ingester(path: Path, url: str) -> Iterator[Process]:
    """`treetop ingest`, until the end of the block."""
    command = [sys.executable, "-m", "tui.cli", "ingest", "--db", str(path), "--redis", url, "--stream", STREAM]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            yield Process(process.pid)
        finally:
            process.terminate()
