"""Where somebody wants to go, as they type it."""

import re
import time as clocks
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, time
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.record import Mark
from tui import format as fmt
from tui.models.axis import Axis
from tui.models.seek import UNDERSTOOD, By, Clock, Colons, End, Number, Share, Since, Target, parse, resolve
from tui.models.speed import REAL_TIME, SPEEDS, Speed, faster, slower

AFTERNOON = datetime(2026, 3, 9, 14, 3, 20, tzinfo=UTC).timestamp()
EVENING = datetime(2026, 3, 9, 23, 59, 50, tzinfo=UTC).timestamp()


@pytest.fixture(autouse=True, scope="module")
def _in_utc() -> Iterator[None]:
    """The wall has a clock of UTC."""
    patch = pytest.MonkeyPatch()
    patch.setenv("TZ", "UTC")
    clocks.tzset()
    yield
    patch.undo()
    clocks.tzset()


def run(start: float, *steps: float) -> Axis:
    """A run with an event after each of so many seconds."""
    return Axis(Mark(position, time) for position, time in enumerate(accumulate(steps, initial=start)))


def seconds(start: float, count: int = 1_000) -> Axis:
    """A run with an event each second."""
    return run(start, *[1.0] * count)


def went(text: str, axis: Axis, position: int = 0) -> int:
    """The position that a text leads to."""
    return resolve(parse(text), axis, position)


class TestTyped:
    """What is understood."""

    @pytest.mark.parametrize(
        ("text", "target"),
        [
            ("14:03:20", Colons(Clock(time(14, 3, 20)), Since(50_600, 1.0), False)),
            ("14:03", Colons(Clock(time(14, 3)), Since(843, 1.0), False)),
            ("9:05", Colons(Clock(time(9, 5)), Since(545, 1.0), False)),
            ("1:02:03", Colons(Clock(time(1, 2, 3)), Since(3723, 1.0), True)),
            ("01:02:03", Colons(Clock(time(1, 2, 3)), Since(3723, 1.0), False)),
            ("14:03:20.5", Colons(Clock(time(14, 3, 20, 500_000)), Since(50_600.5, 0.1), False)),
            ("2026-03-09 14:03:20", Clock(time(14, 3, 20), date(2026, 3, 9))),
            ("2026-03-09T14:03", Clock(time(14, 3), date(2026, 3, 9))),
            ("23:57.5", Since(1437.5, 0.1)),
            ("0:04.2", Since(4.2, 0.1)),
            ("25:00", Since(1500, 1.0)),
            ("99:59:59", Since(359_999, 1.0)),
            ("12d03:05", Since(1_047_900, 60.0)),
            ("2m30s", Since(150)),
            ("2m 30s", Since(150)),
            ("90s", Since(90)),
            ("1.5h", Since(5400)),
            ("1d2h", Since(93_600)),
            ("+90", By(90)),
            ("+2m30s", By(150)),
            ("+2m30", By(150)),
            ("+1h", By(3600)),
            ("+2:30", By(150)),
            ("+1:02:30", By(3750)),
            ("+0:04.2", By(4.2)),
            ("+0", By(0)),
            ("-30s", By(-30)),
            ("-30", By(-30)),
            ("- 1m", By(-60)),
            ("50%", Share(0.5)),
            ("12.5 %", Share(0.125)),
            ("1234", Number(1234)),
            ("1,234", Number(1234)),
            ("#1234", Number(1234)),
            ("event 1234", Number(1234)),
            ("Event #1_234", Number(1234)),
            ("end", End()),
            ("START", Number(0)),
            ("  14:03:20   ", Colons(Clock(time(14, 3, 20)), Since(50_600, 1.0), False)),
        ],
    )
    def test_is(self, text: str, target: Target) -> None:
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
    def test_all_else_is_refused_with_what_would_be_understood(self, text: str) -> None:
        with pytest.raises(ValueError, match=re.escape(UNDERSTOOD) + "$"):
            parse(text)

    @given(st.text(st.sampled_from("0123456789:+-%#,.hmsd evnt"), max_size=14), st.integers(-5, 2_000))
    def test_whatever_is_typed_leads_into_the_run_or_is_refused(self, text: str, position: int) -> None:
        target = None
        with suppress(ValueError):
            target = parse(text)
        assert target is None or 0 <= resolve(target, seconds(AFTERNOON, 50), position) <= 50


