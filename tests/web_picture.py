"""The picture of the web page in README: `python -m tests.web_picture`. Needs Chromium."""

import asyncio
import tempfile
from datetime import datetime, timedelta
from pathlib import Path

from tests.browser import browsing
from tests.relay.stage import ready, relaying
from tui.demo import Scenario
from tui.demo.program import record

PICTURE = Path(__file__).parents[1] / "screenshots" / "web.png"
START = datetime(2026, 3, 9, 14, 3, 20)


async def draw() -> None:
    """Serve a simulated run, and save what a browser shows of it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.db"
        record(path, Scenario(seed=103, nodes=30, topic="small-databases", start=START))
        record(
            path,
            Scenario(seed=104, nodes=34, ending="failing-branch", topic="heat-pumps", start=START + timedelta(hours=1)),
        )
        async with relaying(path) as stage:
            await ready(stage)
            async with browsing(f"http://127.0.0.1:{stage.port}/", Path(folder) / "profile") as browser:
                await browser.until("/^[0-9]+ events$/.test(document.getElementById('state').textContent)")
                await asyncio.sleep(1.0)  # for the rest of the run
                dark = {"name": "prefers-color-scheme", "value": "dark"}
                await browser.call("Emulation.setEmulatedMedia", features=[dark])
                await browser.picture(PICTURE, 1200, 620)


if __name__ == "__main__":
    asyncio.run(draw())
