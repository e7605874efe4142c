"""HTTP responses: JSON documents, and errors as one sentence."""

from collections.abc import AsyncIterator, Iterable, Mapping
from tempfile import SpooledTemporaryFile

import msgspec
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

HEADERS = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
}
"""Headers of every response: no caching, no content sniffing, no use by other origins."""

GET_ONLY = "Only GET is answered here."
"""The error of a request with another method."""

SPOOL_MEMORY_BYTES = 250_000
"""Largest response body that is buffered in memory. Larger ones are buffered on disk."""

CHUNK_BYTES = 64_000
"""Bytes of a buffered body that are read at a time."""


class BadRequest(Exception):
    """The request is malformed. The message is one sentence for the client."""


class NotFound(Exception):
    """The requested resource does not exist. The message is one sentence for the client."""


def json_response(body: bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A response with a JSON text."""
    return Response(body, status, {**HEADERS, **(headers or {})}, "application/json")


def error_response(status: int, sentence: str, headers: Mapping[str, str] | None = None) -> Response:
    """`{"error": "..."}`. Also rejects a WebSocket handshake."""
    more = {"www-authenticate": 'Bearer realm="treetop"'} if status == 401 else {}
    return json_response(msgspec.json.encode({"error": sentence}), status, {**more, **(headers or {})})


async def no_route(scope: Scope, receive: Receive, send: Send) -> None:
    """ASGI application for paths without a route: 404, or 405 for other methods than GET."""
    if scope["type"] == "http" and scope["method"] not in ("GET", "HEAD"):
        response = error_response(405, GET_ONLY, {"allow": "GET, HEAD"})
    else:
        response = error_response(404, "There is nothing at this address; GET /api lists what there is.")
    await response(scope, receive, send)


class SpooledResponse(StreamingResponse):
    """A JSON text from a temporary file, so that a slow client holds little memory. Closes the file at the end."""

    def __init__(self, spool: "SpooledTemporaryFile[bytes]") -> None:
        headers = {**HEADERS, "content-length": str(spool.tell())}
        spool.seek(0)
        super().__init__(_chunks(spool), headers=headers, media_type="application/json")
        self._spool = spool

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._spool.close()


def new_spool() -> "SpooledTemporaryFile[bytes]":
    """A temporary file for a response body."""
    return SpooledTemporaryFile(SPOOL_MEMORY_BYTES)


def spooled(parts: Iterable[bytes]) -> SpooledResponse:
    """A response with the concatenation of these bytes."""
    spool = new_spool()
    spool.writelines(parts)
    return SpooledResponse(spool)


async def _chunks(spool: "SpooledTemporaryFile[bytes]") -> AsyncIterator[bytes]:
    while chunk := spool.read(CHUNK_BYTES):
        yield chunk
