"""Reading runs, events, streams, gaps and rejected entries of a file."""

import asyncio
import os
import sqlite3
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from pathlib import Path

import pytest

from store.database.reader import Reader
from store.database.run_queries import RunQueries
from store.database.writer import Writer
from store.errors import FileError, FileMissing, RunUnknown
from store.model.entry import Gap, StreamId, follow
from store.model.event_type import StepFinished
from store.model.record import Match, RunChanges, Stored
from tests.recorder import Recorder, body_of, entry_of
from tests.tables import load, store


@pytest.fixture
async def reader(db: Path) -> AsyncIterator[Reader]:
    """Reader of a file with two runs: B, which ended, and A, which began later."""
    recorder = Recorder("B").whole()
    Recorder("A", beside=recorder).run_started().root("root", "Write a poem")
    store(db, recorder.entries)
    async with Reader(db) as reader:
        yield reader


async def run_of(reader: Reader, run_id: str = "B") -> RunQueries:
    return RunQueries(reader, (await reader.find(run_id)).key)


async def node_events(run: RunQueries, node_id: str, first: int, last: int) -> list[Stored]:
    return await run.node_events((await run.keys([node_id]))[node_id], first, last)


# Runs


async def test_runs_are_listed_newest_first(reader: Reader) -> None:
    rows = await reader.runs()
    assert [(row.run.run_id, row.run.goal, row.run.status) for row in rows] == [
        ("A", "Write a poem", "running"),
        ("B", "Write a book", "completed"),
    ]
    assert await reader.count_runs() == 2


async def test_run_changes_returns_only_changed_runs(reader: Reader, db: Path) -> None:
    seen = await reader.last_change()
    assert await reader.run_changes(seen) == RunChanges([], [], seen)
    store(db, Recorder("A", name="more").llm("root").entries)
    changes = await reader.run_changes(seen)
    assert ([row.run.run_id for row in changes.rows], changes.gone) == (["A"], [])
    assert await reader.run_changes(changes.number) == RunChanges([], [], changes.number)


async def test_resolve_accepts_an_id_a_beginning_or_latest(reader: Reader, db: Path) -> None:
    store(db, Recorder("Bb").root().entries + Recorder("Ba").root().entries)
    assert await reader.resolve("A") == "A"
    assert await reader.resolve("B") == "B"
    assert await reader.resolve("latest") == "Ba"
    with pytest.raises(RunUnknown, match=r"there is no run 'C'; `treetop runs` lists the runs"):
        await reader.resolve("C")
    with pytest.raises(RunUnknown, match="there is no run ''"):
        await reader.resolve("")
    with pytest.raises(RunUnknown, match="there is no run '%'"):
        await reader.resolve("%")


async def test_resolve_rejects_an_ambiguous_beginning(db: Path) -> None:
    for run_id in ("run-1", "run-2", "run-3", "run-4"):
        store(db, Recorder(run_id).root().entries)
    async with Reader(db) as reader:
        with pytest.raises(RunUnknown, match=r"several runs begin with .run.: run-1, run-2, run-3 \.\.\."):
            await reader.resolve("run")


async def test_resolve_latest_fails_in_a_file_without_runs(db: Path) -> None:
    store(db, [])
    async with Reader(db) as reader:
        assert await reader.runs() == []
        with pytest.raises(RunUnknown, match="contains no runs yet"):
            await reader.resolve("latest")


async def test_a_loaded_run_equals_its_fold(reader: Reader) -> None:
    assert await load(reader, "B") == Recorder("B").whole().state
    with pytest.raises(RunUnknown, match="there is no run 'nobody'"):
        await load(reader, "nobody")


async def test_runs_can_be_loaded_concurrently(reader: Reader) -> None:
    loaded = await asyncio.gather(*(load(reader, run_id) for run_id in "ABABAB"))
    assert [found.run.run_id for found in loaded] == list("ABABAB")


async def test_cancelled_loads_leave_no_transaction_open(reader: Reader) -> None:
    for _ in range(20):
        impatient = asyncio.create_task(load(reader, "B"))
        await asyncio.sleep(0)
        impatient.cancel()
        await asyncio.gather(impatient, return_exceptions=True)
    assert (await load(reader, "A")).run.run_id == "A"


# Events


async def test_events_returns_the_events_at_the_positions(reader: Reader) -> None:
    run, recorder = await run_of(reader), Recorder("B").whole()
    page = await run.events(3, 5)
    assert [(stored.seq, stored.position, stored.event) for stored in page] == [
        (number + 1, number + 1, recorder.events[number]) for number in (2, 3, 4)
    ]
    assert await run.events(1_000, 2_000) == []


async def test_positions_count_from_one_in_each_run(reader: Reader) -> None:
    run = await run_of(reader, "A")
    assert [(stored.seq, stored.position) for stored in await run.events(1, 9)] == [(46, 1), (47, 2)]


