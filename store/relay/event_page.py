"""Pages: consecutive events of a run, read and framed once for all clients that need them."""

import asyncio
from collections.abc import Iterable
from weakref import WeakValueDictionary

import msgspec

from store.database.blob import SELECT_BODY_SIZES, fitting
from store.database.event_row import event_id_from_row
from store.database.reader import Reader
from store.errors import RunChanged
from store.relay.frame import Rendering, StoredEvent, text_frame
from store.relay.secret_filter import SecretFilter

PAGE_MAX_EVENTS = 500
"""Largest page, in events."""

PAGE_MAX_BYTES = 256_000
"""Largest page, in bytes of event bodies. A larger event is a page of its own."""

_EVENTS = (
    "SELECT e.position, e.seq, e.time, t.name, e.event_id, b.data FROM run r JOIN event e ON e.run = r.key"
    " JOIN event_type t ON t.key = e.type JOIN body b ON b.seq = e.seq"
    " WHERE r.key = ? AND r.generation = ? AND e.position BETWEEN ? AND ? ORDER BY e.position"
)


def frames_of(events: Iterable[StoredEvent], rendering: Rendering) -> bytes:
    """The frames of these events, concatenated."""
    texts = (rendering(event) for event in events)
    return b"".join([text_frame(text) for text in texts if text is not None])


class EventPage:
    """Consecutive events of a run."""

    __slots__ = ("__weakref__", "_frames", "events", "first", "last")

    def __init__(self, events: list[StoredEvent]) -> None:
        self.events = events
        self.first, self.last = events[0].position, events[-1].position
        self._frames: dict[Rendering, bytes] = {}

    def frames(self, rendering: Rendering) -> bytes:
        """The frames of all events, made once for each rendering."""
        found = self._frames.get(rendering)
        if found is None:
            found = self._frames[rendering] = frames_of(self.events, rendering)
        return found


class EventPages:
    """Reads pages. Requests for one page share it while it is being read or still in use."""

    def __init__(self, reader: Reader, secrets: SecretFilter) -> None:
        self._reader = reader
        self._secrets = secrets
        self._in_use: WeakValueDictionary[tuple[int, int, int], EventPage] = WeakValueDictionary()
        self._reading: dict[tuple[int, int, int], asyncio.Task[EventPage]] = {}

    async def after(self, run: int, generation: int, position: int, last: int) -> EventPage:
        """At least one event after `position`, none after `last`. Raises RunChanged if the run has no such events."""
        name = (run, generation, position)
        page = self._in_use.get(name)
        if page is not None:
            return page
        reading = self._reading.get(name)
        if reading is None:
            reading = self._reading[name] = asyncio.create_task(self._read(run, generation, position, last))
            reading.add_done_callback(lambda done: self._finish(name, done))
        page = await asyncio.shield(reading)
        self._in_use[name] = page
        return page

    def _finish(self, name: tuple[int, int, int], reading: asyncio.Task[EventPage]) -> None:
        del self._reading[name]
        if not reading.cancelled():
            reading.exception()  # marks it as retrieved, even if every waiting client has gone

    async def _read(self, run: int, generation: int, position: int, last: int) -> EventPage:
        last = min(last, position + PAGE_MAX_EVENTS)
        lengths = [row[0] for row in await self._reader.rows(SELECT_BODY_SIZES, (run, position + 1, last))]
        count = fitting(lengths, PAGE_MAX_BYTES)
        rows = await self._reader.rows(_EVENTS, (run, generation, position + 1, position + count))
        if not rows or len(rows) != count:
            raise RunChanged("the run was deleted or rebuilt while it was read; read it again")
        events = [
            StoredEvent(position, seq, time, name, event_id_from_row(event_id), body)
            for position, seq, time, name, event_id, body in rows
        ]
        if self._secrets.enabled:
            bodies = await self._secrets.apply(event.body for event in events)
            events = [msgspec.structs.replace(event, body=body) for event, body in zip(events, bodies, strict=True)]
        return EventPage(events)
