"""How fast events get from Redis into the file, and what that is to be compared with.

    python -m tests.bench.ingest [--json] [--events N]

Against a real redis-server, with simulated runs of three sizes of events:

- ingest: `treetop ingest --drain` as users run it: read, check, decode, attribute, fold, all tables, commit.
- xread: reading the same entries from Redis and doing nothing with them.
- executemany: the same rows into the same tables, prepared beforehand, in transactions of 1,000 events.
- guide: a plain writer as the reference guide describes: its tables and indexes, one insert and one commit an event.

The smallest events that the simulator can make have about 600 bytes: ids, names and goals alone come to that.
"""

import argparse
import json
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path
from typing import Any

import redis

from store import database as db
from store.ingest import Ingester
from store.redis_server import RedisServer
from store.simulator import Scenario, simulate
from store.writer import FIELD

STREAM = "bench"
GUIDE_EVENTS = 600
"""Events that the guide's writer gets: it is slow, and its speed does not depend on how many there are."""

GUIDE = """
CREATE TABLE events (id INTEGER PRIMARY KEY AUTOINCREMENT, event_id TEXT NOT NULL, run_id TEXT NOT NULL,
    event_type TEXT NOT NULL, timestamp TEXT NOT NULL, payload JSON NOT NULL, node_id TEXT,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP);
CREATE INDEX idx_events_run_id ON events(run_id);
CREATE INDEX idx_events_type ON events(event_type);
CREATE INDEX idx_events_timestamp ON events(timestamp);
CREATE INDEX idx_events_node_id ON events(node_id);
"""


def bodies(size: int, events: int) -> list[bytes]:
    """Events of a large simulated run, of about this size on average."""
    nodes = max(events // 14, 20)
    return [event.body for event in islice(simulate(Scenario(nodes=nodes, depth=6, text_bytes=size)), events)]


def timed(work: Callable[[], Any]) -> float:
    """Seconds that it took."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def measure(size: int, events: int, folder: Path) -> dict[str, float]:
    """Events a second of each way, for events of this size."""
    published = bodies(size, events)
    with RedisServer() as server:
        client = redis.Redis.from_url(server.url)
        for at in range(0, len(published), 1_000):
            pipe = client.pipeline(transaction=False)
            for body in published[at : at + 1_000]:
                pipe.xadd(STREAM, {FIELD: body})
            pipe.execute()
        read = timed(lambda: drain_nothing(client))
        file = folder / f"ingest-{size}.db"
        ingest = timed(lambda: Ingester(file, server.url, STREAM).drain())
    copy = timed_copy(file, folder / f"copy-{size}.db")
    guide = timed(lambda: guide_writer(folder / f"guide-{size}.db", published[:GUIDE_EVENTS]))
    count = len(published)
    return {
        "bytes": sum(map(len, published)) / count,
        "ingest": count / ingest,
        "xread": count / read,
        "executemany": count / copy,
        "guide": min(GUIDE_EVENTS, count) / guide,
        "file_bytes": file.stat().st_size / count,
    }


def drain_nothing(client: redis.Redis) -> None:
    """Read all of the stream as the ingester does, and forget it."""
    position = b"0-0"
    while True:
        reply: Any = client.xread({STREAM: position}, count=1_000)
        if not reply:
            return
        position = reply[0][1][-1][0]


def timed_copy(source: Path, target: Path) -> float:
    """Seconds to write the rows of one file into another with the same tables, in transactions of 1,000 events."""
    reader = sqlite3.connect(source)
    writer = db.connect_writer(target)
    tables = ("run", "node", "edge", "event_type", "event", "body", "node_event")
    rows = {table: reader.execute(f"SELECT * FROM {table}").fetchall() for table in tables}
    events = len(rows["event"])
    begun = time.perf_counter()
    for at in range(0, events, 1_000):
        part = (at / events, min(at + 1_000, events) / events)
        writer.execute("BEGIN IMMEDIATE")
        for table in tables:
            share = rows[table][round(part[0] * len(rows[table])) : round(part[1] * len(rows[table]))]
            if share:
                writer.executemany(f"INSERT INTO {table} VALUES ({','.join('?' * len(share[0]))})", share)
        writer.execute("COMMIT")
    spent = time.perf_counter() - begun
    reader.close()
    writer.close()
    return spent


def guide_writer(path: Path, published: Iterable[bytes]) -> None:
    """One insert and one commit for each event."""
    connection = sqlite3.connect(path)
    connection.executescript(GUIDE)
    for body in published:
        event = json.loads(body)
        connection.execute(
            "INSERT INTO events (event_id, run_id, event_type, timestamp, payload, node_id) VALUES (?, ?, ?, ?, ?, ?)",
            (
                event["event_id"],
                event["run_id"] or "",
                event["event_type"],
                event["timestamp"],
                json.dumps(event["payload"]),
                event["payload"].get("node_id"),
            ),
        )
        connection.commit()
    connection.close()


def table(figures: dict[int, dict[str, float]]) -> str:
    """The figures as people read them."""
    titles = ("bytes", "ingest", "xread", "executemany", "guide", "of executemany", "times guide", "file B/event")
    rows = [
        (
            f"{row['bytes']:.0f}",
            *(f"{row[name]:.0f}" for name in ("ingest", "xread", "executemany", "guide")),
            f"{row['ingest'] / row['executemany']:.0%}",
            f"{row['ingest'] / row['guide']:.0f}",
            f"{row['file_bytes']:.0f}",
        )
        for row in figures.values()
    ]
    lines = ["  ".join(f"{cell:>{len(title)}}" for cell, title in zip(row, titles, strict=True)) for row in (titles, *rows)]
    return "events a second; the simulator's smallest events have about 600 bytes\n" + "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--events", type=int, default=60_000, help="events of each size; fewer of the largest")
    options = parser.parse_args()
    figures = {}
    for size in (300, 2_000, 20_000):
        with tempfile.TemporaryDirectory() as folder:
            events = options.events if size < 20_000 else options.events // 5
            figures[size] = measure(size, events, Path(folder))
    sys.stdout.write((json.dumps(figures, indent=2) if options.json else table(figures)) + "\n")


if __name__ == "__main__":
    main()
