"""Why a run failed: the screen of a run opens on its failure."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from textual.app import App

from store.database.failure_queries import FailureQueries
from store.database.writer import Writer
from store.model.record import Failure
from tests.recorder import START, Recorder
from tests.rest import rest
from tests.tui.run_stage import inspector, position, selected, timeline, tree
from tests.tui.stage import FAILED, Clock, line_with, lines, rows_of, sees, shown, store_run, treetop, until, watching
from tui.app import Treetop
from tui.demo import Scenario
from tui.screens.run import RunScreen
from tui.widgets.failure_table import FailureTable
from tui.widgets.run_header import RunHeader


def book() -> Recorder:
    """A book of two chapters; the second has a part."""
    return Recorder().run_started().root("book").node("book", "one").node("book", "two").node("two", "part")


def died() -> Recorder:
    """The part failed twice, then the run ended with another error. The first chapter had errors, but finished."""
    made = book().step_started("one").llm("one", error="overloaded").llm("one").step_finished("one", "execute", "FINISH")
    return made.step_started("part").llm("part", error="timeout").llm("part", error="bad gateway").run_error()


def stored(made: Recorder) -> Treetop:
    """The application on a file with this run, a day after it."""
    with Writer(Path("treetop.db")) as writer:
        writer.append(made.entries)
    return treetop(Path("treetop.db"), Clock(made.events[-1].time + 86_400.0))


def stored_runs(scenario: Scenario) -> Treetop:
    """The application on a file with a simulated run."""
    store_run(Path("treetop.db"), scenario)
    return treetop(Path("treetop.db"), Clock())


def table(app: App[Any]) -> FailureTable:
    """The list of errors."""
    return app.screen.query_one(FailureTable)


def is_open(app: App[Any]) -> bool:
    """Whether the screen of the run is in front."""
    return isinstance(app.screen, RunScreen)


@pytest.fixture(autouse=True)
def _here(here: Path) -> None:
    """Files are created in a new directory."""


class TestOpening:
    """The tree's cursor is on the failed task, the timeline's on the failing event, and the error is on the screen."""

    @pytest.mark.parametrize("size", [(80, 24), (120, 36), (200, 50)])
    async def test_a_failed_run_opens_on_its_last_failed_call(self, size: tuple[int, int]) -> None:
        made = died()
        app = stored(made)
        async with watching(app, *size) as pilot:
            await pilot.press("enter")
            await rest(pilot)
            assert selected(app) == "part"
            assert position(app) == len(made.entries) - 1
            assert "ValueError: no such model" in lines(app)[2]
            assert "bad gateway" in rows_of(timeline(app))[timeline(app).cursor - timeline(app).scroll_offset.y]
            assert tree(app).has_focus

    async def test_an_error_outside_of_calls_is_shown_among_the_events_of_the_run(self) -> None:
        made = book().step_started("two").llm("two", error="timeout").llm("two").run_error()
        app = stored(made)
        async with watching(app, 80, 24) as pilot:
            await pilot.press("enter")
            await rest(pilot)
            assert (selected(app), position(app)) == ("two", len(made.entries))
            assert "3 Timeline of the run" in shown(app)
            assert "no such model" in rows_of(timeline(app))[-1]

    async def test_a_failed_run_without_an_open_step_opens_on_the_last_error_of_a_task(self) -> None:
        made = book().llm("one", error="timeout").run_error()
        app = stored(made)
        async with watching(app, 80, 24) as pilot:
            await pilot.press("enter")
            await rest(pilot)
            assert (selected(app), position(app)) == ("one", len(made.entries) - 1)

    async def test_of_parallel_steps_the_one_that_began_last_is_selected(self) -> None:
        made = Recorder().run_started(parallel=True).root("book").node("book", "one").node("book", "two")
        app = stored(made.step_started("two").step_started("one").run_error())
        async with watching(app, 80, 24) as pilot:
            await pilot.press("enter")
            await rest(pilot)
            assert selected(app) == "one"

    async def test_a_run_that_ended_with_an_unfinished_task_opens_on_its_last_error(self) -> None:
        made = book().llm("two", error="overloaded").llm("part", error="timeout").llm("one", error="minor").run_finished()
        app = stored(made.status("one", "FINISH"))
        async with watching(app, 80, 24) as pilot:
            await pilot.press("enter")
            await rest(pilot)
            assert selected(app) == "part"
            assert "timeout" in line_with(app, "llm done")

    async def test_a_finished_run_opens_on_its_first_task(self) -> None:
        app = stored(Recorder().whole())
        async with watching(app, 80, 24) as pilot:
            await pilot.press("enter")
            await rest(pilot)
            assert selected(app) == "root"
            assert position(app) == next(n for n, e in enumerate(Recorder().whole().events, 1) if e.type == "node_created")

    async def test_a_live_run_opens_on_the_task_at_work(self) -> None:
        made = book().step_started("part").llm("part", error="timeout")
        app = stored(made)
        app.clock = lambda: made.events[-1].time + 1.0
        async with watching(app, 80, 24) as pilot:
            await pilot.press("enter")
            await rest(pilot)
            assert selected(app) == "part"

    async def test_the_error_leads_back_to_its_event(self) -> None:
        made = died()
        app = stored(made)
        async with watching(app, 80, 24) as pilot:
            await pilot.press("enter", "g", "b")
            await rest(pilot)
            assert selected(app) == "book"
            await pilot.click(RunHeader, offset=(10, 2))
            await until(pilot, lambda: selected(app) == "part" and position(app) == len(made.entries) - 1)
            await until(pilot, lambda: timeline(app).has_focus)

    async def test_a_long_error_is_wrapped_and_then_cut(self) -> None:
        app = stored(book().run_error(message="word " * 100))
        async with watching(app, 80, 24) as pilot:
            await pilot.press("enter")
            await rest(pilot)
            assert lines(app)[2].startswith(" × ValueError: word word")
            assert lines(app)[3].rstrip().endswith("…")
            assert "2 Tree" in lines(app)[4]


class TestTask:
    """The inspector of a task begins with what it does now, its errors, and its result."""

    async def test_errors_precede_the_result_and_the_goal(self) -> None:
        made = book().llm("part", error="timeout").result("part", "execute", '{"result": "A text"}...')
        app = stored(made.status("part", "READY").run_error())
        async with watching(app, 120, 60) as pilot:
            await pilot.press("enter")
            await until(pilot, lambda: "Goal" in inspector(app) and "A text" in inspector(app))
            text = inspector(app)
            assert text.index("Error\n") < text.index("timeout") < text.index("Result of execute") < text.index("Goal")

    async def test_a_message_is_shown_in_full(self) -> None:
        app = stored(book().step_started("part").llm("part", error=" ".join(f"word{n}" for n in range(80))).run_error())
        async with watching(app, 120, 60) as pilot:
            await pilot.press("enter")
            await until(pilot, lambda: "word79" in inspector(app))
            assert "llm executor" in inspector(app)

    async def test_a_failed_tool_call_is_beside_its_arguments(self) -> None:
        made = book().step_started("part").tool_invoked("part", "t1")
        app = stored(made.tool_returned("part", "t1", "API_ERROR", error="quota", tries=3).run_error())
        async with watching(app, 120, 60) as pilot:
            await pilot.press("enter")
            await until(pilot, lambda: "Arguments" in inspector(app))
            text = inspector(app)
            assert all(part in text for part in ("tool BingBrowser.run", "try 3", "quota", "{'query': None}"))
            assert "aborted, without an end when the run ended with ValueError: no such model" in " ".join(text.split())

    async def test_a_prompt_is_shown_in_part(self) -> None:
        prompt = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "\n".join(map(str, range(50)))}]
        made = book().step_started("part").emit("llm_call_started", {"node_id": "part", "call_id": "c", "prompt": prompt})
        app = stored(made.llm_completed("part", "c", error="timeout", agent="").run_error())
        async with watching(app, 120, 60) as pilot:
            await pilot.press("enter")
            await until(pilot, lambda: "Prompt · user" in inspector(app))
            assert "(the call has all of it)" in inspector(app)
            assert "Be brief." not in inspector(app)

    async def test_only_the_newest_errors_are_listed(self) -> None:
        made = book().step_started("part")
        for number in range(8):
            made.llm("part", error=f"error {number}")
        app = stored(made.run_error())
        async with watching(app, 120, 60) as pilot:
            await pilot.press("enter")
            await until(pilot, lambda: "and 4 before; x lists all errors" in inspector(app))
            assert "error 7" in inspector(app)
            assert "error 3" not in inspector(app)

    async def test_a_task_has_the_errors_of_its_execution(self) -> None:
        app = stored_runs(FAILED)
        async with watching(app, 120, 60) as pilot:
            await pilot.press("enter")
            await until(pilot, lambda: "Errors 4" in inspector(app))
            assert "request timed out after 120 s" in inspector(app)

    async def test_open_calls_and_steps_are_listed_first(self) -> None:
        made = book().step_started("part").llm_started("part", "c")
        app = stored(made)
        app.clock = lambda: made.events[-1].time + 30.0
        async with watching(app, 120, 60) as pilot:
            await pilot.press("enter", "a")
            await until(pilot, lambda: "Now\nllm gpt-4o-mini for 30s" in inspector(app))
            assert inspector(app).index("for 31s, step 0") < inspector(app).index("Goal")

    async def test_errors_of_the_past_are_those_up_to_the_position(self) -> None:
        made = book().step_started("part").llm("part", error="timeout").llm("part", error="bad gateway").run_error()
        app = stored(made)
        async with watching(app, 120, 60) as pilot:
            await pilot.press("enter")
            await until(pilot, lambda: "bad gateway" in inspector(app))
            await pilot.press("t", "left_square_bracket", "left_square_bracket", "2")
            await until(pilot, lambda: "bad gateway" not in inspector(app) and "timeout" in inspector(app))


class TestErrors:
    """The list of all errors of a run."""

    @pytest.mark.parametrize("size", [(80, 24), (160, 45)])
    async def test_a_click_on_the_number_of_errors_lists_them(self, size: tuple[int, int]) -> None:
        app = stored(died())
        async with watching(app, *size) as pilot:
            await pilot.press("enter")
            await rest(pilot)
            at = lines(app)[1].index("5 errors")
            await pilot.click(offset=(at + 2, 1))
            await sees(pilot, "Errors of the run: 5", "no such model", "overloaded")
            rows = [row.split() for row in rows_of(table(app)) if row.strip()]
            assert [row[2] for row in rows] == ["one", *["two/pa…"] * 3, "run"]
            assert all("overloaded" in " ".join(row) for row in rows[:1])
            assert "step (inferred) aborted, without" in " ".join(" ".join(rows[3]).split())

    async def test_the_failed_call_is_shown_with_its_prompt(self) -> None:
        prompt = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}]
        made = book().step_started("part").emit("llm_call_started", {"node_id": "part", "call_id": "c", "prompt": prompt})
        app = stored(made.llm_completed("part", "c", error="timeout", agent="").run_error())
        async with watching(app, 100, 40) as pilot:
            await pilot.press("enter", "x")
            await sees(pilot, "Prompt · system", "Be brief.", "Hello", "Errors of the run: 3")

    async def test_the_run_error_is_shown_with_its_stack_trace(self) -> None:
        app = stored(died())
        async with watching(app, 100, 40) as pilot:
            await pilot.press("enter", "x", "G")
            await sees(pilot, "ValueError: no such model", "Stack trace", "Traceback")

    async def test_enter_goes_to_the_task_and_the_event(self) -> None:
        made = died()
        app = stored(made)
        async with watching(app, 120, 36) as pilot:
            await pilot.press("enter", "x", "g", "enter")
            await until(pilot, lambda: is_open(app) and selected(app) == "one" and line_with(app, "Timeline of this task"))
            event = next(n for n, event in enumerate(made.events, 1) if event.facts.failed)
            await until(pilot, lambda: position(app) == event)
            assert timeline(app).has_focus
            await sees(pilot, "4 Event", "overloaded")

    async def test_a_double_click_goes_to_the_task_and_the_event(self) -> None:
        made = died()
        app = stored(made)
        async with watching(app, 120, 36) as pilot:
            await pilot.press("enter", "x")
            await sees(pilot, "Errors of the run: 5", "overloaded")
            y = next(number for number, line in enumerate(lines(app)) if "overloaded" in line)
            await pilot.click(offset=(30, y), times=2)
            await until(pilot, lambda: is_open(app) and selected(app) == "one")

    async def test_an_aborted_step_leads_to_the_last_event_of_its_task(self) -> None:
        made = (
            book().step_started("part").llm("part").step_started("two").llm("two").step_finished("two", "execute", "FINISH")
        )
        app = stored(made.run_finished())
        async with watching(app, 120, 36) as pilot:
            await pilot.press("enter", "x")
            await sees(pilot, "(inferred) aborted, without an end when the next step began")
            await pilot.press("enter")
            await until(pilot, lambda: is_open(app) and selected(app) == "part" and position(app) == 8)

    async def test_the_list_ends_at_the_position_in_the_past(self) -> None:
        made = died()
        app = stored(made)
        async with watching(app, 120, 36) as pilot:
            await pilot.press("enter", "t", "left_square_bracket", "left_square_bracket", "x")
            where = len(made.entries) - 2
            await sees(pilot, f"Errors of the run up to event {where}: 2")
            await pilot.press("enter")
            await sees(pilot, "PAST", "3 Timeline of the run")
            await until(pilot, lambda: is_open(app) and position(app) == where - 1)
            assert app.screen._session.travel.position == where  # type: ignore[attr-defined]

    async def test_a_filter_does_not_hide_the_event(self) -> None:
        app = stored(died())
        async with watching(app, 120, 36) as pilot:
            await pilot.press("enter", "backslash", *"nothing", "enter", "x", "g", "enter")
            await until(pilot, lambda: is_open(app) and "overloaded" in line_with(app, "llm done"))

    async def test_a_run_without_errors_says_so(self) -> None:
        app = stored(book())
        async with watching(app, 80, 24) as pilot:
            await pilot.press("enter", "x")
            await sees(pilot, "Errors of the run: 0", "No error up to here")
            await pilot.press("x")
            await sees(pilot, "2 Tree")

    async def test_errors_of_a_live_run_are_added(self) -> None:
        made = book().llm("one", error="overloaded")
        app = stored(made)
        async with watching(app, 80, 24) as pilot:
            await pilot.press("enter", "x")
            await sees(pilot, "Errors of the run: 1")
            before = len(made.entries)
            with Writer(Path("treetop.db")) as writer:
                writer.append(made.llm("two", error="timeout").entries[before:])
            await sees(pilot, "Errors of the run: 2", "timeout")
            assert table(app).cursor == 0

    async def test_many_errors_are_read_in_pages(self, monkeypatch: pytest.MonkeyPatch) -> None:
        made = book().step_started("part")
        for number in range(1_200):
            made.llm("part", error=f"error {number}")
        app = stored(made.run_error())
        read: list[int] = []
        failures = FailureQueries.failures

        async def counted(self: FailureQueries, positions: Sequence[int], end: int) -> list[Failure]:
            read.append(len(positions))
            return await failures(self, positions, end)

        monkeypatch.setattr(FailureQueries, "failures", counted)
        async with watching(app, 80, 24) as pilot:
            await pilot.press("enter", "x")
            await sees(pilot, "Errors of the run: 1202", "error 1199")
            await rest(pilot)
            await pilot.press("g")
            await sees(pilot, "error 0")
            assert max(read) <= 100

    async def test_the_help_names_the_key(self) -> None:
        app = stored(died())
        async with watching(app, 100, 60) as pilot:
            await pilot.press("enter", "question_mark")
            await sees(pilot, "List all errors of the run")


class TestPlace:
    """The title names the number of the error that e or E found."""

    async def test_tasks_with_errors_are_numbered_and_wrap(self) -> None:
        app = stored(died())
        async with watching(app, 120, 36) as pilot:
            await pilot.press("enter", "g", "e")
            await sees(pilot, "1 of 2 with errors")
            await pilot.press("e")
            await sees(pilot, "2 of 2 with errors")
            await pilot.press("e")
            await sees(pilot, "1 of 2 with errors (wrapped)")
            await pilot.press("E")
            await sees(pilot, "2 of 2 with errors (wrapped)")
            await pilot.press("g")
            await until(pilot, lambda: "with errors" not in shown(app))

    async def test_errors_in_the_timeline_are_numbered(self) -> None:
        app = stored(died())
        async with watching(app, 120, 36) as pilot:
            await pilot.press("enter", "3", "g", "e")
            await sees(pilot, "error 1 of 2")
            await pilot.press("e")
            await sees(pilot, "error 2 of 2")
            await pilot.press("e")
            await until(pilot, lambda: "No error after this event." in " ".join(shown(app).split()))

    async def test_errors_in_time_are_numbered(self) -> None:
        app = stored(died())
        async with watching(app, 120, 36) as pilot:
            await pilot.press("enter", "t", "home", "e", "e")
            await sees(pilot, "error 2 of 4")


async def test_a_notice_tells_of_another_live_run() -> None:
    made = died()
    app = stored(made)
    async with watching(app, 100, 30) as pilot:
        await pilot.press("enter")
        await rest(pilot)
        await app._notice_live()
        later = Recorder("later", start=START + timedelta(days=1)).root("book", "Write an atlas")
        with Writer(Path("treetop.db")) as writer:
            writer.append(later.entries)
        await sees(pilot, "Another run is live: F", "Write an atlas")
        await pilot.press("F")
        await until(pilot, lambda: "● live" in lines(app)[0] and "atlas" in lines(app)[0])
