"""A real browser, controlled over its debugging socket, for tests and pictures."""

import asyncio
import base64
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
"""Path of the installed Chromium; None if there is none."""

OPTIONS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--remote-debugging-port=0"),
]
WAIT_TIMEOUT_S = 60.0


class Browser:
    """A browser with one page."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._numbers = count(1)

    async def call(self, method: str, **parameters: object) -> Any:
        """A command of the debugging protocol."""
        number = next(self._numbers)
        await self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            message = json.loads(await self._socket.recv())
            if message.get("id") == number:
                assert "error" not in message, message
                return message["result"]

    async def value(self, expression: str) -> Any:
        """The value of a script on the page."""
        return (await self.call("Runtime.evaluate", expression=expression, returnByValue=True))["result"].get("value")

    async def until(self, expression: str) -> None:
        """Wait until the value of a script on the page is true."""
        async with asyncio.timeout(WAIT_TIMEOUT_S):
            while not await self.value(expression):  # noqa: ASYNC110 - the page has no event for it
                await asyncio.sleep(0.05)

    async def picture(self, path: Path, width: int, height: int) -> None:
        """Save a screenshot as PNG."""
        await self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        data = base64.b64decode((await self.call("Page.captureScreenshot"))["data"])
        await asyncio.to_thread(path.write_bytes, data)


@asynccontextmanager
async def browsing(url: str, profile: Path) -> AsyncIterator[Browser]:
    """A browser that shows a page."""
    assert CHROMIUM is not None
    process = await asyncio.create_subprocess_exec(
        CHROMIUM, *OPTIONS, f"--user-data-dir={profile}", url, stderr=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(WAIT_TIMEOUT_S):
            assert process.stderr is not None
            line = b""
            while b"DevTools listening on" not in line:
                line = await process.stderr.readline()
            browser = line.split()[-1].decode()
            async with connect(browser, max_size=None, proxy=None) as socket:
                targets = (await Browser(socket).call("Target.getTargets"))["targetInfos"]
        page = next(target["targetId"] for target in targets if target["type"] == "page")
        address = browser.partition("/devtools/")[0]
        async with connect(f"{address}/devtools/page/{page}", max_size=None, proxy=None) as socket:
            yield Browser(socket)
    finally:
        process.terminate()
        await process.communicate()
