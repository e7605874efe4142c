"""The position of a list's cursor, found by the background of its row, and the time that a key takes to move it."""

import asyncio
from collections.abc import Callable, Hashable
from random import Random
from time import perf_counter

from tests.bench.surface import Late, Surface

COLUMN = 30
"""Column of the terminal that is within the tree, and within the text of its first rows."""


class Cursor:
    """Moves a cursor down by a row and up again. `find` needs a screen at rest; later the screen may change."""

    def __init__(self, surface: Surface, row: int, mark: Hashable, down: str, up: str) -> None:
        self._surface = surface
        self._row = row
        self._mark = mark
        self._keys = (down, up)
        self._place = 0

    @classmethod
    async def find(cls, surface: Surface, down: str = "j", up: str = "k") -> "Cursor":
        """The cursor that these keys move down and up. Raises Late."""
        before = surface.shades(COLUMN)
        for _ in range(3):  # the first key may only bring the cursor to light
            await surface.settle(down)
            after = surface.shades(COLUMN)
            for row in range(len(before) - 1):
                mark, plain = before[row], before[row + 1]
                if mark != plain and after[row] == plain and after[row + 1] == mark:
                    await surface.settle(up)
                    return cls(surface, row, mark, down, up)
            before = after
        raise Late("no cursor moves; the screen was\n" + "\n".join(surface.lines))

    @property
    def line(self) -> str:
        """Text of the row of the cursor."""
        return self._surface.lines[self._row + self._place]

    async def move(self) -> float:
        """Milliseconds from the key to the paint in which the cursor has moved."""
        surface, key = self._surface, self._keys[self._place]
        self._place = 1 - self._place
        to, of = self._row + self._place, self._row + 1 - self._place

        def moved() -> bool:
            shades = surface.shades(COLUMN)
            return shades[to] == self._mark and shades[of] != self._mark

        return await surface.act(key, moved)

    async def moves(self, seconds: float, least: int = 10) -> list[float]:
        """Move the cursor at random moments for a number of seconds. Returns the milliseconds of each move."""
        luck, found, begun = Random(4), list[float](), perf_counter()
        while perf_counter() - begun < seconds or len(found) < least:
            await asyncio.sleep(luck.uniform(0.04, 0.12))
            found.append(await self.move())
        return found


def differs(surface: Surface) -> Callable[[], bool]:
    """Whether the screen differs from the present one. Of a tree, only the rows are compared."""
    before = surface.tree_rows() or surface.lines
    return lambda: (surface.tree_rows() or surface.lines) != before
