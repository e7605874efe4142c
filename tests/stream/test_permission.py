"""Users of Redis with the least permissions that README names."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from store.stream.server import RedisServer
from tests.conftest import until
from tests.fleet import Shards, cluster
from tests.live import STREAM, command, counts_entries, ingesting, number_stored, publish
from tests.recorder import Recorder
from tests.tables import query
from treetop import Publisher

pytestmark = pytest.mark.redis

README = (Path(__file__).parents[2] / "README.md").read_text()
USERS = re.findall("^ACL SETUSER .*", README, re.MULTILINE)
"""Commands of README that make the users `treetop` and `agent`."""


@pytest.fixture
def users(redis_server: RedisServer) -> Iterator[RedisServer]:
    """The users of README exist."""
    for line in USERS:
        command(redis_server, *line.split())
    yield redis_server
    command(redis_server, "ACL", "DELUSER", "treetop", "agent")


def address(server: RedisServer, user: str) -> str:
    return f"unix://{user}:secret@{server.socket}"


@pytest.mark.parametrize("scripts", [False, True], ids=["least", "with-eval"])
def test_events_are_published_and_stored_with_the_least_permissions(users: RedisServer, db: Path, scripts: bool) -> None:
    if scripts:
        command(users, "ACL", "SETUSER", "treetop", "+eval")
    with ingesting(db, address(users, "treetop")), Publisher(address(users, "agent"), STREAM) as run:
        for number in range(300):
            run.emit("note", {"number": number})
        assert run.flush(10.0), run.error
        until(lambda: number_stored(db) == 300)
        publish(users, Recorder().whole().entries)
        until(lambda: number_stored(db) == 345)
    assert query(db, "SELECT kind FROM gap") == []


def test_losses_are_counted_with_the_least_permissions(users: RedisServer, db: Path) -> None:
    for _ in range(2):
        publish(users, Recorder().whole().entries)
        command(users, "XTRIM", STREAM, "MAXLEN", "10")
        with ingesting(db, address(users, "treetop")):
            until(lambda: number_stored(db) > 0)
            until(lambda: query(db, "SELECT state FROM stream") == [("live",)])
    assert query(db, "SELECT kind, lost FROM gap") == [("trimmed", 35 if counts_entries(users) else None)]


def test_the_doctor_needs_no_further_permission(users: RedisServer, db: Path) -> None:
    publish(users, Recorder().whole().entries)
    options = ("--db", str(db), "--redis", address(users, "treetop"), "--stream", STREAM)
    done = subprocess.run([sys.executable, "-m", "tui.cli", "doctor", *options], capture_output=True, text=True)
    assert f"{STREAM}: 45 entries" in done.stdout
    assert "scripts (EVAL) are not permitted" in done.stdout


@pytest.mark.parametrize("missing", ["xread", "xrange", "xinfo|stream", "exists", "info", "multi", "exec", "xadd"])
def test_none_of_the_permissions_can_be_left_out(users: RedisServer, db: Path, missing: str) -> None:
    publish(users, Recorder().whole().entries)
    user = "agent" if missing == "xadd" else "treetop"
    command(users, "ACL", "SETUSER", user, f"-{missing}")
    if user == "agent":
        with Publisher(address(users, "agent"), STREAM) as run:
            run.run_started()
            until(lambda: run.error)
            run.close(0.0)
        return
    options = ("--db", str(db), "--redis", address(users, "treetop"), "--stream", STREAM)
    done = subprocess.run([sys.executable, "-m", "tui.cli", "ingest", "--drain", *options], capture_output=True, text=True)
    assert done.returncode == 2
    assert ("EXEC without MULTI" if missing == "multi" else "permissions") in done.stderr


@pytest.fixture
def shards() -> Iterator[Shards]:
    with cluster(STREAM) as started:
        yield started


def test_in_a_cluster_slots_may_be_read_too(shards: Shards, db: Path) -> None:
    for one in (*shards.primaries, shards.replica):
        for line in USERS:
            one.ask(*line.split(), "+cluster|slots")
        one.ask("ACL", "SETUSER", "default", "-cluster")  # nodes are asked with the credentials of the address
    with Publisher(shards.url.replace("://", "://agent:secret@"), STREAM) as run:
        run.run_started()
        assert run.flush(10.0), run.error
    with ingesting(db, f"{shards.url}?username=treetop&password=secret"):
        until(lambda: number_stored(db) == 1)
