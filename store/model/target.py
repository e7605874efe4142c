"""Targets of a seek in a run: the texts that name them, and their positions.

14:03:20   14:03   2026-03-09 14:03:20    local time of day, on the day of the run or on a date
23:57.5   2m30s   90s   1.5h              elapsed time since the start, as the timeline shows it
1:02:03   2:30                            either of these, see `ClockOrElapsed`
+30s   +2:30   -1m   -90                  time after or before the current position; from the end on, after the start
50%                                       fraction of the events
1234   1,234   #1234   event 1234         number of an event
start   end
"""

import re
from datetime import date, datetime, time, timedelta
from math import inf, nextafter
from typing import NamedTuple

from store.model.axis import Axis

EXAMPLES = "23:57.5 or 5m elapsed, 14:03:20 of the day, +30s, -30s, 50%, event 1234, end"
"""Examples of targets, for prompts and messages."""

DURATION_ROUNDING_S = 0.5
"""Seconds by which a printed duration may exceed the measured one."""

TIME_PRECISION_S = 1e-6
"""Seconds. Exceeds the rounding error of times since 1970."""


class Clock(NamedTuple):
    """A local time of day. Without a date, on the day of the run."""

    time_of_day: time
    day: date | None = None


class Elapsed(NamedTuple):
    """Seconds after the start of the run."""

    seconds: float
    precision: float = 0.0
    """Seconds that the text leaves open: `0:04.2` with 0.1 means all times before `0:04.3`, as the timeline shows them."""


class ClockOrElapsed(NamedTuple):
    """A time of day or an elapsed time: the one that the run contains, else the time of day.

    If the run contains both, the form decides: a timeline shows `1:02:03`, a clock `01:02:03`.
    """

    clock: Clock
    elapsed: Elapsed
    elapsed_form: bool
    """Whether the text has the form in which elapsed times are shown."""


class Offset(NamedTuple):
    """Seconds after the current position; negative: before it. After the end of the run, seconds count from the start."""

    seconds: float


class Fraction(NamedTuple):
    """A fraction of the events, 0.0 to 1.0."""

    fraction: float


class EventNumber(NamedTuple):
    """The position of an event, counted from 1; 0 is before the first event."""

    position: int


class End(NamedTuple):
    """The end of the run."""


Target = Clock | Elapsed | ClockOrElapsed | Offset | Fraction | EventNumber | End

_PERCENT = re.compile(r"(\d{1,9}(?:\.\d{1,9})?) ?%", re.ASCII)
_NUMBER = re.compile(r"(?:event ?#?|#) ?(\d[\d,_]{0,17})|(\d[\d,_]{0,17})", re.ASCII)
_CLOCK = re.compile(r"(?:(\d{4}-\d\d-\d\d)[ t])?(\d\d?):(\d\d)(?::(\d\d)(?:\.(\d{1,6}))?)?", re.ASCII)
_COLONS = re.compile(r"(?:(\d{1,6}):)?(\d{1,9}):([0-5]\d(?:\.\d{1,6})?)", re.ASCII)
_DAYS = re.compile(r"(\d{1,9})d ?(\d\d?):([0-5]\d)", re.ASCII)
_UNITS = re.compile(
    r"(?:(\d{1,9}(?:\.\d{1,9})?) ?d)? ?(?:(\d{1,9}(?:\.\d{1,9})?) ?h)? ?(?:(\d{1,9}(?:\.\d{1,9})?) ?m)?"
    r" ?(?:(\d{1,12}(?:\.\d{1,9})?) ?s?)?",
    re.ASCII,
)


def parse(text: str) -> Target:
    """Parse a target. Raises ValueError, with examples, if the text is not one."""
    target = _parse(" ".join(text.lower().split()))
    if target is None:
        raise ValueError(f"type {EXAMPLES}")
    return target


def _parse(text: str) -> Target | None:
    if text == "start":
        return EventNumber(0)
    if text == "end":
        return End()
    if text[:1] in ("+", "-"):
        seconds = _seconds(text[1:].strip())
        return None if seconds is None else Offset(seconds if text[0] == "+" else -seconds)
    if match := _PERCENT.fullmatch(text):
        return Fraction(float(match[1]) / 100)
    if match := _NUMBER.fullmatch(text):
        return EventNumber(int((match[1] or match[2]).replace(",", "").replace("_", "")))
    clock, seconds = _clock(text), _seconds(text)
    if seconds is None:
        return clock
    elapsed = Elapsed(seconds, _precision(text))
    if clock is None or (text.count(":") == 1 and "." in text):
        return elapsed
    return ClockOrElapsed(clock, elapsed, elapsed_form=text[0] != "0" and text[1] == ":" and text.count(":") == 2)


