"""Opening many runs one after the other uses no more memory, threads and files than opening a few."""

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

from store.database.moment import Moment
from store.model.state import Node
from tests.tui.stage import Clock, Hands, sees, treetop, until, watching
from tui.screens.run import RunScreen
from tui.widgets.node_tree import NodeTree

KINDS = (Widget, Moment, Node, StylesCache, Strip, Timer)
"""Types of the objects that a screen consists of."""

NOISE = 30
"""Number of objects that may remain, because the last lines stay cached. A leaked run has hundreds."""


def alive() -> Counter[type]:
    gc.collect()
    return Counter(kind for thing in gc.get_objects() for kind in KINDS if isinstance(thing, kind))


def held() -> tuple[int, int]:
    """Numbers of threads, without those of asyncio's pool, and of open files."""
    threads = [thread for thread in threading.enumerate() if not thread.name.startswith("asyncio_")]
    return len(threads), len(os.listdir("/dev/fd"))


def is_read(screen: RunScreen) -> bool:
    return screen.at_rest and screen.query_one(NodeTree).count > 0


async def look_into(pilot: Hands, runs: int) -> list[weakref.ref[RunScreen]]:
    """Open runs one after the other from the list, move through their events, and go back."""
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
    """Wait until the screens are freed. A timer keeps its screen until it expires."""
    await until(pilot, lambda: gc.collect() >= 0 and not any(screen() for screen in screens))


async def test_a_closed_run_releases_its_memory_threads_and_files(path: Path, clock: Clock) -> None:
    async with watching(treetop(path, clock), 120, 36) as pilot:
        await gone(pilot, await look_into(pilot, 3))
        before, held_before = alive(), held()
        await gone(pilot, await look_into(pilot, 12))
        after = alive()
        assert {kind.__name__: after[kind] - before[kind] for kind in KINDS if after[kind] - before[kind] > NOISE} == {}
        assert held() == held_before
