"""Parsing and resolving the targets of a seek."""

import re
import time as clocks
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, time
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.model.axis import Axis
from store.model.record import Mark
from store.model.target import (
    EXAMPLES,
    Clock,
    ClockOrElapsed,
    Elapsed,
    End,
    EventNumber,
    Fraction,
    Offset,
    Target,
    parse,
    resolve,
)
from tui import format as fmt

AFTERNOON = datetime(2026, 3, 9, 14, 3, 20, tzinfo=UTC).timestamp()
EVENING = datetime(2026, 3, 9, 23, 59, 50, tzinfo=UTC).timestamp()


@pytest.fixture(autouse=True, scope="module")
def _in_utc() -> Iterator[None]:
    """Local time is UTC."""
    patch = pytest.MonkeyPatch()
    patch.setenv("TZ", "UTC")
    clocks.tzset()
    yield
    patch.undo()
    clocks.tzset()


def run(start: float, *steps: float) -> Axis:
    """A run with an event after each of these intervals in seconds."""
    return Axis(Mark(position, time) for position, time in enumerate(accumulate(steps, initial=start)))


def seconds(start: float, count: int = 1_000) -> Axis:
    """A run with an event per second."""
    return run(start, *[1.0] * count)


def position_of(text: str, axis: Axis, position: int = 0) -> int:
    """The position of the target that a text names."""
    return resolve(parse(text), axis, position)


class TestParse:
    """From text to target."""

    @pytest.mark.parametrize(
        ("text", "target"),
        [
            ("14:03:20", ClockOrElapsed(Clock(time(14, 3, 20)), Elapsed(50_600, 1.0), False)),
            ("14:03", ClockOrElapsed(Clock(time(14, 3)), Elapsed(843, 1.0), False)),
            ("9:05", ClockOrElapsed(Clock(time(9, 5)), Elapsed(545, 1.0), False)),
            ("1:02:03", ClockOrElapsed(Clock(time(1, 2, 3)), Elapsed(3723, 1.0), True)),
            ("01:02:03", ClockOrElapsed(Clock(time(1, 2, 3)), Elapsed(3723, 1.0), False)),
            ("14:03:20.5", ClockOrElapsed(Clock(time(14, 3, 20, 500_000)), Elapsed(50_600.5, 0.1), False)),
            ("2026-03-09 14:03:20", Clock(time(14, 3, 20), date(2026, 3, 9))),
            ("2026-03-09T14:03", Clock(time(14, 3), date(2026, 3, 9))),
            ("23:57.5", Elapsed(1437.5, 0.1)),
            ("0:04.2", Elapsed(4.2, 0.1)),
            ("25:00", Elapsed(1500, 1.0)),
            ("99:59:59", Elapsed(359_999, 1.0)),
            ("12d03:05", Elapsed(1_047_900, 60.0)),
            ("2m30s", Elapsed(150)),
            ("2m 30s", Elapsed(150)),
            ("90s", Elapsed(90)),
            ("1.5h", Elapsed(5400)),
            ("1d2h", Elapsed(93_600)),
            ("+90", Offset(90)),
            ("+2m30s", Offset(150)),
            ("+2m30", Offset(150)),
            ("+1h", Offset(3600)),
            ("+2:30", Offset(150)),
            ("+1:02:30", Offset(3750)),
            ("+0:04.2", Offset(4.2)),
            ("+0", Offset(0)),
            ("-30s", Offset(-30)),
            ("-30", Offset(-30)),
            ("- 1m", Offset(-60)),
            ("50%", Fraction(0.5)),
            ("12.5 %", Fraction(0.125)),
            ("1234", EventNumber(1234)),
            ("1,234", EventNumber(1234)),
            ("#1234", EventNumber(1234)),
            ("event 1234", EventNumber(1234)),
            ("Event #1_234", EventNumber(1234)),
            ("end", End()),
            ("START", EventNumber(0)),
            ("  14:03:20   ", ClockOrElapsed(Clock(time(14, 3, 20)), Elapsed(50_600, 1.0), False)),
        ],
    )
    def test_a_text_names_a_target(self, text: str, target: Target) -> None:
        parsed = parse(text)
        assert (parsed, type(parsed)) == (target, type(target))

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "  ",
            "soon",
            "25:00 pm",
            "12d3:5",
            "14:60",
            "14:3",
            "14:03:99",
            "2026-02-30 14:03",
            "2026-03-09",
            "+",
            "-",
            "+h",
            "+2x",
            "++3",
            "+-3",
            "+2:5",
            "+2:75",
            "%",
            "-5%",
            "#",
            "event",
            "12 34",
            "1e9",
            ",1",
            "٣",
            "1" * 5_000,
            "+" + "1" * 5_000,
            "+" + "1" * 400 + "d",
            "end start",
            "14:03\x1b[2J pm",
        ],
    )
    def test_any_other_text_is_rejected_with_examples(self, text: str) -> None:
        with pytest.raises(ValueError, match=re.escape(EXAMPLES) + "$"):
            parse(text)

    @given(st.text(st.sampled_from("0123456789:+-%#,.hmsd evnt"), max_size=14), st.integers(-5, 2_000))
    def test_any_text_resolves_to_a_position_in_the_run_or_is_rejected(self, text: str, position: int) -> None:
        target = None
        with suppress(ValueError):
            target = parse(text)
        assert target is None or 0 <= resolve(target, seconds(AFTERNOON, 50), position) <= 50


