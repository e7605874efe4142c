"""Time from the publication of an event to its row in the file, under load.

    python -m tests.bench.lag [--json] [--rate 5000] [--seconds 10]

A publisher offers events at a steady rate to a real redis-server; `treetop ingest` runs as a process of its own; a reader
looks at the file as the screens do. The lag of an event is the time from before its XADD until its row can be read.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from itertools import islice
from pathlib import Path

import redis

from store.database import file as db
from store.database.arrival import FIELD
from store.stream.server import RedisServer
from tests.tables import query
from tui.demo import Scenario, simulate

STREAM = "bench"
BURST = 0.005
"""Seconds between two groups of events."""


def publish(url: str, rate: int, seconds: float, sent: list[float]) -> None:
    """Publish events, and record when each was sent."""
    total = int(rate * seconds)
    bodies = [event.body for event in islice(simulate(Scenario(nodes=total // 12 + 20, depth=6, text_bytes=2_000)), total)]
    client = redis.Redis.from_url(url)
    begun = time.perf_counter()
    while len(sent) < len(bodies):
        due = min(int((time.perf_counter() - begun) * rate), len(bodies))
        pipe = client.pipeline(transaction=False)
        now = time.perf_counter()
        for body in bodies[len(sent) : due]:
            pipe.xadd(STREAM, {FIELD: body})
        pipe.execute()
        sent += [now] * (due - len(sent))
        time.sleep(BURST)
    client.close()


def measure(rate: int, seconds: float, folder: Path) -> dict[str, float]:
    """Lag in milliseconds, and the share of the events that was stored at the end."""
    path, sent, seen = folder / "lag.db", list[float](), list[float]()
    total = int(rate * seconds)
    with RedisServer() as server:
        command = [sys.executable, "-m", "tui.cli", "ingest", "--db", str(path), "--redis", server.url, "--stream", STREAM]
        with subprocess.Popen(command) as ingester:
            while not path.exists() or not query(path, "SELECT 1 FROM sqlite_master WHERE name = 'stream'"):
                time.sleep(0.05)
            publisher = threading.Thread(target=publish, args=(server.url, rate, seconds, sent))
            publisher.start()
            watch(path, total, seen)
            publisher.join()
            ingester.terminate()
    lags = sorted((arrived - left) * 1000 for arrived, left in zip(seen, sent, strict=True))
    return {
        "rate": rate,
        "events": total,
        "p50_ms": lags[total // 2],
        "p99_ms": lags[int(total * 0.99)],
        "max_ms": lags[-1],
        "offered_per_s": total / (sent[-1] - sent[0]),
    }


def watch(path: Path, total: int, seen: list[float]) -> None:
    """Record when each event can first be read."""
    import sqlite3

    connection = sqlite3.connect(db.uri_of(path, "ro"), uri=True, isolation_level=None)
    while len(seen) < total:
        stored = connection.execute("SELECT coalesce(max(seq), 0) FROM event").fetchone()[0]
        seen += [time.perf_counter()] * (stored - len(seen))
        time.sleep(0.002)
    connection.close()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--rate", type=int, nargs="+", default=[100, 1_000, 5_000], help="events offered a second")
    parser.add_argument("--seconds", type=float, default=10.0, help="for how long")
    options = parser.parse_args()
    rows = []
    for rate in options.rate:
        with tempfile.TemporaryDirectory() as folder:
            rows.append(measure(rate, options.seconds, Path(folder)))
    lines = ["  ".join(f"{name}={value:,.1f}" for name, value in row.items()) for row in rows]
    sys.stdout.write((json.dumps(rows, indent=2) if options.json else "\n".join(lines)) + "\n")


if __name__ == "__main__":
    main()
