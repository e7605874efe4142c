"""WebSocket text frames of events.

Frames of a server are neither masked nor compressed, so the bytes of a frame are the same for every client.
"""

import struct
from collections.abc import Callable

from msgspec import Struct

EVENT_MAX_BYTES = 16_000_000
"""Bytes of the largest event sent over a WebSocket. HTTP returns larger events by position."""

WHOLE_TEXT = 0x81
"""First byte of a text frame that is a whole message."""


class StoredEvent(Struct, frozen=True):
    """An event as published, with its place in the run and in the file."""

    position: int
    seq: int
    time: float
    type: str
    event_id: str
    body: bytes

    @property
    def fits_frame(self) -> bool:
        """Whether the event is small enough for a WebSocket frame."""
        return len(self.body) <= EVENT_MAX_BYTES


Rendering = Callable[[StoredEvent], bytes | None]
"""Returns the text of an event's frame; None omits the event."""


def text_frame(text: bytes) -> bytes:
    """A WebSocket text frame with this payload."""
    size = len(text)
    if size < 126:
        return bytes((WHOLE_TEXT, size)) + text
    if size < 65_536:
        return struct.pack("!BBH", WHOLE_TEXT, 126, size) + text
    return struct.pack("!BBQ", WHOLE_TEXT, 127, size) + text


def with_position(event: StoredEvent) -> bytes:
    """The event and its position: a message of `/ws/runs/ID`."""
    if not event.fits_frame:
        return b'{"type":"skipped","position":%d,"bytes":%d}' % (event.position, len(event.body))
    return b'{"type":"event","position":%d,"event":%b}' % (event.position, event.body)