async def test_an_event_has_the_status_change_that_it_caused(reader: Reader) -> None:
    run = await run_of(reader)
    search = (await run.keys(["search"]))["search"]
    changes = await run.status_history(search)
    assert [(stored.old_status, stored.status) for stored in changes] == [
        (None, "NOT_READY"),
        ("NOT_READY", "READY"),
        ("READY", "NEED_POST_REFLECT"),
        ("NEED_POST_REFLECT", "FINISH"),
    ]
    assert isinstance(changes[-1].event.facts, StepFinished)
    assert [stored.node for stored in changes] == [search] * 4
    assert await run.status_history(search, changes[1].position) == changes[:2]
    assert await run.status_history(search, changes[1].position - 1) == changes[:1]


async def test_events_of_a_node_are_those_that_name_it(reader: Reader) -> None:
    run = await run_of(reader)
    found = await node_events(run, "search", 1, 100)
    expected = [event for event in Recorder("B").whole().events if "search" in event.facts.mentions]
    assert [stored.event for stored in found] == expected
    assert await node_events(run, "search", 3, 4) == found[2:4]
    assert await run.keys(["nobody"]) == {}
    assert await run.node_events(1_000, 1, 9) == []


async def test_events_of_a_subtree_are_those_of_its_nodes(db: Path) -> None:
    recorder = Recorder().root().plan("root", "a", "b").plan("a", "aa").plan("aa", "aaa").llm("b").llm("aaa")
    store(db, recorder.entries)
    async with Reader(db) as reader:
        run, end = await run_of(reader, "run"), recorder.state.position
        keys = await run.keys(["a", "aa", "aaa"])
        expected = [n for n, event in enumerate(recorder.events, 1) if keys.keys() & set(event.facts.mentions)]
        assert await run.search_nodes(list(keys.values()), Match(), 1, end) == expected
        assert await run.search_nodes(list(keys.values()), Match(), expected[5] + 1, end) == expected[6:]
        everything = list((await run.keys(recorder.state.nodes)).values())
        assert await run.search_nodes(everything, Match(), 1, end) == list(range(1, end + 1))
        page = await run.at_positions(expected[:3])
        assert [stored.position for stored in page] == expected[:3]
        assert await run.at_positions([]) == []


async def test_payload_equals_the_published_bytes(reader: Reader) -> None:
    run = await run_of(reader)
    for stored, entry in zip(await run.events(1, 99), Recorder("B").whole().entries, strict=True):
        assert await reader.payload(stored.seq) == entry.fields[b"json_payload"]
    assert await reader.payload(1_000) == b""


async def test_an_event_that_reports_an_error_is_failed(reader: Reader) -> None:
    failed = [stored for stored in await (await run_of(reader)).events(1, 99) if stored.failed]
    assert [stored.event.type for stored in failed] == ["llm_call_completed"]


# Changes and ingest


async def test_watch_yields_after_a_change_by_another_process(reader: Reader, db: Path) -> None:
    changes = reader.watch()
    await anext(changes)
    for number in range(3):
        waiting = asyncio.ensure_future(anext(changes))
        await asyncio.sleep(0)
        assert not waiting.done()
        entry = entry_of(body_of({"event_type": "note", "payload": {}, "run_id": "A", "event_id": number}), number)
        await asyncio.to_thread(store, db, [entry])
        await asyncio.wait_for(waiting, 10.0)
    await changes.aclose()  # type: ignore[attr-defined]
    assert (await load(reader, "A")).position == 5


async def test_streams_returns_the_state_of_ingest(db: Path) -> None:
    entries = [*Recorder("A").root().entries, entry_of(b"?", 3)]
    with Writer(db) as writer:
        key = writer.stream("agent_events")
        start = writer.cursor(key)
        writer.append(entries, key, start, follow(start, entries))
        writer.report(key, "away", "connection refused", StreamId(9, 1), since=77.0)
    async with Reader(db) as reader:
        (row,) = await reader.streams()
    assert (row.name, row.position, row.head) == ("agent_events", "3-0", "9-1")
    assert (row.received, row.stored, row.duplicate, row.rejected) == (2, 1, 0, 1)
    assert (row.state, row.since, row.reason, row.gaps, row.lost) == ("away", 77.0, "connection refused", 0, 0)


async def test_gaps_have_the_id_of_their_run(db: Path) -> None:
    with Writer(db, clock=lambda: 55.0) as writer:
        key = writer.stream("agent_events")
        start = writer.cursor(key)
        entries = Recorder("A").root().entries
        after = follow(start, entries)
        writer.append(entries, key, start, after)
        for lost in (7, 2):
            writer.append([], key, after, after, Gap("trimmed", lost, StreamId(1, 0), StreamId(9, 0), "pushed out"))
        async with Reader(db) as reader:
            newest, oldest = await reader.all_gaps()
            assert {newest.run_id, oldest.run_id} == {"A"}
            assert (newest.lost, oldest.lost) == (2, 7)
            assert (oldest.found, oldest.kind, oldest.after, oldest.before) == (55.0, "trimmed", "1-0", "9-0")
            assert [(row.gaps, row.lost) for row in await reader.streams()] == [(2, 9)]
            assert [row.gaps for row in await reader.runs()] == [2]
            writer.append([], key, after, after, Gap("reset", None, StreamId(9, 0), None, "gone"))
            assert [(row.gaps, row.lost) for row in await reader.streams()] == [(3, None)]


