"""The built-in page, and a page of another origin, in a real browser if one is installed."""

from pathlib import Path

import pytest

from tests.browser import CHROMIUM, browsing
from tests.recorder import Recorder
from tests.relay.stage import Publishing, ready, relaying

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")


async def test_the_built_in_page_shows_live_events(db: Path, tmp_path: Path) -> None:
    run = Recorder().whole()
    run.node("root", "hostile", "<img src=x onerror=document.title='taken'>")
    with Publishing(db) as publishing:
        publishing.store(run.entries)
        async with relaying(db) as stage:
            await ready(stage)
            async with browsing(f"http://127.0.0.1:{stage.port}/", tmp_path / "profile") as browser:
                await browser.until(f"document.getElementById('state').textContent === '{len(run.entries)} events'")
                tasks = await browser.value("[...document.querySelectorAll('#tasks li')].map(item => item.textContent)")
                assert [task.split()[0] for task in tasks] == ["✓", "✓", "✓", "○"]
                assert "<img src=x" in tasks[3]
                await browser.call(
                    "Emulation.setDeviceMetricsOverride", width=400, height=800, deviceScaleFactor=1, mobile=False
                )
                assert await browser.value("document.documentElement.scrollWidth <= innerWidth")
                first = await browser.value("document.querySelector('#events li').textContent")
                assert "node_created" in first
                publishing.store(Recorder("second").run_started().root("r2", "Another").entries)
                await browser.until("document.getElementById('state').textContent === '2 events'")
                assert await browser.value("document.querySelectorAll('#tasks li').length") == 1
                assert await browser.value("document.title") == "treetop"


async def test_a_page_of_another_origin_has_no_access(db: Path, tmp_path: Path) -> None:
    with Publishing(db) as publishing:
        publishing.store(Recorder().whole().entries)
    folder = tmp_path / "evil"
    folder.mkdir()
    async with relaying(db, reload=True) as stage, relaying(db, web=folder) as evil:
        await ready(stage)
        script = f"""<!doctype html><p id=a></p><p id=b></p><script>
            const socket = new WebSocket("ws://127.0.0.1:{stage.port}/ws/events");
            socket.onmessage = () => a.textContent = "read a frame"; socket.onclose = () => a.textContent = "refused";
            fetch("http://127.0.0.1:{stage.port}/api/events?limit=1").then(answer => answer.text())
                .then(() => b.textContent = "read an answer", () => b.textContent = "refused");
        </script>"""
        (folder / "index.html").write_text(script)
        async with browsing(f"http://127.0.0.1:{evil.port}/", tmp_path / "profile") as browser:
            await browser.until("document.querySelector('#b')?.textContent && document.querySelector('#a').textContent")
            assert await browser.value("document.body.innerText.split(/\\s+/).join(' ').trim()") == "refused refused"
        assert not stage.relay.connections.accepted