def _precision(text: str) -> float:
    """Seconds of the last digit of a time with colons; of a minute for `12d03:05`."""
    if ":" not in text:
        return 0.0
    return 60.0 if "d" in text else 0.1 ** len(text.partition(".")[2])


def _seconds(text: str) -> float | None:
    """Parse `90`, `2:30`, `1:02:30`, `12d03:05`, `2m30s` or `1.5h`."""
    if match := _DAYS.fullmatch(text):
        days, hours, minutes = match.groups()
        return int(days) * 86_400 + int(hours) * 3600 + int(minutes) * 60
    if match := _COLONS.fullmatch(text):
        hours, minutes, seconds = match.groups("0")
        return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    match = _UNITS.fullmatch(text)
    if match is None or not text:
        return None
    days, hours, minutes, seconds = match.groups("0")
    return float(days) * 86_400 + float(hours) * 3600 + float(minutes) * 60 + float(seconds)


def _clock(text: str) -> Clock | None:
    match = _CLOCK.fullmatch(text)
    if match is None:
        return None
    day, hour, minute, second, fraction = match.groups()
    try:
        time_of_day = time(int(hour), int(minute), int(second or 0), int((fraction or "").ljust(6, "0")))
        return Clock(time_of_day, None if day is None else date.fromisoformat(day))
    except ValueError:
        return None


def resolve(target: Target, axis: Axis, position: int) -> int:
    """The position of a target, limited to the run. `position`: the current one."""
    match target:
        case Clock():
            at = _time_of(target, axis)
            found = position if at is None else axis.position_at(at)
        case Elapsed(seconds, precision):
            found = axis.position_at(axis.start + seconds + (precision + TIME_PRECISION_S if precision else 0.0))
            while precision and found and axis.time_at(found) - axis.start >= seconds + precision:
                # The event is shown with a later time. Continue with the last event of the time before.
                found = min(found - 1, axis.position_at(nextafter(axis.time_at(found), -inf)))
        case ClockOrElapsed(clock, elapsed, elapsed_form):
            contains_elapsed = elapsed.seconds <= axis.end - axis.start
            is_elapsed = contains_elapsed and (elapsed_form or not _contains(clock, axis))
            return resolve(elapsed if is_elapsed else clock, axis, position)
        case Offset(seconds):
            here = axis.start if position >= axis.total and seconds >= 0 else axis.time_at(position)
            found = axis.position_at(here + seconds)
        case Fraction(fraction):
            found = int(axis.total * fraction)
        case EventNumber(number):
            found = number
        case End():
            found = axis.total
    return max(0, min(found, axis.total))


def local_time(time: float) -> str:
    """Local date and time to the second; "?" if it is outside of the calendar."""
    try:
        return str(datetime.fromtimestamp(time).replace(microsecond=0))
    except (ValueError, OverflowError, OSError):
        return "?"


def is_within(target: Target, axis: Axis) -> bool:
    """Whether a target lies in the run, seen from its end. For others, `resolve` returns the start or the end."""
    duration = axis.end - axis.start + DURATION_ROUNDING_S
    match target:
        case Clock(time_of_day):
            at = _time_of(target, axis)
            unit = 0.0 if time_of_day.microsecond else 1.0 if time_of_day.second else 60.0
            return at is None or axis.start - unit < at <= axis.end
        case Elapsed(seconds):
            return seconds <= duration
        case ClockOrElapsed(clock, elapsed):
            return is_within(clock, axis) or is_within(elapsed, axis)
        case Offset(seconds):
            return abs(seconds) <= duration
        case Fraction(fraction):
            return fraction <= 1.0
        case EventNumber(number):
            return number <= axis.total
        case End():
            return True


def _contains(target: Clock, axis: Axis) -> bool:
    """Whether a time of day lies between the start and the end of the run."""
    at = _time_of(target, axis)
    return at is not None and axis.start <= at <= axis.end


def _time_of(target: Clock, axis: Axis) -> float | None:
    """Seconds since 1970 of a time of day; None if the times of the run are outside of the calendar."""
    try:
        first, last = map(datetime.fromtimestamp, (axis.start, axis.end))
        wanted = datetime.combine(target.day or first.date(), target.time_of_day)
        if target.day is None and wanted < first and first.date() < last.date():
            wanted += timedelta(days=1)
        return wanted.timestamp()
    except (ValueError, OverflowError, OSError):
        return None
