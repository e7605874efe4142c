"""The figures in the columns of the tree: time, tokens and cost of a task, alone and with everything beneath it."""

from pathlib import Path
from typing import Any

import pytest

from tests.recorder import START, Recorder
from tests.rest import rest
from tests.tables import store
from tests.tui.run_stage import opened, tree
from tests.tui.stage import Clock, lines, rows_of, treetop, watching
from tui import format as fmt
from tui.models.columns import Column, fit
from tui.models.node_column import figure, tree_columns
from tui.models.node_row import row_cells
from tui.models.outline_row import Row
from tui.models.snapshot import TreeNodes
from tui.theme import DIM_ROLES, Glyphs
from tui.widgets.tree_pane import TreeTitles

P = Path("treetop.db")
TASK = Column("task", "TASK", 0)


def call(made: Recorder, node_id: str, tokens: tuple[int, int] | None, cost: float | None) -> Recorder:
    """A call of a model, with what its agent published about it."""
    price: dict[str, Any] = {} if cost is None else {"cost": cost}
    number = f"call-{len(made.entries)}"
    return made.llm_started(node_id, number).llm_completed(node_id, number, tokens, **price)


def book() -> Recorder:
    """A live run: the first chapter has a priced and an unpriced page, the second no known tokens, the third no calls.

    The second page of the first chapter is at work.
    """
    made = Recorder().run_started().root("book", "A book")
    for at in (1, 2, 3):
        made.node("book", f"chapter-{at}", f"Chapter {at}", nid=str(at))
    made.node("chapter-1", "page-1", "Page one", nid="1.1", layer=2).node(
        "chapter-1", "page-2", "Page two", nid="1.2", layer=2
    )
    made.step_started("page-1")
    call(made, "page-1", (900, 100), 0.5).step_finished("page-1", "execute", "FINISH")
    made.step_started("chapter-2")
    call(made, "chapter-2", None, None).step_finished("chapter-2", "execute", "FINISH")
    made.step_started("page-2")
    call(call(made, "page-2", (2000, 0), 0.25), "page-2", (10, 0), None)
    return made


def words_of(pilot_rows: list[str], goal: str) -> list[str]:
    """The words after the goal in its row."""
    row = next(row for row in pilot_rows if f" {goal} " in row)
    return row.split(goal)[1].split()


@pytest.fixture
def clock() -> Clock:
    """Ten seconds after the last event of the book, at one event a second."""
    return Clock(START.timestamp() + len(book().entries) + 9)


@pytest.mark.parametrize("size", [(80, 24), (120, 36), (200, 50)])
async def test_columns_have_a_heading_and_totals(here: Path, clock: Clock, size: tuple[int, int]) -> None:
    store(P, book().entries)
    app = treetop(P, clock)
    async with watching(app, *size) as pilot:
        await opened(pilot)
        await rest(pilot)
        pane, head = tree(app), app.screen.query_one(TreeTitles).region
        titles = lines(app)[head.y][head.x : head.right].split()
        assert titles[0] == "TASK"
        assert {"TOTAL", "COST"} <= set(titles)
        assert words_of(rows_of(pane), "A book")[-1] == "$0.75"
        assert "≥ $0.75" in next(row for row in rows_of(pane) if "Chapter 1" in row)
        assert words_of(rows_of(pane), "2 Write a chapter")[-1] == "n/a"
        assert "$" not in next(row for row in rows_of(pane) if "Chapter 3" in row)
        assert head.y == pane.region.y - 1


