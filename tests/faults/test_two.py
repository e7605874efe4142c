"""Two ingesters, or twenty, on one file."""

import signal
from pathlib import Path

from store.database.lease import holder, lock_path
from store.stream.ingest import Ingester
from store.stream.server import RedisServer
from tests.conftest import until
from tests.faults import child
from tests.faults.numbered import publishing, settle
from tests.faults.nursery import Nursery
from tests.live import STREAM, number_stored


def test_one_of_twenty_ingesters_started_at_once_works(redis_server: RedisServer, db: Path, nursery: Nursery) -> None:
    with publishing(redis_server) as sent:
        ingesters = [nursery.start(child.ingest, db, redis_server.url) for _ in range(20)]
        until(lambda: number_stored(db) > 100)
        until(lambda: nursery.said.count("already stores events into it; stop that process first") == 19)
        (working,) = [ingester for ingester in ingesters if f"process {ingester.pid} on" in str(holder(db))]
        assert nursery.said.count(f"process {working.pid} on") == 19
        for ingester in ingesters:
            if ingester is not working:
                assert ingester.wait() == child.HELD
        working.send(signal.SIGTERM)
        assert working.wait() == 0
    Ingester(db, redis_server.url, STREAM).drain()
    found = settle("twenty ingesters at once", 20, sent, db)
    assert (found.lost(sent), found.doubled, found.duplicate, found.gaps) == (0, 0, 0, [])


def test_ingesters_whose_lock_was_deleted_store_each_event_once(
    redis_server: RedisServer, db: Path, nursery: Nursery
) -> None:
    """The lock file is deleted repeatedly. Only the ingester at the position of the file can advance it."""
    with publishing(redis_server) as sent:
        ingesters = [nursery.start(child.ingest, db, redis_server.url)]
        for _ in range(3):
            until(lambda: number_stored(db) > 100)
            until(lambda: holder(db) is not None)
            lock_path(db).unlink()
            ingesters.append(nursery.start(child.ingest, db, redis_server.url))
            until(lambda: holder(db) is not None)
            known = len(sent)
            until(lambda: number_stored(db) > known)  # noqa: B023 - it is called at once
        until(lambda: "another ingester stored entries" in nursery.said)
        for ingester in ingesters:
            ingester.send(signal.SIGTERM)
            assert ingester.wait() == 0
    Ingester(db, redis_server.url, STREAM).drain()
    found = settle("four ingesters that deleted locks let in", 4, sent, db)
    assert (found.lost(sent), found.doubled, found.duplicate, found.gaps) == (0, 0, 0, [])


def test_a_stopped_ingester_is_not_replaced_and_continues(redis_server: RedisServer, db: Path, nursery: Nursery) -> None:
    with publishing(redis_server) as sent:
        ingester = nursery.start(child.ingest, db, redis_server.url)
        for turn in range(3):
            known = number_stored(db)
            until(lambda: number_stored(db) > known + 50)  # noqa: B023
            ingester.send(signal.SIGSTOP)
            assert nursery.run(child.ingest, db, redis_server.url) == child.HELD
            assert nursery.said.count(f"process {ingester.pid} on") == turn + 1
            ingester.send(signal.SIGCONT)
        ingester.send(signal.SIGTERM)
        assert ingester.wait() == 0
    Ingester(db, redis_server.url, STREAM).drain()
    found = settle("ingester stopped and continued", 3, sent, db)
    assert (found.lost(sent), found.doubled, found.duplicate, found.gaps) == (0, 0, 0, [])
