"""Pictures of the screens. After an intended change: `pytest tests/tui/test_snapshots.py --snapshot-update`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from store.database.lease import Lease
from tests.rest import rest
from tests.tui.stage import LIVE, PARALLEL, Clock, Feed, store_run, treetop

Compare = Callable[..., bool]

LARGE, WIDE, SMALL = (200, 50), (150, 40), (80, 24)


def keys(*pressed: str) -> Callable[[Pilot[Any]], Any]:
    """Press keys, each after the screen has settled."""

    async def run_before(pilot: Pilot[Any]) -> None:
        await rest(pilot)
        for key in pressed:
            await pilot.press(key)
            await rest(pilot)

    return run_before


@pytest.fixture
def parallel(here: Path) -> Path:
    """A file with one run whose steps overlap."""
    store_run(Path("treetop.db"), PARALLEL)
    return Path("treetop.db")


class TestRuns:
    """The list of runs."""

    def test_every_run_has_a_line_and_the_selected_run_is_described(
        self, snap_compare: Compare, path: Path, clock: Clock
    ) -> None:
        assert snap_compare(treetop(path, clock), terminal_size=WIDE, run_before=keys("down"))

    def test_a_small_terminal_shows_the_most_important_columns(
        self, snap_compare: Compare, path: Path, clock: Clock
    ) -> None:
        assert snap_compare(treetop(path, clock), terminal_size=SMALL, run_before=keys())

    def test_an_empty_file_shows_what_to_do_next(self, snap_compare: Compare, here: Path, clock: Clock) -> None:
        assert snap_compare(treetop(Path("treetop.db"), clock), terminal_size=SMALL, run_before=keys())

    def test_deleting_asks_for_confirmation(self, snap_compare: Compare, path: Path, clock: Clock) -> None:
        assert snap_compare(treetop(path, clock), terminal_size=SMALL, run_before=keys("d"))


class TestRun:
    """The screen of one run."""

    def test_a_live_run_shows_its_current_activity(self, snap_compare: Compare, path: Path, clock: Clock) -> None:
        feed = Feed(path, LIVE, clock, 250)
        with Lease(path):
            assert snap_compare(treetop(path, clock), terminal_size=WIDE, run_before=keys("F"))
        feed.close()

    def test_a_plan_is_a_list_of_tasks(self, snap_compare: Compare, path: Path, clock: Clock) -> None:
        app = treetop(path, clock)
        assert snap_compare(app, terminal_size=WIDE, run_before=keys("down", "enter", "g", "3", *["j"] * 6, "4"))

    def test_a_failed_run_opens_on_its_error(self, snap_compare: Compare, path: Path, clock: Clock) -> None:
        app = treetop(path, clock, light=True)
        assert snap_compare(app, terminal_size=WIDE, run_before=keys("down", "enter"))

    @pytest.mark.parametrize("size", [WIDE, SMALL], ids=["wide", "small"])
    def test_all_errors_of_a_run_are_one_list(
        self, snap_compare: Compare, path: Path, clock: Clock, size: tuple[int, int]
    ) -> None:
        assert snap_compare(treetop(path, clock), terminal_size=size, run_before=keys("enter", "x"))

    def test_the_raw_view_shows_an_event_as_published(self, snap_compare: Compare, path: Path, clock: Clock) -> None:
        assert snap_compare(treetop(path, clock), terminal_size=WIDE, run_before=keys("enter", "g", "3", "j", "v"))

    def test_a_terminal_with_ascii_only(self, snap_compare: Compare, path: Path, clock: Clock) -> None:
        app = treetop(path, clock, ascii_only=True)
        assert snap_compare(app, terminal_size=SMALL, run_before=keys("down", "enter"))


class TestTour:
    """The questions of the README's tour, answered at 80x24."""

    def test_what_a_live_run_is_doing_now(self, snap_compare: Compare, path: Path, clock: Clock) -> None:
        feed = Feed(path, LIVE, clock, 250)
        with Lease(path):
            assert snap_compare(treetop(path, clock), terminal_size=SMALL, run_before=keys("enter"))
        feed.close()

    def test_why_a_run_failed(self, snap_compare: Compare, path: Path, clock: Clock) -> None:
        assert snap_compare(treetop(path, clock), terminal_size=SMALL, run_before=keys("down", "enter"))

    def test_what_a_task_cost_with_all_beneath(self, snap_compare: Compare, path: Path, clock: Clock) -> None:
        assert snap_compare(treetop(path, clock), terminal_size=SMALL, run_before=keys("G", "enter", "G"))

    def test_where_an_interrupted_run_stopped(self, snap_compare: Compare, path: Path, clock: Clock) -> None:
        Feed(path, LIVE, clock, 250).close()
        clock.now += 3600.0
        assert snap_compare(treetop(path, clock), terminal_size=SMALL, run_before=keys("enter"))


