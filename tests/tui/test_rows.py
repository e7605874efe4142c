"""A list of rows of which only those on the screen exist."""

from collections.abc import Iterable
from typing import Any

import pytest
from rich.cells import cell_len
from textual.geometry import Region

from tests.tui.stage import Alone, lines, rows_of, shown, until, watching
from tui.models.columns import Cell
from tui.theme import Glyphs
from tui.widgets.rows import Rows

MILLION = 1_000_000


class Numbers(Rows):
    """So many rows, each with its number; takes down what was drawn."""

    def __init__(self, total: int) -> None:
        super().__init__(Glyphs(), id="numbers")
        self.total = total
        self.said: dict[int, str] = {}
        self.drawn: list[int] = []
        self.refreshed: list[Region] = []

    @property
    def count(self) -> int:
        return self.total

    def row(self, index: int, width: int) -> Iterable[Cell]:
        self.drawn.append(index)
        yield Cell(f"row {index} {self.said.get(index, '')}")

    def empty(self) -> str:
        return "nothing\nat all"

    def refresh(self, *regions: Region, **options: Any) -> Any:
        self.refreshed += regions
        return super().refresh(*regions, **options)


class TestMoving:
    """The cursor goes where it is told to, and no further than there are rows."""

    @pytest.mark.parametrize(
        ("keys", "row"),
        [
            ([], 0),
            (["down", "j", "down"], 3),
            (["j", "j", "k", "up", "up"], 0),
            (["pagedown"], 19),
            (["pagedown", "pagedown", "pageup"], 19),
            (["ctrl+d"], 10),
            (["ctrl+d", "ctrl+d", "ctrl+u"], 10),
            (["G"], 99),
            (["end", "down"], 99),
            (["G", "g"], 0),
            (["end", "home"], 0),
            (["G", "pagedown"], 99),
            (["pageup"], 0),
        ],
    )
    async def test_by_key(self, keys: list[str], row: int) -> None:
        numbers = Numbers(100)
        async with watching(Alone(numbers), 40, 20) as pilot:
            await pilot.press(*keys)
            assert numbers.cursor == row

    @pytest.mark.parametrize(("keys", "top"), [(["pagedown"], 0), (["pagedown", "j"], 1), (["G"], 80), (["G", "g"], 0)])
    async def test_the_row_under_the_cursor_is_on_the_screen(self, keys: list[str], top: int) -> None:
        numbers = Numbers(100)
        async with watching(Alone(numbers), 40, 20) as pilot:
            await pilot.press(*keys)
            await until(pilot, lambda: rows_of(numbers)[0].split()[:2] == ["row", str(top)])

    async def test_by_click(self) -> None:
        numbers = Numbers(100)
        app = Alone(numbers)
        async with watching(app, 40, 20) as pilot:
            await pilot.press("G")
            await pilot.click(numbers, offset=(5, 3))
            assert (numbers.cursor, len(app.heard(Rows.Selected))) == (83, 0)

    async def test_a_double_click_opens(self) -> None:
        numbers = Numbers(100)
        app = Alone(numbers)
        async with watching(app, 40, 20) as pilot:
            await pilot.click(numbers, offset=(5, 3), times=2)
            await until(pilot, lambda: len(app.heard(Rows.Selected)) == 1)

    async def test_a_click_beneath_the_last_row_is_nothing(self) -> None:
        numbers = Numbers(2)
        async with watching(Alone(numbers), 40, 20) as pilot:
            await pilot.click(numbers, offset=(5, 10))
            assert numbers.cursor == 0

    async def test_enter_opens(self) -> None:
        app = Alone(Numbers(3))
        async with watching(app, 40, 20) as pilot:
            await pilot.press("j", "enter")
            assert [message.rows.cursor for message in app.heard(Rows.Selected)] == [1]

    async def test_nothing_can_be_opened_where_nothing_is(self) -> None:
        app = Alone(Numbers(0))
        async with watching(app, 40, 20) as pilot:
            await pilot.press("enter", "j", "G", "pageup")
            assert app.heard(Rows.Selected) == []

    async def test_what_the_mouse_points_at_looks_different(self) -> None:
        numbers = Numbers(100)
        async with watching(Alone(numbers), 40, 20) as pilot:
            before = numbers.render_line(4)
            await pilot.hover(numbers, offset=(5, 4))
            assert numbers.render_line(4) != before

    async def test_and_no_longer_when_it_points_elsewhere(self) -> None:
        numbers = Numbers(100)
        async with watching(Alone(numbers), 40, 20) as pilot:
            before = numbers.render_line(4)
            await pilot.hover(numbers, offset=(5, 4))
            await pilot.hover(numbers, offset=(5, 7))
            assert numbers.render_line(4) == before


