"""What a file costs to use when it holds ten thousand events, and when it holds a million or more.

    python -m tests.bench.growth [--json] [--events 10000 1000000]

For each size, in one run: events a second that go in while it grows to that size; then, on the file as it is, opening it
and listing its runs, loading one run, the first and the last page of its timeline, and one payload.
"""

import argparse
import asyncio
import json
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path

from store.cursor import Entry
from store.events import StreamId
from store.reader import Reader
from store.simulator import Scenario, simulate
from store.writer import FIELD, Writer

NODES = 600
"""Of each run: about 9,800 events."""

PAGE = 100
TRIES = 7


def entries() -> Iterator[Entry]:
    """Simulated runs, one after the other, without end."""
    number = count(1)
    for seed in count():
        for event in simulate(Scenario(seed=seed, nodes=NODES, depth=5, text_bytes=300)):
            yield Entry(StreamId(1_700_000_000_000 + next(number), 0), {FIELD: event.body})


async def use(path: Path) -> dict[str, float]:
    """Milliseconds, the middle one of several tries, for what a screen asks of the file."""
    figures: dict[str, list[float]] = {}

    def note(name: str, begun: float) -> float:
        figures.setdefault(name, []).append((time.perf_counter() - begun) * 1000)
        return time.perf_counter()

    for _ in range(TRIES):
        at = time.perf_counter()
        async with Reader(path) as reader:
            runs = await reader.runs()
            at = note("list_ms", at)
            middle = runs[len(runs) // 2]
            await reader.load(middle.run.run_id)
            at = note("load_ms", at)
            await reader.events(middle.key, 1, PAGE)
            at = note("first_page_ms", at)
            page = await reader.events(middle.key, middle.run.events - PAGE, middle.run.events)
            at = note("last_page_ms", at)
            await reader.payload(page[-1].seq)
            note("payload_ms", at)
    return {name: sorted(values)[len(values) // 2] for name, values in figures.items()}


def measure(sizes: list[int], path: Path) -> list[dict[str, float]]:
    """The figures at each size, the file growing from one to the next."""
    source, held, rows = entries(), 0, []
    for size in sizes:
        begun, before = time.perf_counter(), held
        with Writer(path) as writer:
            while held < size:
                held += writer.append(list(islice(source, 1_000))).stored
        spent = time.perf_counter() - begun
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        row = {"events": held, "runs": held // 9_800 + 1, "ingest_per_s": (held - before) / spent}
        rows.append(row | asyncio.run(use(path)) | {"file_mb": path.stat().st_size / 1e6, "peak_memory_mb": memory})
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
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(options.events, Path(folder) / "growth.db")
    sys.stdout.write((json.dumps(rows, indent=2) if options.json else table(rows)) + "\n")


if __name__ == "__main__":
    main()
