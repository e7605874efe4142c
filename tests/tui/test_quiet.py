"""Invisible rows cost nothing and unchanged rows are not drawn, measured by numbers of statements, rows and cells."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from rich.console import RenderableType
from textual.screen import Screen

from store.database.reader import Reader
from store.database.rows import Row
from store.database.writer import Writer
from tests.recorder import Recorder
from tests.rest import rest
from tests.tui.stage import STREAM, URL, Clock, Hands, sees, watching
from tui.app import Treetop
from tui.screens.fed import FedScreen

WIDTH, HEIGHT = 120, 36


class Painted(Treetop):
    """Counts the cells that are written to the terminal."""

    cells = 0

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        if renderable is not None and screen is self.screen:
            self.cells += sum(len(segment.text) for segment in self.console.render(renderable) if not segment.control)
        super()._display(screen, renderable)


class Asked:
    """Numbers of statements and rows that a reader reads."""

    def __init__(self) -> None:
        self.statements = self.rows = 0


@contextmanager
def counting(monkeypatch: pytest.MonkeyPatch) -> Iterator[Asked]:
    asked, read = Asked(), Reader.rows

    async def rows(self: Reader, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        found = await read(self, sql, parameters)
        asked.statements += 1
        asked.rows += len(found)
        return found

    with monkeypatch.context() as patch:
        patch.setattr(Reader, "rows", rows)
        yield asked


def grown(nodes: int) -> Recorder:
    """A live run: a root with nodes that have one finished step each."""
    made = Recorder().run_started().root()
    names = [f"n{number}" for number in range(nodes)]
    made.plan("root", *names[:50])
    for name in names[50:]:
        made.node("root", name)
    for name in names:
        made.step(name, "execute", after="DOING")
    return made


def app_on(path: Path, clock: Clock) -> Painted:
    app = Painted(path, URL, STREAM, ingest=False, clock=clock)
    app.animation_level = "none"
    return app


async def opened(pilot: Hands) -> None:
    """Open the run, and select its root."""
    await rest(pilot)
    await pilot.press("enter")
    await sees(pilot, "2 Tree", "3 Timeline of this task")
    await pilot.press("g")
    await rest(pilot)


@pytest.fixture
def clock() -> Clock:
    """A time long after the run, so that no duration on the screen grows."""
    return Clock(2_000_000_000.0)


async def test_a_changed_row_does_not_draw_the_whole_screen(here: Path, clock: Clock) -> None:
    path, made = Path("treetop.db"), grown(60)
    with Writer(path) as writer:
        writer.append(made.entries)
        app = app_on(path, clock)
        async with watching(app, WIDTH, HEIGHT) as pilot:
            await opened(pilot)
            app.cells = 0
            before = len(made.entries)
            writer.append(made.status("n3", "FINISH", old="DOING").entries[before:])
            await sees(pilot, "✓ n3")
            await rest(pilot)
            assert 0 < app.cells < 8 * WIDTH  # its row, the header, and the status


async def test_new_nodes_off_the_screen_draw_only_their_number(here: Path, clock: Clock) -> None:
    path, made = Path("treetop.db"), grown(60)
    with Writer(path) as writer:
        writer.append(made.entries)
        app = app_on(path, clock)
        async with watching(app, WIDTH, HEIGHT) as pilot:
            await opened(pilot)
            await pilot.press("j")  # the selected node gets no more events
            await rest(pilot)
            app.cells = 0
            before = len(made.entries)
            for number in range(100):
                made.node("root", f"more{number}")
            writer.append(made.entries[before:])
            await sees(pilot, "2 Tree: 161 tasks")
            await rest(pilot)
            assert 0 < app.cells < 8 * WIDTH + 2 * HEIGHT  # title, header, status and scrollbars


async def test_an_unchanged_screen_draws_nothing(here: Path, clock: Clock) -> None:
    path = Path("treetop.db")
    with Writer(path) as writer:
        writer.append(grown(60).entries)
    app = app_on(path, clock)
    async with watching(app, WIDTH, HEIGHT) as pilot:
        await opened(pilot)
        app.cells = 0
        for screen in app.screen_stack:
            for _ in range(3):
                if isinstance(screen, FedScreen):
                    screen._ticked()
                await pilot.settle()
        await rest(pilot)
        assert app.cells == 0


async def test_a_key_costs_the_same_in_a_large_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    """60 and 3,000 nodes take about the same numbers of statements and rows."""
    costs = []
    for nodes in (60, 3_000):
        path = tmp_path / f"{nodes}.db"
        with Writer(path) as writer:
            writer.append(grown(nodes).entries)
        app = app_on(path, clock)
        async with watching(app, WIDTH, HEIGHT) as pilot:
            await opened(pilot)
            with counting(monkeypatch) as asked:
                for key in ("j", "pagedown", "j"):
                    await pilot.press(key)
                    await rest(pilot)
            costs.append((asked.statements, asked.rows))
    small, large = costs
    assert large[0] <= small[0] + 12  # a frame more or less
    assert large[1] <= small[1] + 400


async def test_opening_a_large_run_reads_only_visible_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    path = tmp_path / "large.db"
    with Writer(path) as writer:
        writer.append(grown(3_000).entries)
    app = app_on(path, clock)
    async with watching(app, WIDTH, HEIGHT) as pilot:
        await rest(pilot)
        with counting(monkeypatch) as asked:
            await opened(pilot)
        assert asked.rows < 1_200
