"""What the facts keep of a prompt: its end, and a checksum. The prompt itself stays in the body of the event."""

from zlib import crc32

import msgspec
from msgspec import Struct

from store.model.facts import PREVIEW_CHARS

PROMPT_BYTES_MAX = 1_000_000
"""Maximum size in bytes of a prompt whose end is extracted."""

NO_PROMPT = msgspec.Raw()

_EMPTY = len("[]")
"""Size in bytes up to which a prompt contains no message."""


class Message(Struct, frozen=True, gc=False):
    """A message in a prompt."""

    content: str | None = None


_messages = msgspec.json.Decoder(list[Message], strict=False)


def end_of(prompt: msgspec.Raw) -> str | None:
    """The end of the last message of a prompt; None if the prompt is too large or not a list of messages."""
    if len(bytes(prompt)) > PROMPT_BYTES_MAX:
        return None
    try:
        contents = [message.content for message in _messages.decode(prompt) if message.content]
    except (ValueError, RecursionError, MemoryError):
        return None
    return contents[-1][-PREVIEW_CHARS:] if contents else None


def checksum_of(prompt: msgspec.Raw) -> int | None:
    """CRC-32 of a prompt as published; None if it is empty."""
    published = memoryview(prompt)
    return crc32(published) if len(published) > _EMPTY else None
