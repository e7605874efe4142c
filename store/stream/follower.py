"""Stores the entries of one source: reads after the stored position, and commits the entries with the new position.

The next batch is read during the commit. After an error of the source, it is read again from the stored position.
"""

import random
import time

from store.database.source import Batch, Source
from store.database.stream_row import Counts
from store.database.writer import Writer
from store.errors import SourceError
from store.model.entry import Cursor, Entry
from store.stream.report import SourceReport

RETRY_FIRST_S, RETRY_MAX_S = 0.1, 5.0
"""Delay before a retry after the source was unreachable, in seconds: the first, and the maximum up to which it doubles."""

REFUSED_RETRY_S = 30.0
"""Delay in seconds before a retry after an error that a person must resolve, such as a missing permission."""


class Halt:
    """Whether followers are to end after their current batch."""

    def __init__(self) -> None:
        self.stopping = False
        """The program ends."""
        self.failing = False
        """The file must be opened again first."""

    @property
    def is_set(self) -> bool:
        return self.stopping or self.failing

    def pause(self, seconds: float) -> None:
        """Wait, at most until it is set."""
        until = time.monotonic() + seconds
        while not self.is_set and (left := until - time.monotonic()) > 0:
            time.sleep(min(left, 0.05))


class Follower:
    """Stores one source, through a writer that several followers may share."""

    def __init__(self, source: Source, report: SourceReport, halt: Halt) -> None:
        self.source = source
        self.counts = Counts()
        self._report = report
        self._halt = halt

    def follow(self, writer: Writer) -> None:
        """Store entries until the halt. Retries after errors of the source. Raises FileError, Fenced."""
        key = writer.stream(self.source.name, self.source.location)
        self._report_state(writer, key, "connecting")
        cursor: Cursor | None = None
        delay = RETRY_FIRST_S
        while not self._halt.is_set:
            writer.check_in_place()
            try:
                if cursor is None:
                    key = self._attach(writer, key)
                    cursor = writer.cursor(key)
                was_last = False
                for batch in self.source.batches(cursor, follow=True):
                    self._store(writer, key, cursor, batch)
                    cursor, delay = batch.cursor, RETRY_FIRST_S
                    if batch.is_last:
                        writer.wait_for_commit()
                    if batch.is_last or not was_last:  # after a full batch, only the next shows whether it was the last
                        self._report_state(writer, key, "live" if batch.is_last else "reading")
                    was_last = batch.is_last
                    if self._halt.is_set:
                        break
                    writer.check_in_place()
            except (SourceError, MemoryError) as error:
                refused = isinstance(error, SourceError) and error.refused
                self.source.disconnect()
                self._report_state(writer, key, "refused" if refused else "away", str(error) or "out of memory")
                self._halt.pause(REFUSED_RETRY_S if refused else random.uniform(0.0, delay))
                delay = min(2 * delay, RETRY_MAX_S)
        if self._halt.stopping:
            self._report_state(writer, key, "stopped")

    def drain(self, writer: Writer) -> None:
        """Store all entries that the source holds. Raises SourceError if they cannot be read."""
        key = self._attach(writer, writer.stream(self.source.name, self.source.location))
        cursor = writer.cursor(key)
        for batch in self.source.batches(cursor):
            self._store(writer, key, cursor, batch)
            cursor = batch.cursor
        self._report_state(writer, key, "stopped")

    def _attach(self, writer: Writer, key: int) -> int:
        """Key of the row to use; not `key` if the stream was read before at another address.

        The stream at another address is the same one if this address contains the entry that was read last there, or if
        server process and database number are the same. Of several such rows, the one with the highest position is used.
        """
        own, server = writer.cursor(key), self.source.server()
        database = self.source.location.rpartition("/")[2]
        for other, address, cursor in writer.namesakes(key):
            if cursor.position <= own.position:
                break
            is_same_server = cursor.server == server and address.rpartition("/")[2] in ("", database)
            if is_same_server or self.source.holds(cursor):
                return writer.continue_from(key, other)
        return key

    def _store(self, writer: Writer, key: int, before: Cursor, batch: Batch[Entry]) -> None:
        if batch.entries or batch.gap is not None or batch.cursor != before:
            is_full = bool(batch.entries) and not batch.is_last
            counts = writer.append(batch.entries, key, before, batch.cursor, batch.gap, defer_commit=is_full)
            self.counts.add(counts)

    def _report_state(self, writer: Writer, key: int, state: str, reason: str | None = None) -> None:
        self._report.state(writer, key, state, self.source.head, reason)
