"""The screens of statistics: of one run, of the spans behind a row, and of all runs."""

import re
from pathlib import Path
from typing import Any

import pytest
from textual.app import App
from textual.pilot import Pilot

from store.database.reader import Reader
from store.database.statistics_queries import StatisticsQueries
from store.database.writer import Writer
from store.errors import FileBusy
from store.model.record import RunRow
from tests.cli.test_cli import treetop as command
from tests.recorder import Recorder
from tests.rest import rest
from tests.tables import store
from tests.tui.run_stage import focused, position, selected
from tests.tui.stage import (
    LIVE,
    PARALLEL,
    Clock,
    Feed,
    line_with,
    lines,
    rows_of,
    sees,
    shown,
    store_run,
    treetop,
    until,
    watching,
)
from tests.tui.test_mouse import click
from tui.app import Treetop
from tui.screens import all_runs
from tui.screens.all_runs import AllRunsScreen
from tui.screens.run import RunScreen
from tui.screens.runs import RunsScreen
from tui.screens.statistics import StatisticsScreen
from tui.session.session import Session
from tui.session.statistics import SessionStatistics
from tui.widgets.rows import Rows
from tui.widgets.section_table import SectionTable
from tui.widgets.span_table import SpanTable

P = Path("treetop.db")


def printed(*words: str) -> list[list[str]]:
    """The lines of `treetop stats`, in words."""
    done = command("stats", *words, "--db", str(P), TZ="UTC", PYTHONIOENCODING="utf-8")
    assert (done.returncode, done.stderr) == (0, "")
    return [line.split() for line in done.stdout.splitlines()]


def table(app: App[Any]) -> SectionTable:
    return app.screen.query_one(SectionTable)


def spans(app: App[Any]) -> SpanTable:
    return app.screen.query_one(SpanTable)


def at_cursor(app: App[Any]) -> str:
    """The text of the row under the cursor."""
    rows = app.screen.query_one("SectionTable, SpanTable", Rows)
    return rows_of(rows)[rows.cursor - rows.scroll_offset.y]


def agents(app: App[Any]) -> list[str]:
    """The names in the table of agents, from the top."""
    return [line.split()[0] for line in lines(app) if re.match(r" (Rare|Often) ", line)]


async def opened(pilot: Pilot[Any], *keys: str) -> None:
    """Open the newest run, press keys, then open its statistics."""
    await pilot.press("enter")
    await rest(pilot)
    for key in keys:
        await pilot.press(key)
        await rest(pilot)
    await pilot.press("5")
    await until(pilot, lambda: isinstance(pilot.app.screen, StatisticsScreen))
    await rest(pilot)


async def go_to(pilot: Pilot[Any], name: str) -> None:
    """Move the cursor down to the row with a text."""
    for _ in range(table(pilot.app).count):
        if name in at_cursor(pilot.app):
            return
        await pilot.press("j")
    raise AssertionError(f"no row has {name!r}:\n{shown(pilot.app)}")


@pytest.fixture(autouse=True)
def _here(here: Path) -> None:
    """Files are created in a new directory."""


@pytest.fixture
def parallel() -> Treetop:
    """The application on a file with a run of several branches."""
    store_run(P, PARALLEL)
    return treetop(P, Clock())


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> list[StatisticsQueries]:
    """One element for each reading of all spans."""
    found, visit = [], StatisticsQueries.visit

    async def counted(self: StatisticsQueries, *given: Any) -> None:
        found.append(self)
        await visit(self, *given)

    monkeypatch.setattr(StatisticsQueries, "visit", counted)
    return found


def book() -> Recorder:
    """Two chapters. The second has a part. Their calls take 1, 2, 3 and 4 seconds; one fails."""
    made = Recorder().run_started().root("book").node("book", "one").node("book", "two").node("two", "part")
    made.step_started("one").llm("one", duration_seconds=1.0, tokens=(10, 5))
    made.llm("one", duration_seconds=2.0, error="timeout").step_finished("one", "execute", "FINISH")
    made.step_started("part").llm("part", duration_seconds=4.0, tokens=(100, 50), cost=0.5)
    return made.llm("part", duration_seconds=3.0).step_finished("part", "execute", "FINISH").run_finished()


