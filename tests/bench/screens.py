"""Speed of the screens on stored and growing runs of three sizes, compared with Tree and DataTable of Textual.

    python -m tests.bench.screens [--json] [--quick] [--long] [--folder F] [--nodes 1000 10000 100000] [--only GROUP ...]

The real programs run in a pseudo terminal. A key is written to it, and the output is drawn on a screen in memory until the
screen shows the expected change. `headless` is the same without a terminal. The figures are milliseconds to the paint
(median, and p99 where the tail matters), bytes of output, MB of resident memory, and percent of one core.

Compare only figures of one run, as ratios: live to idle, treetop to the stock widget, one size to the next, and the start
to that of an empty App.

Groups. Each can be selected by name:

- start: process start to the list of runs, for the file with the largest run, and for one with 1,000 runs
- stored: Enter to tree; keys; collapse and expand all; the timeline of the whole run (needs keys Enter 1 b 3 - = G g j k)
- small: the same at 80x24, on the largest run
- headless: the same without a terminal
- stock: Tree and DataTable, on the same runs
- odd: a run 1,000 levels deep, and one with 50,000 children of one node
- quiet: idle screens, and one row that changes
- browse: memory while 100 runs are opened one after the other
- live: keys while 1,000 updates and 200 new nodes a second arrive, and 20,000 events a second
- reach: XADD to the changed cell, at 10, 1,000 and 5,000 events a second

The files are created first (a minute or two for 1,000,000 events). `--folder` keeps them.
"""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import msgspec

from tests.bench import idle, live, stored
from tests.bench.big import cached
from tests.bench.figure import Figure, Figures, table
from tests.bench.program import SMALL
from tests.bench.surface import Late

NODES = (1_000, 10_000, 100_000)
TABLE_ROWS = 100_000
"""Largest number of rows for the DataTable, which needs minutes and gigabytes for a million."""


class Bench:
    """Measures one group after another. `quick`: fewer and shorter tries. `long`: a minute of load."""

    def __init__(self, folder: Path, nodes: Sequence[int], quick: bool, long: bool) -> None:
        self.figures = Figures()
        self._folder = folder
        self._nodes = sorted(nodes)
        self._quick = quick
        self._long = long
        self._times = 3 if quick else 9
        self._seconds = 5.0 if quick else 20.0
        self.groups: dict[str, Callable[[], Awaitable[None]]] = {
            "start": self.start,
            "stored": self.stored,
            "small": self.small,
            "headless": self.headless,
            "stock": self.stock,
            "odd": self.odd,
            "quiet": self.quiet,
            "browse": self.browse,
            "live": self.live,
            "reach": self.reach,
        }

    def _tree(self, nodes: int) -> Path:
        return cached(self._folder, "tree", nodes)

    @property
    def _biggest(self) -> int:
        return self._nodes[-1]

    async def start(self) -> None:
        many = cached(self._folder, "small")
        await idle.measure_start(self._tree(self._biggest), many, self._biggest, self.figures, self._times)

    async def stored(self) -> None:
        for nodes in self._nodes:
            await stored.measure_treetop(self._tree(nodes), nodes, self.figures, self._times)

    async def small(self) -> None:
        await stored.measure_treetop(self._tree(self._biggest), self._biggest, self.figures, self._times, SMALL)

    async def headless(self) -> None:
        for nodes in self._nodes:  # in a process of its own, so that this one stays small
            with ProcessPoolExecutor(1, get_context("spawn")) as pool:
                self.figures.all += await asyncio.wrap_future(
                    pool.submit(_without_terminal, self._tree(nodes), nodes, self._times)
                )

    async def stock(self) -> None:
        for nodes in self._nodes:
            rows = min(10 * nodes, TABLE_ROWS)
            await stored.measure_stock(self._tree(nodes), nodes, rows, self.figures, 3)

    async def odd(self) -> None:
        for shape, nodes in (("deep", 1_000), ("wide", self._biggest // 2)):
            path = cached(self._folder, shape, nodes)
            await stored.measure_odd(path, nodes, self.figures, shape, self._times)

    async def quiet(self) -> None:
        await idle.measure_quiet(self._tree(self._biggest), self._biggest, self.figures, self._seconds, "unfinished")
        await idle.measure_quiet(cached(self._folder, "medium", 1), 200, self.figures, self._seconds, "finished")
        async with live.stage(self._tree(self._nodes[0]), self._nodes[0]) as made:
            await live.measure_change(made, self.figures, 20)

    async def browse(self) -> None:
        runs = 20 if self._quick else 100
        await idle.measure_browsing(cached(self._folder, "medium", runs), runs, self.figures)

    async def live(self) -> None:
        minute = 60.0 if self._long else self._seconds
        for nodes in self._nodes:
            async with live.stage(self._tree(nodes), nodes) as made:
                await live.measure_keys(made, self.figures, 1_000, 200, self._seconds)
                if nodes == self._biggest:
                    await live.measure_keys(made, self.figures, 16_700, 3_300, minute)

    async def reach(self) -> None:
        for nodes in dict.fromkeys((self._nodes[0], self._biggest)):
            async with live.stage(self._tree(nodes), nodes) as made:
                for rate in (10, 1_000, 5_000):
                    await live.measure_reach(made, self.figures, rate, self._seconds)


def _without_terminal(path: Path, nodes: int, times: int) -> list[Figure]:
    figures = Figures()
    asyncio.run(stored.measure_headless(path, nodes, figures, times))
    return figures.all


async def measure(bench: Bench, groups: Sequence[str]) -> None:
    """Measure these groups. The error of a group is printed, and the others are measured."""
    for group in groups:
        sys.stderr.write(f"{group}...\n")
        try:
            await bench.groups[group]()
        except Late as error:
            sys.stderr.write(f"{group}: {error}\n")
            bench.figures.add(f"{group}: not all of it was measured", None, "", note=str(error).partition("\n")[0])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--quick", action="store_true", help="fewer tries, shorter loads")
    parser.add_argument("--long", action="store_true", help="20,000 events a second for a whole minute")
    parser.add_argument("--folder", type=Path, help="where the files are kept for the next time")
    parser.add_argument("--nodes", type=int, nargs="+", default=list(NODES), help="sizes of runs")
    parser.add_argument("--only", nargs="+", metavar="GROUP", help="measure only these groups")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-") as litter:
        folder = options.folder or Path(litter)
        folder.mkdir(parents=True, exist_ok=True)
        bench = Bench(folder.absolute(), options.nodes, options.quick, options.long)
        if wrong := set(options.only or ()) - set(bench.groups):
            parser.error(f"no such group: {', '.join(sorted(wrong))}; there are {', '.join(bench.groups)}")
        asyncio.run(measure(bench, options.only or list(bench.groups)))
    figures = bench.figures.all
    sys.stdout.write(
        (msgspec.json.format(msgspec.json.encode(figures), indent=2).decode() if options.json else table(figures)) + "\n"
    )


if __name__ == "__main__":
    main()
