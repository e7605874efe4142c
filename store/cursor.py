"""Did we read everything? Redis never says when a stream was trimmed, flushed or restarted: XREAD just goes on with what is
there. So every read is checked against what must be true if nothing is missing. Pure.

A read is *contiguous* when the entry at our position was still there, with the content we stored, after the read: trimming
takes the oldest first, so nothing between it and what we read can be gone. Otherwise Redis is asked again for everything
at one moment (a `Look`), and `judge` decides. Four facts are used: the entry at our position, the number of entries ever
added (Redis 7 and newer), the newest id, and the identity of the server. The obvious fifth, max-deleted-entry-id, is not:
trimming never sets it.
"""

from collections.abc import Sequence
from zlib import crc32

from msgspec import Struct
from msgspec.structs import replace

from store.events import StreamId

START = StreamId(0, 0)


class Entry(Struct, frozen=True, gc=False):
    """An entry of the stream as read: its id and its fields."""

    at: StreamId
    fields: dict[bytes, bytes]

    @property
    def crc(self) -> int:
        """A checksum of the content, to tell it from another entry with the same id."""
        crc = 0
        for name, value in self.fields.items():
            crc = crc32(value, crc32(name, crc))
        return crc


class Cursor(Struct, frozen=True):
    """How far a stream was read: the last entry whose rows are in the file."""

    position: StreamId = START
    epoch: int = 0
    """Ids are comparable only within one; a stream that was reset starts the next."""
    entry_crc: int | None = None
    """Of the entry at `position`; None where it was gone before it was read."""
    added: int | None = None
    """Of the entries that Redis says were ever added, how many are accounted for: read, or known to be lost."""
    server: str | None = None
    """The run id of the redis-server."""


class Look(Struct, frozen=True):
    """What Redis said at one moment. `last` is None when there is no such stream; `added` is None before Redis 7."""

    batch: Sequence[Entry]
    """The entries after our position, at most `limit`."""
    limit: int
    at_position: Entry | None
    last: StreamId | None
    length: int
    added: int | None
    server: str
    oldest: StreamId | None = None
    """The oldest entry there is."""
    deleted: StreamId | None = None
    """The newest entry that was ever deleted by its id; None where Redis does not tell."""


class Gap(Struct, frozen=True):
    """Entries that are gone: `lost` of them (None: nobody can know), after one id and before another."""

    kind: str
    """`trimmed`: pushed out before they were read. `reset`: the stream was emptied and began anew. `restarted`: another
    server goes on with the stream, without what the first had not saved. `unsure`: the entry we read last is gone, which
    alone proves nothing."""
    lost: int | None
    after: StreamId
    before: StreamId | None
    note: str


class Verdict(Struct, frozen=True):
    """What to do with a look: store `batch` (after noting the gap), and go on from `cursor`."""

    batch: Sequence[Entry]
    cursor: Cursor
    gap: Gap | None = None


def is_contiguous(cursor: Cursor, at_position: Entry | None) -> bool:
    """Was the entry at our position still there after the read?"""
    return at_position is not None and at_position.crc == cursor.entry_crc


def follow(cursor: Cursor, batch: Sequence[Entry], lost: int = 0) -> Cursor:
    """The cursor after reading this batch, `lost` entries before it being gone."""
    if not batch:
        return replace(cursor, added=None if cursor.added is None else cursor.added + lost)
    added = None if cursor.added is None else cursor.added + lost + len(batch)
    return replace(cursor, position=batch[-1].at, entry_crc=batch[-1].crc, added=added)


def judge(cursor: Cursor, look: Look) -> Verdict:
    """Decide what a look means. After a reset the batch is empty: read again, from the beginning of the new stream."""
    verdict = _compare(replace(cursor, server=look.server), look)
    gap = verdict.gap
    known = gap is not None and (gap.kind == "reset" or gap.lost is not None)
    if not known and cursor.position != START and cursor.server not in (None, look.server):
        note = "Redis restarted, or another took over: what it had not saved is gone"
        return replace(verdict, gap=_gap("restarted", None, cursor, look, note))
    return verdict


def _compare(cursor: Cursor, look: Look) -> Verdict:
    attached = cursor.position != START
    if look.last is None:
        if attached:
            return _reset(
                cursor, look, "the stream is gone: deleted, flushed, evicted, or Redis restarted without its data"
            )
        return Verdict((), replace(cursor, added=0))
    if attached and look.last < cursor.position:
        return _reset(cursor, look, "the newest id is older than what was read: the stream was replaced or rolled back")
    if attached and look.at_position is not None and look.at_position.crc != cursor.entry_crc:
        return _reset(cursor, look, "another entry has the id of the one read last: the stream was replaced")
    kept = look.deleted is not None and look.deleted < cursor.position  # nobody deleted the entry read last by its id
    if attached and look.at_position is None and look.oldest is not None and look.oldest < cursor.position and kept:
        return _reset(cursor, look, "older entries than the one read last are there, but not that one: another stream")
    partial = len(look.batch) < look.limit
    if look.added is None or (cursor.added is None and attached and not partial):
        cursor = replace(cursor, added=None)
        if look.at_position is not None or not attached or look.last == cursor.position:
            return Verdict(look.batch, follow(cursor, look.batch))
        return _missing(
            cursor, look, "trimmed", None, "the entry read last was pushed out; this Redis does not say how many"
        )
    if cursor.added is None:
        cursor = replace(cursor, added=look.added - (len(look.batch) if partial else look.length))
    assert cursor.added is not None
    if partial:
        lost = look.added - cursor.added - len(look.batch)
    else:
        lost = 0 if look.at_position is not None else look.added - look.length - cursor.added
    if lost < 0:
        return _reset(cursor, look, "fewer entries were ever added than were read: the stream was made anew")
    if lost > 0:
        return _missing(cursor, look, "trimmed", lost, "entries were pushed out of the stream before they were read")
    moved_on = attached and look.last != cursor.position
    if moved_on and look.at_position is None and not (look.batch and cursor.entry_crc is None):
        return _missing(cursor, look, "unsure", None, "the entry read last is gone, though the counts agree")
    return Verdict(look.batch, follow(cursor, look.batch))


def _gap(kind: str, lost: int | None, cursor: Cursor, look: Look, note: str) -> Gap:
    return Gap(kind, lost, cursor.position, look.batch[0].at if look.batch else None, note)


def _missing(cursor: Cursor, look: Look, kind: str, lost: int | None, note: str) -> Verdict:
    after = follow(cursor, look.batch, lost or 0)
    if not look.batch and look.last is not None:  # all up to here is gone; what comes next is not missing
        after = replace(after, position=look.last, entry_crc=None)
    return Verdict(look.batch, after, _gap(kind, lost, cursor, look, note))


def _reset(cursor: Cursor, look: Look, note: str) -> Verdict:
    gap = Gap("reset", None, cursor.position, look.last, note)
    added = 0 if look.last is None else None  # of a stream that is older than our reading it, the next look tells
    return Verdict((), Cursor(START, cursor.epoch + 1, None, added, look.server), gap)
