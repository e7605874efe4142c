"""A stored run: opening it, moving in it, collapsing it, reading its timeline."""

from collections.abc import Iterable
from pathlib import Path

from tests.bench.cursor import Cursor, differs
from tests.bench.figure import Figures
from tests.bench.headless import headless
from tests.bench.program import WIDE, stock, treetop, where
from tests.bench.surface import Late, Surface

TIMELINE = (
    ("jump to end", "G"),
    ("page up", "pageup"),
    ("line up", "k"),
    ("jump to start", "g"),
    ("page down", "pagedown"),
    ("line down", "j"),
)
"""Keys of the timeline, in an order in which each of them moves the cursor."""

SHORT = 1.5
"""Seconds for which the cursor is moved."""


class Stored:
    """Measures one program that shows one run of this many nodes."""

    def __init__(
        self, surface: Surface, figures: Figures, size: int, place: str = where(WIDE), of: str = "treetop", prefix: str = ""
    ) -> None:
        self._surface = surface
        self._figures = figures
        self._size = size
        self._place = place
        self._of = of
        self._prefix = prefix

    def note(self, what: str, values: list[float]) -> None:
        """Add these milliseconds."""
        self._figures.spread(f"{self._prefix}{what}", values, size=self._size, of=self._of, where=self._place)

    async def opened(self, times: int) -> None:
        """Milliseconds from Enter in the list of runs to the painted tree. Leaves the run between the tries."""
        surface, values = self._surface, list[float]()
        await surface.until(surface.shows_runs)
        await surface.rest()
        for number in range(times):
            if number:
                await surface.act("1", surface.shows_runs)
                await surface.rest()
            values.append(await surface.act("enter", surface.shows_tree))
            await surface.rest()
        self.note("open: Enter to tree", values)

    async def moved(self, down: str = "j", up: str = "k", what: str = "key to moved cursor") -> None:
        """Milliseconds for a row down and up again."""
        cursor = await Cursor.find(self._surface, down, up)
        self.note(what, await cursor.moves(SHORT))

    async def did(self, keys: Iterable[tuple[str, str]], times: int = 5) -> None:
        """Milliseconds from each of these keys to a changed screen."""
        surface, keys = self._surface, list(keys)
        values: dict[str, list[float]] = {name: [] for name, _ in keys}
        for _ in range(times):
            for name, key in keys:
                values[name].append(await surface.act(key, differs(surface)))
                await surface.rest()
        for name, found in values.items():
            self.note(name, found)

    async def widened(self) -> None:
        """Widen the timeline from the node to the subtree and to the run, and focus it."""
        surface = self._surface
        for _ in range(3):
            if surface.holds("Timeline of the run"):
                break
            await surface.settle("b")
        else:
            raise Late("the timeline is not that of the run; the screen was\n" + "\n".join(surface.lines))
        await surface.settle("3")

    async def read_timeline(self, times: int, keys: Iterable[tuple[str, str]] = TIMELINE) -> None:
        """The timeline of the whole run: from a key to the first paint after it, and to the last."""
        surface, keys = self._surface, list(keys)
        first: dict[str, list[float]] = {name: [] for name, _ in keys}
        last: dict[str, list[float]] = {name: [] for name, _ in keys}
        for _ in range(times):
            for name, key in keys:
                found = await surface.settle(key)
                if found is not None:
                    first[name].append(found[0])
                    last[name].append(found[1])
        for name, _ in keys:
            self.note(f"timeline, {name}: first paint", first[name])
            self.note(f"timeline, {name}: last paint", last[name])


async def measure_treetop(path: Path, size: int, figures: Figures, times: int, place: tuple[int, int] = WIDE) -> None:
    """treetop on a run of this size, in a terminal."""
    async with treetop(path, size=place) as terminal:
        try:
            await measure(Stored(terminal, figures, size, where(place)), times)
        finally:
            figures.add("memory, after all of this", terminal.process.memory, "MB", size=size, where=where(place))
            figures.add("memory, at most", terminal.process.peak, "MB", size=size, where=where(place))


async def measure_headless(path: Path, size: int, figures: Figures, times: int) -> None:
    """The same without a terminal: the part that is not painting."""
    async with headless(path, WIDE) as surface:
        await measure(Stored(surface, figures, size, "headless"), times)


async def measure(stored: Stored, times: int) -> None:
    """Measure everything about a stored run."""
    await stored.opened(times)
    await stored.moved()
    await stored.did([("collapse all", "-"), ("expand all", "=")], times)
    await stored.widened()
    await stored.read_timeline(times)


async def measure_odd(path: Path, size: int, figures: Figures, shape: str, times: int) -> None:
    """A run that is very deep, or very wide."""
    async with treetop(path) as terminal:
        stored = Stored(terminal, figures, size, prefix=f"{shape}: ")
        await stored.opened(times)
        await stored.did(
            [("to the end", "G"), ("page up", "pageup"), ("to the start", "g"), ("page down", "pagedown")], times
        )
        await stored.did([("collapse all", "-"), ("expand all", "=")], times)


async def measure_stock(path: Path, size: int, rows: int, figures: Figures, times: int) -> None:
    """Textual's own Tree with the nodes of the run, and its DataTable with so many of its events."""
    async with stock(path, "tree", size) as terminal:
        stored = Stored(terminal, figures, size, of="Tree")
        await terminal.until(lambda: terminal.holds("ready"))
        stored.note("open: Enter to tree", [await terminal.act("enter", terminal.shows_tree)])
        await terminal.rest()
        await stored.moved("down", "up")
        await stored.did([("collapse all", "-"), ("expand all", "=")], 1 if size > 10_000 else times)
        try:
            await stored.did([("one more node", "a")], 1 if size > 10_000 else times)
        except Late:
            stored.note("one more node", [])
        figures.add("memory, after all of this", terminal.process.memory, "MB", size=size, of="Tree")
    async with stock(path, "table", rows) as terminal:
        stored = Stored(terminal, figures, size, of="DataTable")
        await terminal.until(lambda: terminal.holds("ready"))
        figures.add("timeline, rows", rows, "rows", size=size, of="DataTable", note="the stock widget gets no more of them")
        stored.note("open: Enter to timeline", [await terminal.act("enter", lambda: terminal.holds("run_started"))])
        await terminal.rest()
        await stored.read_timeline(times)
        figures.add("memory, after all of this", terminal.process.memory, "MB", size=size, of="DataTable")
