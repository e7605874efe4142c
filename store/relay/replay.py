"""Replay: the events of a stored run at the pace of the run, to a WebSocket client or to a Redis stream."""

import asyncio
from collections.abc import AsyncIterator, Callable

import redis
from websockets.frames import CloseCode

from store.database.reader import Reader
from store.errors import FileError, RedisError
from store.relay.change_feed import ChangeFeed
from store.relay.connection import Close
from store.relay.event_page import EventPages, frames_of
from store.relay.frame import StoredEvent
from store.relay.reference_event import for_reference_page
from store.relay.run_head import RunHead
from store.relay.secret_filter import SecretFilter
from store.relay.websocket_protocol import FrameWriter
from treetop.address import AddressError, mask, public
from treetop.redis_client import make_client

IDLE_MAX_S = 1.0
"""Longest pause before an event, in seconds. Longer pauses are shortened."""

SPEED_MIN, SPEED_MAX = 0.1, 1_000.0
"""Bounds of the speed, in seconds of the run per second."""

REDIS_TIMEOUT_S = 10.0
"""Seconds to wait for a connection to Redis, and for each reply."""


class Pace:
    """Due times of the events of a run."""

    def __init__(self, speed: float) -> None:
        self._speed = speed
        self._time: float | None = None
        self._due = 0.0

    def due(self, time: float, now: float) -> float:
        """When to send the next event, on the clock of `now`. `time` is the event's own time."""
        if self._time is None:
            self._time, self._due = time, now
        wait = min(max(time - self._time, 0.0) / self._speed, IDLE_MAX_S)
        self._time = max(self._time, time)
        self._due = max(self._due + wait, now - IDLE_MAX_S)  # no burst of late events after a slow client
        return self._due


async def _paced(pages: AsyncIterator[list[StoredEvent]], speed: float) -> AsyncIterator[list[StoredEvent]]:
    """The events when they are due, together if they are due at the same time."""
    clock, pace = asyncio.get_running_loop().time, Pace(speed)
    async for page in pages:
        ready: list[StoredEvent] = []
        for event in page:
            due = pace.due(event.time, clock())
            if due > clock():
                if ready:
                    yield ready
                    ready = []
                await asyncio.sleep(due - clock())
            ready.append(event)
        if ready:
            yield ready


async def replay_to_client(feed: ChangeFeed, writer: FrameWriter, head: RunHead, position: int, speed: float) -> Close:
    """Send the events of a run after `position`. Raises ClientGone, ClientStalled, RunChanged."""

    async def stored() -> AsyncIterator[list[StoredEvent]]:
        at = position
        while at < head.events:
            try:
                page = await feed.page(head, at, head.events)
            except FileError:
                await feed.wait_for_file()
                continue
            yield page.events
            at = page.last

    async for events in _paced(stored(), speed):
        await writer.send(frames_of(events, for_reference_page))
    return Close(CloseCode.NORMAL_CLOSURE, "the replay has ended")


async def publish(
    reader: Reader, run_id: str, position: int, speed: float, url: str, stream: str, on_events: Callable[[int], None]
) -> None:
    """Publish the events of a run after `position`, byte for byte. `on_events` gets the number of events of each batch.

    Raises RedisError, RunUnknown, RunChanged, FileError.
    """
    row = await reader.find(run_id)
    pages = EventPages(reader, SecretFilter(enabled=False))

    async def stored() -> AsyncIterator[list[StoredEvent]]:
        at = position
        while at < row.run.events:
            page = await pages.after(row.key, row.generation, at, row.run.events)
            yield page.events
            at = page.last

    try:
        client = make_client(url, REDIS_TIMEOUT_S, REDIS_TIMEOUT_S, stream)
    except AddressError as error:
        raise RedisError(str(error)) from None
    with client:
        async for events in _paced(stored(), speed):
            try:
                await asyncio.to_thread(_add, client, stream, events)
            except (redis.RedisError, OSError) as error:
                reason = mask(str(error), url).rstrip(".")  # Redis may quote the password
                raise RedisError(f"{public(url)}: {reason}; start Redis, or name another with --to") from error
            on_events(len(events))


def _add(client: redis.Redis, stream: str, events: list[StoredEvent]) -> None:
    pipe = client.pipeline(transaction=False)
    for event in events:
        pipe.xadd(stream, {"json_payload": event.body})
    pipe.execute()
