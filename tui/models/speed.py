"""How fast a run is played: at multiples of the time that it took, and beyond that by its events. Pure."""

from typing import NamedTuple


class Speed(NamedTuple):
    """So many seconds of the run, or so many events, in a second."""

    rate: float
    by_events: bool = False

    def __str__(self) -> str:
        return f"{self.rate:g} ev/s" if self.by_events else f"{self.rate:g}x"


SPEEDS = (
    *(Speed(rate) for rate in (0.5, 1, 2, 5, 10, 20, 50, 100)),
    *(Speed(rate, by_events=True) for rate in (10, 100, 1000)),
)
"""From the slowest to the fastest."""

REAL_TIME = Speed(1)


def faster(speed: Speed) -> Speed:
    """The next faster one, or the same where there is none."""
    return SPEEDS[min(SPEEDS.index(speed) + 1, len(SPEEDS) - 1)]


def slower(speed: Speed) -> Speed:
    """The next slower one, or the same where there is none."""
    return SPEEDS[max(SPEEDS.index(speed) - 1, 0)]
