"""Detection of entries that were lost before they were read. Pure.

Redis does not report that a stream was trimmed, flushed or restarted: XREAD continues with the entries that exist. A read
is *contiguous* if the entry at the cursor still exists afterwards, with the content that was stored. Then nothing is
missing, because trimming removes the oldest entries first. After any other read, `next_batch` compares a snapshot of the
stream with the cursor. It uses four facts: the entry at the cursor, the number of entries ever added (Redis 7 and newer),
the newest id, and the identity of the server. max-deleted-entry-id does not help: trimming does not set it.
"""

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from store.database.source import Batch
from store.model.entry import START, Cursor, Entry, Gap, StreamId, follow


class Snapshot(Struct, frozen=True):
    """A stream at one moment."""

    entries: Sequence[Entry]
    """Entries after the cursor, at most `limit`."""
    limit: int
    crc: int | None
    """Checksum of the entry at the cursor; None if it does not exist."""
    last: StreamId | None
    """Newest id that the stream ever had; None if the stream does not exist."""
    length: int
    added: int | None
    """Number of entries ever added; None before Redis 7."""
    server: str
    """Run id of the server."""
    oldest: StreamId | None = None
    """Id of the oldest entry that exists."""
    deleted: StreamId | None = None
    """Largest id ever deleted by XDEL; None if unknown."""


def is_contiguous(cursor: Cursor, crc: int | None) -> bool:
    """Whether the entry at the cursor still exists. `crc`: checksum of the entry that has its id; None if there is none."""
    return crc is not None and crc == cursor.entry_crc


def next_batch(cursor: Cursor, snapshot: Snapshot) -> Batch[Entry]:
    """Detect what is missing after the cursor. After a reset the batch is empty; its cursor is the start of the stream."""
    batch = _compare(replace(cursor, server=snapshot.server), snapshot)
    gap = batch.gap
    is_explained = gap is not None and (gap.kind == "reset" or gap.lost is not None)
    if not is_explained and cursor.position != START and cursor.server not in (None, snapshot.server):
        note = "Redis restarted, or another server took over: entries that it does not have are lost"
        return replace(batch, gap=_gap("restarted", None, cursor, snapshot, note))
    return batch


def _compare(cursor: Cursor, snapshot: Snapshot) -> Batch[Entry]:
    entries, last, crc = snapshot.entries, snapshot.last, snapshot.crc
    has_read = cursor.position != START
    if last is None:
        if has_read:
            note = "the stream is gone: deleted, flushed, evicted, or Redis restarted without its data"
            return _reset(cursor, snapshot, note)
        return Batch((), replace(cursor, added=0))
    if has_read and last < cursor.position:
        note = "the newest id precedes the entry read last: the stream was replaced or rolled back"
        return _reset(cursor, snapshot, note)
    if has_read and crc is not None and crc != cursor.entry_crc:
        return _reset(cursor, snapshot, "another entry has the id of the entry read last: the stream was replaced")
    is_undeleted = snapshot.deleted is not None and snapshot.deleted < cursor.position
    is_older_left = snapshot.oldest is not None and snapshot.oldest < cursor.position
    if has_read and crc is None and is_older_left and is_undeleted:
        return _reset(cursor, snapshot, "older entries exist, but not the entry read last: this is another stream")
    is_complete = len(entries) < snapshot.limit
    if snapshot.added is None or (cursor.added is None and has_read and not is_complete):
        cursor = replace(cursor, added=None)
        if crc is not None or not has_read or last == cursor.position:
            return Batch(entries, follow(cursor, entries))
        note = "the entry read last was trimmed; this Redis does not report how many were"
        return _missing(cursor, snapshot, "trimmed", None, note)
    if cursor.added is None:
        cursor = replace(cursor, added=snapshot.added - (len(entries) if is_complete else snapshot.length))
    assert cursor.added is not None
    if is_complete:
        lost = snapshot.added - cursor.added - len(entries)
    else:
        lost = 0 if crc is not None else snapshot.added - snapshot.length - cursor.added
    if lost < 0:
        return _reset(cursor, snapshot, "fewer entries were ever added than were read: the stream was recreated")
    if lost > 0:
        return _missing(cursor, snapshot, "trimmed", lost, "entries were trimmed before they were read")
    has_grown = has_read and last != cursor.position
    if has_grown and crc is None and not (entries and cursor.entry_crc is None):
        return _missing(cursor, snapshot, "unsure", None, "the entry read last is gone, though the counts agree")
    return Batch(entries, follow(cursor, entries))


def _gap(kind: str, lost: int | None, cursor: Cursor, snapshot: Snapshot, note: str) -> Gap:
    return Gap(kind, lost, cursor.position, snapshot.entries[0].at if snapshot.entries else None, note)


def _missing(cursor: Cursor, snapshot: Snapshot, kind: str, lost: int | None, note: str) -> Batch[Entry]:
    after = follow(cursor, snapshot.entries, lost or 0)
    if not snapshot.entries and snapshot.last is not None:  # all entries up to `last` are gone
        after = replace(after, position=snapshot.last, entry_crc=None)
    return Batch(snapshot.entries, after, _gap(kind, lost, cursor, snapshot, note))


def _reset(cursor: Cursor, snapshot: Snapshot, note: str) -> Batch[Entry]:
    gap = Gap("reset", None, cursor.position, snapshot.last, note)
    added = 0 if snapshot.last is None else None  # of an existing stream, the next snapshot determines it
    return Batch((), Cursor(START, cursor.epoch + 1, None, added, snapshot.server), gap)
