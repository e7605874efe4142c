"""What a library decides for those who do not say: nothing is left to it."""

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

from store import outbox, source
from store.cursor import Cursor, Entry
from store.events import StreamId
from store.redis_server import RedisServer
from store.source import ANSWER, BLOCK, Source, is_refusal
from tests.live import STREAM, publish
from tests.recorder import Recorder


@pytest.mark.parametrize("connect", [source.connect, outbox.connect], ids=["reading", "publishing"])
@pytest.mark.parametrize("url", ["redis://localhost:6379/0", "unix:///tmp/r.sock"])
def test_every_timeout_and_retry_is_chosen_here(connect: "object", url: str) -> None:
    """redis-py 8 came with timeouts of 5 s and ten retries, which hide an outage for a minute."""
    assert callable(connect)
    chosen = connect(url).connection_pool.connection_kwargs
    assert chosen["socket_timeout"] is not None
    assert 0 < chosen["socket_connect_timeout"] <= 5
    assert chosen["retry"]._retries == 0
    assert isinstance(chosen["retry"]._backoff, NoBackoff)
    assert chosen["health_check_interval"] == 0
    assert chosen["decode_responses"] is False
    assert "protocol" not in chosen


def test_redis_may_take_longer_to_answer_than_it_is_told_to_wait() -> None:
    chosen = source.connect("redis://localhost").connection_pool.connection_kwargs
    assert chosen["socket_timeout"] == BLOCK + ANSWER > BLOCK


@pytest.mark.parametrize("protocol", ["", "?protocol=2", "?protocol=3"])
def test_replies_are_understood_in_every_protocol(redis_server: RedisServer, protocol: str) -> None:
    entries = Recorder().whole().entries
    publish(redis_server, entries)
    found = Source(f"{redis_server.url}{protocol}", STREAM)
    found.limit = 100
    cursor = Cursor()
    read: list[Entry] = []
    for certain in (True, False, True):
        verdict = found.read(cursor, certain)
        read += verdict.batch
        cursor = verdict.cursor
    assert [entry.fields for entry in read] == [entry.fields for entry in entries]
    assert found.head == read[-1].at
    assert found.wait(Cursor(StreamId(1, 0)), lambda: False)


def test_a_fault_that_passes_is_tried_again_soon_and_one_that_does_not_is_left_to_a_person() -> None:
    passing = [
        BusyLoadingError("Redis is loading the dataset in memory"),
        MasterDownError("Link with MASTER is down"),
        OutOfMemoryError("command not allowed when used memory > 'maxmemory'"),
        ReadOnlyError("You can't write against a read only replica."),
        ResponseError("BUSY Redis is busy running a script."),
        ResponseError("UNBLOCKED force unblock from blocking operation"),
        ConnectionError("refused"),
        TimeoutError("Timeout reading from socket"),
        OSError("no route to host"),
        MemoryError(),
        source.TooLarge("a reply"),
    ]
    lasting = [
        AuthenticationError("invalid password"),
        NoPermissionError("this user has no permissions to run the 'xread' command"),
        ResponseError("WRONGTYPE Operation against a key holding the wrong kind of value"),
        ResponseError("unknown command 'XREAD'"),
    ]
    assert [error for error in passing if is_refusal(error)] == []
    assert [error for error in lasting if not is_refusal(error)] == []


def test_the_options_that_are_given_exist() -> None:
    """In the oldest redis-py that is allowed and in the newest."""
    assert {"socket_timeout", "socket_connect_timeout", "retry", "health_check_interval"} <= set(
        inspect.signature(redis.Redis.__init__).parameters
    )


def test_what_could_not_be_stored_is_read_again_in_ever_smaller_batches(redis_server: RedisServer) -> None:
    """Else a disk that has some space, but not enough for all of it, would get nothing."""
    publish(redis_server, Recorder().whole().entries)
    found, sizes = Source(redis_server.url, STREAM), []
    found.limit = 40
    for _ in range(6):
        batch = found.read(Cursor(), certain=True).batch
        found.learn(batch)
        sizes.append(len(batch))
        found.disconnect()
    assert sizes == [40, 20, 10, 5, 2, 1]
