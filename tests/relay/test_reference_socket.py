"""`/ws/events`: the WebSocket of the reference servers."""

import asyncio
import json
from pathlib import Path
from random import Random

import pytest

from store.database.deletion import delete_run
from store.database.writer import Writer
from store.model.entry import Entry
from store.relay import reference_socket
from tests.recorder import Recorder
from tests.relay.stage import Publishing, Stage, bodies_of, ready, receive, relaying, until


class TestReload:
    """With `reload`, a client gets the latest run first."""

    async def test_the_recorded_run_is_followed_by_a_live_event(
        self, recorded: list[Entry], store: Publishing, reloading: Stage
    ) -> None:
        store.store(recorded)
        last = json.loads(bodies_of(recorded)[-1])
        more = Recorder(run_id=None, name="more").step_finished(last["payload"]["node_id"], "execute", after="FINISH")
        async with reloading.connect("/ws/events") as client:
            assert await receive(client, 100) == bodies_of(recorded)
            store.store(more.entries)
            assert await receive(client, 1) == bodies_of(more.entries)

    async def test_the_latest_run_is_the_one_with_the_latest_start_that_did_not_fail(
        self, store: Publishing, reloading: Stage
    ) -> None:
        older = Recorder("older").run_started().root()
        newer = Recorder("newer", beside=older).run_started().root("r2").run_finished()
        Recorder("failed", beside=newer).run_started().run_error()
        store.store(older.entries)
        newest = [entry for entry in older.entries if b'"newer"' in entry.fields[b"json_payload"]]
        async with reloading.connect("/ws/events") as client:
            assert await receive(client, len(newest)) == bodies_of(newest)

    async def test_a_client_may_request_the_latest_run(self, store: Publishing, stage: Stage) -> None:
        run = Recorder().whole()
        store.store(run.entries)
        async with stage.connect("/ws/events?reload=true") as client:
            assert await receive(client, len(run.entries)) == bodies_of(run.entries)


class TestLive:
    """Without `reload`, a client gets only new events."""

    async def test_only_later_events_are_sent(self, recorded: list[Entry], store: Publishing, stage: Stage) -> None:
        store.store(recorded[:90])
        async with stage.connect("/ws/events") as client:
            store.store(recorded[90:])
            assert await receive(client, 10) == bodies_of(recorded[90:])

    async def test_a_new_run_is_sent_from_its_beginning(self, store: Publishing, stage: Stage) -> None:
        first, second = Recorder("first").whole(), Recorder("second").run_started().root("r2")
        store.store(first.entries)
        async with stage.connect("/ws/events") as client:
            store.store(second.entries)
            assert await receive(client, 2) == bodies_of(second.entries)

    async def test_runs_stored_in_one_transaction_are_sent_one_after_another(self, store: Publishing, stage: Stage) -> None:
        runs = Recorder("one").run_started().root("r1").run_finished()
        Recorder("two", beside=runs).run_started().root("r2").run_finished()
        Recorder("three", beside=runs).run_started().root("r3").run_finished()
        async with stage.connect("/ws/events") as client:
            store.store(runs.entries)
            assert await receive(client, 9) == bodies_of(runs.entries)

    async def test_the_newest_of_concurrent_runs_is_sent(self, store: Publishing, stage: Stage) -> None:
        runs = Recorder("one").run_started().root("r1")
        two = Recorder("two", beside=runs).run_started().root("r2")
        async with stage.connect("/ws/events") as client:
            store.store(runs.entries)
            assert await receive(client, 4) == bodies_of(runs.entries)
            one = Recorder("one", beside=runs, name="later").step_started("r1")
            two.step_started("r2")
            store.store(one.entries[4:])
            assert await receive(client, 1) == bodies_of(runs.entries[-1:])

    async def test_an_imported_run_is_not_sent(self, db: Path, store: Publishing, stage: Stage) -> None:
        imported, begun = Recorder("imported").whole(), Recorder("begun").run_started()
        async with stage.connect("/ws/events") as client:
            with Writer(db, guest=True) as writer:
                writer.append(imported.entries)
            store.store(begun.entries)
            assert await receive(client, 1) == bodies_of(begun.entries)

    async def test_new_runs_of_a_file_that_replaces_the_file_are_sent(self, db: Path, tmp_path: Path) -> None:
        other, begun = tmp_path / "other.db", Recorder("begun").run_started()
        with Publishing(db) as publishing:
            publishing.store(Recorder("long").whole().entries)
        with Publishing(other) as publishing:
            publishing.store([])
        async with relaying(db) as stage:
            await ready(stage)
            async with stage.connect("/ws/events") as client:
                await until(lambda: stage.relay.feed.listeners)
                other.replace(db)
                await until(lambda: stage.relay.feed.file_number and stage.relay.feed.ready.is_set())
                with Publishing(db) as publishing:
                    await asyncio.to_thread(publishing.store, begun.entries)
                    assert await receive(client, 1) == bodies_of(begun.entries)

    async def test_a_client_that_disconnects_is_no_listener_any_more(self, stage: Stage) -> None:
        async with stage.connect("/ws/events"):
            await until(lambda: stage.relay.feed.listeners)
        await until(lambda: not stage.relay.feed.listeners)


