"""Numbers and times for people. An unknown value is `n/a`, not 0."""

from datetime import datetime

UNKNOWN = "n/a"
"""Text of a value that was not published."""


def duration(seconds: float | None) -> str:
    """`0.03s`, `4.2s`, `59s`, `3m07s`, `2h05m`, `3d04h`."""
    if seconds is None:
        return UNKNOWN
    if seconds < 0:
        return "-" + duration(-seconds)
    if seconds < 9.95:
        return f"{seconds:.2f}s" if seconds < 0.1 else f"{seconds:.1f}s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02}s"
    minutes = whole // 60
    if minutes < 1440:
        return f"{minutes // 60}h{minutes % 60:02}m"
    return f"{minutes // 1440}d{minutes % 1440 // 60:02}h"


def count(number: int | None) -> str:
    """`999`, `12.3k`, `4.56M`."""
    if number is None:
        return UNKNOWN
    if number < 10_000:
        return str(number)
    for limit, unit in ((1e6, "k"), (1e9, "M"), (1e12, "G")):
        if number < limit * 0.9995:
            scaled = number / (limit / 1000)
            return (
                f"{scaled:.2f}{unit}"
                if scaled < 9.995
                else f"{scaled:.1f}{unit}"
                if scaled < 99.95
                else f"{scaled:.0f}{unit}"
            )
    return f"{number:.1e}"


def dollars(amount: float | None) -> str:
    """US dollars: `$0.0042`, `$1.24`, `$123`, `$12.3k`. A positive amount below a hundredth of a cent is `<$0.0001`."""
    if amount is None:
        return UNKNOWN
    if amount < 0:
        return f"-{dollars(-amount).removeprefix('<')}"
    if amount == 0:
        return "$0"
    if amount < 0.0001:
        return "<$0.0001"
    if amount < 0.09995:
        return f"${amount:.4f}"
    return f"${amount:.2f}" if amount < 99.995 else f"${count(round(amount))}"


def cost(known: float | None, unpriced: int) -> str:
    """What calls cost together: `$1.24`; `≥ $1.24` if that is a floor, as `unpriced` of the calls have no known cost."""
    if not unpriced or known is None:
        return dollars(known)
    return f"≥ {dollars(known if abs(known) >= 0.0001 else 0.0)}"


def full_cost(known: float | None, unpriced: int) -> str:
    """Like `cost`, with the number of calls without a known cost: `≥ $1.24 · 3 calls unpriced`."""
    return f"{cost(known, unpriced)} · {counted(unpriced, 'call')} unpriced" if unpriced else dollars(known)


def counted(number: int, thing: str, things: str = "") -> str:
    """`1 task`, `12.3k tasks`; `things`: an irregular plural."""
    return f"{count(number)} {thing if number == 1 else things or f'{thing}s'}"


def exactly(number: int, thing: str, things: str = "") -> str:
    """`1 task`, `12,345 tasks`; `things`: an irregular plural."""
    return f"{number:,} {thing if number == 1 else things or f'{thing}s'}"


def size(octets: int) -> str:
    """`812 B`, `4.2 kB`, `1.3 GB`."""
    scaled = float(octets)
    for unit in ("B", "kB", "MB", "GB"):
        if scaled < 999.5:
            return f"{scaled:.0f} {unit}" if unit == "B" or scaled >= 99.5 else f"{scaled:.1f} {unit}"
        scaled /= 1000
    return f"{scaled:.1f} TB"


def offset(seconds: float) -> str:
    """Time since the start of a run: `0:04.2`, `12:07.0`, `3:05:11`, `12d03:05`."""
    sign, seconds = ("-", -seconds) if seconds < 0 else ("", seconds)
    tenths = int(seconds * 10)
    minutes, tenths = divmod(tenths, 600)
    if minutes < 60:
        return f"{sign}{minutes}:{tenths // 10:02}.{tenths % 10}"
    if minutes < 100 * 60:
        return f"{sign}{minutes // 60}:{minutes % 60:02}:{tenths // 10:02}"
    return f"{sign}{minutes // 1440}d{minutes // 60 % 24:02}:{minutes % 60:02}"


def moment(time: float | None, now: float) -> str:
    """Local time of day; on another day the date, in another year year and month: `14:03`, `Apr 22`, `2024-04`."""
    if time is None:
        return UNKNOWN
    try:
        then, today = datetime.fromtimestamp(time), datetime.fromtimestamp(now)
    except (ValueError, OverflowError, OSError):
        return "?"
    if then.date() == today.date():
        return then.strftime("%H:%M")
    return then.strftime("%b %d" if then.year == today.year else "%Y-%m")


def time_of_day(time: float, since: float) -> str:
    """Local time of day in seconds, with the date unless it is that of `since`: `14:03:20`, `Apr 22 00:01:07`."""
    try:
        then, before = datetime.fromtimestamp(time), datetime.fromtimestamp(since)
    except (ValueError, OverflowError, OSError):
        return "?"
    return then.strftime("%H:%M:%S" if then.date() == before.date() else "%b %d %H:%M:%S")


def clock(time: float) -> str:
    """Local date and time to the millisecond."""
    try:
        return datetime.fromtimestamp(time).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    except (ValueError, OverflowError, OSError):
        return "?"
