"""Events in the JSON form of protobuf, as the Go agents write them, brought into the form of the Python agents. Pure.

{"event_type": "EVENT_TYPE_STEP_STARTED", "step_started": {"step": 0, "node_id": "..."}, ...}
"""

import re
from typing import Any

from store.events import TYPES

PREFIX = "EVENT_TYPE_"
"""How the names of event types begin there."""

FREE = ("raw_plan", "input_data", "config", "metadata")
"""Fields that hold whatever an agent put there: names inside are its own."""

ENVELOPE = ("event_id", "timestamp", "event_type", "run_id")
KNOWN = {field for kind in TYPES.values() for field in kind.__struct_fields__}
"""Names of fields by which camel case is told from names that somebody chose."""

_HUMP = re.compile("(?<=[a-z0-9])(?=[A-Z])")


def plain_type(event_type: str) -> str:
    """`step_started` for `EVENT_TYPE_STEP_STARTED`; other names as they are."""
    return event_type.removeprefix(PREFIX).lower() if event_type.startswith(PREFIX) else event_type


def plain_payload(event_type: str, value: Any) -> Any:
    """The payload as a Python agent would publish it; the very same value when it is in that form."""
    if not isinstance(value, dict):
        return value
    name = plain_type(event_type)
    members = (name, "unknown_payload")
    member = next((key for key in value if _snake(key) in members and isinstance(value[key], dict)), None)
    if member is None and name == event_type and not any(_snake(key) != key and _snake(key) in KNOWN for key in value):
        return value
    if member is not None:  # the whole event, or the part of it that is not its envelope
        value = {
            **{key: rest for key, rest in value.items() if key != member and _snake(key) not in ENVELOPE},
            **value[member],
        }
    payload = _named(value)
    plan = payload.get("raw_plan")
    if isinstance(plan, dict):  # there a plan can not be a list
        payload["raw_plan"] = [plan] if plan else []
    return payload


def _named(value: dict[str, Any]) -> dict[str, Any]:
    """With the names of fields in snake case."""
    named = {}
    for key, inner in value.items():
        snake = _snake(key)
        named[snake] = _named(inner) if isinstance(inner, dict) and snake not in FREE else inner
    return named


def _snake(name: str) -> str:
    return _HUMP.sub("_", name).lower()