async def test_rejected_entries_can_be_read(db: Path) -> None:
    store(db, [entry_of(b"?", 3), entry_of(b"{}" + b" " * 1_000, 4)])
    async with Reader(db) as reader:
        newest, oldest = await reader.rejected()
        assert (oldest.stream_id, oldest.reason, oldest.size) == (
            "3-0",
            "not JSON: JSON is malformed: invalid character (byte 0)",
            1,
        )
        assert (newest.stream_id, newest.reason, newest.size) == (
            "4-0",
            "Object missing required field `event_type`",
            1_002,
        )
        assert await reader.rejected(limit=1) == [newest]
        assert await reader.rejected_data(oldest.key) == b"?"
        assert await reader.rejected_data(77) == b""


async def test_a_missing_file_raises(db: Path) -> None:
    with pytest.raises(FileMissing):
        await Reader(db).__aenter__()


async def test_a_damaged_file_raises(reader: Reader) -> None:
    with pytest.raises(FileError, match="no such table: runt"):
        await reader.rows("SELECT 1 FROM runt")


# A file that is damaged while it is read

BODIES = "SELECT sum(length(data)) FROM body"


def truncate_log(path: Path) -> None:
    os.truncate(path.with_name(f"{path.name}-wal"), 5_000)


async def read_in_snapshot(reader: Reader) -> None:
    async with reader.snapshot():
        await reader.count_runs()
        truncate_log(reader.path)
        await reader.rows(BODIES)


async def read_in_transaction(reader: Reader) -> None:
    def read(connection: sqlite3.Connection) -> None:
        connection.execute("SELECT count(*) FROM run").fetchall()
        truncate_log(reader.path)
        connection.execute(BODIES).fetchall()

    await reader.in_transaction(read)


@pytest.mark.parametrize("read", [read_in_snapshot, read_in_transaction], ids=["snapshot", "transaction"])
async def test_the_error_of_a_truncated_log_is_raised(db: Path, read: Callable[[Reader], Awaitable[None]]) -> None:
    """SQLite rolls the read transaction back by itself."""
    text = "x" * 3_000
    bodies = [body_of({"event_type": "note", "run_id": "A", "payload": {"text": text, "number": n}}) for n in range(200)]
    with Writer(db) as writer:
        writer.append([entry_of(body, at) for at, body in enumerate(bodies, 1)])
        async with Reader(db) as reader:
            with pytest.raises(FileError, match="disk I/O error"):
                await read(reader)


# The thread of the connection. `Reader.in_thread` uses a private method of aiosqlite, whose behaviour these tests state.


async def test_functions_run_one_after_the_other_in_one_thread(reader: Reader) -> None:
    running: list[int] = []
    done: list[tuple[int, int, list[int]]] = []

    def work(number: int, _: sqlite3.Connection) -> int:
        running.append(number)
        done.append((number, threading.get_ident(), list(running)))
        running.remove(number)
        return number

    results = await asyncio.gather(*(reader.in_thread(partial(work, number)) for number in range(50)))
    assert results == list(range(50))
    assert [(number, alone) for number, _, alone in done] == [(number, [number]) for number in range(50)]
    assert len({thread for _, thread, _ in done} - {threading.get_ident()}) == 1


async def test_a_function_whose_caller_is_cancelled_is_run_to_its_end_before_the_next(reader: Reader) -> None:
    begun, go_on, order = threading.Event(), threading.Event(), list[str]()

    def first(connection: sqlite3.Connection) -> None:
        begun.set()
        go_on.wait()
        order.append(f"first {connection.execute('SELECT count(*) FROM run').fetchone()[0]}")

    task = asyncio.create_task(reader.in_thread(first))
    await asyncio.to_thread(begun.wait)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    after = asyncio.create_task(reader.in_thread(lambda _: order.append("second")))
    await asyncio.sleep(0)
    assert order == []
    go_on.set()
    await after
    assert order == ["first 2", "second"]


async def test_an_error_of_a_function_reaches_its_caller_alone(reader: Reader) -> None:
    def fail(_: sqlite3.Connection) -> None:
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        await reader.in_thread(fail)
    with pytest.raises(FileError, match="cannot be read"):
        await reader.rows("SELECT * FROM nothing")
    assert await reader.count_runs() == 2


async def test_a_closed_reader_raises_instead_of_waiting(db: Path) -> None:
    Writer(db).close()
    async with Reader(db) as reader:
        pass
    with pytest.raises(FileError, match="was closed while it was read"):
        await asyncio.wait_for(reader.count_runs(), timeout=10)
