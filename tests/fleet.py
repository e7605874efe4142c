"""Real servers with failover: a primary with replica and Sentinel, and a Cluster."""

import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import redis
from redis.crc import key_slot

from store.stream import server
from store.stream.server import RedisServer, find_server
from tests.conftest import until

SERVICE = "agents"

DOWN_AFTER_MS = 400
"""Milliseconds without a reply after which other servers consider a server dead."""


def free_port() -> int:
    """A free port whose port for the cluster bus, 10,000 above it, is free as well."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port: int = first.getsockname()[1]
            if 10_000 < port < 55_000:
                try:
                    second.bind(("127.0.0.1", port + 10_000))
                except OSError:
                    continue
                return port


class Node(NamedTuple):
    """A running server that listens on a port."""

    server: RedisServer
    port: int

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def ask(self, *words: str | int) -> object:
        """The reply to any command."""
        client: Any
        with redis.Redis(port=self.port, decode_responses=True) as client:
            return client.execute_command(*words)

    def role(self) -> str:
        found = self.ask("ROLE")
        assert isinstance(found, list)
        return str(found[0])


@contextmanager
def node(*options: str) -> Iterator[Node]:
    """Start a server."""
    port = free_port()
    with TemporaryDirectory(prefix="treetop-") as folder:
        running = RedisServer(Path(folder), options=("--port", str(port), "--bind", "127.0.0.1", *options))
        with running:
            yield Node(running, port)


class RedisSentinel:
    """A running Sentinel. It ends with this process, as RedisServer does, and rewrites its file of settings."""

    def __init__(self, settings: Path, port: int, binary: Path | None = None) -> None:
        self.port = port
        command = ["/bin/sh", "-c", server._SUPERVISOR, "sh", str(binary or find_server()), str(settings), "--sentinel"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)

    def __enter__(self) -> "RedisSentinel":
        until(lambda: _listens(self.port))
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()


@contextmanager
def sentinel(primary: Node) -> Iterator[RedisSentinel]:
    """Start a Sentinel that watches a primary alone."""
    port = free_port()
    with TemporaryDirectory(prefix="treetop-") as folder:
        settings = [
            f"port {port}",
            "bind 127.0.0.1",
            f"dir {folder}",
            "logfile sentinel.log",
            f"sentinel monitor {SERVICE} 127.0.0.1 {primary.port} 1",
            f"sentinel down-after-milliseconds {SERVICE} {DOWN_AFTER_MS}",
            f"sentinel failover-timeout {SERVICE} 3000",
        ]
        file = Path(folder) / "sentinel.conf"
        file.write_text("\n".join(settings) + "\n")
        with RedisSentinel(file, port) as running:
            yield running


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Pair(NamedTuple):
    """A primary with its replica, and the address of both by way of a Sentinel."""

    primary: Node
    replica: Node
    url: str


@contextmanager
def watched_pair() -> Iterator[Pair]:
    """Start both, and a Sentinel. Of the two Sentinels in the address, the first does not exist."""
    with node() as primary, node("--replicaof", "127.0.0.1", str(primary.port)) as replica, sentinel(primary) as watching:
        until(lambda: "connected" in str(replica.ask("ROLE")))
        with redis.Redis(port=watching.port, decode_responses=True) as client:
            until(lambda: _is_replica_known(client))
        yield Pair(primary, replica, f"redis+sentinel://127.0.0.1:{free_port()},127.0.0.1:{watching.port}/{SERVICE}")


def _is_replica_known(client: Any) -> bool:
    replicas = client.execute_command("SENTINEL", "REPLICAS", SERVICE)
    return len(replicas) == 1 and "'ok'" in str(replicas)  # its link to the primary


class Shards(NamedTuple):
    """A Cluster: three primaries and a replica of the first. The first has the slot of the stream."""

    primaries: list[Node]
    replica: Node
    slot: int

    @property
    def url(self) -> str:
        """Address with the nodes that do not have the stream."""
        return f"redis+cluster://{self.primaries[1].host},{self.primaries[2].host}"

    def ids(self) -> list[str]:
        return [str(one.ask("CLUSTER", "MYID")) for one in self.primaries]


@contextmanager
def cluster(stream: str) -> Iterator[Shards]:
    """Start a Cluster."""
    options = ("--cluster-enabled", "yes", "--cluster-node-timeout", str(2 * DOWN_AFTER_MS))
    slot = key_slot(stream.encode())
    with ExitStack() as stack:
        *primaries, replica = [stack.enter_context(node(*options)) for _ in range(4)]
        others = [number for number in range(16_384) if number != slot]
        for number, slots in enumerate(([slot, *others[::3]], others[1::3], others[2::3])):
            primaries[number].ask("CLUSTER", "ADDSLOTS", *slots)
            primaries[number].ask("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        for other in (*primaries[1:], replica):
            primaries[0].ask("CLUSTER", "MEET", "127.0.0.1", other.port)
        for one in (*primaries, replica):
            until(lambda: "cluster_state:ok" in str(one.ask("CLUSTER", "INFO")))  # noqa: B023 - called at once
            until(lambda: "cluster_known_nodes:4" in str(one.ask("CLUSTER", "INFO")))  # noqa: B023
        shards = Shards(primaries, replica, slot)
        replica.ask("CLUSTER", "REPLICATE", shards.ids()[0])
        until(lambda: "connected" in str(replica.ask("ROLE")))
        yield shards
