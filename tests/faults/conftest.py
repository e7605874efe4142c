"""What the tests of faults share: the ledger, children that are there at once, and a redis-server that may die."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from store.stream import follower, ingest
from store.stream.server import RedisServer
from tests.faults.nursery import Nursery
from tests.ledger import LEDGER, Ledger


@pytest.fixture
def ledger() -> Ledger:
    """Where a test notes what became of its events."""
    return LEDGER


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    LEDGER.show(terminalreporter)


@pytest.fixture(scope="session")
def session_nursery() -> Iterator[Nursery]:
    nursery = Nursery()
    yield nursery
    nursery.close()


@pytest.fixture
def nursery(session_nursery: Nursery, tmp_path: Path) -> Iterator[Nursery]:
    """Starts children, and ends those that are left."""
    session_nursery.log = tmp_path / "stderr.txt"
    session_nursery.log.touch()
    yield session_nursery
    for child in list(session_nursery.children):
        child.kill()


@pytest.fixture
def mortal_redis() -> Iterator[RedisServer]:
    """A redis-server that a test may start and stop as it likes, which keeps on disk what it was told."""
    with TemporaryDirectory(prefix="treetop-") as folder:
        server = RedisServer(Path(folder), options=("--appendonly", "yes", "--appendfsync", "always"))
        with server:
            yield server


@pytest.fixture
def forgetful_redis() -> Iterator[RedisServer]:
    """The same without a disk."""
    with TemporaryDirectory(prefix="treetop-") as folder, RedisServer(Path(folder)) as server:
        yield server


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Redis and the file are tried again at once, so that a test can do so many times."""
    monkeypatch.setattr(follower, "RETRY_FIRST_S", 0.01)
    monkeypatch.setattr(follower, "RETRY_MAX_S", 0.05)
    monkeypatch.setattr(ingest, "FILE_RETRY_S", 0.05)
