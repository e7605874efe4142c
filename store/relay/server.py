"""The relay as a process: listening sockets, uvicorn, and a graceful shutdown."""

import asyncio
import errno
import logging
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from store.errors import AddressUnusable
from store.relay.application import Relay
from store.relay.connection import CLIENTS_MAX
from store.relay.http_protocol import HttpProtocol
from store.relay.security import HEADERS_MAX_BYTES
from store.relay.websocket_protocol import WebSocketProtocol

MESSAGE_MAX_BYTES = 4_096
"""Largest message of a client, in bytes. Messages are ignored; a larger one closes the connection."""

CONNECTIONS_MAX = 2 * CLIENTS_MAX
"""Number of connections at a time, HTTP and WebSocket together."""

PING_INTERVAL_S = 20.0
"""Seconds between two pings to a WebSocket client."""

PONG_TIMEOUT_S = 60.0
"""Seconds to wait for the answer to a ping before the client is considered gone."""

FILE_TIMEOUT_S = 5.0
"""Seconds that the start waits for the file, which an ingester may have to create first."""

SHUTDOWN_TIMEOUT_S = 1
"""Seconds that clients have to read what was sent before the server stops."""

BACKLOG = 512
"""Number of connections that may wait to be accepted."""

UNAVAILABLE = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)
"""Errors of an address that this machine does not have, for example an IPv6 address."""


def listen(host: str, port: int) -> list[socket.socket]:
    """Listening sockets on all addresses of a host. With port 0, all use the same free port. Raises AddressUnusable."""
    found: list[socket.socket] = []
    failure: Exception | None = None
    try:
        addresses = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, kind, protocol, _, address in dict.fromkeys(addresses):
            shared_port = port or (found[0].getsockname()[1] if found else 0)
            try:
                found.append(_listener(family, kind, protocol, (address[0], shared_port, *address[2:])))
            except OSError as error:
                failure = error
                if error.errno not in UNAVAILABLE:
                    raise
    except (OSError, OverflowError) as error:
        failure = error
        while found:
            found.pop().close()
    if not found:
        reason = getattr(failure, "strerror", None) or failure
        raise AddressUnusable(f"{host}:{port}: cannot listen ({reason}); choose another with --host or --port") from failure
    return found


def _listener(family: int, kind: int, protocol: int, address: tuple[Any, ...]) -> socket.socket:
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    return listener


class RelayServer(uvicorn.Server):
    """uvicorn without its signal handlers and without its ten wake-ups a second: `stop` ends it."""

    def __init__(self, relay: Relay) -> None:
        config = uvicorn.Config(
            relay.application,
            http=HttpProtocol,
            ws=WebSocketProtocol,
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            h11_max_incomplete_event_size=HEADERS_MAX_BYTES,
            ws_max_size=MESSAGE_MAX_BYTES,
            ws_ping_interval=PING_INTERVAL_S,
            ws_ping_timeout=PONG_TIMEOUT_S,
            ws_per_message_deflate=False,
            timeout_graceful_shutdown=SHUTDOWN_TIMEOUT_S,
            limit_concurrency=CONNECTIONS_MAX,
        )
        super().__init__(config)
        logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
        self.stopping = asyncio.Event()

    def stop(self) -> None:
        """Close all connections and return from `serve`."""
        self.should_exit = True
        self.stopping.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the program."""
        yield

    async def main_loop(self) -> None:
        await self.on_tick(0)
        await self.stopping.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # clients that do not read are no error
        await super().shutdown(sockets)
        for connection in list(self.server_state.connections):
            connection.transport.abort()


async def serve(
    relay: Relay, server: RelayServer, sockets: list[socket.socket], on_ready: Callable[[], None] = lambda: None
) -> None:
    """Serve until `server.stop`. Waits for the file first, so that the first clients can read it."""
    feeding = asyncio.create_task(relay.feed.run())
    try:
        waiting = [asyncio.create_task(event.wait()) for event in (relay.feed.ready, server.stopping)]
        await asyncio.wait({feeding, *waiting}, timeout=FILE_TIMEOUT_S, return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()
        on_ready()
        serving = asyncio.create_task(server.serve(sockets))
        await asyncio.wait({feeding, serving}, return_when=asyncio.FIRST_COMPLETED)
        server.stop()
        await serving
        if feeding.done():
            feeding.result()  # raises: the feed ends only by an error
    finally:
        feeding.cancel()
        await asyncio.gather(feeding, return_exceptions=True)
