"""Processor time of the figures of the tree (time, tokens and cost of 50 rows with everything beneath), and of sorting.

    python -m tests.bench.totals [--json] [--folder F] [--nodes 1000 100000]

In one run, on files as ingest makes them (about ten events a node), through the screen's own path, in milliseconds of
processor time, of all threads:

- now: the figures of the rows in the middle of the tree after an event, as they are read and put into cells
- seek: the same after a seek to a random position, the seek and the shape of the tree included
- sorted: the same with the children of all tasks in view sorted by cost

Times are noisy; compare their ratios.
"""

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

from store.database.reader import Reader
from tests.bench.big import cached
from tests.bench.figure import percentile
from tui.models.node_row import row_cells
from tui.models.snapshot import EventCursor
from tui.session.session import Session
from tui.theme import Glyphs

TIMES = 200
VISIBLE = 50
"""Rows on a screen."""
WIDTH = 118
"""Cells of the tree at 200 columns: all columns are shown."""


class Screen:
    """The tree of a run as a screen reads and draws it."""

    def __init__(self, reader: Reader, session: Session) -> None:
        self._reader = reader
        self._session = session
        self._glyphs = Glyphs()

    @property
    def _rows(self) -> range:
        middle = len(self._session.tree.outline) // 2
        return range(middle, middle + VISIBLE)

    async def show(self) -> None:
        """Read and draw the rows at the position."""
        session, rows = self._session, self._rows
        async with self._reader.snapshot():
            await session.refresh()
            await session.arrange(lambda: rows)
            found = session.tree.outline.rows(rows.start, rows.stop)
            picture = await session.read([row.node for row in found], EventCursor)
        for row in found:
            list(row_cells(row, picture.tree, WIDTH, session.tree.own, self._glyphs))

    async def seek(self, position: int) -> None:
        """Show another position."""
        self._session.seek(position)
        await self.show()


async def timed(work: Callable[[], Awaitable[None]]) -> float:
    """Milliseconds of processor time of a coroutine. Other programs hardly change it."""
    begun = time.process_time()
    await work()
    return (time.process_time() - begun) * 1000


async def measure(path: Path) -> dict[str, float]:
    """The figures of one file."""
    chance = random.Random(1)
    async with Reader(path) as reader:
        (row,) = await reader.runs()
        session = Session(reader, row.run.run_id, time.time)
        await session.open()
        screen = Screen(reader, session)
        found: dict[str, float] = {"nodes": row.run.nodes, "events": row.run.events}
        for name, sort in (("", "plan"), ("sorted_", "cost")):
            session.seek(None)
            session.tree.sort_by(sort)
            await screen.show()
            times = [await timed(screen.show) for _ in range(TIMES)]
            positions = [chance.randint(1, row.run.events) for _ in range(TIMES)]
            seeks = [await timed(partial(screen.seek, position)) for position in positions]
            for what, values in ((f"{name}now", times), (f"{name}seek", seeks)):
                found[f"{what}_p50_ms"], found[f"{what}_p99_ms"] = percentile(values, 0.5), percentile(values, 0.99)
        return found


def table(rows: list[dict[str, float]]) -> str:
    """A line for each figure, a column for each size."""
    return "\n".join(f"{name:<20}" + "".join(f"{row[name]:>14,.1f}" for row in rows) for name in rows[0])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--folder", type=Path, help="where the files are kept for the next time")
    parser.add_argument("--nodes", type=int, nargs="+", default=[1_000, 100_000], help="sizes of runs")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-") as litter:
        folder = options.folder or Path(litter)
        folder.mkdir(parents=True, exist_ok=True)
        rows = [asyncio.run(measure(cached(folder, "tree", nodes))) for nodes in sorted(options.nodes)]
    sys.stdout.write((json.dumps(rows, indent=2) if options.json else table(rows)) + "\n")


if __name__ == "__main__":
    main()