class TestClock:
    """Targets by time of day."""

    def test_the_position_is_the_last_event_that_is_not_later(self) -> None:
        assert position_of("14:03:25", run(AFTERNOON, 1, 3.9, 0.1, 0.1)) == 3

    def test_a_time_without_seconds_is_the_beginning_of_the_minute(self) -> None:
        assert position_of("14:04", seconds(AFTERNOON)) == 40

    def test_a_time_before_the_run_is_its_start(self) -> None:
        assert position_of("09:00:00", seconds(AFTERNOON)) == 0

    def test_a_time_after_the_run_is_its_end(self) -> None:
        assert position_of("23:00", seconds(AFTERNOON)) == 1_000

    def test_a_time_after_midnight_is_on_the_second_day(self) -> None:
        assert position_of("0:00:10", seconds(EVENING)) == 20

    def test_a_time_before_midnight_is_on_the_first_day(self) -> None:
        assert position_of("23:59:55", seconds(EVENING)) == 5

    def test_a_time_in_a_run_of_several_days_is_its_first_occurrence(self) -> None:
        assert position_of("14:00", run(AFTERNOON, *[3600.0] * 60)) == 23
        assert position_of("15:03:20", run(AFTERNOON, *[3600.0] * 60)) == 1

    def test_a_date_selects_the_day(self) -> None:
        assert position_of("2026-03-10 15:03:20", run(AFTERNOON, *[3600.0] * 60)) == 25

    @pytest.mark.parametrize(("text", "position"), [("1971-01-01 00:00", 0), ("9000-01-01 00:00", 1_000)])
    def test_a_date_outside_of_the_run_is_its_start_or_end(self, text: str, position: int) -> None:
        assert position_of(text, seconds(AFTERNOON), 7) == position

    @pytest.mark.parametrize(("position", "found"), [(2, 2), (-1, 0), (9, 3)])
    def test_the_position_stays_if_the_times_of_the_run_are_outside_of_the_calendar(
        self, position: int, found: int
    ) -> None:
        assert position_of("14:03", run(1e17, 1, 1, 1), position) == found


