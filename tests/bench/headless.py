"""treetop without a terminal, as in tests. Paints are counted where Textual passes them to the driver."""

import asyncio
from collections.abc import AsyncIterator, Hashable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

from rich.console import RenderableType
from textual.pilot import Pilot
from textual.screen import Screen

from tests.bench.surface import Surface
from tests.tui.stage import lines, strips
from tui.app import Treetop


class Headless(Surface):
    """Records the output of the compositor for a driver without a terminal."""

    def __init__(self, pilot: Pilot[Any]) -> None:
        super().__init__()
        self._pilot = pilot
        self._pressing: set[asyncio.Task[None]] = set()

    @property
    def lines(self) -> list[str]:
        return lines(self._pilot.app)

    def shades(self, x: int) -> Sequence[Hashable]:
        found: list[Hashable] = []
        for strip in strips(self._pilot.app):
            end, shade = 0, None
            for segment in strip:
                end += segment.cell_length
                if end > x:
                    shade = None if segment.style is None else segment.style.bgcolor
                    break
            found.append(shade)
        return found

    async def press(self, key: str) -> None:
        pressing = asyncio.create_task(self._pilot.press(key))
        self._pressing.add(pressing)
        pressing.add_done_callback(self._pressing.discard)


class Watched(Treetop):
    """Reports every paint to a surface."""

    surface: Surface | None = None

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        super()._display(screen, renderable)
        if self.surface is not None and renderable is not None and screen is self.screen:
            self.surface.painted(perf_counter())


@asynccontextmanager
async def headless(path: Path, size: tuple[int, int]) -> AsyncIterator[Headless]:
    """The application on a file that does not grow."""
    app = Watched(path, "redis://localhost:6379/0", "bench", ingest=False)
    app.animation_level = "none"
    async with app.run_test(size=size) as pilot:
        surface = Headless(pilot)
        app.surface = surface
        yield surface
