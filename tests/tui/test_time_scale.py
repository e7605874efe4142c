"""The time axis of the waterfall: order, bars of at least an eighth, ticks, and collapsed stretches."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.models.folded_time import FoldedTime, Stretch, idle_stretches, panned, zoomed
from tui.models.time_scale import EIGHTHS, STEPS_S, TICK_CELLS, TimeScale
from tui.models.time_view import TimeView

START = 1_745_800_000.0
"""Start of the runs, in seconds since 1970."""


@st.composite
def stretches(draw: st.DrawFn, start: float = START, most: int = 8) -> list[Stretch]:
    """Ascending, disjoint stretches."""
    found, at = [], start
    for gap, length in draw(st.lists(st.tuples(seconds, seconds), max_size=most)):
        found.append(Stretch(at + gap, at + gap + length))
        at = found[-1].end
    return found


seconds = st.floats(0.01, 5_000.0)
widths = st.integers(20, 200)
shares = st.floats(0.0, 1.0)


@st.composite
def scales(draw: st.DrawFn) -> TimeScale:
    """Scales of windows with any collapsed stretches."""
    length = draw(st.floats(0.02, 40_000.0))
    window = Stretch(START, START + length)
    return TimeScale(window, draw(widths), draw(stretches(START - 100.0)))


def inside(scale: TimeScale, share: float) -> float:
    return scale.window.start + share * scale.window.length


class TestScale:
    """Times and positions."""

    @given(scales(), shares, shares)
    def test_a_later_time_is_not_left_of_an_earlier_one(self, scale: TimeScale, one: float, other: float) -> None:
        before, after = sorted((inside(scale, one), inside(scale, other)))
        assert 0.0 <= scale.place(before) <= scale.place(after) <= scale.width * EIGHTHS

    @given(scales())
    def test_the_window_fills_the_axis(self, scale: TimeScale) -> None:
        assert scale.place(scale.window.start) == 0.0
        assert scale.place(scale.window.end) == scale.width * EIGHTHS

    @given(scales(), st.data())
    def test_the_time_of_a_cell_is_in_that_cell(self, scale: TimeScale, data: st.DataObject) -> None:
        cell = data.draw(st.integers(0, scale.width - 1))
        time = scale.time(cell)
        assert scale.window.start <= time <= scale.window.end
        assert scale.place(time) == pytest.approx(cell * EIGHTHS + EIGHTHS / 2, abs=0.05)
        assert scale.cell(time) == cell

    @given(scales(), shares, shares)
    def test_a_bar_in_the_window_has_an_eighth_at_least_and_stays_on_the_axis(
        self, scale: TimeScale, one: float, other: float
    ) -> None:
        start, end = sorted((inside(scale, one), inside(scale, other)))
        found = scale.bar(start, end)
        assert found is not None
        left, right = found
        assert 0 <= left < right <= scale.width * EIGHTHS
        assert abs(left - scale.place(start)) <= 1.0
        assert right - left == 1 or abs(right - scale.place(end)) <= 0.5

    @given(scales(), st.lists(shares, min_size=4, max_size=4))
    def test_bars_of_disjoint_times_overlap_by_an_eighth_at_most(self, scale: TimeScale, parts: list[float]) -> None:
        times = [inside(scale, share) for share in sorted(parts)]
        before, after = scale.bar(*times[:2]), scale.bar(*times[2:])
        assert before is not None
        assert after is not None
        assert before[1] - after[0] <= 1
        assert before[0] <= after[0]
        assert before[1] <= after[1] + 1

    @given(scales(), seconds)
    def test_a_bar_outside_the_window_is_not_drawn(self, scale: TimeScale, away: float) -> None:
        assert scale.bar(scale.window.end + away, scale.window.end + 2 * away) is None
        assert scale.bar(scale.window.start - 2 * away, scale.window.start - away) is None

    @given(scales(), seconds)
    def test_a_bar_across_the_window_fills_it(self, scale: TimeScale, away: float) -> None:
        assert scale.bar(scale.window.start - away, scale.window.end + away) == (0, scale.width * EIGHTHS)

    def test_a_run_without_any_time_has_an_axis(self) -> None:
        scale = TimeScale(Stretch(START, START), 40)
        assert scale.bar(START, START) == (0, 1)
        assert scale.cell(START) == 0


class TestTicks:
    """Ticks of the axis."""

    @given(scales())
    def test_ticks_are_at_round_times_and_apart(self, scale: TimeScale) -> None:
        ticks = scale.ticks(scale.window.start)
        ends = [0, *(tick.cell + len(tick.label) + 1 for tick in ticks)]
        assert all(tick.cell >= end for tick, end in zip(ticks, ends, strict=False))
        assert ends[-1] <= scale.width

    @given(st.floats(1.0, 1e5), widths)
    def test_there_is_about_one_tick_for_each_14_cells(self, length: float, width: int) -> None:
        ticks = TimeScale(Stretch(START, START + length), width).ticks(START)
        gaps = [after.cell - before.cell for before, after in pairwise(ticks)]
        assert all(gap >= TICK_CELLS - 1 for gap in gaps)
        assert len(ticks) >= width // (TICK_CELLS * 5)

    @pytest.mark.parametrize(
        ("length", "width", "labels"),
        [
            (0.1, 60, ["0", "0.05s"]),
            (1.0, 60, ["0", "0.5s"]),
            (60.0, 60, ["0", "20s", "40s"]),
            (100.0, 45, ["0", "1m"]),
            (600.0, 72, ["0", "2m", "4m", "6m", "8m"]),
            (5_000.0, 60, ["0", "20m", "40m", "1h"]),
            (86_400.0, 45, ["0", "12h"]),
        ],
    )
    def test_labels_are_short(self, length: float, width: int, labels: list[str]) -> None:
        assert [tick.label for tick in TimeScale(Stretch(START, START + length), width).ticks(START)] == labels

    def test_labels_below_a_second_have_minutes_and_decimals(self) -> None:
        ticks = TimeScale(Stretch(START + 125.0, START + 126.0), 60).ticks(START)
        assert [tick.label for tick in ticks] == ["2m05.0s", "2m05.5s"]

    def test_steps_ascend(self) -> None:
        assert list(STEPS_S) == sorted(set(STEPS_S))


class TestFolding:
    """Idle stretches."""

    def test_a_stretch_is_idle_beyond_two_seconds_and_a_twentieth(self) -> None:
        active = [Stretch(0.0, 10.0), Stretch(11.5, 20.0), Stretch(24.0, 30.0)]
        assert idle_stretches(active, Stretch(0.0, 32.0)) == [Stretch(20.0, 24.0)]
        assert idle_stretches(active, Stretch(0.0, 100.0)) == [Stretch(30.0, 100.0)]
        assert idle_stretches([], Stretch(0.0, 3.0)) == [Stretch(0.0, 3.0)]

    @given(stretches(), seconds)
    def test_idle_stretches_are_without_activity(self, active: list[Stretch], more: float) -> None:
        whole = Stretch(START, (active[-1].end if active else START) + more)
        for idle in idle_stretches(active, whole):
            assert idle.length > max(2.0, whole.length * 0.05)
            assert all(one.end <= idle.start or one.start >= idle.end for one in active)

    def test_a_collapsed_stretch_has_its_duration(self) -> None:
        scale = TimeScale(Stretch(0.0, 1000.0), 60, [Stretch(100.0, 352.0)])
        (fold,) = scale.folds
        assert (fold.width, fold.seconds) == (len("┊4m12s┊"), 252.0)
        assert scale.cell(100.0) == fold.cell
        assert scale.cell(352.0) == fold.cell + fold.width

    @given(scales())
    def test_collapsed_stretches_leave_most_of_the_axis_and_are_ascending(self, scale: TimeScale) -> None:
        assert sum(fold.width for fold in scale.folds) <= scale.width / 3 + 1
        ends = [0, *(fold.cell + fold.width for fold in scale.folds)]
        assert all(fold.cell >= end for fold, end in zip(scale.folds, ends, strict=False))
        assert ends[-1] <= scale.width

    def test_the_cells_that_remain_belong_to_what_happened(self) -> None:
        idle = [Stretch(10.0, 1_000.0)]
        open_scale, folded = (TimeScale(Stretch(0.0, 1_010.0), 60, one) for one in ([], idle))
        assert open_scale.bar(0.0, 10.0) == (0, 5)
        (fold,) = folded.folds
        assert fold.width == len("┊16m30s┊")
        assert folded.bar(0.0, 10.0) == (0, 26 * EIGHTHS)
        assert folded.bar(1_000.0, 1_010.0) == (34 * EIGHTHS, 60 * EIGHTHS)

    def test_short_activity_between_two_collapsed_stretches_has_a_cell(self) -> None:
        scale = TimeScale(Stretch(0.0, 10_000.0), 40, [Stretch(10.0, 5_000.0), Stretch(5_000.01, 9_000.0)])
        found = scale.bar(5_000.0, 5_000.01)
        assert found is not None
        assert found[1] - found[0] == EIGHTHS

    @given(stretches(), st.floats(-100.0, 90_000.0), st.floats(0.0, 1_000.0))
    def test_folding_keeps_the_order_of_times(self, idle: list[Stretch], at: float, more: float) -> None:
        times, time = FoldedTime(idle), START + at
        assert times.fold(time) <= times.fold(time + more) + 1e-6
        for back in (times.first(times.fold(time)), times.last(times.fold(time))):
            assert times.fold(back) == pytest.approx(times.fold(time), abs=1e-3)

    def test_the_first_and_last_time_of_a_folded_time_are_the_ends_of_the_stretch(self) -> None:
        times = FoldedTime([Stretch(10.0, 30.0), Stretch(40.0, 50.0)])
        assert [times.fold(time) for time in (5.0, 10.0, 20.0, 30.0, 40.0, 60.0)] == [5.0, 10.0, 10.0, 10.0, 20.0, 30.0]
        assert (times.first(10.0), times.last(10.0), times.first(20.0), times.last(20.0)) == (10.0, 30.0, 40.0, 50.0)


class TestZoom:
    """Windows."""

    WHOLE = Stretch(0.0, 1_000.0)

    @given(st.floats(0.0, 1_000.0))
    def test_the_time_of_the_cursor_stays_in_its_place(self, about: float) -> None:
        window = zoomed(self.WHOLE, about, 0.5, self.WHOLE)
        assert window.length == pytest.approx(500.0)
        assert (about - window.start) / window.length == pytest.approx(about / 1_000.0)

    @given(st.lists(st.tuples(st.floats(0.0, 1_000.0), st.sampled_from([0.5, 2.0])), max_size=30))
    def test_a_window_stays_within_the_whole_time(self, steps: list[tuple[float, float]]) -> None:
        window = self.WHOLE
        for about, factor in steps:
            window = zoomed(window, about, factor, self.WHOLE)
            assert 0.0 <= window.start < window.end <= 1_000.0

    @given(st.floats(0.0, 1_000.0), st.integers(1, 12))
    def test_zooming_out_as_often_as_in_shows_the_whole_time_again(self, about: float, times: int) -> None:
        window = self.WHOLE
        for factor in [0.5] * times + [2.0] * times:
            window = zoomed(window, about, factor, self.WHOLE)
        assert window.start == pytest.approx(0.0, abs=1e-3)
        assert window.end == pytest.approx(1_000.0, abs=1e-3)

    def test_panning_stops_at_the_edge_and_keeps_the_length(self) -> None:
        window = Stretch(100.0, 300.0)
        assert panned(window, 0.5, self.WHOLE) == Stretch(200.0, 400.0)
        assert panned(window, -3.0, self.WHOLE) == Stretch(0.0, 200.0)
        assert panned(window, 50.0, self.WHOLE) == Stretch(800.0, 1_000.0)

    def test_a_collapsed_stretch_counts_as_nothing(self) -> None:
        idle = [Stretch(200.0, 800.0)]
        assert zoomed(self.WHOLE, 100.0, 0.5, self.WHOLE, idle) == Stretch(50.0, 850.0)
        assert panned(Stretch(0.0, 100.0), 1.5, self.WHOLE, idle) == Stretch(150.0, 850.0)


class TestView:
    """The time cursor and the window as keys move them."""

    @pytest.fixture
    def view(self) -> TimeView:
        view = TimeView()
        view.whole, view.width = Stretch(0.0, 100.0), 50
        return view

    def test_the_cursor_begins_in_the_middle_and_moves_by_cells(self, view: TimeView) -> None:
        view.move(1)
        assert view.cursor == 50.0
        view.move(1)
        assert view.scale.cell(view.cursor) == 26

    def test_at_the_edge_the_window_moves(self, view: TimeView) -> None:
        view.zoom(1, 50.0)
        view.point(49)
        assert view.window == Stretch(25.0, 75.0)
        view.move(1)
        assert view.window == Stretch(26.0, 76.0)
        assert view.cursor == pytest.approx(75.5)

    def test_at_the_end_of_the_time_it_stays(self, view: TimeView) -> None:
        view.point(49)
        view.move(1)
        assert (view.window, view.cursor) == (None, 99.0)

    def test_a_cursor_outside_the_window_enters_it(self, view: TimeView) -> None:
        view.zoom(1, 0.0)
        view.cursor = 90.0
        view.move(1)
        assert view.cursor == pytest.approx(49.5)

    def test_the_whole_time_grows_with_the_run_unless_a_part_is_shown(self, view: TimeView) -> None:
        view.whole = Stretch(0.0, 200.0)
        assert view.scale.window == Stretch(0.0, 200.0)
        view.zoom(1, 0.0)
        view.whole = Stretch(0.0, 300.0)
        assert view.scale.window == Stretch(0.0, 100.0)
        view.fit()
        assert view.scale.window == Stretch(0.0, 300.0)

    def test_the_cursor_keeps_its_time_when_idle_stretches_are_collapsed(self, view: TimeView) -> None:
        view.idle = [Stretch(10.0, 90.0)]
        view.cursor = 95.0
        before = view.scale.cell(95.0)
        view.folding = True
        assert view.cursor == 95.0
        assert view.scale.cell(95.0) != before
