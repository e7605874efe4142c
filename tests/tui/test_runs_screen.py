"""The list of all runs in the file."""

from pathlib import Path

import pytest
from textual.widgets import Input

from store.deletion import delete_run
from store.lease import Lease
from store.simulator import Scenario
from store.writer import Writer
from tests.recorder import Recorder
from tests.tables import query
from tests.tui.stage import (
    FINISHED,
    LIVE,
    Clock,
    Feed,
    at,
    line_with,
    lines,
    sees,
    shown,
    store_run,
    treetop,
    until,
    watching,
)
from tui.screens.confirm import Confirm
from tui.screens.help import Help
from tui.screens.run import RunScreen
from tui.screens.runs import RunsScreen
from tui.widgets.run_list import RunList

STORY, BATTERY, PUMPS, SHIPS = "Write a mystery story", "Survey the state", "Plan how the city", "We keep 900 small"


def goals(app: object) -> list[str]:
    """Of the runs in the list, from the top."""
    found = []
    for line in lines(app)[:12]:  # type: ignore[arg-type]
        found += [goal for goal in (STORY, BATTERY, PUMPS, SHIPS) if goal in line and ":" in line[:14]]
    return found


def runs_in(path: Path) -> int:
    """How many runs the file holds."""
    return int(query(path, "SELECT count(*) FROM runs")[0][0])


class TestList:
    """What the file holds, newest first."""

    async def test_every_run_has_a_line(self, path: Path, clock: Clock) -> None:
        app = treetop(path, clock)
        async with watching(app) as pilot:
            await sees(pilot, "3 runs")
            assert goals(app) == [PUMPS, BATTERY, STORY]

    async def test_how_they_ended_is_told_by_a_glyph(self, path: Path, clock: Clock) -> None:
        app = treetop(path, clock)
        async with watching(app) as pilot:
            await sees(pilot, "3 runs")
            assert [line_with(app, goal).split()[0] for goal in (BATTERY, STORY)] == ["×", "✓"]

    async def test_the_run_under_the_cursor_is_explained_beneath(self, path: Path, clock: Clock) -> None:
        app = treetop(path, clock)
        async with watching(app, 120, 40) as pilot:
            await sees(pilot, "3 runs")
            await pilot.press("j")
            await sees(pilot, "failed", "ended by")

    async def test_a_file_without_runs_says_how_to_get_some(self, here: Path, clock: Clock) -> None:
        Writer(Path("treetop.db")).close()
        async with watching(treetop(Path("treetop.db"), clock)) as pilot:
            await sees(pilot, "No run yet.", "agent_events", "treetop demo")

    async def test_a_file_that_is_not_there_yet_says_the_same(self, here: Path, clock: Clock) -> None:
        async with watching(treetop(Path("treetop.db"), clock)) as pilot:
            await sees(pilot, "No run yet.")

    async def test_and_is_opened_as_soon_as_it_is(self, here: Path, clock: Clock) -> None:
        app = treetop(Path("treetop.db"), clock)
        async with watching(app) as pilot:
            await sees(pilot, "No run yet.")
            store_run(Path("treetop.db"), FINISHED)
            await sees(pilot, "1 run", STORY)

    @pytest.mark.parametrize("size", [(80, 24), (60, 12), (200, 50)])
    async def test_on_a_terminal_of_any_size(self, path: Path, clock: Clock, size: tuple[int, int]) -> None:
        async with watching(treetop(path, clock), *size) as pilot:
            await sees(pilot, "3 runs", "Write")

    async def test_nobody_stores_anything_and_that_is_said(self, path: Path, clock: Clock) -> None:
        async with watching(treetop(path, clock)) as pilot:
            await sees(pilot, "not ingesting", "treetop.db")

    async def test_somebody_else_does(self, path: Path, clock: Clock) -> None:
        with Writer(path) as writer:
            writer.report(writer.stream("agent_events"), "live", None, None, clock.now)
        with Lease(path):
            async with watching(treetop(path, clock)) as pilot:
                await sees(pilot, "● redis", "agent_events")


