"""The help: the first questions, keys in columns, and a legend of the glyphs."""

from itertools import chain
from pathlib import Path

import pytest
from rich.cells import cell_len

from tests.rest import rest
from tests.tui.run_stage import opened
from tests.tui.stage import Clock, line_with, lines, sees, shown, treetop, watching
from tui.models.columns import Cell
from tui.models.legend import legend
from tui.models.lines import Line, line
from tui.models.page import COLUMN_MIN_CELLS, in_columns
from tui.screens import start_here
from tui.theme import EVENTS, GLYPHS, Glyphs

LAYOUT = {"leaf", "bar", "rest", "more", "arrow", "dot", "guide-on", "guide-off", "guide-tee", "guide-end"}
"""Glyphs without a meaning of their own."""


def text_of(sections: list[list[Line]]) -> str:
    return "\n".join("".join(cell.text for cell in row.cells) for row in chain(*sections))


class TestColumns:
    """Sections in columns."""

    def test_a_narrow_page_has_one_column(self) -> None:
        page = in_columns([[line("one"), line("two")], [line("three")]], COLUMN_MIN_CELLS)
        assert ["".join(cell.text for cell in row.cells) for row in page] == ["one", "two", "", "three", ""]

    def test_a_wide_page_has_the_sections_beside_each_other(self) -> None:
        page = in_columns([[line("one"), line("two")], [line("three")]], 2 * COLUMN_MIN_CELLS + 2)
        assert [[cell.text.strip() for cell in row.cells] for row in page] == [["one", "", "three"], ["two"], []]

    def test_long_lines_are_wrapped_within_their_column(self) -> None:
        words = " ".join(["word"] * 40)
        page = in_columns([[line(words, hang=2)], [line("other")]], 2 * COLUMN_MIN_CELLS + 2)
        assert len(page) > 3
        assert all(cell_len("".join(cell.text for cell in row.cells)) <= 2 * COLUMN_MIN_CELLS + 2 for row in page)

    @pytest.mark.parametrize("width", [1, 10])
    def test_a_tiny_page_has_all_lines(self, width: int) -> None:
        assert len(in_columns([[Line((Cell("a"),))], [Line((Cell("b"),))]], width)) == 4

    def test_a_single_section_has_one_column(self) -> None:
        assert len(in_columns([[line("one"), line("two")]], 400)) == 3


class TestLegend:
    """Every glyph is explained."""

    @pytest.mark.parametrize("ascii_only", [False, True])
    def test_the_legend_has_every_glyph(self, ascii_only: bool) -> None:
        glyphs = Glyphs(ascii_only)
        text = text_of(legend(glyphs))
        missing = {meaning for meaning in GLYPHS if meaning not in LAYOUT and glyphs(meaning) not in text.split()}
        assert {meaning for meaning in missing if f"{glyphs(meaning)}3" not in text.split()} == set()

    @pytest.mark.parametrize("event_type", EVENTS)
    def test_the_legend_has_every_mark_of_the_timeline(self, event_type: str) -> None:
        marks = text_of([section for section in legend(Glyphs()) if "timeline" in text_of([section[:1]])])
        assert Glyphs().event(event_type) in marks


class TestStart:
    """The first questions and the keys that answer them."""

    @pytest.mark.parametrize("pane", ["2", "3", "4"])
    async def test_the_questions_of_a_run_name_keys(self, path: Path, clock: Clock, pane: str) -> None:
        app = treetop(path, clock)
        async with watching(app, 160, 60) as pilot:
            await opened(pilot, pane, "question_mark")
            await sees(pilot, "Start here", "What is it doing now?", "a goes to the next one.")
            await sees(pilot, "x lists all errors, e goes to the next", "t travels in time, Space plays the run.")
            assert 4 <= len(start_here.RUN) <= 6
            assert "{" not in line_with(app, "How did it get there?")

    async def test_the_questions_of_the_list(self, path: Path, clock: Clock) -> None:
        app = treetop(path, clock)
        async with watching(app, 120, 36) as pilot:
            await sees(pilot, "3 runs")
            await pilot.press("question_mark")
            await sees(pilot, "What is running now?", "F follows the newest run.", "Enter opens a failed run on its error.")


class TestPage:
    """The help on the screen."""

    @pytest.mark.parametrize(("width", "beside"), [(80, False), (120, True), (200, True)])
    async def test_two_columns_where_the_width_allows(self, path: Path, clock: Clock, width: int, beside: bool) -> None:
        app = treetop(path, clock)
        async with watching(app, width, 140) as pilot:
            await opened(pilot, "question_mark")
            await rest(pilot)
            place = [number for number, text in enumerate(lines(app)) if "In this pane" in text]
            other = [number for number, text in enumerate(lines(app)) if "Status of a run" in text]
            assert len(place) == len(other) == 1
            assert ("In this pane" in line_with(app, "On this screen") or len(lines(app)) > 100) is True
            left = {text.index(title) for text in lines(app) for title in ("In this pane", "Playbar") if title in text}
            assert (len(left) > 1) is beside

    async def test_the_columns_follow_the_width(self, path: Path, clock: Clock) -> None:
        app = treetop(path, clock)
        async with watching(app, 80, 30) as pilot:
            await opened(pilot, "question_mark")
            await rest(pilot)
            before = shown(app)
            await pilot.resize_terminal(160, 45)
            await sees(pilot, "Status of a task")
            assert "Status of a task" not in before
