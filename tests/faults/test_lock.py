"""Another program holds the write lock of the file for a long time."""

import os
import signal
import time
from pathlib import Path

import pytest

from store.database.lease import holder
from store.stream.ingest import Ingester
from store.stream.server import RedisServer
from tests.conftest import until
from tests.faults import child
from tests.faults.numbered import publishing, settle
from tests.faults.nursery import Nursery
from tests.live import STREAM, number_stored, state_of_ingest
from tests.tables import query

LOCK_S = float(os.environ.get("TREETOP_TEST_LOCK_SECONDS", "30"))
"""Seconds for which a lock is held, at least until the ingester has reported it."""


def trouble_in_the_lease(path: Path) -> str:
    """Why the holder of the lease cannot store events; empty if it can."""
    feeding = holder(path)
    assert feeding is not None
    return feeding.trouble


@pytest.mark.parametrize(("kind", "seconds"), [("IMMEDIATE", LOCK_S), ("EXCLUSIVE", 0.0)])
def test_an_ingester_waits_for_a_file_locked_during_ingest(
    redis_server: RedisServer, db: Path, tmp_path: Path, nursery: Nursery, kind: str, seconds: float
) -> None:
    ready, enough = tmp_path / "ready", tmp_path / "enough"
    with publishing(redis_server, pause=0.05) as sent:
        ingester = nursery.start(child.ingest, db, redis_server.url)
        until(lambda: number_stored(db) > 100)
        nursery.start(child.hold_lock, db, kind, ready, enough)
        until(ready.exists)
        held = time.monotonic()
        stuck = number_stored(db)
        until(lambda: "another program is writing to it" in nursery.said)
        assert "another program is writing to it" in trouble_in_the_lease(db)
        time.sleep(max(0.0, seconds - (time.monotonic() - held)))
        assert number_stored(db) == stuck
        enough.touch()
        until(lambda: "events are stored again" in nursery.said)
        until(lambda: number_stored(db) > stuck)
        assert trouble_in_the_lease(db) == ""
        until(lambda: "another program is writing to it" in (query(db, "SELECT reason FROM stream")[0][0] or ""))
        ingester.send(signal.SIGTERM)
        assert ingester.wait() == 0
    Ingester(db, redis_server.url, STREAM).drain()
    found = settle(f"file locked by another writer ({kind.lower()})", 1, sent, db)
    assert (found.lost(sent), found.doubled, found.duplicate, found.gaps) == (0, 0, 0, [])


def test_an_ingester_waits_for_a_file_locked_at_its_start(
    redis_server: RedisServer, db: Path, tmp_path: Path, nursery: Nursery
) -> None:
    ready, enough = tmp_path / "ready", tmp_path / "enough"
    Ingester(db, redis_server.url, STREAM).drain()
    nursery.start(child.hold_lock, db, "IMMEDIATE", ready, enough)
    until(ready.exists)
    with publishing(redis_server) as sent:
        ingester = nursery.start(child.ingest, db, redis_server.url)
        until(lambda: "another program is writing to it" in nursery.said)
        enough.touch()
        until(lambda: state_of_ingest(db) in ("reading", "live"))
        ingester.send(signal.SIGTERM)
        assert ingester.wait() == 0
    Ingester(db, redis_server.url, STREAM).drain()
    found = settle("file locked from the beginning", 1, sent, db)
    assert (found.lost(sent), found.doubled, found.duplicate, found.gaps) == (0, 0, 0, [])
