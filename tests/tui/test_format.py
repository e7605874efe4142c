"""Numbers and times as text for people."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tui.stage import at
from tui import format as fmt


class TestDuration:
    """Durations."""

    @pytest.mark.parametrize(
        ("seconds", "shown"),
        [
            (None, "n/a"),
            (0.0, "0.00s"),
            (0.034, "0.03s"),
            (0.1, "0.1s"),
            (4.21, "4.2s"),
            (9.96, "10s"),
            (59.4, "59s"),
            (59.6, "1m00s"),
            (187.0, "3m07s"),
            (3599.6, "1h00m"),
            (7500.0, "2h05m"),
            (86_399.0, "23h59m"),
            (273_600.0, "3d04h"),
            (-4.2, "-4.2s"),
        ],
    )
    def test_a_duration_has_its_two_largest_units(self, seconds: float | None, shown: str) -> None:
        assert fmt.duration(seconds) == shown

    @given(st.floats(0, 8.6e7))
    def test_a_duration_fits_its_column(self, seconds: float) -> None:
        assert len(fmt.duration(seconds)) <= 7


class TestCount:
    """Counts."""

    @pytest.mark.parametrize(
        ("number", "shown"),
        [
            (None, "n/a"),
            (0, "0"),
            (9_999, "9999"),
            (10_000, "10.0k"),
            (12_345, "12.3k"),
            (999_499, "999k"),
            (999_600, "1.00M"),
            (4_560_000, "4.56M"),
            (78_000_000_000, "78.0G"),
            (5 * 10**12, "5.0e+12"),
        ],
    )
    def test_a_large_count_has_three_significant_digits(self, number: int | None, shown: str) -> None:
        assert fmt.count(number) == shown

    @given(st.integers(0, 2**63 - 1))
    def test_a_count_fits_its_column(self, number: int) -> None:
        assert len(fmt.count(number)) <= 7


class TestCost:
    """Costs in US dollars."""

    @pytest.mark.parametrize(
        ("amount", "shown"),
        [
            (None, "n/a"),
            (0.0, "$0"),
            (0.00001, "<$0.0001"),
            (0.0042, "$0.0042"),
            (0.42, "$0.42"),
            (1.236, "$1.24"),
            (99.996, "$100"),
            (12_345.0, "$12.3k"),
            (-1.5, "-$1.50"),
        ],
    )
    def test_a_small_amount_keeps_its_digits(self, amount: float | None, shown: str) -> None:
        assert fmt.dollars(amount) == shown

    @pytest.mark.parametrize(
        ("known", "unpriced", "brief", "full"),
        [
            (1.24, 0, "$1.24", "$1.24"),
            (1.24, 3, "≥ $1.24", "≥ $1.24 · 3 calls unpriced"),
            (0.00001, 1, "≥ $0", "≥ $0 · 1 call unpriced"),
            (None, 2, "n/a", "n/a · 2 calls unpriced"),
            (None, 0, "n/a", "n/a"),
        ],
    )
    def test_a_sum_with_unpriced_calls_is_a_floor(self, known: float | None, unpriced: int, brief: str, full: str) -> None:
        assert (fmt.cost(known, unpriced), fmt.full_cost(known, unpriced)) == (brief, full)

    @given(st.floats(0, 9e11), st.integers(0, 5))
    def test_a_cost_fits_its_column(self, known: float, unpriced: int) -> None:
        assert len(fmt.cost(known, unpriced)) <= 9


class TestSize:
    """Sizes in bytes."""

    @pytest.mark.parametrize(
        ("octets", "shown"),
        [
            (0, "0 B"),
            (812, "812 B"),
            (4_200, "4.2 kB"),
            (157_000, "157 kB"),
            (1_300_000_000, "1.3 GB"),
            (10**15, "1000.0 TB"),
        ],
    )
    def test_a_size_has_a_unit(self, octets: int, shown: str) -> None:
        assert fmt.size(octets) == shown


class TestTimes:
    """Offsets, dates and times of day."""

    @pytest.mark.parametrize(
        ("seconds", "shown"),
        [(0.0, "0:00.0"), (4.25, "0:04.2"), (727.0, "12:07.0"), (11_111.0, "3:05:11"), (-1.5, "-0:01.5")],
    )
    def test_an_offset_is_aligned_at_its_colon(self, seconds: float, shown: str) -> None:
        assert fmt.offset(seconds) == shown

    @pytest.mark.parametrize(
        ("hours_ago", "shown"), [(0, "12:00"), (3, "09:00"), (24, "Apr 27"), (24 * 200, "2024-10"), (None, "n/a")]
    )
    def test_a_moment_has_the_shortest_unambiguous_form(self, hours_ago: float | None, shown: str) -> None:
        noon = at(12).timestamp()
        assert fmt.moment(None if hours_ago is None else noon - hours_ago * 3600, noon) == shown

    @pytest.mark.parametrize("absurd", [1e15, -1e15, 1e300])
    def test_a_time_out_of_range_is_a_question_mark(self, absurd: float) -> None:
        assert (fmt.moment(absurd, 0.0), fmt.clock(absurd), fmt.time_of_day(absurd, absurd)) == ("?", "?", "?")

    def test_a_clock_shows_milliseconds(self) -> None:
        assert fmt.clock(at(8, 30).timestamp() + 0.0625) == "2025-04-28 08:30:00.062"

    @pytest.mark.parametrize(("hours", "shown"), [(0, "23:30:00"), (0.45, "23:57:00"), (1, "Apr 29 00:30:00")])
    def test_a_time_of_day_on_another_day_has_its_date(self, hours: float, shown: str) -> None:
        start = at(23, 30).timestamp()
        assert fmt.time_of_day(start + hours * 3600, start) == shown
