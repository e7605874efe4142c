"""An ingester in a thread, and publishing: for tests with a real Redis."""

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import redis

from store.model.entry import Entry
from store.stream.ingest import Ingester
from store.stream.server import RedisServer
from tests.tables import query

STREAM = "agent_events"


def publish(server: RedisServer, entries: Iterable[Entry], ids: bool = False, stream: str = STREAM) -> None:
    """Publish entries as agents do. `ids`: with the ids of the entries."""
    with redis.Redis.from_url(server.url) as client:
        pipe = client.pipeline(transaction=False)
        for entry in entries:
            pipe.xadd(stream, dict(entry.fields), id=str(entry.at) if ids else "*")
        pipe.execute()


def command(server: RedisServer, *words: str | bytes) -> object:
    """Send a command to Redis."""
    with redis.Redis.from_url(server.url) as client:
        return client.execute_command(*words)


def counts_entries(server: RedisServer) -> bool:
    """Whether the server counts all entries ever added to a stream, as Redis 7 and newer do."""
    with redis.Redis.from_url(server.url) as client:
        return int(client.info("server")["redis_version"].split(".")[0]) >= 7


def number_stored(path: Path) -> int:
    """Number of events in the file, which may be open in an ingester."""
    if not path.exists() or not query(path, "SELECT 1 FROM sqlite_master WHERE name = 'event'"):
        return 0
    count: int = query(path, "SELECT count(*) FROM event")[0][0]
    return count


def state_of_ingest(path: Path) -> str | None:
    """State of the ingester as stored in the file."""
    if not path.exists() or not query(path, "SELECT 1 FROM sqlite_master WHERE name = 'stream'"):
        return None
    found = query(path, "SELECT state FROM stream ORDER BY since DESC LIMIT 1")  # tests may have stored by hand before
    return found[0][0] if found else None


@contextmanager
def ingesting(path: Path, url: str) -> Iterator[Ingester]:
    """Run an ingester in a thread until the end of the block."""
    ingester = Ingester(path, url, STREAM)
    failures: list[BaseException] = []

    def work() -> None:
        try:
            ingester.run()
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield ingester
    finally:
        ingester.stop()
        thread.join()
    if failures:
        raise failures[0]
