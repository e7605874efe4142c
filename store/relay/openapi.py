"""The OpenAPI 3.1 description of the API, returned by `GET /api`."""

from typing import Any

from store.model import document as doc
from store.model.phase import Phase
from store.model.span import Span
from store.model.state import Edge, EdgeKey, Node, empty
from store.relay.replay import SPEED_MAX, SPEED_MIN
from store.relay.run_api import LIMIT_MAX

Json = dict[str, Any]


def description(version: str) -> Json:
    """The whole document."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "treetop",
            "version": version,
            "description": "Runs of recursive agents and their events, read from one file. Refusals are"
            ' `{"error": "one sentence"}`. Times are ISO 8601 in UTC. WebSocket endpoints are described as GET requests'
            " that are answered with 101.",
        },
        "paths": {path: {"get": operation} for path, operation in _paths().items()},
        "components": {
            "schemas": _schemas(),
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "cookie": {"type": "apiKey", "in": "cookie", "name": "treetop"},
            },
        },
        "security": [{}, {"bearer": []}, {"cookie": []}],
    }


def _paths() -> dict[str, Json]:
    run = _path("run", "Id of a run, the beginning of one, or `latest`.", "string")
    which = _parameter(
        "run", "Id of a run, the beginning of one, or `latest`. [the latest run that did not fail]", "string"
    )
    limit = _parameter("limit", "How many at most.", "integer", minimum=1, maximum=LIMIT_MAX)
    after = _parameter("after", "Only events after this position.", "integer", minimum=0)
    return {
        "/api": _operation("This document", "An OpenAPI document.", {"type": "object"}),
        "/api/runs": _operation(
            "Runs, those that began last first",
            "A page of runs; `next` is the `before` of the next page, null on the last one.",
            _object({"runs": _array(_ref("Run")), "next": {"type": ["integer", "null"]}}),
            [
                limit,
                _parameter("before", "What the page before gave as `next`.", "integer", minimum=0),
                _parameter("status", "Only runs with this status.", "string", enum=list(Phase)),
                _parameter("q", "Only runs with these words in their goal or id.", "string"),
            ],
        ),
        "/api/runs/{run}": _operation(
            "A run with its tasks and dependencies",
            "What `treetop show --json` prints.",
            _ref("WholeRun"),
            [
                run,
                _parameter("at", "The run as it was: `10`, `50%`, `2m30s` or `14:03:20`.", "string"),
                _parameter("spans", "1: include the steps and calls.", "integer"),
            ],
        ),
        "/api/runs/{run}/events": _operation(
            "Events of a run in order",
            "A page of events; `next` is the `after` of the next page, null at the end.",
            _object(
                {
                    "run_id": {"type": "string"},
                    "generation": {"type": "integer"},
                    "last": {"type": "integer"},
                    "next": {"type": ["integer", "null"]},
                    "events": _array(_object({"position": {"type": "integer"}, "event": _ref("Event")})),
                }
            ),
            [
                run,
                after,
                limit,
                _parameter("node", "Only events that name the task with this id.", "string"),
                _parameter("type", "Only events of these types, with commas between them.", "string"),
            ],
        ),
        "/api/runs/{run}/events/{position}": _operation(
            "An event exactly as it was published",
            "The bytes of the event.",
            _ref("Event"),
            [run, _path("position", "1, 2, 3 ...", "integer")],
        ),
        "/api/events": _operation(
            "The reference servers' list of events, newest first",
            "Without parameters it is empty: the page gets its events over `/ws/events`.",
            _object({"status": {"const": "Connected"}, "events": _array(_ref("Event"))}),
            [limit, which],
        ),
        "/api/graph": _operation(
            "The reference servers' graph",
            "Without parameters it is empty: the page builds it from events.",
            _object({"graph": _object({"nodes": _map(_ref("GraphNode")), "edges": _map(_ref("GraphEdge"))})}),
            [which],
        ),
        "/api/graph/nodes": _operation(
            "Nodes of the graph", "By their ids.", _object({"nodes": _map(_ref("GraphNode"))}), [which]
        ),
        "/api/graph/nodes/{id}": _operation(
            "A node of the graph", "The node.", _ref("GraphNode"), [_path("id", "Id of the node.", "string"), which]
        ),
        "/api/graph/edges": _operation(
            "Edges of the graph", "By their ids.", _object({"edges": _map(_ref("GraphEdge"))}), [which]
        ),
        "/api/graph/edges/{id}": _operation(
            "An edge of the graph", "The edge.", _ref("GraphEdge"), [_path("id", "`<parent>-<child>`.", "string"), which]
        ),
        "/healthz": _operation("Can the file be read?", "It can.", _object({"status": {"const": "ok"}})),
        "/metrics": {
            "summary": "Figures for Prometheus, as OpenMetrics where the client accepts that",
            "responses": {
                "200": {"description": "Metrics.", "content": {"text/plain": {"schema": {"type": "string"}}}},
                **_refusals(),
            },
        },
        "/login": {
            "summary": "Sets the cookie that stands for the token",
            "parameters": [_parameter("token", "The token of the server.", "string")],
            "responses": {"200": {"description": "The cookie, and a page that goes on to `/`."}, **_refusals()},
        },
        "/ws/events": _socket(
            "The reference servers' socket: one text frame an event, as published; one run at a time",
            [
                _parameter(
                    "run", "Only this run, from its beginning. [the newest live run, and each that begins later]", "string"
                ),
                _parameter("after", "With `run`: only events after this position.", "integer", minimum=0),
                _parameter("reload", "Begin with the latest run that did not fail. [as the server was started]", "boolean"),
                _parameter(
                    "speed",
                    "Replay `run` in its own time, so many times as fast.",
                    "number",
                    minimum=SPEED_MIN,
                    maximum=SPEED_MAX,
                ),
                _parameter("from", "Replay `run` from here: `10`, `50%`, `2m30s` or `14:03:20`.", "string"),
            ],
        ),
        "/ws/runs": _socket("The list of runs: a message `list`, then `run` whenever a run changed, and `deleted`", []),
        "/ws/runs/{run}": _socket(
            "Events of a run with their positions: `run`, `event` ..., `live`, `event` ...; `rebuilt` before all events of"
            " a run whose events were numbered anew, `skipped` for an event that is too large, `deleted` at the end",
            [run, after, _parameter("generation", "The generation that `after` belongs to.", "integer", minimum=0)],
        ),
    }


def _schemas() -> dict[str, Json]:
    text, whole = {"type": "string"}, {"type": "integer"}
    empty_run = empty("").run
    run = _properties(doc.run_document(empty_run, 0.0)) | {
        "status": {"enum": list(Phase)},
        "doing": {"type": ["object", "null"]},
    }
    edge = Edge(EdgeKey("", "", ""), 1)
    return {
        "Error": _object({"error": text}),
        "Event": {
            "type": "object",
            "required": ["event_type", "payload"],
            "properties": {
                "event_id": {},
                "timestamp": {},
                "event_type": text,
                "run_id": {},
                "payload": {"type": "object"},
            },
        },
        "Run": _object({**run, "bytes": whole, "gaps": whole}),
        "WholeRun": _object(
            {
                "run": _object(run),
                "at": {"type": ["object", "null"]},
                "nodes": _array(_object(_properties(doc.node_document(Node("", 1), 0)))),
                "edges": _array(_object(_properties(doc.edge_document(edge)))),
                "counts": _object(_properties(doc.counts_document(empty_run, 0))),
            },
            {"spans": _array(_object(_properties(doc.span_document(Span(1, "")))))},
        ),
        "GraphNode": _object(
            {
                **dict.fromkeys(("id", "nid", "type", "goal", "taskType", "status"), text),
                "layer": {"type": ["integer", "null"]},
                "inner_nodes": _array(text),
            }
        ),
        "GraphEdge": _object(dict.fromkeys(("id", "parent", "child"), text)),
    }


NULLABLE_NUMBERS = frozenset(
    (
        *("tokens_in", "tokens_cached", "tokens_written", "tokens_out", "tokens_reasoning", "cost", "tries", "seconds"),
        *("skew_seconds", "parent_id", "step", "start_position", "end_position"),
    )
)
"""Fields that are null or a number. Other fields that are null in an empty document are null or a string."""


def _properties(document: Json) -> Json:
    """Schemas of the fields of a document, derived from an empty one."""
    # bool before int, its base class
    types = {str: "string", bool: "boolean", int: "integer", float: "number", list: "array"}

    def schema(name: str, value: object) -> Json:
        if value is None:
            return {"type": ["number" if name in NULLABLE_NUMBERS else "string", "null"]}
        if isinstance(value, dict):
            return _object(_properties(value))
        return {"type": next(name for kind, name in types.items() if isinstance(value, kind))}

    return {name: schema(name, value) for name, value in document.items()}


def _operation(summary: str, answer: str, schema: Json, parameters: list[Json] | None = None) -> Json:
    found = {"description": answer, "content": {"application/json": {"schema": schema}}}
    return {"summary": summary, "parameters": parameters or [], "responses": {"200": found, **_refusals()}}


def _socket(summary: str, parameters: list[Json]) -> Json:
    return {
        "summary": summary,
        "parameters": parameters,
        "responses": {
            "101": {"description": "A WebSocket. 1013: the client did not read; 1001: the server ends."},
            **_refusals(),
        },
    }


def _refusals() -> dict[str, Json]:
    content = {"application/json": {"schema": _ref("Error")}}
    sentences = {
        "400": "A parameter is wrong.",
        "401": "A token is needed.",
        "403": "The host name or the origin is not one of this server.",
        "404": "There is no such thing.",
        "503": "The file cannot be read at the moment; `Retry-After` has the seconds to wait.",
    }
    return {code: {"description": sentence, "content": content} for code, sentence in sentences.items()}


def _parameter(name: str, text: str, kind: str, **schema: object) -> Json:
    return {"name": name, "in": "query", "description": text, "schema": {"type": kind, **schema}}


def _path(name: str, text: str, kind: str) -> Json:
    return {"name": name, "in": "path", "required": True, "description": text, "schema": {"type": kind}}


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _array(items: Json) -> Json:
    return {"type": "array", "items": items}


def _map(values: Json) -> Json:
    return {"type": "object", "additionalProperties": values}


def _object(properties: Json, optional: Json | None = None) -> Json:
    return {"type": "object", "properties": properties | (optional or {}), "required": list(properties)}
