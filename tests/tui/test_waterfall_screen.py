"""The waterfall in the whole application: keys and mouse, live, in the past, narrowed, and on small terminals."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

import pytest
from textual import events
from textual.geometry import Offset

from store.database.writer import Writer
from tests.recorder import START, Recorder
from tests.rest import rest
from tests.tables import store
from tests.tui.run_stage import focused, opened, position, selected, timeline, tree
from tests.tui.stage import PARALLEL, Clock, Feed, Hands, lines, rows_of, sees, shown, store_run, treetop, until, watching
from tui.app import Treetop
from tui.screens.run import RunScreen
from tui.widgets.waterfall import Waterfall

P = Path("treetop.db")

SIZES = pytest.mark.parametrize("size", [(80, 24), (120, 36), (200, 50)], ids=str)


@pytest.fixture
def clock() -> Clock:
    return Clock(START.timestamp() + 3_600)


class Timed(Recorder):
    """A recorder whose clock stands still until `pause`, and whose steps last from their first to their last event."""

    def __init__(self) -> None:
        super().__init__()
        self._passed = 0.0
        self._began: dict[object, float] = {}

    def emit(self, event_type: str, payload: Mapping[str, object], **envelope: object) -> Self:
        if event_type == "step_started":
            self._began[payload["node_id"]] = self._passed
        elif event_type == "step_finished":
            payload = {**payload, "duration_seconds": self._passed - self._began[payload["node_id"]]}
        super().emit(event_type, payload, **envelope)
        self._start -= timedelta(seconds=1)
        return self

    def pause(self, seconds: float) -> Self:
        self._passed += seconds
        self._start += timedelta(seconds=seconds)
        return self

    def work(self, node_id: str, seconds: float, action: str = "execute", after: str = "FINISH") -> Self:
        """A step of some seconds."""
        return self.step_started(node_id).pause(seconds).step_finished(node_id, action, after)


def book() -> Timed:
    """A plan of 10 s, chapters of 20 s, 40 s and 20 s one after the other, a pause of five minutes, an end of 10 s."""
    made = Timed().run_started().root("book", "Write a book")
    made.work("book", 10, "plan", "PLAN_DONE")
    for name in ("one", "two", "three"):
        made.node("book", name, f"Chapter {name}")
    made.work("one", 20).work("two", 40).work("three", 20)
    made.pause(300)
    made.work("book", 10, "final_aggregate")
    return made.run_finished()


@pytest.fixture
def run(here: Path) -> Path:
    store(P, book().entries)
    return P


def waterfall(app: Treetop) -> Waterfall:
    return app.screen.query_one(Waterfall)


def bars(app: Treetop) -> list[str]:
    """The lines of the waterfall."""
    return [line.rstrip() for line in rows_of(waterfall(app))]


def axis(app: Treetop) -> str:
    """The line above the bars."""
    pane = waterfall(app)
    return lines(app)[pane.region.y - 1][pane.region.x :]


async def charted(pilot: Hands, *keys: str) -> None:
    """Open the waterfall of the newest run, wait for its critical path, and press keys."""
    await opened(pilot, "w")
    await sees(pilot, "ritical path")
    for key in keys:
        await pilot.press(key)
    await rest(pilot)


class TestOpen:
    """`w`."""

    @SIZES
    async def test_w_shows_bars_beside_the_tree_and_the_panes_again(
        self, run: Path, clock: Clock, size: tuple[int, int]
    ) -> None:
        app = treetop(run, clock)
        async with watching(app, *size) as pilot:
            await charted(pilot)
            assert "Timeline" not in shown(app)
            assert focused(app) == "waterfall"
            assert waterfall(app).region.y == tree(app).region.y
            assert waterfall(app).region.height == tree(app).region.height
            assert waterfall(app).region.right == size[0]
            await pilot.press("w")
            await sees(pilot, "3 Timeline")
            assert focused(app) == "tree"
            assert not waterfall(app).region.area

    @SIZES
    async def test_each_bar_is_on_the_line_of_its_task(self, run: Path, clock: Clock, size: tuple[int, int]) -> None:
        app = treetop(run, clock)
        async with watching(app, *size) as pilot:
            await charted(pilot)
            found = {}
            for row, bar in zip(rows_of(tree(app)), bars(app), strict=True):
                found.update({name: bar for name in ("one", "two", "three") if f"{name} " in row})
            begins = {name: len(line) - len(line.lstrip()) for name, line in found.items()}
            assert begins["one"] < begins["two"] < begins["three"]
            assert found["two"].count("█") > 1.5 * found["one"].count("█") > 0

    async def test_esc_closes_it(self, run: Path, clock: Clock) -> None:
        app = treetop(run, clock)
        async with watching(app) as pilot:
            await charted(pilot, "escape")
            assert isinstance(app.screen, RunScreen)
            assert focused(app) == "tree"
            assert "3 Timeline" in shown(app)
            assert "TOTAL" in shown(app)
            assert "◆" not in shown(app)

    @pytest.mark.parametrize(("key", "pane"), [("3", "timeline"), ("4", "inspector")])
    async def test_keys_of_other_panes_close_it(self, run: Path, clock: Clock, key: str, pane: str) -> None:
        app = treetop(run, clock)
        async with watching(app) as pilot:
            await charted(pilot, key)
            assert focused(app) == pane
            assert not waterfall(app).region.area

    async def test_the_keys_of_the_waterfall_come_first(self, run: Path, clock: Clock) -> None:
        app = treetop(run, clock)
        async with watching(app, 80, 24) as pilot:
            await charted(pilot)
            await rest(pilot)
            assert lines(app)[-1].strip().startswith("Enter Open  + - Zoom  0 Whole  i Idle  ")

    async def test_keys_of_hidden_panes_have_no_effect(self, run: Path, clock: Clock) -> None:
        app = treetop(run, clock)
        async with watching(app, 200, 50) as pilot:
            await charted(pilot)
            await rest(pilot)
            assert not {"b Scope", "v Raw"} & {*lines(app)[-1].strip().split("  ")}
            await pilot.press("z", "b", "v", "B")
            await rest(pilot)
            assert focused(app) == "waterfall"
            await pilot.press("3")
            await sees(pilot, "3 Timeline of this task", "2 Tree")

    async def test_the_help_has_its_name(self, run: Path, clock: Clock) -> None:
        app = treetop(run, clock)
        async with watching(app, 80, 24) as pilot:
            await charted(pilot)
            await sees(pilot, "w Critical path")
            await pilot.press("question_mark")
            await until(pilot, lambda: "In this pane: w Waterfall  " in shown(app))

    async def test_tab_goes_between_tree_and_waterfall(self, run: Path, clock: Clock) -> None:
        app = treetop(run, clock)
        async with watching(app) as pilot:
            await charted(pilot, "tab")
            assert focused(app) == "tree"
            await pilot.press("tab")
            assert focused(app) == "waterfall"

    async def test_the_divider_has_a_place_of_its_own(self, run: Path, clock: Clock) -> None:
        app = treetop(run, clock)
        async with watching(app) as pilot:
            await charted(pilot)
            before = waterfall(app).region.x
            await pilot.press("right_parenthesis", "right_parenthesis")
            await rest(pilot)
            assert waterfall(app).region.x == before + 12
            at = Offset(waterfall(app).region.x - 1, 10)
            await pilot.mouse_down(offset=at)
            await pilot.hover(offset=Offset(40, 10))
            await pilot.mouse_up(offset=Offset(40, 10))
            await rest(pilot)
            assert waterfall(app).region.x == 41
            await pilot.press("w")
            await sees(pilot, "3 Timeline")
            assert timeline(app).region.x == 61

    async def test_closed_it_reads_nothing(self, run: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
        asked = list[object]()
        monkeypatch.setattr("store.database.run_queries.RunQueries.spans", lambda *parameters: asked.append(parameters))
        app = treetop(run, clock)
        async with watching(app) as pilot:
            await opened(pilot, "j", "j")
            await rest(pilot)
        assert not asked


class TestRows:
    """The tree moves, scrolls and folds both."""

    async def test_rows_move_the_cursor_of_the_tree(self, run: Path, clock: Clock) -> None:
        app = treetop(run, clock)
        async with watching(app) as pilot:
            await charted(pilot, "j", "j")
            assert selected(app) == "two"
            await pilot.press("G")
            assert selected(app) == "three"
            await pilot.press("g")
            assert selected(app) == "book"

    async def test_a_collapsed_task_has_one_line_with_the_time_inside_it(self, run: Path, clock: Clock) -> None:
        app = treetop(run, clock)
        async with watching(app) as pilot:
            await charted(pilot)
            before = bars(app)
            await pilot.press("space")
            await rest(pilot)
            assert [bool(line) for line in bars(app)[:5]] == [True, False, False, False, False]
            assert bars(app)[0] == before[0]
            assert "───" in bars(app)[0]

    async def test_scrolling_the_tree_scrolls_the_bars(self, here: Path, clock: Clock) -> None:
        made = Timed().run_started().root("book")
        for number in range(60):
            made.node("book", f"n{number:02}", f"Part {number:02}").work(f"n{number:02}", 10)
        store(P, made.entries)
        app = treetop(P, clock)
        async with watching(app) as pilot:
            await charted(pilot, "G")
            top = tree(app).scroll_offset.y
            assert top > 0
            begins = [len(line) - len(line.lstrip()) for line in bars(app)]
            assert begins == sorted(begins)
            assert begins[0] > 10
            at = waterfall(app).region.offset + Offset(20, 5)
            event = events.MouseScrollUp(waterfall(app), at.x, at.y, 0, -1, 0, False, False, False, at.x, at.y)
            app.screen._forward_event(event)
            await rest(pilot)
            assert tree(app).scroll_offset.y < top
            assert len(bars(app)[0]) - len(bars(app)[0].lstrip()) < begins[0]

    async def test_a_narrowed_subtree_has_its_own_time_and_critical_path(self, run: Path, clock: Clock) -> None:
        app = treetop(run, clock)
        async with watching(app, 200, 50) as pilot:
            await charted(pilot, "j", "j")
            assert "1m40s of work, 1m00s on the critical path" in shown(app)
            await pilot.press("C")
            await sees(pilot, "40s of work, 40s on the critical path")
            await rest(pilot)
            assert bars(app)[0].lstrip().startswith("█" * 50)
            await pilot.press("u")
            await sees(pilot, "1m40s of work")

    async def test_figures_are_behind_the_bars(self, run: Path, clock: Clock) -> None:
        app = treetop(run, clock)
        async with watching(app, 200, 50) as pilot:
            await charted(pilot)
            assert axis(app).split()[-3:] == ["OWN", "TOTAL", "SLACK"]
            assert bars(app)[0].split()[-3:] == ["20s", "1m40s", "0s"]
            assert bars(app)[1].split()[-3:] == ["20s", "20s", "20s"]
            assert bars(app)[2].split()[-3:] == ["40s", "40s", "0s"]


class TestCriticalPath:
    """The longest chain of work."""

    @pytest.fixture
    def plan(self, here: Path) -> Path:
        """Two chapters at the same time. Only the longer one is on the critical path."""
        made = Timed().run_started(parallel=True).root("book")
        made.work("book", 10, "plan", "PLAN_DONE").node("book", "short", "Short chapter").node(
            "book", "long", "Long chapter"
        )
        made.step_started("short").step_started("long")
        made.pause(10)
        made.step_finished("short", "execute", "FINISH")
        made.pause(50)
        made.step_finished("long", "execute", "FINISH")
        store(P, made.entries)
        return P

    @pytest.mark.parametrize("ascii_only", [False, True])
    async def test_it_is_marked_in_the_tree_and_in_the_bars(self, plan: Path, clock: Clock, ascii_only: bool) -> None:
        app = treetop(plan, clock, ascii_only=ascii_only)
        async with watching(app) as pilot:
            await charted(pilot)
            marked = [row for row in rows_of(tree(app)) if ("#" if ascii_only else "◆") in row]
            assert ["short" in row for row in marked] == [False, False]
            short, long = bars(app)[1:3]
            if ascii_only:
                assert ("=" in short, "#" in short, "#" in long) == (True, False, True)
            else:
                assert colour_of(app, 1, "█") != colour_of(app, 2, "█")

    async def test_without_colours_it_has_other_glyphs(
        self, plan: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("NO_COLOR", "1")
        app = treetop(plan, clock)
        async with watching(app) as pilot:
            await charted(pilot)
            short, long = bars(app)[1:3]
            assert ("▒" in short, "█" in short, "█" in long) == (True, False, True)

    async def test_the_mark_is_gone_when_the_waterfall_is_closed(self, plan: Path, clock: Clock) -> None:
        app = treetop(plan, clock)
        async with watching(app) as pilot:
            await charted(pilot, "w")
            await sees(pilot, "3 Timeline")
            await rest(pilot)
            assert "◆" not in "\n".join(rows_of(tree(app)))


def colour_of(app: Treetop, line: int, glyph: str) -> object:
    """Colour of the first cell with a glyph in a line of the waterfall."""
    pane = waterfall(app)
    return next(part.style.color for part in pane.render_line(line) if glyph in part.text and part.style is not None)


class TestTime:
    """The axis, its cursor, and the window."""

    async def test_the_time_under_the_cursor_is_the_true_time(self, run: Path, clock: Clock) -> None:
        app = treetop(run, clock)
        async with watching(app, 200, 50) as pilot:
            await charted(pilot)
            pane = waterfall(app)
            column = 30
            await pilot.click(offset=pane.region.offset + Offset(1 + column, 1))
            await rest(pilot)
            seconds = 400.0 * (column + 0.5) / pane.scale.width
            assert pane.view.cursor == pytest.approx(pane.rows.origin + seconds, abs=0.2)
            assert f"{int(seconds // 60)}:{seconds % 60:04.1f}"[:-1] in axis(app)
            assert selected(app) == "one"

    async def test_the_cursor_stands_in_empty_cells_of_its_column(self, run: Path, clock: Clock) -> None:
        app = treetop(run, clock)
        async with watching(app, 200, 50) as pilot:
            await charted(pilot)
            pane = waterfall(app)
            await pilot.click(offset=pane.region.offset + Offset(91, 1))
            await rest(pilot)
            assert {line[91:92] for line in bars(app)[1:4]} == {"│"}

    async def test_idle_stretches_collapse_and_the_cursor_keeps_its_time(self, run: Path, clock: Clock) -> None:
        app = treetop(run, clock)
        async with watching(app, 120, 36) as pilot:
            await charted(pilot, "j", "right")
            pane = waterfall(app)
            cursor, before = pane.view.cursor, bars(app)[1].count("█")
            assert "5m00s" not in axis(app)
            await pilot.press("i")
            await rest(pilot)
            assert "┊5m00s┊" in axis(app)
            assert pane.view.cursor == cursor
            assert bars(app)[1].count("█") > 2 * before
            await pilot.press("i")
            await rest(pilot)
            assert "5m00s" not in axis(app)

    async def test_zoom_keeps_the_cursor_in_its_column_and_0_shows_all(self, run: Path, clock: Clock) -> None:
        app = treetop(run, clock)
        async with watching(app, 120, 36) as pilot:
            await charted(pilot)
            pane = waterfall(app)
            await pilot.click(offset=pane.region.offset + Offset(11, 2))
            before, cell = bars(app)[2].count("█"), pane.scale.cell(pane.view.cursor or 0)
            await pilot.press("plus", "plus")
            await rest(pilot)
            assert pane.scale.cell(pane.view.cursor or 0) == cell
            assert pane.scale.window.length == pytest.approx(100, abs=1)
            assert bars(app)[2].count("█") > 2 * before
            await pilot.press("0")
            await rest(pilot)
            assert bars(app)[2].count("█") == before

    async def test_the_wheel_zooms_with_ctrl_and_pans_with_shift(self, run: Path, clock: Clock) -> None:
        app = treetop(run, clock)
        async with watching(app, 120, 36) as pilot:
            await charted(pilot)
            pane = waterfall(app)
            at = pane.region.offset + Offset(11, 2)

            def turn(kind: type[events.MouseScrollDown] | type[events.MouseScrollUp], shift: bool, ctrl: bool) -> None:
                step = 1 if kind is events.MouseScrollDown else -1
                app.screen._forward_event(kind(pane, at.x, at.y, 0, step, 0, shift, False, ctrl, at.x, at.y))

            turn(events.MouseScrollUp, False, True)
            await rest(pilot)
            assert pane.scale.window.length == pytest.approx(200, abs=1)
            start = pane.scale.window.start
            turn(events.MouseScrollDown, True, False)
            await rest(pilot)
            assert pane.scale.window.start == pytest.approx(start + 100, abs=1)
            turn(events.MouseScrollDown, False, True)
            await rest(pilot)
            assert pane.scale.window.length == pytest.approx(400, abs=1)

    async def test_at_the_edge_the_cursor_moves_the_window(self, run: Path, clock: Clock) -> None:
        app = treetop(run, clock)
        async with watching(app, 120, 36) as pilot:
            await charted(pilot)
            pane = waterfall(app)
            await pilot.click(offset=pane.region.offset + Offset(11, 2))
            await pilot.press("plus", "plus", *["right"] * pane.scale.width)
            await rest(pilot)
            assert pane.scale.cell(pane.view.cursor or 0) == pane.scale.width - 1
            assert pane.scale.window.start > pane.rows.origin + 10

    async def test_a_click_on_the_axis_moves_the_cursor_only(self, run: Path, clock: Clock) -> None:
        app = treetop(run, clock)
        async with watching(app, 120, 36) as pilot:
            await charted(pilot, "j")
            pane = waterfall(app)
            await pilot.click(offset=pane.region.offset + Offset(21, -1))
            await rest(pilot)
            assert pane.scale.cell(pane.view.cursor or 0) == 20
            assert selected(app) == "one"


def opened_type(app: Treetop) -> str | None:
    """Type of the event under the cursor of the timeline."""
    event = timeline(app).selected
    return None if event is None else event.event.type


class TestEnter:
    """From a bar to its events."""

    async def test_enter_opens_the_span_at_the_cursor(self, run: Path, clock: Clock) -> None:
        app = treetop(run, clock)
        async with watching(app) as pilot:
            await charted(pilot)
            pane = waterfall(app)
            await pilot.click(offset=pane.region.offset + Offset(pane.scale.width - 1, 0))
            await pilot.press("enter")
            await until(pilot, lambda: focused(app) == "timeline" and opened_type(app) == "step_started")
            assert (position(app) or 0) > 10
            assert selected(app) == "book"

    async def test_a_double_click_opens_the_span_under_it(self, run: Path, clock: Clock) -> None:
        app = treetop(run, clock)
        async with watching(app) as pilot:
            await charted(pilot)
            pane = waterfall(app)
            await pilot.click(offset=pane.region.offset + Offset(12, 2), times=2)
            await until(pilot, lambda: focused(app) == "timeline" and opened_type(app) == "step_started")
            assert selected(app) == "two"

    async def test_w_comes_back_to_the_same_window(self, run: Path, clock: Clock) -> None:
        app = treetop(run, clock)
        async with watching(app) as pilot:
            await charted(pilot, "j", "plus", "plus")
            window = waterfall(app).scale.window
            await pilot.press("enter")
            await until(pilot, lambda: focused(app) == "timeline")
            await pilot.press("w")
            await rest(pilot)
            assert waterfall(app).scale.window == window


class TestLive:
    """Runs that grow, and the past."""

    async def test_open_spans_grow_with_the_clock(self, here: Path, clock: Clock) -> None:
        made = Timed().run_started().root("book").work("book", 10, "plan", "PLAN_DONE").node("book", "one", "Chapter one")
        made.step_started("one")
        store(P, made.entries)
        begun = START.timestamp()
        clock.now = begun + 15
        app = treetop(P, clock)
        async with watching(app) as pilot:
            await charted(pilot)
            before = bars(app)[1]
            assert "▶" in before
            clock.now = begun + 40
            app.screen.tick()  # type: ignore[attr-defined]
            await rest(pilot)
            after = bars(app)[1]
            assert after.index("▶") >= before.index("▶") - 1
            assert after.count("█") > 1.5 * before.count("█")
            assert "─" in bars(app)[0]

    async def test_a_step_that_is_aborted_by_that_of_another_task_stops_growing(self, here: Path, clock: Clock) -> None:
        made = Timed().run_started().root("book").node("book", "one", "Chapter one").node("book", "two", "Chapter two")
        made.pause(1).step_started("one").pause(10)
        clock.now = START.timestamp() + 12
        with Writer(P) as writer:
            writer.append(made.entries)
            app = treetop(P, clock)
            async with watching(app) as pilot:
                await charted(pilot)
                assert "▶" in bars(app)[1]
                before = len(made.entries)
                made.step_started("two")
                writer.append(made.entries[before:])
                await until(pilot, lambda: "▶" in bars(app)[2])
                await rest(pilot)
                assert "▶" not in bars(app)[1]

    async def test_new_tasks_appear_on_their_lines(self, here: Path, clock: Clock) -> None:
        feed = Feed(P, PARALLEL, clock, 60)
        app = treetop(P, clock)
        async with watching(app, 160, 50) as pilot:
            await opened(pilot, "w")
            await rest(pilot)
            before = sum(bool(line) for line in bars(app))
            feed.rest()
            await until(pilot, lambda: sum("█" in line or "▏" in line for line in bars(app)) > before)
            await rest(pilot)
            rows = [bool(line.strip()) for line in rows_of(tree(app))][:35]  # a notice is at the bottom
            assert sum(rows) == tree(app).count
            assert [bool(line) for line in bars(app)][:35] == rows
        feed.close()

    async def test_the_past_has_the_bars_of_then_on_the_axis_of_the_whole_run(self, run: Path, clock: Clock) -> None:
        app = treetop(run, clock)
        async with watching(app) as pilot:
            await charted(pilot)
            whole, ticks = waterfall(app).scale.window, axis(app)
            await pilot.press("T", *"15s", "enter")
            await sees(pilot, "PAUSED")
            await rest(pilot)
            assert waterfall(app).scale.window == whole
            assert axis(app)[:60] == ticks[:60]
            assert [len(line.replace("│", "").rstrip("0123456789.ms ")) > 0 for line in bars(app)[:4]][:2] == [True, True]
            assert "▶" in bars(app)[1]
            assert "█" not in bars(app)[2]

    async def test_t_goes_to_the_time_under_the_cursor(self, run: Path, clock: Clock) -> None:
        app = treetop(run, clock)
        async with watching(app) as pilot:
            await charted(pilot)
            pane = waterfall(app)
            pane.view.cursor = pane.rows.origin + 15.0
            await pilot.press("t")
            await sees(pilot, "PAUSED")
            await rest(pilot)
            assert pane.rows.now == pytest.approx(pane.rows.origin + 10, abs=1)

    async def test_the_screen_is_at_rest_in_a_stored_run(self, run: Path, clock: Clock) -> None:
        app = treetop(run, clock)
        async with watching(app) as pilot:
            await charted(pilot)
            await rest(pilot)
            assert isinstance(app.screen, RunScreen)
            assert app.screen.at_rest


async def test_every_demo_run_has_aligned_lines(here: Path, clock: Clock) -> None:
    store_run(P, PARALLEL)
    app: Any = treetop(P, clock)
    async with watching(app, 120, 36) as pilot:
        await charted(pilot)
        assert [bool(line) for line in bars(app)] == [bool(line.strip()) for line in rows_of(tree(app))]
