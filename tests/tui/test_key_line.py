"""The line of keys: only keys that have an effect, in whole pairs, and clicks on them."""

from pathlib import Path
from typing import Any

import pytest
from textual.app import App
from textual.geometry import Offset

from tests.recorder import Recorder
from tests.rest import rest
from tests.tables import store
from tests.tui.run_stage import opened
from tests.tui.stage import LIVE, Clock, Feed, lines, sees, strips, treetop, until, watching
from tests.tui.test_mouse import place_of
from tui.screens.runs import RunsScreen

P = Path("treetop.db")


def last_line(app: App[Any]) -> str:
    return lines(app)[-1].strip()


def pairs(app: App[Any]) -> list[str]:
    """The pairs of key and word of the last line."""
    return last_line(app).split("  ")


class TestPairs:
    """A key and its word."""

    @pytest.mark.parametrize("width", [60, 80, 100, 200])
    async def test_pairs_are_whole_and_two_spaces_apart(self, path: Path, clock: Clock, width: int) -> None:
        app = treetop(path, clock)
        async with watching(app, width, 24) as pilot:
            await opened(pilot)
            await rest(pilot)
            known = {f"{key.name} {key.text}" for key in app.screen.query_one("KeyLine").keys}  # type: ignore[attr-defined]
            assert set(pairs(app)) <= known
            assert pairs(app)[-2:] == ["? Help", "q Back"]
            assert pairs(app)[0] == "Enter Open"

    async def test_a_wide_terminal_shows_all_keys(self, path: Path, clock: Clock) -> None:
        app = treetop(path, clock)
        async with watching(app, 200, 24) as pilot:
            await opened(pilot)
            await rest(pilot)
            assert set(pairs(app)) == {f"{key.name} {key.text}" for key in app.screen.query_one("KeyLine").keys}  # type: ignore[attr-defined]

    async def test_a_key_differs_from_its_word(self, path: Path, clock: Clock) -> None:
        app = treetop(path, clock)
        async with watching(app, 80, 24) as pilot:
            await sees(pilot, "3 runs", "q Quit")
            styles = {segment.text.strip(): segment.style for segment in strips(app)[-1] if segment.text.strip()}
            key, word = styles["q"], styles["Quit"]
            assert key is not None
            assert word is not None
            assert (key.bold, bool(word.bold)) == (True, False)
            assert key.color != word.color

    @pytest.mark.parametrize(("right", "opens"), [(0, True), (5, True), (6, False), (-1, False)])
    async def test_a_click_hits_a_pair_but_not_the_space_between_two(
        self, path: Path, clock: Clock, right: int, opens: bool
    ) -> None:
        app = treetop(path, clock)
        async with watching(app, 80, 24) as pilot:
            await opened(pilot)
            await rest(pilot)
            await pilot.click(offset=place_of(app, "q Back") + Offset(right, 0))
            await pilot.settle()
            assert isinstance(app.screen, RunsScreen) is opens


class TestEffect:
    """Keys without an effect are left out."""

    async def test_a_list_without_runs_has_only_keys_that_work(self, here: Path, clock: Clock) -> None:
        app = treetop(P, clock)
        async with watching(app, 120, 24) as pilot:
            await sees(pilot, "No run yet.")
            await until(pilot, lambda: pairs(app) == ["? Help", "q Quit"])

    async def test_a_single_run_is_neither_sorted_nor_filtered(self, story: Path, clock: Clock) -> None:
        app = treetop(story, clock)
        async with watching(app, 120, 24) as pilot:
            await sees(pilot, "1 run")
            await until(pilot, lambda: pairs(app)[:3] == ["Enter Open", "d Delete", "m Keep"])

    @pytest.mark.parametrize("key", ["n", "5", "!"])
    async def test_a_screen_without_rows_opens_and_sorts_nothing(self, here: Path, clock: Clock, key: str) -> None:
        store(P, [])
        app = treetop(P, clock)
        async with watching(app, 120, 24) as pilot:
            await sees(pilot, "No run yet")
            await pilot.press(key)
            await until(pilot, lambda: not isinstance(app.screen, RunsScreen))
            await rest(pilot)
            assert not {"Enter Open", "F Newest live", "S Sort"} & {*pairs(app)}

    async def test_statistics_have_the_key_of_the_newest_live_run_only_if_there_is_one(
        self, path: Path, clock: Clock
    ) -> None:
        app = treetop(path, clock)
        async with watching(app, 120, 24) as pilot:
            await pilot.press("5")
            await sees(pilot, "SLOWEST", "Enter Open", "S Sort")
            await rest(pilot)
            assert "F Newest live" not in pairs(app)

    async def test_the_newest_live_run_can_be_opened_while_there_is_one(self, path: Path, clock: Clock) -> None:
        app = treetop(path, clock)
        async with watching(app, 120, 24) as pilot:
            await sees(pilot, "3 runs", "S Sort")
            assert "F Newest live" not in pairs(app)
            feed = Feed(path, LIVE, clock, 60)
            await sees(pilot, "4 runs", "1 live", "F Newest live")
            clock.now += 3600.0
            await until(pilot, lambda: "F Newest live" not in pairs(app))
            feed.close()

    async def test_another_screen_has_the_key_of_the_newest_live_run(self, path: Path, clock: Clock) -> None:
        feed = Feed(path, LIVE, clock, 60)
        app = treetop(path, clock)
        async with watching(app, 160, 24) as pilot:
            await sees(pilot, "1 live")
            await pilot.press("G", "enter")
            await sees(pilot, "2 Tree", "F Newest live")
            await pilot.press("F")
            await sees(pilot, "FOLLOWING")
            await until(pilot, lambda: "F Newest live" not in pairs(app) and "f Follow" in pairs(app))
            feed.close()

    async def test_a_finished_run_without_errors_is_not_followed_and_has_no_list_of_errors(
        self, here: Path, clock: Clock
    ) -> None:
        store(P, Recorder().run_started().root().node("root", "a").step("a", "execute", "FINISH").run_finished().entries)
        app = treetop(P, clock)
        async with watching(app, 160, 24) as pilot:
            await opened(pilot)
            await rest(pilot)
            assert not {"f Follow", "x Errors", "e Next error"} & {*pairs(app)}
            assert {"t Time travel", "/ Search"} <= {*pairs(app)}

    async def test_a_run_with_errors_has_their_keys(self, path: Path, clock: Clock) -> None:
        app = treetop(path, clock)
        async with watching(app, 80, 24) as pilot:
            await opened(pilot)
            await until(pilot, lambda: pairs(app)[1:3] == ["x Errors", "e Next error"])
