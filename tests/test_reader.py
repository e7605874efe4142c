"""Reading: what screens and scripts can ask of a file."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from store.cursor import Gap, follow
from store.errors import FileError, FileMissing, RunUnknown
from store.events import StepFinished, StreamId
from store.reader import Reader
from store.record import Match, Stored
from store.run_reader import RunReader
from store.writer import Writer
from tests.recorder import Recorder, body_of, entry_of
from tests.tables import load, store


@pytest.fixture
async def reader(db: Path) -> AsyncIterator[Reader]:
    """Of a file with two runs: B, which is whole, and the newer A, which has just begun."""
    recorder = Recorder("B").whole()
    Recorder("A", beside=recorder).run_started().root("root", "Write a poem")
    store(db, recorder.entries)
    async with Reader(db) as reader:
        yield reader


async def run_of(reader: Reader, run_id: str = "B") -> RunReader:
    return RunReader(reader, (await reader.find(run_id)).key)


async def node_events(run: RunReader, node_id: str, first: int, last: int) -> list[Stored]:
    return await run.node_events((await run.keys([node_id]))[node_id], first, last)


# Runs


async def test_the_newest_run_comes_first(reader: Reader) -> None:
    rows = await reader.runs()
    assert [(row.run.run_id, row.run.goal, row.run.status) for row in rows] == [
        ("A", "Write a poem", "running"),
        ("B", "Write a book", "completed"),
    ]
    assert await reader.count_runs() == 2


async def test_only_the_runs_that_changed_are_read_again(reader: Reader, db: Path) -> None:
    seen = max(row.last_seq for row in await reader.runs())
    assert await reader.runs(seen) == []
    store(db, Recorder("A", name="more").llm("root").entries)
    assert [row.run.run_id for row in await reader.runs(seen)] == ["A"]


async def test_a_run_goes_by_its_id_or_its_beginning_or_latest(reader: Reader, db: Path) -> None:
    store(db, Recorder("Bb").root().entries + Recorder("Ba").root().entries)
    assert await reader.resolve("A") == "A"
    assert await reader.resolve("B") == "B"
    assert await reader.resolve("latest") == "Ba"
    with pytest.raises(RunUnknown, match=r"there is no run 'C'; see `treetop runs` for those there are"):
        await reader.resolve("C")
    with pytest.raises(RunUnknown, match="there is no run ''"):
        await reader.resolve("")
    with pytest.raises(RunUnknown, match="there is no run '%'"):
        await reader.resolve("%")


async def test_a_name_that_fits_several_runs_is_refused(db: Path) -> None:
    for run_id in ("run-1", "run-2", "run-3", "run-4"):
        store(db, Recorder(run_id).root().entries)
    async with Reader(db) as reader:
        with pytest.raises(RunUnknown, match=r"several runs begin with .run.: run-1, run-2, run-3 \.\.\."):
            await reader.resolve("run")


async def test_a_file_without_runs_has_no_latest(db: Path) -> None:
    store(db, [])
    async with Reader(db) as reader:
        assert await reader.runs() == []
        with pytest.raises(RunUnknown, match="holds no runs yet"):
            await reader.resolve("latest")


async def test_a_run_is_loaded_as_it_was_folded(reader: Reader) -> None:
    assert await load(reader, "B") == Recorder("B").whole().state
    with pytest.raises(RunUnknown, match="there is no run 'nobody'"):
        await load(reader, "nobody")


async def test_runs_may_be_loaded_at_the_same_time(reader: Reader) -> None:
    loaded = await asyncio.gather(*(load(reader, run_id) for run_id in "ABABAB"))
    assert [found.run.run_id for found in loaded] == list("ABABAB")


async def test_who_stops_waiting_for_a_run_leaves_nothing_open(reader: Reader) -> None:
    for _ in range(20):
        impatient = asyncio.create_task(load(reader, "B"))
        await asyncio.sleep(0)
        impatient.cancel()
        await asyncio.gather(impatient, return_exceptions=True)
    assert (await load(reader, "A")).run.run_id == "A"


# Events


async def test_events_are_read_a_page_at_a_time(reader: Reader) -> None:
    run, recorder = await run_of(reader), Recorder("B").whole()
    page = await run.events(3, 5)
    assert [(stored.seq, stored.position, stored.event) for stored in page] == [
        (number + 1, number + 1, recorder.events[number]) for number in (2, 3, 4)
    ]
    assert await run.events(1_000, 2_000) == []


async def test_events_of_another_run_are_counted_from_one(reader: Reader) -> None:
    run = await run_of(reader, "A")
    assert [(stored.seq, stored.position) for stored in await run.events(1, 9)] == [(46, 1), (47, 2)]


async def test_an_event_says_which_status_it_brought(reader: Reader) -> None:
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


async def test_the_events_of_a_node_are_those_that_name_it(reader: Reader) -> None:
    run = await run_of(reader)
    found = await node_events(run, "search", 1, 100)
    expected = [event for event in Recorder("B").whole().events if "search" in event.facts.mentions]
    assert [stored.event for stored in found] == expected
    assert await node_events(run, "search", 3, 4) == found[2:4]
    assert await run.keys(["nobody"]) == {}
    assert await run.node_events(1_000, 1, 9) == []


async def test_the_events_of_a_subtree_are_those_of_all_nodes_in_it(db: Path) -> None:
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


async def test_a_payload_is_what_was_published_byte_for_byte(reader: Reader) -> None:
    run = await run_of(reader)
    for stored, entry in zip(await run.events(1, 99), Recorder("B").whole().entries, strict=True):
        assert await reader.payload(stored.seq) == entry.fields[b"json_payload"]
    assert await reader.payload(1_000) == b""


async def test_an_event_that_reports_an_error_is_marked(reader: Reader) -> None:
    failed = [stored for stored in await (await run_of(reader)).events(1, 99) if stored.failed]
    assert [stored.event.type for stored in failed] == ["llm_call_completed"]


# Following


async def test_a_change_by_another_process_is_noticed(reader: Reader, db: Path) -> None:
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


async def test_how_ingest_is_doing_is_in_the_file(db: Path) -> None:
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


async def test_gaps_are_told_with_the_run_in_which_they_are(db: Path) -> None:
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


async def test_what_was_rejected_can_be_looked_at(db: Path) -> None:
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


async def test_a_reader_of_nothing_says_so(db: Path) -> None:
    with pytest.raises(FileMissing):
        await Reader(db).__aenter__()


async def test_a_file_that_went_bad_is_said(reader: Reader) -> None:
    with pytest.raises(FileError, match="no such table: runt"):
        await reader.rows("SELECT 1 FROM runt")
