"""The bars of the waterfall, drawn without a terminal."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.model.span import Span
from store.model.state import Node
from tui.models.folded_time import Stretch
from tui.models.open_work import OpenWork
from tui.models.snapshot import TreeNodes
from tui.models.time_scale import EIGHTHS, TimeScale
from tui.models.waterfall import (
    CRITICAL,
    FAILED,
    INSIDE,
    OWN,
    Bar,
    BarCell,
    WaterfallRows,
    bar_cells,
    bars,
    extent,
    span_near,
)
from tui.theme import PARTS, Glyphs

SCALE = TimeScale(Stretch(0.0, 10.0), 10)
"""A second in a cell."""


def step(start: float, end: float | None = None, **more: object) -> Span:
    ended = None if end is None else int(start * 10) + 5
    began = int(start * 10) + 1
    return Span(began, "step", "a", began=began, started=start, ended=ended, finished=end, **more)  # type: ignore[arg-type]


def text(*drawn: Bar, glyphs: Glyphs | None = None, marks: dict[int, BarCell] | None = None) -> str:
    return "".join(cell.text for cell in bar_cells(drawn, SCALE, glyphs or Glyphs(), marks or {}))


def rows(*spans: Span, **more: object) -> WaterfallRows:
    return WaterfallRows(spans={0: spans}, now=10.0, **more)  # type: ignore[arg-type]


class TestBars:
    """From spans to bars."""

    def test_a_step_is_a_bar_of_own_time(self) -> None:
        assert bars(0, None, rows(step(2.0, 5.0))) == [Bar(2.0, 5.0, OWN)]

    def test_an_open_step_ends_now_and_is_open(self) -> None:
        assert bars(0, None, rows(step(2.0))) == [Bar(2.0, 10.0, OWN, open=True)]

    def test_a_step_on_the_critical_path_is_another_kind(self) -> None:
        assert bars(0, None, rows(step(2.0, 5.0), critical=frozenset([0]))) == [Bar(2.0, 5.0, CRITICAL)]

    def test_a_failed_call_is_drawn_over_its_step(self) -> None:
        call = Span(22, "llm", "a", parent=21, began=22, started=3.0, ended=30, finished=4.0, failed=True)
        assert bars(0, None, rows(step(2.0, 5.0), call)) == [Bar(2.0, 5.0, OWN), Bar(3.0, 4.0, FAILED)]

    def test_a_call_that_succeeded_is_part_of_its_step(self) -> None:
        call = Span(22, "llm", "a", parent=21, began=22, started=3.0, ended=30, finished=4.0)
        assert bars(0, None, rows(step(2.0, 5.0), call)) == [Bar(2.0, 5.0, OWN)]

    def test_a_call_outside_steps_is_a_bar(self) -> None:
        call = Span(22, "llm", "a", began=22, started=3.0, ended=30, finished=4.0)
        assert bars(0, None, rows(call)) == [Bar(3.0, 4.0, OWN)]

    def test_a_step_around_the_steps_of_tasks_inside_waits_for_them(self) -> None:
        found = bars(0, None, rows(step(0.0, 5.0), inside={0: [Stretch(1.0, 4.0)]}))
        assert found == [Bar(0.0, 5.0, OWN), Bar(1.0, 4.0, INSIDE)]
        assert text(*found) == "█───█     "

    def test_open_work_inside_grows_from_what_is_known(self) -> None:
        tree = TreeNodes(beneath={0: OpenWork(1, 2.0)})
        found = bars(0, None, rows(inside={0: [Stretch(1.0, 4.0)]}, tree=tree))
        assert found == [Bar(1.0, 4.0, INSIDE), Bar(4.0, 10.0, INSIDE, open=True)]

    def test_the_row_of_a_pair_has_the_bars_of_both(self) -> None:
        both = WaterfallRows(spans={0: [step(0.0, 1.0)], 1: [step(1.0, 3.0)]}, now=10.0)
        assert bars(0, 1, both) == [Bar(0.0, 1.0, OWN), Bar(1.0, 3.0, OWN)]

    @pytest.mark.parametrize(
        ("span", "expected"),
        [
            (step(1.0, 5.0), Stretch(1.0, 5.0)),
            (step(1.0, 5.0, seconds=2.0), Stretch(1.0, 3.0)),
            (Span(1, "step", ended=1, finished=5.0, seconds=2.0), Stretch(3.0, 5.0)),
            (Span(1, "step", began=1, started=1.0, aborted=4, latest=3.5), Stretch(1.0, 3.5)),
            (step(12.0), Stretch(12.0, 12.0)),
        ],
        ids=["two events", "as measured", "end only", "aborted", "begun after now"],
    )
    def test_the_extent_of_a_span(self, span: Span, expected: Stretch) -> None:
        assert extent(span, 10.0) == expected


class TestCells:
    """From bars to cells."""

    def test_whole_cells_are_blocks(self) -> None:
        assert text(Bar(2.0, 4.0, OWN)) == "  ██      "

    def test_a_bar_ends_in_eighths(self) -> None:
        assert text(Bar(2.0, 3.625, OWN)) == "  █▋      "

    def test_a_bar_begins_in_eighths_with_swapped_colours(self) -> None:
        cells = bar_cells([Bar(2.25, 4.0, OWN)], SCALE, Glyphs(), {})
        assert cells == [BarCell("  "), BarCell("▎", "own", swapped=True), BarCell("█", "own"), BarCell("      ")]

    def test_the_shortest_bar_has_an_eighth(self) -> None:
        assert text(Bar(3.0, 3.0001, OWN)) == "   ▏      "

    def test_an_open_bar_ends_with_an_arrow(self) -> None:
        assert text(Bar(2.0, 5.5, OWN, open=True)) == "  ███▶    "

    def test_an_open_bar_that_goes_on_beyond_the_window_has_no_end(self) -> None:
        assert text(Bar(8.0, 15.0, OWN, open=True)) == "        ██"

    def test_kinds_differ_by_colour(self) -> None:
        drawn = [Bar(0.0, 2.0, INSIDE), Bar(2.0, 4.0, OWN), Bar(4.0, 6.0, CRITICAL), Bar(6.0, 8.0, FAILED)]
        roles = [cell.role for cell in bar_cells(drawn, SCALE, Glyphs(), {})]
        assert roles == ["inside", "own", "critical", "failed", ""]

    @pytest.mark.parametrize(
        ("glyphs", "expected"),
        [(Glyphs(colours=False), "──▒▒██××  "), (Glyphs(ascii_only=True), "--==##XX  ")],
        ids=["without colours", "ASCII"],
    )
    def test_kinds_differ_without_colours_too(self, glyphs: Glyphs, expected: str) -> None:
        drawn = [Bar(0.0, 2.0, INSIDE), Bar(2.0, 4.0, OWN), Bar(4.0, 6.0, CRITICAL), Bar(6.0, 8.0, FAILED)]
        assert text(*drawn, glyphs=glyphs) == expected

    def test_ascii_has_no_eighths(self) -> None:
        assert text(Bar(2.5, 4.5, OWN, open=True), glyphs=Glyphs(ascii_only=True)) == "  ==>     "

    def test_marks_are_in_empty_cells_only(self) -> None:
        mark = BarCell("│", "guide")
        assert text(Bar(2.0, 4.0, OWN), marks={1: mark, 3: mark}) == " │██      "

    @given(st.lists(st.tuples(st.floats(-5.0, 15.0), st.floats(0.0, 10.0), st.integers(OWN, FAILED)), max_size=6))
    def test_the_cells_fill_the_axis_and_show_every_bar(self, drawn: list[tuple[float, float, int]]) -> None:
        placed = [Bar(start, start + length, kind) for start, length, kind in drawn]
        cells = "".join(cell.text for cell in bar_cells(placed, SCALE, Glyphs(), {}))
        assert len(cells) == SCALE.width
        for bar in placed:
            found = SCALE.bar(bar.start, bar.end)
            if found is not None:
                assert all(cell != " " for cell in cells[found[0] // EIGHTHS : -(-found[1] // EIGHTHS)])

    @given(st.integers(0, 79), st.integers(1, 80))
    def test_the_eighths_of_a_bar_are_those_that_are_drawn(self, left: int, length: int) -> None:
        right = min(left + length, 80)
        cells = bar_cells([Bar(left / 8, right / 8, OWN)], SCALE, Glyphs(), {})
        drawn = sum(
            EIGHTHS - PARTS.index(character) if cell.swapped else PARTS.index(character)
            for cell in cells
            for character in cell.text
        )
        assert drawn == right - left


class TestSpanNear:
    """The span that Enter opens."""

    OUTER, INNER = step(1.0, 8.0), Span(20, "llm", "a", parent=11, began=20, started=3.0, ended=30, finished=4.0)

    @pytest.mark.parametrize(("time", "expected"), [(3.5, INNER), (6.0, OUTER), (0.0, OUTER), (9.5, OUTER), (None, OUTER)])
    def test_the_innermost_span_at_the_cursor_or_the_nearest(self, time: float | None, expected: Span) -> None:
        assert span_near([self.OUTER, self.INNER], time, 10.0) is expected

    def test_a_task_without_spans_has_none(self) -> None:
        assert span_near([], 1.0, 10.0) is None


def test_the_records_have_defaults() -> None:
    assert bars(0, None, WaterfallRows(tree=TreeNodes(nodes={0: Node("a", 1)}))) == []
