"""Reading for one response: a reader of its own in one read transaction, so that no response delays the change feed."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from store.database.blob import fitting
from store.database.reader import Reader
from store.model.record import RunRow
from store.relay.change_feed import ChangeFeed

READERS_MAX = 4
"""Number of responses that read the file at the same time. Further requests wait."""

BODIES_MAX_BYTES = 8_000_000
"""Bytes of event bodies in one response. A larger event is returned alone."""

_BODIES = "FROM event e JOIN body b ON b.seq = e.seq WHERE e.run = ? AND e.position IN"


class Snapshots:
    """Opens readers, READERS_MAX at a time."""

    def __init__(self, feed: ChangeFeed) -> None:
        self._feed = feed
        self._readers = asyncio.Semaphore(READERS_MAX)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Reader]:
        """A reader within one read transaction. Raises FileError, at once if the feed cannot read the file either."""
        self._feed.check()
        async with self._readers, Reader(self._feed.path) as reader, reader.snapshot():
            yield reader


async def find_run(reader: Reader, name: str) -> RunRow:
    """The run with this id or beginning of an id, or `latest`. Raises RunUnknown."""
    return await reader.find(await reader.resolve(name))


async def bodies_at(reader: Reader, run: int, positions: Iterable[int]) -> tuple[list[tuple[int, bytes]], bool]:
    """Positions and bodies of these events, as many as fit into one response, and whether these are all."""
    wanted = list(positions)
    rows = await reader.rows(f"SELECT e.position, length(b.data) {_BODIES} ({_marks(wanted)})", (run, *wanted))
    sizes: dict[int, int] = dict(map(tuple, rows))
    found = [position for position in wanted if position in sizes]
    fit = found[: fitting([sizes[position] for position in found], BODIES_MAX_BYTES)]
    rows = await reader.rows(f"SELECT e.position, b.data {_BODIES} ({_marks(fit)})", (run, *fit))
    bodies: dict[int, bytes] = dict(map(tuple, rows))
    return [(position, bodies[position]) for position in fit], len(fit) == len(found)


def _marks(positions: list[int]) -> str:
    return ",".join("?" * len(positions))
