"""Model of a Redis stream without Redis, and a reader of it, for tests of many histories."""

from dataclasses import dataclass, field, replace

from store.model.entry import START, Cursor, Entry, Gap, StreamId
from store.stream.gap import Snapshot, next_batch


@dataclass
class Stream:
    """A stream. Ids are times of a clock; contents are numbers, each used once."""

    counted: bool = True
    """Whether Redis reports the number of entries ever added (7 and newer)."""
    clock: int = 1_000
    server: int = 1
    published: int = 0
    added: int = 0
    last: StreamId | None = None
    entries: list[Entry] = field(default_factory=list)

    def add(self, count: int = 1, at: StreamId | None = None) -> None:
        """XADD, with generated ids, or with ids that begin with `at`."""
        for number in range(count):
            self.clock += 1
            self.published += 1
            self.added += 1
            self.last = StreamId(at.ms, at.number + number) if at else StreamId(self.clock, 0)
            self.entries.append(Entry(self.last, {b"json_payload": b"%d" % self.published}))

    def trim(self, left: int) -> None:
        """XTRIM, to `left` entries."""
        del self.entries[: max(0, len(self.entries) - left)]

    def delete(self) -> None:
        """DEL, FLUSHALL or eviction: the next XADD creates a new stream."""
        self.added, self.last, self.entries = 0, None, []

    def saved(self) -> "Stream":
        """Copy of the stream, as Redis saves it to disk."""
        return replace(self, entries=list(self.entries))

    def restart(self, saved: "Stream | None" = None) -> None:
        """Start another server, with saved data if there is any."""
        self.server += 1
        self.delete()
        if saved is not None:
            self.added, self.last, self.entries = saved.added, saved.last, list(saved.entries)

    def snapshot(self, cursor: Cursor, limit: int) -> Snapshot:
        """Snapshot with the entries after the cursor, at most `limit`."""
        entries = [entry for entry in self.entries if entry.at > cursor.position][:limit]
        at_cursor = [entry for entry in self.entries if entry.at == cursor.position]
        added = self.added if self.counted and self.last is not None else None
        crc = at_cursor[0].crc if at_cursor and cursor.position != START else None
        return Snapshot(entries, limit, crc, self.last, len(self.entries), added, f"server-{self.server}")


@dataclass
class Follower:
    """Reads a stream, and collects the contents of its entries and the detected gaps."""

    limit: int = 10
    cursor: Cursor = Cursor()  # noqa: RUF009 - immutable
    read: set[bytes] = field(default_factory=set)
    gaps: list[Gap] = field(default_factory=list)

    def catch_up(self, stream: Stream) -> list[Gap]:
        """Read to the end of the stream. Returns the gaps detected meanwhile."""
        found: list[Gap] = []
        for _ in range(1_000):
            batch = next_batch(self.cursor, stream.snapshot(self.cursor, self.limit))
            self.cursor = batch.cursor
            self.read.update(entry.fields[b"json_payload"] for entry in batch.entries)
            if batch.gap is not None:
                found.append(batch.gap)
            if len(batch.entries) < self.limit and (batch.gap is None or batch.gap.kind != "reset"):
                self.gaps += found
                return found
        raise AssertionError("never caught up")

    def missed(self, stream: Stream) -> set[bytes]:
        """Contents that were published, not read, and no longer exist."""
        unread = {entry.fields[b"json_payload"] for entry in stream.entries if entry.at > self.cursor.position}
        return {b"%d" % number for number in range(1, stream.published + 1)} - self.read - unread
