"""Tests of the screens run in UTC, with colours, and on separate files."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from store.database.writer import Writer
from tests.recorder import Recorder
from tests.tui.stage import FAILED, FINISHED, OPEN, Clock, skip_idle_wait, store_run


@pytest.fixture(autouse=True, scope="session")
def _same_everywhere() -> Iterator[None]:
    """Make times of day and colours independent of the machine."""
    patch = pytest.MonkeyPatch()
    patch.setenv("TZ", "UTC")
    for name in ("NO_COLOR", "RELOAD_LATEST_SESSION", "SQLITE_DB_PATH", "REDIS_URL", "EVENT_STREAM"):
        patch.delenv(name, raising=False)
    time.tzset()
    yield
    patch.undo()
    time.tzset()


@pytest.fixture(autouse=True)
def _no_idle_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for messages, as `Hands` does, instead of for an idle processor."""
    monkeypatch.setattr("textual.app.wait_for_idle", skip_idle_wait)
    monkeypatch.setattr("textual.pilot.wait_for_idle", skip_idle_wait)


@pytest.fixture(autouse=True)
def _patient_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys wait for the screen that the key before opens, however busy the machine is."""
    monkeypatch.setattr("tui.key_queue.SETTLE_TIMEOUT_S", 30.0)


@pytest.fixture(scope="session")
def _three_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("runs") / "treetop.db"
    for scenario in (FINISHED, FAILED, OPEN):
        store_run(path, scenario)
    return path


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory, which is a new one: paths on the screen are short and always the same."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def path(here: Path, _three_runs: Path) -> Path:
    """A file with three runs: one finished, one failed, one that ended with open nodes."""
    shutil.copy(_three_runs, "treetop.db")
    return Path("treetop.db")


@pytest.fixture
def clock() -> Clock:
    """A clock at noon of the day on which the runs happened."""
    return Clock()


@pytest.fixture
def story(here: Path) -> Path:
    """A file with one finished run."""
    store_run(Path("treetop.db"), FINISHED)
    return Path("treetop.db")


@pytest.fixture
def book(here: Path) -> Path:
    """A file with one small run whose nodes are named by their ids."""
    with Writer(Path("treetop.db")) as writer:
        writer.append(Recorder().whole().entries)
    return Path("treetop.db")
