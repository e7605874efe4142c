"""The stream, read a bounded piece at a time, with all that tells whether something is missing before it.

How large the next entries are nobody can ask Redis. So the number that is asked for follows the size of those before, and
a reply that turns out to be too large is not read to its end: the connection is dropped, and one entry asked for.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple

import redis
from redis.connection import DefaultParser

from store.client import make_client
from store.cursor import START, Cursor, Entry, Look, Verdict, follow, is_contiguous, judge
from store.events import StreamId
from store.url import public

BLOCK = 0.5
"""Seconds to wait in Redis for the next entry."""

CHECK = 1.0
"""Seconds between two checks that the stream is still the one we know, while nothing arrives."""

CONNECT, ANSWER = 3.0, 5.0
"""Seconds in which Redis must accept a connection, and answer."""

BATCH_FIRST = 16
BATCH = 1_000
BATCH_BYTES = 4_000_000
"""Bounds of a batch. What is waiting when one is committed is the next one, so batches grow under load by themselves;
the first is small, as nobody knows yet how large entries are."""

REPLY_BYTES = 32_000_000
"""Size above which the answer to a question for several entries is not read to its end."""


class TooLarge(redis.RedisError):
    """A reply has more bytes than are allowed."""


class Allowance:
    """How many bytes the replies may have that are still to come; None: any number."""

    def __init__(self) -> None:
        self.left: int | None = None

    def take(self, size: int) -> None:
        """So many arrived. Raises TooLarge."""
        if self.left is not None:
            self.left -= size
            if self.left < 0:
                raise TooLarge(f"a reply has more than {REPLY_BYTES:,} bytes")


class _Metered:
    """A socket that counts what arrives."""

    def __init__(self, socket: Any, allowance: Allowance) -> None:
        self._socket = socket
        self._allowance = allowance

    def __getattr__(self, name: str) -> Any:
        return getattr(self._socket, name)

    def recv_into(self, *arguments: Any) -> int:
        size: int = self._socket.recv_into(*arguments)
        self._allowance.take(size)
        return size


class _MeteredParser(DefaultParser):  # type: ignore[misc, valid-type]
    """Reads replies from a metered socket."""

    def __init__(self, allowance: Allowance, socket_read_size: int) -> None:
        super().__init__(socket_read_size=socket_read_size)
        self._allowance = allowance

    def on_connect(self, connection: Any, **options: Any) -> None:
        super().on_connect(connection, **options)
        self._sock: Any = _Metered(self._sock, self._allowance)


def connect(url: str, allowance: Allowance | None = None) -> redis.Redis:
    """A client that may be told to wait in Redis; XRANGE and XREAD give entries. Raises RedisError."""
    metered = {} if allowance is None else {"parser_class": partial(_MeteredParser, allowance)}
    client = make_client(url, BLOCK + ANSWER, CONNECT, **metered)
    client.set_response_callback("XRANGE", _entries)
    client.set_response_callback("XREAD", _entries_of_read)
    return client


class Asked(NamedTuple):
    """A question that was sent, and not answered yet: what comes after a cursor?"""

    cursor: Cursor
    connection: Any
    """Where the answer comes."""


class Source:
    """One stream of one Redis. Methods raise redis.RedisError and OSError; the connection is made anew after each."""

    def __init__(self, url: str, name: str) -> None:
        self.address = public(url)
        self.name = name
        self.head: StreamId | None = None
        """The newest id of the stream, when last looked at."""
        self.limit = BATCH_FIRST
        """How many entries are read at once."""
        self._asked: Asked | None = None
        self._allowance = Allowance()
        self._client = connect(url, self._allowance)

    def disconnect(self) -> None:
        """Let go of the connection, and of what was asked. The next is careful again: it reads half as much as the last.

        A quarter, that is, of what would have been read next: a disk with little space must get a batch that it can hold.
        """
        self.limit = max(1, self.limit // 4)
        self._take_back()
        self._client.connection_pool.disconnect()

    def read(self, cursor: Cursor, certain: bool) -> Verdict:
        """The next entries after the cursor, at most `limit`, and what is missing before them.

        `certain`: look closely, whatever it costs. Otherwise, that is done only where something may be missing.
        """
        self._allowance.left = REPLY_BYTES if self.limit > 1 else None  # a single entry may have any size
        try:
            verdict = self._read(cursor, certain)
        except TooLarge:
            self._client.connection_pool.disconnect()
            self._allowance.left, self.limit = None, 1
            verdict = self._read(cursor, certain)
        finally:
            self._allowance.left = None
        if _size(verdict.batch) > REPLY_BYTES:  # the connection keeps room for a reply as large as its last
            self._client.connection_pool.disconnect()
        return verdict

    def learn(self, batch: Sequence[Entry]) -> None:
        """Choose by these entries how many to read the next time."""
        if batch:
            self.limit = max(1, min(BATCH, 2 * self.limit, BATCH_BYTES // (_size(batch) // len(batch) + 1)))

    def wait(self, cursor: Cursor, stopping: Callable[[], bool]) -> bool:
        """Sleep in Redis until there is something to read. False: nothing came for a while, so look closely again."""
        until = time.monotonic() + CHECK
        while not stopping() and time.monotonic() < until:
            if self._client.xread({self.name: str(cursor.position)}, count=1, block=int(BLOCK * 1000)):
                return True
        return False

    def ask(self, cursor: Cursor) -> None:
        """Ask what comes after this cursor, for the next `read`: Redis answers while the caller does something else."""
        self._take_back()
        with suppress(redis.RedisError, OSError):  # the next `read` says so
            self._asked = self._ask(cursor)

    def _take_back(self) -> None:
        """Nobody wants the answer any more."""
        asked, self._asked = self._asked, None
        if asked is not None:
            self._let_go(asked, broken=True)

    def _read(self, cursor: Cursor, certain: bool) -> Verdict:
        if self._asked is not None and (certain or self._asked.cursor != cursor):
            self._take_back()
        asked, self._asked = self._asked, None
        batch = None if certain or cursor.position == START else self._glance(asked or self._ask(cursor))
        return judge(cursor, self._look(cursor)) if batch is None else Verdict(batch, follow(cursor, batch))

    def _ask(self, cursor: Cursor) -> Asked:
        """Ask for the next entries, and then for the one at the cursor, without waiting for either."""
        at = str(cursor.position)
        questions = [("XREAD", "COUNT", self.limit, "STREAMS", self.name, at), ("XRANGE", self.name, at, at)]
        asked = Asked(cursor, self._client.connection_pool.get_connection())
        try:
            asked.connection.send_packed_command(asked.connection.pack_commands(questions))
        except BaseException:
            self._let_go(asked, broken=True)
            raise
        return asked

    def _glance(self, asked: Asked) -> list[Entry] | None:
        """The cheap read: the next entries, if nothing is missing before them; None where that takes a closer look."""
        try:
            parse: Callable[[Any, str], list[Entry]] = self._client.parse_response
            batch, at_position = (parse(asked.connection, command) for command in ("XREAD", "XRANGE"))
        except BaseException:
            self._let_go(asked, broken=True)
            raise
        self._let_go(asked)
        return batch if is_contiguous(asked.cursor, at_position[0] if at_position else None) else None

    def _let_go(self, asked: Asked, broken: bool = False) -> None:
        """Of its connection, which is `broken` where an answer may be left in it."""
        if broken:
            asked.connection.disconnect()
        self._client.connection_pool.release(asked.connection)

    def _look(self, cursor: Cursor) -> Look:
        """Everything that Redis knows, at one moment."""
        server = str(self._client.info("server")["run_id"])
        pipe = self._client.pipeline(transaction=True)
        pipe.exists(self.name)
        pipe.xread({self.name: str(cursor.position)}, count=self.limit)
        pipe.xrange(self.name, str(cursor.position), str(cursor.position))
        pipe.xinfo_stream(self.name)
        there, batch, at_position, about = pipe.execute(raise_on_error=False)
        if not isinstance(there, Exception) and not there:
            self.head = None
            return Look((), self.limit, None, None, 0, None, server)
        for reply in (there, batch, at_position, about):
            if isinstance(reply, Exception):
                raise reply
        self.head = StreamId.parse(about["last-generated-id"])
        return Look(
            batch,
            self.limit,
            at_position[0] if at_position else None,
            self.head,
            about["length"],
            about.get("entries-added"),
            server,
            StreamId.parse(about["first-entry"][0]) if about.get("first-entry") else None,
            StreamId.parse(about["max-deleted-entry-id"]) if about.get("max-deleted-entry-id") else None,
        )


PASSING = (
    redis.exceptions.BusyLoadingError,
    redis.exceptions.MasterDownError,
    redis.exceptions.OutOfMemoryError,
    redis.exceptions.ReadOnlyError,
)
"""What Redis answers while it is not well: it will do by itself, or whoever minds it is at it already."""


def reason(error: Exception) -> str:
    """What is wrong, for a person. That of a wrong password speaks of Redis' protocol."""
    if isinstance(error, redis.AuthenticationError):
        return "wants a password, or another one; give it in the address, like redis://:password@localhost:6379/0"
    return str(error).rstrip(".")


def is_refusal(error: Exception) -> bool:
    """Does a person have to mend something before it makes sense to try again?"""
    if isinstance(error, redis.AuthenticationError):
        return True
    if not isinstance(error, redis.ResponseError) or isinstance(error, PASSING):
        return False
    return not str(error).startswith(("BUSY ", "UNBLOCKED "))  # a script takes long; a master became a replica


def _size(batch: Sequence[Entry]) -> int:
    """Bytes of all values."""
    return sum(len(value) for entry in batch for value in entry.fields.values())


def _entries(reply: Any, **_: Any) -> list[Entry]:
    """What XRANGE answers. An entry that was deleted while it was looked for has no fields."""
    return [
        Entry(StreamId.parse(at), dict(zip(pairs[::2], pairs[1::2], strict=True)))
        for at, pairs in reply or ()
        if pairs is not None
    ]


def _entries_of_read(reply: Any, **_: Any) -> list[Entry]:
    """What XREAD answers for one stream, in whichever of two shapes the protocol gives it."""
    if not reply:
        return []
    ((_, entries),) = reply.items() if isinstance(reply, dict) else reply
    return _entries(entries)
