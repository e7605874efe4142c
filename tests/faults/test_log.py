"""The write-ahead log grows while a reader has a transaction open, so readers keep transactions short."""

import asyncio
import signal
from pathlib import Path

from store.database.reader import Reader
from store.database.run_queries import RunQueries
from store.stream.ingest import Ingester
from store.stream.server import RedisServer
from tests.conftest import WAIT_TIMEOUT_S, until
from tests.faults import child
from tests.faults.numbered import publishing, settle
from tests.faults.nursery import Nursery
from tests.live import STREAM, number_stored
from tests.tables import load

EVENTS, LOG_MAX_BYTES = 15_000, 12_000_000


async def test_the_log_stays_small_while_a_screen_follows_a_run(
    redis_server: RedisServer, db: Path, nursery: Nursery
) -> None:
    """The reader reads as screens do: at each change of the file the list of runs, the run, and its newest events."""
    log, largest, seen = db.with_name(f"{db.name}-wal"), 0, 0
    with publishing(redis_server, at_once=100) as sent:
        ingester = nursery.start(child.ingest, db, redis_server.url)
        until(lambda: number_stored(db) > 0)
        async with Reader(db) as reader:
            async with asyncio.timeout(WAIT_TIMEOUT_S):
                async for _ in reader.watch():
                    runs = await reader.runs()
                    await load(reader, runs[0].run.run_id)
                    last = runs[0].run.events
                    await RunQueries(reader, runs[0].key).events(max(1, last - 50), last)
                    seen, largest = sum(row.run.events for row in runs), max(largest, log.stat().st_size)
                    if seen > EVENTS:
                        break
        ingester.send(signal.SIGTERM)
        assert ingester.wait() == 0
    assert largest < LOG_MAX_BYTES
    Ingester(db, redis_server.url, STREAM).drain()
    found = settle("screen reads while events are stored", 1, sent, db)
    assert (found.lost(sent), found.doubled, found.duplicate, found.gaps) == (0, 0, 0, [])
