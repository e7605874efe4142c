"""The head of a run: its identity and its extent in the file.

Every function raises FileError if the file cannot be read.
"""

from msgspec import Struct

from store.database.reader import Reader
from store.model.event_type import RunStarted

HEAD_COLUMNS = (
    "r.key, r.run_id, r.generation, r.events, r.first_seq, r.last_seq,"
    " (SELECT e.stream IS NOT NULL FROM event e WHERE e.seq = r.first_seq)"
)
"""Columns of a RunHead, from table `run` as `r`."""


class RunHead(Struct, frozen=True):
    """Identity and extent of a run. A rebuilt run has a higher generation and other positions."""

    key: int
    run_id: str
    generation: int
    events: int
    first_seq: int
    last_seq: int
    streamed: int
    """1 if the first event came from a stream, 0 if it was imported."""


async def _heads(reader: Reader, condition: str, *parameters: object) -> list[RunHead]:
    rows = await reader.rows(f"SELECT {HEAD_COLUMNS} FROM run r WHERE r.generation >= 0 AND {condition}", parameters)
    return [RunHead(*row) for row in rows]


async def _head(reader: Reader, condition: str, *parameters: object) -> RunHead | None:
    return next(iter(await _heads(reader, condition, *parameters)), None)


async def by_id(reader: Reader, run_id: str) -> RunHead | None:
    """The run with this id."""
    return await _head(reader, "r.run_id = ?", run_id)


async def by_key(reader: Reader, key: int) -> RunHead | None:
    """The run with this key."""
    return await _head(reader, "r.key = ?", key)


async def by_event(reader: Reader, seq: int) -> RunHead | None:
    """The run to which the event with this seq belongs now."""
    return await _head(reader, "r.key = (SELECT run FROM event WHERE seq = ?)", seq)


async def latest_unfailed(reader: Reader) -> RunHead | None:
    """The run with the latest start among those that did not fail."""
    return await _head(reader, "r.status <> 'error' ORDER BY r.started DESC, r.first_seq DESC LIMIT 1")


async def latest_running(reader: Reader) -> RunHead | None:
    """The run with the latest start among those that have not ended."""
    return await _head(reader, "r.status = 'running' ORDER BY r.started DESC, r.first_seq DESC LIMIT 1")


async def begun_after(reader: Reader, seq: int) -> list[RunHead]:
    """The runs whose first event is newer than this seq, oldest first."""
    return await _heads(reader, "r.first_seq > ? ORDER BY r.first_seq", seq)


async def newest_seq(reader: Reader) -> int:
    """The seq of the newest event in the file."""
    seq: int = (await reader.rows("SELECT coalesce(max(seq), 0) FROM event"))[0][0]
    return seq


async def count_events(reader: Reader, key: int, last_seq: int) -> int:
    """Number of events of a run up to this seq."""
    count: int = (await reader.rows("SELECT count(*) FROM event WHERE run = ? AND seq <= ?", (key, last_seq)))[0][0]
    return count


async def begins_with_run_started(reader: Reader, key: int) -> bool:
    """Whether the first event of a run is `run_started`."""
    sql = "SELECT t.name FROM event e JOIN event_type t ON t.key = e.type WHERE e.run = ? AND e.position = 1"
    return [row[0] for row in await reader.rows(sql, (key,))] == [RunStarted.type]
