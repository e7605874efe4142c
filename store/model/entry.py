"""Entries of a stream, the position up to which it was read, and gaps in it."""

from collections.abc import Sequence
from typing import NamedTuple
from zlib import crc32

from msgspec import Struct
from msgspec.structs import replace


class StreamId(NamedTuple):
    """Id of a Redis stream entry: server time in ms, and a number within that ms. Sorts in stream order."""

    ms: int
    number: int

    @classmethod
    def parse(cls, text: str | bytes) -> "StreamId":
        """Parse `1745342735470-3`. The default number is 0. Raises ValueError."""
        ms, _, number = text.partition(b"-") if isinstance(text, bytes) else text.partition("-")
        return cls(int(ms), int(number or 0))

    def __str__(self) -> str:
        return f"{self.ms}-{self.number}"

    @property
    def bounded(self) -> "StreamId":
        """The id, limited to integers that SQLite can store: those of Redis are unsigned."""
        if self.ms < 2**63 and self.number < 2**63:
            return self
        return StreamId(min(self.ms, 2**63 - 1), min(self.number, 2**63 - 1))


START = StreamId(0, 0)
"""Position before the first entry."""


class Entry(Struct, frozen=True, gc=False):
    """An entry of a stream: its id and its fields."""

    at: StreamId
    fields: dict[bytes, bytes]

    @property
    def crc(self) -> int:
        """Checksum of the fields. Distinguishes entries with the same id."""
        crc = 0
        for name, value in self.fields.items():
            crc = crc32(value, crc32(name, crc))
        return crc

    @property
    def size(self) -> int:
        """Bytes of all field values."""
        return sum(map(len, self.fields.values()))


class Cursor(Struct, frozen=True):
    """The position up to which a stream is stored in the file."""

    position: StreamId = START
    epoch: int = 0
    """Number of resets of the stream. Ids are comparable within one epoch only."""
    entry_crc: int | None = None
    """Checksum of the entry at `position`; None if that entry was lost."""
    added: int | None = None
    """Entries that were read or lost, of those that the stream ever contained (`entries-added` of Redis)."""
    server: str | None = None
    """`run_id` of the redis-server."""


class Gap(Struct, frozen=True):
    """Entries of a stream that were lost before they were read."""

    kind: str
    """`trimmed`: removed by the length limit of the stream. `reset`: the stream was emptied and filled again. `restarted`:
    another server continues the stream without the entries that the first one had not saved. `unsure`: the entry at the
    cursor is missing, which alone proves no loss."""
    lost: int | None
    """Number of lost entries; None if unknown."""
    after: StreamId
    """The last entry before the gap."""
    before: StreamId | None
    """The first entry after the gap."""
    note: str


def follow(cursor: Cursor, batch: Sequence[Entry], lost: int = 0) -> Cursor:
    """The cursor after a batch that follows `lost` entries."""
    if not batch:
        return replace(cursor, added=None if cursor.added is None else cursor.added + lost)
    added = None if cursor.added is None else cursor.added + lost + len(batch)
    return replace(cursor, position=batch[-1].at, entry_crc=batch[-1].crc, added=added)
