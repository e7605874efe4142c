"""`/api/events` and `/api/graph`: the HTTP endpoints of the reference servers.

Without parameters they return nothing, because their web page gets everything over `/ws/events`. Scripts get history and
the graph with `limit` or `run`.
"""

from collections.abc import Iterable
from typing import Any

from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response

from store.database.reader import Reader
from store.database.run_queries import RunQueries
from store.database.whole_run import WholeRun, whole_run
from store.model import document as doc
from store.model.record import RunRow
from store.model.state import EdgeKey
from store.relay import parameter, run_head
from store.relay.reference_socket import PageGate
from store.relay.response import NotFound, json_response, spooled
from store.relay.run_api import LIMIT_DEFAULT, LIMIT_MAX, comma_separated
from store.relay.secret_filter import SecretFilter
from store.relay.snapshot import Snapshots, bodies_at, find_run


class ReferenceApi:
    """Endpoints of the reference servers' API."""

    def __init__(self, snapshots: Snapshots, gate: PageGate, secrets: SecretFilter) -> None:
        self._snapshots = snapshots
        self._gate = gate
        self._secrets = secrets

    async def events(self, request: Request) -> Response:
        """`/api/events`: newest first; empty without parameters."""
        given = request.query_params
        parameter.check(given, ("limit", "run"))
        if not given:
            response = json_response(b'{"status":"Connected","events":[]}')
            response.background = BackgroundTask(self._open_gate)
            return response
        limit = parameter.integer(given, "limit", LIMIT_DEFAULT, 1, LIMIT_MAX)
        async with self._snapshots.open() as reader:
            row = await _run(reader, given.get("run"))
            found: list[tuple[int, bytes]] = []
            if row is not None:
                end = row.run.events
                found, _ = await bodies_at(reader, row.key, range(end, max(end - limit, 0), -1))
        bodies = await self._secrets.apply(body for _, body in found)
        return spooled([b'{"status":"Connected","events":[', *comma_separated(bodies), b"]}"])

    async def _open_gate(self) -> None:
        self._gate.open()

    async def graph(self, request: Request) -> Response:
        """`/api/graph`: empty without parameters."""
        parameter.check(request.query_params, ("run",))
        if not request.query_params:
            return json_response(b'{"graph":{"nodes":{},"edges":{}}}')
        return await self._json({"graph": await self._graph(request)})

    async def graph_records(self, request: Request) -> Response:
        """`/api/graph/nodes`, `/api/graph/edges`, and one record by its id."""
        parameter.check(request.query_params, ("run",))
        kind: str = request.path_params["kind"]
        if kind not in ("nodes", "edges"):
            raise NotFound("A graph has nodes and edges, and nothing else.")
        records = (await self._graph(request))[kind]
        if "id" not in request.path_params:
            return await self._json({kind: records})
        record = records.get(request.path_params["id"])
        if record is None:
            raise NotFound(f"The graph has no such {kind[:-1]}; GET /api/graph/{kind} lists them.")
        return await self._json(record)

    async def _json(self, document: Any) -> Response:
        return spooled([await self._secrets.apply_to(doc.encode(document))])

    async def _graph(self, request: Request) -> dict[str, Any]:
        async with self._snapshots.open() as reader:
            row = await _run(reader, request.query_params.get("run"))
            if row is None:
                return {"nodes": {}, "edges": {}}
            async with whole_run(reader, row.run.run_id) as whole:
                return await _graph_of(whole, await RunQueries(reader, row.key).all_edges(row.run.events))


async def _run(reader: Reader, name: str | None) -> RunRow | None:
    """The named run, by default the latest run that did not fail; None if there is no run."""
    if name is not None:
        return await find_run(reader, name)
    head = await run_head.latest_unfailed(reader)
    return None if head is None else await reader.run(head.key)


async def _graph_of(whole: WholeRun, edges: Iterable[EdgeKey]) -> dict[str, dict[str, Any]]:
    """Nodes and edges of a run by id, with the field names of the reference servers."""
    nodes: dict[str, dict[str, Any]] = {}
    async for node, _, _ in whole.nodes():
        nodes[node.node_id] = {
            "id": node.node_id,
            "nid": node.nid or "",
            "type": node.node_type or "",
            "goal": node.goal or node.latest_goal or "",
            "layer": node.layer,
            "taskType": node.task_type or "",
            "status": node.status or "",
            "inner_nodes": [],
        }
        if node.outer in nodes:
            nodes[node.outer]["inner_nodes"].append(node.node_id)
    named = ((f"{key.parent}-{key.child}", key) for key in edges)
    return {"nodes": nodes, "edges": {name: {"id": name, "parent": key.parent, "child": key.child} for name, key in named}}
