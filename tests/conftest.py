"""What many tests need: a real Redis, a file, and the events of a real run."""

import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from hypothesis import HealthCheck, settings

from store import history, projection, view
from store.cursor import Entry
from store.events import StreamId
from store.redis_server import RedisServer, find_server
from tests.recorder import entry_of

settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

RECORDED = Path(__file__).parents[2] / "shared" / "data" / "recorded-run.entries.jsonl"
"""100 events that a real agent published on 22 April 2025; not part of the project."""

SERVERS = {"session_redis", "mortal_redis", "forgetful_redis", "absent", "fuzzed", "demo"}
"""The fixtures that start a redis-server."""

signal.signal(signal.SIGHUP, signal.SIG_DFL)  # for the processes that tests start, whatever started the tests

PATIENCE = 60.0
"""Seconds after which what did not happen will not."""


def until(condition: Callable[[], object]) -> None:
    """Wait for the thing itself."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.005)


def pytest_report_header() -> str:
    """On which redis-server the tests run; TREETOP_REDIS_SERVER may name another."""
    server = find_server()
    said = subprocess.run([server, "--version"], capture_output=True, text=True).stdout
    version = next((word.removeprefix("v=") for word in said.split() if word.startswith("v=")), "?")
    return f"redis-server: {version}, {server}"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What uses a redis-server can be chosen by `-m redis`."""
    for item in items:
        if SERVERS & set(getattr(item, "fixturenames", ())):
            item.add_marker("redis")


@pytest.fixture
def db(tmp_path: Path) -> Path:
    """Where a file may be made."""
    return tmp_path / "events.db"


@pytest.fixture
def small_past(monkeypatch: pytest.MonkeyPatch) -> None:
    """All bounds of what is known of the past so low that runs of some dozens of events come to them."""
    for module in (history, projection):
        monkeypatch.setattr(module, "EVERY", 4)
    monkeypatch.setattr(history, "FAR", 12)
    monkeypatch.setattr(history, "KEPT", 6)
    monkeypatch.setattr(projection, "CACHED_NODES", 3)
    monkeypatch.setattr(projection, "AWAY", 5)
    monkeypatch.setattr(view, "MANY", 3)


@pytest.fixture(scope="session")
def session_redis() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


@pytest.fixture
def redis_server(session_redis: RedisServer) -> RedisServer:
    """A redis-server that holds nothing yet; do not stop it, others need it."""
    with redis.Redis.from_url(session_redis.url) as client:
        client.flushall()
    return session_redis


@pytest.fixture
def recorded() -> list[Entry]:
    """A real run, from the middle of its first step to the start of its sixteenth."""
    if not RECORDED.exists():
        pytest.skip("the recorded run is not here")
    lines = map(json.loads, RECORDED.read_text("utf-8").splitlines())
    return [entry_of(line["json_payload"].encode(), StreamId.parse(line["id"])) for line in lines]
