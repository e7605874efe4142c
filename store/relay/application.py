"""The relay as an ASGI application: routes, and responses for errors."""

from collections.abc import Awaitable, Callable
from importlib.metadata import version
from pathlib import Path

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.types import ExceptionHandler

from store.errors import FileError, PositionUnknown, RunChanged, RunUnknown, TooManyClients
from store.relay import parameter
from store.relay.change_feed import ChangeFeed
from store.relay.connection import Connections
from store.relay.metrics import exposition, read_metrics
from store.relay.openapi import description
from store.relay.reference_api import ReferenceApi
from store.relay.reference_socket import PageGate
from store.relay.response import (
    GET_ONLY,
    HEADERS,
    BadRequest,
    NotFound,
    error_response,
    json_response,
    no_route,
)
from store.relay.run_api import RunApi
from store.relay.secret_filter import SecretFilter
from store.relay.security import COOKIE, HEALTH, LOGIN, Access, Guard
from store.relay.snapshot import Snapshots
from store.relay.web_page import BuiltInPage, PageFolder
from store.relay.websocket_api import WebSocketApi

BODY_MAX_BYTES = 1_000
"""Largest accepted request body, in bytes. No endpoint needs one."""

LOGGED_IN = "<!doctype html><title>treetop</title><meta http-equiv=refresh content='0;url=/'><a href='/'>logged in</a>"

RETRY_AFTER_S = 1
"""Value of the Retry-After header, in seconds, if the file cannot be read."""


class Relay:
    """The application and the state that its clients share. `feed.run` must run beside the application."""

    def __init__(
        self,
        path: Path,
        access: Access,
        *,
        web: Path | None = None,
        reload: bool = False,
        redact: bool = False,
        log: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`web`: folder of a web page to serve. `reload`: clients of `/ws/events` get the latest run first."""
        self.access = access
        self.connections = Connections(log)
        secrets = SecretFilter(redact)
        self.feed = ChangeFeed(path, secrets)
        self._snapshots = Snapshots(self.feed)
        gate = PageGate()
        runs = RunApi(self._snapshots, secrets)
        reference = ReferenceApi(self._snapshots, gate, secrets)
        sockets = WebSocketApi(self.feed, self._snapshots, gate, self.connections, reload)
        routes = [
            Route("/api", self._describe),
            Route("/api/events", reference.events),
            Route("/api/graph", reference.graph),
            Route("/api/graph/{kind}", reference.graph_records),
            Route("/api/graph/{kind}/{id:path}", reference.graph_records),
            Route("/api/runs", runs.runs),
            Route("/api/runs/{run:path}/events/{position:position}", runs.event),  # run ids may contain slashes
            Route("/api/runs/{run:path}/events", runs.events),
            Route("/api/runs/{run:path}", runs.run),
            Route(HEALTH, self._health),
            Route("/metrics", self._metrics),
            Route(LOGIN, self._login),
            WebSocketRoute("/ws/events", sockets.events),
            WebSocketRoute("/ws/runs", sockets.runs),
            WebSocketRoute("/ws/runs/{run:path}", sockets.run),
            Mount("/api", no_route),
            Mount("/ws", no_route),
            Mount("/", BuiltInPage() if web is None else PageFolder(web)),
        ]
        handlers: dict[type[Exception], ExceptionHandler] = {
            HTTPException: _http_error,
            BadRequest: _error_handler(400, path, secrets),
            PositionUnknown: _error_handler(400, path, secrets),
            NotFound: _error_handler(404, path, secrets),
            RunUnknown: _error_handler(404, path, secrets),
            RunChanged: _error_handler(503, path, secrets),
            FileError: _error_handler(503, path, secrets),
            TooManyClients: _error_handler(503, path, secrets),
            Exception: _internal_error,
        }
        self.application = Starlette(
            routes=routes,
            exception_handlers=handlers,
            middleware=[Middleware(Guard, access=access)],
            max_body_size=BODY_MAX_BYTES,
        )

    async def _describe(self, request: Request) -> Response:
        parameter.check(request.query_params, ())
        return json_response(msgspec.json.encode(description(version("treetop"))))

    async def _health(self, request: Request) -> Response:
        """503 if the file cannot be read."""
        self.feed.check()
        return json_response(b'{"status":"ok"}')

    async def _metrics(self, request: Request) -> Response:
        parameter.check(request.query_params, ())
        async with self._snapshots.open() as reader:
            metrics = await read_metrics(reader, self.feed, self.connections)
        text, media_type = exposition(metrics, request.headers.get("accept", ""))
        return Response(text, headers=HEADERS, media_type=media_type)

    async def _login(self, request: Request) -> Response:
        """Exchange the token for the cookie of a browser."""
        parameter.check(request.query_params, ("token",))
        if not self.access.is_token(request.query_params.get("token", "").encode()):
            return error_response(401, "This is not the token of this server.")
        # A page instead of a redirect: browsers omit a strict cookie in a redirect that another site started.
        response = Response(LOGGED_IN, headers=HEADERS, media_type="text/html")
        response.set_cookie(COOKIE, self.access.cookie, httponly=True, samesite="strict")
        return response


def _error_handler(status: int, path: Path, secrets: SecretFilter) -> Callable[[Request, Exception], Awaitable[Response]]:
    headers = {"retry-after": str(RETRY_AFTER_S)} if status == 503 else {}

    async def handle(request: Request, error: Exception) -> Response:
        response = error_response(status, str(error).removeprefix(f"{path}: "), headers)  # clients must not learn the path
        # The error for an ambiguous run has ids of runs.
        return json_response(await secrets.apply_to(bytes(response.body)), status, headers)

    return handle


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    sentences = {405: GET_ONLY, 413: "The request is too large."}
    return error_response(error.status_code, sentences.get(error.status_code, f"{error.detail}."), error.headers)


async def _internal_error(request: Request, error: Exception) -> Response:
    return error_response(500, "The server failed; its log has the reason.")
