"""Where a run opens that has no end, and the title of the column of present work."""

from pathlib import Path

import pytest

from tests.recorder import Recorder
from tests.rest import rest
from tests.tables import store
from tests.tui.run_stage import at_work, position, selected, timeline, tree
from tests.tui.stage import LIVE, Clock, Feed, lines, rows_of, sees, treetop, until, watching
from tui.app import Treetop

P = Path("treetop.db")

INTERRUPTED_S = 3600.0
"""Seconds after which an open call no longer keeps its run live."""


def plan() -> Recorder:
    """A book of two chapters with a step of each."""
    made = Recorder().run_started().root("book").node("book", "one").node("book", "two").node("two", "part", layer=2)
    return made.step("one", "execute", "FINISH").step_started("part").llm_started("part", "c1")


def after(made: Recorder, seconds: float) -> Treetop:
    """The application on a file with this run, some time after its last event."""
    store(P, made.entries)
    return treetop(P, Clock(made.events[-1].time + seconds))


@pytest.mark.usefixtures("here")
class TestWithoutEnd:
    """A run that has not ended opens on the task that it worked on last."""

    @pytest.mark.parametrize("size", [(80, 24), (120, 36)])
    async def test_an_interrupted_run_opens_where_it_stopped(self, size: tuple[int, int]) -> None:
        made = plan()
        app = after(made, INTERRUPTED_S)
        async with watching(app, *size) as pilot:
            await pilot.press("enter")
            await rest(pilot)
            await sees(pilot, "interrupted")
            assert (selected(app), position(app)) == ("part", len(made.entries))
            assert "part" in rows_of(tree(app))[tree(app).cursor]

    async def test_a_run_that_stopped_between_two_steps_opens_on_its_last_event(self) -> None:
        made = plan().llm_completed("part", "c1").step_finished("part", "execute", "FINISH")
        app = after(made, INTERRUPTED_S)
        async with watching(app) as pilot:
            await pilot.press("enter")
            await rest(pilot)
            assert (selected(app), position(app)) == ("part", len(made.entries))

    async def test_a_run_without_tasks_opens(self) -> None:
        app = after(Recorder().run_started(), INTERRUPTED_S)
        async with watching(app) as pilot:
            await pilot.press("enter")
            await sees(pilot, "This run has no task.")
            assert selected(app) is None

    async def test_a_finished_run_opens_on_its_first_task(self) -> None:
        app = after(Recorder().whole(), INTERRUPTED_S)
        async with watching(app) as pilot:
            await pilot.press("enter")
            await rest(pilot)
            assert selected(app) == "root"

    async def test_a_live_run_opens_on_its_work_and_the_cursor_stays(self, path: Path, clock: Clock) -> None:
        feed = Feed(path, LIVE, clock, 250)
        app = treetop(path, clock)
        async with watching(app) as pilot:
            await sees(pilot, "1 live")
            await pilot.press("g", "enter")
            await rest(pilot)
            first = at_work(app)
            assert first is not None
            assert selected(app) == first
            while at_work(app) == first:
                feed.more(5)
            await sees(pilot, f"{feed.stored} events")
            assert selected(app) == first
        feed.close()


@pytest.mark.usefixtures("here")
class TestTitle:
    """NOW is the title where tasks can be at work, TYPE elsewhere."""

    async def test_a_live_run(self) -> None:
        app = after(plan(), 1.0)
        async with watching(app, 160, 40) as pilot:
            await pilot.press("enter")
            await sees(pilot, " NOW ", "llm 1.0s")
            assert " TYPE " not in lines(app)[3]

    @pytest.mark.parametrize("made", [Recorder().whole(), plan(), Recorder().whole().run_error()])
    async def test_a_run_that_does_not_go_on(self, made: Recorder) -> None:
        app = after(made, INTERRUPTED_S)
        async with watching(app, 160, 40) as pilot:
            await pilot.press("enter")
            await sees(pilot, " TYPE ")
            assert " NOW " not in "\n".join(lines(app)[:5])

    async def test_the_past_of_a_finished_run_has_work_until_its_end(self) -> None:
        made = plan().llm_completed("part", "c1").step_finished("part", "execute", "FINISH").run_finished()
        app = after(made, INTERRUPTED_S)
        async with watching(app, 160, 40) as pilot:
            await pilot.press("enter", "t", "home")
            await sees(pilot, " NOW ")
            await pilot.press("end")
            await sees(pilot, " TYPE ")
            await until(pilot, lambda: " NOW " not in lines(app)[3])


async def test_the_timeline_begins_with_all_events_of_the_task(here: Path) -> None:
    made = plan()
    app = after(made, INTERRUPTED_S)
    async with watching(app) as pilot:
        await pilot.press("enter")
        await rest(pilot)
        assert "this task" in timeline(app).caption
