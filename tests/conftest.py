"""Shared fixtures: a real Redis, the path of a file, and the events of a real run."""

import gc
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from hypothesis import HealthCheck, settings

from store.database import history, open_run, projection
from store.model import shape
from store.model.entry import Entry, StreamId
from store.stream.server import RedisServer, find_server
from tests.recorder import entry_of

settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

RECORDED = Path(__file__).parents[2] / "shared" / "data" / "recorded-run.entries.jsonl"
"""100 events that a real agent published on 22 April 2025; not part of the project."""

SERVERS = {"session_redis", "mortal_redis", "forgetful_redis", "absent", "fuzzed", "demo"}
"""Fixtures that start a redis-server."""

RERUNS = 2
"""Number of reruns of a test marked `quiet` before it fails. `.ci/run` lists the tests that were rerun."""

os.environ["XDG_CONFIG_HOME"] = os.devnull  # no prices of the developer
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # for the processes that tests start, whatever started the tests

WAIT_TIMEOUT_S = 60.0
"""Seconds after which a wait fails."""


def until(condition: Callable[[], object]) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + WAIT_TIMEOUT_S
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.005)


def pytest_report_header() -> str:
    """Print the redis-server of the tests. TREETOP_REDIS_SERVER may name another."""
    server = find_server()
    said = subprocess.run([server, "--version"], capture_output=True, text=True).stdout
    version = next((word.removeprefix("v=") for word in said.split() if word.startswith("v=")), "?")
    return f"redis-server: {version}, {server}"


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are processors: tests also wait."""
    return (os.cpu_count() or 1) + 1


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests that use a redis-server as `redis`, and rerun only tests marked `quiet`."""
    for item in items:
        if item.get_closest_marker("quiet") is not None:
            item.add_marker(pytest.mark.flaky(reruns=RERUNS))
        if SERVERS & set(getattr(item, "fixturenames", ())):
            item.add_marker("redis")


def pytest_collection_finish() -> None:
    """Collect garbage less often, and without the imported modules: a fifth less time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)


@pytest.fixture(autouse=True)
def _remembers_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Screens of this process and of its children keep their view state in a folder of the test."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def db(tmp_path: Path) -> Path:
    """Path of a file that does not exist yet."""
    return tmp_path / "events.db"


@pytest.fixture
def small_past(monkeypatch: pytest.MonkeyPatch) -> None:
    """Low limits of the history, so that runs of some dozens of events reach them."""
    for module in (history, projection):
        monkeypatch.setattr(module, "CHECKPOINT_EVENTS", 4)
    monkeypatch.setattr(history, "RESTART_AFTER_EVENTS", 12)
    monkeypatch.setattr(history, "KEPT_NODES_MAX", 6)
    monkeypatch.setattr(open_run, "CACHED_NODES_MAX", 3)
    monkeypatch.setattr(open_run, "EVICT_AFTER_EVENTS", 5)
    monkeypatch.setattr(shape, "BULK_NODES", 3)


@pytest.fixture(scope="session")
def session_redis() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


@pytest.fixture(scope="session")
def session_client(session_redis: RedisServer) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(session_redis.url) as client:
        yield client


@pytest.fixture(scope="session")
def server_settings(session_client: redis.Redis) -> object:
    """Users and configuration of the shared redis-server."""
    return session_client.acl_users(), session_client.config_get("*")


@pytest.fixture
def redis_server(session_redis: RedisServer, session_client: redis.Redis, server_settings: object) -> Iterator[RedisServer]:
    """An empty redis-server that all tests share. A test must not stop it, and must restore its users and settings."""
    session_client.flushall()
    yield session_redis
    assert (session_client.acl_users(), session_client.config_get("*")) == server_settings


@pytest.fixture
def recorded() -> list[Entry]:
    """A real run, from the middle of its first step to the start of its sixteenth."""
    if not RECORDED.exists():
        pytest.skip("the recorded run is not here")
    lines = map(json.loads, RECORDED.read_text("utf-8").splitlines())
    return [entry_of(line["json_payload"].encode(), StreamId.parse(line["id"])) for line in lines]
