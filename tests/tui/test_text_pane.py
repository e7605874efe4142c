"""Lines of text, wrapped to the width of a pane."""

from typing import Any

import pytest
from rich.cells import cell_len
from textual.geometry import Region

from tests.tui.stage import WidgetApp, lines, rows_of, shown, until, watching
from tui.models.lines import Line, line
from tui.models.snapshot import Text
from tui.widgets.text_pane import TextPane


def numbered(count: int, first: int = 0) -> list[Line]:
    return [line(f"line {number}.") for number in range(first, first + count)]


def top(app: WidgetApp) -> str:
    return rows_of(app.widget)[0].strip()


async def test_only_the_visible_lines_are_drawn() -> None:
    pane = TextPane()
    async with watching(WidgetApp(pane), 40, 10) as pilot:
        pane.shown = Text("a", numbered(10_000))
        await until(pilot, lambda: [row.strip() for row in rows_of(pane)] == [f"line {number}." for number in range(10)])


async def test_long_lines_wrap_between_words() -> None:
    pane = TextPane()
    async with watching(WidgetApp(pane), 24, 10) as pilot:
        pane.shown = Text("a", [line("the quick brown fox jumps over the lazy dog")])
        await until(
            pilot, lambda: [row.strip() for row in rows_of(pane)][:2] == ["the quick brown fox", "jumps over the lazy"]
        )


async def test_a_changed_width_wraps_the_lines_again() -> None:
    pane = TextPane()
    async with watching(WidgetApp(pane), 24, 10) as pilot:
        pane.shown = Text("a", [line("the quick brown fox jumps over the lazy dog")])
        await pilot.resize_terminal(60, 10)
        await until(pilot, lambda: top(pilot.app) == "the quick brown fox jumps over the lazy dog")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("keys", "first"),
    [
        (["j"], "line 1."),
        (["down", "j", "up", "k", "k"], "line 0."),
        (["ctrl+d"], "line 5."),
        (["ctrl+d", "ctrl+u"], "line 0."),
        (["pagedown"], "line 10."),
        (["G"], "line 90."),
        (["end", "home"], "line 0."),
        (["G", "g"], "line 0."),
    ],
)
async def test_keys_scroll_the_text(keys: list[str], first: str) -> None:
    pane = TextPane()
    app = WidgetApp(pane)
    async with watching(app, 40, 10) as pilot:
        pane.shown = Text("a", numbered(100))
        await pilot.settle()
        for key in keys:
            await pilot.press(key)
            await pilot.pause()
        await until(pilot, lambda: top(app) == first)


async def test_the_scroll_position_is_kept_when_the_text_grows() -> None:
    pane = TextPane()
    app = WidgetApp(pane)
    async with watching(app, 40, 10) as pilot:
        pane.shown = Text("a", numbered(100))
        await pilot.settle()
        await pilot.press("ctrl+d")
        await until(pilot, lambda: top(app) == "line 5.")
        pane.shown = Text("a", numbered(200))
        await pilot.press("j")
        await until(pilot, lambda: top(app) == "line 6.")


async def test_another_subject_is_shown_from_its_top() -> None:
    pane = TextPane()
    app = WidgetApp(pane)
    async with watching(app, 40, 10) as pilot:
        pane.shown = Text("a", numbered(100))
        await pilot.settle()
        await pilot.press("G")
        await until(pilot, lambda: top(app) == "line 90.")
        pane.shown = Text("b", numbered(100, first=500))
        await until(pilot, lambda: top(app) == "line 500.")


async def test_a_shorter_text_is_not_scrolled_past_its_end() -> None:
    pane = TextPane()
    app = WidgetApp(pane)
    async with watching(app, 40, 10) as pilot:
        pane.shown = Text("a", numbered(100))
        await pilot.settle()
        await pilot.press("G")
        await until(pilot, lambda: top(app) == "line 90.")
        pane.shown = Text("a", numbered(12))
        await until(pilot, lambda: "line 11." in shown(app))


@pytest.mark.parametrize("width", [1, 2, 3, 5, 10, 80])
async def test_any_width_is_drawn_without_faults(width: int) -> None:
    pane = TextPane()
    app = WidgetApp(pane)
    async with watching(app, width, 10) as pilot:
        pane.shown = Text("a", [line("東京 abc " * 20, hang=11), *numbered(30)])
        await pilot.pause()
        assert {cell_len(row) for row in lines(app)} == {width}


class Watched(TextPane):
    """Records the requests to draw."""

    asked: list[Region | None]

    def refresh(self, *regions: Region, **options: Any) -> Any:
        self.asked = [*getattr(self, "asked", []), *(regions or (None,))]
        return super().refresh(*regions, **options)


async def test_only_changed_lines_of_the_same_subject_are_drawn_again() -> None:
    pane = Watched()
    async with watching(WidgetApp(pane), 40, 10) as pilot:
        text = numbered(100)
        pane.shown = Text("a", text)
        await pilot.press("j", "j")
        await until(pilot, lambda: top(pilot.app) == "line 2.")  # type: ignore[arg-type]
        await pilot.settle()
        pane.asked.clear()
        pane.shown = Text("a", [line("off the screen"), *text[1:5], line("changed"), *text[6:]])
        assert [region and region.y for region in pane.asked] == [3]
        await until(pilot, lambda: rows_of(pane)[3].strip() == "changed")
