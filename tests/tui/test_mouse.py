"""The mouse in the whole application, at screen coordinates."""

from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len
from textual import events
from textual.app import App
from textual.geometry import Offset
from textual.widget import Widget

from store.database.writer import Writer
from store.model.entry import Gap, StreamId
from tests.recorder import Recorder, entry_of
from tests.rest import rest
from tests.tables import store
from tests.tui.run_stage import focused, inspector, opened, selected, timeline, tree
from tests.tui.stage import STREAM, Clock, Hands, lines, rows_of, sees, shown, treetop, until, watching
from tests.tui.test_runs_screen import goals
from tui.screens.problems import ProblemsScreen
from tui.screens.run import RunScreen
from tui.widgets.playbar import Playbar
from tui.widgets.problem_list import ProblemList
from tui.widgets.rows import Rows
from tui.widgets.run_list import RunList
from tui.widgets.text_pane import TextPane

P = Path("treetop.db")

SIZES = pytest.mark.parametrize("size", [(80, 24), (80, 50), (140, 40)], ids=["stacked", "tall", "wide"])


def book() -> Recorder:
    """Forty chapters with two pages each. One page has two errors; the last chapter depends on the others."""
    made = Recorder().run_started().root("book")
    for number in range(40):
        made.node("book", f"chapter-{number:02}", f"Chapter called {number:02}")
    for number in range(40):
        for page in "ab":
            nid, goal = f"chapter-{number:02}.{page}", f"Page {number:02} {page}"
            made.node(f"chapter-{number:02}", f"page-{number:02}-{page}", goal, nid, layer=2)
    made.step_started("chapter-05").llm("chapter-05", error="timeout").llm("chapter-05", error="again")
    return made.step_finished("chapter-05", "execute", after="FINISH")


def place_of(app: App[Any], text: str) -> Offset:
    """Position of the first character of a text on the screen."""
    for y, line in enumerate(lines(app)):
        if text in line:
            return Offset(cell_len(line[: line.index(text)]), y)
    raise AssertionError(f"{text!r} is not on the screen:\n{shown(app)}")


async def click(pilot: Hands, text: str, times: int = 1, right: int = 0) -> None:
    """Click on a text on the screen, `right` cells from its start."""
    await pilot.click(offset=place_of(pilot.app, text) + Offset(right, 0), times=times)
    await pilot.settle()


def hovered(pane: Rows) -> str:
    """Text of the highlighted row of a focused pane."""
    ground = pane._style("rows--hover", "").bgcolor
    height = range(pane.scrollable_content_region.height)
    marked = (
        strip
        for strip in map(pane.render_line, height)
        if any(part.style.bgcolor == ground for part in strip if part.style)
    )
    return "\n".join("".join(part.text for part in strip) for strip in marked)


