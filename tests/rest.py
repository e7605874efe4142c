"""When a screen has come to rest, so that a picture of it is the same every time."""

from pathlib import Path
from typing import Any

from textual.app import App
from textual.pilot import Pilot

from tui.screens.fed import FedScreen
from tui.widgets.status_bar import StatusBar

READING = ("page", "timeline", "inspect", "delete", "mark")
"""Groups of workers that read for what is on the screen."""

FRAMES = 12
"""How many looks at the screen must be alike."""


async def rest(pilot: Pilot[Any]) -> None:
    """Wait until the screen looks the same for a while, nothing is being read for it, and its status is known."""
    same, before = 0, ""
    for _ in range(4_000):
        after = "" if is_busy(pilot.app) else picture(pilot.app)
        same, before = (same + 1 if after and after == before and "reading…" not in after else 0), after
        if same == FRAMES:
            return
        await pilot.pause(0.01)
    raise AssertionError(f"the screen does not come to rest:\n{before}")


def is_busy(app: App[Any]) -> bool:
    """Is something still on its way to the screen?"""
    reading = any(not worker.is_finished for worker in app.workers if worker.group in READING)
    started = getattr(app, "_reader", None) is not None
    screen = app.screen
    path: Path | None = getattr(app, "path", None)
    if isinstance(screen, FedScreen) and path is not None and path.exists() and not screen.at_rest:
        return True
    return reading or (started and any(not bar.file for bar in app.screen.query(StatusBar)))


def picture(app: App[Any]) -> str:
    """The screen as text, with its styles."""
    return "\n".join(str(list(strip)) for strip in app.screen._compositor.render_strips())
