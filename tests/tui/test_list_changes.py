"""The list of runs shows what other processes change, and reads only the changed runs."""

import asyncio
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from store.database.reader import Reader
from store.database.rows import Row
from store.database.writer import Writer
from store.model.entry import Gap, StreamId
from tests.recorder import Recorder
from tests.tables import store
from tests.tui.stage import Clock, line_with, sees, treetop, until, watching
from tui.screens import runs as module
from tui.screens.runs import RunsScreen

P = Path("treetop.db")

MARK = (
    "import sys; from pathlib import Path; from store.database.retention import pin;"
    " pin(Path(sys.argv[1]), sys.argv[2], True)"
)


@pytest.fixture
def some(here: Path) -> Path:
    """A file with three runs. Events without a run id were attributed to `dragons`."""
    store(P, Recorder("dragons", name="d").root("dragons", "Write about dragons").entries)
    store(P, Recorder(None, name="n").root("lost", "Write about nothing").llm("lost").llm("lost").entries)
    store(P, Recorder("eagles", name="e").root("eagles", "Write about eagles").entries)
    return P


async def test_a_mark_by_another_process_is_shown(some: Path, clock: Clock) -> None:
    app = treetop(some, clock)
    async with watching(app, 160) as pilot:
        await sees(pilot, "2 runs")
        words = [sys.executable, "-c", MARK, str(some), "dragons"]
        await asyncio.to_thread(subprocess.run, words, check=True, timeout=60)
        await until(pilot, lambda: "■" in line_with(app, "about dragons"))
        assert "■" not in line_with(app, "about eagles")


async def test_a_gap_is_shown(some: Path, clock: Clock) -> None:
    app = treetop(some, clock)
    async with watching(app, 160, 40) as pilot:
        await sees(pilot, "2 runs", "about eagles")
        with Writer(some) as writer:
            stream = writer.stream("agent_events")
            cursor = writer.cursor(stream)
            gap = Gap("trimmed", 3, StreamId(1, 0), StreamId(9, 0), "3 entries were trimmed")
            writer.append([], stream, cursor, cursor, gap)
        await sees(pilot, "events of this run were lost")


async def test_reassigned_events_are_counted_in_their_new_run(some: Path, clock: Clock) -> None:
    app = treetop(some, clock)
    async with watching(app, 160) as pilot:
        await until(pilot, lambda: " 6 " in line_with(app, "about dragons"))
        store(some, Recorder("lions", name="l").root("lost", "Write about lions").entries)
        await until(pilot, lambda: " 6 " in line_with(app, "about lions"))
        await until(pilot, lambda: " 1 " in line_with(app, "about dragons"))


async def test_a_refresh_reads_only_changed_runs(here: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAGE_RUNS", 40)
    with Writer(P) as writer:
        for number in range(100):
            writer.append(Recorder(f"r-{number:02}").root(f"n{number}", f"Goal {number:02}.").entries)
        stream = writer.stream("agent_events")
    read: list[int] = []
    looks: list[int] = []
    looking: list[asyncio.Task[Any] | None] = []
    rows, look = Reader.rows, RunsScreen.refresh_from

    async def counted(self: Reader, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        found = await rows(self, sql, parameters)
        if " run" in sql and asyncio.current_task() in looking:
            read.append(len(found))
        return found

    async def looked(self: RunsScreen, reader: Reader) -> None:
        looking.append(asyncio.current_task())
        await look(self, reader)
        looking.clear()
        looks.append(sum(read))
        read.clear()

    monkeypatch.setattr(Reader, "rows", counted)
    monkeypatch.setattr(RunsScreen, "refresh_from", looked)
    app = treetop(P, clock)
    async with watching(app) as pilot:
        await sees(pilot, "100 runs", "Goal 99.")
        await until(pilot, lambda: app.screen.at_rest)  # type: ignore[attr-defined]
        assert max(looks) <= 41, "the first look reads a page"
        looks.clear()
        with Writer(P) as writer:
            writer.report(stream, "live", None, None, clock.now)
            await until(pilot, lambda: looks)
            assert set(looks) == {0}
            looks.clear()
            writer.append(Recorder("r-07", name="more").status("n7", "DOING").entries)
            await until(pilot, lambda: looks)
            assert sum(looks) == 1
