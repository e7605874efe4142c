"""A proxy between an ingester and Redis that cuts connections, or limits the bytes per second."""

import socket
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from store.stream.server import RedisServer


class Proxy:
    """Use as `with Proxy(server, folder, allowed) as proxy`.

    `allowed`: number of bytes of replies after which each connection is cut, in the order of connections; later connections
    are unlimited. `piece`: replies are passed on in pieces of this many bytes, 50 pieces per second.
    """

    def __init__(self, server: RedisServer, folder: Path, allowed: Iterable[int] = (), piece: int | None = None) -> None:
        self.url = f"unix://{folder / 'p.sock'}"
        self.cuts = 0
        """Number of connections that were cut."""
        self.connections = 0
        """Number of accepted connections."""
        self._piece = piece
        self._server = server
        self._allowed = iter(allowed)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(folder / "p.sock"))
        self._listener.listen()
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> "Proxy":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _serve(self) -> None:
        """Serve one connection at a time: an ingester has only one."""
        while True:
            try:
                client = self._listener.accept()[0]
            except OSError:
                return
            self.connections += 1
            with client, socket.socket(socket.AF_UNIX) as redis:
                redis.connect(str(self._server.socket))
                asking = threading.Thread(target=_pass_on, args=(client, redis))
                asking.start()
                left = next(self._allowed, None)
                most = self._piece or 65_536
                while (left is None or left > 0) and (data := _receive(redis, most if left is None else left)):
                    if self._piece is not None:
                        time.sleep(0.02)
                    with suppress(OSError):
                        client.sendall(data)
                    left = None if left is None else left - len(data)
                self.cuts += left == 0
                for end in (client, redis):
                    with suppress(OSError):
                        end.shutdown(socket.SHUT_RDWR)
                asking.join()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    while data := _receive(source, 65_536):
        with suppress(OSError):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)


def _receive(source: socket.socket, most: int) -> bytes:
    with suppress(OSError):
        return source.recv(most)
    return b""
