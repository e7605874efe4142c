"""A file that this version wrote can be read at every position."""

from pathlib import Path

import msgspec

from store.database.file import VERSION
from store.database.history import CHECKPOINT_EVENTS
from store.database.moment import Moment
from store.database.reader import Reader
from store.model.fold import fold
from store.model.span import Span
from store.model.state import Node, Run, Totals, Work, empty
from tests.golden import restore
from tests.tables import events_of, query, state_of


async def test_every_run_equals_the_fold_of_its_events_at_every_position(db: Path) -> None:
    restore(db)
    run_ids = [run_id for (run_id,) in query(db, "SELECT run_id FROM runs ORDER BY run_id")]
    assert run_ids == ["auto-nameless", "failed", "long", "working"]
    async with Reader(db) as reader:
        for run_id in run_ids:
            events = events_of(db, run_id)
            moment = Moment(reader, run_id)
            await moment.load()
            assert await state_of(moment) == fold(empty(run_id), events)
            for position in {0, 1, len(events) // 2, min(CHECKPOINT_EVENTS + 1, len(events)), len(events)}:
                moment.seek(position)
                await moment.refresh()
                assert await state_of(moment) == fold(empty(run_id), events[:position])
    assert len(events_of(db, "long")) > CHECKPOINT_EVENTS


def test_the_file_has_a_value_in_every_column(db: Path) -> None:
    restore(db)
    assert query(db, "SELECT data FROM rejected") == [(b"not json",)]
    assert query(db, "PRAGMA user_version") == [(VERSION,)]
    assert query(db, "PRAGMA integrity_check") == [("ok",)]
    for column in ("roots", "active", "totals", "error", "goal", "alarms"):
        assert query(db, f"SELECT count(*) FROM run WHERE {column} IS NOT NULL")[0][0] > 0, column
    for column in ("step", "calls", "orphans", "results", "outer", "troubled", "streaks", "repeats"):
        assert query(db, f"SELECT count(*) FROM node WHERE {column} IS NOT NULL")[0][0] > 0, column
    for table in ("event", "span"):
        assert query(db, f"SELECT count(*) FROM {table} WHERE priced_as IS NOT NULL")[0][0] > 0, table


def test_records_are_stored_as_arrays() -> None:
    """A renamed field stays readable, and names take no space in each node and checkpoint."""
    step, call, work = Span(1, "step"), Span(2, "llm", "a", "Executor"), Work("a", "llm", 3.0)
    node = _encoded(Node("a", 1, step=step, calls=(call,)))
    run = _encoded(Run("r", totals=Totals(1), active=(work,)))
    for values, record, inner in ((node, Node, ("step", "calls")), (run, Run, ("totals", "active"))):
        assert isinstance(values, list)
        fields = dict(zip(record.__struct_fields__, values, strict=True))
        assert isinstance(fields[inner[0]], list)
        assert isinstance(fields[inner[1]][0], list)


def _encoded(record: msgspec.Struct) -> object:
    """The record as it is in MessagePack."""
    return msgspec.msgpack.decode(msgspec.msgpack.encode(record))
