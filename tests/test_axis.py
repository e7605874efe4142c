"""Where the moments of a run lie on a bar."""

from collections.abc import Sequence
from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.record import Mark
from tui.models.axis import Axis, Kind, mended

START = 1_773_064_000.0
YEARS = 10 * 365 * 86_400.0
HOUR = 3600.0


def run(*steps: float) -> Axis:
    """A run with an event after each of so many seconds; a mark for each."""
    return Axis(Mark(position, time) for position, time in enumerate(accumulate(steps, initial=START)))


def told(*times: float) -> Axis:
    """A run whose events say that they were so many seconds after its start."""
    return Axis(Mark(position, START + time) for position, time in enumerate((0.0, *times)))


def offsets(axis: Axis) -> list[float]:
    """When each event was, in seconds since the start of the run."""
    return [axis.time_at(position) - START for position in range(axis.total + 1)]


def million(pause_after: int | None = None) -> Axis:
    """A run of a million events, one each 20 ms, a mark for each 500; one pause of an hour."""
    late = range(2001) if pause_after is None else range(pause_after + 1, 2001)
    return Axis(Mark(n * 500, START + n * 10.0 + (HOUR if pause_after and n in late else 0), n * 9) for n in range(2001))


@st.composite
def axes(draw: st.DrawFn) -> Axis:
    """Any run, its clock hostile, its marks anywhere."""
    clock = st.sampled_from([0.0, 0.001, 1.0, 7.0, 60.0, HOUR, -3.0, YEARS, -YEARS])
    marks = [Mark(0, START)]
    for step, count in draw(st.lists(st.tuples(clock, st.sampled_from([1, 1, 2, 500])), max_size=30)):
        grown = draw(st.integers(0, count))
        last = marks[-1]
        marks.append(Mark(last.position + count, last.time + step, last.nodes + grown, last.errors + grown // 2))
    return Axis(marks)


widths = st.integers(1, 90)


class TestTime:
    """Position and time, and back."""

    def test_an_event_was_when_it_said(self) -> None:
        assert offsets(run(1, 2, 3.5)) == [0, 1, 3, 6.5]

    def test_between_two_marks_events_come_evenly(self) -> None:
        axis = Axis([Mark(0, START), Mark(500, START + 50)])
        assert (axis.time_at(1), axis.time_at(250)) == (START + 0.1, START + 25)

    @pytest.mark.parametrize(
        ("time", "position"), [(-9, 0), (0, 0), (0.9, 0), (1, 1), (2.9, 1), (3, 3), (6.4, 3), (6.5, 4), (YEARS, 4)]
    )
    def test_at_a_time_all_has_happened_that_is_not_later(self, time: float, position: int) -> None:
        assert run(1, 2, 0, 3.5).position_at(START + time) == position

    def test_beyond_the_ends_there_is_nothing(self) -> None:
        axis = run(1, 2)
        assert (axis.time_at(-5), axis.time_at(99)) == (axis.start, axis.end)

    @given(axes())
    def test_time_never_goes_back(self, axis: Axis) -> None:
        assert all(before <= after for before, after in pairwise(offsets(axis)))

    @given(axes(), st.data())
    def test_the_time_of_a_position_leads_to_the_last_event_of_that_time(self, axis: Axis, data: st.DataObject) -> None:
        position = data.draw(st.integers(0, axis.total))
        time = axis.time_at(position)
        found = axis.position_at(time)
        assert found >= position
        assert axis.time_at(found) == time
        assert found == axis.total or axis.time_at(found + 1) > time


class TestHostileClocks:
    """One wrong clock moves nothing but itself."""

    def test_an_event_from_ten_years_ahead(self) -> None:
        assert offsets(told(1, 2, YEARS, 4, 5)) == [0, 1, 2, 4, 4, 5]

    def test_an_event_from_ten_years_ago(self) -> None:
        assert offsets(told(1, 2, -YEARS, 4, 5)) == [0, 1, 1, 1, 4, 5]

    def test_the_last_event_from_ten_years_ago(self) -> None:
        assert offsets(told(1, 2, 3, -YEARS)) == [0, 1, 2, 2, 2]

    def test_the_first_event_from_ten_years_ahead(self) -> None:
        assert offsets(told(YEARS, 1, 2, 3)) == [0, 1, 1, 2, 3]

    def test_a_clock_that_is_set_back_a_little(self) -> None:
        assert offsets(told(1, 2, 3, 2.5, 3.5, 4.5)) == [0, 1, 2, 2.5, 2.5, 3.5, 4.5]

    def test_a_clock_that_runs_backwards_stands_still(self) -> None:
        assert set(offsets(told(-1, -2, -3))) == {-2}

    @pytest.mark.parametrize("times", [(1, 2, YEARS, 4, 5), (1, 2, -YEARS, 4, 5)])
    def test_the_bar_is_that_of_the_others(self, times: Sequence[float]) -> None:
        axis = told(*times)
        assert [axis.cell_of(position, 50) for position in (1, 4, 5)] == [10, 40, 49]

    def test_a_clock_that_stays_ten_years_ahead_is_a_pause(self) -> None:
        axis = told(1, 2, 3, YEARS + 4, YEARS + 5, YEARS + 6)
        assert axis.idle_after(3) == 4
        assert axis.cell_of(4, 60) - axis.cell_of(3, 60) == 2

    @given(st.lists(st.floats(-YEARS, YEARS), min_size=1, max_size=40))
    def test_times_that_go_forward_are_believed(self, times: list[float]) -> None:
        times.sort()
        assert mended(times) == times

    @given(st.lists(st.integers(0, 5), min_size=1, max_size=7))
    def test_no_times_that_go_forward_are_nearer(self, times: list[int]) -> None:
        def distance(others: Sequence[float]) -> float:
            return sum(abs(one - other) for one, other in zip(times, others, strict=True))

        best: dict[int, float] = dict.fromkeys(range(6), 0.0)  # by the last value: the least distance so far
        for time in times:
            best = {last: min(best[before] for before in range(last + 1)) + abs(time - last) for last in best}
        assert distance(mended(times)) == min(best.values())


class TestIdle:
    """Long stretches without news are folded, and playback may skip them."""

    def test_a_pause_is_drawn_small(self) -> None:
        axis = run(*[1.0] * 50, HOUR, *[1.0] * 50)
        assert [axis.cell_of(position, 102) for position in (0, 25, 50, 51, 76, 101)] == [0, 25, 50, 52, 77, 101]

    def test_it_has_a_cell_of_its_own_that_says_so(self) -> None:
        cells = run(*[1.0] * 50, HOUR, *[1.0] * 50).cells(40)
        assert [x for x, cell in enumerate(cells) if cell.idle] == [20]
        assert cells[20].events == 0

    @pytest.mark.parametrize("width", range(3, 200, 7))
    def test_at_any_width(self, width: int) -> None:
        cells = run(*[1.0] * 50, HOUR, *[1.0] * 30, HOUR, 1.0).cells(width)
        assert sum(cell.idle for cell in cells) <= 2
        assert width < 20 or sum(cell.idle for cell in cells) == 2

    def test_several_pauses_do_not_hide_each_other(self) -> None:
        axis = run(*[1.0] * 50, HOUR, *[1.0] * 50, HOUR, *[1.0] * 9, 20 * HOUR, 1.0)
        assert [n for n in range(axis.total) if axis.idle_after(n)] == [50, 101, 111]

    def test_playback_goes_on_with_the_event_that_ends_it(self) -> None:
        axis = run(1, 1, 1, HOUR, 1)
        assert [axis.idle_after(position) for position in range(6)] == [None, None, None, 4, None, None]

    @pytest.mark.parametrize(
        "steps",
        [
            [4.9, *[0.001] * 9],  # short
            [30.0] * 3,  # a few calls to a model, and nothing else
            [*[0.01] * 50, *[20.0] * 30],  # calls to a model, and the events around them
            [*[0.01] * 50, *[2.0] * 20, *[30.0] * 15],  # of several kinds
            [600.0] * 10,  # slow, but steady
            [*[1.0] * 1000, 40.0],  # long, but nothing in a run of this length
            [HOUR],  # all that there is
        ],
    )
    def test_what_is_usual_is_not_idle(self, steps: list[float]) -> None:
        axis = run(*steps)
        assert [axis.idle_after(position) for position in range(axis.total + 1)] == [None] * (axis.total + 1)

    def test_the_end_of_a_run_that_goes_on_is_not_idle(self) -> None:
        assert run(1, 1).idle_after(2) is None

    def test_many_pauses_leave_most_of_the_bar_to_what_happened(self) -> None:
        axis = run(*[1.0, 1.0, HOUR] * 200, *[1.0] * 400)
        assert 0.5 * 75 <= axis.cell_of(600, 100) <= 0.5 * 75 + 25 + 1

    @pytest.mark.parametrize(("pause", "idle"), [(4.9, False), (5.1, True)])
    def test_five_seconds_are_never_idle(self, pause: float, idle: bool) -> None:
        assert (run(*[0.2] * 200, pause, 0.2).idle_after(200) is not None) == idle

    def test_what_is_usual_is_a_matter_of_single_events(self) -> None:
        lengths = [*[10.0] * 20, 40.0, 10.0]
        times = accumulate(lengths, initial=START)
        assert Axis(Mark(n * 500, time) for n, time in enumerate(times)).idle_after(10_000) == 10_001

    def test_in_a_million_events_they_come_after_the_pause(self) -> None:
        axis = million(pause_after=1000)
        assert axis.idle_after(500_000) == 500_001
        assert axis.idle_after(500_001) is None
        assert axis.time_at(500_001) == axis.time_at(500_500)
        assert [cell.idle for cell in axis.cells(80)].count(True) == 1

    def test_a_million_events_at_a_steady_pace_have_no_pause(self) -> None:
        assert not any(cell.idle for cell in million().cells(80))


class TestCells:
    """Positions and the cells that they are drawn in."""

    def test_the_bar_is_the_time(self) -> None:
        assert [run(1, 2, 4, 3).cell_of(position, 10) for position in range(5)] == [0, 1, 3, 7, 9]

    def test_where_the_clock_stands_still_it_is_the_events(self) -> None:
        assert [run(0, 0, 0, 0, 0).cell_of(position, 10) for position in range(6)] == [0, 2, 4, 6, 8, 9]

    def test_a_cell_leads_to_the_last_position_in_it(self) -> None:
        axis = run(1, 0.2, 0.2, 6.6, 2)
        assert [axis.at_cell(x, 10) for x in range(10)] == [0, 3, 3, 3, 3, 3, 3, 3, 4, 5]

    def test_beyond_the_bar_are_the_ends(self) -> None:
        axis = run(0.1, 0.1, 9, 1)
        assert (axis.at_cell(-1, 10), axis.at_cell(10, 10), axis.at_cell(99, 10)) == (0, 4, 4)

    def test_beyond_the_run_are_the_ends(self) -> None:
        assert (run(1, 1).cell_of(-1, 10), run(1, 1).cell_of(99, 10)) == (0, 9)

    @given(axes(), widths)
    def test_what_is_drawn_in_a_cell_is_found_there(self, axis: Axis, width: int) -> None:
        drawn = [axis.cell_of(position, width) for position in range(axis.total + 1)]
        assert drawn == sorted(drawn)
        assert 0 <= drawn[0] <= drawn[-1] < width
        for x in range(width):
            assert axis.at_cell(x, width) == max(position for position, cell in enumerate(drawn) if cell <= x)

    @given(axes(), widths)
    def test_each_event_is_in_one_cell(self, axis: Axis, width: int) -> None:
        cells = axis.cells(width)
        assert len(cells) == width
        assert sum(cell.events for cell in cells) == axis.total
        assert all(cell.events >= 0 for cell in cells)
        assert not any(cell.idle and cell.events for cell in cells)

    @given(axes(), widths)
    def test_errors_are_in_the_cells_that_say_so(self, axis: Axis, width: int) -> None:
        wrong = [cell for cell in axis.cells(width) if cell.kind == "error"]
        assert bool(wrong) == bool(axis.marks[-1].errors)
        assert all(cell.events for cell in wrong)


class TestKinds:
    """What a cell says about what happened in it."""

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
    def test_is_what_there_was_most_of(self, after: Mark, kind: Kind) -> None:
        cells = Axis([Mark(0, START), after]).cells(1)
        assert [(cell.events, cell.kind) for cell in cells] == [(9, kind)]

    def test_only_what_happened_there_counts(self) -> None:
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
    def test_what_many_events_between_two_marks_did_is_spread_over_them(self, counts: dict[str, int], kind: Kind) -> None:
        cells = Axis([Mark(0, START), Mark(100, START + 10, **counts)]).cells(4)
        assert [cell.kind for cell in cells] == [kind] * 4

    def test_nothing_is_nothing(self) -> None:
        cells = run(1, 9).cells(10)
        assert [(cell.events, cell.kind) for cell in cells[2:9]] == [(0, "other")] * 7


class TestSizes:
    """The smallest and the largest."""

    def test_a_run_of_which_nothing_is_known_yet(self) -> None:
        axis = Axis([Mark(0, START)])
        assert (axis.total, axis.time_at(0), axis.position_at(START + 9), axis.idle_after(0)) == (0, START, 0, None)
        assert (axis.cell_of(0, 80), axis.at_cell(40, 80)) == (0, 0)
        assert [cell.events for cell in axis.cells(3)] == [0, 0, 0]

    def test_one_event(self) -> None:
        axis = run(5)
        assert [axis.at_cell(x, 4) for x in range(4)] == [0, 0, 0, 1]
        assert [cell.events for cell in axis.cells(4)] == [0, 0, 0, 1]

    def test_one_cell(self) -> None:
        axis = run(1, HOUR, 2)
        assert (axis.cell_of(0, 1), axis.cell_of(3, 1), axis.at_cell(0, 1)) == (0, 0, 3)
        assert [cell.events for cell in axis.cells(1)] == [3]

    def test_no_cell(self) -> None:
        assert (run(1, 2).cells(0), run(1, 2).at_cell(0, 0), run(1, 2).cell_of(2, 0)) == ([], 2, 0)

    def test_a_million_events(self) -> None:
        axis = million()
        assert axis.time_at(123_456) == pytest.approx(START + 2469.12)
        assert axis.position_at(START + 2469.121) == 123_456
        assert [axis.at_cell(x, 100) for x in (0, 49, 99)] == [9_999, 499_999, 1_000_000]
        assert [cell.events for cell in axis.cells(4)] == [249_999, 250_000, 250_000, 250_001]


class TestGrowing:
    """A run goes on while it is looked at."""

    def test_what_came_is_added(self) -> None:
        axis = run(1, 2).extended([Mark(3, START + 9), Mark(4, START + 10)])
        assert offsets(axis) == [0, 1, 3, 9, 10]

    def test_what_is_there_already_is_not_added_twice(self) -> None:
        axis = run(1, 2)
        assert axis.extended(axis.marks).marks == axis.marks

    def test_the_axis_that_was_there_stays_as_it_is(self) -> None:
        axis = run(1, 2)
        axis.extended([Mark(3, START + 9)])
        assert axis.total == 2

    @given(axes(), st.data())
    def test_it_does_not_matter_when_it_is_looked_at(self, axis: Axis, data: st.DataObject) -> None:
        first = data.draw(st.integers(1, len(axis.marks)))
        grown = Axis(axis.marks[:first]).extended(axis.marks)
        assert (grown.cells(40), offsets(grown)) == (axis.cells(40), offsets(axis))


@pytest.mark.parametrize("positions", [[], [1, 2], [0, 2, 2], [0, 3, 2]])
def test_marks_that_do_not_ascend_are_refused(positions: list[int]) -> None:
    with pytest.raises(ValueError, match="must ascend"):
        Axis(Mark(position, START) for position in positions)
