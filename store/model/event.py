"""An event, and the time that is used for it."""

from msgspec import Struct

from store.model.entry import StreamId
from store.model.facts import Facts
from store.model.price import Price

CLOCK_AHEAD_MAX_S = 300.0
"""Seconds that a published time may be ahead of the entry's arrival in the stream. Beyond, the arrival time is used. A time
may be behind by any amount: the event may have waited in a buffer, or be published again."""

CLOCK_EARLIEST_S = 946_684_800.0
"""2000-01-01 in seconds since 1970. An earlier time comes from a clock that was never set."""

CLOCK_LATEST_S = 253_402_300_799.0
"""9999-12-31 in seconds since 1970. A stream id beyond it is not a time."""


class Event(Struct, frozen=True, gc=False):
    """An event of a run.

    `time` is the publisher's clock in seconds since 1970. It is for display only: events are ordered by their stream. If
    that clock is implausible, `time` is the arrival time, and `skew` the seconds by which the clock was ahead (negative:
    behind). `run_id` is None if the publisher names no run. `price` is that of the call which the event ends, if no cost is
    published. It is determined when the event arrives, and stored with it.
    """

    event_id: str
    type: str
    time: float
    run_id: str | None
    facts: Facts
    skew: float | None = None
    price: Price | None = None


def event_time(time: float, at: StreamId) -> tuple[float, float | None]:
    """The time to use for an event published at `time`, and the skew of the publisher's clock if they differ.

    An id outside of the range of times, as in a stream whose ids are set by publishers, is not used as arrival time.
    """
    arrival = at.ms / 1000
    plausible = CLOCK_EARLIEST_S <= time <= arrival + CLOCK_AHEAD_MAX_S
    if plausible or not CLOCK_EARLIEST_S <= arrival <= CLOCK_LATEST_S:
        return time, None
    return arrival, time - arrival
