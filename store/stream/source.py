"""Reads a stream in bounded batches, each with the entries that are missing before it.

Redis cannot limit a reply by size. The number of entries per batch therefore follows the size of the entries read before:
it begins with one, at most doubles, and is one after entries of BATCH_BYTES. Where large entries follow small ones, a
reply of more than REPLY_BYTES is not read to its end: one entry is read instead.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import redis
from msgspec.structs import replace

from store.database.source import Batch
from store.errors import RedisError
from store.model.entry import START, Cursor, Entry, StreamId, follow
from store.stream.client import BLOCK_S, ReplyLimit, ReplyTooLarge, connect
from store.stream.gap import is_contiguous, next_batch
from store.stream.probe import Probe, replies_of
from store.stream.refusal import is_refusal, reason
from treetop.address import location, public

FIRST_BATCH_ENTRIES = 1
"""Number of entries in the first batch, when their size is unknown."""

BATCH_ENTRIES = 1_000
BATCH_BYTES = 4_000_000
"""Upper bounds of a batch; of the bytes only if the entries are as large as those before. A larger entry is read alone."""

REPLY_BYTES = 32_000_000
"""Number of bytes after which a reply with several entries is abandoned."""


class RedisStream:
    """A stream of Redis as a source. The next call after an error connects again."""

    def __init__(self, url: str, name: str) -> None:
        self.url = url
        self.address = public(url)
        self.location = location(url)
        self.name = name
        self.limit = FIRST_BATCH_ENTRIES
        """Number of entries that the next batch has at most."""
        self._reply_limit = ReplyLimit()
        self._client = connect(url, name, self._reply_limit)
        self._probe = Probe(self._client, name)

    @property
    def head(self) -> StreamId | None:
        """Newest id of the stream when it was last compared; None if the stream does not exist."""
        return self._probe.head

    def server(self) -> str:
        """Run id of the server. Raises RedisError."""
        with self._explaining():
            return self._probe.server()

    def holds(self, cursor: Cursor) -> bool:
        """Whether the stream contains the entry at the cursor, with the same content. Raises RedisError."""
        with self._explaining():
            return is_contiguous(cursor, self._probe.crc(cursor))

    @contextmanager
    def _explaining(self) -> Iterator[None]:
        try:
            yield
        except MemoryError as error:
            raise RedisError(f"{self.address}: its reply does not fit into memory") from error
        except (redis.RedisError, OSError) as error:
            raise RedisError(f"{self.address}: {reason(error, self.url)}", is_refusal(error)) from error

    def disconnect(self) -> None:
        """Close the connection. The next batch has at most half as many entries as the last, to fit on a nearly full disk.

        `limit` is divided by four because `adapt` may have doubled it.
        """
        self.limit = max(1, self.limit // 4)
        self._probe.scripts = None
        self._client.connection_pool.disconnect()

    def adapt(self, entries: Sequence[Entry]) -> None:
        """Set `limit` by the size of the entries read last."""
        if entries:
            size = sum(entry.size for entry in entries) // len(entries) + 1
            self.limit = max(1, min(BATCH_ENTRIES, 2 * self.limit, BATCH_BYTES // size))

    def batches(self, cursor: Cursor, follow: bool = False) -> Iterator[Batch[Entry]]:
        """The entries after the cursor, up to the last one. `follow`: without end. Raises RedisError."""
        certain, is_last = True, False
        while follow or not is_last:
            with self._explaining():
                batch = self.read(cursor, certain, wait=is_last)
            is_full = len(batch.entries) >= self.limit
            self.adapt(batch.entries)
            is_last = not is_full and (batch.gap is None or batch.gap.kind != "reset")
            yield replace(batch, is_last=is_last)
            cursor, certain = batch.cursor, False

    def read(self, cursor: Cursor, certain: bool = False, wait: bool = False) -> Batch[Entry]:
        """The next entries after the cursor, and the gap before them. Raises redis.RedisError and OSError.

        `certain`: compare a snapshot of the stream with the cursor; otherwise that is done only if entries may be missing.
        `wait`: if there are no entries, wait for BLOCK_S; if none arrive, check the stream.
        """
        self._reply_limit.bytes_left = REPLY_BYTES if self.limit > 1 else None  # one entry may have any size
        try:
            batch = self._read(cursor, certain, wait)
        except ReplyTooLarge:
            self._client.connection_pool.disconnect()
            self._reply_limit.bytes_left, self.limit = None, 1
            batch = self._read(cursor, certain, wait)
        except redis.exceptions.NoPermissionError:
            if not self._probe.scripts:
                raise
            self._probe.scripts = False  # permitted so far; the next attempt raises if another permission is missing
            batch = self._read(cursor, certain, wait)
        finally:
            self._reply_limit.bytes_left = None
        if batch.entries:
            self._probe.remember(batch.entries[-1])
            if sum(entry.size for entry in batch.entries) > REPLY_BYTES:  # its buffer stays as large as the largest reply
                self._client.connection_pool.disconnect()
        return batch

    def _read(self, cursor: Cursor, certain: bool, wait: bool) -> Batch[Entry]:
        position: Any = {self.name: str(cursor.position)}
        entries: Any = ()
        crc = None
        if wait:
            entries = self._client.xread(position, count=self.limit, block=int(BLOCK_S * 1000))
            if not entries:
                snapshot = self._probe.idle_snapshot(cursor, self.limit)
                return Batch((), cursor) if snapshot is None else next_batch(cursor, snapshot)
            if cursor.position != START:
                crc = self._probe.crc(cursor)
        elif not certain and cursor.position != START:
            pipe = self._client.pipeline(transaction=True)  # a redirection holds for a transaction as a whole
            pipe.xread(position, count=self.limit)
            self._probe.request_entry(pipe, cursor)
            entries, reply = replies_of(pipe)
            crc = self._probe.crc_of_reply(cursor, reply)
        if is_contiguous(cursor, crc):
            return Batch(entries, follow(cursor, entries))
        return next_batch(cursor, self._probe.snapshot(cursor, self.limit))
