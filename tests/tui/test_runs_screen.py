"""The screen with the list of all runs."""

from pathlib import Path

import pytest
from textual.widgets import Input

from store.database import retention as prune
from store.database.deletion import delete_run
from store.database.lease import Lease
from store.database.writer import Writer
from tests.recorder import Recorder
from tests.tables import query, store
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
from tui.demo import Scenario
from tui.models.run_order import SORTS
from tui.screens.confirm import Confirm
from tui.screens.help import Help
from tui.screens.run import RunScreen
from tui.screens.runs import RunsScreen
from tui.widgets.run_list import RunList

STORY, BATTERY, PUMPS, SHIPS = "Write a mystery story", "Survey the state", "Plan how the city", "We keep 900 small"


def goals(app: object) -> list[str]:
    """The runs in the list, from the top."""
    found = []
    for line in lines(app)[:12]:  # type: ignore[arg-type]
        found += [goal for goal in (STORY, BATTERY, PUMPS, SHIPS) if goal in line and ":" in line[:28]]
    return found


def runs_in(path: Path) -> int:
    """Number of runs in the file."""
    return int(query(path, "SELECT count(*) FROM runs")[0][0])


class TestList:
    """Rows, preview and hints of the list."""

    async def test_every_run_has_a_row(self, path: Path, clock: Clock) -> None:
        app = treetop(path, clock)
        async with watching(app) as pilot:
            await sees(pilot, "3 runs")
            assert goals(app) == [PUMPS, BATTERY, STORY]

    async def test_a_glyph_shows_how_a_run_ended(self, path: Path, clock: Clock) -> None:
        app = treetop(path, clock)
        async with watching(app) as pilot:
            await sees(pilot, "3 runs")
            assert [line_with(app, goal).split()[0] for goal in (BATTERY, STORY)] == ["×", "✓"]

    async def test_a_run_without_errors_has_a_dot_in_ascii_too(self, path: Path, clock: Clock) -> None:
        app = treetop(path, clock, ascii_only=True)
        async with watching(app) as pilot:
            await sees(pilot, "3 runs")
            assert line_with(app, STORY[:20]).split()[-1] == "."

    async def test_the_preview_shows_the_run_under_the_cursor(self, path: Path, clock: Clock) -> None:
        app = treetop(path, clock)
        async with watching(app, 120, 40) as pilot:
            await sees(pilot, "3 runs")
            await pilot.press("j")
            await sees(pilot, "failed", "ended by")

    async def test_the_preview_follows_the_rows_and_shows_the_last_error(self, path: Path, clock: Clock) -> None:
        app = treetop(path, clock)
        async with watching(app, 140, 40) as pilot:
            await pilot.press("down")
            await sees(pilot, "ended by   OSError: [Errno 28] No space left on device")
            await sees(pilot, "last error +1:39.6  5.1/0  llm executor: Error code: 408 - request timed out after 120 s")
            last = max(number for number, line in enumerate(lines(app)) if "08:30" in line)
            assert lines(app)[last + 1].startswith("──")
            assert "failed" in lines(app)[last + 2]

    async def test_a_long_list_leaves_room_for_the_preview(self, here: Path, clock: Clock) -> None:
        with Writer(Path("treetop.db")) as writer:
            for number in range(60):
                writer.append(Recorder(f"run-{number}").root("a", f"Goal {number}").entries)
        app = treetop(Path("treetop.db"), clock)
        async with watching(app, 120, 36) as pilot:
            await sees(pilot, "Goal 59", "run id     run-59")
            await pilot.press("G")
            await sees(pilot, "run id     run-0")

    async def test_a_status_has_its_word_at_120_columns(self, path: Path, clock: Clock) -> None:
        app = treetop(path, clock)
        async with watching(app, 120, 30) as pilot:
            await sees(pilot, "ended, 5 open", "failed", "finished")

    async def test_a_run_that_has_not_ended_has_no_bar(self, path: Path, clock: Clock) -> None:
        feed = Feed(path, LIVE, clock, 250)
        app = treetop(path, clock)
        async with watching(app, 160, 40) as pilot:
            await sees(pilot, " open")
            row = line_with(app, "● ")
            assert "━" not in row
            assert "━" in line_with(app, "finished ")
            assert " open" in row
        feed.close()

    async def test_an_empty_file_shows_how_to_store_runs(self, here: Path, clock: Clock) -> None:
        Writer(Path("treetop.db")).close()
        async with watching(treetop(Path("treetop.db"), clock)) as pilot:
            await sees(pilot, "No run yet.", "agent_events", "treetop demo")

    async def test_a_missing_file_shows_how_to_store_runs(self, here: Path, clock: Clock) -> None:
        async with watching(treetop(Path("treetop.db"), clock)) as pilot:
            await sees(pilot, "No run yet.")

    async def test_a_missing_file_is_opened_as_soon_as_it_exists(self, here: Path, clock: Clock) -> None:
        app = treetop(Path("treetop.db"), clock)
        async with watching(app) as pilot:
            await sees(pilot, "No run yet.")
            store_run(Path("treetop.db"), FINISHED)
            await sees(pilot, "1 run", STORY)

    @pytest.mark.parametrize("size", [(80, 24), (60, 12), (200, 50)])
    async def test_the_list_fits_a_terminal_of_any_size(self, path: Path, clock: Clock, size: tuple[int, int]) -> None:
        async with watching(treetop(path, clock), *size) as pilot:
            await sees(pilot, "3 runs", "Write")

    async def test_the_status_bar_shows_that_there_is_no_ingester(self, path: Path, clock: Clock) -> None:
        async with watching(treetop(path, clock)) as pilot:
            await sees(pilot, "not ingesting", "treetop.db")

    async def test_the_status_bar_shows_the_ingester_of_another_program(self, path: Path, clock: Clock) -> None:
        with Writer(path) as writer:
            writer.report(writer.stream("agent_events"), "live", None, None, clock.now)
        with Lease(path):
            async with watching(treetop(path, clock)) as pilot:
                await sees(pilot, "● redis", "agent_events")


