"""Events as the web page of the reference servers can display them.

Nearly all events are sent as published. An event that would break the page is repaired: numeric ids become strings, a
missing `event_id` is the stored one, a missing duration is 0. The field `repaired` lists the repaired fields.
"""

from typing import Any

import msgspec
from msgspec import Struct

from store.model.event_type import LlmCallCompleted, ToolReturned
from store.relay.frame import StoredEvent


class _Payload(Struct):
    node_id: str | None = None
    call_id: str | None = None


class _TimedPayload(_Payload, kw_only=True):
    duration_seconds: float


class _Displayable(Struct, kw_only=True):
    event_type: str
    event_id: str
    payload: _Payload
    run_id: str | None = None


class _DisplayableTimed(_Displayable):
    payload: _TimedPayload


TIMED_TYPES = frozenset((LlmCallCompleted.type, ToolReturned.type))
"""Event types whose `duration_seconds` the page formats as a number."""

_displayable = msgspec.json.Decoder(_Displayable)
_displayable_timed = msgspec.json.Decoder(_DisplayableTimed)


def for_reference_page(event: StoredEvent) -> bytes | None:
    """The event as published, or repaired. None if it is too large for a frame or not JSON."""
    if not event.fits_frame:
        return None
    try:
        (_displayable_timed if event.type in TIMED_TYPES else _displayable).decode(event.body)
    except (ValueError, RecursionError):
        return _repaired(event)
    return event.body


def _repaired(stored: StoredEvent) -> bytes | None:
    try:
        event = msgspec.json.decode(stored.body, type=dict[str, Any])
    except (ValueError, RecursionError):
        return None
    repaired: list[str] = []
    if not isinstance(event.get("event_id"), str):
        event["event_id"] = stored.event_id
        repaired.append("event_id")
    if not isinstance(event.get("event_type"), str):
        event["event_type"] = stored.type
        repaired.append("event_type")
    payload = event.get("payload")
    if not isinstance(payload, dict):
        payload = event["payload"] = {}
        repaired.append("payload")
    for owner, prefix, name in ((event, "", "run_id"), (payload, "payload.", "node_id"), (payload, "payload.", "call_id")):
        value = owner.get(name)
        if value is not None and not isinstance(value, str):
            owner[name] = msgspec.json.encode(value).decode()
            repaired.append(f"{prefix}{name}")
    duration = payload.get("duration_seconds")
    if stored.type in TIMED_TYPES and (isinstance(duration, bool) or not isinstance(duration, int | float)):
        payload["duration_seconds"] = _number(duration)
        repaired.append("payload.duration_seconds")
    event["repaired"] = repaired
    return msgspec.json.encode(event)


def _number(value: object) -> float:
    """The number in a string, otherwise 0."""
    try:
        return msgspec.convert(value, float, strict=False)
    except ValueError:
        return 0.0
