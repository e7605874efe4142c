"""Stands between an ingester and Redis, and cuts connections after so many bytes."""

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from store.redis_server import RedisServer


class Proxy:
    """Use as `with Proxy(server, folder, bytes_of_replies) as proxy`: each connection gets the next number of bytes, the
    last one none too few."""

    def __init__(self, server: RedisServer, folder: Path, allowed: Iterator[int]) -> None:
        self.url = f"unix://{folder / 'p.sock'}"
        self.cuts = 0
        """How many connections were cut so far."""
        self._server = server
        self._allowed = allowed
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
        """One connection after the other: an ingester has one."""
        while True:
            try:
                client = self._listener.accept()[0]
            except OSError:
                return
            with client, socket.socket(socket.AF_UNIX) as redis:
                redis.connect(str(self._server.socket))
                asking = threading.Thread(target=_pass_on, args=(client, redis))
                asking.start()
                left = next(self._allowed, None)
                while (left is None or left > 0) and (data := _receive(redis, 65_536 if left is None else left)):
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
