"""Events of a run over a WebSocket: stored ones, then new ones, each exactly once, whatever is stored meanwhile."""

import asyncio
import json
import socket
import struct
from pathlib import Path
from random import Random
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection

from store.database.deletion import delete_run
from store.relay import event_page, frame, run_head, websocket_protocol
from tests.recorder import Recorder
from tests.relay.stage import Publishing, Stage, bodies_of, raw_client, ready, receive, relaying, steps, until


async def messages(client: ClientConnection, last: int) -> list[dict[str, Any]]:
    """The messages of `/ws/runs/ID` up to the event with this position."""
    found: list[dict[str, Any]] = []
    while not found or found[-1].get("position") != last or found[-1]["type"] != "event":
        found.append(json.loads((await receive(client, 1))[0]))
    return found


class TestDelivery:
    """Every client gets every event."""

    @pytest.mark.parametrize("seed", range(8))
    async def test_every_client_gets_every_event_once_and_in_order(
        self, db: Path, seed: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        random = Random(seed)
        monkeypatch.setattr(event_page, "PAGE_MAX_EVENTS", random.choice((1, 3, 500)))
        run = steps(400)
        bodies = bodies_of(run.entries)
        with Publishing(db) as publishing:
            begun = random.randrange(1, 200)
            publishing.store(run.entries[:begun])
            async with relaying(db) as stage:
                await ready(stage)

                async def read(after: int) -> list[dict[str, Any]]:
                    async with stage.connect(f"/ws/runs/run?after={after}") as client:
                        return await messages(client, len(bodies))

                clients: list[tuple[int, asyncio.Task[list[dict[str, Any]]]]] = []
                at = begun
                while at < len(bodies):
                    if len(clients) < 12 and random.random() < 0.3:
                        after = random.choice((0, at, random.randrange(at + 1)))
                        clients.append((after, asyncio.create_task(read(after))))
                    size = random.randrange(1, 40)
                    await asyncio.to_thread(publishing.store, run.entries[at : at + size])
                    at += size
                    await asyncio.sleep(random.choice((0.0, 0.0, 0.02)))
                for after, client in clients:
                    found = await client
                    events = [message for message in found if message["type"] == "event"]
                    assert [message["position"] for message in events] == list(range(after + 1, len(bodies) + 1))
                    assert [message["event"] for message in events] == list(map(json.loads, bodies[after:]))
                assert not stage.relay.feed._tails

    async def test_a_page_is_limited_in_bytes(self, db: Path) -> None:
        run = steps(30, "x" * 100_000)
        with Publishing(db) as publishing:
            publishing.store(run.entries)
        async with relaying(db) as stage:
            await ready(stage)
            head = await run_head.by_id(stage.relay.feed.reader, "run")
            assert head is not None
            first = await stage.relay.feed.page(head, 0, 30)
            assert first.last == 4
            async with stage.connect("/ws/events?run=run") as client:
                assert await receive(client, 30) == bodies_of(run.entries)

    async def test_an_event_too_large_for_a_frame_is_skipped(self, db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(frame, "EVENT_MAX_BYTES", 1_000)
        run = Recorder().run_started().emit("thought", {"text": "x" * 2_000}).root()
        with Publishing(db) as publishing:
            publishing.store(run.entries)
        async with relaying(db) as stage:
            await ready(stage)
            async with stage.connect("/ws/runs/run") as client:
                found = [json.loads(text) for text in await receive(client, 4)]
            assert [message["type"] for message in found] == ["run", "event", "skipped", "event"]
            assert found[2] == {"type": "skipped", "position": 2, "bytes": len(bodies_of(run.entries)[1])}
            async with stage.connect("/ws/events?run=run") as client:
                assert await receive(client, 2) == [bodies_of(run.entries)[0], bodies_of(run.entries)[2]]


class TestRunSocket:
    """Messages of `/ws/runs/ID`."""

    async def test_live_follows_the_last_stored_event(self, db: Path) -> None:
        with Publishing(db) as publishing:
            run = steps(3)
            publishing.store(run.entries[:2])
            async with relaying(db) as stage:
                await ready(stage)
                async with stage.connect("/ws/runs/ru?after=1") as client:
                    found = [json.loads(text) for text in await receive(client, 3)]
                    publishing.store(run.entries[2:])
                    found.append(json.loads((await receive(client, 1))[0]))
        assert [(message["type"], message["position"]) for message in found] == [
            ("run", 1),
            ("event", 2),
            ("live", 2),
            ("event", 3),
        ]

    async def test_a_rebuilt_run_is_sent_again(self, db: Path) -> None:
        run = Recorder("B").run_started().root("b")
        misplaced = Recorder("A", beside=run).nameless().status("a", "READY")
        with Publishing(db) as publishing:
            publishing.store(run.entries)
            async with relaying(db) as stage:
                await ready(stage)
                async with stage.connect("/ws/runs/B") as client:
                    before = [json.loads(text) for text in await receive(client, 5)]
                    assert [message["type"] for message in before] == ["run", "event", "event", "event", "live"]
                    misplaced.run_id = "A"
                    publishing.store(misplaced.step_finished("a", "execute", after="FINISH").entries[3:])
                    after = [json.loads(text) for text in await receive(client, 3)]
                    assert after[0] == {**before[0], "type": "rebuilt", "generation": 1, "events": 2}
                    assert [message["event"] for message in after[1:]] == list(map(json.loads, bodies_of(run.entries[:2])))
                async with stage.connect("/ws/runs/B?after=2&generation=0") as client:
                    assert [json.loads(text)["type"] for text in await receive(client, 2)] == ["rebuilt", "event"]

    async def test_a_run_continues_under_another_id(self, db: Path) -> None:
        run = Recorder(None).run_started().root("b")
        with Publishing(db) as publishing:
            publishing.store(run.entries)
            async with relaying(db) as stage:
                await ready(stage)
                async with stage.connect("/ws/runs/latest") as client:
                    await receive(client, 4)
                    run.run_id = "B"
                    publishing.store(run.step_started("b").entries[2:])
                    assert json.loads((await receive(client, 1))[0])["position"] == 3

    async def test_a_deleted_run_closes_the_socket(self, db: Path) -> None:
        with Publishing(db) as publishing:
            publishing.store(steps(3).entries)
            async with relaying(db) as stage:
                await ready(stage)
                async with stage.connect("/ws/runs/run") as client:
                    await messages(client, 3)
                    await receive(client, 1)
                    await asyncio.to_thread(delete_run, db, "run")
                    assert json.loads((await receive(client, 1))[0])["type"] == "deleted"
                    await client.wait_closed()
                    assert client.close_code == 1000

    async def test_a_replaced_file_deletes_its_runs(self, db: Path, tmp_path: Path) -> None:
        other = tmp_path / "other.db"
        with Publishing(db) as publishing:
            publishing.store(steps(3).entries)
        with Publishing(other) as publishing:
            publishing.store(Recorder("second").run_started().entries)
        async with relaying(db) as stage:
            await ready(stage)
            async with stage.connect("/ws/runs/run") as client, stage.connect("/ws/events?run=run") as guide:
                await messages(client, 3)
                await receive(guide, 3)
                await receive(client, 1)
                other.replace(db)
                assert json.loads((await receive(client, 1))[0])["type"] == "deleted"
                await guide.wait_closed()
            await until(stage.relay.feed.ready.is_set)
            assert [run["run_id"] for run in (await stage.json("/api/runs"))["runs"]] == ["second"]


class TestSlowClients:
    """A slow client uses bounded memory and delays no other client; a stalled one is closed with a reason."""

    async def test_a_stalled_client_is_closed_and_a_hundred_others_get_everything(
        self, db: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(websocket_protocol, "STALL_TIMEOUT_S", 1.0)
        monkeypatch.setattr(websocket_protocol, "CLOSE_TIMEOUT_S", 30.0)
        run = steps(1_600, "x" * 4_000)
        with Publishing(db) as publishing:
            publishing.store(run.entries[:2])
            async with relaying(db) as stage:
                await ready(stage)
                stuck = await asyncio.to_thread(raw_client, stage.port, "/ws/events?run=run")
                readers = [asyncio.create_task(count(stage, len(run.entries))) for _ in range(100)]
                await until(lambda: len(stage.relay.connections.writers) == 101)
                dropped = next(one for one in stage.relay.connections.writers if one.address.endswith(port_of(stuck)))
                most = 0
                for at in range(2, len(run.entries), 100):
                    await asyncio.to_thread(publishing.store, run.entries[at : at + 100])
                    most = max(most, dropped._transport.get_write_buffer_size())
                assert await asyncio.gather(*readers) == [len(run.entries)] * 100
                await until(lambda: stage.relay.connections.stalled == 1)
                assert most <= 2 * websocket_protocol.SLICE_BYTES
                assert await asyncio.to_thread(rest_of, stuck) == (1013, "nothing was read for 1 s while events waited")
                assert any("1013 nothing was read" in line for line in stage.log)

    async def test_a_slow_client_gets_everything(self, db: Path) -> None:
        run = steps(2_000, "x" * 4_000)
        with Publishing(db) as publishing:
            publishing.store(run.entries[:1_000])
            async with relaying(db) as stage:
                await ready(stage)
                async with stage.connect("/ws/events?run=run", max_queue=1) as client:
                    found = await receive(client, 10)
                    for at in range(1_000, 2_000, 100):
                        await asyncio.to_thread(publishing.store, run.entries[at : at + 100])
                    found += await receive(client, 1_990)
                    assert found == bodies_of(run.entries)


async def count(stage: Stage, events: int) -> int:
    async with stage.connect("/ws/events?run=run") as client:
        return len(await receive(client, events))


def port_of(client: socket.socket) -> str:
    return f":{client.getsockname()[1]}"


def rest_of(client: socket.socket) -> tuple[int, str]:
    """Code and reason of the close frame, after all earlier frames."""
    client.settimeout(20.0)
    with client, client.makefile("rb") as file:
        while file.readline() != b"\r\n":
            pass
        while True:
            first, size = file.read(2)
            if size == 126:
                (size,) = struct.unpack("!H", file.read(2))
            elif size == 127:
                (size,) = struct.unpack("!Q", file.read(8))
            data = file.read(size)
            if first == 0x88:
                return struct.unpack("!H", data[:2])[0], data[2:].decode()
            assert first == 0x81
            json.loads(data)
