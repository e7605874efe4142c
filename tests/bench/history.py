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


async def timed(work: Callable[[], Awaitable[None]]) -> float:
    """Milliseconds of a coroutine."""
    begun = time.perf_counter()
    await work()
    return (time.perf_counter() - begun) * 1000


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
            "enter_ms": entered,
            "seek_p50_ms": percentile(seeks, 0.5),
            "seek_p99_ms": percentile(seeks, 0.99),
            "spans_p50_ms": percentile(spans, 0.5),
            "spans_p99_ms": percentile(spans, 0.99),
            "step_p99_ms": percentile(forth, 0.99),
            "back_p99_ms": percentile(back, 0.99),
            "play_p99_ms": percentile(playing, 0.99),
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
        lines.append(f"{name:<16}" + "".join(f"{cell:>14}" for cell in cells))
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
