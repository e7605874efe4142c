"""Where somebody wants to go, as they type it."""

import time as clocks
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, time
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.record import Mark
from tui.models.axis import Axis
from tui.models.seek import Back, Clock, End, Number, Share, Since, Target, parse, resolve
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
            ("14:03:20", Clock(time(14, 3, 20))),
            ("14:03", Clock(time(14, 3))),
            ("9:05", Clock(time(9, 5))),
            ("14:03:20.5", Clock(time(14, 3, 20, 500_000))),
            ("2026-03-09 14:03:20", Clock(time(14, 3, 20), date(2026, 3, 9))),
            ("2026-03-09T14:03", Clock(time(14, 3), date(2026, 3, 9))),
            ("+90", Since(90)),
            ("+2m30s", Since(150)),
            ("+2m 30s", Since(150)),
            ("+2m30", Since(150)),
            ("+1h", Since(3600)),
            ("+1.5h", Since(5400)),
            ("+1d2h", Since(93_600)),
            ("+2:30", Since(150)),
            ("+1:02:30", Since(3750)),
            ("+0:04.2", Since(4.2)),
            ("+0", Since(0)),
            ("-30s", Back(30)),
            ("-30", Back(30)),
            ("- 1m", Back(60)),
            ("50%", Share(0.5)),
            ("12.5 %", Share(0.125)),
            ("1234", Number(1234)),
            ("1,234", Number(1234)),
            ("#1234", Number(1234)),
            ("event 1234", Number(1234)),
            ("Event #1_234", Number(1234)),
            ("end", End()),
            ("START", Number(0)),
            ("  14:03   ", Clock(time(14, 3))),
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
            "25:00",
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
        with pytest.raises(ValueError, match=r"14:03:20, \+2m30s, -30s, 50%, 1234 \(an event\), start or end$"):
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
        assert went("9:00", seconds(AFTERNOON)) == 0

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


class TestRelative:
    """From the start, and from where one is."""

    @pytest.mark.parametrize(("text", "position"), [("+0", 0), ("+90", 90), ("+2:30", 150), ("+1d", 1_000)])
    def test_since_the_start(self, text: str, position: int) -> None:
        assert went(text, seconds(AFTERNOON), 500) == position

    @pytest.mark.parametrize(("text", "position"), [("-0", 500), ("-30s", 470), ("-5m", 200), ("-1h", 0)])
    def test_back_from_where_one_is(self, text: str, position: int) -> None:
        assert went(text, seconds(AFTERNOON), 500) == position

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