class TestLive:
    """Live runs in the list."""

    async def test_live_runs_come_first(self, path: Path, clock: Clock) -> None:
        feed = Feed(path, LIVE, clock, 100)
        store_run(path, Scenario(seed=8, nodes=6, topic="lighthouse", start=at(11)))
        app = treetop(path, clock)
        async with watching(app) as pilot:
            await sees(pilot, "5 runs", "1 live")
            assert goals(app)[0] == SHIPS
        feed.close()

    async def test_the_row_of_a_live_run_grows(self, path: Path, clock: Clock) -> None:
        feed = Feed(path, LIVE, clock, 100)
        app = treetop(path, clock)
        async with watching(app) as pilot:
            await sees(pilot, "1 live")
            await until(pilot, lambda: " 100 " in line_with(app, SHIPS))
            feed.more(50)
            await until(pilot, lambda: " 150 " in line_with(app, SHIPS))
        feed.close()

    async def test_the_row_of_a_run_shows_its_end(self, path: Path, clock: Clock) -> None:
        feed = Feed(path, LIVE, clock, 100)
        app = treetop(path, clock)
        async with watching(app) as pilot:
            await sees(pilot, "1 live")
            feed.rest()
            await until(pilot, lambda: line_with(app, SHIPS).split()[0] == "✓" and "live" not in lines(app)[0])
        feed.close()

    async def test_a_run_without_events_for_minutes_is_silent(self, path: Path, clock: Clock) -> None:
        feed = Feed(path, LIVE, clock, 100)
        app = treetop(path, clock)
        async with watching(app) as pilot:
            await sees(pilot, "1 live")
            clock.now += 400.0
            await until(pilot, lambda: line_with(app, SHIPS).split()[0] == "◎" and "live" not in lines(app)[0])
        feed.close()

    async def test_new_runs_do_not_move_the_cursor(self, path: Path, clock: Clock) -> None:
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
    """`/` and `\\` filter the list by words."""

    async def test_the_filter_leaves_the_runs_with_all_words(self, path: Path, clock: Clock) -> None:
        app = treetop(path, clock)
        async with watching(app) as pilot:
            await sees(pilot, "3 runs")
            await pilot.press("slash", *"myst")
            await until(pilot, lambda: goals(app) == [STORY])
            await sees(pilot, "1 of 3 runs")

    async def test_the_key_line_has_only_keys_that_work_while_typing(self, path: Path, clock: Clock) -> None:
        app = treetop(path, clock)
        async with watching(app) as pilot:
            await sees(pilot, "3 runs", "\\ Filter", "m Keep")
            await pilot.press("backslash", *"x/")
            await until(pilot, lambda: lines(app)[-1].strip() == "Enter Done  Esc Cancel  F1 Help")
            await pilot.press("escape")
            await sees(pilot, "3 runs", "\\ Filter")

    async def test_enter_keeps_the_filter_and_focuses_the_list(self, path: Path, clock: Clock) -> None:
        app = treetop(path, clock)
        async with watching(app) as pilot:
            await sees(pilot, "3 runs")
            await pilot.press("backslash", *"myst", "enter", "enter")
            await until(pilot, lambda: isinstance(app.screen, RunScreen))

    async def test_escape_clears_the_filter(self, path: Path, clock: Clock) -> None:
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

    async def test_the_filter_stays_while_a_run_is_live(self, path: Path, clock: Clock) -> None:
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

    async def test_the_largest_value_comes_first(self, path: Path, clock: Clock) -> None:
        app = treetop(path, clock)
        async with watching(app) as pilot:
            await sees(pilot, "WHEN▼", "3 runs")
            await pilot.press("S", "S")
            await sees(pilot, "TASKS▼")
            assert goals(app) == [STORY, PUMPS, BATTERY]

    async def test_sorting_after_the_last_column_starts_over(self, path: Path, clock: Clock) -> None:
        async with watching(treetop(path, clock), 160) as pilot:
            await sees(pilot, "WHEN▼")
            await pilot.press(*["S"] * len(SORTS))
            await sees(pilot, "WHEN▼")