class TestLive:
    """Runs that go on while you watch."""

    async def test_they_stand_at_the_top(self, path: Path, clock: Clock) -> None:
        feed = Feed(path, LIVE, clock, 100)
        store_run(path, Scenario(seed=8, nodes=6, topic="lighthouse", start=at(11)))
        app = treetop(path, clock)
        async with watching(app) as pilot:
            await sees(pilot, "5 runs", "1 live")
            assert goals(app)[0] == SHIPS
        feed.close()

    async def test_they_grow(self, path: Path, clock: Clock) -> None:
        feed = Feed(path, LIVE, clock, 100)
        app = treetop(path, clock)
        async with watching(app) as pilot:
            await sees(pilot, "1 live")
            await until(pilot, lambda: " 100 " in line_with(app, SHIPS))
            feed.more(50)
            await until(pilot, lambda: " 150 " in line_with(app, SHIPS))
        feed.close()

    async def test_they_end(self, path: Path, clock: Clock) -> None:
        feed = Feed(path, LIVE, clock, 100)
        app = treetop(path, clock)
        async with watching(app) as pilot:
            await sees(pilot, "1 live")
            feed.rest()
            await until(pilot, lambda: line_with(app, SHIPS).split()[0] == "✓" and "live" not in lines(app)[0])
        feed.close()

    async def test_they_fall_silent(self, path: Path, clock: Clock) -> None:
        feed = Feed(path, LIVE, clock, 100)
        app = treetop(path, clock)
        async with watching(app) as pilot:
            await sees(pilot, "1 live")
            clock.now += 120.0
            await until(pilot, lambda: line_with(app, SHIPS).split()[0] == "◎" and "live" not in lines(app)[0])
        feed.close()

    async def test_new_ones_do_not_move_the_cursor(self, path: Path, clock: Clock) -> None:
        app = treetop(path, clock)
        async with watching(app) as pilot:
            await sees(pilot, "3 runs")
            await pilot.press("j")
            feed = Feed(path, LIVE, clock, 100)
            await sees(pilot, "4 runs")
            row = app.screen.query_one(RunList).selected
            assert row is not None
            assert (row.run.goal or "").startswith(BATTERY)
        feed.close()


class TestFilter:
    """`/` or `\\` and some words."""

    async def test_leaves_the_runs_that_hold_them(self, path: Path, clock: Clock) -> None:
        app = treetop(path, clock)
        async with watching(app) as pilot:
            await sees(pilot, "3 runs")
            await pilot.press("slash", *"myst")
            await until(pilot, lambda: goals(app) == [STORY])

    async def test_enter_goes_back_to_the_list(self, path: Path, clock: Clock) -> None:
        app = treetop(path, clock)
        async with watching(app) as pilot:
            await sees(pilot, "3 runs")
            await pilot.press("backslash", *"myst", "enter", "enter")
            await until(pilot, lambda: isinstance(app.screen, RunScreen))

    async def test_escape_shows_all_again(self, path: Path, clock: Clock) -> None:
        app = treetop(path, clock)
        async with watching(app) as pilot:
            await sees(pilot, "3 runs")
            await pilot.press("slash", *"myst")
            await until(pilot, lambda: goals(app) == [STORY])
            await pilot.press("escape")
            await until(pilot, lambda: len(goals(app)) == 3 and not app.screen.query_one(Input).has_class("-open"))

    async def test_keys_are_letters_while_typing(self, path: Path, clock: Clock) -> None:
        app = treetop(path, clock)
        async with watching(app) as pilot:
            await sees(pilot, "3 runs")
            await pilot.press("slash", "q", "d", "question_mark", "F", "1")
            assert (app.screen.query_one(Input).value, isinstance(app.screen, RunsScreen)) == ("qd?F1", True)

    async def test_it_stays_while_a_run_goes_on(self, path: Path, clock: Clock) -> None:
        feed = Feed(path, LIVE, clock, 100)
        app = treetop(path, clock)
        async with watching(app) as pilot:
            await sees(pilot, "4 runs")
            await pilot.press("slash", *"myst", "enter")
            feed.more(50)
            await until(pilot, lambda: goals(app) == [STORY])
        feed.close()


