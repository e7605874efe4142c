"""Redis is killed and restarted with or without its data or paused, and its stream is emptied, trimmed or renamed."""

import os
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
import redis

from store.stream import client as stream_client
from store.stream import follower
from store.stream.ingest import Ingester
from store.stream.server import RedisServer
from tests.conftest import until
from tests.faults.numbered import entries, publishing, settle
from tests.live import STREAM, command, counts_entries, ingesting, number_stored, publish, state_of_ingest
from tests.tables import query

pytestmark = pytest.mark.usefixtures("quick_retries")


def numbers(first: int, last: int) -> list[int]:
    return list(range(first, last + 1))


def drain(path: Path, server: RedisServer) -> None:
    Ingester(path, server.url, STREAM).drain()


def test_redis_is_killed_and_restarts_with_its_data(mortal_redis: RedisServer, db: Path) -> None:
    with ingesting(db, mortal_redis.url), publishing(mortal_redis, at_once=5, pause=0.002) as sent:
        for _ in range(8):
            known = number_stored(db)
            until(lambda: number_stored(db) > known + 50)  # noqa: B023 - it is called at once
            mortal_redis.stop()
            until(lambda: state_of_ingest(db) == "away")
            mortal_redis.start()
        until(lambda: state_of_ingest(db) != "away")
    drain(db, mortal_redis)
    found = settle("redis-server killed, with its data", 8, sent, db)
    assert (found.lost(sent), found.doubled, found.duplicate) == (0, 0, 0)
    assert {kind for kind, _ in found.gaps} == {"restarted"}  # entries may have been lost


def test_redis_is_killed_and_restarts_without_data(forgetful_redis: RedisServer, db: Path) -> None:
    server = forgetful_redis
    for first in (1, 301, 601):
        publish(server, entries(first, first + 99))
        drain(db, server)
        publish(server, entries(first + 100, first + 199))  # trimmed or lost before they are read
        server.stop()
        server.start()
        publish(server, entries(first + 200, first + 299))
        drain(db, server)
    sent = numbers(1, 900)
    found = settle("redis-server killed, without its data", 3, sent, db)
    assert (found.lost(sent), found.doubled, found.duplicate) == (300, 0, 0)
    assert [lost for _, lost in found.gaps] == [None] * 3  # the number is unknown
    assert {kind for kind, _ in found.gaps} <= {"reset", "restarted", "trimmed"}


def test_redis_is_killed_and_restarts_with_older_data(forgetful_redis: RedisServer, db: Path) -> None:
    server, last = forgetful_redis, 0
    for _ in range(3):
        publish(server, entries(last + 1, last + 100))
        drain(db, server)
        command(server, "SAVE")
        publish(server, entries(last + 101, last + 150))
        drain(db, server)
        publish(server, entries(last + 151, last + 180))  # trimmed or lost before they are read
        server.stop()
        server.start()
        publish(server, entries(last + 181, last + 220))
        drain(db, server)
        last += 220
    sent = numbers(1, last)
    found = settle("redis-server killed, with old data", 3, sent, db)
    assert (found.lost(sent), found.doubled) == (90, 0)
    assert len(found.gaps) >= 3


def test_redis_restarts_with_older_data_of_a_trimmed_stream(forgetful_redis: RedisServer, db: Path) -> None:
    """The trimmed entries are not lost: they were read before."""
    server = forgetful_redis
    for first in range(1, 1_001, 100):
        publish(server, entries(first, first + 99))
        drain(db, server)
        command(server, "XTRIM", STREAM, "MAXLEN", "50")
    command(server, "SAVE")
    publish(server, entries(1_001, 1_010))
    drain(db, server)
    server.stop()
    server.start()
    drain(db, server)
    publish(server, entries(1_011, 1_030))
    drain(db, server)
    sent = numbers(1, 1_030)
    found = settle("redis-server killed, with old data of a short stream", 1, sent, db)
    assert (found.lost(sent), found.doubled) == (0, 0)
    assert {lost for _, lost in found.gaps} == {None}


def test_another_stream_replaces_the_stream(redis_server: RedisServer, db: Path) -> None:
    """Entries with ids before that of the entry read last are read, too."""
    publish(redis_server, entries(1, 100))
    drain(db, redis_server)
    ((position,),) = query(db, "SELECT position FROM stream")
    at = int(position.partition("-")[0])
    command(redis_server, "RENAME", STREAM, "elsewhere")
    with redis.Redis.from_url(redis_server.url) as client:
        for number, entry in enumerate(entries(101, 300)):
            client.xadd(STREAM, dict(entry.fields), id=f"{at - 100 + number}-7")
        client.xtrim(STREAM, maxlen=150, approximate=False)
    drain(db, redis_server)
    drain(db, redis_server)
    sent = numbers(1, 300)
    found = settle("stream replaced by another one", 1, sent, db)
    if counts_entries(redis_server):
        assert (found.lost(sent), found.doubled) == (50, 0)
        assert [kind for kind, _ in found.gaps][:1] == ["reset"]


