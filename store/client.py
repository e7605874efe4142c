"""The client of redis-py, for whom nothing is left to the library: its own retries would hide an outage for a minute."""

from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from store.errors import RedisError
from store.url import public

_SILENT: dict[str, Any] = {}
try:
    from redis.maint_notifications import MaintNotificationsConfig
except ImportError:  # before redis-py 7
    pass
else:  # which otherwise asks for news of the server's maintenance, and fails where the connection is a Unix socket
    _SILENT["maint_notifications_config"] = MaintNotificationsConfig(enabled=False)


def make_client(url: str, answer: float, connect: float, **options: Any) -> redis.Redis:
    """A client that waits so many seconds for an answer, and for a connection. Raises RedisError for what is no address.

    Nothing is sent yet, but everything that sending needs is imported: a fork while another thread imports leaves the child
    with an import that never ends.
    """
    if not url.startswith("unix:"):
        options["socket_keepalive"] = True
    try:
        client = redis.Redis.from_url(
            url,
            decode_responses=False,
            socket_timeout=answer,
            socket_connect_timeout=connect,
            retry=Retry(NoBackoff(), 0),
            health_check_interval=0,
            **_SILENT,
            **options,
        )
        client.connection_pool.make_connection()
    except (ValueError, TypeError) as error:
        raise RedisError(
            f"{public(url)}: is not the address of a Redis ({error}); give one like redis://localhost:6379/0"
        ) from error
    return client