def stored(made: Recorder) -> Treetop:
    """The application on a file with this run, a day after it."""
    with Writer(P) as writer:
        writer.append(made.entries)
    return treetop(P, Clock(made.events[-1].time + 86_400.0))


class TestRun:
    """`5` in a run."""

    async def test_the_screen_has_the_figures_of_the_command(self, parallel: Treetop) -> None:
        async with watching(parallel, 200, 50) as pilot:
            await opened(pilot)
            words, expected = [line.split() for line in lines(parallel)], printed("latest")
            assert expected[3] in words
            groups = [row for row in expected if len(row) > 7 and row[-1].endswith("%") and not row[0].endswith("s")]
            assert len(groups) > 10
            for row in groups:
                assert any(line[: len(row)] == row for line in words), row

    async def test_the_critical_path_is_above_the_rows(self, parallel: Treetop) -> None:
        async with watching(parallel, 80, 24) as pilot:
            await opened(pilot)
            assert re.match(r" \S+ of work, \S+ on the critical path: could run \d+\.\d wide", lines(parallel)[2])
            assert lines(parallel)[4].split() == ["CRITICAL", "PATH"]

    async def test_the_past_has_the_statistics_of_its_position(self, parallel: Treetop) -> None:
        async with watching(parallel, 200, 50) as pilot:
            await opened(pilot, "t", "T", "4", "0", "percent_sign", "enter")
            here = int(re.search(r"up to event ([\d,]+)", shown(parallel)).group(1).replace(",", ""))  # type: ignore[union-attr]
            expected = printed("latest", "--at", str(here))
            assert " ".join(expected[3]) in shown(parallel)
            rows = [line for line in expected if line and line[0].rstrip(",") == "gpt-4o-mini"]
            assert rows
            assert any(line.split()[: len(rows[0])] == rows[0] for line in lines(parallel))
            await pilot.press("5")
            assert isinstance(parallel.screen, RunScreen)

    async def test_a_live_run_is_read_again(self) -> None:
        clock = Clock()
        feed = Feed(P, LIVE, clock, 100)
        app = treetop(P, clock)
        async with watching(app, 120, 40) as pilot:
            await opened(pilot)
            before = line_with(app, "gpt-4o-mini").split()
            feed.more(200)
            await until(pilot, lambda: line_with(app, "gpt-4o-mini").split() != before)
            await rest(pilot)
            row = next(line for line in printed("latest") if line and line[0].rstrip(",") == "gpt-4o-mini")
            assert line_with(app, "gpt-4o-mini").split()[: len(row)] == row
        feed.close()

    async def test_an_open_call_is_named_and_has_no_time(self) -> None:
        """It is not as if it had taken no time."""
        made = Recorder().run_started().root("book").step_started("book")
        app = stored(made.emit("tool_invoked", {"node_id": "book", "tool_name": "search", "api_name": "web"}))
        async with watching(app, 120, 40) as pilot:
            await opened(pilot)
            printed_row = next(line for line in printed("latest") if line and line[0].startswith("search"))
            for row in (line_with(app, "search.web").split(), printed_row):
                assert row[:5] == ["search.web,", "1", "open", "1", "-"]
                assert "n/a" in row
                assert "0.00s" not in row

    async def test_statistics_that_are_not_on_the_screen_are_not_read(self, readings: list[StatisticsQueries]) -> None:
        clock = Clock()
        feed = Feed(P, LIVE, clock, 100)
        app = treetop(P, clock)
        async with watching(app, 120, 40) as pilot:
            await opened(pilot)
            assert len(readings) == 1
            for _ in range(10):
                feed.more(5)
                await pilot.pause(0.05)
            assert len(readings) <= 2, "events in short succession are read together"
            await pilot.press("escape")
            await rest(pilot)
            read = len(readings)
            feed.more(50)
            await rest(pilot)
            assert len(readings) == read
        feed.close()

    async def test_statistics_that_are_known_are_not_read_again(self, readings: list[StatisticsQueries]) -> None:
        app = stored(book())
        async with watching(app, 120, 40) as pilot:
            await opened(pilot)
            figures = rows_of(table(app))
            await pilot.press("5", "5")
            await rest(pilot)
            assert rows_of(table(app)) == figures
            assert len(readings) == 1
            await pilot.press("b")
            await rest(pilot)
            assert len(readings) == 2

    async def test_a_key_and_a_click_sort_the_rows(self) -> None:
        made = Recorder().run_started().root("book").step_started("book")
        for agent, count, seconds in (("Rare", 1, 9.0), ("Often", 3, 1.0)):
            for _ in range(count):
                made.llm_started("book", "c", agent).llm_completed("book", "c", agent=agent, duration_seconds=seconds)
        app = stored(made.run_finished())
        async with watching(app, 120, 40) as pilot:
            await opened(pilot)
            assert agents(app) == ["Rare", "Often"]
            assert "SHARE▼" in shown(app)
            await click(pilot, "COUNT")
            assert agents(app) == ["Often", "Rare"]
            await click(pilot, "COUNT▼")
            assert agents(app) == ["Rare", "Often"]
            await pilot.press("S")
            assert "FAILED▼" in shown(app)

    async def test_a_narrowed_tree_has_the_statistics_of_its_subtree(self) -> None:
        app = stored(book())
        async with watching(app, 120, 40) as pilot:
            await opened(pilot, "g", "j", "j", "C")
            assert "Task two and everything beneath it: " in lines(app)[2]
            assert line_with(app, "gpt-4o-mini").split()[1] == "2"
            await pilot.press("b")
            await rest(pilot)
            assert "Task" not in lines(app)[2]
            assert line_with(app, "gpt-4o-mini").split()[1] == "4"

    async def test_the_scope_is_the_selected_task(self) -> None:
        app = stored(book())
        async with watching(app, 120, 40) as pilot:
            await opened(pilot, "g", "j")
            assert line_with(app, "gpt-4o-mini").split()[1] == "4"
            await pilot.press("b")
            await rest(pilot)
            assert "Task one and everything beneath it: " in lines(app)[2]
            assert line_with(app, "gpt-4o-mini").split()[1:3] == ["2", "1"]

    async def test_the_cursor_is_never_on_a_title(self, parallel: Treetop) -> None:
        async with watching(parallel, 80, 24) as pilot:
            await opened(pilot)
            seen = set()
            for key in ["g", *["j"] * table(parallel).count, "G", "pageup", "ctrl+u", "k", "k", "k", "g"]:
                await pilot.press(key)
                assert table(parallel).selected is not None
                seen.add(table(parallel).cursor)
            assert lines(parallel)[4].split() == ["CRITICAL", "PATH"], "the title above the first row is shown"
            await click(pilot, "MODEL")
            assert table(parallel).selected is not None

    async def test_a_task_of_the_critical_path_is_opened_in_the_tree(self, parallel: Treetop) -> None:
        async with watching(parallel, 120, 40) as pilot:
            await opened(pilot)
            row = table(parallel).selected
            assert row is not None
            await pilot.press("enter")
            await rest(pilot)
            assert isinstance(parallel.screen, RunScreen)
            assert focused(parallel) == "tree"
            assert parallel.screen._session.tree.selected == int(row.key[1])

    async def test_a_run_without_spans_says_so(self) -> None:
        app = stored(Recorder().run_started().root("book"))
        async with watching(app, 80, 24) as pilot:
            await opened(pilot)
            await sees(pilot, "no work has been measured", "No step and no call up to here.")


