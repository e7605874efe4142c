"""Speeds of playback: multiples of real time, and events a second. Pure."""

from typing import NamedTuple


class Speed(NamedTuple):
    """Seconds of the run, or number of events, that are played in a second."""

    rate: float
    by_events: bool = False

    def __str__(self) -> str:
        return f"{self.rate:g} ev/s" if self.by_events else f"{self.rate:g}x"


SPEEDS = (
    *(Speed(rate) for rate in (0.5, 1, 2, 5, 10, 20, 50, 100)),
    *(Speed(rate, by_events=True) for rate in (10, 100, 1000)),
)
"""All speeds, slowest first."""

REAL_TIME = Speed(1)


def faster(speed: Speed) -> Speed:
    """The next faster speed, if there is one, else the same."""
    return SPEEDS[min(SPEEDS.index(speed) + 1, len(SPEEDS) - 1)]


def slower(speed: Speed) -> Speed:
    """The next slower speed, if there is one, else the same."""
    return SPEEDS[max(SPEEDS.index(speed) - 1, 0)]
