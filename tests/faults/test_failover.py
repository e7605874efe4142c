"""Another server takes over while 20,000 events are published: by Sentinel, in a Cluster, and when a slot moves."""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from store.stream.ingest import Ingester
from tests.conftest import until
from tests.faults.numbered import Tally, settle
from tests.fleet import Pair, Shards, cluster, watched_pair
from tests.live import STREAM, ingesting, number_stored, state_of_ingest
from tests.tables import query
from treetop import Publisher
from treetop.redis_client import make_client

pytestmark = pytest.mark.redis

EVENTS = 20_000


@pytest.fixture
def pair() -> Iterator[Pair]:
    with watched_pair() as started:
        yield started


@pytest.fixture
def shards() -> Iterator[Shards]:
    with cluster(STREAM) as started:
        yield started


@contextmanager
def publisher(url: str) -> Iterator[Publisher]:
    """A publisher whose stream keeps all events."""
    run = Publisher(url, STREAM, maxlen=10 * EVENTS)
    yield run
    run.close(60.0)


def publish(run: Publisher, first: int, last: int) -> None:
    """Publish the events with these numbers, and wait until Redis has acknowledged them."""
    for number in range(first, last + 1):
        run.emit("note", {"number": number, "node_id": f"n{number % 50}"})
        if number % 2_000 == 0:
            assert run.flush(60.0)
    assert run.flush(60.0)


def held(url: str) -> list[int]:
    """Numbers of the events that the stream contains now."""
    with make_client(url, 10.0, 10.0, STREAM) as client:
        return [json.loads(fields[b"json_payload"])["payload"]["number"] for _, fields in client.xrange(STREAM)]


def settled(fault: str, url: str, db: Path) -> Tally:
    """Store the rest, and check that each event of the new primary is stored once."""
    Ingester(db, url, STREAM).drain()
    sent, kept = list(range(1, EVENTS + 1)), held(url)
    found = settle(fault, 1, sent, db)
    assert set(kept) <= set(found.stored)
    assert found.doubled == 0
    if found.lost(sent):
        assert found.gaps != []
    return found


def die(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


def test_a_replica_takes_over_by_sentinel(pair: Pair, db: Path) -> None:
    """The replica has all acknowledged events, so none is lost. The change of the server is recorded."""
    with ingesting(db, pair.url), publisher(pair.url) as run:
        publish(run, 1, EVENTS // 2)
        pair.primary.ask("WAIT", 1, 10_000)
        until(lambda: number_stored(db) > EVENTS // 4)
        die(pair.primary.server.pid)
        publish(run, EVENTS // 2 + 1, EVENTS)
        until(lambda: number_stored(db) >= EVENTS)
        until(lambda: state_of_ingest(db) == "live")
    found = settled("failover by Sentinel", pair.url, db)
    assert pair.replica.role() == "master"
    assert found.lost(list(range(1, EVENTS + 1))) == 0
    assert "restarted" in [kind for kind, _ in found.gaps]


@pytest.mark.parametrize("reading", [True, False], ids=["read before", "unread"])
def test_a_replica_that_lags_takes_over_by_sentinel(pair: Pair, db: Path, reading: bool) -> None:
    """Events that were not replicated stay in the file if they were read before; otherwise they are a gap."""
    with publisher(pair.url) as run:
        publish(run, 1, EVENTS // 2)
        pair.primary.ask("WAIT", 1, 10_000)
        Ingester(db, pair.url, STREAM).drain()
        pair.primary.ask("ACL", "SETUSER", "default", "-psync", "-sync")  # the replica cannot continue
        pair.primary.ask("CLIENT", "KILL", "TYPE", "replica")
        publish(run, EVENTS // 2 + 1, EVENTS // 2 + 1_000)
        if reading:
            Ingester(db, pair.url, STREAM).drain()
        die(pair.primary.server.pid)
        publish(run, EVENTS // 2 + 1_001, EVENTS)
    found = settled(f"lagging replica takes over, events {'read' if reading else 'unread'}", pair.url, db)
    assert found.lost(list(range(1, EVENTS + 1))) == (0 if reading else 1_000)
    assert found.gaps != []


def test_a_replica_takes_over_in_a_cluster(shards: Shards, db: Path) -> None:
    with ingesting(db, shards.url), publisher(shards.url) as run:
        publish(run, 1, EVENTS // 2)
        shards.primaries[0].ask("WAIT", 1, 10_000)
        until(lambda: number_stored(db) > EVENTS // 4)
        die(shards.primaries[0].server.pid)
        publish(run, EVENTS // 2 + 1, EVENTS)
        until(lambda: number_stored(db) >= EVENTS)
        until(lambda: state_of_ingest(db) == "live")
    found = settled("failover in a Cluster", shards.url, db)
    assert shards.replica.role() == "master"
    assert found.lost(list(range(1, EVENTS + 1))) == 0
    assert "restarted" in [kind for kind, _ in found.gaps]


def test_the_slot_of_the_stream_is_moved(shards: Shards, db: Path) -> None:
    """Events are published and stored during the move (redirection by ASK) and after it (MOVED)."""
    old, new = shards.primaries[:2]
    old_id, new_id, _ = shards.ids()
    with ingesting(db, shards.url), publisher(shards.url) as run:
        publish(run, 1, 5_000)
        until(lambda: number_stored(db) >= 5_000)
        new.ask("CLUSTER", "SETSLOT", shards.slot, "IMPORTING", old_id)
        old.ask("CLUSTER", "SETSLOT", shards.slot, "MIGRATING", new_id)
        publish(run, 5_001, 10_000)  # the old node still has the stream
        old.ask("MIGRATE", "127.0.0.1", new.port, STREAM, 0, 10_000)
        publish(run, 10_001, 15_000)
        until(lambda: number_stored(db) >= 15_000)
        for one in (new, old, shards.primaries[2]):
            one.ask("CLUSTER", "SETSLOT", shards.slot, "NODE", new_id)
        publish(run, 15_001, EVENTS)
        until(lambda: number_stored(db) >= EVENTS)
        until(lambda: state_of_ingest(db) == "live")
    found = settled("slot of the stream moved", shards.url, db)
    assert found.lost(list(range(1, EVENTS + 1))) == 0
    assert [lost for _, lost in found.gaps if lost] == []
    assert query(db, "SELECT count(*) FROM stream") == [(1,)]