class TestOpen:
    """Opening a run, and returning to the list."""

    async def test_enter_opens_a_run_and_q_returns_to_its_row(self, path: Path, clock: Clock) -> None:
        app = treetop(path, clock)
        async with watching(app) as pilot:
            await sees(pilot, "3 runs")
            await pilot.press("j", "enter")
            await sees(pilot, "2 Tree", BATTERY)
            await pilot.press("q")
            await until(pilot, lambda: isinstance(app.screen, RunsScreen) and app.screen.query_one(RunList).cursor == 1)

    async def test_a_double_click_opens_a_run(self, path: Path, clock: Clock) -> None:
        app = treetop(path, clock)
        async with watching(app) as pilot:
            await sees(pilot, "3 runs")
            await pilot.click(RunList, offset=(30, 2), times=2)
            await sees(pilot, "2 Tree", STORY)

    async def test_q_on_the_list_quits(self, path: Path, clock: Clock) -> None:
        app = treetop(path, clock)
        async with watching(app) as pilot:
            await sees(pilot, "3 runs")
            await pilot.press("q")
            await until(pilot, lambda: not app.is_running)
        assert app.return_code == 0

    async def test_q_quits_while_a_run_is_live(self, path: Path, clock: Clock) -> None:
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

    async def test_escape_on_the_list_does_not_quit(self, path: Path, clock: Clock) -> None:
        app = treetop(path, clock)
        async with watching(app) as pilot:
            await sees(pilot, "3 runs")
            await pilot.press("escape", "escape")
            assert app.is_running


class TestDelete:
    """`d` deletes a run after a confirmation."""

    async def test_the_key_line_stays_beneath_the_dialog(self, path: Path, clock: Clock) -> None:
        app = treetop(path, clock)
        async with watching(app) as pilot:
            await sees(pilot, "3 runs", "S Sort")
            before = lines(app)[-1]
            await pilot.press("d")
            await sees(pilot, "Delete this run for good?")
            app.screen_stack[0].refresh_bindings()
            await pilot.pause()
            assert lines(app)[-1] == before

    async def test_d_asks_for_confirmation(self, path: Path, clock: Clock) -> None:
        async with watching(treetop(path, clock)) as pilot:
            await sees(pilot, "3 runs")
            await pilot.press("d")
            await sees(pilot, "Delete this run for good?", "415 events")

    @pytest.mark.parametrize("key", ["n", "escape", "q", "enter"])
    async def test_no_keeps_the_run(self, path: Path, clock: Clock, key: str) -> None:
        app = treetop(path, clock)
        async with watching(app) as pilot:
            await sees(pilot, "3 runs")
            await pilot.press("d")
            await until(pilot, lambda: isinstance(app.screen, Confirm))
            await pilot.press(key)
            await until(pilot, lambda: isinstance(app.screen, RunsScreen))
            assert runs_in(path) == 3

    async def test_y_deletes_the_run_from_the_file(self, path: Path, clock: Clock) -> None:
        app = treetop(path, clock)
        async with watching(app) as pilot:
            await sees(pilot, "3 runs")
            await pilot.press("d", "y")
            await sees(pilot, "2 runs", "Deleted")
            assert (goals(app), runs_in(path)) == ([BATTERY, STORY], 2)

    @pytest.mark.parametrize("goal", ["Write a book", None])
    async def test_a_notification_names_the_deleted_run(self, here: Path, clock: Clock, goal: str | None) -> None:
        recorder = Recorder("run-1").run_started() if goal is None else Recorder("run-1").root(goal=goal)
        store(Path("treetop.db"), recorder.entries)
        async with watching(treetop(Path("treetop.db"), clock)) as pilot:
            await sees(pilot, "1 run")
            await pilot.press("d", "y")
            await sees(pilot, "0 runs", "Deleted", goal or "run-1")

    async def test_the_button_deletes_the_run(self, path: Path, clock: Clock) -> None:
        async with watching(treetop(path, clock)) as pilot:
            await sees(pilot, "3 runs")
            await pilot.press("d")
            await sees(pilot, "Delete this run")
            await pilot.click("#yes")
            await sees(pilot, "2 runs")

    async def test_deleting_the_last_run_leaves_an_empty_list(self, here: Path, clock: Clock) -> None:
        store_run(Path("treetop.db"), FINISHED)
        async with watching(treetop(Path("treetop.db"), clock)) as pilot:
            await sees(pilot, "1 run")
            await pilot.press("d", "y")
            await sees(pilot, "No run yet.", "0 runs")

    async def test_the_dialog_warns_about_a_live_run(self, path: Path, clock: Clock) -> None:
        feed = Feed(path, LIVE, clock, 100)
        async with watching(treetop(path, clock)) as pilot:
            await sees(pilot, "1 live")
            await pilot.press("g", "d")
            await sees(pilot, "It is live")
        feed.close()

    async def test_deleting_a_run_that_is_already_deleted_is_reported(self, path: Path, clock: Clock) -> None:
        app = treetop(path, clock)
        async with watching(app) as pilot:
            await sees(pilot, "3 runs")
            await pilot.press("d")
            await until(pilot, lambda: isinstance(app.screen, Confirm))
            (run_id,) = query(path, "SELECT run_id FROM runs ORDER BY start_time DESC LIMIT 1")[0]
            delete_run(path, run_id)
            await pilot.press("y")
            await sees(pilot, "there is no run", "2 runs")

    async def test_d_on_an_empty_list_opens_no_dialog(self, here: Path, clock: Clock) -> None:
        Writer(Path("treetop.db")).close()
        app = treetop(Path("treetop.db"), clock)
        async with watching(app) as pilot:
            await sees(pilot, "No run yet.")
            await pilot.press("d", "m", "enter", "S")
            assert isinstance(app.screen, RunsScreen)

    async def test_a_run_deleted_by_another_program_leaves_the_list(self, path: Path, clock: Clock) -> None:
        app = treetop(path, clock)
        async with watching(app) as pilot:
            await sees(pilot, "3 runs")
            (run_id,) = query(path, "SELECT run_id FROM runs ORDER BY start_time LIMIT 1")[0]
            delete_run(path, run_id)
            await sees(pilot, "2 runs")
            assert goals(app) == [PUMPS, BATTERY]


