"""Bytes that `treetop ingest` transfers from Redis, with and without scripts."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from store.model.entry import Entry
from store.stream.server import RedisServer
from tests.conftest import until
from tests.live import STREAM, command, counts_entries, number_stored, publish, state_of_ingest
from tests.recorder import body_of, entry_of
from tests.tables import query

pytestmark = pytest.mark.redis

READER = ("+@read", "+info", "+multi", "+exec", "+select", "+client")
"""Permissions of a user who may read streams but may not run scripts."""


def large(number: int, size: int) -> Entry:
    """An event of a little more than `size` bytes."""
    event = {
        "event_id": str(number),
        "event_type": "note",
        "run_id": "run",
        "payload": {"node_id": "n", "text": "x" * size},
    }
    return entry_of(body_of(event), number)


@contextmanager
def ingesting(db: Path, url: str) -> Iterator[None]:
    """Run `treetop ingest` until the end of the block, which begins when it is live."""
    arguments = [sys.executable, "-m", "tui.cli", "ingest", "--db", str(db), "--stream", STREAM]
    with subprocess.Popen(arguments, env={**os.environ, "REDIS_URL": url}, stdout=subprocess.DEVNULL) as process:
        try:
            until(lambda: state_of_ingest(db) == "live")
            yield
        finally:
            process.terminate()
            process.wait(20)


def waits(server: RedisServer) -> int:
    """Number of XREAD commands that the server has executed."""
    with redis.Redis.from_url(server.url) as client:
        return int(client.info("commandstats").get("cmdstat_xread", {}).get("calls", 0))


def sent(server: RedisServer) -> int:
    """Bytes that the server has sent to all clients."""
    with redis.Redis.from_url(server.url) as client:
        return int(client.info("stats")["total_net_output_bytes"])


def wait_for_checks(server: RedisServer, number: int) -> None:
    """Wait until the idle stream has been checked so many times."""
    since = waits(server)
    until(lambda: waits(server) >= since + number)


@pytest.fixture
def reader(redis_server: RedisServer) -> Iterator[str]:
    """Address of Redis for a user without permission for scripts."""
    command(redis_server, "ACL", "SETUSER", "reader", "reset", "on", ">secret", f"~{STREAM}", "resetchannels", *READER)
    yield f"unix://reader:secret@{redis_server.socket}"
    command(redis_server, "ACL", "DELUSER", "reader")


@pytest.mark.parametrize("twice", [False, True], ids=["one-field", "field-twice"])
def test_an_idle_stream_transfers_no_entry(redis_server: RedisServer, db: Path, twice: bool) -> None:
    size = 5_000_000
    field = next(iter(large(1, size).fields.items()))
    command(redis_server, "XADD", STREAM, "*", *((b"json_payload", b"another value", *field) if twice else field))
    with ingesting(db, redis_server.url):
        until(lambda: number_stored(db) == 1)
        wait_for_checks(redis_server, 1)
        before = sent(redis_server)
        wait_for_checks(redis_server, 6)
        assert sent(redis_server) - before < size  # statistics, most of them requested by this test


def test_ingest_continues_when_scripts_become_forbidden(redis_server: RedisServer, reader: str, db: Path) -> None:
    """The state stays `live`."""
    command(redis_server, "ACL", "SETUSER", "reader", "+eval")
    with ingesting(db, reader):
        live = query(db, "SELECT state, since FROM stream")
        command(redis_server, "ACL", "SETUSER", "reader", "-eval")
        publish(redis_server, [large(1, 10)])
        until(lambda: number_stored(db) == 1)
        wait_for_checks(redis_server, 2)
        assert query(db, "SELECT state, since FROM stream") == live


def test_the_doctor_reports_that_scripts_are_not_permitted(redis_server: RedisServer, reader: str, db: Path) -> None:
    publish(redis_server, [large(1, 10)])
    doctor = [sys.executable, "-m", "tui.cli", "doctor", "--db", str(db), "--stream", STREAM]
    for url, expected in ((reader, True), (redis_server.url, False)):
        done = subprocess.run(doctor, env={**os.environ, "REDIS_URL": url}, capture_output=True, text=True)
        assert ("scripts (EVAL) are not permitted" in done.stdout, "1 entry" in done.stdout) == (expected, True)


def test_a_live_event_is_transferred_once(redis_server: RedisServer, db: Path) -> None:
    number, size = 30, 100_000
    with ingesting(db, redis_server.url):
        before = sent(redis_server)
        for one in range(1, number + 1):
            publish(redis_server, [large(one, size)])
            until(lambda: number_stored(db) == one)  # noqa: B023 - called at once
        assert number * size <= sent(redis_server) - before < 1.2 * number * size


def test_an_event_larger_than_a_batch_leaves_the_state_live(redis_server: RedisServer, db: Path) -> None:
    """A batch of one entry is full, but no entry follows it."""
    with ingesting(db, redis_server.url):
        live = query(db, "SELECT state, since FROM stream")
        for number in range(1, 5):
            publish(redis_server, [large(number, 5_000_000)])
            until(lambda: number_stored(db) == number)  # noqa: B023
        wait_for_checks(redis_server, 1)
        assert query(db, "SELECT state, since FROM stream") == live


@pytest.mark.parametrize("permitted", [True, False], ids=["scripts", "no-scripts"])
def test_losses_are_detected_with_and_without_scripts(
    redis_server: RedisServer, reader: str, db: Path, permitted: bool
) -> None:
    """While the stream is idle, and while entries arrive."""
    url = redis_server.url if permitted else reader
    publish(redis_server, [large(number, 10) for number in range(1, 4)])
    with ingesting(db, url):
        until(lambda: number_stored(db) == 3)
        command(redis_server, "DEL", STREAM)
        until(lambda: query(db, "SELECT count(*) FROM gap") == [(1,)])
        publish(redis_server, [large(4, 10)])
        until(lambda: number_stored(db) == 4)
        with redis.Redis.from_url(redis_server.url) as client, client.pipeline(transaction=True) as pipe:
            for number in range(5, 10):
                pipe.xadd(STREAM, dict(large(number, 10).fields))
            pipe.xtrim(STREAM, maxlen=2, approximate=False)
            pipe.execute()
        until(lambda: number_stored(db) == 6)
        wait_for_checks(redis_server, 2)
    gaps = query(db, "SELECT kind, lost FROM gap ORDER BY key")
    assert gaps == [("reset", None), ("trimmed", 3 if counts_entries(redis_server) else None)]


@pytest.mark.parametrize("permitted", [True, False], ids=["scripts", "no-scripts"])
def test_a_replaced_entry_with_the_same_id_is_detected_while_the_stream_is_idle(
    redis_server: RedisServer, reader: str, db: Path, permitted: bool
) -> None:
    """It is the entry at the cursor."""
    publish(redis_server, [large(1, 10)])
    with ingesting(db, redis_server.url if permitted else reader):
        until(lambda: number_stored(db) == 1)
        ((position,),) = query(db, "SELECT position FROM stream")
        with redis.Redis.from_url(redis_server.url) as client, client.pipeline(transaction=True) as pipe:
            pipe.delete(STREAM)
            pipe.xadd(STREAM, dict(large(2, 10).fields), id=position)
            pipe.execute()
        until(lambda: number_stored(db) == 2)
    assert query(db, "SELECT kind, lost FROM gap") == [("reset", None)]