class TestClock:
    """Times of day."""

    def test_all_that_is_not_later_has_happened(self) -> None:
        assert went("14:03:25", run(AFTERNOON, 1, 3.9, 0.1, 0.1)) == 3

    def test_minutes_begin_with_their_first_second(self) -> None:
        assert went("14:04", seconds(AFTERNOON)) == 40

    def test_before_the_run_is_its_start(self) -> None:
        assert went("09:00:00", seconds(AFTERNOON)) == 0

    def test_after_the_run_is_its_end(self) -> None:
        assert went("23:00", seconds(AFTERNOON)) == 1_000

    def test_past_midnight_it_is_the_next_day(self) -> None:
        assert went("0:00:10", seconds(EVENING)) == 20

    def test_before_midnight_it_is_the_first_day(self) -> None:
        assert went("23:59:55", seconds(EVENING)) == 5

    def test_of_a_run_of_several_days_it_is_the_first_time(self) -> None:
        assert went("14:00", run(AFTERNOON, *[3600.0] * 60)) == 23
        assert went("15:03:20", run(AFTERNOON, *[3600.0] * 60)) == 1

    def test_a_date_says_which_day(self) -> None:
        assert went("2026-03-10 15:03:20", run(AFTERNOON, *[3600.0] * 60)) == 25

    @pytest.mark.parametrize(("text", "position"), [("1971-01-01 00:00", 0), ("9000-01-01 00:00", 1_000)])
    def test_a_day_on_which_there_was_no_run(self, text: str, position: int) -> None:
        assert went(text, seconds(AFTERNOON), 7) == position

    @pytest.mark.parametrize(("position", "found"), [(2, 2), (-1, 0), (9, 3)])
    def test_where_the_clock_of_the_run_knows_no_days_we_stay(self, position: int, found: int) -> None:
        assert went("14:03", run(1e17, 1, 1, 1), position) == found


class TestElapsed:
    """Times since the start, as they are shown."""

    @pytest.mark.parametrize(("text", "position"), [("0s", 0), ("90s", 90), ("2m30s", 150), ("2:30.0", 150), ("1d", 1_000)])
    def test_are_counted_from_the_start(self, text: str, position: int) -> None:
        assert went(text, seconds(AFTERNOON), 500) == position

    @given(st.lists(st.floats(0.0, 9_000.0), min_size=1, max_size=20), st.data())
    def test_what_a_timeline_shows_leads_to_what_it_shows_so(self, times: list[float], data: st.DataObject) -> None:
        axis = Axis(Mark(position, AFTERNOON + time) for position, time in enumerate([0.0, *sorted(times)]))
        said = [fmt.offset(axis.time_at(position) - axis.start) for position in range(axis.total + 1)]
        position = data.draw(st.integers(0, axis.total))
        assert said[went(said[position], axis)] == said[position]
        assert went(said[position], axis) >= position

    def test_of_many_events_at_one_time_none_is_walked_over(self) -> None:
        axis = run(AFTERNOON, 1.0, 4.0, *[0.0] * 200_000)
        asked = 0
        time_at = axis.time_at

        def counted(position: int) -> float:
            nonlocal asked
            asked += 1
            return time_at(position)

        axis.time_at = counted  # type: ignore[method-assign]
        assert went("0:04.9", axis) == 1
        assert asked < 200

    @pytest.mark.parametrize("text", ["12:00", "12:00.0", "720s"])
    def test_without_a_fraction_it_is_a_time_of_day_only_where_the_run_has_that(self, text: str) -> None:
        assert went(text, seconds(AFTERNOON)) == 720

    @pytest.mark.parametrize(
        ("text", "hour"),
        [("1:00:00", 1), ("01:00:00", 2), ("1:00", 2), ("2:30:00", 2), ("20:00:00", 21), ("0:00:00", 1)],
    )
    def test_where_it_has_both_it_is_what_is_shown_so(self, text: str, hour: int) -> None:
        """A run that began at 23 o'clock: its first hour is the 24th of the day."""
        axis = run(EVENING - 3590, *[3600.0] * 23)
        assert went(text, axis) == hour

    def test_where_it_has_neither_it_is_a_time_of_day(self) -> None:
        assert (went("9:00:00", seconds(AFTERNOON)), went("23:00", seconds(AFTERNOON))) == (0, 1_000)


