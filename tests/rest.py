"""Waits until a screen has stopped changing, so that its picture is reproducible."""

from pathlib import Path
from typing import Any

from rich.segment import Segment
from textual.app import App
from textual.pilot import Pilot
from textual.widgets import Input

from tui.app import Treetop
from tui.screens.fed import FedScreen
from tui.widgets.playbar import Playbar
from tui.widgets.status_bar import StatusBar

READING = ("page", "timeline", "inspect", "delete", "mark", "measure")
"""Groups of workers that can still change what is on the screen."""

FRAMES = 6
"""Number of consecutive equal pictures after which a screen is at rest."""


Picture = tuple[tuple[Segment, ...], ...]
"""The lines of a screen, with their styles; empty while the screen is busy."""


async def rest(pilot: Pilot[Any]) -> None:
    """Wait until FRAMES pictures in a row are equal, no reading is in progress, and the status bar is filled."""
    for field in pilot.app.screen.query(Input):
        field.cursor_blink = False  # on a busy machine it blinks before FRAMES pictures are compared
    same, before = 0, Picture()
    for _ in range(4_000):
        after = Picture() if is_busy(pilot.app) else picture(pilot.app)
        same, before = (same + 1 if after and after == before and not is_reading(after) else 0), after
        if same == FRAMES:
            return
        await pilot.pause(0.01)
    raise AssertionError(f"the screen does not come to rest:\n{before}")


def is_busy(app: App[Any]) -> bool:
    """Whether the screen will change without further events or keys."""
    reading = any(not worker.is_finished for worker in app.workers if worker.group in READING)
    started = isinstance(app, Treetop) and app._feed.reader is not None
    screen = app.screen
    path: Path | None = getattr(app, "path", None)
    if isinstance(screen, FedScreen) and path is not None and path.exists() and not screen.at_rest:
        return True
    if any(
        bar.display and bar.shown.axis is not None and bar.shown.axis.total < bar.shown.total
        for bar in screen.query(Playbar)
    ):
        return True  # the axis of a growing run is extended once a second
    return reading or (started and any(not bar.file for bar in app.screen.query(StatusBar)))


def picture(app: App[Any]) -> Picture:
    """The lines of the screen, with their styles."""
    return Picture(tuple(strip) for strip in app.screen._compositor.render_strips())


def is_reading(shown: Picture) -> bool:
    """Whether the screen has the placeholder of a part that is still being read."""
    return any("reading…" in segment.text for line in shown for segment in line)