class TestSuccession:
    """A client gets a part of the stream without holes, up to its end, whenever it connects."""

    @pytest.mark.parametrize("seed", range(6))
    async def test_every_client_gets_all_events_from_its_start_to_the_end(
        self, db: Path, seed: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(reference_socket, "PAGE_WAIT_S", 0.0)
        random = Random(seed)
        stream = Recorder("run-0").run_started().root("root-0")
        for number in range(1, 12):
            run = Recorder(f"run-{number}", beside=stream).run_started().root(f"root-{number}")
            for _ in range(random.randrange(30)):
                run.emit("thought", {"node_id": f"root-{number}"})
            run.run_finished()
        bodies = bodies_of(stream.entries)
        beginnings = {at for at, body in enumerate(bodies) if '"run_started"' in body}
        with Publishing(db) as publishing:
            publishing.store(stream.entries[:2])
            async with relaying(db) as stage:
                await ready(stage)

                async def read(reload: str) -> list[str]:
                    found: list[str] = []
                    async with stage.connect(f"/ws/events?reload={reload}") as client:
                        while not found or found[-1] != bodies[-1]:
                            found += await receive(client, 1)
                    return found

                clients: list[tuple[str, asyncio.Task[list[str]]]] = []
                at = 2
                while at < len(bodies):
                    if at < len(bodies) - 50 and random.random() < 0.5:
                        reload = random.choice(("true", "false"))
                        clients.append((reload, asyncio.create_task(read(reload))))
                    size = random.randrange(1, 30)
                    await asyncio.to_thread(publishing.store, stream.entries[at : at + size])
                    at += size
                    await asyncio.sleep(random.choice((0.0, 0.0, 0.02, 0.3)))
                for reload, client in clients:
                    found = await client
                    first = len(bodies) - len(found)
                    assert found == bodies[first:]
                    assert reload == "false" or first in beginnings


class TestOneRun:
    """With `run=ID`, a client gets only this run."""

    async def test_the_run_is_sent_from_its_beginning_and_later_runs_are_ignored(
        self, store: Publishing, stage: Stage
    ) -> None:
        wanted, other = Recorder("wanted").run_started().root(), Recorder("other").run_started()
        store.store(wanted.entries)
        async with stage.connect("/ws/events?run=wanted") as client:
            assert await receive(client, 2) == bodies_of(wanted.entries)
            store.store(other.entries)
            store.store(wanted.step_started("root").entries[2:])
            assert await receive(client, 1) == bodies_of(wanted.entries[2:])

    async def test_events_after_a_position_are_sent(self, store: Publishing, stage: Stage) -> None:
        run = Recorder().whole()
        store.store(run.entries)
        async with stage.connect(f"/ws/events?run=run&after={len(run.entries) - 2}") as client:
            assert await receive(client, 2) == bodies_of(run.entries[-2:])

    async def test_a_deleted_run_closes_the_socket(self, db: Path, store: Publishing, stage: Stage) -> None:
        store.store(Recorder().run_started().entries)
        async with stage.connect("/ws/events?run=run") as client:
            await receive(client, 1)
            await asyncio.to_thread(delete_run, db, "run")
            await client.wait_closed()
            assert (client.close_code, client.close_reason) == (1000, "the run was deleted")


class TestChangedRun:
    """A run is rebuilt, renamed or deleted while it is sent."""

    async def test_a_rebuilt_run_is_sent_again_if_run_started_clears_the_page(
        self, store: Publishing, stage: Stage
    ) -> None:
        run = Recorder("B").run_started().root("b")
        misplaced = Recorder("A", beside=run).nameless().status("a", "READY")
        store.store(run.step_started("b").entries)
        async with stage.connect("/ws/events?run=B") as client:
            assert await receive(client, 4) == bodies_of(run.entries)
            misplaced.run_id = "A"
            store.store(misplaced.step_finished("a", "execute", after="FINISH").entries[4:])
            assert await receive(client, 3) == bodies_of([*run.entries[:2], run.entries[3]])

    @pytest.mark.parametrize("path", ["/ws/events?run=B&after=2", "/ws/events"])
    async def test_a_client_without_the_beginning_gets_no_event_twice(
        self, store: Publishing, stage: Stage, path: str
    ) -> None:
        run = Recorder("B").run_started().root("b")
        misplaced = Recorder("A", beside=run).nameless().status("a", "READY")
        store.store(run.entries)
        async with stage.connect(path) as client:
            sent = await receive(client, 1) if "after" in path else []
            await until(lambda: stage.relay.feed.listeners)
            store.store(run.step_started("b").entries[3:])
            sent += await receive(client, 1)
            misplaced.run_id = "A"
            store.store(misplaced.step_finished("a", "execute", after="FINISH").entries[4:])
            store.store(run.llm_started("b").entries[5:])
            sent += await receive(client, 1)
        assert sent[-2:] == bodies_of([run.entries[3], run.entries[5]])

    async def test_a_run_continues_under_another_id(self, store: Publishing, stage: Stage) -> None:
        nameless = Recorder(None).root().node("root", "child")
        named = Recorder("named", name="more").node("child", "grandchild")
        async with stage.connect("/ws/events") as client:
            store.store(nameless.entries)
            assert await receive(client, 2) == bodies_of(nameless.entries)
            store.store(named.entries)
            assert await receive(client, 1) == bodies_of(named.entries)

    async def test_the_next_run_follows_a_deleted_one(self, db: Path, store: Publishing, stage: Stage) -> None:
        first, second = Recorder("first").run_started(), Recorder("second").run_started()
        async with stage.connect("/ws/events") as client:
            store.store(first.entries)
            await receive(client, 1)
            await asyncio.to_thread(delete_run, db, "first")
            store.store(second.entries)
            assert await receive(client, 1) == bodies_of(second.entries)
