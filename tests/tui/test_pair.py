"""A task and its only execution are one row, which the user can open."""

from pathlib import Path
from typing import Any

import pytest

from store.database.writer import Writer
from tests.recorder import START, Recorder
from tests.rest import rest
from tests.tables import store
from tests.tui.run_stage import inspector, opened, search_finished, selected, timeline, tree
from tests.tui.stage import Clock, lines, rows_of, sees, treetop, until, watching
from tests.tui.test_mouse import click
from tests.tui.test_task_status import show
from tui.models.name import task_name
from tui.models.outline import Outline

P = Path("treetop.db")


def execution(made: Recorder, outer: str) -> Recorder:
    """The execution of a task, as the agents create it."""
    payload = {"node_id": f"{outer}-0", "node_nid": "0", "node_type": "EXECUTE_NODE", "task_type": "COMPOSITION"}
    goal = f"Write {outer}"
    made.emit("node_created", payload | {"task_goal": goal, "layer": 2, "outer_node_id": outer, "root_node_id": "book"})
    return made.status(f"{outer}-0", "READY", goal=goal)


def book() -> Recorder:
    """Three tasks: the first was executed, the second fails in its execution, the third has not begun."""
    made = Recorder().run_started().root("book", "A book")
    for at in (1, 2, 3):
        made.node("book", f"c{at}", f"Write c{at}", nid=str(at))
    made.step_started("c1", "Write c1").step_finished("c1", "plan", "DOING")
    execution(made, "c1").step_started("c1-0", "Write c1").llm("c1-0", (70, 7)).step_finished("c1-0", "execute", "FINISH")
    execution(made, "c2").step_started("c2-0", "Write c2").llm("c2-0", error="timeout")
    return made


@pytest.fixture
def clock() -> Clock:
    return Clock(START.timestamp() + len(book().entries) + 1)


def names(app: Any) -> list[str]:
    """The names of the tasks in the rows."""
    known = {"1", "2", "3", "1/0", "2/0", "3/0"}
    return [word for row in rows_of(tree(app)) for word in row.split()[:6] if word in known]


async def test_a_pair_is_one_row_until_it_is_opened(here: Path, clock: Clock) -> None:
    store(P, book().entries)
    app = treetop(P, clock)
    async with watching(app, 200, 50) as pilot:
        await opened(pilot, "j")
        await rest(pilot)
        assert names(app) == ["1", "2", "3"]
        assert "+1" not in "\n".join(rows_of(tree(app)))
        await pilot.press("right")
        await rest(pilot)
        assert names(app) == ["1", "1/0", "2", "3"]
        await pilot.press("left")
        await rest(pilot)
        assert names(app) == ["1", "2", "3"]


async def test_a_click_on_the_arrow_opens_a_pair(here: Path, clock: Clock) -> None:
    store(P, book().entries)
    app = treetop(P, clock)
    async with watching(app, 200, 50) as pilot:
        await opened(pilot)
        await rest(pilot)
        await click(pilot, "› ")
        await rest(pilot)
        assert names(app) == ["1", "1/0", "2", "3"]


async def test_the_row_has_the_work_and_the_errors_of_both(here: Path, clock: Clock) -> None:
    store(P, book().entries)
    app = treetop(P, clock)
    async with watching(app, 200, 50) as pilot:
        await opened(pilot)
        await rest(pilot)
        first, second = (next(row for row in rows_of(tree(app)) if f"Write c{at}" in row) for at in (1, 2))
        assert "77" in first.split()
        assert {"▶", "×1", "executing"} <= set(second.split())


@pytest.mark.parametrize(
    "keys", [["e"], ["a"], ["slash", "c", "2", "enter"], ["f"]], ids=["error", "active", "search", "follow"]
)
async def test_what_leads_to_the_execution_selects_the_row(here: Path, clock: Clock, keys: list[str]) -> None:
    store(P, book().entries)
    app = treetop(P, clock)
    async with watching(app, 200, 50) as pilot:
        await opened(pilot, *keys)
        await search_finished(app)
        await rest(pilot)
        assert selected(app) == "c2"
        assert names(app) == ["1", "2", "3"]