class TestSort:
    """`S` sorts by the next column."""

    async def test_largest_first(self, path: Path, clock: Clock) -> None:
        app = treetop(path, clock)
        async with watching(app) as pilot:
            await sees(pilot, "WHEN▼", "3 runs")
            await pilot.press("S", "S")
            await sees(pilot, "NODES▼")
            assert goals(app) == [STORY, PUMPS, BATTERY]

    async def test_and_comes_round(self, path: Path, clock: Clock) -> None:
        async with watching(treetop(path, clock), 160) as pilot:
            await sees(pilot, "WHEN▼")
            await pilot.press(*["S"] * 7)
            await sees(pilot, "WHEN▼")


class TestOpen:
    """A run is opened, and the list is where it was."""

    async def test_with_enter_and_back_with_q(self, path: Path, clock: Clock) -> None:
        app = treetop(path, clock)
        async with watching(app) as pilot:
            await sees(pilot, "3 runs")
            await pilot.press("j", "enter")
            await sees(pilot, "2 Tree", BATTERY)
            await pilot.press("q")
            await until(pilot, lambda: isinstance(app.screen, RunsScreen) and app.screen.query_one(RunList).cursor == 1)

    async def test_with_a_double_click(self, path: Path, clock: Clock) -> None:
        app = treetop(path, clock)
        async with watching(app) as pilot:
            await sees(pilot, "3 runs")
            await pilot.click(RunList, offset=(30, 2), times=2)
            await sees(pilot, "2 Tree", STORY)

    async def test_q_leaves(self, path: Path, clock: Clock) -> None:
        app = treetop(path, clock)
        async with watching(app) as pilot:
            await sees(pilot, "3 runs")
            await pilot.press("q")
            await until(pilot, lambda: not app.is_running)
        assert app.return_code == 0

    async def test_it_can_be_left_while_a_run_goes_on(self, path: Path, clock: Clock) -> None:
        feed = Feed(path, LIVE, clock, 10)
        app = treetop(path, clock)
        async with watching(app) as pilot:
            await sees(pilot, "1 live")
            for _ in range(10):
                feed.more(1)
                await pilot.pause()
            await pilot.press("q")
            feed.more(1)
        feed.close()
        assert app.return_code == 0

    async def test_escape_does_not(self, path: Path, clock: Clock) -> None:
        app = treetop(path, clock)
        async with watching(app) as pilot:
            await sees(pilot, "3 runs")
            await pilot.press("escape", "escape")
            assert app.is_running


