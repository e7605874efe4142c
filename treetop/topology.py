"""Servers behind an address: the primary of a Sentinel service, and the node of a Cluster that has the slot of a stream.

A connection asks for its server whenever it connects. After a failover it is lost, or Redis closes it, and the next one is
made to the new server. A node of a Cluster that has not or no longer the slot names another one (MOVED, ASK).
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import redis
from redis.backoff import NoBackoff
from redis.connection import Connection, SSLConnection, parse_url
from redis.crc import key_slot
from redis.exceptions import AskError, MovedError
from redis.retry import Retry

from treetop.address import Servers

REDIRECTIONS_MAX = 5
"""Number of redirections by nodes that a command follows."""

Host = tuple[str, int]
"""Name or address of a server, and its port."""

Ask = Callable[[Host, Sequence[str]], Any]
"""Sends a command to a server on a connection of its own, and returns the reply. Raises redis.RedisError and OSError."""


class Redirected(redis.ConnectionError):
    """Another node of the Cluster has the stream. The next connection is made to that node."""


class Server(NamedTuple):
    """The server to connect to."""

    host: str
    port: int
    asking: bool = False
    """Whether commands must be preceded by ASKING, because the slot is being moved to this node."""


class Topology(Protocol):
    """Finds the server of a stream."""

    def locate(self) -> Server:
        """The server that has the stream now. Raises redis.RedisError."""

    def redirect(self, server: Server) -> None:
        """Use this server for the next connection."""


class Sentinels:
    """The primary of a service, as the first Sentinel that replies reports it."""

    def __init__(self, hosts: Sequence[Host], service: str, ask: Ask) -> None:
        self._hosts = list(hosts)
        self._service = service
        self._ask = ask

    def locate(self) -> Server:
        def primary(host: Host) -> Server:
            reply = self._ask(host, ("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self._service))
            if reply is None:
                raise redis.ConnectionError(f"Sentinel {host[0]}:{host[1]} does not know the service {self._service}")
            return Server(reply[0].decode(), int(reply[1]))

        return _first_reply(self._hosts, primary, "Sentinel")

    def redirect(self, server: Server) -> None:
        """Sentinels know no redirections."""


class Cluster:
    """The node that has the slot of a key, as the first node that replies reports it, or as a redirection names it."""

    def __init__(self, hosts: Sequence[Host], key: str, ask: Ask) -> None:
        self._hosts = list(hosts)
        """Nodes to ask: at first those of the address, then also all others."""
        self._slot = key_slot(key.encode())
        self._ask = ask
        self._redirection: Server | None = None

    def locate(self) -> Server:
        server, self._redirection = self._redirection, None
        return server or _first_reply(self._hosts, self._owner, "node of the Cluster")

    def _owner(self, asked: Host) -> Server:
        owner: Host | None = None
        for first, last, *nodes in self._ask(asked, ("CLUSTER", "SLOTS")):
            hosts = [(node[0].decode() if node[0] else asked[0], int(node[1])) for node in nodes]
            self._hosts += [host for host in hosts if host not in self._hosts]
            if first <= self._slot <= last:
                owner = hosts[0]
        if owner is None:
            raise redis.ConnectionError(f"no node of the Cluster has the slot {self._slot}")
        return Server(*owner)

    def redirect(self, server: Server) -> None:
        self._redirection = server


def _first_reply(hosts: list[Host], ask: Callable[[Host], Server], kind: str) -> Server:
    """The first result of `ask` for one of the hosts. Each that is asked moves to the end: it may be dead, or out of date.

    Raises the last error if none replies.
    """
    failure: Exception | None = None
    for host in list(hosts):
        hosts.remove(host)
        hosts.append(host)
        try:
            return ask(host)
        except (redis.RedisError, OSError) as error:
            failure = error
    if isinstance(failure, redis.ResponseError | redis.AuthenticationError):  # a person must resolve it
        raise failure
    raise redis.ConnectionError(f"no {kind} replies: {failure}")


class _Routed(Connection):
    """A connection that asks for its server when it connects, and follows redirections."""

    def __init__(self, topology: Topology, **options: Any) -> None:
        base: Any = super()  # redis-py declares no types for connections
        base.__init__(**options)
        self._topology = topology
        self._asking = False

    def connect(self) -> None:
        if self._sock is None:
            base: Any = super()
            self._asking = False  # not during the handshake
            self.host, self.port, asking = self._topology.locate()
            base.connect()
            self._asking = asking

    def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        base: Any = super()
        self.connect()
        if self._asking:  # holds for one command, or for all commands of a transaction
            base.send_packed_command([b"*1\r\n$6\r\nASKING\r\n"], check_health=False)
            self.read_response()
        base.send_packed_command(command, check_health)

    def read_response(self, *arguments: Any, **options: Any) -> Any:
        base: Any = super()
        try:
            return base.read_response(*arguments, **options)
        except redis.ResponseError as error:
            is_asking = type(error) is AskError or str(error).startswith("ASK ")  # before redis-py 6, only the text
            if not (is_asking or isinstance(error, MovedError) or str(error).startswith("MOVED ")):
                raise
            host, _, port = str(error).rpartition(" ")[2].rpartition(":")
            self._topology.redirect(Server(host or self.host, int(port), is_asking))
            raise Redirected(f"another node of the Cluster has the stream: {host}:{port}") from None


class _RoutedOverTls(_Routed, SSLConnection):
    """The same over TLS."""


def routing(servers: Servers, stream: str, options: dict[str, Any]) -> dict[str, Any]:
    """Options of a redis-py client whose connections are made to the server that has the stream.

    `options`: those of the client, from which questions to Sentinels and nodes take timeouts and settings of TLS.
    """
    over_tls = servers.url.startswith("rediss:")
    known = {**options, **_parse_url(servers.url)}
    settings = {name: value for name, value in known.items() if name in _SHARED or name.startswith("ssl_")}
    login = {"username": servers.username, "password": servers.password} if servers.service else {}

    def ask(host: Host, words: Sequence[str]) -> Any:
        kind: Any = SSLConnection if over_tls else Connection
        connection = kind(**{**settings, **login, "host": host[0], "port": host[1]})
        try:
            connection.send_command(*words)
            return connection.read_response()
        finally:
            connection.disconnect()

    hosts = list(servers.hosts)
    return {
        "connection_class": _RoutedOverTls if over_tls else _Routed,
        "topology": Sentinels(hosts, servers.service, ask) if servers.service else Cluster(hosts, stream, ask),
        "retry": Retry(NoBackoff(), REDIRECTIONS_MAX, (Redirected,)),
        "retry_on_error": [Redirected],
    }


_parse_url: Callable[[str], dict[str, Any]] = parse_url

_SHARED = {"username", "password", "socket_connect_timeout", "socket_timeout", "retry", "decode_responses", "protocol"}
_SHARED |= {"maint_notifications_config"}
"""Options of the client that hold for questions to Sentinels and nodes, too."""