def test_redis_is_killed_while_it_replies(forgetful_redis: RedisServer, db: Path) -> None:
    """All of its data are lost each time. Each stored event is stored once."""
    sent: list[int] = []
    with ingesting(db, forgetful_redis.url):
        for turn in range(8):
            some, known = numbers(turn * 2_000 + 1, turn * 2_000 + 2_000), number_stored(db)
            publish(forgetful_redis, entries(some[0], some[-1]))
            sent += some
            until(lambda: number_stored(db) > known)  # noqa: B023
            os.kill(forgetful_redis.pid, signal.SIGKILL)
            until(lambda: state_of_ingest(db) == "away")
            forgetful_redis.stop()
            forgetful_redis.start()
        publish(forgetful_redis, entries(20_001, 20_100))
        until(lambda: query(db, "SELECT 1 FROM event WHERE event_id = 'e20100'"))
    found = settle("redis-server killed while it answers", 8, [*sent, *numbers(20_001, 20_100)], db)
    assert (found.doubled, found.duplicate) == (0, 0)
    assert len(found.gaps) >= 8


def test_redis_is_paused_and_continued(mortal_redis: RedisServer, db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_client, "REPLY_TIMEOUT_S", 0.3)
    with ingesting(db, mortal_redis.url), publishing(mortal_redis) as sent:
        for _ in range(3):
            known = number_stored(db)
            until(lambda: number_stored(db) > known + 50)  # noqa: B023
            os.kill(mortal_redis.pid, signal.SIGSTOP)
            until(lambda: state_of_ingest(db) == "away")
            os.kill(mortal_redis.pid, signal.SIGCONT)
            until(lambda: state_of_ingest(db) != "away")
    drain(db, mortal_redis)
    found = settle("redis-server paused", 3, sent, db)
    assert (found.lost(sent), found.doubled, found.duplicate, found.gaps) == (0, 0, 0, [])


@pytest.mark.parametrize("words", [("FLUSHALL",), ("DEL", STREAM), ("RENAME", STREAM, "elsewhere")], ids=lambda it: it[0])
def test_the_stream_is_deleted_and_starts_again(redis_server: RedisServer, db: Path, words: tuple[str, ...]) -> None:
    for first in (1, 301, 601):
        publish(redis_server, entries(first, first + 99))
        drain(db, redis_server)
        publish(redis_server, entries(first + 100, first + 149))  # trimmed or lost before they are read
        command(redis_server, *words)
        if first != 301:  # the second time, agents publish again before the next read
            drain(db, redis_server)
        publish(redis_server, entries(first + 200, first + 299))
        drain(db, redis_server)
    sent = [
        number for first in (1, 301, 601) for number in (*numbers(first, first + 149), *numbers(first + 200, first + 299))
    ]
    found = settle(f"stream gone by {words[0]}", 3, sent, db)
    assert (found.lost(sent), found.doubled, found.duplicate) == (150, 0, 0)
    assert len(found.gaps) == 3
    assert {kind for kind, _ in found.gaps} <= {"reset", "trimmed"}


def test_the_stream_is_emptied_ten_times_during_ingest(redis_server: RedisServer, db: Path) -> None:
    last = 0
    with ingesting(db, redis_server.url), publishing(redis_server) as sent:
        for _ in range(10):
            known = len(query(db, "SELECT key FROM gap")) if last else 0
            last = len(sent)
            until(lambda: number_stored(db) > 0 and len(sent) > last + 60)  # noqa: B023
            command(redis_server, "FLUSHALL")
            until(lambda: len(query(db, "SELECT key FROM gap")) > known)  # noqa: B023
    drain(db, redis_server)
    found = settle("FLUSHALL while it is read", 10, sent, db)
    assert (found.doubled, found.duplicate) == (0, 0)
    assert len(found.gaps) == 10


def test_a_stream_renamed_and_renamed_back_is_stored_once(redis_server: RedisServer, db: Path) -> None:
    publish(redis_server, entries(1, 100))
    drain(db, redis_server)
    command(redis_server, "RENAME", STREAM, "elsewhere")
    drain(db, redis_server)
    command(redis_server, "RENAME", "elsewhere", STREAM)
    publish(redis_server, entries(101, 150))
    drain(db, redis_server)
    sent = numbers(1, 150)
    found = settle("stream renamed, and back", 1, sent, db)
    assert (found.lost(sent), found.doubled, found.duplicate) == (0, 0, 100)
    assert [kind for kind, _ in found.gaps] == ["reset"]


