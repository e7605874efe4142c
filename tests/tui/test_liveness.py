"""A run that waits for a call is live on every screen until the budget of the call is used up."""

from datetime import UTC
from pathlib import Path

import pytest

from store.model.phase import CALL_BUDGET_S, INTERRUPTED_AFTER_S, STEP_BUDGET_S
from tests.recorder import START, Recorder
from tests.tables import store
from tests.tui.stage import Clock, line_with, lines, sees, treetop, until, watching
from tui.screens.run import RunScreen

BEGAN = START.replace(tzinfo=UTC).timestamp()


@pytest.fixture
def waiting(here: Path) -> Path:
    """A file with an older run without open calls, and a run that waits for a model since its event 3."""
    path = Path("treetop.db")
    store(path, Recorder("idle").root("idle", "Rest").entries)
    store(path, Recorder("waiting").root("book", "Write a book").step_started("book").llm_started("book", "one").entries)
    return path


def after(seconds: float) -> Clock:
    """The time so many seconds after the call began."""
    return Clock(BEGAN + 2.0 + seconds)


@pytest.mark.parametrize(("seconds", "words"), [(69.0, "llm for 1m09s"), (CALL_BUDGET_S, "llm for 15m00s")])
async def test_all_screens_show_a_waiting_run_as_live(waiting: Path, seconds: float, words: str) -> None:
    app = treetop(waiting, after(seconds))
    async with watching(app, 160, 40) as pilot:
        await sees(pilot, "2 runs  1 live")
        assert "● " in line_with(app, "Write a book")
        assert words in line_with(app, "Write a book")
        assert "◎" in line_with(app, "Rest")
        await pilot.press("F")
        await until(pilot, lambda: isinstance(app.screen, RunScreen))
        await sees(pilot, "FOLLOWING", f"● {words}", "Write a book")


@pytest.mark.parametrize(
    ("seconds", "words"), [(CALL_BUDGET_S + 1.0, "interrupted"), (INTERRUPTED_AFTER_S * 9, "interrupted")]
)
async def test_no_screen_shows_the_run_as_live_after_the_budget(waiting: Path, seconds: float, words: str) -> None:
    app = treetop(waiting, after(seconds))
    async with watching(app, 160, 40) as pilot:
        await sees(pilot, "2 runs", words)
        assert "live" not in lines(app)[0]
        await pilot.press("F")
        await sees(pilot, "No run is live at the moment.")
        await pilot.press("enter")
        await sees(pilot, "STORED", f"◎ {words}")
        await pilot.press("f")
        await sees(pilot, f"The run is {words}: there is nothing to follow.")


async def test_the_duration_of_the_call_follows_the_clock(waiting: Path) -> None:
    clock = after(1.0)
    app = treetop(waiting, clock)
    async with watching(app, 160, 40) as pilot:
        await sees(pilot, "2 live")
        clock.now += 100.0
        await sees(pilot, "1 live", "llm for 1m41s", "silent 1m4")
        clock.now += CALL_BUDGET_S
        await until(pilot, lambda: "live" not in lines(app)[0] and "interrupted" in line_with(app, "Write a book"))


async def test_the_budget_of_an_open_step_starts_with_the_last_event(here: Path) -> None:
    path = Path("treetop.db")
    store(path, Recorder("stepping").root("book", "Write a book").step_started("book").entries)
    clock = Clock(BEGAN + 1.0 + STEP_BUDGET_S)
    app = treetop(path, clock)
    async with watching(app, 160, 40) as pilot:
        await sees(pilot, "1 live", "step for 5m00s")
        clock.now += 1.0
        await sees(pilot, "silent 5m01s")
        assert "live" not in lines(app)[0]


async def test_the_filter_finds_a_waiting_run_by_its_phase_and_its_call(waiting: Path) -> None:
    app = treetop(waiting, after(69.0))
    async with watching(app, 160, 40) as pilot:
        await sees(pilot, "2 runs")
        for words in ("live", "llm"):
            await pilot.press("backslash", *words)
            await until(pilot, lambda: not line_with(app, "Rest") and line_with(app, "Write a book"))
            await pilot.press("escape")
            await sees(pilot, "Rest")
