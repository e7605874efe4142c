"""A Redis stream as far as reading is concerned, without Redis: to try what can happen to it a thousand times a second."""

from dataclasses import dataclass, field, replace

from store.cursor import START, Cursor, Entry, Gap, Look, judge
from store.events import StreamId


@dataclass
class Stream:
    """What the server holds. Ids are the clock, contents are numbers that never come back."""

    counted: bool = True
    """Does this Redis say how many entries were ever added (7 and newer)?"""
    clock: int = 1_000
    server: int = 1
    published: int = 0
    added: int = 0
    last: StreamId | None = None
    entries: list[Entry] = field(default_factory=list)

    def add(self, count: int = 1, at: StreamId | None = None) -> None:
        """XADD, with ids of the server's choice, or beginning with this one."""
        for number in range(count):
            self.clock += 1
            self.published += 1
            self.added += 1
            self.last = StreamId(at.ms, at.number + number) if at else StreamId(self.clock, 0)
            self.entries.append(Entry(self.last, {b"json_payload": b"%d" % self.published}))

    def trim(self, left: int) -> None:
        """XTRIM: only so many are left."""
        del self.entries[: max(0, len(self.entries) - left)]

    def delete(self) -> None:
        """DEL, FLUSHALL, eviction: the next XADD makes a new stream."""
        self.added, self.last, self.entries = 0, None, []

    def saved(self) -> "Stream":
        """What Redis writes to its disk."""
        return replace(self, entries=list(self.entries))

    def restart(self, saved: "Stream | None" = None) -> None:
        """Another server, with what was saved."""
        self.server += 1
        self.delete()
        if saved is not None:
            self.added, self.last, self.entries = saved.added, saved.last, list(saved.entries)

    def look(self, cursor: Cursor, limit: int) -> Look:
        batch = [entry for entry in self.entries if entry.at > cursor.position][:limit]
        there = [entry for entry in self.entries if entry.at == cursor.position]
        added = self.added if self.counted and self.last is not None else None
        at_position = there[0] if there and cursor.position != START else None
        return Look(batch, limit, at_position, self.last, len(self.entries), added, f"server-{self.server}")


@dataclass
class Follower:
    """Reads the stream, and keeps what it read and which gaps it was told of."""

    limit: int = 10
    cursor: Cursor = Cursor()  # noqa: RUF009 - it never changes
    read: set[bytes] = field(default_factory=set)
    gaps: list[Gap] = field(default_factory=list)

    def catch_up(self, stream: Stream) -> list[Gap]:
        """Read all there is; the gaps found on the way."""
        found: list[Gap] = []
        for _ in range(1_000):
            verdict = judge(self.cursor, stream.look(self.cursor, self.limit))
            self.cursor = verdict.cursor
            self.read.update(entry.fields[b"json_payload"] for entry in verdict.batch)
            if verdict.gap is not None:
                found.append(verdict.gap)
            if len(verdict.batch) < self.limit and (verdict.gap is None or verdict.gap.kind != "reset"):
                self.gaps += found
                return found
        raise AssertionError("never caught up")

    def missed(self, stream: Stream) -> set[bytes]:
        """What was published and will not be read any more."""
        there = {entry.fields[b"json_payload"] for entry in stream.entries if entry.at > self.cursor.position}
        return {b"%d" % number for number in range(1, stream.published + 1)} - self.read - there