class TestKeep:
    """`m` marks a run as kept."""

    async def test_m_marks_a_run_and_the_list_shows_the_mark(self, path: Path, clock: Clock) -> None:
        app = treetop(path, clock)
        async with watching(app) as pilot:
            await sees(pilot, "3 runs")
            await pilot.press("m")
            await until(pilot, lambda: "■" in line_with(app, PUMPS))
            await pilot.press("m")
            await until(pilot, lambda: "■" not in line_with(app, PUMPS))

    async def test_m_creates_no_file_in_place_of_a_deleted_one(self, path: Path, clock: Clock) -> None:
        app = treetop(path, clock)
        async with watching(app, 160) as pilot:
            await sees(pilot, "3 runs")
            for file in path.parent.glob(f"{path.name}*"):
                file.unlink()
            await pilot.press("m")
            await sees(pilot, "there is no such file")
        assert list(path.parent.iterdir()) == []

    async def test_m_on_a_run_deleted_meanwhile_is_refused(
        self, path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pin = prune.pin

        def delete_then_pin(path: Path, run_id: str, pinned: bool) -> None:
            delete_run(path, run_id)
            pin(path, run_id, pinned)

        monkeypatch.setattr(prune, "pin", delete_then_pin)
        app = treetop(path, clock)
        async with watching(app, 160) as pilot:
            await sees(pilot, "3 runs")
            await pilot.press("m")
            await sees(pilot, "there is no run ")


class TestManyRuns:
    """The cost of the list does not depend on the number of runs."""

    async def test_only_visible_runs_are_drawn(self, here: Path, clock: Clock) -> None:
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


async def test_the_dialog_warns_about_a_marked_run(path: Path, clock: Clock) -> None:
    app = treetop(path, clock)
    async with watching(app) as pilot:
        await sees(pilot, "3 runs")
        await pilot.press("d")
        await sees(pilot, "Delete this run for good?", "began")
        assert "It is marked" not in shown(app)
        await pilot.press("n", "m", "d")
        await sees(pilot, "It is marked as kept.")


class TestHelpHere:
    """`?` shows the keys."""

    async def test_the_help_opens_and_closes(self, path: Path, clock: Clock) -> None:
        app = treetop(path, clock)
        async with watching(app) as pilot:
            await sees(pilot, "3 runs")
            await pilot.press("question_mark")
            await until(pilot, lambda: isinstance(app.screen, Help))
            await pilot.press("q")
            await until(pilot, lambda: isinstance(app.screen, RunsScreen))
