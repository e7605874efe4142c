"""Every entry ends as an event or among the rejected, byte for byte, and the counts add up."""

import ast
import asyncio
import json
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from store.database.arrival import Arrived, arrive
from store.database.reader import Reader
from store.database.run_queries import RunQueries
from store.database.whole_run import whole_run
from store.model.document import encode, row_document
from store.model.entry import Entry, StreamId
from store.model.fold import fold
from store.model.runaway import runaways
from store.model.state import empty
from store.stream.server import RedisServer
from tests.fuzz.conftest import Stored, store
from tests.fuzz.corpus import FIELD, Fate, Hostile, corpus, large
from tests.ledger import LEDGER, Line
from tests.recorder import Recorder
from tests.tables import query, states
from tests.tui.stage import is_control
from tui.cli import option, report


def bytes_of(entry: Hostile) -> bytes:
    """The stored bytes of an entry that is not an event."""
    return entry.fields.get(FIELD, repr(entry.fields).encode())


def check(stored: Stored, name: str) -> None:
    """Check that every published entry is in the file once."""
    events = {(ms, number): (event_id, data) for ms, number, event_id, data in query(
        stored.path, "SELECT e.ms, e.number, e.event_id, b.data FROM event e JOIN body b ON b.seq = e.seq"
    )}  # fmt: skip
    rejected = {(ms, number): (reason, data) for ms, number, reason, data in query(
        stored.path, "SELECT ms, number, reason, data FROM rejected"
    )}  # fmt: skip
    assert not events.keys() & rejected.keys()
    bodies = Counter(data for _, data in events.values())
    assert max(bodies.values()) == 1, "stored twice"
    repeated = 0
    for at, entry in stored.entries.items():
        if at in events:
            assert entry.fate is not Fate.REJECTED, entry
            assert events[at][1] == entry.fields[FIELD]
        elif at in rejected:
            reason, data = rejected[at]
            assert entry.fate is not Fate.EVENT, (reason, entry)
            assert reason
            assert len(reason) <= 500
            assert data == bytes_of(entry)
        else:
            assert entry.fate is Fate.ANY, entry
            assert bodies[entry.fields[FIELD]] == 1, "neither stored nor a repetition"
            repeated += 1
    counts = stored.counts
    assert (counts.received, counts.stored, counts.rejected) == (len(stored.entries), len(events), len(rejected))
    assert counts.duplicate == repeated == counts.received - counts.stored - counts.rejected
    assert query(stored.path, "SELECT received, stored, duplicate, rejected FROM stream") == [
        (counts.received, counts.stored, counts.duplicate, counts.rejected)
    ]
    assert query(stored.path, "SELECT count(*) FROM gap") == [(0,)]
    assert query(stored.path, "PRAGMA integrity_check") == [("ok",)]
    assert stored.stderr == ""
    LEDGER.note(Line(name, len(stored.entries), counts.received, counts.stored, 0, 0, remark(stored)))


def remark(stored: Stored) -> str:
    """Numbers of rejected and repeated entries, and peak memory, for the ledger."""
    return f"{stored.counts.rejected:,} rejected, {stored.counts.duplicate:,} repeated, {stored.peak // 2**20} MB"


def test_the_corpus_is_large_and_the_same_for_the_same_seed() -> None:
    entries = corpus(1)
    assert len(entries) >= 20_000
    assert entries == corpus(1)
    assert entries != corpus(2)


def test_every_entry_is_stored_or_rejected_with_its_reason_and_its_bytes(fuzzed: Stored) -> None:
    check(fuzzed, "fuzz: corpus")
    assert len(query(fuzzed.path, "SELECT 1 FROM run")) > 1_000


def test_entries_without_an_event_are_kept_so_that_they_can_be_read_back(fuzzed: Stored) -> None:
    for at, entry in fuzzed.entries.items():
        if entry.family == "fields" and FIELD not in entry.fields:
            ((data,),) = query(fuzzed.path, "SELECT data FROM rejected WHERE ms = ? AND number = ?", *at)
            assert ast.literal_eval(data.decode()) == entry.fields


def test_every_run_is_the_fold_of_its_events(fuzzed: Stored) -> None:
    rows = query(
        fuzzed.path,
        "SELECT r.run_id, e.ms, e.number, b.data FROM event e JOIN run r ON r.key = e.run JOIN body b ON b.seq = e.seq"
        " ORDER BY e.run, e.position",
    )
    events: dict[str, list[Entry]] = {}
    for run_id, ms, number, data in rows:
        events.setdefault(run_id, []).append(Entry(StreamId(ms, number), {FIELD: data}))
    loaded, pricing = states(fuzzed.path), option.pricer()
    assert loaded.keys() == events.keys()
    for run_id, entries in events.items():
        arrived = [arrive(entry, None, pricing) for entry in entries]
        assert loaded[run_id] == fold(empty(run_id), [item.event for item in arrived if isinstance(item, Arrived)])


def test_every_run_opens(fuzzed: Stored) -> None:
    """As JSON and as text, as `treetop show` prints it."""

    async def show_all() -> int:
        async with Reader(fuzzed.path) as reader:
            rows = await reader.runs()
            encode([row_document(row, 0.0) for row in rows])
            assert report.runs_text(rows, 0.0).count("\n") == len(rows)
            for row in rows:
                assert await reader.resolve(row.run.run_id) == row.run.run_id
                async with whole_run(reader, row.run.run_id) as whole:
                    shown = json.loads(b"".join([piece async for piece in whole.document(0.0)]))
                    assert len(shown["nodes"]) == len({node["id"] for node in shown["nodes"]}) == row.run.nodes
                    text = "\n".join([line async for line in report.run_text(whole, False, 0.0)])
                signs = len(runaways(row.run))
                header = 2 + (row.run.skew is not None) + signs + 2 * (row.run.error is not None)
                tree, _, _ = text.partition("\n\nlast error of ")
                assert tree.count("\n") == row.run.nodes + header
                assert not [character for character in text if is_control(character) and character != "\n"]
                for first in range(1, row.run.events + 1, 1_000):
                    await RunQueries(reader, row.key).events(first, first + 999)
            return len(rows)

    assert asyncio.run(show_all()) > 1_000


VIEWS = ("runs", "nodes", "edges", "events", "node_status_history", "node_execution_timeline", "node_tree")


@pytest.mark.parametrize("view", VIEWS)
def test_the_views_can_be_read(fuzzed: Stored, view: str) -> None:
    with closing(sqlite3.connect(fuzzed.path)) as connection:
        connection.text_factory = bytes
        assert sum(1 for _ in connection.execute(f"SELECT * FROM {view}")) > 1_000


def test_entries_of_50_mb_are_stored_or_rejected_in_bounded_memory(redis_server: RedisServer, tmp_path: Path) -> None:
    """They follow small entries, so that batches are large."""
    small = [Hostile("small", entry.fields, Fate.EVENT) for entry in Recorder().whole().entries]
    numbered = [Hostile("small", {FIELD: b'{"event_type":"x","payload":{},"event_id":%d}' % n}) for n in range(3_000)]
    stored = store(redis_server, tmp_path / "large.db", [*small, *numbered, *large()])
    check(stored, "fuzz: entries of 50 MB")
    assert stored.peak < 400_000_000
