"""Screens on a run whose steps overlap."""

from datetime import UTC
from pathlib import Path

import pytest

from tests.recorder import START, Recorder
from tests.tables import store
from tests.tui.stage import Clock, Hands, lines, rows_of, sees, shown, treetop, until, watching
from tui.app import Treetop
from tui.screens.run import RunScreen
from tui.widgets.node_tree import NodeTree

BEGAN = START.replace(tzinfo=UTC).timestamp()
BRANCHES = ("oak", "elm", "ash")


def parallel() -> Recorder:
    """A run with three branches: oak waits for a model, elm for a tool, ash is in a step and published last."""
    recorder = Recorder("trees").run_started(parallel=True).root("book", "Compare trees")
    for node_id in BRANCHES:
        recorder.node("book", node_id, f"Study the {node_id}")
    recorder.node("book", "end", "Conclude")
    for node_id in BRANCHES:
        recorder.step_started(node_id, f"Study the {node_id}")
    return recorder.llm_started("oak", "1").tool_invoked("elm", "2").emit("thought", {"node_id": "ash"})


@pytest.fixture
def trees(here: Path) -> Path:
    path = Path("treetop.db")
    store(path, parallel().entries)
    return path


def now(recorder: Recorder) -> Clock:
    """Three seconds after the last event."""
    return Clock(BEGAN + len(recorder.entries) + 2.0)


async def opened(pilot: Hands) -> None:
    """Open the run and follow it."""
    await sees(pilot, "1 live")
    await pilot.press("F")
    await until(pilot, lambda: isinstance(pilot.app.screen, RunScreen))
    await sees(pilot, "FOLLOWING 1 OF 3")


def marked(app: Treetop) -> list[str]:
    """The tasks that are marked as working in the tree."""
    rows = rows_of(app.screen.query_one(NodeTree))
    return [node_id for row in rows for node_id in (*BRANCHES, "end") if f"▶ {node_id} " in row]


def task(node_id: str) -> str:
    """Title of the inspector of a task at work."""
    return f"▶ {node_id}  plan task"


async def test_the_list_shows_all_open_work_of_a_run(trees: Path) -> None:
    app = treetop(trees, now(parallel()))
    async with watching(app, 160, 40) as pilot:
        await sees(pilot, "1 live", "now        step 6.0s")
        text = shown(app)
        assert text.index("step 6.0s") < text.index("tool BingBrowser.run 4.0s") < text.index("llm gpt-4o-mini 5.0s")


@pytest.mark.parametrize("size", [(160, 40), (80, 24)])
async def test_each_task_at_work_is_marked_in_the_tree(trees: Path, size: tuple[int, int]) -> None:
    app = treetop(trees, now(parallel()))
    async with watching(app, *size) as pilot:
        await opened(pilot)
        assert marked(app) == [*BRANCHES]


async def test_following_selects_the_task_that_published_last(trees: Path) -> None:
    made = parallel()
    app = treetop(trees, now(made))
    async with watching(app, 160, 40) as pilot:
        await opened(pilot)
        await sees(pilot, task("ash"))
        before = len(made.entries)
        store(trees, made.llm_completed("oak", "1").entries[before:])
        await sees(pilot, task("oak"))
        before = len(made.entries)
        store(trees, made.step_finished("oak", "execute", after="FINISH", step=0).entries[before:])
        await sees(pilot, "FOLLOWING 1 OF 2", task("ash"))


async def test_a_key_and_a_click_walk_through_the_tasks_at_work(trees: Path) -> None:
    app = treetop(trees, now(parallel()))
    async with watching(app, 160, 40) as pilot:
        await opened(pilot)
        await sees(pilot, task("ash"))
        for node_id in ("oak", "elm", "ash", "oak"):
            await pilot.press("a")
            await sees(pilot, task(node_id))
        await sees(pilot, " LIVE ", "3 at work")
        line = next(y for y, text in enumerate(lines(app)) if "3 at work" in text)
        await pilot.click(offset=(lines(app)[line].index("3 at work") + 2, line))
        await sees(pilot, task("elm"))


async def test_the_past_has_the_work_of_its_position(trees: Path) -> None:
    """Of the position, not of now: before the steps, nothing is at work."""
    app = treetop(trees, now(parallel()))
    async with watching(app, 160, 40) as pilot:
        await opened(pilot)
        await pilot.press("t", "left_square_bracket", "left_square_bracket", "left_square_bracket", "left_square_bracket")
        await sees(pilot, "event 8 of 12", "2 at work")
        assert marked(app) == ["oak", "elm"]
        await pilot.press("home")
        await until(pilot, lambda: "at work" not in shown(app))
