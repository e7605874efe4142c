"""Sorting the children of every task, now and in the past."""

from pathlib import Path
from typing import Any

import pytest
from textual.geometry import Offset

from store.database.writer import Writer
from tests.recorder import START, Recorder
from tests.rest import rest
from tests.tables import store
from tests.tui.run_stage import opened, search_finished, selected, tree
from tests.tui.stage import Clock, Hands, lines, rows_of, treetop, watching
from tui.session import arrangement
from tui.widgets.tree_pane import TreeTitles

P = Path("treetop.db")


def call(made: Recorder, node_id: str, tokens: int, cost: float, error: str | None = None) -> None:
    """A step with a priced call of a model."""
    more: dict[str, Any] = {"cost": cost}
    number = f"call-{len(made.entries)}"
    made.step_started(node_id).llm_started(node_id, number)
    made.llm_completed(node_id, number, (tokens, 0), error, **more).step_finished(node_id, "execute", "FINISH")


def book() -> Recorder:
    """Three chapters: the second costs most, the third has most tokens, beneath it, and the errors."""
    made = Recorder().run_started().root("book", "A book")
    for at in (1, 2, 3):
        made.node("book", f"c{at}", f"Chapter {at}", nid=str(at))
    for at in (1, 2):
        made.node("c3", f"p{at}", f"Page {at}", nid=f"3.{at}", layer=2)
    call(made, "c1", 200, 0.2)
    call(made, "c2", 100, 0.9)
    call(made, "p1", 10, 0.0)
    call(made, "p2", 900, 0.1, error="timeout")
    return made


def order(pilot: Hands) -> list[str]:
    """The names of the tasks in the rows."""
    names = ("1", "2", "3", "3.1", "3.2")
    found = []
    for row in rows_of(tree(pilot.app)):  # type: ignore[arg-type]
        found += [word for word in row.split()[:6] if word in names][:1]
    return found


@pytest.fixture
def clock() -> Clock:
    return Clock(START.timestamp() + len(book().entries) + 1)


ORDERS = [
    ("time", ["3", "3.1", "3.2", "1", "2"]),
    ("tokens", ["3", "3.2", "3.1", "1", "2"]),
    ("cost", ["2", "1", "3", "3.2", "3.1"]),
    ("errors", ["3", "3.2", "3.1", "1", "2"]),
]
PLAN = ["1", "2", "3", "3.1", "3.2"]


async def test_a_key_sorts_and_the_title_says_by_what(here: Path, clock: Clock) -> None:
    store(P, book().entries)
    app = treetop(P, clock)
    async with watching(app, 200, 50) as pilot:
        await opened(pilot)
        await rest(pilot)
        assert order(pilot) == PLAN
        for word, expected in ORDERS:
            await pilot.press("S")
            await rest(pilot)
            assert order(pilot) == expected, word
            assert f"by {word}" in tree(app).caption
        await pilot.press("S")
        await rest(pilot)
        assert order(pilot) == PLAN
        assert ", by" not in tree(app).caption


@pytest.mark.parametrize(("title", "expected"), [("TOTAL", ORDERS[0][1]), ("TOKENS", ORDERS[1][1]), ("COST", ORDERS[2][1])])
async def test_a_click_on_a_title_sorts_and_a_second_one_undoes_it(
    here: Path, clock: Clock, title: str, expected: list[str]
) -> None:
    store(P, book().entries)
    app = treetop(P, clock)
    async with watching(app, 200, 50) as pilot:
        await opened(pilot)
        await rest(pilot)
        head = app.screen.query_one(TreeTitles).region
        at = Offset(lines(app)[head.y].index(title), head.y)
        await pilot.click(offset=at)
        await rest(pilot)
        assert order(pilot) == expected
        assert "▼" in lines(app)[head.y]
        await pilot.click(offset=at)
        await rest(pilot)
        assert order(pilot) == PLAN
        assert "▼" not in lines(app)[head.y]


async def test_the_order_follows_the_run_and_keeps_the_selection(here: Path, clock: Clock) -> None:
    made = book()
    store(P, made.entries)
    app = treetop(P, clock)
    async with watching(app, 200, 50) as pilot:
        await opened(pilot, "j", "S", "S", "S")
        await rest(pilot)
        assert (order(pilot)[0], selected(app)) == ("2", "c1")
        known = len(made.entries)
        call(made, "c1", 1, 5.0)
        with Writer(P) as writer:
            writer.append(made.entries[known:])
        await rest(pilot)
        assert (order(pilot)[0], selected(app)) == ("1", "c1")
        await pilot.press("j")
        assert selected(app) == "c2"


async def test_the_past_is_sorted_by_its_own_figures(here: Path, clock: Clock) -> None:
    """Before the second chapter is written, the first one has cost most."""
    store(P, book().entries)
    app = treetop(P, clock)
    async with watching(app, 200, 50) as pilot:
        await opened(pilot, "S", "S", "S", "t", "T", "1", "2", "enter")
        await rest(pilot)
        assert order(pilot)[0] == "1"
        await pilot.press("end")
        await rest(pilot)
        assert order(pilot)[0] == "2"


async def test_orders_that_change_faster_than_they_are_read_are_all_kept(here: Path, clock: Clock) -> None:
    store(P, book().entries)
    app = treetop(P, clock)
    async with watching(app, 200, 50) as pilot:
        await opened(pilot)
        for _ in range(13):
            app.simulate_key("S")
        await rest(pilot)
        assert order(pilot) == ORDERS[2][1]


async def test_an_error_is_found_in_a_sorted_tree(here: Path, clock: Clock) -> None:
    store(P, book().entries)
    app = treetop(P, clock)
    async with watching(app, 200, 50) as pilot:
        await opened(pilot, "S", "S", "S", "e")
        await search_finished(app)
        assert selected(app) == "p2"


async def test_the_widest_lists_stay_in_the_order_of_the_plan(
    here: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrangement, "SORTED_CHILDREN_MAX", 2)
    store(P, book().entries)
    app = treetop(P, clock)
    async with watching(app, 200, 50) as pilot:
        await opened(pilot, "S", "S")
        await rest(pilot)
        assert order(pilot) == ["1", "2", "3", "3.2", "3.1"]
