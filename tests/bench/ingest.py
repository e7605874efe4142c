"""Speed of ingest from Redis into the file, and of other programs that do parts of it.

    python -m tests.bench.ingest [--json] [--events N] [--tries N]

Against a real redis-server, with simulated runs of three sizes of events:

- ingest: `treetop ingest --drain`: read, check, decode, attribute, fold, write all tables, commit.
- xread: read the same entries from Redis, and discard them.
- rebuild: `treetop rebuild` of the file, without Redis: read, decode, fold, write all tables, copy the result.
- executemany: insert the same rows into the same tables, in transactions of 1,000 events.
- guide: a writer as in the reference guide, with its tables and indexes: one insert and one commit per event.

The fastest of several tries counts, because other programs and the disk can only slow it down. For ingest and rebuild, the
processor time is printed as well.

The smallest simulated events have about 600 bytes, of ids, names and goals.
"""

import argparse
import json
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import redis

from store.database import file as db
from store.database.arrival import FIELD
from store.database.migration import rebuild
from store.stream.ingest import Ingester
from store.stream.server import RedisServer
from tui.demo import Scenario, simulate

STREAM = "bench"
GUIDE_EVENTS = 600
"""Number of events for the guide's writer. It is slow, at a speed that does not depend on the number."""

BATCH = 1_000
"""Number of events in a transaction of executemany."""

TABLES = (
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    " AND name NOT IN ('stream', 'gap', 'rejected', 'run_change')"
)
"""All tables with rows of events, except the one that triggers fill."""

ARISEN = {"node_event": "seq", "version": "position", "checkpoint": "position", "move": "position", "span": "born"}
"""Column by which the rows of a table are in the order of their creation; for other tables, the rowid."""

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
    """Events of a large simulated run with this mean size."""
    nodes = max(events // 14, 20)
    return [event.body for event in islice(simulate(Scenario(nodes=nodes, depth=6, text_bytes=size)), events)]


class Spent(NamedTuple):
    """Elapsed seconds, and seconds of processor time of this process."""

    wall: float
    cpu: float


def timed(work: Callable[[], Any]) -> Spent:
    """Time that a function takes."""
    begun, worked = time.perf_counter(), time.process_time()
    work()
    return Spent(time.perf_counter() - begun, time.process_time() - worked)


def measure(size: int, events: int, tries: int) -> dict[str, float]:
    """Events per second of each program, and processor time in microseconds per event, for events of this size."""
    published = bodies(size, events)
    count = len(published)
    spent: dict[str, list[Spent]] = {"ingest": [], "rebuild": [], "xread": [], "executemany": [], "guide": []}
    with RedisServer() as server:
        client = redis.Redis.from_url(server.url)
        for at in range(0, len(published), 1_000):
            pipe = client.pipeline(transaction=False)
            for body in published[at : at + 1_000]:
                pipe.xadd(STREAM, {FIELD: body})
            pipe.execute()
        for _ in range(tries):
            with tempfile.TemporaryDirectory() as folder:
                file = Path(folder) / "ingest.db"
                spent["xread"].append(timed(lambda: drain_nothing(client)))
                spent["ingest"].append(timed(Ingester(file, server.url, STREAM).drain))
                spent["executemany"].append(timed_copy(file, Path(folder) / "copy.db"))
                spent["rebuild"].append(timed(partial(rebuild, file)))
                spent["guide"].append(timed(partial(guide_writer, Path(folder) / "guide.db", published[:GUIDE_EVENTS])))
                file_bytes = file.stat().st_size
    wall = {name: min(took.wall for took in all_of_it) for name, all_of_it in spent.items()}
    cpu = {
        f"{name}_cpu_us": min(took.cpu for took in spent[name]) / count * 1e6
        for name in ("ingest", "rebuild", "executemany")
    }
    return {
        "bytes": sum(map(len, published)) / count,
        **{name: (min(GUIDE_EVENTS, count) if name == "guide" else count) / took for name, took in wall.items()},
        **cpu,
        "file_bytes": file_bytes / count,
    }


def drain_nothing(client: redis.Redis) -> None:
    """Read the stream as the ingester does, and discard it."""
    position = b"0-0"
    while True:
        reply: Any = client.xread({STREAM: position}, count=1_000)
        if not reply:
            return
        position = reply[0][1][-1][0]


def timed_copy(source: Path, target: Path) -> Spent:
    """Time to copy the rows of a file into the same tables of another, in transactions of 1,000 events.

    The rows are nearly in the order of their creation. Rows sorted by node would be easier for SQLite.
    """
    with closing(sqlite3.connect(source)) as reader, closing(db.connect_writer(target)) as writer:
        tables = [row[0] for row in reader.execute(TABLES)]
        rows = {
            table: reader.execute(f"SELECT * FROM {table} ORDER BY {ARISEN.get(table, 'rowid')}").fetchall()
            for table in tables
        }
        events = len(rows["event"])

        def write() -> None:
            for at in range(0, events, BATCH):
                writer.execute("BEGIN IMMEDIATE")
                for table, whole in rows.items():
                    first, last = (round(min(end, events) / events * len(whole)) for end in (at, at + BATCH))
                    if first < last:
                        marks = ",".join("?" * len(whole[first]))
                        writer.executemany(f"INSERT INTO {table} VALUES ({marks})", whole[first:last])
                writer.execute("COMMIT")

        return timed(write)


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
    """The figures as a text table."""
    titles = ["bytes", "ingest", "rebuild", "xread", "executemany", "guide", "of executemany", "times guide"]
    titles += ["us of CPU", "rebuild's", "executemany's", "file B/event"]
    rows = [
        (
            f"{row['bytes']:.0f}",
            *(f"{row[name]:.0f}" for name in ("ingest", "rebuild", "xread", "executemany", "guide")),
            f"{row['ingest'] / row['executemany']:.0%}",
            f"{row['ingest'] / row['guide']:.0f}",
            f"{row['ingest_cpu_us']:.1f}",
            f"{row['rebuild_cpu_us']:.1f}",
            f"{row['executemany_cpu_us']:.1f}",
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
    parser.add_argument("--tries", type=int, default=3, help="number of tries; the fastest counts")
    options = parser.parse_args()
    figures = {}
    for size in (300, 2_000, 20_000):
        events = options.events if size < 20_000 else options.events // 5
        figures[size] = measure(size, events, options.tries)
    sys.stdout.write((json.dumps(figures, indent=2) if options.json else table(figures)) + "\n")


if __name__ == "__main__":
    main()
