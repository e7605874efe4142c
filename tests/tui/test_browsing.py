"""Who looks into one run after the other uses no more than who looked into a few: counted in what is alive."""

import gc
import os
import threading
import weakref
from collections import Counter
from functools import partial
from pathlib import Path

from textual._styles_cache import StylesCache
from textual.strip import Strip
from textual.timer import Timer
from textual.widget import Widget

from store.state import Node
from store.view import View
from tests.tui.stage import Clock, Hands, sees, treetop, until, watching
from tui.screens.run import RunScreen

KINDS = (Widget, View, Node, StylesCache, Strip, Timer)
"""What a screen is made of."""

NOISE = 30
"""Objects that may be there or not: what was drawn last is kept a while. A run that is kept has hundreds."""


def alive() -> Counter[type]:
    gc.collect()
    return Counter(kind for thing in gc.get_objects() for kind in KINDS if isinstance(thing, kind))


def held() -> tuple[int, int]:
    """Threads, but for the few that asyncio begins when it needs them and keeps, and open files."""
    threads = [thread for thread in threading.enumerate() if not thread.name.startswith("asyncio_")]
    return len(threads), len(os.listdir("/dev/fd"))


def is_read(screen: RunScreen) -> bool:
    return screen.at_rest and screen._view is not None


async def look_into(pilot: Hands, runs: int) -> list[weakref.ref[RunScreen]]:
    """Open so many runs, each from the list, look at its events, and go back."""
    seen = []
    for number in range(runs):
        await pilot.press("jk"[number % 2], "enter")
        screen = pilot.app.screen
        assert isinstance(screen, RunScreen)
        seen.append(weakref.ref(screen))
        await until(pilot, partial(is_read, screen))
        await pilot.press("tab", "j", "1")
        await sees(pilot, "GOAL")
    return seen


async def gone(pilot: Hands, screens: list[weakref.ref[RunScreen]]) -> None:
    """Wait until these are no more; asyncio remembers who set a timer up to the time for which it was set."""
    await until(pilot, lambda: gc.collect() >= 0 and not any(screen() for screen in screens))


async def test_of_a_run_that_was_left_nothing_stays(path: Path, clock: Clock) -> None:
    async with watching(treetop(path, clock), 120, 36) as pilot:
        await gone(pilot, await look_into(pilot, 3))
        before, held_before = alive(), held()
        await gone(pilot, await look_into(pilot, 12))
        after = alive()
        assert {kind.__name__: after[kind] - before[kind] for kind in KINDS if after[kind] - before[kind] > NOISE} == {}
        assert held() == held_before
