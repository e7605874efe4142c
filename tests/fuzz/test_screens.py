"""The screens show the corpus, and send the terminal none of its control sequences."""

from typing import Any

from textual.pilot import Pilot

from tests.fuzz.conftest import Stored
from tests.tables import query
from tests.tui.conftest import _no_idle_wait  # noqa: F401 - as all tests of screens
from tests.tui.stage import Clock, faults, sees, treetop, until, watching
from tui.widgets.node_tree import NodeTree
from tui.widgets.run_list import RunList

WALK = ("O", "end", "pageup", "b", "b", "3", "end", "v", "home", "4", "end")
"""Keys that show much of a run: its tree, the timeline of the run, an event by type and as JSON."""


NARROW = 6
"""Number of runs that are shown before the terminal becomes small."""


async def walk(pilot: Pilot[Any], keys: tuple[str, ...]) -> None:
    """Press keys, and check the screen after each."""
    for key in keys:
        await pilot.press(key)
        assert faults(pilot.app) == []


async def test_the_list_of_runs_shows_them_all(fuzzed: Stored) -> None:
    runs = query(fuzzed.path, "SELECT count(*) FROM run")[0][0]
    async with watching(treetop(fuzzed.path, Clock())) as pilot:
        await until(pilot, lambda: pilot.app.screen.query_one(RunList).count == runs)
        await walk(pilot, ("end", "home", *("pagedown",) * 20, "S", "S", "S", "S", "home", "pagedown", "exclamation_mark"))
        await sees(pilot, "rejected")
        await walk(pilot, ("end", "home", *("down",) * 10, "pagedown"))


def oddest(fuzzed: Stored) -> list[str]:
    """The oddest runs: hostile texts, deep trees, cycles, numeric ids, the longest id."""
    named = ["hostile", "chain", "chain-backwards", "1", "odd-7", "fuzz", "graph-0"]
    ids = [run_id for (run_id,) in query(fuzzed.path, "SELECT run_id FROM run ORDER BY key")]
    strange = [run_id for run_id in ids if run_id.startswith(("\x1b]2;", "[@click", "\u202e", "\x00", "\n"))]
    return [*named, *strange, max(ids, key=len)]


async def test_the_oddest_runs_are_shown(fuzzed: Stored) -> None:
    app = treetop(fuzzed.path, Clock())
    async with watching(app) as pilot:
        for number, run_id in enumerate(oddest(fuzzed)):
            if number == NARROW:
                await pilot.resize_terminal(50, 20)
            app.open_run(run_id)
            await until(pilot, lambda: pilot.app.screen.query(NodeTree))
            nodes = query(fuzzed.path, "SELECT nodes FROM run WHERE run_id = ?", run_id)[0][0]
            await until(pilot, lambda: pilot.app.screen.query_one(NodeTree).count or not nodes)  # noqa: B023
            await walk(pilot, WALK)