class TestQuiet:
    """What a screen leaves out."""

    def test_bookkeeping_is_hidden(self, snap_compare: Compare, path: Path, clock: Clock) -> None:
        app = treetop(path, clock)
        assert snap_compare(app, terminal_size=SMALL, run_before=keys("G", "enter", "b", "b", "3", "B", "g"))

    def test_a_filter_without_a_match(self, snap_compare: Compare, path: Path, clock: Clock) -> None:
        app = treetop(path, clock, light=True)
        run_before = keys("enter", "backslash", *"nothing", "enter")
        assert snap_compare(app, terminal_size=SMALL, run_before=run_before)

    def test_a_notification_is_at_the_top_right(self, snap_compare: Compare, path: Path, clock: Clock) -> None:
        assert snap_compare(treetop(path, clock), terminal_size=SMALL, run_before=keys("G", "enter", "f"))


class TestStatistics:
    """What took the time and the money."""

    @pytest.mark.parametrize("light", [False, True], ids=["dark", "light"])
    @pytest.mark.parametrize("size", [LARGE, SMALL], ids=["large", "small"])
    def test_a_run_has_a_table_for_each_dimension(
        self, snap_compare: Compare, path: Path, clock: Clock, size: tuple[int, int], light: bool
    ) -> None:
        app = treetop(path, clock, light=light)
        assert snap_compare(app, terminal_size=size, run_before=keys("down", "enter", "5"))

    @pytest.mark.parametrize("size", [LARGE, SMALL], ids=["large", "small"])
    def test_the_spans_of_a_row_are_a_list(
        self, snap_compare: Compare, path: Path, clock: Clock, size: tuple[int, int]
    ) -> None:
        app = treetop(path, clock)
        assert snap_compare(app, terminal_size=size, run_before=keys("down", "enter", "5", *["j"] * 5, "enter"))

    @pytest.mark.parametrize("size", [LARGE, SMALL], ids=["large", "small"])
    def test_all_runs_are_counted_by_day(
        self, snap_compare: Compare, path: Path, clock: Clock, size: tuple[int, int]
    ) -> None:
        assert snap_compare(treetop(path, clock), terminal_size=size, run_before=keys("5"))


def seek(where: str) -> list[str]:
    """The keys that seek to a position."""
    names = {"%": "percent_sign"}
    return ["T", *(names.get(character, character) for character in where), "enter"]


class TestTimeTravel:
    """One run at five of its positions, on the same screen."""

    @pytest.mark.parametrize("position", ["1", "12%", "45%", "80%", "end"], ids=["start", "plan", "half", "most", "end"])
    def test_the_screen_shows_a_position(self, snap_compare: Compare, path: Path, clock: Clock, position: str) -> None:
        run_before = keys("down", "enter", "t", *seek(position))
        assert snap_compare(treetop(path, clock), terminal_size=(120, 34), run_before=run_before)

    def test_time_travel_on_a_small_terminal(self, snap_compare: Compare, path: Path, clock: Clock) -> None:
        run_before = keys("down", "enter", "t", *seek("45%"), "full_stop")
        assert snap_compare(treetop(path, clock), terminal_size=SMALL, run_before=run_before)


class TestWaterfall:
    """What took the time."""

    @pytest.mark.parametrize("light", [False, True], ids=["dark", "light"])
    @pytest.mark.parametrize("size", [(200, 50), SMALL], ids=["wide", "small"])
    def test_bars_are_beside_the_tree_on_one_axis(
        self, snap_compare: Compare, parallel: Path, clock: Clock, size: tuple[int, int], light: bool
    ) -> None:
        app = treetop(parallel, clock, light=light)
        assert snap_compare(app, terminal_size=size, run_before=keys("enter", "w", "j", "j", "right"))

    def test_with_ascii_only(self, snap_compare: Compare, parallel: Path, clock: Clock) -> None:
        app = treetop(parallel, clock, ascii_only=True)
        assert snap_compare(app, terminal_size=SMALL, run_before=keys("enter", "w"))


class TestHelp:
    """The help."""

    @pytest.mark.parametrize("size", [WIDE, SMALL], ids=["wide", "small"])
    def test_help_lists_the_keys_of_the_focused_pane_first(
        self, snap_compare: Compare, path: Path, clock: Clock, size: tuple[int, int]
    ) -> None:
        assert snap_compare(treetop(path, clock), terminal_size=size, run_before=keys("enter", "g", "question_mark"))
