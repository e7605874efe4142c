"""A screen that was drawn incrementally equals one that is drawn completely."""

from pathlib import Path
from random import Random

import pytest

from tests.rest import picture, rest
from tests.tui.run_stage import opened
from tests.tui.stage import LIVE, Clock, Feed, sees, treetop, until, watching
from tui.screens.run import RunScreen
from tui.widgets.playbar import Playbar
from tui.widgets.rows import Rows

KEYS = (
    *("j", "k", "pagedown", "pageup", "G", "g", "J", "K", "p", "P", "C", "u", "h", "l", "minus", "equals_sign", "O"),
    *("e", "a", "b", "f", "t", "left_square_bracket", "right_square_bracket", "v", "tab", "2", "3", "4", "enter"),
)
SIZES = ((120, 36), (80, 24), (70, 14), (200, 60))


@pytest.mark.parametrize("seed", [1, 2])
async def test_incremental_drawing_equals_a_full_redraw(path: Path, clock: Clock, seed: int) -> None:
    luck, feed = Random(seed), Feed(path, LIVE, clock, 20)
    app = treetop(path, clock)
    async with watching(app, *SIZES[0]) as pilot:
        await opened(pilot)
        for turn in range(16):
            for _ in range(luck.randint(1, 3)):
                await pilot.press(luck.choice(KEYS))
                if luck.random() < 0.5:
                    feed.more(luck.choice((1, 1, 5, 40)))
            if turn % 8 == 7:
                await pilot.resize_terminal(*luck.choice(SIZES))
            elif luck.random() < 0.3:
                await pilot.hover(luck.choice(list(app.screen.query(Rows))), offset=(3, luck.randint(0, 5)))
            if not isinstance(app.screen, RunScreen):
                await pilot.press("enter")
                await until(pilot, lambda: isinstance(app.screen, RunScreen))
            app.clear_notifications()  # one might expire between the two pictures
            await rest(pilot)
            shown = picture(app)
            for widget in app.screen.query("*"):
                widget.notify_style_update()
                widget.refresh()
            await pilot.settle()
            assert picture(app) == shown
    feed.close()


async def test_a_screen_is_at_rest_once_the_axis_covers_a_growing_run(path: Path, clock: Clock) -> None:
    feed = Feed(path, LIVE, clock, 20)
    app = treetop(path, clock)
    async with watching(app) as pilot:
        await opened(pilot, "t")
        await rest(pilot)
        feed.more(40)
        await sees(pilot, "event 20 of 60")
        await rest(pilot)
        axis = app.screen.query_one(Playbar).shown.axis
        assert axis is not None
        assert axis.total == 60
    feed.close()