async def test_a_total_has_the_open_steps_beneath(here: Path, clock: Clock) -> None:
    """The step of the second page began 14 seconds ago; the first page took its own time."""
    store(P, book().entries)
    app = treetop(P, clock)
    async with watching(app, 200, 50) as pilot:
        await opened(pilot)
        await rest(pilot)
        other, page = (words_of(rows_of(tree(app)), f"{nid} Write a chapter") for nid in ("1.1", "1.2"))
        assert page[:4] == ["working", "14s", "14s", "14s"]  # NOW, OWN, TOTAL
        total = 14 + float(other[2].removesuffix("s"))
        assert words_of(rows_of(tree(app)), "Chapter 1")[-4] == fmt.duration(total)
        clock.now += 30
        await pilot.press("g")  # reads again
        await rest(pilot)
        assert fmt.duration(total + 30) in words_of(rows_of(tree(app)), "Chapter 1")


async def test_dollar_switches_between_totals_and_own_figures(here: Path, clock: Clock) -> None:
    store(P, book().entries)
    app = treetop(P, clock)
    async with watching(app, 200, 50) as pilot:
        await opened(pilot)
        await rest(pilot)
        assert words_of(rows_of(tree(app)), "Chapter 1")[-3:] == ["3010", "≥", "$0.75"]
        await pilot.press("dollar_sign")
        await rest(pilot)
        head = app.screen.query_one(TreeTitles).region
        assert lines(app)[head.y][head.x : head.right].split()[-2:] == ["TOK/own", "COST/own"]
        assert words_of(rows_of(tree(app)), "Chapter 1")[-2:] == ["·", "·"]
        assert words_of(rows_of(tree(app)), "1.2 Write a chapter")[-3:] == ["2010", "≥", "$0.25"]
        await pilot.press("dollar_sign")
        await rest(pilot)
        assert words_of(rows_of(tree(app)), "Chapter 1")[-3:] == ["3010", "≥", "$0.75"]


async def test_totals_are_those_of_the_position(here: Path, clock: Clock) -> None:
    """In the past, a total has what had happened by then."""
    store(P, book().entries)
    app = treetop(P, clock)
    async with watching(app, 200, 50) as pilot:
        await opened(pilot, "t", "T", "1", "2", "enter")
        await rest(pilot)
        assert words_of(rows_of(tree(app)), "A book")[-2:] == ["1000", "$0.50"]
        await pilot.press("home")
        await rest(pilot)
        assert "$" not in "\n".join(rows_of(tree(app)))


async def test_a_collapsed_row_has_the_work_that_it_hides(here: Path, clock: Clock) -> None:
    made = book().llm("page-1", error="timeout")
    store(P, made.entries)
    app = treetop(P, clock)
    async with watching(app, 200, 50) as pilot:
        await opened(pilot, "j", "left")
        await rest(pilot)
        row = next(row for row in rows_of(tree(app)) if "Chapter 1" in row)
        assert "▶ 1 at work" in row
        assert "×1" in row
        assert "+2" in row


@pytest.mark.parametrize("priced", [True, False])
@pytest.mark.parametrize("active", [True, False])
def test_a_task_has_room_for_its_goal_at_any_width(priced: bool, active: bool) -> None:
    shown = TreeNodes(priced=priced, active=active)
    for width in range(56, 240):
        assert dict(fit(tree_columns(width, shown, False), width))[TASK] >= 37, width


def test_what_is_not_known_is_never_zero() -> None:
    node = Recorder().root("book").llm_started("book").state.nodes["book"]
    row = Row(0, 0, (), True, False, False, 0)
    for name in ("tokens", "cost"):
        assert figure(name, row, node, TreeNodes(), False, Glyphs()).text == "n/a"


@pytest.mark.parametrize("kind", ["selected", "working", "failed", "waiting"])
def test_a_row_that_matters_is_not_dimmed(kind: str) -> None:
    made = Recorder().root("book")
    if kind == "working":
        made.step_started("book")
    elif kind == "failed":
        made.llm("book", error="timeout")
    node = made.state.nodes["book"]
    row, shown = Row(0, 1, (), True, False, False, 0), TreeNodes({0: node})
    roles = {role for _, role in row_cells(row, shown, 118, False, Glyphs(), selected=kind == "selected")}
    assert bool(roles & DIM_ROLES) is (kind == "waiting")