class TestSpans:
    """Enter on a row lists the spans behind it."""

    async def test_the_slowest_call_is_first(self) -> None:
        app = stored(book())
        async with watching(app, 120, 40) as pilot:
            await opened(pilot)
            await go_to(pilot, "gpt-4o-mini")
            await pilot.press("enter")
            await sees(pilot, "4 calls of model gpt-4o-mini, slowest first")
            await rest(pilot)
            rows = [row.split() for row in rows_of(spans(app))[:4]]
            assert [row[5] for row in rows] == ["4.0s", "3.0s", "2.0s", "1.0s"]
            assert [row[2] for row in rows] == ["two/part", "two/part", "one", "one"]
            assert rows[2][1] == "×"
            assert "failed" in rows[2]
            await pilot.press("S")
            await sees(pilot, "newest first")
            await rest(pilot)
            assert [row.split()[5] for row in rows_of(spans(app))[:4]] == ["3.0s", "4.0s", "2.0s", "1.0s"]
            await click(pilot, "TIME▼")
            await sees(pilot, "oldest first")
            await rest(pilot)
            assert rows_of(spans(app))[0].split()[5] == "1.0s"

    async def test_enter_goes_to_the_task_and_its_event(self) -> None:
        made = book()
        app = stored(made)
        async with watching(app, 120, 40) as pilot:
            await opened(pilot)
            await go_to(pilot, "gpt-4o-mini")
            await pilot.press("enter")
            await sees(pilot, "slowest first")
            await rest(pilot)
            await pilot.press("j", "j", "enter")
            await until(pilot, lambda: isinstance(app.screen, RunScreen))
            await rest(pilot)
            assert selected(app) == "one"
            failed = next(at for at, event in enumerate(made.events, 1) if event.facts.failed)
            assert position(app) == failed
            assert focused(app) == "timeline"

    async def test_escape_goes_back_one_level(self) -> None:
        app = stored(book())
        async with watching(app, 120, 40) as pilot:
            await opened(pilot)
            await go_to(pilot, "execute")
            await pilot.press("enter")
            await sees(pilot, "2 steps of action execute")
            levels = []
            for key in ("escape", "q", "escape"):
                await pilot.press(key)
                levels.append(type(app.screen))
            assert levels == [StatisticsScreen, RunScreen, RunsScreen]

    async def test_rows_far_down_are_read_when_they_are_shown(self) -> None:
        made = Recorder().run_started().root("book").step_started("book")
        for number in range(450):
            made.llm("book", duration_seconds=1000.0 - number)
        app = stored(made)
        async with watching(app, 120, 30) as pilot:
            await opened(pilot)
            await go_to(pilot, "gpt-4o-mini")
            await pilot.press("enter")
            await sees(pilot, "450 calls")
            await pilot.press("G")
            await rest(pilot)
            assert "9m11s" in at_cursor(app)
            assert len(spans(app)._rows) < 450
            await pilot.press("enter")
            await rest(pilot)
            assert position(app) == len(made.entries)

    async def test_the_cursor_stays_on_its_span_while_the_run_grows(self) -> None:
        made = book()
        app = stored(made)
        async with watching(app, 120, 40) as pilot:
            await opened(pilot)
            await go_to(pilot, "gpt-4o-mini")
            await pilot.press("enter")
            await rest(pilot)
            await pilot.press("j")
            before = at_cursor(app)
            made.llm("one", duration_seconds=9.0)
            with Writer(P) as writer:
                writer.append(made.entries)
            await sees(pilot, "5 calls of", "9.0s")
            await rest(pilot)
            assert at_cursor(app) == before
            assert spans(app).cursor == 2


