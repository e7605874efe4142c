"""Bytes of the file relative to the published bytes, and the tables and indexes that take them.

    python -m tests.bench.size [--json] [--events 40000]

Three runs, each in a new file whose write-ahead log is empty: events of about 350 bytes (tests.bench.agent); simulated
events of 2,000 bytes on average, most of them smaller and some much larger; and simulated events with a payload of 2,000
bytes each, which are unfavourable to pages of a fixed size. The table lists bytes per event, and their share of the
published bytes.
"""

import argparse
import json
import sqlite3
import sys
import tempfile
from contextlib import closing
from itertools import islice
from pathlib import Path

from msgspec.json import decode, encode

from tests.bench import ingest
from tests.bench.agent import Agent, bushy
from tests.bench.big import make

PAYLOAD_BYTES = 2_000
"""Bytes of each payload of the third run. Smaller payloads are padded."""


def small(events: int) -> list[bytes]:
    """Events of about 350 bytes."""
    return list(islice(Agent(bushy(events // 10 + 1, seed=1)).unfinished(), events))


def equal(events: int) -> list[bytes]:
    """Simulated events with payloads of at least PAYLOAD_BYTES, most of exactly this size."""
    padded = []
    for body in ingest.bodies(300, events):
        event = decode(body)
        size = len(encode(event["payload"]))
        event["payload"]["padding"] = "x" * max(PAYLOAD_BYTES - size - len(',"padding":""'), 0)
        padded.append(encode(event))
    return padded


RUNS = {
    "350 B": small,
    "2 kB on average": lambda events: ingest.bodies(2_000, events),
    "2 kB in each payload": equal,
}


def measure(published: list[bytes]) -> dict[str, float]:
    """Bytes per event: `published`, `file`, and each table and index that has more than one."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "size.db"
        count = make(path, published)
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            sizes = connection.execute("SELECT name, sum(pgsize) FROM dbstat GROUP BY name ORDER BY 2 DESC").fetchall()
        found = {"published": sum(map(len, published)) / count, "file": path.stat().st_size / count}
        return found | {name: size / count for name, size in sizes if size > count}


def table(figures: dict[str, dict[str, float]]) -> str:
    """A line for each table, and for each run its bytes per event and their share of the published bytes."""
    names = dict.fromkeys(name for found in figures.values() for name in found)
    lines = [f"{'bytes per event':<20}" + "".join(f"{title:>22}" for title in figures)]
    for name in names:
        cells = [(found.get(name, 0.0), found.get(name, 0.0) / found["published"]) for found in figures.values()]
        lines.append(f"{name:<20}" + "".join(f"{size:>14,.1f} {share:>7.3f}" for size, share in cells))
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--events", type=int, default=40_000, help="number of events of each run")
    options = parser.parse_args()
    figures = {title: measure(bodies(options.events)) for title, bodies in RUNS.items()}
    sys.stdout.write((json.dumps(figures, indent=2) if options.json else table(figures)) + "\n")


if __name__ == "__main__":
    main()