class TestRelative:
    """From where one is."""

    @pytest.mark.parametrize(("text", "position"), [("+0", 500), ("+30s", 530), ("+2:30", 650), ("+1h", 1_000)])
    def test_on(self, text: str, position: int) -> None:
        assert went(text, seconds(AFTERNOON), 500) == position

    @pytest.mark.parametrize(("text", "position"), [("-0", 500), ("-30s", 470), ("-5m", 200), ("-1h", 0)])
    def test_back(self, text: str, position: int) -> None:
        assert went(text, seconds(AFTERNOON), 500) == position

    @pytest.mark.parametrize(("text", "position"), [("+30s", 30), ("+2:30", 150), ("+1h", 1_000)])
    def test_on_from_the_end_is_from_the_start(self, text: str, position: int) -> None:
        assert went(text, seconds(AFTERNOON), 1_000) == position

    def test_is_a_matter_of_time_not_of_events(self) -> None:
        axis = run(AFTERNOON, 1, 1, 10, 10)
        assert (went("+12", axis), went("-10s", axis, 4)) == (3, 3)


class TestEvents:
    """By number and share."""

    @pytest.mark.parametrize(
        ("text", "position"),
        [("0", 0), ("1", 1), ("#999", 999), ("1,000", 1_000), ("event 5000", 1_000), ("start", 0), ("end", 1_000)],
    )
    def test_by_number(self, text: str, position: int) -> None:
        assert went(text, seconds(AFTERNOON), 500) == position

    @pytest.mark.parametrize(
        ("text", "position"), [("0%", 0), ("50%", 500), ("99.95%", 999), ("100%", 1_000), ("300%", 1_000)]
    )
    def test_by_share(self, text: str, position: int) -> None:
        assert went(text, seconds(AFTERNOON), 7) == position

    @pytest.mark.parametrize("text", ["14:04", "+9", "-9", "50%", "7", "end", "start"])
    def test_where_nothing_happened_yet_there_is_one_place_to_be(self, text: str) -> None:
        assert went(text, run(AFTERNOON)) == 0


class TestSpeed:
    """How fast it is played."""

    def test_from_half_of_real_time_to_a_thousand_events_a_second(self) -> None:
        names = ["0.5x", "1x", "2x", "5x", "10x", "20x", "50x", "100x", "10 ev/s", "100 ev/s", "1000 ev/s"]
        assert [str(speed) for speed in SPEEDS] == names

    def test_faster_is_up_and_slower_is_down_again(self) -> None:
        up = [REAL_TIME]
        while faster(up[-1]) != up[-1]:
            up.append(faster(up[-1]))
        assert up == [*SPEEDS[1:]]
        assert [slower(speed) for speed in up] == [*SPEEDS[:-1]]

    def test_there_is_nothing_beyond_the_ends(self) -> None:
        assert (slower(SPEEDS[0]), faster(SPEEDS[-1])) == (SPEEDS[0], SPEEDS[-1])

    def test_ten_times_is_not_ten_events(self) -> None:
        assert Speed(10) != Speed(10, by_events=True)
