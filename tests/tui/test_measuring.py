"""Measuring a run in a thread, or in a child process."""

import asyncio
import os
from pathlib import Path

import pytest
from msgspec.structs import replace

from store.database.migration import rebuild
from store.database.reader import Reader
from store.errors import FileError, RunChanged
from tests.conftest import until
from tests.tables import query
from tests.tui.stage import PARALLEL, store_run
from tui.session import measuring, waterfall
from tui.session.measuring import THREAD_MAX_NODES, Measurement, measure
from tui.session.session import Session


@pytest.fixture
def wanted(db: Path) -> Measurement:
    store_run(db, PARALLEL)
    ((key, generation, events),) = query(db, "SELECT key, generation, events FROM run")
    return Measurement(str(db), key, generation, events, None, 2e9)


async def test_a_child_process_finds_the_same_as_a_thread(wanted: Measurement) -> None:
    one, other = await measure(wanted, THREAD_MAX_NODES), await measure(wanted, THREAD_MAX_NODES + 1)
    assert one.work > one.length > 0
    for field in one.__struct_fields__:
        before, after = getattr(one, field), getattr(other, field)
        assert list(map(tuple, before)) == list(map(tuple, after)) if field == "active" else before == after
    (root,) = (key for key, _ in one.inside.items() if len(one.inside_of(key)) > 3)
    assert one.inside_of(root) == other.inside_of(root)


async def test_a_rebuilt_run_is_an_error_in_both(wanted: Measurement) -> None:
    rebuilt = Measurement(wanted.path, wanted.run, wanted.generation + 1, wanted.position, None, 2e9)
    with pytest.raises(RunChanged):
        await measure(rebuilt, 1)
    with pytest.raises(RunChanged, match="deleted or rebuilt"):
        await measure(rebuilt, THREAD_MAX_NODES + 1)


async def test_a_path_need_not_be_unicode(wanted: Measurement, tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9.db")
    await asyncio.to_thread(Path(wanted.path).rename, path)
    assert (await measure(replace(wanted, path=str(path)), THREAD_MAX_NODES + 1)).work > 0


async def test_an_error_of_the_child_process_names_no_class(wanted: Measurement, tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"cannot be measured: /.*: there is no such file"):
        await measure(replace(wanted, path=str(tmp_path / "none.db")), THREAD_MAX_NODES + 1)


async def test_a_few_tasks_with_many_events_are_measured_in_a_process(
    wanted: Measurement, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measuring, "child_command", lambda *_: ("/no/such/program",))
    assert (await measure(wanted, 1)).work > 0
    monkeypatch.setattr(measuring, "THREAD_MAX_EVENTS", wanted.position - 1)
    with pytest.raises(FileError, match="cannot be measured"):
        await measure(wanted, 1)


async def test_a_measurement_of_a_run_that_was_rebuilt_meanwhile_is_dropped(
    wanted: Measurement, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured, released = asyncio.Event(), asyncio.Event()

    async def slow(of: Measurement, nodes: int) -> object:
        found = await measure(of, nodes)
        measured.set()
        await released.wait()
        return found

    monkeypatch.setattr(waterfall, "measure", slow)
    path = Path(wanted.path)
    async with Reader(path) as reader:
        session = Session(reader, await reader.resolve("latest"), lambda: 2e9)
        await session.open()
        reading = waterfall.WaterfallReading(session.moment, session.tree)
        task = asyncio.create_task(reading.measure(2e9))
        await measured.wait()
        await asyncio.to_thread(rebuild, path)
        await session.refresh()
        released.set()
        await task
        assert reading.due() is not None


async def test_a_process_that_cannot_be_started_is_an_error(wanted: Measurement, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "child_command", lambda *_: ("/no/such/program",))
    with pytest.raises(FileError, match="cannot be measured"):
        await measure(wanted, THREAD_MAX_NODES + 1)


async def test_the_child_process_of_a_cancelled_measurement_ends(
    wanted: Measurement, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    started = tmp_path / "started"
    monkeypatch.setattr(measuring, "child_command", lambda *_: ("sh", "-c", f"echo $$ > {started}; exec sleep 60"))
    task = asyncio.create_task(measure(wanted, THREAD_MAX_NODES + 1))
    await asyncio.to_thread(until, lambda: started.exists() and started.read_text().endswith("\n"))
    process = Path("/proc") / started.read_text().strip()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not await asyncio.to_thread(process.exists)
