"""Costs of time travel in runs of ten thousand, a hundred thousand and a million events.

    python -m tests.bench.history [--json] [--folder F] [--nodes 1000 10000 100000]

Measured on files with about ten events per node, with the code of the screens: the start of time travel, with the axis of
the playbar; seeks to random positions, with the shape of the tree and 50 nodes in its middle; the spans of these nodes;
steps of one event in both directions; frames of playing 1,000 events per second; bytes of the file and of memory for the
past. Times are noisy; compare their ratios.
"""

import argparse
import asyncio
import json
import random
import resource
import sqlite3
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import NamedTuple

from store.database.moment import Moment
from store.database.reader import Reader
from tests.bench.big import cached
from tests.bench.figure import percentile
from tui.models.outline import Outline
from tui.session.travel import Travel

SEEKS = 300
FRAME_EVENTS = 33
"""Events of one frame, at 1,000 a second and 30 frames."""

VISIBLE = 50
"""Nodes on a screen."""


class Walk:
    """A run and the shape of its tree at changing positions."""

    def __init__(self, moment: Moment, parents: list[int]) -> None:
        self.moment = moment
        self.outline = Outline()
        self.outline.load(parents)

    async def go(self, position: int | None) -> None:
        """Go to a position as the screen does."""
        moment, outline = self.moment, self.outline
        moment.seek(position)
        changes = await moment.refresh()
        assert changes is not None
        if changes.parents:
            outline.append(changes.parents)
        for node, parent in changes.moves:
            outline.move(node, parent)
        outline.set_horizon(moment.horizon)
        await moment.nodes(self.visible)

    @property
    def visible(self) -> list[int]:
        """The nodes in the middle of the tree."""
        middle = len(self.outline) // 2
        return [row.node for row in self.outline.rows(middle, middle + VISIBLE)]

    async def spans(self) -> None:
        """Read the spans of the same nodes."""
        await self.moment.spans(self.visible)


class Spent(NamedTuple):
    """Milliseconds of wall time and of processor time. Other programs hardly change the latter."""

    wall: float
    cpu: float


async def timed(work: Callable[[], Awaitable[None]]) -> Spent:
    """Wall time and processor time of a coroutine."""
    begun, worked = time.perf_counter(), time.process_time()
    await work()
    return Spent((time.perf_counter() - begun) * 1000, (time.process_time() - worked) * 1000)


def spread(name: str, times: list[Spent]) -> dict[str, float]:
    """Median and 99th percentile."""
    wall, cpu = [spent.wall for spent in times], [spent.cpu for spent in times]
    return {
        f"{name}_p50_ms": percentile(wall, 0.5),
        f"{name}_p99_ms": percentile(wall, 0.99),
        f"{name}_cpu_p50_ms": percentile(cpu, 0.5),
        f"{name}_cpu_p99_ms": percentile(cpu, 0.99),
    }


def memory() -> float:
    """Peak memory of this process, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


async def measure(path: Path) -> dict[str, float]:
    """The figures of one file."""
    chance = random.Random(1)
    async with Reader(path) as reader:
        (row,) = await reader.runs()
        moment = Moment(reader, row.run.run_id)
        walk, travel = Walk(moment, await moment.load()), Travel()
        await walk.go(None)
        before = memory()

        async def enter() -> None:
            await walk.go(moment.end)
            await travel.measure(moment)

        entered = await timed(enter)
        end = moment.end
        seeks = [await timed(lambda: walk.go(chance.randint(0, end))) for _ in range(SEEKS)]
        spans = []
        for _ in range(SEEKS):
            await walk.go(chance.randint(0, end))
            spans.append(await timed(walk.spans))
        middle = end // 2
        forth = [await timed(partial(walk.go, middle + step)) for step in range(SEEKS)]
        back = [await timed(partial(walk.go, middle - step)) for step in range(SEEKS)]
        frames = range(0, min(end, SEEKS * FRAME_EVENTS), FRAME_EVENTS)
        playing = [await timed(partial(walk.go, at)) for at in frames]
        return {
            "events": end,
            "nodes": len(moment.shape),
            "enter_ms": entered.wall,
            **spread("seek", seeks),
            **spread("spans", spans),
            **spread("step", forth),
            **spread("back", back),
            **spread("play", playing),
            "more_memory_mb": memory() - before,
            "file_share": share(path),
        }


def share(path: Path) -> float:
    """Share of the file that only time travel needs."""
    with closing(sqlite3.connect(path)) as connection:
        sizes = dict(connection.execute("SELECT name, sum(pgsize) FROM dbstat GROUP BY name"))
    past = sum(size for name, size in sizes.items() if name in ("checkpoint", "version", "move"))
    return float(past / sum(sizes.values()))


def table(rows: list[dict[str, float]]) -> str:
    """A line for each figure, a column for each size."""
    lines = []
    for name in rows[0]:
        cells = [f"{row[name]:.1%}" if name == "file_share" else f"{row[name]:,.1f}" for row in rows]
        lines.append(f"{name:<18}" + "".join(f"{cell:>14}" for cell in cells))
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--folder", type=Path, help="where files are kept, to be used again")
    parser.add_argument("--nodes", type=int, nargs="+", default=[1_000, 10_000, 100_000], help="sizes of the runs")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = options.folder or Path(made)
        rows = [asyncio.run(measure(cached(folder, "tree", nodes))) for nodes in sorted(options.nodes)]
    sys.stdout.write((json.dumps(rows, indent=2) if options.json else table(rows)) + "\n")


if __name__ == "__main__":
    main()