async def wheel(pilot: Hands, pane: Widget, down: bool = True) -> None:
    """Turn the wheel by one notch in the middle of a pane."""
    at = pane.region.offset + Offset(pane.region.width // 2, pane.region.height // 2)
    kind = events.MouseScrollDown if down else events.MouseScrollUp
    pilot.app.screen._forward_event(kind(pane, at.x, at.y, 0, 1, 0, False, False, False, at.x, at.y))
    await pilot.settle()


class TestTree:
    """Clicks in the tree."""

    @SIZES
    async def test_a_click_selects_the_row_under_it(self, here: Path, clock: Clock, size: tuple[int, int]) -> None:
        store(P, book().entries)
        app = treetop(P, clock)
        async with watching(app, *size) as pilot:
            await opened(pilot, "g")
            await sees(pilot, "Page 01 a")
            await click(pilot, "Page 01 a")
            await until(pilot, lambda: selected(app) == "page-01-a")

    @SIZES
    async def test_a_click_in_a_scrolled_pane_selects_the_row_under_it(
        self, here: Path, clock: Clock, size: tuple[int, int]
    ) -> None:
        store(P, book().entries)
        app = treetop(P, clock)
        async with watching(app, *size) as pilot:
            await opened(pilot, "equals_sign", "G")
            await until(pilot, lambda: selected(app) == "page-39-b")
            await sees(pilot, "Page 39 b", "Page 38 b")
            await click(pilot, "Page 38 b")
            await until(pilot, lambda: selected(app) == "page-38-b")

    async def test_a_click_on_the_border_selects_nothing(self, here: Path, clock: Clock) -> None:
        store(P, book().entries)
        app = treetop(P, clock)
        async with watching(app, 140, 40) as pilot:
            await opened(pilot, "j", "j")
            await rest(pilot)
            await click(pilot, "2 Tree")
            await click(pilot, "3 Timeline")
            assert (selected(app), focused(app)) == ("page-00-a", "timeline")

    @SIZES
    async def test_a_click_on_the_mark_expands_or_collapses(self, here: Path, clock: Clock, size: tuple[int, int]) -> None:
        store(P, book().entries)
        app = treetop(P, clock)
        async with watching(app, *size) as pilot:
            await opened(pilot, "equals_sign", "g")
            await sees(pilot, "Page 01 a")
            mark = place_of(app, "Chapter called 01") - Offset(len("⌄ ○ chapter-01 "), 0)
            assert lines(app)[mark.y][mark.x] == "⌄"
            await pilot.click(offset=mark)
            await until(pilot, lambda: "Page 01 a" not in shown(app))
            await sees(pilot, "Page 00 b", "Chapter called 02", "Page 02 a")
            assert selected(app) == "chapter-01"
            await pilot.click(offset=mark)
            await sees(pilot, "Page 01 a")

    async def test_a_double_click_acts_as_enter(self, here: Path, clock: Clock) -> None:
        store(P, book().entries)
        app = treetop(P, clock)
        async with watching(app, 140, 40) as pilot:
            await opened(pilot, "g")
            await click(pilot, "Page 05 a", times=2)
            await until(pilot, lambda: focused(app) == "timeline")
            assert selected(app) == "page-05-a"

    @SIZES
    async def test_the_row_under_the_mouse_is_highlighted_after_scrolling(
        self, here: Path, clock: Clock, size: tuple[int, int]
    ) -> None:
        store(P, book().entries)
        app = treetop(P, clock)
        async with watching(app, *size) as pilot:
            await opened(pilot, "g")
            at = place_of(app, "Chapter called 01")
            await pilot.hover(offset=at)
            await until(pilot, lambda: "Chapter called 01" in hovered(tree(app)))
            await wheel(pilot, tree(app))
            await until(pilot, lambda: tree(app).scroll_offset.y > 0)
            await rest(pilot)
            assert hovered(tree(app)).split() == lines(app)[at.y][: tree(app).scrollable_content_region.right].split()


class TestTimeline:
    """Clicks in the timeline, which starts below the top of the screen."""

    @SIZES
    async def test_a_click_selects_the_row_under_it(self, here: Path, clock: Clock, size: tuple[int, int]) -> None:
        store(P, book().entries)
        app = treetop(P, clock)
        async with watching(app, *size) as pilot:
            await opened(pilot, "b", "b", "3", "g")
            await rest(pilot)
            await click(pilot, "02 plan · Chapter called 02")
            await until(pilot, lambda: timeline(app).cursor == 4)

    @SIZES
    async def test_a_click_in_a_scrolled_pane_selects_the_row_under_it(
        self, here: Path, clock: Clock, size: tuple[int, int]
    ) -> None:
        store(P, book().entries)
        app = treetop(P, clock)
        async with watching(app, *size) as pilot:
            await opened(pilot, "b", "b", "3", "G")
            await rest(pilot)
            last = timeline(app).count - 1
            await click(pilot, "again · executor")
            await until(pilot, lambda: timeline(app).cursor == last - 1)
            await click(pilot, "again · executor", times=2)
            await until(pilot, lambda: focused(app) == "inspector")

    async def test_the_row_under_the_mouse_is_highlighted(self, here: Path, clock: Clock) -> None:
        store(P, book().entries)
        app = treetop(P, clock)
        async with watching(app, 140, 40) as pilot:
            await opened(pilot, "b", "b", "3", "g")
            await rest(pilot)
            await pilot.hover(offset=place_of(app, "03 plan · Chapter called 03"))
            await until(pilot, lambda: "03 plan · Chapter called 03" in hovered(timeline(app)))


class TestRuns:
    """The list of runs: its rows, and the titles of its columns."""

    async def test_a_click_selects_and_a_double_click_opens(self, path: Path, clock: Clock) -> None:
        app = treetop(path, clock)
        async with watching(app) as pilot:
            await sees(pilot, "3 runs")
            third = goals(app)[2]
            await click(pilot, third[:30])
            assert app.screen.query_one(RunList).cursor == 2
            await click(pilot, third[:30], times=2)
            await until(pilot, lambda: isinstance(app.screen, RunScreen))
            await sees(pilot, third[:30])

    async def test_a_click_in_a_scrolled_pane_selects_the_row_under_it(self, here: Path, clock: Clock) -> None:
        with Writer(P) as writer:
            for number in range(60):
                writer.append(Recorder(f"r-{number:02}").root(f"n{number}", f"Goal {number:02}.").entries)
        app = treetop(P, clock)
        async with watching(app, 80, 24) as pilot:
            await sees(pilot, "60 runs")
            await pilot.press("G")
            await click(pilot, "Goal 07.")
            row = app.screen.query_one(RunList).selected
            assert row is not None
            assert row.run.goal == "Goal 07."

    @pytest.mark.parametrize("size", [(80, 24), (160, 40)])
    async def test_a_click_on_a_title_sorts_and_a_second_one_reverses(
        self, path: Path, clock: Clock, size: tuple[int, int]
    ) -> None:
        app = treetop(path, clock)
        async with watching(app, *size) as pilot:
            await sees(pilot, "WHEN▼", "3 runs")
            await click(pilot, "TASKS")
            await sees(pilot, "TASKS▼", "WHEN ")
            largest_first = goals(app)
            await click(pilot, "TASKS▼", right=2)
            await sees(pilot, "TASKS▲")
            assert goals(app) == largest_first[::-1]
            await click(pilot, "GOAL", right=20)
            await sees(pilot, "GOAL▼")
            assert goals(app) == sorted(goals(app))


class TestLinks:
    """Numbers in the header and the status bar are links."""

    @SIZES
    async def test_a_click_on_the_errors_lists_them(self, here: Path, clock: Clock, size: tuple[int, int]) -> None:
        store(P, book().entries)
        app = treetop(P, clock)
        async with watching(app, *size) as pilot:
            await opened(pilot, "g")
            await click(pilot, "2 errors")
            await sees(pilot, "Errors of the run: 2", "timeout", "again")

    async def test_a_click_on_rejected_or_lost_entries_opens_the_problems(self, here: Path, clock: Clock) -> None:
        with Writer(P) as writer:
            key = writer.stream(STREAM)
            before = writer.cursor(key)
            writer.append([*book().entries, entry_of(b"[]", 1)], key, before, before)
            writer.append([], key, before, before, Gap("trimmed", 3, StreamId(1, 0), None, "gone"))
        app = treetop(P, clock)
        async with watching(app, 120, 36) as pilot:
            await sees(pilot, "1 rejected", "1 gap, 3 lost")
            await click(pilot, "1 rejected", right=3)
            await until(pilot, lambda: isinstance(app.screen, ProblemsScreen))
            await pilot.press("q")
            await sees(pilot, "1 gap, 3 lost")
            await click(pilot, "1 gap, 3 lost")
            await until(pilot, lambda: isinstance(app.screen, ProblemsScreen))
            await pilot.press("q")
            await opened(pilot)
            await click(pilot, "1 gap: incomplete")
            await until(pilot, lambda: isinstance(app.screen, ProblemsScreen))

    async def test_a_click_beside_a_link_has_no_effect(self, here: Path, clock: Clock) -> None:
        store(P, book().entries)
        app = treetop(P, clock)
        async with watching(app, 140, 40) as pilot:
            await opened(pilot, "g")
            await click(pilot, "2 errors", right=len("2 errors"))
            await click(pilot, "1 done")
            await rest(pilot)
            assert selected(app) == "book"


class TestProblems:
    """The list of problems."""

    async def test_a_click_selects_and_a_double_click_focuses_the_details(self, here: Path, clock: Clock) -> None:
        with Writer(P) as writer:
            writer.append([entry_of(b"%d" % number, 1000 + number) for number in range(40)])
        app = treetop(P, clock)
        async with watching(app, 100, 24) as pilot:
            await pilot.press("exclamation_mark")
            await sees(pilot, "1036-0")
            await click(pilot, "1036-0")
            problems = app.screen.query_one(ProblemList)
            at = place_of(app, "1036-0")
            assert rows_of(problems)[problems.cursor].split() == lines(app)[at.y].split()
            await pilot.press("G")
            await click(pilot, "1003-0", times=2)
            assert problems.selected is not None
            assert "1003" in repr(problems.selected)
            assert focused(app) == "problem"


class TestKeyLine:
    """Clicks on the line of keys."""

    @pytest.mark.parametrize("width", [80, 140])
    async def test_a_click_on_a_key_runs_its_action(self, book: Path, clock: Clock, width: int) -> None:
        app = treetop(book, clock)
        async with watching(app, width, 30) as pilot:
            await opened(pilot)
            await click(pilot, "? Help")
            await sees(pilot, "Start here", "In this pane")
            await pilot.press("escape")
            await click(pilot, "q Back", right=3)
            await sees(pilot, "1 run")

    async def test_a_click_on_a_key_runs_its_action_while_text_is_typed(self, book: Path, clock: Clock) -> None:
        app = treetop(book, clock)
        async with watching(app, 140, 30) as pilot:
            await opened(pilot, "slash", "b")
            await click(pilot, "F1 Help")
            await sees(pilot, "In this prompt", "Everywhere")


class TestPlaybar:
    """The playbar."""

    @SIZES
    async def test_a_click_goes_to_the_position_under_it(self, here: Path, clock: Clock, size: tuple[int, int]) -> None:
        store(P, book().entries)
        app = treetop(P, clock)
        async with watching(app, *size) as pilot:
            await opened(pilot, "t")
            bar = app.screen.query_one(Playbar)
            await until(pilot, lambda: bar.shown.axis is not None)
            await pilot.settle()
            x = bar.region.x + bar.region.width // 3
            await pilot.click(offset=(x, bar.region.y))
            await sees(pilot, "PAUSED")
            await until(pilot, lambda: lines(app)[bar.region.y][x] == "┃")


class TestWheel:
    """The wheel scrolls the pane under the mouse, regardless of the focus."""

    @SIZES
    async def test_the_wheel_scrolls_tree_and_timeline(self, here: Path, clock: Clock, size: tuple[int, int]) -> None:
        store(P, book().entries)
        app = treetop(P, clock)
        async with watching(app, *size) as pilot:
            await opened(pilot, "b", "b", "3", "g", "2", "g")
            await rest(pilot)
            panes: list[Rows] = [tree(app), timeline(app)]
            for pane, other in (panes, panes[::-1]):
                top, still = pane.scroll_offset.y, other.scroll_offset.y
                await wheel(pilot, pane)
                assert pane.scroll_offset.y > top
                await wheel(pilot, pane, down=False)
                assert (pane.scroll_offset.y, other.scroll_offset.y) == (top, still)

    async def test_the_wheel_scrolls_the_inspector(self, here: Path, clock: Clock) -> None:
        store(P, Recorder().root("book", "\n".join(f"Line {number}" for number in range(99))).entries)
        app = treetop(P, clock)
        async with watching(app, 140, 30) as pilot:
            await opened(pilot)
            pane = app.screen.query_one(TextPane)
            await until(pilot, lambda: "Line 5" in inspector(app))
            await rest(pilot)
            await wheel(pilot, pane)
            await until(pilot, lambda: pane.scroll_offset.y > 0)

    async def test_the_wheel_scrolls_the_list_of_runs(self, here: Path, clock: Clock) -> None:
        with Writer(P) as writer:
            for number in range(60):
                writer.append(Recorder(f"r-{number:02}").root(f"n{number}", f"Goal {number:02}.").entries)
        app = treetop(P, clock)
        async with watching(app, 80, 24) as pilot:
            await sees(pilot, "60 runs")
            runs = app.screen.query_one(RunList)
            await wheel(pilot, runs)
            assert runs.scroll_offset.y > 0
