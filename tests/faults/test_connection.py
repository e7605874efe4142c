"""Connections to Redis that are cut in the middle of a reply, or slower than the timeout for a reply."""

import json
import random
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from store.stream import client, source
from store.stream.ingest import Ingester
from store.stream.server import RedisServer
from tests.conftest import until
from tests.faults.numbered import entries, numbered, publishing, settle
from tests.faults.proxy import Proxy
from tests.live import STREAM, ingesting, number_stored, publish
from tests.recorder import entry_of

pytestmark = pytest.mark.usefixtures("quick_retries")


def test_a_reply_that_is_cut_is_requested_again(redis_server: RedisServer, db: Path) -> None:
    """Cut at every other of the first 300 bytes of a connection, then at random positions."""
    chance = random.Random(4)
    allowed = [*range(1, 300, 2), *(chance.randrange(300, 60_000) for _ in range(100))]
    with TemporaryDirectory(prefix="treetop-") as folder, Proxy(redis_server, Path(folder), allowed) as proxy:
        with ingesting(db, proxy.url):
            with publishing(redis_server) as sent:
                until(lambda: proxy.cuts == len(allowed))
            until(lambda: number_stored(db) >= len(sent))
        cuts = proxy.cuts
    found = settle("connection cut in the middle of a reply", cuts, sent, db)
    assert (found.lost(sent), found.doubled, found.duplicate, found.gaps) == (0, 0, 0, [])


def test_a_huge_entry_arrives_over_a_slow_link(
    redis_server: RedisServer, db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The entry takes three times the timeout of a reply, and has ten times the usual size of a reply."""
    monkeypatch.setattr(client, "REPLY_TIMEOUT_S", 0.2)
    monkeypatch.setattr(client, "BLOCK_S", 0.1)
    monkeypatch.setattr(source, "REPLY_BYTES", 150_000)
    huge = json.loads(numbered(51)) | {"filler": "x" * 1_500_000}
    sent = list(range(1, 102))
    publish(redis_server, [*entries(1, 50), entry_of(json.dumps(huge).encode(), 51), *entries(52, 101)])
    with TemporaryDirectory(prefix="treetop-") as folder, Proxy(redis_server, Path(folder), piece=32_000) as proxy:
        Ingester(db, proxy.url, STREAM).drain()
        connections = proxy.connections
    found = settle("huge entry over a slow link", connections, sent, db)
    assert (found.lost(sent), found.doubled, found.duplicate, found.gaps) == (0, 0, 0, [])
    assert 1 < connections < 8, "after each timeout the batch is smaller, until it is the entry alone"
