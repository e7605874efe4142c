"""What statistics cost: the screen in a terminal, the reading behind it, and `treetop stats`.

    python -m tests.bench.statistics [--json] [--quick] [--folder F] [--nodes 300 30000] [--only GROUP ...]

A run of N nodes has about 3.4 N spans: the sizes are those of 1k and 100k spans. Each of these groups can be selected:

- screen: `5` to the figures, keys in the table, Enter on its first group to the list of spans, keys in that list
- seek: milliseconds of processor time of all threads to read the statistics at a random position
- live: keys in the table while 1,000 updates and 200 new nodes a second arrive, next to the same keys when none do
- command: seconds and memory of `treetop stats latest`

Only figures of one run of the benchmark can be compared.
"""

import argparse
import asyncio
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from store.database.reader import Reader
from tests.bench import live
from tests.bench.big import cached
from tests.bench.cursor import Cursor
from tests.bench.figure import Figures, table
from tests.bench.program import treetop
from tests.bench.surface import Surface
from tui.models.statistics_rows import PATH_TASKS_SHOWN, SORTS
from tui.session.session import Session
from tui.session.statistics import SessionStatistics

NODES = (300, 30_000)

PATH = "on the critical path"
"""Text that is on the screen as soon as the statistics are."""

MEMORY = (
    "import resource, subprocess, sys, time; begun = time.monotonic(); subprocess.run(sys.argv[1:], stdout=-3, check=True);"
    " print(time.monotonic() - begun, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1000)"
)
"""Runs a command, and prints its seconds and its largest resident memory in MB."""


class Bench:
    """Measures one group after the other."""

    def __init__(self, folder: Path, quick: bool) -> None:
        self.figures = Figures()
        self._folder = folder
        self._times = 3 if quick else 9
        self._seconds = 5.0 if quick else 20.0
        self.groups: dict[str, Callable[[Path, int], Awaitable[None]]] = {
            "screen": self.screen,
            "seek": self.seek,
            "live": self.live,
            "command": self.command,
        }

    async def measure(self, nodes: int, groups: list[str]) -> None:
        """Measure these groups on a run with a number of nodes."""
        path = cached(self._folder, "tree", nodes)
        for group in groups:
            sys.stderr.write(f"{group} of {nodes} nodes...\n")
            await self.groups[group](path, nodes)

    async def screen(self, path: Path, nodes: int) -> None:
        """The screen of a stored run."""
        figures = self.figures
        async with treetop(path) as terminal:
            await _open_run(terminal)
            before = terminal.process.memory
            opening, again, listing = list[float](), list[float](), list[float]()
            for number in range(self._times):
                if number:
                    await terminal.act("1", terminal.shows_runs)
                    await _open_run(terminal)
                opening.append(await terminal.act("5", lambda: terminal.holds(PATH)))
                await terminal.rest()
                await _to_model(terminal)
                listing.append(await terminal.act("enter", lambda: terminal.holds("slowest first")))
                await terminal.rest()
                await terminal.act("q", lambda: terminal.holds(PATH))
                await terminal.act("q", terminal.shows_tree)
                await terminal.rest()
                again.append(await terminal.act("5", lambda: terminal.holds(PATH)))
                await terminal.rest()
            figures.spread("5 to the same figures again", again, size=nodes)
            figures.spread("5 to the figures", opening, size=nodes)
            figures.spread("Enter to the list of spans", listing, size=nodes)
            figures.spread("key in the table", await (await Cursor.find(terminal)).moves(3.0), size=nodes, tail=True)
            await terminal.settle("g")
            await _to_model(terminal)
            await terminal.act("enter", lambda: terminal.holds("slowest first"))
            await terminal.rest()
            figures.spread("key in the list", await (await Cursor.find(terminal)).moves(3.0), size=nodes, tail=True)
            for name, key in (("to the end", "G"), ("page up", "pageup"), ("to the start", "g"), ("page down", "pagedown")):
                found = await terminal.settle(key)
                figures.spread(f"list, {name}: last paint", [] if found is None else [found[1]], size=nodes)
            figures.add("memory of the screens, before", before, "MB", size=nodes)
            figures.add("memory of the screens, after", terminal.process.memory, "MB", size=nodes)
            figures.add("memory of the screens, at most", terminal.process.peak, "MB", size=nodes)

    async def seek(self, path: Path, nodes: int) -> None:
        """The reading at random positions."""
        chance, times = random.Random(1), list[float]()
        async with Reader(path) as reader:
            (row,) = await reader.runs()
            session = Session(reader, row.run.run_id, time.time)
            await session.open()
            statistics = SessionStatistics(session.moment, session.tree, lambda: session.now)
            spans = 0
            for _ in range(self._times + 1):
                session.seek(chance.randint(1, row.run.events))
                begun = time.process_time()
                async with reader.snapshot():
                    await session.refresh()
                    await statistics.read(lambda part: None)
                times.append((time.process_time() - begun) * 1000)
            session.seek(None)
            async with reader.snapshot():
                await session.refresh()
                begun = time.process_time()
                await statistics.read(lambda part: None)
                now = (time.process_time() - begun) * 1000
            spans = sum(group.count for name in ("model", "tool", "type") for group in statistics.shown.groups[name])
        self.figures.add("spans of the run", spans, "spans", size=nodes)
        self.figures.spread("seek to a random position (processor)", times[1:], size=nodes)
        self.figures.add("reading at now (processor)", now, "ms", size=nodes)

    async def live(self, path: Path, nodes: int) -> None:
        """Keys while events arrive."""
        figures = self.figures
        async with live.stage(path, nodes) as made, live.opened(made) as terminal:
            await terminal.act("5", lambda: terminal.holds(PATH))
            for _ in SORTS[1:]:
                await terminal.settle("S")  # by name: the rows keep their order
            await terminal.settle("G")
            await terminal.settle("k")
            cursor = await Cursor.find(terminal)
            figures.spread("live: key, idle", await cursor.moves(self._seconds / 2), size=nodes, tail=True)
            async with made.load(1_000, 200, self._seconds + 3.0) as rate:
                await asyncio.sleep(2.0)
                terminal.process.mark()
                busy = await cursor.moves(self._seconds)
                load = terminal.process.load
            figures.spread("live: key, live", busy, size=nodes, tail=True)
            figures.add("live: processor, screen", load, "%", size=nodes)
            figures.add("live: offered", rate[0], "events/s", size=nodes)

    async def command(self, path: Path, nodes: int) -> None:
        """`treetop stats latest`."""
        words = [sys.executable, "-c", MEMORY, sys.executable, "-m", "tui.cli", "stats", "latest", "--db", str(path)]
        done = await asyncio.to_thread(subprocess.run, words, capture_output=True, text=True, check=True)
        seconds, memory = map(float, done.stdout.split())
        self.figures.add("treetop stats", seconds, "s", size=nodes)
        self.figures.add("treetop stats, memory at most", memory, "MB", size=nodes)


