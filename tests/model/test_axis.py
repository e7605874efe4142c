"""Conversion between positions, times and cells of a bar."""

from collections.abc import Sequence
from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.model.axis import Axis, Kind, monotonic
from store.model.record import Mark

START = 1_773_064_000.0
YEARS = 10 * 365 * 86_400.0
HOUR = 3600.0


def run(*steps: float) -> Axis:
    """A run with an event after each of these intervals in seconds, and a mark per event."""
    return Axis(Mark(position, time) for position, time in enumerate(accumulate(steps, initial=START)))


def published(*times: float) -> Axis:
    """A run whose events have these times in seconds after its start."""
    return Axis(Mark(position, START + time) for position, time in enumerate((0.0, *times)))


def offsets(axis: Axis) -> list[float]:
    """Times of all events in seconds since the start."""
    return [axis.time_at(position) - START for position in range(axis.total + 1)]


def million(pause_after: int | None = None) -> Axis:
    """A run of a million events at intervals of 20 ms, with a mark per 500 events and a pause of an hour."""
    late = range(2001) if pause_after is None else range(pause_after + 1, 2001)
    return Axis(Mark(n * 500, START + n * 10.0 + (HOUR if pause_after and n in late else 0), n * 9) for n in range(2001))


@st.composite
def axes(draw: st.DrawFn) -> Axis:
    """Any run, with implausible clocks and irregular marks."""
    clock = st.sampled_from([0.0, 0.001, 1.0, 7.0, 60.0, HOUR, -3.0, YEARS, -YEARS])
    marks = [Mark(0, START)]
    for step, count in draw(st.lists(st.tuples(clock, st.sampled_from([1, 1, 2, 500])), max_size=30)):
        grown = draw(st.integers(0, count))
        last = marks[-1]
        marks.append(Mark(last.position + count, last.time + step, last.nodes + grown, last.errors + grown // 2))
    return Axis(marks)


widths = st.integers(1, 90)


class TestTime:
    """From position to time and back."""

    def test_events_have_their_published_times(self) -> None:
        assert offsets(run(1, 2, 3.5)) == [0, 1, 3, 6.5]

    def test_events_between_two_marks_are_spaced_evenly(self) -> None:
        axis = Axis([Mark(0, START), Mark(500, START + 50)])
        assert (axis.time_at(1), axis.time_at(250)) == (START + 0.1, START + 25)

    @pytest.mark.parametrize(
        ("time", "position"), [(-9, 0), (0, 0), (0.9, 0), (1, 1), (2.9, 1), (3, 3), (6.4, 3), (6.5, 4), (YEARS, 4)]
    )
    def test_position_at_a_time_is_the_last_event_that_is_not_later(self, time: float, position: int) -> None:
        assert run(1, 2, 0, 3.5).position_at(START + time) == position

    def test_times_outside_of_the_run_are_those_of_its_ends(self) -> None:
        axis = run(1, 2)
        assert (axis.time_at(-5), axis.time_at(99)) == (axis.start, axis.end)

    @given(axes())
    def test_times_never_decrease(self, axis: Axis) -> None:
        assert all(before <= after for before, after in pairwise(offsets(axis)))

    @given(axes(), st.data())
    def test_the_time_of_a_position_gives_the_last_position_with_that_time(self, axis: Axis, data: st.DataObject) -> None:
        position = data.draw(st.integers(0, axis.total))
        time = axis.time_at(position)
        found = axis.position_at(time)
        assert found >= position
        assert axis.time_at(found) == time
        assert found == axis.total or axis.time_at(found + 1) > time


class TestHostileClocks:
    """A wrong clock changes the time of its own event only."""

    def test_an_event_ten_years_ahead_gets_the_time_of_the_next_event(self) -> None:
        assert offsets(published(1, 2, YEARS, 4, 5)) == [0, 1, 2, 4, 4, 5]

    def test_an_event_ten_years_behind_gets_the_time_of_the_events_before(self) -> None:
        assert offsets(published(1, 2, -YEARS, 4, 5)) == [0, 1, 1, 1, 4, 5]

    def test_a_last_event_ten_years_behind_gets_the_time_of_the_events_before(self) -> None:
        assert offsets(published(1, 2, 3, -YEARS)) == [0, 1, 2, 2, 2]

    def test_a_first_event_ten_years_ahead_gets_the_time_of_the_next_event(self) -> None:
        assert offsets(published(YEARS, 1, 2, 3)) == [0, 1, 1, 2, 3]

    def test_a_clock_that_is_set_back_changes_few_events(self) -> None:
        assert offsets(published(1, 2, 3, 2.5, 3.5, 4.5)) == [0, 1, 2, 2.5, 2.5, 3.5, 4.5]

    def test_a_clock_that_runs_backwards_gives_one_time(self) -> None:
        assert set(offsets(published(-1, -2, -3))) == {-2}

    @pytest.mark.parametrize("times", [(1, 2, YEARS, 4, 5), (1, 2, -YEARS, 4, 5)])
    def test_a_wrong_clock_does_not_change_the_cells_of_other_events(self, times: Sequence[float]) -> None:
        axis = published(*times)
        assert [axis.cell_of(position, 50) for position in (1, 4, 5)] == [10, 40, 49]

    def test_a_clock_that_stays_ten_years_ahead_gives_an_idle_stretch(self) -> None:
        axis = published(1, 2, 3, YEARS + 4, YEARS + 5, YEARS + 6)
        assert axis.idle_end(3) == 4
        assert axis.cell_of(4, 60) - axis.cell_of(3, 60) == 2

    @given(st.lists(st.floats(-YEARS, YEARS), min_size=1, max_size=40))
    def test_ascending_times_are_unchanged(self, times: list[float]) -> None:
        times.sort()
        assert monotonic(times) == times

    @given(st.lists(st.integers(0, 5), min_size=1, max_size=7))
    def test_no_ascending_times_are_closer(self, times: list[int]) -> None:
        def distance(others: Sequence[float]) -> float:
            return sum(abs(one - other) for one, other in zip(times, others, strict=True))

        best: dict[int, float] = dict.fromkeys(range(6), 0.0)  # least distance so far by last value
        for time in times:
            best = {last: min(best[before] for before in range(last + 1)) + abs(time - last) for last in best}
        assert distance(monotonic(times)) == min(best.values())


class TestIdle:
    """Idle stretches take few cells, and playback may skip them."""

    def test_an_idle_stretch_takes_two_cells(self) -> None:
        axis = run(*[1.0] * 50, HOUR, *[1.0] * 50)
        assert [axis.cell_of(position, 102) for position in (0, 25, 50, 51, 76, 101)] == [0, 25, 50, 52, 77, 101]

    def test_an_idle_stretch_has_an_empty_cell_marked_as_idle(self) -> None:
        cells = run(*[1.0] * 50, HOUR, *[1.0] * 50).cells(40)
        assert [x for x, cell in enumerate(cells) if cell.idle] == [20]
        assert cells[20].events == 0

    @pytest.mark.parametrize("width", range(3, 200, 7))
    def test_idle_stretches_are_marked_at_any_width(self, width: int) -> None:
        cells = run(*[1.0] * 50, HOUR, *[1.0] * 30, HOUR, 1.0).cells(width)
        assert sum(cell.idle for cell in cells) <= 2
        assert width < 20 or sum(cell.idle for cell in cells) == 2

    def test_a_longer_pause_does_not_hide_a_shorter_one(self) -> None:
        axis = run(*[1.0] * 50, HOUR, *[1.0] * 50, HOUR, *[1.0] * 9, 20 * HOUR, 1.0)
        assert [n for n in range(axis.total) if axis.idle_end(n)] == [50, 101, 111]

    def test_idle_end_is_the_event_after_the_idle_stretch(self) -> None:
        axis = run(1, 1, 1, HOUR, 1)
        assert [axis.idle_end(position) for position in range(6)] == [None, None, None, 4, None, None]

    @pytest.mark.parametrize(
        "steps",
        [
            [4.9, *[0.001] * 9],  # short
            [30.0] * 3,  # only calls to a model
            [*[0.01] * 50, *[20.0] * 30],  # calls to a model with events around them
            [*[0.01] * 50, *[2.0] * 20, *[30.0] * 15],  # calls of several kinds
            [600.0] * 10,  # slow and steady
            [*[1.0] * 1000, 40.0],  # short compared to the run
            [HOUR],  # the whole run
        ],
    )
    def test_usual_waits_are_not_idle(self, steps: list[float]) -> None:
        axis = run(*steps)
        assert [axis.idle_end(position) for position in range(axis.total + 1)] == [None] * (axis.total + 1)

    def test_no_idle_stretch_follows_the_last_event(self) -> None:
        assert run(1, 1).idle_end(2) is None

    def test_many_idle_stretches_take_a_quarter_of_the_bar(self) -> None:
        axis = run(*[1.0, 1.0, HOUR] * 200, *[1.0] * 400)
        assert 0.5 * 75 <= axis.cell_of(600, 100) <= 0.5 * 75 + 25 + 1

    @pytest.mark.parametrize(("pause", "idle"), [(4.9, False), (5.1, True)])
    def test_a_stretch_of_less_than_five_seconds_is_never_idle(self, pause: float, idle: bool) -> None:
        assert (run(*[0.2] * 200, pause, 0.2).idle_end(200) is not None) == idle

    def test_the_usual_wait_is_computed_per_event(self) -> None:
        lengths = [*[10.0] * 20, 40.0, 10.0]
        times = accumulate(lengths, initial=START)
        assert Axis(Mark(n * 500, time) for n, time in enumerate(times)).idle_end(10_000) == 10_001

    def test_events_between_two_marks_come_after_an_idle_stretch(self) -> None:
        axis = million(pause_after=1000)
        assert axis.idle_end(500_000) == 500_001
        assert axis.idle_end(500_001) is None
        assert axis.time_at(500_001) == axis.time_at(500_500)
        assert [cell.idle for cell in axis.cells(80)].count(True) == 1

    def test_a_million_events_at_a_steady_pace_have_no_idle_stretch(self) -> None:
        assert not any(cell.idle for cell in million().cells(80))


class TestCells:
    """From position to cell and back."""

    def test_cells_are_proportional_to_time(self) -> None:
        assert [run(1, 2, 4, 3).cell_of(position, 10) for position in range(5)] == [0, 1, 3, 7, 9]

    def test_cells_are_proportional_to_positions_if_all_times_are_equal(self) -> None:
        assert [run(0, 0, 0, 0, 0).cell_of(position, 10) for position in range(6)] == [0, 2, 4, 6, 8, 9]

    def test_a_cell_gives_the_last_position_in_it(self) -> None:
        axis = run(1, 0.2, 0.2, 6.6, 2)
        assert [axis.position_at_cell(x, 10) for x in range(10)] == [0, 3, 3, 3, 3, 3, 3, 3, 4, 5]

    def test_cells_outside_of_the_bar_give_the_ends_of_the_run(self) -> None:
        axis = run(0.1, 0.1, 9, 1)
        assert (axis.position_at_cell(-1, 10), axis.position_at_cell(10, 10), axis.position_at_cell(99, 10)) == (0, 4, 4)

    def test_positions_outside_of_the_run_give_the_ends_of_the_bar(self) -> None:
        assert (run(1, 1).cell_of(-1, 10), run(1, 1).cell_of(99, 10)) == (0, 9)

    @given(axes(), widths)
    def test_position_at_cell_is_the_inverse_of_cell_of(self, axis: Axis, width: int) -> None:
        drawn = [axis.cell_of(position, width) for position in range(axis.total + 1)]
        assert drawn == sorted(drawn)
        assert 0 <= drawn[0] <= drawn[-1] < width
        for x in range(width):
            assert axis.position_at_cell(x, width) == max(position for position, cell in enumerate(drawn) if cell <= x)

    @given(axes(), widths)
    def test_each_event_is_counted_in_one_cell(self, axis: Axis, width: int) -> None:
        cells = axis.cells(width)
        assert len(cells) == width
        assert sum(cell.events for cell in cells) == axis.total
        assert all(cell.events >= 0 for cell in cells)
        assert not any(cell.idle and cell.events for cell in cells)

    @given(axes(), widths)
    def test_cells_with_errors_contain_events(self, axis: Axis, width: int) -> None:
        wrong = [cell for cell in axis.cells(width) if cell.kind == "error"]
        assert bool(wrong) == bool(axis.marks[-1].errors)
        assert all(cell.events for cell in wrong)


class TestKinds:
    """The kind of a cell."""

    @pytest.mark.parametrize(
        ("after", "kind"),
        [
            (Mark(9, START + 1, nodes=5, errors=1, llm_calls=6), "error"),
            (Mark(9, START + 1, nodes=1, tool_calls=3, llm_calls=2), "tool"),
            (Mark(9, START + 1, nodes=1, tool_calls=2, llm_calls=3), "llm"),
            (Mark(9, START + 1, nodes=4, tool_calls=2, llm_calls=3), "plan"),
            (Mark(9, START + 1), "other"),
            (Mark(9, START + 1, tokens_in=5_000, tokens_out=99), "other"),
        ],
    )
    def test_the_kind_is_an_error_or_the_most_frequent_kind(self, after: Mark, kind: Kind) -> None:
        cells = Axis([Mark(0, START), after]).cells(1)
        assert [(cell.events, cell.kind) for cell in cells] == [(9, kind)]

    def test_the_kind_depends_on_the_events_in_the_cell_only(self) -> None:
        marks = [
            Mark(0, START),
            Mark(1, START + 1, errors=1),
            Mark(2, START + 2, errors=1, llm_calls=1),
            Mark(3, START + 4),
        ]
        counted = [*marks[:3], Mark(3, START + 4, errors=1, llm_calls=1, tool_calls=1)]
        assert [cell.kind for cell in Axis(counted).cells(4)] == ["other", "error", "llm", "tool"]

    @pytest.mark.parametrize(
        ("counts", "kind"), [({"llm_calls": 50}, "llm"), ({"tool_calls": 50}, "tool"), ({"nodes": 50}, "plan")]
    )
    def test_counts_between_two_marks_are_spread_over_the_cells(self, counts: dict[str, int], kind: Kind) -> None:
        cells = Axis([Mark(0, START), Mark(100, START + 10, **counts)]).cells(4)
        assert [cell.kind for cell in cells] == [kind] * 4

    def test_cells_without_events_have_no_kind(self) -> None:
        cells = run(1, 9).cells(10)
        assert [(cell.events, cell.kind) for cell in cells[2:9]] == [(0, "other")] * 7


class TestSizes:
    """Minimal and maximal runs and bars."""

    def test_a_run_without_events(self) -> None:
        axis = Axis([Mark(0, START)])
        assert (axis.total, axis.time_at(0), axis.position_at(START + 9), axis.idle_end(0)) == (0, START, 0, None)
        assert (axis.cell_of(0, 80), axis.position_at_cell(40, 80)) == (0, 0)
        assert [cell.events for cell in axis.cells(3)] == [0, 0, 0]

    def test_a_run_with_one_event(self) -> None:
        axis = run(5)
        assert [axis.position_at_cell(x, 4) for x in range(4)] == [0, 0, 0, 1]
        assert [cell.events for cell in axis.cells(4)] == [0, 0, 0, 1]

    def test_a_bar_of_one_cell(self) -> None:
        axis = run(1, HOUR, 2)
        assert (axis.cell_of(0, 1), axis.cell_of(3, 1), axis.position_at_cell(0, 1)) == (0, 0, 3)
        assert [cell.events for cell in axis.cells(1)] == [3]

    def test_a_bar_without_cells(self) -> None:
        assert (run(1, 2).cells(0), run(1, 2).position_at_cell(0, 0), run(1, 2).cell_of(2, 0)) == ([], 2, 0)

    def test_a_run_of_a_million_events(self) -> None:
        axis = million()
        assert axis.time_at(123_456) == pytest.approx(START + 2469.12)
        assert axis.position_at(START + 2469.121) == 123_456
        assert [axis.position_at_cell(x, 100) for x in (0, 49, 99)] == [9_999, 499_999, 1_000_000]
        assert [cell.events for cell in axis.cells(4)] == [249_999, 250_000, 250_000, 250_001]


class TestGrowing:
    """A run that gets further events."""

    def test_further_marks_are_added(self) -> None:
        axis = run(1, 2).extended([Mark(3, START + 9), Mark(4, START + 10)])
        assert offsets(axis) == [0, 1, 3, 9, 10]

    def test_known_marks_are_not_added_twice(self) -> None:
        axis = run(1, 2)
        assert axis.extended(axis.marks).marks == axis.marks

    def test_the_extended_axis_is_a_new_one(self) -> None:
        axis = run(1, 2)
        axis.extended([Mark(3, START + 9)])
        assert axis.total == 2

    @given(axes(), st.data())
    def test_an_extended_axis_equals_an_axis_of_all_marks(self, axis: Axis, data: st.DataObject) -> None:
        first = data.draw(st.integers(1, len(axis.marks)))
        grown = Axis(axis.marks[:first]).extended(axis.marks)
        assert (grown.cells(40), offsets(grown)) == (axis.cells(40), offsets(axis))


@pytest.mark.parametrize("positions", [[], [1, 2], [0, 2, 2], [0, 3, 2]])
def test_marks_that_do_not_ascend_are_rejected(positions: list[int]) -> None:
    with pytest.raises(ValueError, match="must ascend"):
        Axis(Mark(position, START) for position in positions)
