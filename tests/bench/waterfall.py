"""How quick the waterfall is beside the tree: on runs of two sizes, standing and growing, in a pseudo terminal.

    python -m tests.bench.waterfall [--json] [--quick] [--folder F] [--nodes 300 30000]

A node of these runs has about three spans, so that the default sizes are about 1,000 and 100,000 spans. Milliseconds are
from a key to the paint of its effect. Machines differ: look at the ratios, of one size to the other, and of live to idle.

- open: `w` to the first paint of the bars; and to the critical path, which is computed in a thread
- scroll, row, zoom, pan, idle: keys of the waterfall
- seek: one event back or forward in time travel, with tree and bars at the new position
- live: the cursor moves a row while 1,000 updates and 200 new nodes a second arrive, and without them
"""

import argparse
import asyncio
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from time import perf_counter

import msgspec

from tests.bench import live
from tests.bench.big import cached
from tests.bench.cursor import Cursor
from tests.bench.figure import Figures, percentile, table
from tests.bench.program import treetop
from tests.bench.surface import Late, Surface
from tests.bench.terminal import Terminal

NODES = (300, 30_000)

UPDATES, CREATES = 1_000, 200
"""Events a second of the live run."""

KEYS = (
    ("scroll: page down", "pagedown"),
    ("row: down", "j"),
    ("row: up", "k"),
    ("scroll: page up", "pageup"),
    ("zoom in", "+"),
    ("pan right", "l"),
    ("zoom out", "-"),
    ("scroll: to the end", "G"),
    ("scroll: to the start", "g"),
)
"""Keys of the waterfall, in an order in which each of them changes the screen."""


def spans_in(path: Path) -> int:
    """Number of spans in a file."""
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        count: int = connection.execute("SELECT count(*) FROM span").fetchone()[0]
        return count


def shows_bars(surface: Surface) -> bool:
    """Whether bars are on the screen."""
    return surface.holds("w Waterfall") and any("█" in line or "▏" in line or "─▶" in line for line in surface.lines[3:])


def differs(surface: Surface) -> Callable[[], bool]:
    """Whether the screen shows something else than now."""
    before = surface.lines
    return lambda: surface.lines != before


async def act(surface: Surface, keys: Iterable[tuple[str, str]], times: int, figures: Figures, size: int) -> None:
    """Each of these keys in turn, until the screen looks different."""
    keys = list(keys)
    values: dict[str, list[float]] = {name: [] for name, _ in keys}
    for _ in range(times):
        for name, key in keys:
            values[name].append(await surface.act(key, differs(surface)))
            await surface.rest()
    for name, found in values.items():
        figures.spread(name, found, size=size, tail=True)


async def enter(terminal: Terminal) -> None:
    """Open the run."""
    await terminal.until(terminal.shows_runs)
    await terminal.rest()
    await terminal.act("enter", terminal.shows_tree)
    await terminal.rest()


async def measure_stored(path: Path, nodes: int, figures: Figures, times: int) -> None:
    """Keys on a run that does not grow."""
    figures.add("spans", spans_in(path), "spans", size=nodes)
    async with treetop(path) as terminal:
        await enter(terminal)
        before = terminal.process.memory
        begun = perf_counter()
        figures.spread("open: first bars", [await terminal.act("w", lambda: shows_bars(terminal))], size=nodes)
        shown = await terminal.until(lambda: terminal.holds("critical path"))
        figures.add("open: critical path", max(shown - begun, 0.0) * 1000, "ms", size=nodes)
        await terminal.rest()
        again = list[float]()
        for _ in range(times):
            await terminal.act("w", lambda: terminal.holds("3 Timeline"))
            await terminal.rest()
            again.append(await terminal.act("w", lambda: shows_bars(terminal)))
            await terminal.rest()
        figures.spread("open again: first bars", again, size=nodes, tail=True)
        await act(terminal, KEYS, times, figures, nodes)
        await terminal.settle("t")
        await act(terminal, (("seek: event back", "["), ("seek: event forward", "]")), times, figures, nodes)
        figures.add("memory: before", before, "MB", size=nodes)
        figures.add("memory: after all of this", terminal.process.memory, "MB", size=nodes)
        figures.add("memory: at most", terminal.process.peak, "MB", size=nodes)


async def measure_live(path: Path, nodes: int, figures: Figures, seconds: float) -> None:
    """Keys on a run that grows, next to the same keys when it does not."""
    async with live.stage(path, nodes) as made, live.opened(made) as terminal:
        await terminal.act("w", lambda: shows_bars(terminal))
        await terminal.until(lambda: terminal.holds("critical path"))
        await terminal.rest()
        cursor = await Cursor.find(terminal)
        idle = await cursor.moves(max(seconds / 2, 3.0))
        async with made.load(UPDATES, CREATES, seconds + 3.0) as rate:
            await asyncio.sleep(2.0)
            terminal.process.mark()
            try:
                busy = await cursor.moves(seconds)
            except Late:
                busy = []
            load = terminal.process.load
        figures.spread("live: row, idle", idle, size=nodes, tail=True)
        figures.spread("live: row, live", busy, size=nodes, tail=True)
        for part in (0.5, 0.99):
            ratio = percentile(busy, part) / percentile(idle, part) if busy else None
            figures.add(f"live: p{part * 100:.0f} live / idle", ratio, "times", size=nodes)
        figures.add("live: processor", load, "%", size=nodes)
        figures.add("live: offered", rate[0], "events/s", size=nodes)


def ratios(figures: Figures, sizes: list[int]) -> None:
    """Add the ratio of the largest size to the smallest, for each time."""
    small, big = sizes[0], sizes[-1]
    by_what = {(figure.what, figure.size): figure for figure in figures.all if figure.unit == "ms" and figure.value}
    for what, size in list(by_what):
        if size == small and (what, big) in by_what:
            before, after = by_what[what, small].value, by_what[what, big].value
            if before and after:
                figures.add(f"{what}: big / small", after / before, "times", size=big)


async def measure(folder: Path, nodes: list[int], quick: bool) -> Figures:
    figures = Figures()
    for size in nodes:
        path = cached(folder, "tree", size)
        try:
            await measure_stored(path, size, figures, 3 if quick else 12)
            await measure_live(path, size, figures, 5.0 if quick else 15.0)
        except Late as error:
            figures.add("not all of it was measured", None, "", size=size, note=str(error).partition("\n")[0])
    if len(nodes) > 1:
        ratios(figures, nodes)
    return figures


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--quick", action="store_true", help="fewer tries, shorter loads")
    parser.add_argument("--folder", type=Path, help="where the files are kept for the next time")
    parser.add_argument("--nodes", type=int, nargs="+", default=list(NODES), help="sizes of runs")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-") as litter:
        folder = options.folder or Path(litter)
        folder.mkdir(parents=True, exist_ok=True)
        figures = asyncio.run(measure(folder.absolute(), sorted(options.nodes), options.quick)).all
    encoded = msgspec.json.format(msgspec.json.encode(figures), indent=2).decode()
    sys.stdout.write((encoded if options.json else table(figures)) + "\n")


if __name__ == "__main__":
    main()
