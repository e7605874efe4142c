"""`/api/runs`: runs and events as JSON, in the documents that the command line prints."""

import time
from collections.abc import Iterable, Iterator

from starlette.requests import Request
from starlette.responses import Response

from store.database.run_queries import RunQueries
from store.database.whole_run import whole_run
from store.model import document as doc
from store.model.record import Match
from store.relay import parameter
from store.relay.parameter import INTEGER_MAX
from store.relay.response import BadRequest, NotFound, SpooledResponse, new_spool, spooled
from store.relay.run_list import run_list_page, status_of
from store.relay.secret_filter import SecretFilter
from store.relay.snapshot import Snapshots, bodies_at, find_run

LIMIT_DEFAULT = 200
"""Runs or events in one response, unless `limit` is given."""

LIMIT_MAX = 1_000
"""Largest `limit`."""

SEARCH_MAX_EVENTS = 200_000
"""Number of events that one request searches."""


class RunApi:
    """Endpoints of treetop's own API."""

    def __init__(self, snapshots: Snapshots, secrets: SecretFilter) -> None:
        self._snapshots = snapshots
        self._secrets = secrets

    async def runs(self, request: Request) -> Response:
        """`/api/runs`: a page of the list of runs, newest beginning first."""
        given = request.query_params
        parameter.check(given, ("limit", "before", "status", "q"))
        limit = parameter.integer(given, "limit", LIMIT_DEFAULT, 1, LIMIT_MAX)
        before = parameter.integer(given, "before", INTEGER_MAX)
        async with self._snapshots.open() as reader:
            page = await run_list_page(reader, limit, before, status_of(given.get("status")), given.get("q"))
        now = time.time()
        document = {"runs": [doc.row_document(row, now) for row in page.rows], "next": page.next}
        return spooled([await self._secrets.apply_to(doc.encode(document))])

    async def run(self, request: Request) -> Response:
        """`/api/runs/ID`: the document of `treetop show --json`."""
        parameter.check(request.query_params, ("at", "spans"))
        spans = bool(parameter.integer(request.query_params, "spans", 0, 0, 1))
        spool = new_spool()
        try:
            name, at = request.path_params["run"], request.query_params.get("at")
            async with self._snapshots.open() as reader, whole_run(reader, name, at) as whole:
                async for part in whole.document(time.time(), spans):
                    spool.write(await self._secrets.apply_to(part))
        except BaseException:
            spool.close()
            raise
        return SpooledResponse(spool)

    async def events(self, request: Request) -> Response:
        """`/api/runs/ID/events`: events after a position, with their positions."""
        given = request.query_params
        parameter.check(given, ("after", "limit", "node", "type"))
        after = parameter.integer(given, "after", 0)
        limit = parameter.integer(given, "limit", LIMIT_DEFAULT, 1, LIMIT_MAX)
        async with self._snapshots.open() as reader:
            row = await find_run(reader, request.path_params["run"])
            run, end = RunQueries(reader, row.key), row.run.events
            positions, searched = await _positions(run, after, limit, end, given.get("node"), given.get("type"))
            found, complete = await bodies_at(reader, row.key, positions)
        last = searched if complete else found[-1][0]
        head = {
            "run_id": row.run.run_id,
            "generation": row.generation,
            "last": end,
            "next": last if last < end else None,
        }
        bodies = await self._secrets.apply(body for _, body in found)
        texts = (
            b'{"position":%d,"event":%b}' % (position, body) for (position, _), body in zip(found, bodies, strict=True)
        )
        start = await self._secrets.apply_to(doc.encode(head))
        return spooled([start[:-1], b',"events":[', *comma_separated(texts), b"]}"])

    async def event(self, request: Request) -> Response:
        """`/api/runs/ID/events/N`: one event, byte for byte as published."""
        parameter.check(request.query_params, ())
        position: int = request.path_params["position"]
        async with self._snapshots.open() as reader:
            row = await find_run(reader, request.path_params["run"])
            found, _ = await bodies_at(reader, row.key, [position])
        if not found:
            raise NotFound(f"The run has {row.run.events:,} events and none at position {position}.")
        return spooled([await self._secrets.apply_to(found[0][1])])


async def _positions(
    run: RunQueries, after: int, limit: int, end: int, node: str | None, types: str | None
) -> tuple[list[int], int]:
    """Up to `limit` positions of matching events, and the position up to which events were searched."""
    if node is None and types is None:
        last = min(after + limit, end)
        return list(range(after + 1, last + 1)), max(last, after)
    match = Match(types=frozenset(filter(None, (types or "").split(","))))
    key = None
    if node is not None:
        key = (await run.keys([node])).get(node)
        if key is None:
            raise NotFound("The run has no task with this id.")
    if types is not None and not match.types:
        raise BadRequest("The parameter type must name one or more types of events, with commas between them.")
    last = min(after + SEARCH_MAX_EVENTS, end)
    found = await (run.search(match, after + 1, last) if key is None else run.search_nodes([key], match, after + 1, last))
    return (found[:limit], found[limit - 1]) if len(found) > limit else (found, max(last, after))


def comma_separated(texts: Iterable[bytes]) -> Iterator[bytes]:
    """The texts with commas between them."""
    for number, text in enumerate(texts):
        if number:
            yield b","
        yield text
