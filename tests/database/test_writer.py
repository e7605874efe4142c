"""The writer: rows are the fold of the events, each event is stored once, and no entry is lost."""

import gc
import sqlite3
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from zlib import crc32

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from store.database import assignment, open_run, projection
from store.database.blob import BLOB_PART_BYTES
from store.database.stream_row import Counts
from store.database.writer import Writer
from store.errors import Fenced, FileError
from store.model.entry import Cursor, Entry, StreamId, follow
from store.model.fold import fold
from store.model.pairing import TOKENS_MAX
from store.model.state import Edge, Node, empty
from tests.recorder import Recorder, body_of, entry_of, events_of, state_of
from tests.strategies import streams
from tests.tables import query, rows, states, store

laws = settings(max_examples=settings().max_examples // 4)
"""Each example writes a file or several."""


def written(entries: list[Entry], size: int, restarts: bool = False) -> dict[str, list[tuple[object, ...]]]:
    """The rows of these entries, written in batches of this size. `restarts`: by a new writer for each batch."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "events.db"
        parts = [entries[start : start + size] for start in range(0, len(entries), size)] if restarts else [entries]
        for part in parts or [[]]:
            store(path, part, size)
        return rows(path)


# Rows are the fold


@laws
@given(streams("run"))
def test_stored_runs_are_the_fold_of_the_published_events(entries: list[Entry]) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "events.db"
        store(path, entries)
        assert states(path) == ({"run": state_of(entries)} if entries else {})


@laws
@given(streams("run"), st.data())
def test_a_stored_run_can_be_folded_further(entries: list[Entry], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(entries)))
    with TemporaryDirectory() as folder:
        path = Path(folder) / "events.db"
        store(path, entries[:cut])
        saved = states(path).get("run", empty("run"))
    assert fold(saved, events_of(entries[cut:])) == state_of(entries)


def two_moving_nodes() -> list[Entry]:
    made = Recorder().nameless().run_error().step_started("b").step_started("c")
    return made.node("a", "b").node("a", "c").entries


@laws
@given(streams(None, None, "A", "B", max_size=40))
@example(two_moving_nodes())
def test_the_size_of_batches_does_not_change_the_rows(entries: list[Entry]) -> None:
    at_once = written(entries, 1_000)
    assert written(entries, 1) == at_once
    assert written(entries, 7) == at_once
    assert written(entries, 4, restarts=True) == at_once


@laws
@given(streams("A", "B", None), st.integers(1, 7))
def test_evictions_from_the_caches_do_not_change_the_rows(entries: list[Entry], size: int) -> None:
    kept = written(entries, size)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(open_run, "EVICT_AFTER_EVENTS", 0)
        patch.setattr(open_run, "CACHED_NODES_MAX", 0)
        patch.setattr(projection, "CACHED_TYPES_MAX", 0)
        patch.setattr(assignment, "CACHED_NODE_RUNS_MAX", 0)
        assert written(entries, size) == kept


@pytest.mark.parametrize("beside", [False, True], ids=["one after another", "beside an older run that goes on"])
def test_memory_does_not_grow_with_the_number_of_runs(db: Path, monkeypatch: pytest.MonkeyPatch, beside: bool) -> None:
    """Whether the runs ended or became silent."""
    monkeypatch.setattr(open_run, "EVICT_AFTER_EVENTS", 100)

    def held() -> int:
        gc.collect()
        return sum(isinstance(found, Node | Edge) for found in gc.get_objects())

    before, after, older = held(), list[int](), Recorder("older", name="older").root()
    with Writer(db) as open_writer:
        open_writer.append(older.entries)
        for number in range(40):
            if beside:
                open_writer.append(older.status("root", "READY").entries[-1:])
            recorder = Recorder(f"run-{number}", name=f"run-{number}").whole()
            open_writer.append(recorder.entries if number % 2 else recorder.entries[:-10])
            after.append(held() - before)
    assert 0 < after[-1] <= max(after[:10])


@laws
@given(streams("A", "B", None), st.data())
def test_repeated_entries_change_nothing(entries: list[Entry], data: st.DataObject) -> None:
    again = data.draw(st.lists(st.sampled_from(entries))) if entries else []
    with TemporaryDirectory() as folder:
        path = Path(folder) / "events.db"
        store(path, entries)
        before = rows(path, "run", "node", "edge", "event", "body", "node_event", "rejected")
        counts = store(path, again)
        assert (counts.duplicate, counts.stored) == (len(again), 0)
        assert rows(path, *before) == before


@laws
@given(streams("A", "B"))
def test_runs_of_one_stream_are_independent(entries: list[Entry]) -> None:
    mine = [entry for entry in entries if b'"run_id":"A"' in entry.fields[b"json_payload"]]
    with TemporaryDirectory() as folder:
        store(Path(folder) / "both.db", entries)
        assert states(Path(folder) / "both.db").get("A", empty("A")) == state_of(mine, "A")


def test_two_runs_can_have_the_same_node_ids(db: Path) -> None:
    first = Recorder("A").whole()
    store(db, Recorder("B", beside=first).root().node("root", "write", "Write another book").entries)
    found = states(db)
    assert (found["A"].nodes["write"].status, found["B"].nodes["write"].status) == ("FINISH", "NOT_READY")
    assert query(db, "SELECT count(*) FROM node WHERE node_id = 'write'") == [(2,)]


def test_nodes_are_stored_in_the_order_in_which_events_name_them(db: Path) -> None:
    recorder = Recorder().built("owner", ["z", "a", "m", "b"])
    store(db, recorder.entries)
    assert list(states(db)["run"].nodes) == list(recorder.state.nodes) == ["owner", "z", "a", "m", "b"]


# Nothing is lost


@laws
@given(
    st.lists(
        st.binary(max_size=40)
        | st.sampled_from([body_of({"event_type": "x", "payload": {}, "event_id": n}) for n in range(3)])
    )
)
def test_every_received_entry_is_stored_repeated_or_rejected(bodies: list[bytes]) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "events.db"
        counts = store(path, [entry_of(body, number) for number, body in enumerate(bodies, 1)], size=3)
        assert counts.received == len(bodies) == counts.stored + counts.duplicate + counts.rejected
        kept = query(path, "SELECT count(*) FROM body"), query(path, "SELECT count(*) FROM rejected")
        assert kept == ([(counts.stored,)], [(counts.rejected,)])
        totals = (counts.received, counts.stored, counts.duplicate, counts.rejected)
        assert query(path, "SELECT received, stored, duplicate, rejected FROM stream") == [totals]


def test_rejected_bytes_are_stored_unchanged(db: Path) -> None:
    bad = b'{"event_type":"x\xff\x00'
    store(db, [entry_of(bad, 5)])
    assert query(db, "SELECT ms, number, reason, data FROM rejected") == [(5, 0, "not UTF-8: byte 16 is 0xff", bad)]


@pytest.mark.parametrize("size", [BLOB_PART_BYTES - 1, BLOB_PART_BYTES, BLOB_PART_BYTES + 1, 2 * BLOB_PART_BYTES + 3])
def test_bytes_of_any_size_are_stored_unchanged(db: Path, size: int) -> None:
    begin, end = b'{"event_type":"x","run_id":"run","event_id":"large","payload":{"text":"', b'"}}'
    good = begin + bytes(65 + n % 26 for n in range(size - len(begin) - len(end))) + end
    bad = good[:-1]
    assert store(db, [entry_of(good, 1), entry_of(bad, 2), *Recorder().whole().entries]).rejected == 1
    assert query(db, "SELECT data FROM body WHERE seq = 1") == [(good,)]
    assert query(db, "SELECT data FROM rejected") == [(bad,)]


def test_an_entry_without_an_event_is_rejected_with_its_fields(db: Path) -> None:
    store(db, [Entry(StreamId(5, 0), {b"payload": b"{}", b"kind": b"\xff"})])
    reason = "no field json_payload (fields: payload, kind)"
    assert query(db, "SELECT reason, data FROM rejected") == [(reason, b"{b'payload': b'{}', b'kind': b'\\xff'}")]


def test_bodies_are_stored_byte_for_byte(db: Path) -> None:
    body = b'{ "event_type" : "note", "payload": {"node_id": "a\\u0000b", "q": "\\ud83c\\udf33"}, "more": 1.50 }\n'
    store(db, [entry_of(body, 5)])
    assert query(db, "SELECT data FROM body") == [(body,)]
    assert query(db, "SELECT node_id, json_extract(payload, '$.q') FROM events") == [("a\0b", "🌳")]


def test_a_goal_of_a_million_characters_is_stored(db: Path) -> None:
    store(db, Recorder().root(goal="ä" * 1_000_000).entries)
    assert states(db)["run"].run.goal == "ä" * 1_000_000


def test_numbers_beyond_64_bits_are_stored_within_bounds(db: Path) -> None:
    usage = {"prompt_tokens": 2**63 - 1, "completion_tokens": -(2**63)}
    recorder = Recorder().root()
    for _ in range(2):
        recorder.emit("llm_call_completed", {"node_id": "root", "token_usage": usage, "duration_seconds": 1e15})
        recorder.emit("step_finished", {"node_id": "root", "duration_seconds": 1e15})
    far = StreamId(2**64 - 1, 2**64 - 1)
    counts = store(db, [*recorder.entries, entry_of(body_of({"event_type": "x", "payload": {}}), far), entry_of(b"", far)])
    assert (counts.stored, counts.rejected) == (6, 1)
    assert query(db, "SELECT tokens_in, tokens_out FROM runs WHERE run_id = 'run'") == [(2 * TOKENS_MAX, -2 * TOKENS_MAX)]
    assert query(db, "SELECT position FROM stream") == [(str(far),)]


def test_event_ids_are_unique_within_a_run_only(db: Path) -> None:
    entries = Recorder("A", name="same").root().entries + Recorder("B", name="same").root().entries
    assert store(db, entries).stored == 2


@pytest.mark.parametrize("run_id", ["run", None])
def test_event_ids_with_the_same_checksum_are_different_events(db: Path, run_id: str | None) -> None:
    note = {"event_type": "note", "payload": {"node_id": "n"}, "run_id": run_id}
    first, second = (body_of({"event_id": name, **note}) for name in ("plumless", "buckeroo"))
    assert crc32(b"plumless") == crc32(b"buckeroo")
    assert store(db, [entry_of(first, 1), entry_of(second, 2)]).stored == 2
    assert store(db, [entry_of(second, 3), entry_of(first, 4)]) == Counts(received=2, duplicate=2)


def test_run_ids_with_the_same_checksum_are_different_runs(db: Path) -> None:
    note = {"event_id": "1", "event_type": "note", "payload": {"node_id": "n"}}
    first, second = (body_of({"run_id": name, **note}) for name in ("plumless", "buckeroo"))
    assert store(db, [entry_of(first, 1)]).stored == 1
    assert store(db, [entry_of(second, 2), entry_of(first, 3)]) == Counts(received=2, stored=1, duplicate=1)
    assert states(db).keys() == {"plumless", "buckeroo"}


# Transactions and several writers


def test_rows_and_position_are_written_in_one_transaction(db: Path) -> None:
    entries = Recorder().whole().entries
    with Writer(db) as writer:
        key = writer.stream("agent_events")
        before = writer.cursor(key)
        with closing(sqlite3.connect(db)) as saboteur:
            saboteur.execute("ALTER TABLE edge RENAME TO hidden")
        with pytest.raises(FileError, match=r"nothing was written \(no such table: edge"):
            writer.append(entries, key, before, follow(before, entries))
        assert writer.cursor(key) == before
        assert not any(rows(db, "run", "node", "event", "body", "rejected").values())
        with closing(sqlite3.connect(db)) as saboteur:
            saboteur.execute("ALTER TABLE hidden RENAME TO edge")
        assert writer.append(entries, key, before, follow(before, entries)).stored == len(entries)


def test_the_next_call_waits_for_a_deferred_commit(db: Path) -> None:
    entries = Recorder().whole().entries
    with Writer(db) as writer:
        key = writer.stream("agent_events")
        at = Cursor()
        for first in range(0, 40, 5):
            part = entries[first : first + 5]
            assert writer.append(part, key, at, follow(at, part), defer_commit=True).stored == 5
            at = follow(at, part)
            if first % 10:
                assert writer.cursor(key) == at
        writer.append(entries[40:], key, at, follow(at, entries[40:]), defer_commit=True)
    assert states(db)["run"] == state_of(entries)


def test_a_deferred_commit_that_fails_is_rolled_back(db: Path) -> None:
    """As on a full disk. Here a deferred foreign key, which SQLite checks at the commit, makes it fail."""
    entries = Recorder().whole().entries
    with Writer(db) as writer:
        key = writer.stream("agent_events")
        writer._db.execute("PRAGMA foreign_keys=ON")
        at = follow(Cursor(), entries[:10])
        writer.append(entries[:10], key, Cursor(), at, defer_commit=True)
        writer.wait_for_commit()
        with closing(sqlite3.connect(db)) as saboteur:
            saboteur.execute("CREATE TABLE rule (x UNIQUE, y REFERENCES rule (x) DEFERRABLE INITIALLY DEFERRED)")
            saboteur.execute("CREATE TRIGGER late BEFORE INSERT ON event BEGIN INSERT INTO rule (y) VALUES (9); END")
        writer.append(entries[10:20], key, at, follow(at, entries[10:20]), defer_commit=True)
        with pytest.raises(sqlite3.IntegrityError):
            writer.wait_for_commit()
        assert writer.cursor(key) == at
        with closing(sqlite3.connect(db)) as saboteur:
            saboteur.execute("DROP TRIGGER late")
        assert states(db)["run"] == state_of(entries[:10])
        writer.append(entries[10:], key, at, follow(at, entries[10:]))
    assert states(db)["run"] == state_of(entries)


def test_an_event_that_cannot_be_stored_is_rejected_and_the_others_are_stored(db: Path) -> None:
    """No such event is known; here a trigger refuses two."""
    entries = Recorder().whole().entries
    ids = [event.event_id for event in events_of(entries)]
    with Writer(db) as writer:
        key = writer.stream("agent_events")
        before = writer.cursor(key)
        with closing(sqlite3.connect(db)) as saboteur:
            saboteur.execute(
                "CREATE TRIGGER picky BEFORE INSERT ON event WHEN new.event_id IN ('run-7', 'run-20')"
                " BEGIN SELECT RAISE(ABORT, 'not this one'); END"
            )
        counts = writer.append(entries, key, before, follow(before, entries))
        assert counts == Counts(received=len(entries), stored=len(entries) - 2, rejected=2)
        assert writer.cursor(key) == follow(before, entries)
    bad = [entries[ids.index(name)] for name in ("run-7", "run-20")]
    assert query(db, "SELECT ms, number, reason, data FROM rejected ORDER BY key") == [
        (*entry.at, "cannot be stored: IntegrityError: not this one", entry.fields[b"json_payload"]) for entry in bad
    ]
    assert states(db)["run"] == state_of(entry for entry in entries if entry not in bad)


def test_the_second_of_two_writers_at_the_same_position_is_fenced(db: Path) -> None:
    entries = Recorder().whole().entries
    with Writer(db) as first, Writer(db) as second:
        key = first.stream("agent_events")
        before = second.cursor(key)
        first.append(entries[:10], key, before, follow(before, entries[:10]))
        with pytest.raises(Fenced, match="another ingester stored entries after 0-0"):
            second.append(entries, key, before, follow(before, entries))
        at = second.cursor(key)
        assert second.append(entries[10:], key, at, follow(at, entries[10:])).stored == len(entries) - 10
    assert states(db)["run"] == state_of(entries)


def test_alternating_writers_use_the_rows_of_each_other(db: Path) -> None:
    entries = Recorder().whole().entries
    with Writer(db) as first, Writer(db) as second:
        for number, entry in enumerate(entries):
            (first, second)[number % 2].append([entry])
    assert states(db)["run"] == state_of(entries)


def test_equal_positions_of_different_epochs_are_different(db: Path) -> None:
    with Writer(db) as writer:
        key = writer.stream("agent_events")
        writer.append([], key, Cursor(), Cursor(epoch=1, added=0, server="s"))
        with pytest.raises(Fenced):
            writer.append([], key, Cursor(), Cursor())
        assert writer.cursor(key) == Cursor(epoch=1, added=0, server="s")