async def _open_run(terminal: Surface) -> None:
    await terminal.until(terminal.shows_runs)
    await terminal.rest()
    await terminal.act("enter", terminal.shows_tree)
    await terminal.rest()


async def _to_model(terminal: Surface) -> None:
    """Move the cursor from the first row to the first model, beyond the tasks of the critical path."""
    for _ in range(PATH_TASKS_SHOWN):
        await terminal.settle("j")


async def measure(bench: Bench, nodes: list[int], groups: list[str]) -> None:
    """Measure these groups on runs of these sizes."""
    for size in sorted(nodes):
        await bench.measure(size, groups)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--quick", action="store_true", help="fewer tries, shorter loads")
    parser.add_argument("--folder", type=Path, help="where the files are kept for the next time")
    parser.add_argument("--nodes", type=int, nargs="+", default=list(NODES), help="sizes of runs")
    parser.add_argument("--only", nargs="+", metavar="GROUP", help="measure only these groups")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-") as litter:
        folder = options.folder or Path(litter)
        folder.mkdir(parents=True, exist_ok=True)
        bench = Bench(folder.absolute(), options.quick)
        if wrong := set(options.only or ()) - set(bench.groups):
            parser.error(f"no such group: {', '.join(sorted(wrong))}; there are {', '.join(bench.groups)}")
        asyncio.run(measure(bench, options.nodes, options.only or list(bench.groups)))
    figures = bench.figures.all
    sys.stdout.write(
        (msgspec.json.format(msgspec.json.encode(figures), indent=2).decode() if options.json else table(figures)) + "\n"
    )


if __name__ == "__main__":
    main()
