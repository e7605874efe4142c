"""A list that draws only its visible rows."""

from collections.abc import Iterable
from typing import Any

import pytest
from rich.cells import cell_len
from textual.geometry import Region

from tests.tui.stage import WidgetApp, lines, rows_of, shown, until, watching
from tui.models.columns import Cell
from tui.theme import Glyphs
from tui.widgets.rows import Rows

MILLION = 1_000_000


class Numbers(Rows):
    """Rows with their numbers. Records what was drawn."""

    def __init__(self, total: int) -> None:
        super().__init__(Glyphs(), id="numbers")
        self.total = total
        self.texts: dict[int, str] = {}
        self.drawn: list[int] = []
        self.refreshed: list[Region] = []

    @property
    def count(self) -> int:
        return self.total

    def row(self, index: int, width: int) -> Iterable[Cell]:
        self.drawn.append(index)
        yield Cell(f"row {index} {self.texts.get(index, '')}")

    def empty(self) -> str:
        return "nothing\nat all"

    def refresh(self, *regions: Region, **options: Any) -> Any:
        self.refreshed += regions
        return super().refresh(*regions, **options)


class TestMoving:
    """The cursor moves within the rows."""

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
    async def test_keys_move_the_cursor(self, keys: list[str], row: int) -> None:
        numbers = Numbers(100)
        async with watching(WidgetApp(numbers), 40, 20) as pilot:
            await pilot.press(*keys)
            assert numbers.cursor == row

    @pytest.mark.parametrize(("keys", "top"), [(["pagedown"], 0), (["pagedown", "j"], 1), (["G"], 80), (["G", "g"], 0)])
    async def test_the_row_of_the_cursor_is_visible(self, keys: list[str], top: int) -> None:
        numbers = Numbers(100)
        async with watching(WidgetApp(numbers), 40, 20) as pilot:
            await pilot.press(*keys)
            await until(pilot, lambda: rows_of(numbers)[0].split()[:2] == ["row", str(top)])

    async def test_a_click_moves_the_cursor(self) -> None:
        numbers = Numbers(100)
        app = WidgetApp(numbers)
        async with watching(app, 40, 20) as pilot:
            await pilot.press("G")
            await pilot.click(numbers, offset=(5, 3))
            assert (numbers.cursor, len(app.received(Rows.Selected))) == (83, 0)

    async def test_a_double_click_selects_a_row(self) -> None:
        numbers = Numbers(100)
        app = WidgetApp(numbers)
        async with watching(app, 40, 20) as pilot:
            await pilot.click(numbers, offset=(5, 3), times=2)
            await until(pilot, lambda: len(app.received(Rows.Selected)) == 1)

    async def test_a_click_below_the_last_row_has_no_effect(self) -> None:
        numbers = Numbers(2)
        async with watching(WidgetApp(numbers), 40, 20) as pilot:
            await pilot.click(numbers, offset=(5, 10))
            assert numbers.cursor == 0

    async def test_enter_selects_the_row(self) -> None:
        app = WidgetApp(Numbers(3))
        async with watching(app, 40, 20) as pilot:
            await pilot.press("j", "enter")
            assert [message.rows.cursor for message in app.received(Rows.Selected)] == [1]

    async def test_an_empty_list_has_nothing_to_select(self) -> None:
        app = WidgetApp(Numbers(0))
        async with watching(app, 40, 20) as pilot:
            await pilot.press("enter", "j", "G", "pageup")
            assert app.received(Rows.Selected) == []

    async def test_the_row_under_the_mouse_is_highlighted(self) -> None:
        numbers = Numbers(100)
        async with watching(WidgetApp(numbers), 40, 20) as pilot:
            before = numbers.render_line(4)
            await pilot.hover(numbers, offset=(5, 4))
            assert numbers.render_line(4) != before

    async def test_the_highlight_ends_when_the_mouse_moves_away(self) -> None:
        numbers = Numbers(100)
        async with watching(WidgetApp(numbers), 40, 20) as pilot:
            before = numbers.render_line(4)
            await pilot.hover(numbers, offset=(5, 4))
            await pilot.hover(numbers, offset=(5, 7))
            assert numbers.render_line(4) == before


