"""Every frame shows one position of a run, with an event stored and a frame drawn before each statement of a reader."""

import re
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.app import App

from store.database.reader import Reader
from tests.interloper import Interloper, interleave
from tests.tables import store
from tests.tui.run_stage import opened, timeline, tree
from tests.tui.stage import Clock, entries_of, lines, rows_of, treetop, until, watching
from tui.app import Treetop
from tui.demo import Scenario, simulate

BIG = Scenario(seed=5, nodes=60, depth=4)


def counts(app: Treetop) -> dict[str, set[int]]:
    """Numbers of events and nodes, in all places of the screen that show them. Closed rows stand for two nodes here."""
    text = "\n".join(lines(app))
    rows = [row for row in rows_of(tree(app)) if row.strip()]

    def said(pattern: str) -> set[int]:
        return {int(number) for number in re.findall(pattern, text)}

    return {
        "events": said(r"Timeline of the run: (\d+) event") | said(r"· (\d+) events") | said(r"(\d+) stored"),
        "nodes": said(r"2 Tree: (\d+) task") | said(r"\d/(\d+) tasks") | {len(rows) + sum("›" in row for row in rows)},
    }


async def test_every_frame_of_a_run_is_of_one_position(path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    entries = list(entries_of(simulate(BIG), BIG.start))
    store(path, entries[:100])
    app = treetop(path, clock)
    frames: list[dict[str, set[int]]] = []
    display = App._display

    def displayed(self: App[Any], *arguments: Any) -> None:
        display(self, *arguments)
        frames.append(counts(app))

    async with watching(app, 200, 70) as pilot:
        await opened(pilot, "b", "b")
        await until(pilot, lambda: counts(app)["events"] == {100})
        interloper = Interloper(path, entries[100:700])
        work = interleave(interloper)

        async def drawn(self: Reader, function: Callable[[sqlite3.Connection], Any]) -> Any:
            app.screen._on_timer_update()
            return await work(self, function)

        with monkeypatch.context() as patched:
            patched.setattr(App, "_display", displayed)
            patched.setattr(Reader, "in_thread", drawn)
            await until(pilot, lambda: counts(app)["events"] == {700})
        interloper.close()
        assert timeline(app).count == 700
    assert len({max(frame["events"]) for frame in frames}) > 10
    assert [frame for frame in frames if any(len(numbers) > 1 for numbers in frame.values())] == []
