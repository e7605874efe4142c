"""What the screens look like. After a change that is meant: `pytest tests/tui/test_snapshots.py --snapshot-update`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from store.lease import Lease
from tests.rest import rest
from tests.tui.stage import LIVE, Clock, Feed, treetop

Compare = Callable[..., bool]

WIDE, SMALL = (150, 40), (80, 24)


def keys(*pressed: str) -> Callable[[Pilot[Any]], Any]:
    """Press these, each when the screen came to rest after the one before."""

    async def run_before(pilot: Pilot[Any]) -> None:
        await rest(pilot)
        for key in pressed:
            await pilot.press(key)
            await rest(pilot)

    return run_before


class TestRuns:
    """The list of runs."""

    def test_every_run_has_a_line_and_the_one_under_the_cursor_is_explained(
        self, snap_compare: Compare, path: Path, clock: Clock
    ) -> None:
        assert snap_compare(treetop(path, clock), terminal_size=WIDE, run_before=keys("down"))

    def test_on_a_small_terminal_the_columns_that_matter_most_are_left(
        self, snap_compare: Compare, path: Path, clock: Clock
    ) -> None:
        assert snap_compare(treetop(path, clock), terminal_size=SMALL, run_before=keys())

    def test_an_empty_file_says_what_to_do_next(self, snap_compare: Compare, here: Path, clock: Clock) -> None:
        assert snap_compare(treetop(Path("treetop.db"), clock), terminal_size=SMALL, run_before=keys())

    def test_deleting_asks_first(self, snap_compare: Compare, path: Path, clock: Clock) -> None:
        assert snap_compare(treetop(path, clock), terminal_size=SMALL, run_before=keys("d"))


class TestRun:
    """One run."""

    def test_a_live_run_shows_what_it_does_right_now(self, snap_compare: Compare, path: Path, clock: Clock) -> None:
        feed = Feed(path, LIVE, clock, 250)
        with Lease(path):
            assert snap_compare(treetop(path, clock), terminal_size=WIDE, run_before=keys("F"))
        feed.close()

    def test_on_a_small_terminal_tree_and_timeline_are_stacked(
        self, snap_compare: Compare, path: Path, clock: Clock
    ) -> None:
        assert snap_compare(treetop(path, clock), terminal_size=SMALL, run_before=keys("down", "enter"))

    def test_a_plan_is_a_list_of_tasks(self, snap_compare: Compare, path: Path, clock: Clock) -> None:
        app = treetop(path, clock)
        assert snap_compare(app, terminal_size=WIDE, run_before=keys("down", "enter", "3", *["j"] * 6, "4"))

    def test_an_error_is_found_with_one_key(self, snap_compare: Compare, path: Path, clock: Clock) -> None:
        app = treetop(path, clock, light=True)
        assert snap_compare(app, terminal_size=WIDE, run_before=keys("down", "enter", "e", "b"))

    def test_an_event_as_published(self, snap_compare: Compare, path: Path, clock: Clock) -> None:
        assert snap_compare(treetop(path, clock), terminal_size=WIDE, run_before=keys("enter", "3", "j", "v"))

    def test_a_terminal_with_ascii_only(self, snap_compare: Compare, path: Path, clock: Clock) -> None:
        app = treetop(path, clock, ascii_only=True)
        assert snap_compare(app, terminal_size=SMALL, run_before=keys("down", "enter"))


def seek(where: str) -> list[str]:
    """The keys that go to a place in the past."""
    names = {"%": "percent_sign"}
    return ["T", *(names.get(character, character) for character in where), "enter"]


class TestTimeTravel:
    """One run, walked through: the same screen at five of its moments."""

    @pytest.mark.parametrize(
        "moment", ["1", "12%", "45%", "80%", "end"], ids=["it-begins", "a-plan", "half-done", "nearly", "its-end"]
    )
    def test_the_screen_shows_the_run_as_it_was(self, snap_compare: Compare, path: Path, clock: Clock, moment: str) -> None:
        run_before = keys("down", "enter", "t", *seek(moment))
        assert snap_compare(treetop(path, clock), terminal_size=(120, 34), run_before=run_before)

    def test_on_a_small_terminal(self, snap_compare: Compare, path: Path, clock: Clock) -> None:
        run_before = keys("down", "enter", "t", *seek("45%"), "full_stop")
        assert snap_compare(treetop(path, clock), terminal_size=SMALL, run_before=run_before)


class TestHelp:
    """The keys."""

    @pytest.mark.parametrize("size", [WIDE, SMALL], ids=["wide", "small"])
    def test_help_lists_the_keys_of_the_focused_pane_first(
        self, snap_compare: Compare, path: Path, clock: Clock, size: tuple[int, int]
    ) -> None:
        assert snap_compare(treetop(path, clock), terminal_size=size, run_before=keys("enter", "question_mark"))
