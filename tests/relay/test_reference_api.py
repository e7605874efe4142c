"""`/api/events` and `/api/graph` for scripts."""

import json

from tests.recorder import Recorder
from tests.relay.stage import Publishing, Stage, bodies_of


class TestScripts:
    """A request with `limit` or `run` returns history."""

    async def test_events_are_returned_newest_first(self, store: Publishing, stage: Stage) -> None:
        run = Recorder().whole()
        store.store(run.entries)
        newest_first = [json.loads(body) for body in reversed(bodies_of(run.entries))]
        assert (await stage.json("/api/events?limit=3"))["events"] == newest_first[:3]
        assert (await stage.json("/api/events?run=run"))["events"] == newest_first
        assert (await stage.json("/api/events?limit=1&run=run"))["status"] == "Connected"

    async def test_the_graph_has_nodes_and_edges(self, store: Publishing, stage: Stage) -> None:
        store.store(Recorder().whole().entries)
        graph = (await stage.json("/api/graph?run=run"))["graph"]
        assert graph["nodes"]["root"] == {
            "id": "root",
            "nid": "",
            "type": "PLAN_NODE",
            "goal": "Write a book",
            "layer": 0,
            "taskType": "COMPOSITION",
            "status": "FINISH",
            "inner_nodes": ["search", "write"],
        }
        assert graph["edges"] == {"search-write": {"id": "search-write", "parent": "search", "child": "write"}}
        assert await stage.json("/api/graph/nodes") == {"nodes": graph["nodes"]}
        assert await stage.json("/api/graph/edges") == {"edges": graph["edges"]}
        assert await stage.json("/api/graph/nodes/root") == graph["nodes"]["root"]
        assert await stage.json("/api/graph/edges/search-write") == graph["edges"]["search-write"]
        assert (await stage.get("/api/graph/nodes/none")).status == 404

    async def test_a_file_without_runs_has_no_events_and_no_graph(self, stage: Stage) -> None:
        assert (await stage.json("/api/events?limit=3"))["events"] == []
        assert await stage.json("/api/graph/nodes") == {"nodes": {}}
