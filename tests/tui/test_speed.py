"""Speeds of playback."""

from tui.models.speed import REAL_TIME, SPEEDS, Speed, faster, slower


def test_speeds_range_from_half_of_real_time_to_a_thousand_events_per_second() -> None:
    names = ["0.5x", "1x", "2x", "5x", "10x", "20x", "50x", "100x", "10 ev/s", "100 ev/s", "1000 ev/s"]
    assert [str(speed) for speed in SPEEDS] == names


def test_slower_is_the_inverse_of_faster() -> None:
    up = [REAL_TIME]
    while faster(up[-1]) != up[-1]:
        up.append(faster(up[-1]))
    assert up == [*SPEEDS[1:]]
    assert [slower(speed) for speed in up] == [*SPEEDS[:-1]]


def test_the_slowest_and_the_fastest_speed_are_limits() -> None:
    assert (slower(SPEEDS[0]), faster(SPEEDS[-1])) == (SPEEDS[0], SPEEDS[-1])


def test_a_factor_and_a_rate_of_the_same_number_differ() -> None:
    assert Speed(10) != Speed(10, by_events=True)
