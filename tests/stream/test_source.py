"""RedisStream: timeouts, replies in both versions of the protocol, classes of errors, and sizes of batches."""

import inspect

import pytest
import redis
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    ConnectionError,
    MasterDownError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    ResponseError,
    TimeoutError,
)

from store.model.entry import Cursor, Entry
from store.stream import client
from store.stream import source as source_module
from store.stream.client import BLOCK_S, REPLY_TIMEOUT_S
from store.stream.refusal import is_refusal
from store.stream.server import RedisServer
from store.stream.source import RedisStream
from tests.live import STREAM, publish
from tests.recorder import Recorder, entry_of
from treetop import connection


@pytest.mark.parametrize("connect", [client.connect, connection.connect], ids=["reading", "publishing"])
@pytest.mark.parametrize("url", ["redis://localhost:6379/0", "unix:///tmp/r.sock"])
def test_all_timeouts_and_retries_are_set(connect: "object", url: str) -> None:
    """The defaults of redis-py 8, timeouts of 5 s and ten retries, hide an outage for a minute."""
    assert callable(connect)
    options = connect(url).connection_pool.connection_kwargs
    assert options["socket_timeout"] is not None
    assert 0 < options["socket_connect_timeout"] <= 5
    assert options["retry"]._retries == 0
    assert isinstance(options["retry"]._backoff, NoBackoff)
    assert options["health_check_interval"] == 0
    assert options["decode_responses"] is False
    assert "protocol" not in options


def test_the_socket_timeout_exceeds_the_time_for_which_a_command_blocks() -> None:
    options = client.connect("redis://localhost").connection_pool.connection_kwargs
    assert options["socket_timeout"] == BLOCK_S + REPLY_TIMEOUT_S > BLOCK_S


@pytest.mark.parametrize("protocol", ["", "?protocol=2", "?protocol=3"])
def test_replies_are_decoded_in_both_versions_of_the_protocol(redis_server: RedisServer, protocol: str) -> None:
    entries = Recorder().whole().entries
    publish(redis_server, entries)
    source = RedisStream(f"{redis_server.url}{protocol}", STREAM)
    source.limit = 100
    cursor = Cursor()
    read: list[Entry] = []
    for certain in (True, False, True):
        batch = source.read(cursor, certain)
        read += batch.entries
        cursor = batch.cursor
    assert [entry.fields for entry in read] == [entry.fields for entry in entries]
    assert source.head == read[-1].at
    assert source.read(Cursor(), wait=True).entries == read


def test_only_errors_that_a_person_must_resolve_are_refusals() -> None:
    transient = [
        BusyLoadingError("Redis is loading the dataset in memory"),
        MasterDownError("Link with MASTER is down"),
        OutOfMemoryError("command not allowed when used memory > 'maxmemory'"),
        ReadOnlyError("You can't write against a read only replica."),
        ResponseError("BUSY Redis is busy running a script."),
        ResponseError("UNBLOCKED force unblock from blocking operation"),
        ResponseError("CLUSTERDOWN The cluster is down"),
        ResponseError("TRYAGAIN Multiple keys request during rehashing of slot"),
        ConnectionError("refused"),
        TimeoutError("Timeout reading from socket"),
        OSError("no route to host"),
        MemoryError(),
        client.ReplyTooLarge("a reply"),
    ]
    permanent = [
        AuthenticationError("invalid password"),
        NoPermissionError("this user has no permissions to run the 'xread' command"),
        ResponseError("WRONGTYPE Operation against a key holding the wrong kind of value"),
        ResponseError("unknown command 'XREAD'"),
    ]
    assert [error for error in transient if is_refusal(error)] == []
    assert [error for error in permanent if not is_refusal(error)] == []


def test_redis_py_has_the_options_that_are_set() -> None:
    """In every version that pyproject.toml allows."""
    assert {"socket_timeout", "socket_connect_timeout", "retry", "health_check_interval"} <= set(
        inspect.signature(redis.Redis.__init__).parameters
    )


def test_after_each_failure_the_next_batch_is_at_most_half_as_large(redis_server: RedisServer) -> None:
    """So a nearly full disk stores what fits."""
    publish(redis_server, Recorder().whole().entries)
    source, sizes = RedisStream(redis_server.url, STREAM), []
    source.limit = 40
    for _ in range(6):
        entries = source.read(Cursor(), certain=True).entries
        source.adapt(entries)
        sizes.append(len(entries))
        source.disconnect()
    assert sizes == [40, 20, 10, 5, 2, 1]


def test_the_number_of_entries_per_batch_follows_their_size(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It begins with one, doubles at most, and is one after entries of BATCH_BYTES."""
    monkeypatch.setattr(source_module, "BATCH_BYTES", 4_000)
    sizes = [10] * 31 + [4_000] * 34 + [10] * 7
    publish(redis_server, [entry_of(b"x" * size, number) for number, size in enumerate(sizes)])
    source, cursor, batches = RedisStream(redis_server.url, STREAM), Cursor(), list[int]()
    while not batches or batches[-1]:
        batch = source.read(cursor)
        source.adapt(batch.entries)
        cursor = batch.cursor
        batches.append(len(batch.entries))
    assert batches == [1, 2, 4, 8, 16, 32, 1, 1, 1, 2, 4, 0]
