"""Notifications, dialogs and prompts in the manner of the program."""

from pathlib import Path

import pytest
from textual.widgets import Button

from tests.rest import rest
from tests.tui.run_stage import opened, tree
from tests.tui.stage import Clock, lines, sees, shown, treetop, until, watching
from tests.tui.test_mouse import place_of
from tui.screens.confirm import Confirm
from tui.widgets.run_list import RunList

SIZES = pytest.mark.parametrize("size", [(80, 24), (120, 36), (200, 50)])


class TestNotifications:
    """They are at the top right."""

    @SIZES
    async def test_a_notification_is_at_the_top_right(self, path: Path, clock: Clock, size: tuple[int, int]) -> None:
        app = treetop(path, clock)
        async with watching(app, *size) as pilot:
            await opened(pilot)
            await rest(pilot)
            before = lines(app)
            app.notify("A message.", title="News")
            await sees(pilot, "A message.", "News")
            await rest(pilot)
            changed = [number for number, (old, new) in enumerate(zip(before, lines(app), strict=True)) if old != new]
            assert changed[0] >= 2
            assert changed[-1] < 10 < size[1] - 4
            right = place_of(app, "A message.").x + len("A message.")
            assert size[0] // 2 < right <= size[0] - 2

    async def test_a_long_message_is_wrapped(self, path: Path, clock: Clock) -> None:
        app = treetop(path, clock)
        async with watching(app, 80, 24) as pilot:
            await opened(pilot)
            app.notify(" ".join(["word"] * 60))
            await sees(pilot, "word word")
            await rest(pilot)
            assert shown(app).count("word") == 60

    async def test_the_tree_beside_a_notification_takes_clicks(self, path: Path, clock: Clock) -> None:
        app = treetop(path, clock)
        async with watching(app, 120, 36) as pilot:
            await opened(pilot)
            app.notify("A message.")
            await sees(pilot, "A message.")
            region = tree(app).region
            await pilot.click(offset=(region.x + 20, region.y + 2))
            await until(pilot, lambda: tree(app).cursor == 2)


class TestConfirm:
    """The question before a run is deleted."""

    async def test_the_answers_are_keys_with_words(self, path: Path, clock: Clock) -> None:
        app = treetop(path, clock)
        async with watching(app, 80, 24) as pilot:
            await sees(pilot, "3 runs")
            await pilot.press("d")
            await sees(pilot, "n No", "y Delete", "Delete this run for good?")
            assert {button.region.height for button in app.screen.query(Button)} == {1}

    @pytest.mark.parametrize(("answer", "left"), [("n No", 3), ("y Delete", 2)])
    async def test_a_click_answers(self, path: Path, clock: Clock, answer: str, left: int) -> None:
        app = treetop(path, clock)
        async with watching(app, 80, 24) as pilot:
            await sees(pilot, "3 runs")
            await pilot.press("d")
            await sees(pilot, answer)
            await pilot.click(offset=place_of(app, answer))
            await until(pilot, lambda: not isinstance(app.screen, Confirm) and app.screen.query_one(RunList).count == left)


class TestPrompts:
    """A prompt begins with what it is for."""

    @pytest.mark.parametrize(
        ("key", "label"), [("slash", " Search words"), ("backslash", " Filter words"), ("T", " Go to ")]
    )
    async def test_a_prompt_of_a_run_has_a_label(self, path: Path, clock: Clock, key: str, label: str) -> None:
        app = treetop(path, clock)
        async with watching(app, 80, 24) as pilot:
            await opened(pilot, key)
            await sees(pilot, label)

    async def test_the_label_stays_before_the_text(self, path: Path, clock: Clock) -> None:
        app = treetop(path, clock)
        async with watching(app, 80, 24) as pilot:
            await sees(pilot, "3 runs")
            await pilot.press("slash", *"myst", "enter")
            await sees(pilot, "1 of 3 runs")
            assert any(text.startswith(" Filter myst ") for text in lines(app))

    async def test_a_text_longer_than_the_line_scrolls_beside_the_label(self, path: Path, clock: Clock) -> None:
        app = treetop(path, clock)
        async with watching(app, 80, 24) as pilot:
            await opened(pilot, "slash", *("abcdefghij" * 12))
            await rest(pilot)
            (line,) = [text for text in lines(app) if text.startswith(" Search ")]
            assert line.rstrip().endswith("abcdefghij")
