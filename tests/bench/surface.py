"""A program that is being looked at: keys go in, and what it paints is waited for."""

import asyncio
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Sequence
from contextlib import suppress
from time import perf_counter

PATIENCE = 60.0
"""Seconds after which what did not happen will not."""

QUIET = 0.25
"""Seconds without paint after which a screen has come to rest."""

IN_TREE = re.compile(r"[│├└].{0,60}T\d{6}")
"""A row of a tree that is neither its root nor one of a list."""


class Late(Exception):
    """What was waited for did not come. The message has the screen."""


class Surface(ABC):
    """Something that paints. A subclass calls `painted` after each piece of output."""

    def __init__(self) -> None:
        self.painted_at = 0.0
        self.first_at = 0.0
        """Of the paint after the last key."""
        self._waiting: tuple[Callable[[], bool], asyncio.Future[float]] | None = None

    @property
    @abstractmethod
    def lines(self) -> list[str]:
        """The text on the screen."""

    @abstractmethod
    def shades(self, x: int) -> Sequence[Hashable]:
        """What is behind one column, from top to bottom."""

    @abstractmethod
    async def press(self, key: str) -> None:
        """Press a key."""

    def painted(self, at: float) -> None:
        """Something was painted at this time."""
        self.painted_at = at
        self.first_at = self.first_at or self.painted_at
        if self._waiting is not None:
            condition, future = self._waiting
            if not future.done() and condition():
                future.set_result(self.painted_at)

    async def until(self, condition: Callable[[], bool], patience: float = PATIENCE) -> float:
        """Wait for a paint that makes this true; gives its time. Raises Late."""
        if condition():
            return self.painted_at
        future: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._waiting = (condition, future)
        try:
            return await asyncio.wait_for(future, patience)
        except TimeoutError:
            raise Late("it did not happen; the screen was\n" + "\n".join(self.lines)) from None
        finally:
            self._waiting = None

    async def act(self, key: str, condition: Callable[[], bool], patience: float = PATIENCE) -> float:
        """Milliseconds from a key to the paint that makes something true. Raises Late."""
        waiting = asyncio.create_task(self.until(condition, patience))
        await asyncio.sleep(0)
        begun = perf_counter()
        await self.press(key)
        return (await waiting - begun) * 1000

    async def rest(self, quiet: float = QUIET, patience: float = PATIENCE) -> None:
        """Wait until nothing was painted for a while. Raises Late."""
        begun = perf_counter()
        while (left := max(self.painted_at, begun) + quiet - perf_counter()) > 0:
            if perf_counter() - begun > patience:
                raise Late("it does not come to rest; the screen was\n" + "\n".join(self.lines))
            await asyncio.sleep(left)

    async def settle(self, key: str, patience: float = PATIENCE, quiet: float = QUIET) -> tuple[float, float] | None:
        """Milliseconds from a key to the first and to the last paint after it; None where it painted nothing."""
        self.first_at, begun = 0.0, perf_counter()
        await self.press(key)
        with suppress(Late):
            await self.until(lambda: self.first_at > 0, 2.0)
        if not self.first_at:
            return None
        await self.rest(quiet, patience)
        return (self.first_at - begun) * 1000, (self.painted_at - begun) * 1000

    # What the benchmarks wait for

    def tree_rows(self) -> list[str]:
        """The lines that show a node inside another."""
        return [line for line in self.lines if IN_TREE.search(line)]

    def shows_tree(self) -> bool:
        """Is a run on the screen, with the first nodes of its tree?"""
        return len(self.tree_rows()) >= 3

    def shows_runs(self) -> bool:
        """Is the list of runs on the screen?"""
        return not self.tree_rows() and any("T000000" in line for line in self.lines)

    def holds(self, text: str) -> bool:
        """Is this on the screen?"""
        return any(text in line for line in self.lines)
