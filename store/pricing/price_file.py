"""The user's own prices: a TOML file with a table `[[model]]` for each price.

The first table holds that names the model and whose day has come. README describes the keys.
"""

import re
from datetime import date
from fnmatch import translate
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct, field
from msgspec.structs import replace

from store.errors import PricesUnreadable
from store.pricing.price_list import listed_rates
from store.pricing.rates import Rate, Rates

PRICE_FILE = "prices.toml"
"""Name of the file, and source of its prices in `Price.model`."""

Dollars = Annotated[float, Meta(ge=0, le=1e6)]
"""US dollars per million tokens. Bounded so that NaN and infinity are rejected."""


class OwnPrice(Struct, frozen=True):
    """The prices in one table of the file."""

    names: re.Pattern[str]
    """Matches the names of the models that have these prices."""
    rates: list[Rates]
    """Those that precede others first."""


class _Table(Struct, forbid_unknown_fields=True):
    name: str
    """Name of a model. `*` and `?` match any characters; case is ignored."""
    input: Dollars | None = None
    output: Dollars | None = None
    cached: Dollars | None = None
    """None: as `input`."""
    written: Dollars | None = None
    """None: as `input`."""
    priced_as: str | None = field(name="as", default=None)
    """Model of the bundled list that has the same prices."""
    since: date | None = field(name="from", default=None)
    """First day in UTC."""


class _Prices(Struct, forbid_unknown_fields=True):
    model: list[_Table] = []


class _Wrong(ValueError):
    """A table is wrong. The message begins with the key."""


def read_prices(path: Path) -> list[OwnPrice]:
    """The prices in a file. Raises PricesUnreadable."""
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise PricesUnreadable(f"{path}: cannot be read ({error.strerror}); name another file with --prices") from error
    except UnicodeDecodeError as error:
        raise PricesUnreadable(f"{path}: is not UTF-8 (byte {error.start}); save it as UTF-8") from error
    try:
        tables = msgspec.toml.decode(text, type=_Prices).model
    except msgspec.ValidationError as error:
        raise _wrong(path, text, str(error)) from error
    except msgspec.DecodeError as error:  # the message has the line
        raise PricesUnreadable(f"{path}: is not TOML: {error}") from error
    prices = []
    for number, table in enumerate(tables):
        try:
            prices.append(OwnPrice(re.compile(translate(table.name), re.IGNORECASE), _rates(table)))
        except _Wrong as error:
            raise _wrong(path, text, f"{error} - at `$.model[{number}]`") from error
    return prices


def _rates(table: _Table) -> list[Rates]:
    if table.priced_as is not None:
        if any(price is not None for price in (table.input, table.output, table.cached, table.written)):
            raise _Wrong("`as` excludes other prices in its table")
        found = listed_rates(table.priced_as)
        if not found:
            raise _Wrong(f"`as` names a model without a price in the bundled list: {table.priced_as}")
        return [replace(rates, since=table.since) for rates in found]
    if table.input is None or table.output is None:
        raise _Wrong(f"`{'input' if table.input is None else 'output'}` is missing")
    plain = Rate(table.input)
    cached, written = (plain if price is None else Rate(price) for price in (table.cached, table.written))
    return [Rates(f"{PRICE_FILE}/{table.name}", plain, cached, written, Rate(table.output), since=table.since)]


_PLACE = re.compile(r"(?P<reason>.*?)(?: - at `\$(?:\.model\[(?P<table>\d+)\])?(?:\.(?P<key>[^`]+))?`)?", re.DOTALL)
_NAMED = re.compile(r"`([^`]+)`")


def _wrong(path: Path, text: str, message: str) -> PricesUnreadable:
    """The error of a wrong value, with its line. `message`: that of msgspec, which has the path of the value."""
    found = _PLACE.fullmatch(message)
    assert found is not None, "every part is optional"
    reason, key = found["reason"], found["key"]
    named = _NAMED.search(reason)
    line = _line(text, None if found["table"] is None else int(found["table"]), key or (named and named[1]))
    return PricesUnreadable(f"{path}: line {line}: {f'{key}: ' if key else ''}{reason}; README describes the keys")


def _line(text: str, table: int | None, key: str | None) -> int:
    """Number of the line that sets a key, in a table of the file or at its top level; else that of the first line there."""
    lines = text.splitlines()
    heads = [number for number, line in enumerate(lines) if re.match(r"\s*\[\[\s*model\s*\]\]", line)]
    start, end = 0, len(lines)
    if table is not None and table < len(heads):
        start, end = heads[table], (*heads, len(lines))[table + 1]
    keyed = re.compile(rf"""\s*\[*\s*["']?{re.escape(key)}["']?\s*[=\].]""") if key else None
    return next((n for n in range(start, end) if keyed is not None and keyed.match(lines[n])), start) + 1
