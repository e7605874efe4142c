"""The OpenAPI description, the metrics and the built-in page."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from prometheus_client.openmetrics import parser

from store.database.retention import Rule, prune
from store.database.writer import Writer
from store.model.entry import Gap, StreamId, follow
from store.relay.openapi import description
from tests.recorder import Recorder, entry_of
from tests.relay.stage import Publishing, Stage, bodies_of, receive

OPEN_METRICS = "application/openmetrics-text; version=1.0.0"


class TestDescription:
    """`/api`, `/metrics` and `/`."""

    async def test_the_description_lists_every_route(self, stage: Stage) -> None:
        document = await stage.json("/api")
        assert document == json.loads(json.dumps(description(document["info"]["version"])))
        routed = {
            str(getattr(route, "path", "")).replace(":path", "").replace(":position", "").replace("{kind}", kind)
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
            answer = await stage.get("/metrics", Accept=OPEN_METRICS)
        assert answer.headers["content-type"].startswith("application/openmetrics-text")
        families = {family.name: family for family in parsed(answer.body.decode())}
        assert {sample.labels["status"]: sample.value for sample in families["treetop_runs"].samples} == {
            **dict.fromkeys(("live", "silent", "interrupted", "ended", "failed"), 0),
            "finished": 1,
        }
        (stored,) = families["treetop_events_stored"].samples
        assert (stored.labels, stored.value) == ({"stream": "agent_events", "server": ""}, len(run.entries))
        assert families["treetop_clients"].samples[0].value == 1
        assert families["treetop_sent_events"].samples[0].value == len(run.entries)
        assert families["treetop_sent_bytes"].samples[0].value > sum(map(len, bodies_of(run.entries)))
        plain = await stage.get("/metrics")
        assert plain.headers["content-type"].startswith("text/plain")

    async def test_metrics_of_streams_with_the_same_name_have_the_server_as_label(self, db: Path, stage: Stage) -> None:
        """Prometheus rejects two samples with the same name and labels."""
        for server in ("one:6379/0", "two:6379/0"):
            with Writer(db) as writer:
                writer.append(Recorder(server).root().entries, writer.stream("agent_events", server))
        answer = await stage.get("/metrics", Accept=OPEN_METRICS)
        samples = [sample for family in parsed(answer.body.decode()) for sample in family.samples]
        assert len({(sample.name, *sorted(sample.labels.items())) for sample in samples}) == len(samples)
        stored = {sample.labels["server"] for sample in samples if sample.name == "treetop_events_stored_total"}
        assert stored >= {"one:6379/0", "two:6379/0"}

    async def test_known_losses_are_counted_beside_unknown_ones(self, db: Path, stage: Stage) -> None:
        with Writer(db) as writer:
            key = writer.stream("agent_events")
            for lost in (30, None, 12):
                before = writer.cursor(key)
                gap = Gap("trimmed", lost, StreamId(1, 0), None, "gone")
                writer.append([], key, before, follow(before, [], lost or 0), gap)
        answer = await stage.get("/metrics", Accept=OPEN_METRICS)
        families = {family.name: family for family in parsed(answer.body.decode())}
        assert families["treetop_gaps"].samples[0].value == 3
        assert families["treetop_entries_lost"].samples[0].value == 42

    async def test_removed_rejected_entries_are_no_reset_of_a_counter(
        self, db: Path, store: Publishing, stage: Stage
    ) -> None:
        store.store([*Recorder().root().entries, entry_of(b"[]", 1), entry_of(b"[]", 2)])
        prune(db, Rule(rejected=True), 0.0)
        families = {
            family.name: family for family in parsed((await stage.get("/metrics", Accept=OPEN_METRICS)).body.decode())
        }
        rejected = families["treetop_entries_rejected"]
        assert (rejected.type, rejected.samples[0].value) == ("gauge", 0)

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