class TestDrawing:
    """Rows outside the screen cost nothing."""

    @pytest.mark.parametrize("size", [(80, 24), (10, 3), (200, 60)])
    async def test_only_visible_rows_of_a_million_are_drawn(self, size: tuple[int, int]) -> None:
        numbers = Numbers(MILLION)
        async with watching(WidgetApp(numbers), *size) as pilot:
            await pilot.press("pagedown", "G", "k", "k")
            await until(pilot, lambda: MILLION - 1 in numbers.drawn)
            assert len(set(numbers.drawn)) <= 4 * size[1]

    async def test_every_line_is_as_wide_as_the_screen(self) -> None:
        numbers = Numbers(100)
        numbers.texts = {1: "東京" * 40, 2: "x" * 200}
        async with watching(WidgetApp(numbers), 33, 20) as pilot:
            assert {cell_len(line) for line in lines(pilot.app)} == {33}

    async def test_an_empty_list_shows_a_hint(self) -> None:
        numbers = Numbers(0)
        async with watching(WidgetApp(numbers), 40, 20):
            assert [line.strip() for line in rows_of(numbers)[:3]] == ["nothing", "at all", ""]

    @pytest.mark.parametrize("size", [(1, 1), (2, 2), (10, 3), (80, 24), (300, 100)])
    async def test_any_size_is_drawn_without_faults(self, size: tuple[int, int]) -> None:
        numbers = Numbers(100)
        async with watching(WidgetApp(numbers), 80, 24) as pilot:
            await pilot.resize_terminal(*size)
            await pilot.press("G", "k", "pageup")
            await until(pilot, lambda: len(lines(pilot.app)) == size[1])

    async def test_the_cursor_stays_visible_when_the_screen_shrinks(self) -> None:
        numbers = Numbers(100)
        async with watching(WidgetApp(numbers), 40, 20) as pilot:
            await pilot.press("pagedown")
            await pilot.resize_terminal(40, 5)
            await until(pilot, lambda: len(lines(pilot.app)) == 5 and "row 19" in shown(pilot.app))


class TestChanges:
    """Rows change while they are visible."""

    async def test_only_changed_lines_are_drawn_again(self) -> None:
        numbers = Numbers(MILLION)
        async with watching(WidgetApp(numbers), 40, 20) as pilot:
            await pilot.pause()
            numbers.refreshed.clear()
            numbers.texts = {3: "new", 7: "new", 500: "new"}
            numbers.changed()
            assert [(region.y, region.height) for region in numbers.refreshed] == [(3, 1), (7, 1)]

    async def test_unchanged_rows_are_not_drawn_again(self) -> None:
        numbers = Numbers(MILLION)
        async with watching(WidgetApp(numbers), 40, 20) as pilot:
            await pilot.pause()
            numbers.refreshed.clear()
            numbers.changed()
            assert numbers.refreshed == []

    async def test_changed_rows_are_shown(self) -> None:
        numbers = Numbers(MILLION)
        async with watching(WidgetApp(numbers), 40, 20) as pilot:
            await pilot.press("G")
            numbers.texts[MILLION - 3] = "new"
            numbers.changed()
            await until(pilot, lambda: f"row {MILLION - 3} new" in shown(pilot.app))

    async def test_the_cursor_can_move_to_new_rows(self) -> None:
        numbers = Numbers(3)
        async with watching(WidgetApp(numbers), 40, 20) as pilot:
            numbers.total = 300
            numbers.changed()
            await pilot.press("G")
            await until(pilot, lambda: "row 299" in shown(pilot.app))

    async def test_a_scrollbar_that_appears_is_drawn_at_the_right_place(self) -> None:
        numbers = Numbers(3)
        async with watching(WidgetApp(numbers), 40, 20) as pilot:
            numbers.total = 300
            numbers.changed()
            numbers.go(299)  # before there is one
            await until(pilot, lambda: "row 299" in shown(pilot.app) and numbers.show_vertical_scrollbar)
            await until(pilot, lambda: numbers.vertical_scrollbar.position == 280)

    async def test_the_cursor_leaves_a_removed_row(self) -> None:
        numbers = Numbers(300)
        async with watching(WidgetApp(numbers), 40, 20) as pilot:
            await pilot.press("G")
            numbers.total = 5
            numbers.changed()
            await until(pilot, lambda: "row 4" in shown(pilot.app))
            assert numbers.cursor == 4

    async def test_only_moves_by_the_user_are_reported(self) -> None:
        numbers = Numbers(300)
        app = WidgetApp(numbers)
        async with watching(app, 40, 20) as pilot:
            numbers.total = 5
            numbers.changed()
            await pilot.pause()
            assert app.received(Rows.Moved) == []
