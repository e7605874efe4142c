"""The screens mark inferred events, and the clocks of agents that are wrong."""

from pathlib import Path

import pytest

from tests.recorder import Recorder
from tests.tables import store
from tests.tui.run_stage import inspector, opened, position, timeline
from tests.tui.stage import Clock, rows_of, sees, treetop, until, watching

P = Path("treetop.db")


@pytest.mark.usefixtures("here")
async def test_a_call_without_a_node_is_marked_as_inferred(clock: Clock) -> None:
    store(P, Recorder("A").run_started().root("a").step_started("a").nameless().llm(None).entries)
    app = treetop(P, clock)
    async with watching(app, 170, 60) as pilot:
        await opened(pilot, "3", "G")
        await until(pilot, lambda: position(app) == 5)
        await until(pilot, lambda: "the task: the event names none, its step was open" in inspector(app))
        assert sum("(inferred)" in row for row in rows_of(timeline(app))) == 2


@pytest.mark.usefixtures("here")
async def test_a_wrong_clock_is_shown(clock: Clock) -> None:
    recorder = Recorder("A").run_started().root("a").emit("thought", {"node_id": "a"}, timestamp="2099-01-01T00:00:00Z")
    store(P, recorder.entries)
    app = treetop(P, clock)
    async with watching(app, 170, 60) as pilot:
        await sees(pilot, "26,916 days ahead in some events")
        await opened(pilot, "3", "G")
        await until(pilot, lambda: position(app) == 3)
        await until(pilot, lambda: "26,916 days ahead; the time above is that of arrival" in inspector(app))
