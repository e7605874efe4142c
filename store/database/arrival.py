"""Entries of a stream on their way into the file: decoded into events, or refused."""

from collections.abc import Callable
from functools import lru_cache
from zlib import crc32

from msgspec import Struct
from msgspec.structs import replace

from store.model.decode import Unreadable, decode
from store.model.entry import Entry, StreamId
from store.model.event import Event
from store.model.event_type import LlmCallCompleted, TokenUsage
from store.model.price import Price

Pricing = Callable[[str, float, TokenUsage], Price | None]
"""Returns the price of a call: by its model, its time in seconds since 1970, and its tokens."""

FIELD = b"json_payload"
"""Field of a stream entry that holds the event."""


class Arrived(Struct, gc=False):
    """An event on its way into the file."""

    seq: int
    event: Event
    concerns: tuple[str, ...]
    mentions: tuple[str, ...]
    """Ids of all nodes in the event, including its root."""
    stream: int | None
    at: StreamId
    body: bytes
    crc: int
    identity: int
    inferred: int = 0
    """Bits of the column `inferred`: RUN_INFERRED, NODE_INFERRED."""


class Refused(Struct):
    """An entry that is not an event."""

    at: StreamId
    data: bytes
    reason: str

    @property
    def size(self) -> int:
        """Bytes of the data that is kept."""
        return len(self.data)


def arrive(entry: Entry | Refused, stream: int | None, pricing: Pricing | None = None) -> Arrived | Refused:
    """Decode an entry, and price the call that it ends. An entry that was refused before is returned unchanged.

    The result has no seq yet.
    """
    if isinstance(entry, Refused):
        return entry
    body = entry.fields.get(FIELD)
    try:
        if body is None:
            names = ", ".join(name.decode("utf-8", "replace") for name in entry.fields) or "none"
            raise Unreadable(f"no field json_payload (fields: {names})")
        event = decode(body, entry.at)
    except Unreadable as error:
        return Refused(entry.at, data_of(entry), str(error))
    if pricing is not None and (price := price_of(event, pricing)) is not None:
        event = replace(event, price=price)
    concerns = event.facts.concerns
    mentions = event.facts.with_root(concerns)
    return Arrived(
        0, event, concerns, mentions, stream, entry.at, body, crc32(body), identity_of(event.run_id, event.event_id)
    )


def price_of(event: Event, pricing: Pricing) -> Price | None:
    """The price of the call that an event ends. None: it ends no LLM call, its cost is published, or there is no price."""
    facts = event.facts
    if type(facts) is not LlmCallCompleted or facts.cost is not None or facts.token_usage is None or not facts.model:
        return None
    return pricing(facts.model, event.time, facts.token_usage)


def data_of(entry: Entry | Refused) -> bytes:
    """The bytes that are kept of a refused entry: its body, or the `repr` of its fields if it has no body."""
    if isinstance(entry, Refused):
        return entry.data
    body = entry.fields.get(FIELD)
    return repr(entry.fields).encode() if body is None else body


def identity_of(run_id: str | None, event_id: str) -> int:
    """A 48-bit hash that all deliveries of an event share. `run_id` is as published.

    The upper third comes from the run, so that the identities of a run are adjacent in the index. Different events may have
    the same identity.
    """
    return _run_part(run_id) + crc32(event_id.encode("utf-8", "surrogatepass"))


@lru_cache(64)
def _run_part(run_id: str | None) -> int:
    return ((crc32((run_id or "").encode("utf-8", "surrogatepass")) & 0xFFFF) - 2**15) << 32
