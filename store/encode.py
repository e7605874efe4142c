"""Whatever an agent has in hand, as the JSON that is published.

Agents pass what their libraries gave them: models of pydantic, numbers of numpy, paths, exceptions, broken Unicode. All of
it becomes something that can be read, if not read back.
"""

import os
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import msgspec
from msgspec import Struct

_SURROGATE = re.compile("[\ud800-\udfff]")


class _Envelope(Struct):
    """The five keys of every event, in their order."""

    event_id: str
    timestamp: str
    event_type: str
    payload: Mapping[str, object]
    run_id: str | None


def plain(value: object) -> object:
    """A value that JSON has no word for, in words that it has."""
    kind = type(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, Mapping):
        return dict(value)
    for name in ("model_dump", "tolist"):  # pydantic, numpy; asked of the class, as some objects have every attribute
        if hasattr(kind, name):
            return getattr(value, name)()
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    return repr(value) if isinstance(value, BaseException) else text(value)


_encoder = msgspec.json.Encoder(enc_hook=plain)


def encode_event(event_type: str, payload: Mapping[str, object], run_id: str | None) -> bytes:
    """The body of a new event, said now. Raises whatever the values do: for circular ones, RecursionError."""
    event = _Envelope(str(uuid4()), now(), event_type, payload, run_id)
    try:
        return _encoder.encode(event)
    except UnicodeEncodeError:
        return _encoder.encode(_mend(msgspec.to_builtins(event, enc_hook=plain, str_keys=True)))


def _mend(value: Any) -> Any:
    """The same without halves of characters, which UTF-8 has no bytes for."""
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, dict):
        return {_mend(key): _mend(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_mend(inner) for inner in value]
    return value


def now() -> str:
    """The time in UTC, as events tell it."""
    return f"{datetime.now(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


def text(value: object) -> str:
    """Any value as text, even one that fails to say what it is."""
    if isinstance(value, str):
        return value
    try:
        return str(value)
    except Exception as error:  # an agent's own classes may raise anything
        return f"<{type(value).__name__}: {type(error).__name__}>"


def json_text(value: object) -> str:
    """A text as it is, any other value as JSON, where that is possible."""
    if isinstance(value, str):
        return value
    try:
        return _encoder.encode(value).decode()
    except Exception:  # as above
        return text(value)


def cut(whole: str, limit: int) -> str:
    """The beginning of a text and three dots, which follow whether or not something was cut."""
    return f"{whole[:limit]}..."


def user_text(messages: object) -> str:
    """What the user said last, in the messages of a prompt."""
    if isinstance(messages, list | tuple):
        for message in reversed(messages):
            if isinstance(message, Mapping) and message.get("role") == "user":
                return text(message.get("content"))
    return text(messages)


def token_usage_of(value: object) -> dict[str, object] | None:
    """The counts of tokens, of a mapping or of what a library has in its place; None when they are not told."""
    try:
        usage = msgspec.to_builtins(value, enc_hook=plain, str_keys=True)
    except Exception:  # as above
        return None
    return usage if isinstance(usage, dict) else None
