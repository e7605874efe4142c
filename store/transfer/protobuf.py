"""Events in the JSON form of protobuf, as Go agents publish them, converted to the form of Python agents. Pure.

{"event_type": "EVENT_TYPE_STEP_STARTED", "step_started": {"step": 0, "node_id": "..."}, ...}
"""

import re
from typing import Any

from store.model.event_type import TYPES

TYPE_PREFIX = "EVENT_TYPE_"
"""Prefix of event types in protobuf form."""

FREE_FIELDS = ("raw_plan", "input_data", "config", "metadata")
"""Fields with arbitrary content, whose inner names are left alone."""

ENVELOPE_FIELDS = ("event_id", "timestamp", "event_type", "run_id")
"""Fields of an event outside its payload."""

PAYLOAD_FIELDS = {field for kind in TYPES.values() for field in kind.__struct_fields__}
"""Known payload fields. A camel-case spelling of one identifies protobuf form."""

_HUMP = re.compile("(?<=[a-z0-9])(?=[A-Z])")


def plain_type(event_type: str) -> str:
    """`step_started` for `EVENT_TYPE_STEP_STARTED`; other types unchanged."""
    return event_type.removeprefix(TYPE_PREFIX).lower() if event_type.startswith(TYPE_PREFIX) else event_type


def plain_payload(event_type: str, value: Any) -> Any:
    """The payload as a Python agent publishes it. Returns `value` itself if it is in that form."""
    if not isinstance(value, dict):
        return value
    name = plain_type(event_type)
    members = (name, "unknown_payload")
    member = next((key for key in value if _snake(key) in members and isinstance(value[key], dict)), None)
    if (
        member is None
        and name == event_type
        and not any(_snake(key) != key and _snake(key) in PAYLOAD_FIELDS for key in value)
    ):
        return value
    if member is not None:  # the payload is in a member named after the type, possibly beside the envelope
        rest = {key: inner for key, inner in value.items() if key != member and _snake(key) not in ENVELOPE_FIELDS}
        value = {**rest, **value[member]}
    payload = _snake_keys(value)
    plan = payload.get("raw_plan")
    if isinstance(plan, dict):  # protobuf form has a plan without its list
        payload["raw_plan"] = [plan] if plan else []
    return payload


def _snake_keys(value: dict[str, Any]) -> dict[str, Any]:
    """The object with field names in snake case."""
    named = {}
    for key, inner in value.items():
        snake = _snake(key)
        named[snake] = _snake_keys(inner) if isinstance(inner, dict) and snake not in FREE_FIELDS else inner
    return named


def _snake(name: str) -> str:
    return _HUMP.sub("_", name).lower()