class TestDrawing:
    """What is off the screen costs nothing."""

    @pytest.mark.parametrize("size", [(80, 24), (10, 3), (200, 60)])
    async def test_of_a_million_rows_only_those_on_the_screen_are_drawn(self, size: tuple[int, int]) -> None:
        numbers = Numbers(MILLION)
        async with watching(Alone(numbers), *size) as pilot:
            await pilot.press("pagedown", "G", "k", "k")
            await until(pilot, lambda: MILLION - 1 in numbers.drawn)
            assert len(set(numbers.drawn)) <= 4 * size[1]

    async def test_every_line_is_as_wide_as_the_screen(self) -> None:
        numbers = Numbers(100)
        numbers.said = {1: "東京" * 40, 2: "x" * 200}
        async with watching(Alone(numbers), 33, 20) as pilot:
            assert {cell_len(line) for line in lines(pilot.app)} == {33}

    async def test_where_there_are_no_rows_it_says_so(self) -> None:
        numbers = Numbers(0)
        async with watching(Alone(numbers), 40, 20):
            assert [line.strip() for line in rows_of(numbers)[:3]] == ["nothing", "at all", ""]

    @pytest.mark.parametrize("size", [(1, 1), (2, 2), (10, 3), (80, 24), (300, 100)])
    async def test_any_size_will_do(self, size: tuple[int, int]) -> None:
        numbers = Numbers(100)
        async with watching(Alone(numbers), 80, 24) as pilot:
            await pilot.resize_terminal(*size)
            await pilot.press("G", "k", "pageup")
            await until(pilot, lambda: len(lines(pilot.app)) == size[1])

    async def test_the_cursor_stays_on_the_screen_when_that_shrinks(self) -> None:
        numbers = Numbers(100)
        async with watching(Alone(numbers), 40, 20) as pilot:
            await pilot.press("pagedown")
            await pilot.resize_terminal(40, 5)
            await until(pilot, lambda: "row 19" in shown(pilot.app))


class TestChanges:
    """Rows change while they are looked at."""

    async def test_only_lines_that_look_different_are_drawn_again(self) -> None:
        numbers = Numbers(MILLION)
        async with watching(Alone(numbers), 40, 20) as pilot:
            await pilot.pause()
            numbers.refreshed.clear()
            numbers.said = {3: "new", 7: "new", 500: "new"}
            numbers.changed()
            assert [(region.y, region.height) for region in numbers.refreshed] == [(3, 1), (7, 1)]

    async def test_nothing_is_drawn_again_when_nothing_changed(self) -> None:
        numbers = Numbers(MILLION)
        async with watching(Alone(numbers), 40, 20) as pilot:
            await pilot.pause()
            numbers.refreshed.clear()
            numbers.changed()
            assert numbers.refreshed == []

    async def test_what_changed_is_on_the_screen(self) -> None:
        numbers = Numbers(MILLION)
        async with watching(Alone(numbers), 40, 20) as pilot:
            await pilot.press("G")
            numbers.said[MILLION - 3] = "new"
            numbers.changed()
            await until(pilot, lambda: f"row {MILLION - 3} new" in shown(pilot.app))

    async def test_rows_that_come_can_be_gone_to(self) -> None:
        numbers = Numbers(3)
        async with watching(Alone(numbers), 40, 20) as pilot:
            numbers.total = 300
            numbers.changed()
            await pilot.press("G")
            await until(pilot, lambda: "row 299" in shown(pilot.app))

    async def test_the_scrollbar_that_they_bring_is_where_they_are(self) -> None:
        numbers = Numbers(3)
        async with watching(Alone(numbers), 40, 20) as pilot:
            numbers.total = 300
            numbers.changed()
            numbers.go(299)  # before there is one
            await until(pilot, lambda: "row 299" in shown(pilot.app) and numbers.show_vertical_scrollbar)
            await until(pilot, lambda: numbers.vertical_scrollbar.position == 280)

    async def test_the_cursor_never_stands_on_a_row_that_went(self) -> None:
        numbers = Numbers(300)
        async with watching(Alone(numbers), 40, 20) as pilot:
            await pilot.press("G")
            numbers.total = 5
            numbers.changed()
            await until(pilot, lambda: "row 4" in shown(pilot.app))
            assert numbers.cursor == 4

    async def test_the_user_is_heard_of_only_when_the_user_moves(self) -> None:
        numbers = Numbers(300)
        app = Alone(numbers)
        async with watching(app, 40, 20) as pilot:
            numbers.total = 5
            numbers.changed()
            await pilot.pause()
            assert app.heard(Rows.Moved) == []
