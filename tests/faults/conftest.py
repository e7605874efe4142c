"""Fixtures of fault tests: the ledger, child processes that start quickly, and Redis servers that a test may kill."""

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
    """Record of the events that were sent, stored, lost and duplicated."""
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
    """Starts child processes, and kills the remaining ones after the test."""
    session_nursery.log = tmp_path / "stderr.txt"
    session_nursery.log.touch()
    yield session_nursery
    for child in list(session_nursery.children):
        child.kill()


@pytest.fixture
def mortal_redis() -> Iterator[RedisServer]:
    """A Redis server that a test may stop and start. It writes each command to disk."""
    with TemporaryDirectory(prefix="treetop-") as folder:
        server = RedisServer(Path(folder), options=("--appendonly", "yes", "--appendfsync", "always"))
        with server:
            yield server


@pytest.fixture
def forgetful_redis() -> Iterator[RedisServer]:
    """A Redis server that loses its data when it stops, unless the test saves them."""
    with TemporaryDirectory(prefix="treetop-") as folder, RedisServer(Path(folder)) as server:
        yield server


@pytest.fixture
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Redis and the file are retried within 0.05 s instead of seconds."""
    monkeypatch.setattr(follower, "RETRY_FIRST_S", 0.01)
    monkeypatch.setattr(follower, "RETRY_MAX_S", 0.05)
    monkeypatch.setattr(ingest, "FILE_RETRY_S", 0.05)
