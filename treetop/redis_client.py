"""redis-py clients, for one server, the primary of a Sentinel service, or the node of a Cluster that has a stream."""

from typing import TYPE_CHECKING, Any

from treetop.address import AddressError, mask, parse, public, servers_of

if TYPE_CHECKING:
    import redis


def make_client(url: str, answer: float, connect: float, stream: str = "", **options: Any) -> "redis.Redis":
    """Make a redis-py client. `answer` and `connect` are timeouts in seconds, for a reply and for a connection.

    `stream` selects the node of a Cluster. Raises AddressError. All timeouts and retries are set explicitly: the defaults
    differ between versions of redis-py, and its retries would hide an outage for a minute.

    Over TLS, the server's certificate must be valid for its host name, unless the address has `ssl_cert_reqs=none` or
    `ssl_check_hostname=no`. User and password are passed to redis-py apart from the address: it would cut the address at
    the first `/`, `?` or `#` of the password, and quote it in its messages.

    Nothing is sent yet, but all modules that sending needs are imported. A fork during an import in another thread would
    leave the child with an import lock that is never released.
    """
    import redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    options |= {"socket_timeout": answer, "socket_connect_timeout": connect, "retry": Retry(NoBackoff(), 0)}
    options |= {"decode_responses": False, "health_check_interval": 0}
    try:
        from redis.maint_notifications import MaintNotificationsConfig
    except ImportError:  # before redis-py 7
        pass
    else:  # on by default, and fails over a Unix socket
        options["maint_notifications_config"] = MaintNotificationsConfig(enabled=False)
    if not url.startswith("unix:"):
        options["socket_keepalive"] = True
    try:
        address = parse(url)
        options |= {"username": address.username, "password": address.password}
        if url.startswith("rediss") and "ssl_cert_reqs=none" not in address.location:
            options["ssl_check_hostname"] = True
        place = address.location
        if (servers := servers_of(place)) is not None:
            from treetop.topology import routing

            place = servers.url
            options |= routing(servers, stream, options)
        client = redis.Redis.from_url(place, **options)
        client.connection_pool.make_connection()
    except (ValueError, TypeError, redis.RedisError) as error:
        raise AddressError(
            f"{public(url)}: is not a Redis address ({mask(str(error), url)}); give one like redis://localhost:6379/0"
        ) from None  # the message of redis-py may quote the password
    return client
