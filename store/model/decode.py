"""Decoding of published bytes into an event."""

from codecs import getincrementaldecoder
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Union

import msgspec
from msgspec import Struct

from store.model.entry import StreamId
from store.model.event import Event, event_time
from store.model.event_type import TYPES, Other
from store.model.facts import Facts, Id

TYPE_CHARS_MAX = 1_000_000
"""Characters of an event type. Events with a longer one are rejected."""

CHUNK_BYTES = 1_000_000
"""Bytes of a body that are checked for UTF-8 at a time. Limits the memory that a large body takes."""


class Unreadable(ValueError):
    """The bytes are not an event. The message gives the reason."""


class _Envelope(Struct, frozen=True, gc=False):
    event_type: str
    payload: msgspec.Raw
    event_id: Id = None
    timestamp: Any = None
    run_id: Id = None


def _envelope_of(kind: type[Facts]) -> type[Struct]:
    """An envelope with the facts of this event type as payload."""
    fields: list[Any] = [("payload", kind), ("event_id", Id, None), ("timestamp", Any, None), ("run_id", Id, None)]
    return msgspec.defstruct(f"_{kind.__name__}", fields, frozen=True, gc=False, tag_field="event_type", tag=kind.type)


_known: msgspec.json.Decoder[Any] = msgspec.json.Decoder(
    Union[tuple(map(_envelope_of, TYPES.values()))],  # noqa: UP007
    strict=False,
)
_envelope = msgspec.json.Decoder(_Envelope, strict=False)


_decoders = {name: msgspec.json.Decoder(kind, strict=False) for name, kind in TYPES.items()}
_other = msgspec.json.Decoder(Other, strict=False)


def decode(body: bytes, at: StreamId) -> Event:
    """Decode one published body, the value of the stream entry's `json_payload` field.

    Defaults come from the stream entry: its id for a missing `event_id`, its arrival time for a missing, malformed or
    implausible `timestamp` (see `event_time`). Raises Unreadable if the body is not an event.
    """
    if not body.isascii():
        _check_text(body)  # msgspec does not check skipped fields, but SQLite reads them as text
    try:
        try:
            envelope = _known.decode(body)
            event_type, facts = envelope.payload.type, envelope.payload
        except msgspec.ValidationError:  # unknown type, or malformed
            envelope = _envelope.decode(body)
            event_type, facts = envelope.event_type, None
    except (ValueError, RecursionError, MemoryError) as error:
        raise Unreadable(_reason(error)) from error
    if not event_type:
        raise Unreadable("event_type is empty")
    if len(event_type) > TYPE_CHARS_MAX:
        raise Unreadable(f"event_type has {len(event_type):,} characters")
    event_id, run_id = envelope.event_id, envelope.run_id
    time, skew = event_time(_seconds(envelope.timestamp, at), at)
    return Event(
        str(at) if event_id in (None, "") else str(event_id),
        event_type,
        time,
        None if run_id in (None, "") else str(run_id),
        facts or _decode_payload(event_type, envelope.payload),
        skew,
    )


def _check_text(body: bytes) -> None:
    """Raises Unreadable if the body is not UTF-8."""
    with suppress(UnicodeDecodeError):  # the loop below finds the position
        if len(body) <= CHUNK_BYTES:
            body.decode()
            return
    decoder, whole = getincrementaldecoder("utf-8")(), memoryview(body)
    for start in range(0, len(body), CHUNK_BYTES):
        before = start - len(decoder.getstate()[0])
        try:
            decoder.decode(whole[start : start + CHUNK_BYTES], final=start + CHUNK_BYTES >= len(body))
        except UnicodeDecodeError as error:
            at = before + error.start
            raise Unreadable(f"not UTF-8: byte {at} is {body[at]:#04x}") from None


def _decode_payload(event_type: str, payload: msgspec.Raw) -> Facts:
    try:
        return _decoders.get(event_type, _other).decode(payload)
    except (ValueError, RecursionError, MemoryError) as error:
        raise Unreadable(f"payload of {event_type}: {_reason(error)}") from error


def _reason(error: BaseException) -> str:
    if isinstance(error, RecursionError):
        return "nested too deeply"
    if isinstance(error, MemoryError):
        return "too large to decode"
    text = str(error)
    return text if isinstance(error, msgspec.ValidationError) else f"not JSON: {text}"


def _seconds(timestamp: object, at: StreamId) -> float:
    """Parse `2025-04-22T17:25:11.434487Z` into seconds since 1970. The default is the arrival time of the entry.

    One emitter writes an offset and a `Z`. Times without an offset are UTC.
    """
    if isinstance(timestamp, str):
        text = timestamp[:-1] if timestamp.endswith("+00:00Z") else timestamp
        try:
            moment = datetime.fromisoformat(text)
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError):
            pass
    return at.ms / 1000
