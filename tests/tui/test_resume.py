"""Screens that become visible again, and files that are replaced."""

import os
import time
from pathlib import Path

import pytest

from store.database.reader import Reader
from store.model.record import RunChanges
from tests.recorder import Recorder, entry_of
from tests.tables import store
from tests.tui.stage import LIVE, Clock, Feed, WidgetApp, line_with, rows_of, sees, shown, treetop, until, watching
from tui.screens.fed import FRAME_S, MAX_REST_S, FedScreen
from tui.screens.problems import ProblemsScreen
from tui.screens.run import RunScreen
from tui.screens.runs import RunsScreen
from tui.theme import Glyphs
from tui.widgets.problem_list import ProblemList
from tui.widgets.text_pane import TextPane

SHIPS = "We keep 900 small"


async def test_the_list_is_current_after_a_run_covered_it(path: Path, clock: Clock) -> None:
    feed = Feed(path, LIVE, clock, 100)
    app = treetop(path, clock)
    async with watching(app, 120, 36) as pilot:
        await sees(pilot, "1 live")
        assert " 100 " in line_with(app, SHIPS)
        await pilot.press("g", "enter")
        await until(pilot, lambda: isinstance(app.screen, RunScreen))
        feed.rest()
        await sees(pilot, "✓ finished")
        await pilot.press("1")
        await until(pilot, lambda: isinstance(app.screen, RunsScreen))
        await until(pilot, lambda: line_with(app, SHIPS).split()[0] == "✓" and f" {feed.total} " in line_with(app, SHIPS))
    feed.close()


class Busy(FedScreen):
    """Uses processor time for each reading, and requests the next one at once, as for a file that changes constantly."""

    CPU_S = 0.05

    def __init__(self) -> None:
        super().__init__(Glyphs(), time.time)
        self.rests: list[list[float]] = []
        """For each reading, the seconds that the screen rested after it."""

    async def read(self, reader: Reader) -> None:
        self.rests.append([])
        spent = time.process_time()
        while time.process_time() - spent < self.CPU_S:
            pass
        self.news(reader)

    async def _rest(self, seconds: float) -> None:
        if self.rests:
            self.rests[-1].append(seconds)
        await super()._rest(seconds)


async def test_a_busy_screen_rests_between_readings(db: Path) -> None:
    store(db, Recorder().root().entries)
    screen = Busy()
    async with Reader(db) as reader, watching(WidgetApp(TextPane())) as pilot:
        pilot.app.push_screen(screen)
        screen.news(reader)
        await until(pilot, lambda: len(screen.rests) > 4)
        pilot.app.pop_screen()
    first, *others = screen.rests[:-1]
    assert first == [FRAME_S]
    assert [rests[0] for rests in others] == [FRAME_S] * len(others)
    assert all(len(rests) == 2 and rests[1] <= MAX_REST_S for rests in others)


async def test_the_cursor_stays_on_its_problem_when_another_entry_is_rejected(path: Path, clock: Clock) -> None:
    store(path, [entry_of(b"first", 7), entry_of(b"second", 8)])
    app = treetop(path, clock)
    async with watching(app, 120, 36) as pilot:
        await sees(pilot, "3 runs")
        await pilot.press("exclamation_mark")
        await until(pilot, lambda: isinstance(app.screen, ProblemsScreen))
        problems, details = app.screen.query_one(ProblemList), app.screen.query_one(TextPane)
        await until(pilot, lambda: problems.count == 2)
        await pilot.press("g")
        await until(pilot, lambda: "second" in "".join(rows_of(details)))
        store(path, [entry_of(b"third", 9)])
        await until(pilot, lambda: problems.count == 3)
        await pilot.press("v")  # any key that moves nothing
        assert problems.cursor == 1
        await until(pilot, lambda: "second" in "".join(rows_of(details)))


async def test_a_replaced_file_replaces_the_list_of_runs(db: Path, tmp_path: Path) -> None:
    """Both files have the same number of runs, with the same keys and change numbers."""
    store(db, Recorder("old").root("root", "Write an old book").step("root", "plan", after="PLAN_DONE").entries)
    store(tmp_path / "new.db", Recorder("new").root("root", "Write a new book").entries)
    app = treetop(db, Clock())
    async with watching(app) as pilot:
        await sees(pilot, "1 run ", "Write an old book")
        os.replace(tmp_path / "new.db", db)
        await sees(pilot, "1 run ", "Write a new book", "was deleted or")
        assert "Write an old" not in shown(app)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, RunScreen))
        await sees(pilot, "Write a new book")


async def test_a_forgotten_list_shows_no_runs_and_no_hint(path: Path, clock: Clock) -> None:
    app = treetop(path, clock)
    async with watching(app) as pilot:
        await sees(pilot, "3 runs")
        runs = app.screen
        assert isinstance(runs, RunsScreen)
        runs.forget()
        await sees(pilot, "treetop")
        assert "Write" not in shown(app)
        assert "No run yet" not in shown(app)


async def test_a_list_forgotten_while_it_is_read_is_read_again(
    path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = treetop(path, clock)
    async with watching(app) as pilot:
        await sees(pilot, "3 runs")
        runs, read = app.screen, Reader.run_changes
        assert isinstance(runs, RunsScreen)

        async def replaced(self: Reader, after: int) -> RunChanges:
            changes = await read(self, after)
            monkeypatch.setattr(Reader, "run_changes", read)
            runs.forget()
            return changes

        monkeypatch.setattr(Reader, "run_changes", replaced)
        runs.soon()
        await until(pilot, lambda: Reader.run_changes is read)
        await sees(pilot, "3 runs", "Write a mystery story")
