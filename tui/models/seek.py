"""Where in a run somebody wants to go, as they type it, and which position that is. Pure.

14:03:20   14:03   2026-03-09 14:03:20    the time of a clock on the wall, on the day of the run
23:57.5   2m30s   90s   1.5h              so long after the start, as a timeline shows it
1:02:03   2:30                            either, see `Colons`
+30s   +2:30   -1m   -90                  so long after, or before, where one is; from the end on, after the start
50%                                       so much of the events
1234   1,234   #1234   event 1234         after this event
start   end
"""

import re
from datetime import date, datetime, time, timedelta
from math import inf, nextafter
from typing import NamedTuple

from tui.models.axis import Axis

UNDERSTOOD = "23:57.5 or 5m elapsed, 14:03:20 of the day, +30s, -30s, 50%, event 1234, end"
"""What can be typed, by example."""

TINY = 1e-6
"""Seconds: more than times since 1970 are rounded by."""


class Clock(NamedTuple):
    """A local time of day; without a date, on the day of the run."""

    moment: time
    day: date | None = None


class Since(NamedTuple):
    """Seconds after the start of the run."""

    seconds: float
    cut: float = 0.0
    """Seconds of which only the beginning was said: `0:04.2` is how all is shown that comes before `0:04.3`."""


class Colons(NamedTuple):
    """What may be a time of day or a time since the start: whichever the run has, else the time of day.

    Where it has both, it is what is shown in this form: a timeline says `1:02:03`, where a clock says `01:02:03`.
    """

    clock: Clock
    since: Since
    shown: bool
    """Is it how a time since the start is shown?"""


class By(NamedTuple):
    """Seconds after the position that one is at, or, where they are below 0, before it.

    After the end there is nothing: there, seconds are counted on from the start.
    """

    seconds: float


class Share(NamedTuple):
    """A part of the events, 0.0 to 1.0."""

    part: float


class Number(NamedTuple):
    """An event, counted from 1; 0 is before the first."""

    position: int


class End(NamedTuple):
    """After all events."""


Target = Clock | Since | Colons | By | Share | Number | End

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
    """What somebody typed. Raises ValueError, saying what is understood, for anything else."""
    said = " ".join(text.lower().split())
    target = _parse(said)
    if target is None:
        raise ValueError(f"understood are {UNDERSTOOD}" if said else f"type {UNDERSTOOD}")
    return target


def _parse(said: str) -> Target | None:
    if said == "start":
        return Number(0)
    if said == "end":
        return End()
    if said[:1] in ("+", "-"):
        seconds = _seconds(said[1:].strip())
        return None if seconds is None else By(seconds if said[0] == "+" else -seconds)
    if match := _PERCENT.fullmatch(said):
        return Share(float(match[1]) / 100)
    if match := _NUMBER.fullmatch(said):
        return Number(int((match[1] or match[2]).replace(",", "").replace("_", "")))
    clock, seconds = _clock(said), _seconds(said)
    if seconds is None:
        return clock
    since = Since(seconds, _cut(said))
    if clock is None or (said.count(":") == 1 and "." in said):
        return since
    return Colons(clock, since, shown=said[0] != "0" and said[1] == ":" and said.count(":") == 2)


def _cut(said: str) -> float:
    """What a time with colons leaves unsaid: the rest of the minute of `12d03:05`, or of its last digit."""
    if ":" not in said:
        return 0.0
    return 60.0 if "d" in said else 0.1 ** len(said.partition(".")[2])


def _seconds(said: str) -> float | None:
    """`90`, `2:30`, `1:02:30`, `12d03:05`, `2m30s`, `1.5h`."""
    if match := _DAYS.fullmatch(said):
        days, hours, minutes = match.groups()
        return int(days) * 86_400 + int(hours) * 3600 + int(minutes) * 60
    if match := _COLONS.fullmatch(said):
        hours, minutes, seconds = match.groups("0")
        return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    match = _UNITS.fullmatch(said)
    if match is None or not said:
        return None
    days, hours, minutes, seconds = match.groups("0")
    return float(days) * 86_400 + float(hours) * 3600 + float(minutes) * 60 + float(seconds)


def _clock(said: str) -> Clock | None:
    match = _CLOCK.fullmatch(said)
    if match is None:
        return None
    day, hour, minute, second, fraction = match.groups()
    try:
        moment = time(int(hour), int(minute), int(second or 0), int((fraction or "").ljust(6, "0")))
        return Clock(moment, None if day is None else date.fromisoformat(day))
    except ValueError:
        return None


def resolve(target: Target, axis: Axis, position: int) -> int:
    """The position of a target, seen from the one that one is at: 0 to the end of the run, whatever was asked for."""
    match target:
        case Clock():
            found = _at_clock(target, axis, position)
        case Since(seconds, cut):
            found = axis.position_at(axis.start + seconds + (cut + TINY if cut else 0.0))
            while cut and found and axis.time_at(found) - axis.start >= seconds + cut:
                found = min(found - 1, axis.position_at(nextafter(axis.time_at(found), -inf)))  # it is shown as later
        case Colons(clock, since, shown):
            lasted = since.seconds <= axis.end - axis.start
            is_since = lasted and (shown or not _was(clock, axis))
            return resolve(since if is_since else clock, axis, position)
        case By(seconds):
            here = axis.start if position >= axis.total and seconds >= 0 else axis.time_at(position)
            found = axis.position_at(here + seconds)
        case Share(part):
            found = int(axis.total * part)
        case Number(number):
            found = number
        case End():
            found = axis.total
    return max(0, min(found, axis.total))


def _at_clock(target: Clock, axis: Axis, position: int) -> int:
    """The last position before a time of day; the one that one is at, where the run's clock knows no days."""
    moment = _moment(target, axis)
    return position if moment is None else axis.position_at(moment)


def _was(target: Clock, axis: Axis) -> bool:
    """Did the run go on at this time of day?"""
    moment = _moment(target, axis)
    return moment is not None and axis.start <= moment <= axis.end


def _moment(target: Clock, axis: Axis) -> float | None:
    """A time of day, in seconds since 1970; None where the run's clock knows no days."""
    try:
        first, last = (datetime.fromtimestamp(moment) for moment in (axis.start, axis.end))
        wanted = datetime.combine(target.day or first.date(), target.moment)
        if target.day is None and wanted < first and first.date() < last.date():
            wanted += timedelta(days=1)
        return wanted.timestamp()
    except (ValueError, OverflowError, OSError):
        return None
