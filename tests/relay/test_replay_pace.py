"""Due times of the events of a replay."""

from itertools import pairwise

import pytest

from store.relay.replay import IDLE_MAX_S, Pace


def dues(times: list[float], speed: float) -> list[float]:
    """Due times in seconds after the first event, for a client that takes everything at once."""
    pace, now, found = Pace(speed), 100.0, []
    for time in times:
        now = max(now, pace.due(time, now))
        found.append(now - 100.0)
    return found


def test_speed_1_keeps_the_time_of_the_run() -> None:
    assert dues([5.0, 5.5, 6.0], 1.0) == pytest.approx([0.0, 0.5, 1.0])


def test_a_higher_speed_divides_pauses() -> None:
    assert dues([5.0, 15.0, 16.0], 20.0) == pytest.approx([0.0, 0.5, 0.55])


def test_long_pauses_are_shortened() -> None:
    assert dues([0.0, 3_600.0, 3_600.5], 1.0) == pytest.approx([0.0, IDLE_MAX_S, IDLE_MAX_S + 0.5])


def test_a_clock_set_back_adds_no_pause() -> None:
    assert dues([10.0, 3.0, 4.0, 10.5], 1.0) == pytest.approx([0.0, 0.0, 0.0, 0.5])


def test_late_events_are_not_sent_in_a_burst() -> None:
    pace = Pace(1.0)
    pace.due(0.0, 0.0)
    late = [pace.due(float(time), 50.0) for time in range(1, 5)]
    assert all(after - before == 1.0 for before, after in pairwise(late[1:]))
    assert late[0] == 50.0 - IDLE_MAX_S
