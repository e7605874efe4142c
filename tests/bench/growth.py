"""What a file costs to use when it holds ten thousand events, and when it holds a million or more.

    python -m tests.bench.growth [--json] [--events 10000 1000000 10000000] [--folder DIR]

For each size, in one run: events a second that go in while it grows to that size, the processor's time for one, and the
most memory it took; then, on the file as it is, what a screen asks for: opening it and listing its runs, the shape of a
run, the first and the last page of its timeline and of its root's, one payload, and what the run was at a random position.
In milliseconds, the middle one of several tries, each of another run; `worst_page_ms` is the slowest page of them all.

Every 1,000 events are a transaction, as when an ingester is behind. Ten million take 13 GB of disk, and some ten minutes.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path
from random import Random
from resource import RUSAGE_SELF, getrusage

from store.cursor import Entry
from store.events import StreamId
from store.history import RunHistory
from store.reader import Reader
from store.run_reader import RunReader
from store.simulator import Scenario, simulate
from store.writer import FIELD, Writer
from tests.bench.figure import median

NODES = 600
"""Of each run: about 9,800 events."""

PAGE = 100
BATCH = 1_000
TRIES = 15


def entries() -> Iterator[Entry]:
    """Simulated runs, one after the other, without end."""
    number = count(1)
    for seed in count():
        for event in simulate(Scenario(seed=seed, nodes=NODES, depth=5, text_bytes=300)):
            yield Entry(StreamId(1_700_000_000_000 + next(number), 0), {FIELD: event.body})


async def use(path: Path) -> dict[str, float]:
    """Milliseconds for what a screen asks of the file, each time of another run."""
    figures: dict[str, list[float]] = {}
    luck = Random(1)

    def note(name: str, begun: float) -> float:
        figures.setdefault(name, []).append((time.perf_counter() - begun) * 1000)
        return time.perf_counter()

    for _ in range(TRIES):
        at = time.perf_counter()
        async with Reader(path) as reader:
            runs = await reader.runs()
            at = note("list_ms", at)
            chosen = luck.choice(runs)
            run, last = RunReader(reader, chosen.key), chosen.run.events
            root = (await run.keys(chosen.run.roots))[chosen.run.roots[0]]
            at = time.perf_counter()
            await run.shape()
            at = note("shape_ms", at)
            await run.events(1, PAGE)
            at = note("first_page_ms", at)
            page = await run.events(last - PAGE, last)
            at = note("last_page_ms", at)
            await run.node_events(root, 1, PAGE)
            at = note("node_page_ms", at)
            await reader.payload(page[-1].seq)
            at = note("payload_ms", at)
            with RunHistory(path, chosen.key, chosen.run.run_id, chosen.generation) as history:
                history.go(luck.randint(1, last))
            note("seek_ms", at)
    worst = max(value for name in ("first_page_ms", "last_page_ms", "node_page_ms") for value in figures[name])
    return {name: median(values) for name, values in figures.items()} | {"worst_page_ms": worst}


def grow(path: Path, source: Iterator[Entry], events: int) -> dict[str, float]:
    """Store so many events more; what one took of the processor, and how many a second that was. Made outside of that."""
    wall = cpu = 0.0
    left = events
    with Writer(path) as writer:
        while left > 0:
            batch = list(islice(source, min(BATCH, left)))
            left -= len(batch)
            begun, worked = time.perf_counter(), time.process_time()
            writer.append(batch)
            wall, cpu = wall + time.perf_counter() - begun, cpu + time.process_time() - worked
    return {"append_per_s": events / wall, "append_cpu_us": cpu / events * 1e6}


def measure(sizes: list[int], path: Path) -> list[dict[str, float]]:
    """The figures at each size, the file growing from one to the next."""
    source, held, rows = entries(), 0, []
    for size in sizes:
        row: dict[str, float] = {"events": size} | grow(path, source, size - held)
        held = size
        used = asyncio.run(use(path))
        peak = getrusage(RUSAGE_SELF).ru_maxrss / 1024
        rows.append(row | used | {"file_mb": path.stat().st_size / 1e6, "peak_memory_mb": peak})
    return rows


def table(rows: list[dict[str, float]]) -> str:
    """The figures as people read them, a column for each size."""
    names = list(rows[0])
    return "\n".join(f"{name:<16}" + "".join(f"{row[name]:>14,.1f}" for row in rows) for name in names)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--events", type=int, nargs="+", default=[10_000, 1_000_000], help="sizes, ascending")
    parser.add_argument("--folder", type=Path, help="where there is room for the file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        rows = measure(options.events, Path(folder) / "growth.db")
    sys.stdout.write((json.dumps(rows, indent=2) if options.json else table(rows)) + "\n")


if __name__ == "__main__":
    main()