def test_the_stream_is_trimmed_past_the_position(redis_server: RedisServer, db: Path) -> None:
    for turn, keep in enumerate((0, 1, 16, 50, 99)):
        first = turn * 200 + 1
        publish(redis_server, entries(first, first + 99))
        drain(db, redis_server)
        publish(redis_server, entries(first + 100, first + 199))
        command(redis_server, "XTRIM", STREAM, "MAXLEN", str(keep))
        drain(db, redis_server)
    sent = numbers(1, 1_000)
    found = settle("stream trimmed past our position", 5, sent, db)
    assert (found.lost(sent), found.doubled, found.duplicate) == (500 - 166, 0, 0)
    if counts_entries(redis_server):
        assert found.gaps == [("trimmed", lost) for lost in (100, 99, 84, 50, 1)]
    else:  # if all entries are gone, it is unknown whether the first new one is the next one
        assert found.gaps == [("trimmed", None)] * 6


# Redis replies with an error

REFUSALS = {
    "no password": (
        ("CONFIG", "SET", "requirepass", "secret"),
        ("CONFIG", "SET", "requirepass", ""),
        "requires a password",
    ),
    "no permission": (("ACL", "SETUSER", "default", "-xread"), ("ACL", "SETUSER", "default", "+@all"), "xread"),
    "no stream": (("SET", STREAM, "x"), ("DEL", STREAM), "WRONGTYPE"),
}
"""Commands that cause and resolve a refusal, and a part of the error of Redis."""


@pytest.mark.parametrize("name", REFUSALS)
def test_a_refusal_that_a_person_must_resolve_is_reported_and_retried_seldom(
    mortal_redis: RedisServer, db: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    refuse, mend, said = REFUSALS[name]
    pauses: list[float] = []
    pause = follower.Halt.pause

    def noting(self: follower.Halt, seconds: float) -> None:
        pauses.append(seconds)
        pause(self, 0.05)

    monkeypatch.setattr(follower.Halt, "pause", noting)
    with redis.Redis.from_url(mortal_redis.url) as client:  # authenticated before the refusal
        client.execute_command(*refuse)
        with ingesting(db, mortal_redis.url):
            until(lambda: state_of_ingest(db) == "refused")
            assert said in query(db, "SELECT reason FROM stream")[0][0]
            until(lambda: len(pauses) > 3)
            client.execute_command(*mend)
            publish(mortal_redis, entries(1, 50))
            until(lambda: number_stored(db) == 50)
    assert set(pauses) == {follower.REFUSED_RETRY_S}
    found = settle(f"Redis refuses: {name}", 1, numbers(1, 50), db)
    assert (found.lost(numbers(1, 50)), found.doubled, found.gaps) == (0, 0, [])


def without_master(client: redis.Redis) -> Callable[[], object]:
    """Make the server a replica that refuses commands because its primary is unreachable."""
    client.config_set("replica-serve-stale-data", "no")
    client.replicaof("127.0.0.1", "1")
    return lambda: client.replicaof("NO", "ONE")


def busy(client: redis.Redis) -> Callable[[], object]:
    """Run an endless script on the server."""
    client.config_set("lua-time-limit", 10)
    url = client.connection_pool.connection_kwargs["path"]

    def loop() -> None:
        with redis.Redis(unix_socket_path=url) as other, suppress(redis.RedisError):
            other.eval("while true do end", 0)

    thread = threading.Thread(target=loop)
    thread.start()

    def end() -> None:
        client.script_kill()
        thread.join()

    return end


@pytest.mark.parametrize(("happen", "said"), [(without_master, "MASTER is down"), (busy, "BUSY")])
def test_an_ingester_waits_for_a_temporary_refusal_to_end(
    mortal_redis: RedisServer,
    db: Path,
    monkeypatch: pytest.MonkeyPatch,
    happen: Callable[[redis.Redis], Callable[[], object]],
    said: str,
) -> None:
    monkeypatch.setattr(stream_client, "REPLY_TIMEOUT_S", 0.3)
    monkeypatch.setattr(follower, "REFUSED_RETRY_S", 1_000.0)  # no retry during this test
    publish(mortal_redis, entries(1, 50))
    with redis.Redis.from_url(mortal_redis.url) as client, ingesting(db, mortal_redis.url):
        until(lambda: state_of_ingest(db) == "live")
        end = happen(client)
        until(lambda: state_of_ingest(db) == "away" and said in query(db, "SELECT reason FROM stream")[0][0])
        end()
        publish(mortal_redis, entries(51, 100))
        until(lambda: number_stored(db) == 100)
    found = settle(f"Redis does not answer: {happen.__name__.replace('_', ' ')}", 1, numbers(1, 100), db)
    assert (found.lost(numbers(1, 100)), found.doubled, found.gaps) == (0, 0, [])
