"""Encoding of events as JSON, and the text forms of values.

Payloads may contain objects of any library: pydantic models, numpy numbers, paths, exceptions, invalid Unicode. All of them
become readable JSON, which need not be convertible back.
"""

import math
import os
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count
from numbers import Integral, Real
from typing import Any
from uuid import uuid4

import msgspec
from msgspec import Struct

_SURROGATE = re.compile("[\ud800-\udfff]")


class _Envelope(Struct):
    """The five fields of every event, in order of publication."""

    event_id: str
    timestamp: datetime
    event_type: str
    payload: Mapping[str, object]
    run_id: str | None


def plain(value: object) -> object:
    """Replace a value that JSON cannot express by one that it can."""
    kind = type(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, Mapping):
        return dict(value)
    for name in ("model_dump", "tolist"):  # pydantic, numpy; checked in the class, as mocks have all attributes
        if hasattr(kind, name):
            return getattr(value, name)()
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    return repr(value) if isinstance(value, BaseException) else text(value)


_encoder = msgspec.json.Encoder(enc_hook=plain)


def encode_event(event_type: str, payload: Mapping[str, object], run_id: str | None) -> bytes:
    """Body of a new event. Raises what its values raise; RecursionError for a value that contains itself."""
    event = _Envelope(new_id(), datetime.now(UTC), event_type, payload, run_id)
    try:
        return _encoder.encode(event)
    except UnicodeEncodeError:
        return _encoder.encode(_without_surrogates(msgspec.to_builtins(event, enc_hook=plain, str_keys=True)))


def _without_surrogates(value: Any) -> Any:
    """Replace lone surrogates, which UTF-8 cannot encode, by U+FFFD."""
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, dict):
        return {_without_surrogates(key): _without_surrogates(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_without_surrogates(inner) for inner in value]
    return value


_numbers = count()
_head = ""
"""First 24 characters of all ids that this process generates."""


def _draw_head() -> None:
    global _head
    _head = str(uuid4())[:24]


_draw_head()
os.register_at_fork(after_in_child=_draw_head)  # else parent and child would generate the same ids


def new_id() -> str:
    """A UUID of version 4: the head is random, the tail a counter. Costs an eighth of `uuid4`."""
    return f"{_head}{next(_numbers):012x}"


def now() -> str:
    """Current time in UTC, in the format of events."""
    return f"{datetime.now(UTC).isoformat(timespec='microseconds')[:-6]}Z"


def text(value: object) -> str:
    """A value as text; the name of the exception if `str` raises one."""
    if isinstance(value, str):
        return value
    try:
        return str(value)
    except Exception as error:  # `__str__` may raise anything
        return f"<{type(value).__name__}: {type(error).__name__}>"


def json_text(value: object) -> str:
    """A string unchanged, any other value as JSON, or as text if that fails."""
    if isinstance(value, str):
        return value
    try:
        return _encoder.encode(value).decode()
    except Exception:  # as above
        return text(value)


def cut(whole: str, limit: int) -> str:
    """The first `limit` characters and three dots, which follow a shorter text, too, as in the reference agents."""
    return f"{whole[:limit]}..."


def user_text(messages: object) -> str:
    """Content of the last message of the user in a prompt."""
    if isinstance(messages, list | tuple):
        for message in reversed(messages):
            if isinstance(message, Mapping) and message.get("role") == "user":
                return text(message.get("content"))
    return text(messages)


def count_of(value: object, least: int = 0) -> int | None:
    """An integer from `least` to 2**63 - 1; None for any other value, also for True and 1.0."""
    if type(value) is not int:
        if isinstance(value, bool) or not isinstance(value, Integral):
            return None
        value = int(value)
    return value if least <= value < 2**63 else None


def amount_of(value: object) -> float | None:
    """A finite number that is not negative; None for any other value, also for True and "1.0"."""
    if isinstance(value, bool) or not isinstance(value, Real | Decimal):
        return None
    try:
        amount = float(value)
    except (ValueError, OverflowError):  # a signalling NaN, an integer that is too large
        return None
    return amount if 0.0 <= amount < math.inf else None


COUNTS = ("prompt_tokens", "completion_tokens", "cached_tokens", "cache_write_tokens", "reasoning_tokens")
"""Fields of a token usage that treetop reads. Other fields are published as they are."""

DETAILS = {"cached_tokens": "prompt_tokens_details", "reasoning_tokens": "completion_tokens_details"}
"""Parts of the counts, and the fields in which OpenAI nests them."""


def token_usage_of(value: object) -> Mapping[str, object] | None:
    """Token counts of a mapping or of an object of a client library; None if it has none. Invalid counts are left out."""
    if type(value) is dict and all(type(name) is str and type(n) is int and 0 <= n < 2**63 for name, n in value.items()):
        return value
    if value is None:
        return None
    try:
        usage = msgspec.to_builtins(value, enc_hook=plain, str_keys=True)
    except Exception:  # as above
        return None
    if not isinstance(usage, dict):
        return None
    for name, inside in DETAILS.items():
        if isinstance(details := usage.get(inside), dict) and name in details:
            usage.setdefault(name, details[name])
    return {name: number for name, number in usage.items() if name not in COUNTS or count_of(number) is not None}
