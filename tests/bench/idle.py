"""Time to start, costs of an idle screen, and memory after long use."""

import asyncio
from pathlib import Path

from tests.bench.figure import Figures, median
from tests.bench.program import WIDE, treetop
from tests.bench.surface import Surface
from tests.bench.terminal import Terminal

BROWSED = (1, 10, 50, 100)
"""Numbers of opened runs after which the memory is measured."""


async def measure_start(big: Path, many: Path, size: int, figures: Figures, times: int) -> None:
    """Time from the start of the process to the list of runs, and that of an empty App, in alternation.

    One file has a big run, the other has many runs.
    """
    found: dict[str, list[float]] = {"empty App": [], "one big run": [], "many runs": []}
    memory = list[float]()
    for _ in range(times + 1):  # the first of each only warms the caches
        async with Terminal("tests.bench.bare") as terminal:
            found["empty App"].append(await painted(terminal))
            await terminal.rest()
            memory.append(terminal.process.memory)
        for name, path in (("one big run", big), ("many runs", many)):
            async with treetop(path) as terminal:
                found[name].append((await terminal.until(terminal.shows_runs) - terminal.started_at) * 1000)
    bare = median(found["empty App"][1:])
    for name, values in found.items():
        of, middle = "App" if name == "empty App" else "treetop", median(values[1:])
        figures.add(f"start: {name}", middle, "ms", size=size, of=of, note=f"of {times}")
        if of == "treetop":
            figures.add(f"start: {name}, more than empty App", middle - bare, "ms", size=size)
    figures.add("memory, empty", median(memory), "MB", size=size, of="App")


async def painted(terminal: Terminal) -> float:
    """Milliseconds from the start until the last cell is coloured."""

    def filled() -> bool:
        return terminal.grid.shades(terminal.grid.width - 1)[-1].background != ""

    return (await terminal.until(filled) - terminal.started_at) * 1000


async def measure_quiet(path: Path, size: int, figures: Figures, seconds: float, kind: str) -> None:
    """Bytes and processor time of idle screens."""
    async with treetop(path) as terminal:
        await terminal.until(terminal.shows_runs)
        await quiet(terminal, size, figures, seconds, f"quiet, list, {kind} run")
        await terminal.act("enter", terminal.shows_tree)
        await quiet(terminal, size, figures, seconds, f"quiet, tree, {kind} run")


async def quiet(terminal: Terminal, size: int, figures: Figures, seconds: float, name: str) -> None:
    """Measure an idle screen for a number of seconds."""
    await asyncio.sleep(2.0)
    terminal.process.mark()
    written = terminal.written
    await asyncio.sleep(seconds)
    figures.add(f"{name}: written", (terminal.written - written) / seconds, "bytes/s", size=size)
    figures.add(f"{name}: processor", terminal.process.load, "%", size=size)


async def measure_browsing(path: Path, runs: int, figures: Figures) -> None:
    """Memory while runs are opened and closed."""
    async with treetop(path, size=WIDE) as terminal:
        await terminal.until(terminal.shows_runs)
        await terminal.rest()
        after: dict[int, float] = {}
        for number in range(1, runs + 1):
            await look_into(terminal)
            if number in BROWSED or number == runs:
                after[number] = terminal.process.memory
                figures.add(f"memory, after {number} runs", after[number], "MB")
        if len(after) > 2:  # the first few load what all need
            least = min(number for number in after if number > 1)
            grown = (after[runs] - after[least]) * 1024 / (runs - least)
            figures.add("memory, growth a run", grown, "kB", note=f"from {least} runs to {runs}")


async def look_into(surface: Surface) -> None:
    """Open the run under the cursor, leave it, and go to the next."""
    await surface.act("enter", surface.shows_tree)
    await surface.rest(0.05)
    await surface.act("1", lambda: not surface.tree_rows())
    await surface.rest(0.05)
    await surface.press("j")
    await surface.rest(0.05)
