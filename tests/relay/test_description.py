"""The OpenAPI description, the metrics and the built-in page."""

import json
from collections.abc import Iterator
from typing import Any

from prometheus_client.openmetrics import parser

from store.relay.openapi import description
from tests.recorder import Recorder
from tests.relay.stage import Publishing, Stage, bodies_of, receive


class TestDescription:
    """`/api`, `/metrics` and `/`."""

    async def test_the_description_lists_every_route(self, stage: Stage) -> None:
        document = await stage.json("/api")
        assert document == json.loads(json.dumps(description(document["info"]["version"])))
        routed = {
            str(getattr(route, "path", "")).replace(":path", "").replace(":int", "").replace("{kind}", kind)
            for route in stage.relay.application.routes
            for kind in ("nodes", "edges")
            if hasattr(route, "endpoint")
        }
        assert set(document["paths"]) == routed

    async def test_the_description_is_valid_openapi(self, stage: Stage) -> None:
        document = await stage.json("/api")
        assert document["openapi"].startswith("3.1.")
        schemas = document["components"]["schemas"]
        for path, item in document["paths"].items():
            (operation,) = item.values()
            assert set(operation) <= {"summary", "parameters", "responses"}
            named = {one["name"] for one in operation.get("parameters", []) if one["in"] == "path"}
            assert named == {part[1:-1] for part in path.split("/") if part.startswith("{")}
            assert all(one.get("required") for one in operation.get("parameters", []) if one["in"] == "path")
            assert all(answer["description"] for answer in operation["responses"].values())
        references = {value for name, value in walk(document) if name == "$ref"}
        assert references == {f"#/components/schemas/{name}" for name in schemas}

    async def test_responses_have_the_described_fields(self, store: Publishing, stage: Stage) -> None:
        store.store(Recorder().whole().entries)
        schemas = (await stage.json("/api"))["components"]["schemas"]
        (row,) = (await stage.json("/api/runs"))["runs"]
        assert set(row) == set(schemas["Run"]["properties"])
        whole = await stage.json("/api/runs/run?spans=1")
        assert (await stage.json("/api/runs/run")).keys() == whole.keys() - {"spans"}
        properties = schemas["WholeRun"]["properties"]
        assert set(whole["run"]) == set(properties["run"]["properties"])
        assert set(whole) == set(properties)
        assert set(whole["counts"]) == set(properties["counts"]["properties"])
        for kind in ("nodes", "edges", "spans"):
            assert set(whole[kind][0]) == set(properties[kind]["items"]["properties"])
        graph = (await stage.json("/api/graph?run=run"))["graph"]
        assert set(graph["nodes"]["root"]) == set(schemas["GraphNode"]["properties"])
        assert set(graph["edges"]["search-write"]) == set(schemas["GraphEdge"]["properties"])

    async def test_metrics_count_runs_events_and_clients(self, store: Publishing, stage: Stage) -> None:
        run = Recorder().whole()
        store.store(run.entries)
        async with stage.connect("/ws/events?run=run") as client:
            await receive(client, len(run.entries))
            answer = await stage.get("/metrics", Accept="application/openmetrics-text; version=1.0.0")
        assert answer.headers["content-type"].startswith("application/openmetrics-text")
        families = {family.name: family for family in parsed(answer.body.decode())}
        assert {sample.labels["status"]: sample.value for sample in families["treetop_runs"].samples} == {
            **dict.fromkeys(("live", "silent", "interrupted", "ended", "failed"), 0),
            "finished": 1,
        }
        (stored,) = families["treetop_events_stored"].samples
        assert (stored.labels, stored.value) == ({"stream": "agent_events"}, len(run.entries))
        assert families["treetop_clients"].samples[0].value == 1
        assert families["treetop_sent_events"].samples[0].value == len(run.entries)
        assert families["treetop_sent_bytes"].samples[0].value > sum(map(len, bodies_of(run.entries)))
        plain = await stage.get("/metrics")
        assert plain.headers["content-type"].startswith("text/plain")

    async def test_the_built_in_page_has_a_content_security_policy(self, stage: Stage) -> None:
        answer = await stage.get("/")
        assert b"<title>treetop</title>" in answer.body
        assert "default-src 'none'" in answer.headers["content-security-policy"]


def parsed(text: str) -> list[Any]:
    """The metric families of an OpenMetrics text."""
    return list(parser.text_string_to_metric_families(text))  # type: ignore[no-untyped-call]


def walk(value: Any) -> Iterator[tuple[str, Any]]:
    """Names and values of all objects in a document."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield name, inner
            yield from walk(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from walk(inner)