async def test_the_next_error_is_that_of_another_task(here: Path, clock: Clock) -> None:
    made = book()
    made.llm("c3", error="again")
    store(P, made.entries)
    app = treetop(P, clock)
    async with watching(app, 200, 50) as pilot:
        await opened(pilot)
        for expected in ("c2", "c3", "c2"):
            await pilot.press("e")
            await search_finished(app)
            await until(pilot, lambda: selected(app) == expected)  # noqa: B023


async def test_time_travel_selects_the_row(here: Path, clock: Clock) -> None:
    store(P, book().entries)
    app = treetop(P, clock)
    async with watching(app, 200, 50) as pilot:
        await opened(pilot, "t", "T", "1", "2", "enter")  # within the execution of the first task
        await rest(pilot)
        assert selected(app) == "c1"
        assert "llm done" in next(row for row in rows_of(tree(app)) if "Write c1" in row)  # what the event does
        await pilot.press("home")
        await rest(pilot)
        assert names(app) == []


async def test_steps_of_the_execution_are_steps_of_the_row(here: Path, clock: Clock) -> None:
    made = book()
    store(P, made.entries)
    begins = [
        at for at, event in enumerate(made.events, 1) if event.type == "step_started" and event.facts.node_id == "c1-0"
    ]
    app = treetop(P, clock)
    async with watching(app, 200, 50) as pilot:
        await opened(pilot, "j", "t", "T", *str(begins[0] - 1), "enter")
        await rest(pilot)
        await pilot.press("full_stop")
        await sees(pilot, f"event {begins[0]} of")
        assert selected(app) == "c1"


async def test_the_timeline_and_the_inspector_show_both(here: Path, clock: Clock) -> None:
    store(P, book().entries)
    app = treetop(P, clock)
    async with watching(app, 200, 50) as pilot:
        await opened(pilot, "j")
        await rest(pilot)
        assert {"1", "1/0"} <= {word for row in rows_of(timeline(app)) for word in row.split()}
        assert "70 in, 7 out" in inspector(app)


async def test_a_second_child_parts_the_pair(here: Path, clock: Clock) -> None:
    made = book()
    store(P, made.entries)
    app = treetop(P, clock)
    async with watching(app, 200, 50) as pilot:
        await opened(pilot)
        known = len(made.entries)
        made.node("c2", "more", "Write more", nid="2.1", layer=2)
        with Writer(P) as writer:
            writer.append(made.entries[known:])
        await sees(pilot, "Write more")
        assert names(app) == ["1", "2", "2/0", "3"]


async def test_expanding_everything_leaves_pairs_closed(here: Path, clock: Clock) -> None:
    store(P, book().entries)
    app = treetop(P, clock)
    async with watching(app, 200, 50) as pilot:
        await opened(pilot, "minus", "equals_sign")
        await rest(pilot)
        assert names(app) == ["1", "2", "3"]


async def test_a_task_has_one_name_everywhere(here: Path, clock: Clock) -> None:
    store(P, book().entries)
    assert "1/0 Write c1" in show("run")
    app = treetop(P, clock)
    async with watching(app, 200, 50) as pilot:
        await opened(pilot, "j", "right", "right")
        await rest(pilot)
        assert selected(app) == "c1-0"
        assert "1/0" in inspector(app).splitlines()[0]
        assert any(" 1/0 " in row for row in rows_of(timeline(app)))
        assert "1/0" in "\n".join(lines(app))


@pytest.mark.parametrize(
    ("nid", "outer", "name"),
    [
        (None, "", "?"),
        ("", None, "root"),
        ("6", "", "6"),
        ("6.2", "6", "6.2"),
        ("0", "6.2", "6.2/0"),
        ("0", "", "root/0"),
        ("0", None, "0"),
        ("62", "6", "6/62"),
    ],
)
def test_a_name_is_a_path(nid: str | None, outer: str | None, name: str) -> None:
    assert task_name(nid, outer) == name


def test_an_execution_with_tasks_of_its_own_is_no_pair() -> None:
    outline = Outline()
    outline.load([-1, 0], executions=[1])
    assert (len(outline), outline.row(0).execution) == (1, 1)
    outline.append([1])
    assert len(outline) == 3


def test_moves_make_and_part_pairs() -> None:
    outline = Outline()
    outline.load([-1, -1, -1], executions=[1])
    outline.move(1, 0)
    assert [row.node for row in outline.rows(0, 9)] == [0, 2]
    outline.move(2, 0)
    assert [row.node for row in outline.rows(0, 9)] == [0, 1, 2]
