"""Access control by host, origin and token, before any routing, for HTTP and WebSockets.

A web page of another origin must not read the user's runs. `Host` is checked because a page can resolve its own name to
this machine (DNS rebinding), `Origin` because browsers let any page open a WebSocket to any server. Beyond the loopback
interface a token is required as well.
"""

import hmac
import ipaddress
import re
import socket
from collections.abc import Iterable
from hashlib import sha256
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from store.relay.response import error_response

COOKIE = "treetop"
"""Name of the cookie that `/login` sets."""

_HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+))(?::[0-9]{1,5})?")
"""A host name or address, with an optional port."""

HEADERS_MAX_BYTES = 16_000
"""Largest request target and headers together, in bytes."""

LOGIN, HEALTH = "/login", "/healthz"
"""Paths that require no token."""


def is_loopback(host: str) -> bool:
    """Whether all addresses of this host are loopback addresses. Raises OSError for a host without addresses."""
    found = socket.getaddrinfo(host or None, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return all(ipaddress.ip_address(str(address[0]).partition("%")[0]).is_loopback for *_, address in found)


class Access:
    """The access rules of one server."""

    def __init__(self, host: str, loopback: bool, token: str | None, names: Iterable[str] = ()) -> None:
        """`names`: additional host names of this server. `token`: None if none is required."""
        own = () if loopback else (socket.gethostname(), f"{socket.gethostname()}.local")
        self._names = {name.lower() for name in ("localhost", host, *own, *names)}
        self._loopback = loopback
        self._token = None if token is None else token.encode()
        self._cookie = "" if self._token is None else hmac.new(self._token, b"treetop cookie", sha256).hexdigest()

    @property
    def cookie(self) -> str:
        """Value of the login cookie. The token cannot be derived from it."""
        return self._cookie

    def is_token(self, given: bytes) -> bool:
        """Whether this is the token. Compares in constant time."""
        return self._token is None or hmac.compare_digest(given, self._token)

    def denial(self, scope: Scope) -> tuple[int, str] | None:
        """Status and sentence of the error response; None if access is allowed."""
        size = len(scope["raw_path"]) + len(scope["query_string"])
        if size + sum(len(name) + len(value) for name, value in scope["headers"]) > HEADERS_MAX_BYTES:
            return 431, f"The address and the headers of a request may have {HEADERS_MAX_BYTES:,} bytes."
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not self._is_own_host(hosts[0]):
            name = hosts[0][:100] if hosts else ""
            return 403, f"This server is not known as {name!r}; allow a host name with --allow-host."
        origins = headers.getlist("origin")
        if any(not _is_same_origin(origin, hosts[0]) for origin in origins):
            return 403, "Pages of another origin may not read this server."
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin") and not _is_top_level(headers):
            return 403, "Pages of another site may not read this server."
        if self._token is None or scope["path"] in (LOGIN, HEALTH) or self._has_token(headers):
            return None
        return 401, "A token is needed: send it as a bearer token, or open /login?token=... in a browser."

    def _is_own_host(self, host: str) -> bool:
        """Whether this is a name or an address of this server. No page of another origin is loaded from an address."""
        match = _HOST.fullmatch(host)
        if match is None:
            return False
        name = (match[1] or match[2]).lower()
        if name in self._names:
            return True
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return False
        return address.is_loopback or not self._loopback

    def _has_token(self, headers: Headers) -> bool:
        kind, _, given = headers.get("authorization", "").partition(" ")
        # Starlette decodes headers as Latin-1.
        if kind.lower() == "bearer" and self.is_token(given.strip().encode("latin-1")):
            return True
        try:
            found = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
        except CookieError:
            return False
        return found is not None and hmac.compare_digest(found.value.encode(), self._cookie.encode())


def _is_same_origin(origin: str, host: str) -> bool:
    """Whether a page of this origin was loaded from this host."""
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc) and parts.netloc.lower() == host.lower()


def _is_top_level(headers: Headers) -> bool:
    """Whether this is a top-level navigation or a WebSocket, not a frame or another embedded resource."""
    mode = headers.get("sec-fetch-mode")
    return mode == "websocket" or (mode == "navigate" and headers.get("sec-fetch-dest", "document") == "document")


class Guard:
    """ASGI middleware that rejects requests without access."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        denial = self._access.denial(scope)
        if denial is None:
            await self._app(scope, receive, send)
            return
        await error_response(*denial)(scope, receive, send)