class TestAllRuns:
    """`5` in the list of runs."""

    async def test_days_and_extremes_are_those_of_the_command(self, path: Path, clock: Clock) -> None:
        app = treetop(path, clock)
        async with watching(app, 200, 50) as pilot:
            await pilot.press("5")
            await rest(pilot)
            assert isinstance(app.screen, AllRunsScreen)
            expected = printed()
            words = [line.split() for line in lines(app)]
            assert words[1][:9] == ["DAY▼", "RUNS", "FINISHED", "FAILED", "TIME", "P50", "LLM", "COST", "ERR"]
            day = next(one for one in words if one and one[0] == expected[1][0])
            assert day[: len(expected[1])] == expected[1]
            for title in ("SLOWEST", "DEAREST"):
                command_rows = expected[next(n for n, one in enumerate(expected) if title in one) + 1 :]
                screen_rows = words[next(n for n, one in enumerate(words) if one[:1] == [title]) + 1 :]
                for of_command, of_screen in zip(command_rows[:3], screen_rows[:3], strict=True):
                    assert of_command[0] in of_screen
                    assert " ".join(of_screen).startswith(" ".join(of_command[of_command.index(of_screen[0]) :][:6]))

    async def test_enter_opens_a_run(self, path: Path, clock: Clock) -> None:
        app = treetop(path, clock)
        async with watching(app, 120, 40) as pilot:
            await pilot.press("5")
            await rest(pilot)
            await pilot.press("j")
            goal = at_cursor(app).strip()[:30]
            await pilot.press("enter")
            await until(pilot, lambda: isinstance(app.screen, RunScreen))
            await sees(pilot, goal)
            await pilot.press("escape")
            assert isinstance(app.screen, RunsScreen)

    async def test_enter_on_a_day_lists_its_runs(self) -> None:
        for run_id, start in (("monday", "2025-04-21"), ("tuesday", "2025-04-22")):
            made = Recorder(run_id)
            made.emit("run_started", {}, timestamp=f"{start}T10:00:00Z").emit(
                "node_created",
                {"node_id": "r", "is_root": True, "task_goal": f"Work on {run_id}"},
                timestamp=f"{start}T10:00:01Z",
            )
            store(P, made.emit("run_finished", {}, timestamp=f"{start}T10:01:00Z").entries)
        app = treetop(P, Clock())
        async with watching(app, 120, 40) as pilot:
            await pilot.press("5")
            await rest(pilot)
            assert [line.split()[0] for line in rows_of(table(app))[1:3]] == ["2025-04-22", "2025-04-21"]
            await pilot.press("j", "enter")
            await sees(pilot, "SLOWEST OF 2025-04-21")
            assert "tuesday" not in shown(app)
            await pilot.press("escape")
            await sees(pilot, "tuesday", "monday")
            await pilot.press("escape")
            assert isinstance(app.screen, RunsScreen)

    async def test_further_runs_are_counted(self, path: Path, clock: Clock) -> None:
        app = treetop(path, clock)
        async with watching(app, 120, 40) as pilot:
            await pilot.press("5")
            await rest(pilot)
            assert at_cursor(app).split()[1] == "3"
            store_run(path, PARALLEL)
            await until(pilot, lambda: at_cursor(app).split()[1] == "4")

    async def test_an_empty_file_has_no_statistics(self) -> None:
        store(P, [])
        app = treetop(P, Clock())
        async with watching(app, 80, 24) as pilot:
            await pilot.press("5")
            await sees(pilot, "no runs yet")

    async def test_a_reading_that_fails_begins_again(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for run_id in ("one", "two", "three"):
            store(P, Recorder(run_id).whole().entries)
        page, failures = Reader.run_page, ["second page"]

        async def busy(reader: Reader, below: int | None, limit: int) -> list[RunRow]:
            if below is not None and failures:
                raise FileBusy(failures.pop())
            return await page(reader, below, limit)

        monkeypatch.setattr(all_runs, "PAGE_RUNS", 1)
        app = treetop(P, Clock())
        async with watching(app, 120, 40) as pilot:
            monkeypatch.setattr(Reader, "run_page", busy)
            await pilot.press("5")
            await until(pilot, lambda: not failures)
            await until(pilot, lambda: table(app).count > 0 and at_cursor(app).split()[1] == "3")

    @pytest.mark.parametrize("size", [(1, 1), (2, 2)], ids=str)
    async def test_a_terminal_of_a_few_cells_is_no_error(self, path: Path, clock: Clock, size: tuple[int, int]) -> None:
        app = treetop(path, clock)
        async with watching(app, *size) as pilot:
            await pilot.press("5")
            await rest(pilot)
            await pilot.press("j", "escape", "enter")
            await rest(pilot)
            await pilot.press("5")
            await rest(pilot)
            assert isinstance(app.screen, StatisticsScreen)


async def test_the_scope_stays_the_same_task_if_other_tasks_leave_the_run() -> None:
    """The task `a` turns out to be one of another run, so that the tasks after it get other numbers."""
    made = Recorder("B").run_started().root("b")
    other = Recorder("A", beside=made).nameless().status("a", "READY")
    for name in ("b1", "b2", "b3"):
        made.node("b", name).step(name, "execute", after="FINISH")
    store(P, made.entries)
    async with Reader(P) as reader:
        session = Session(reader, "B", lambda: 2e9)
        await session.open()
        session.tree.select(*await session.moment.numbers(["b2"]))
        statistics = SessionStatistics(session.moment, session.tree, lambda: 2e9)
        statistics.change_scope()
        await statistics.read(lambda part: None)
        before, stored = statistics.task, len(made.entries)
        other.run_id = "A"
        other.step_finished("a", "execute", after="FINISH")
        store(P, made.entries[stored:])
        await session.refresh()
        await statistics.find_task()
        await statistics.read(lambda part: None)
        assert statistics.task != before
        assert statistics.shown.scope == "b2"
