"""A measured program: sends keys, and waits for paints."""

import asyncio
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Sequence
from contextlib import suppress
from time import perf_counter

WAIT_TIMEOUT_S = 60.0
"""Seconds after which a wait fails."""

QUIET = 0.25
"""Seconds without a paint after which a screen is at rest."""

IN_TREE = re.compile(r"[│├└].{0,60}T\d{6}")
"""A row of a tree that is neither its root nor one of a list."""


class Late(Exception):
    """A wait failed. The message has the screen."""


class Surface(ABC):
    """Base of measured programs. A subclass calls `painted` after each piece of output."""

    def __init__(self) -> None:
        self.painted_at = 0.0
        self.first_at = 0.0
        """Time of the first paint after the last key."""
        self._waiting: tuple[Callable[[], bool], asyncio.Future[float]] | None = None

    @property
    @abstractmethod
    def lines(self) -> list[str]:
        """The text on the screen."""

    @abstractmethod
    def shades(self, x: int) -> Sequence[Hashable]:
        """Backgrounds of one column, from top to bottom."""

    @abstractmethod
    async def press(self, key: str) -> None:
        """Press a key."""

    def painted(self, at: float) -> None:
        """Record a paint at this time."""
        self.painted_at = at
        self.first_at = self.first_at or self.painted_at
        if self._waiting is not None:
            condition, future = self._waiting
            if not future.done() and condition():
                future.set_result(self.painted_at)

    async def until(self, condition: Callable[[], bool], timeout_s: float = WAIT_TIMEOUT_S) -> float:
        """Wait for a paint after which the condition holds. Returns its time. Raises Late."""
        if condition():
            return self.painted_at
        future: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._waiting = (condition, future)
        try:
            return await asyncio.wait_for(future, timeout_s)
        except TimeoutError:
            raise Late("it did not happen; the screen was\n" + "\n".join(self.lines)) from None
        finally:
            self._waiting = None

    async def act(self, key: str, condition: Callable[[], bool], timeout_s: float = WAIT_TIMEOUT_S) -> float:
        """Milliseconds from a key to the paint after which the condition holds. Raises Late."""
        waiting = asyncio.create_task(self.until(condition, timeout_s))
        await asyncio.sleep(0)
        begun = perf_counter()
        await self.press(key)
        return (await waiting - begun) * 1000

    async def rest(self, quiet: float = QUIET, timeout_s: float = WAIT_TIMEOUT_S) -> None:
        """Wait for `quiet` seconds without a paint. Raises Late."""
        begun = perf_counter()
        while (left := max(self.painted_at, begun) + quiet - perf_counter()) > 0:
            if perf_counter() - begun > timeout_s:
                raise Late("it does not come to rest; the screen was\n" + "\n".join(self.lines))
            await asyncio.sleep(left)

    async def settle(self, key: str, timeout_s: float = WAIT_TIMEOUT_S, quiet: float = QUIET) -> tuple[float, float] | None:
        """Milliseconds from a key to the first and to the last paint after it; None without a paint."""
        self.first_at, begun = 0.0, perf_counter()
        await self.press(key)
        with suppress(Late):
            await self.until(lambda: self.first_at > 0, 2.0)
        if not self.first_at:
            return None
        await self.rest(quiet, timeout_s)
        return (self.first_at - begun) * 1000, (self.painted_at - begun) * 1000

    # What the benchmarks wait for

    def tree_rows(self) -> list[str]:
        """The lines that show a node inside another."""
        return [line for line in self.lines if IN_TREE.search(line)]

    def shows_tree(self) -> bool:
        """Whether the screen shows a run with the first nodes of its tree."""
        return len(self.tree_rows()) >= 3

    def shows_runs(self) -> bool:
        """Whether the screen shows the list of runs."""
        return not self.tree_rows() and any("T000000" in line for line in self.lines)

    def holds(self, text: str) -> bool:
        """Whether a text is on the screen."""
        return any(text in line for line in self.lines)