class TestDelete:
    """`d` deletes a run from the file, but asks first."""

    async def test_it_asks(self, path: Path, clock: Clock) -> None:
        async with watching(treetop(path, clock)) as pilot:
            await sees(pilot, "3 runs")
            await pilot.press("d")
            await sees(pilot, "Delete this run for good?", "415 events")

    @pytest.mark.parametrize("key", ["n", "escape", "q", "enter"])
    async def test_no_keeps_it(self, path: Path, clock: Clock, key: str) -> None:
        app = treetop(path, clock)
        async with watching(app) as pilot:
            await sees(pilot, "3 runs")
            await pilot.press("d")
            await until(pilot, lambda: isinstance(app.screen, Confirm))
            await pilot.press(key)
            await until(pilot, lambda: isinstance(app.screen, RunsScreen))
            assert runs_in(path) == 3

    async def test_y_deletes_it_from_the_file(self, path: Path, clock: Clock) -> None:
        app = treetop(path, clock)
        async with watching(app) as pilot:
            await sees(pilot, "3 runs")
            await pilot.press("d", "y")
            await sees(pilot, "2 runs", "Deleted")
            assert (goals(app), runs_in(path)) == ([BATTERY, STORY], 2)

    async def test_the_button_does_as_well(self, path: Path, clock: Clock) -> None:
        async with watching(treetop(path, clock)) as pilot:
            await sees(pilot, "3 runs")
            await pilot.press("d")
            await sees(pilot, "Delete this run")
            await pilot.click("#yes")
            await sees(pilot, "2 runs")

    async def test_the_last_one_leaves_an_empty_list(self, here: Path, clock: Clock) -> None:
        store_run(Path("treetop.db"), FINISHED)
        async with watching(treetop(Path("treetop.db"), clock)) as pilot:
            await sees(pilot, "1 run")
            await pilot.press("d", "y")
            await sees(pilot, "No run yet.", "0 runs")

    async def test_a_live_one_comes_with_a_warning(self, path: Path, clock: Clock) -> None:
        feed = Feed(path, LIVE, clock, 100)
        async with watching(treetop(path, clock)) as pilot:
            await sees(pilot, "1 live")
            await pilot.press("g", "d")
            await sees(pilot, "It is running")
        feed.close()

    async def test_one_that_is_gone_already_is_no_trouble(self, path: Path, clock: Clock) -> None:
        app = treetop(path, clock)
        async with watching(app) as pilot:
            await sees(pilot, "3 runs")
            await pilot.press("d")
            await until(pilot, lambda: isinstance(app.screen, Confirm))
            (run_id,) = query(path, "SELECT run_id FROM runs ORDER BY start_time DESC LIMIT 1")[0]
            delete_run(path, run_id)
            await pilot.press("y")
            await sees(pilot, "there is no run", "2 runs")

    async def test_where_there_is_nothing_nothing_is_asked(self, here: Path, clock: Clock) -> None:
        Writer(Path("treetop.db")).close()
        app = treetop(Path("treetop.db"), clock)
        async with watching(app) as pilot:
            await sees(pilot, "No run yet.")
            await pilot.press("d", "m", "enter", "S")
            assert isinstance(app.screen, RunsScreen)

    async def test_by_another_program_is_noticed(self, path: Path, clock: Clock) -> None:
        app = treetop(path, clock)
        async with watching(app) as pilot:
            await sees(pilot, "3 runs")
            (run_id,) = query(path, "SELECT run_id FROM runs ORDER BY start_time LIMIT 1")[0]
            delete_run(path, run_id)
            await sees(pilot, "2 runs")
            assert goals(app) == [PUMPS, BATTERY]


class TestKeep:
    """`m` marks a run as one to keep."""

    async def test_and_says_so(self, path: Path, clock: Clock) -> None:
        app = treetop(path, clock)
        async with watching(app) as pilot:
            await sees(pilot, "3 runs")
            await pilot.press("m")
            await until(pilot, lambda: "■" in line_with(app, PUMPS))
            await pilot.press("m")
            await until(pilot, lambda: "■" not in line_with(app, PUMPS))


class TestManyRuns:
    """A thousand runs are as quick as three."""

    async def test_only_those_on_the_screen_are_drawn(self, here: Path, clock: Clock) -> None:
        path = Path("treetop.db")
        with Writer(path) as writer:
            for number in range(1_000):
                writer.append(Recorder(f"r-{number:04}").root(f"n{number}", f"Goal {number:04}.").entries)
        app = treetop(path, clock)
        async with watching(app) as pilot:
            await sees(pilot, "1000 runs", "Goal 0999.")
            await pilot.press("G")
            await sees(pilot, "Goal 0000.")
            await pilot.press("slash", *"0500")
            await until(pilot, lambda: "Goal 0500." in shown(app) and "Goal 0000." not in shown(app))


async def test_that_it_was_to_be_kept_is_said_before_it_is_deleted(path: Path, clock: Clock) -> None:
    app = treetop(path, clock)
    async with watching(app) as pilot:
        await sees(pilot, "3 runs")
        await pilot.press("d")
        await sees(pilot, "Delete this run for good?", "began")
        assert "It is marked" not in shown(app)
        await pilot.press("n", "m", "d")
        await sees(pilot, "It is marked as one to keep.")


class TestHelpHere:
    """`?` explains the keys."""

    async def test_and_goes_away_again(self, path: Path, clock: Clock) -> None:
        app = treetop(path, clock)
        async with watching(app) as pilot:
            await sees(pilot, "3 runs")
            await pilot.press("question_mark")
            await until(pilot, lambda: isinstance(app.screen, Help))
            await pilot.press("q")
            await until(pilot, lambda: isinstance(app.screen, RunsScreen))
