"""The web page of the reference servers as a client of the relay."""

import asyncio
import json
from typing import Any

import pytest

from store.model.entry import Entry
from store.relay import reference_socket
from tests.recorder import Recorder
from tests.relay.stage import Publishing, Stage, bodies_of, receive


class TestPage:
    """The page loses frames that arrive before its response, and shows events twice that come both ways."""

    async def test_the_page_gets_no_history_over_http(self, store: Publishing, reloading: Stage) -> None:
        store.store(Recorder().whole().entries)
        assert await reloading.json("/api/events") == {"status": "Connected", "events": []}
        assert await reloading.json("/api/graph") == {"graph": {"nodes": {}, "edges": {}}}

    async def test_a_socket_waits_for_the_request_of_the_page(
        self, store: Publishing, reloading: Stage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(reference_socket, "PAGE_WAIT_S", 60.0)
        run = Recorder().whole()
        store.store(run.entries)
        async with reloading.connect("/ws/events") as client:
            waiting = asyncio.create_task(receive(client, len(run.entries)))
            await (await client.ping())
            assert not waiting.done()
            await reloading.json("/api/events?limit=1")  # a request of a script
            await (await client.ping())
            assert not waiting.done()
            await reloading.json("/api/events")
            assert await waiting == bodies_of(run.entries)

    async def test_a_socket_waits_until_the_page_could_read_its_response(
        self, store: Publishing, reloading: Stage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(reference_socket, "PAGE_WAIT_S", 60.0)
        store.store(Recorder().whole().entries)
        loop = asyncio.get_running_loop()
        async with reloading.connect("/ws/events") as client:
            await (await client.ping())
            begun = loop.time()
            await reloading.json("/api/events")
            await receive(client, 1)
        assert loop.time() - begun >= reference_socket.PAGE_SETTLE_S

    async def test_a_socket_without_a_request_starts_after_half_a_second(self, store: Publishing, reloading: Stage) -> None:
        run = Recorder().run_started()
        store.store(run.entries)
        loop = asyncio.get_running_loop()
        begun = loop.time()
        async with reloading.connect("/ws/events") as client:
            await receive(client, 1)
        assert loop.time() - begun >= 0.5

    async def test_the_page_shows_history_and_then_live_events(self, store: Publishing, reloading: Stage) -> None:
        first, second = Recorder("first").whole(), Recorder("second").run_started().root("r2")
        store.store(first.entries)
        page = Page()
        async with reloading.connect("/ws/events") as client:
            page.load((await reloading.json("/api/events"))["events"])
            for message in await receive(client, len(first.entries)):
                page.take(message)
            assert page.events == [json.loads(body) for body in reversed(bodies_of(first.entries))][: Page.SHOWN]
            assert set(page.nodes) == {"root", "search", "write"}
            assert set(page.nodes.values()) == {"FINISH"}
            store.store(second.entries)
            for message in await receive(client, 2):
                page.take(message)
        assert [event["event_type"] for event in page.events] == ["node_created", "run_started"]
        assert set(page.nodes) == {"r2"}

    async def test_the_page_shows_the_newest_200_events(self, store: Publishing, reloading: Stage) -> None:
        run = Recorder().run_started().root()
        for _ in range(150):
            run.step("root", "plan", after="PLAN_DONE")
        store.store(run.entries)
        page = Page()
        async with reloading.connect("/ws/events") as client:
            for message in await receive(client, len(run.entries)):
                page.take(message)
        assert page.events == [json.loads(body) for body in reversed(bodies_of(run.entries)[-200:])]


class Page:
    """The behaviour of the reference servers' web page."""

    SHOWN = 200

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        """Newest first."""
        self.nodes: dict[str, str] = {}
        """Statuses by node id."""

    def load(self, events: list[dict[str, Any]]) -> None:
        """Show the events of a response instead of the current ones."""
        self.events = events

    def take(self, message: str) -> None:
        event = json.loads(message)
        assert isinstance(event["event_type"], str)
        payload = event["payload"]
        assert isinstance(event["event_id"], str)
        assert event["event_id"] not in {shown["event_id"] for shown in self.events}
        assert isinstance(event.get("run_id"), str | None)
        if event["event_type"] in ("llm_call_completed", "tool_returned"):
            assert f"{payload['duration_seconds']:.2f}"
        if event["event_type"] == "run_started":
            self.events, self.nodes = [], {}
        self.events = [event, *self.events][: self.SHOWN]
        node_id = payload.get("node_id")
        if event["event_type"] == "node_created":
            self.nodes[node_id] = "NOT_READY"
        elif node_id in self.nodes:
            self.nodes[node_id] = payload.get("status_after") or payload.get("new_status") or self.nodes[node_id]


async def test_a_page_and_a_script_get_the_whole_recorded_run(
    recorded: list[Entry], store: Publishing, reloading: Stage
) -> None:
    """All responses and frames for a real run."""
    store.store(recorded)
    bodies = bodies_of(recorded)
    events = list(map(json.loads, bodies))
    async with reloading.connect("/ws/events") as client:
        assert await reloading.json("/api/events") == {"status": "Connected", "events": []}
        assert await reloading.json("/api/graph") == {"graph": {"nodes": {}, "edges": {}}}
        assert await receive(client, 100) == bodies
    page = Page()
    for body in bodies:
        page.take(body)
    assert page.events == list(reversed(events))
    answer = await reloading.json("/api/events?limit=5")
    assert answer == {"status": "Connected", "events": list(reversed(events))[:5]}
    graph = (await reloading.json("/api/graph?run=latest"))["graph"]
    created = {event["payload"]["node_id"]: event["payload"] for event in events if event["event_type"] == "node_created"}
    for node_id, payload in created.items():
        node = graph["nodes"][node_id]
        assert set(node) == {"id", "nid", "type", "goal", "layer", "taskType", "status", "inner_nodes"}
        assert (node["id"], node["nid"], node["type"]) == (node_id, payload["node_nid"], payload["node_type"])
        assert (node["goal"], node["layer"], node["taskType"]) == (
            payload["task_goal"],
            payload["layer"],
            payload["task_type"],
        )
        assert node_id in graph["nodes"][payload["outer_node_id"]]["inner_nodes"]
    added = [event["payload"] for event in events if event["event_type"] == "edge_added"]
    assert graph["edges"] == {
        f"{one['parent_node_id']}-{one['child_node_id']}": {
            "id": f"{one['parent_node_id']}-{one['child_node_id']}",
            "parent": one["parent_node_id"],
            "child": one["child_node_id"],
        }
        for one in added
    }


class TestRepairs:
    """Events that would break the page are repaired and marked; all others are sent as published."""

    async def frame(self, store: Publishing, stage: Stage, event_type: str, payload: object, **envelope: object) -> Any:
        run = Recorder().emit(event_type, payload, **envelope)  # type: ignore[arg-type]
        store.store(run.entries)
        async with stage.connect("/ws/events") as client:
            return json.loads((await receive(client, 1))[0])

    async def test_numeric_ids_become_strings(self, store: Publishing, reloading: Stage) -> None:
        payload = {"node_id": 7, "call_id": 8, "duration_seconds": 1.5}
        frame = await self.frame(store, reloading, "llm_call_completed", payload, run_id=5, event_id=6)
        assert (frame["run_id"], frame["event_id"]) == ("5", "6")
        assert frame["payload"] == {"node_id": "7", "call_id": "8", "duration_seconds": 1.5}
        assert frame["repaired"] == ["event_id", "run_id", "payload.node_id", "payload.call_id"]

    @pytest.mark.parametrize("event_type", ["llm_call_completed", "tool_returned"])
    async def test_a_missing_duration_becomes_zero(self, store: Publishing, reloading: Stage, event_type: str) -> None:
        frame = await self.frame(store, reloading, event_type, {"node_id": "x"})
        assert frame["payload"] == {"node_id": "x", "duration_seconds": 0.0}
        assert frame["repaired"] == ["payload.duration_seconds"]

    async def test_a_missing_event_id_becomes_the_id_of_the_stream_entry(self, store: Publishing, reloading: Stage) -> None:
        frame = await self.frame(store, reloading, "thought", {}, event_id=None)
        assert frame["event_id"].endswith("-0")

    async def test_an_event_without_a_run_is_sent_as_published(self, store: Publishing, reloading: Stage) -> None:
        assert "repaired" not in await self.frame(store, reloading, "step_started", {"node_id": "x"}, run_id=None)