class TestElapsed:
    """Targets by elapsed time, in the formats of the screens."""

    @pytest.mark.parametrize(("text", "position"), [("0s", 0), ("90s", 90), ("2m30s", 150), ("2:30.0", 150), ("1d", 1_000)])
    def test_elapsed_times_are_counted_from_the_start(self, text: str, position: int) -> None:
        assert position_of(text, seconds(AFTERNOON), 500) == position

    @given(st.lists(st.floats(0.0, 9_000.0), min_size=1, max_size=20), st.data())
    def test_a_time_that_the_timeline_shows_gives_the_last_event_with_that_text(
        self, times: list[float], data: st.DataObject
    ) -> None:
        axis = Axis(Mark(position, AFTERNOON + time) for position, time in enumerate([0.0, *sorted(times)]))
        shown = [fmt.offset(axis.time_at(position) - axis.start) for position in range(axis.total + 1)]
        position = data.draw(st.integers(0, axis.total))
        assert shown[position_of(shown[position], axis)] == shown[position]
        assert position_of(shown[position], axis) >= position

    def test_many_events_with_equal_times_are_skipped_at_once(self) -> None:
        axis = run(AFTERNOON, 1.0, 4.0, *[0.0] * 200_000)
        calls = 0
        time_at = axis.time_at

        def counted(position: int) -> float:
            nonlocal calls
            calls += 1
            return time_at(position)

        axis.time_at = counted  # type: ignore[method-assign]
        assert position_of("0:04.9", axis) == 1
        assert calls < 200

    @pytest.mark.parametrize("text", ["12:00", "12:00.0", "720s"])
    def test_a_time_that_the_run_contains_only_as_elapsed_is_an_elapsed_time(self, text: str) -> None:
        assert position_of(text, seconds(AFTERNOON)) == 720

    @pytest.mark.parametrize(
        ("text", "hour"),
        [("1:00:00", 1), ("01:00:00", 2), ("1:00", 2), ("2:30:00", 2), ("20:00:00", 21), ("0:00:00", 1)],
    )
    def test_a_time_that_the_run_contains_in_both_ways_is_decided_by_its_form(self, text: str, hour: int) -> None:
        """The run began at 23:00, so its first hour is the 24th hour of the day."""
        axis = run(EVENING - 3590, *[3600.0] * 23)
        assert position_of(text, axis) == hour

    def test_a_time_that_the_run_does_not_contain_is_a_time_of_day(self) -> None:
        assert (position_of("9:00:00", seconds(AFTERNOON)), position_of("23:00", seconds(AFTERNOON))) == (0, 1_000)


class TestRelative:
    """Targets relative to the current position."""

    @pytest.mark.parametrize(("text", "position"), [("+0", 500), ("+30s", 530), ("+2:30", 650), ("+1h", 1_000)])
    def test_seconds_after_the_current_position(self, text: str, position: int) -> None:
        assert position_of(text, seconds(AFTERNOON), 500) == position

    @pytest.mark.parametrize(("text", "position"), [("-0", 500), ("-30s", 470), ("-5m", 200), ("-1h", 0)])
    def test_seconds_before_the_current_position(self, text: str, position: int) -> None:
        assert position_of(text, seconds(AFTERNOON), 500) == position

    @pytest.mark.parametrize(("text", "position"), [("+30s", 30), ("+2:30", 150), ("+1h", 1_000)])
    def test_seconds_after_the_end_count_from_the_start(self, text: str, position: int) -> None:
        assert position_of(text, seconds(AFTERNOON), 1_000) == position

    def test_seconds_are_not_events(self) -> None:
        axis = run(AFTERNOON, 1, 1, 10, 10)
        assert (position_of("+12", axis), position_of("-10s", axis, 4)) == (3, 3)


class TestEvents:
    """Targets by event number and fraction."""

    @pytest.mark.parametrize(
        ("text", "position"),
        [("0", 0), ("1", 1), ("#999", 999), ("1,000", 1_000), ("event 5000", 1_000), ("start", 0), ("end", 1_000)],
    )
    def test_an_event_number_is_limited_to_the_run(self, text: str, position: int) -> None:
        assert position_of(text, seconds(AFTERNOON), 500) == position

    @pytest.mark.parametrize(
        ("text", "position"), [("0%", 0), ("50%", 500), ("99.95%", 999), ("100%", 1_000), ("300%", 1_000)]
    )
    def test_a_percentage_is_limited_to_the_run(self, text: str, position: int) -> None:
        assert position_of(text, seconds(AFTERNOON), 7) == position

    @pytest.mark.parametrize("text", ["14:04", "+9", "-9", "50%", "7", "end", "start"])
    def test_every_target_in_a_run_without_events_is_its_start(self, text: str) -> None:
        assert position_of(text, run(AFTERNOON)) == 0
