"""Keys that arrive faster than they are handled."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from textual.events import Event, Key, Paste
from textual.pilot import Pilot

from store.database.reader import Reader
from store.errors import FileError
from tests.recorder import Recorder
from tests.tables import store
from tests.tui.run_stage import focused, opened, tree
from tests.tui.stage import CONDITION_TIMEOUT_S, LIVE, Clock, Feed, sees, treetop, until, watching
from tui import key_queue
from tui.screens.problems import ProblemsScreen
from tui.screens.run import RunScreen
from tui.screens.runs import RunsScreen
from tui.session.session import Session
from tui.widgets.run_list import RunList


def type_ahead(pilot: Pilot[Any], *keys: str | Event) -> None:
    """Send keys as one burst."""
    driver = pilot.app._driver
    assert driver is not None
    for key in keys:
        event = Key(key, key if len(key) == 1 else None) if isinstance(key, str) else key
        event.set_sender(pilot.app)
        driver.send_message(event)


def delay(monkeypatch: pytest.MonkeyPatch, owner: type, name: str, error: Exception | None = None) -> asyncio.Event:
    """Let a method wait for the returned event, and then raise an error, if given."""
    free, method = asyncio.Event(), getattr(owner, name)

    async def delayed(*arguments: Any, **named: Any) -> Any:
        await free.wait()
        if error is not None:
            raise error
        return await method(*arguments, **named)

    monkeypatch.setattr(owner, name, delayed)
    return free


@pytest.fixture
def long(here: Path) -> Path:
    """A file with one run of 301 tasks."""
    made = Recorder().run_started().root("root")
    for number in range(300):
        made.node("root", f"n{number}")
    store(Path("treetop.db"), made.entries)
    return Path("treetop.db")


class TestABurst:
    """Each key acts on the screen to which the keys before it lead."""

    async def test_enter_typed_before_the_tree_is_read_opens_the_timeline(
        self, path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(key_queue, "SETTLE_TIMEOUT_S", CONDITION_TIMEOUT_S)
        app = treetop(path, clock)
        async with watching(app) as pilot:
            await until(pilot, lambda: app.screen.query_one(RunList).count)
            free = delay(monkeypatch, Session, "open")
            type_ahead(pilot, "enter", "g", "j", "enter")
            await until(pilot, lambda: isinstance(app.screen, RunScreen))
            await pilot.settle()
            free.set()
            await until(pilot, lambda: focused(app) == "timeline")
            assert tree(app).cursor == 1

    async def test_a_screen_that_is_not_read_can_be_left(
        self, path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(key_queue, "SETTLE_TIMEOUT_S", 0.05)
        app = treetop(path, clock)
        async with watching(app) as pilot:
            await until(pilot, lambda: app.screen.query_one(RunList).count)
            free = delay(monkeypatch, Session, "open")
            type_ahead(pilot, "g", "enter", "q", "j")
            await until(pilot, lambda: isinstance(app.screen, RunsScreen) and app.screen.query_one(RunList).cursor == 1)
            free.set()

    async def test_the_help_is_opened_and_closed(self, long: Path, clock: Clock) -> None:
        app = treetop(long, clock)
        async with watching(app) as pilot:
            await opened(pilot, "g")
            type_ahead(pilot, "question_mark", "j", "q", "j", "j")
            await until(pilot, lambda: isinstance(app.screen, RunScreen) and tree(app).cursor == 2)

    async def test_a_command_of_the_palette_is_run(self, path: Path, clock: Clock) -> None:
        app = treetop(path, clock)
        async with watching(app) as pilot:
            await opened(pilot)
            type_ahead(pilot, "colon", *"problems", "enter")
            await until(pilot, lambda: isinstance(app.screen, ProblemsScreen))

    async def test_enter_runs_no_command_that_the_typed_words_do_not_match(self, path: Path, clock: Clock) -> None:
        app = treetop(path, clock)
        async with watching(app) as pilot:
            await opened(pilot)
            type_ahead(pilot, "colon", *"rejected", "enter")
            await sees(pilot, "rejected", "No matches found")

    async def test_a_dialog_is_confirmed(self, path: Path, clock: Clock) -> None:
        app = treetop(path, clock)
        async with watching(app) as pilot:
            await until(pilot, lambda: app.screen.query_one(RunList).count == 3)
            type_ahead(pilot, "g", "d", "y")
            await until(pilot, lambda: isinstance(app.screen, RunsScreen) and app.screen.query_one(RunList).count == 2)

    async def test_text_is_pasted_into_the_prompt_that_a_key_opens(self, long: Path, clock: Clock) -> None:
        app = treetop(long, clock)
        async with watching(app) as pilot:
            await opened(pilot)
            type_ahead(pilot, "slash", Paste("n77"), "enter", "j")
            await until(pilot, lambda: tree(app).selected == 79)


class TestALongReading:
    """Opening the newest run takes longer than keys wait."""

    @pytest.fixture(autouse=True)
    def _short_timeout(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(key_queue, "SETTLE_TIMEOUT_S", 0.05)

    async def test_the_run_is_opened_at_last(self, path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
        feed = Feed(path, LIVE, clock, 20)
        app = treetop(path, clock)
        async with watching(app) as pilot:
            await sees(pilot, "1 live")
            free = delay(monkeypatch, Reader, "last_change")
            type_ahead(pilot, "g", "F", "j", "j")
            await until(pilot, lambda: app.screen.query_one(RunList).cursor == 2)
            free.set()
            await until(pilot, lambda: isinstance(app.screen, RunScreen))
        feed.close()

    async def test_an_error_of_the_file_is_shown_and_keys_go_on(
        self, path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        app = treetop(path, clock)
        async with watching(app) as pilot:
            await until(pilot, lambda: app.screen.query_one(RunList).count)
            free = delay(monkeypatch, Reader, "last_change", FileError("the disk is gone"))
            type_ahead(pilot, "g", "F", "j")
            await until(pilot, lambda: app.screen.query_one(RunList).cursor == 1)
            free.set()
            await sees(pilot, "the disk is gone")


class TestAHeldKey:
    """A terminal repeats a key that is held down."""

    async def test_repetitions_do_not_wait_for_the_screen(
        self, long: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        waits, until_ready = [0], RunScreen.until_ready

        async def counted(self: RunScreen) -> None:
            waits[0] += 1
            await until_ready(self)

        app = treetop(long, clock)
        async with watching(app) as pilot:
            await opened(pilot, "g")
            monkeypatch.setattr(RunScreen, "until_ready", counted)
            type_ahead(pilot, *["j"] * 200, "enter")
            await until(pilot, lambda: focused(app) == "timeline")
            assert tree(app).cursor == 200
            assert waits[0] <= 4 * key_queue.ROUNDS
