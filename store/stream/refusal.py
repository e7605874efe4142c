"""Errors of Redis: which ones a person must resolve, and their messages."""

import redis

from treetop.address import mask

TRANSIENT = (
    redis.exceptions.BusyLoadingError,
    redis.exceptions.ClusterDownError,
    redis.exceptions.OutOfMemoryError,
    redis.exceptions.ReadOnlyError,
    redis.exceptions.TryAgainError,
)
"""Error replies of a server in a state that ends without a change of treetop's configuration."""

PASSING = ("BUSY ", "UNBLOCKED ", "CLUSTERDOWN ", "TRYAGAIN ")
"""Beginnings of the same, for which redis-py or an older version of it has no class: a long script, a primary that became
a replica, a Cluster without a primary for the slot, a slot that is being moved."""


def reason(error: Exception, url: str) -> str:
    """Message of an error for users, without the passwords in `url`."""
    if isinstance(error, redis.AuthenticationError):
        return "requires a password, or another one; give it in the address, like redis://:password@localhost:6379/0"
    return mask(str(error), url).rstrip(".")


def is_refusal(error: Exception) -> bool:
    """Whether a person must resolve the error before a retry can succeed."""
    if isinstance(error, redis.AuthenticationError):
        return True
    if not isinstance(error, redis.ResponseError) or isinstance(error, TRANSIENT):
        return False
    return not str(error).startswith(PASSING)


def may_run_scripts(client: redis.Redis) -> bool:
    """Whether Redis permits scripts (EVAL) to this user. Raises RedisError."""
    try:
        return bool(client.eval("return redis.sha1hex('')", 0))
    except redis.ResponseError as error:
        if is_refusal(error):
            return False
        raise
