"""Repetitions: events that are stored already, and different events with the same id.

Publishers may send an event twice, and a stream may be read twice. An event is identified by the run_id that was published
and its event_id.
"""

import sqlite3
from collections.abc import Sequence
from typing import NamedTuple

from store.database.arrival import Arrived
from store.database.event_row import event_id_from_row
from store.database.statement import batched, placeholders


class Sorted(NamedTuple):
    """The events of a batch, by whether they are stored already."""

    fresh: list[Arrived]
    """New events."""
    repeated: int
    """Number of events that are stored already with the same content."""
    conflicting: list[Arrived]
    """Events with the id of a stored event, but with other content."""


def sort_out(connection: sqlite3.Connection, items: Sequence[Arrived]) -> Sorted:
    """Separate new events from repetitions, both of stored events and of earlier events of the batch."""
    known = _find_stored(connection, [item.identity for item in items])
    fresh, repeated, conflicting = [], 0, []
    for item in items:
        event = item.event
        alike = known.get(item.identity)
        if alike is None:  # nearly always
            known[item.identity] = [(event.run_id, event.event_id, item.crc)]
            fresh.append(item)
            continue
        name = (event.run_id, event.event_id)
        checksums = [crc for run_id, event_id, crc in alike if (run_id, event_id) == name]
        if not checksums:  # another event with the same hash
            alike.append((*name, item.crc))
            fresh.append(item)
        elif item.crc in checksums:
            repeated += 1
        else:
            conflicting.append(item)
    return Sorted(fresh, repeated, conflicting)


def _find_stored(connection: sqlite3.Connection, identities: Sequence[int]) -> dict[int, list[tuple[str | None, str, int]]]:
    """Published run_id, event_id and checksum of the body of each stored event with one of these identities."""
    found: dict[int, list[tuple[str | None, str, int]]] = {}
    for part in batched(identities):
        for identity, run_id, event_id, crc in connection.execute(
            "SELECT e.identity, CASE WHEN e.guessed THEN NULL ELSE r.run_id END, e.event_id, b.crc"
            " FROM event e JOIN run r ON r.key = e.run JOIN body b ON b.seq = e.seq"
            f" WHERE e.identity IN ({placeholders(part)}) AND r.generation >= 0",
            part,
        ):
            found.setdefault(identity, []).append((run_id, event_id_from_row(event_id), crc))
    return found
