"""Redis dies, comes back with or without what it held, stands still, is emptied, trimmed or renamed under the ingester."""

import os
import signal
from pathlib import Path

import pytest

from store import source
from store.ingest import Ingester
from store.redis_server import RedisServer
from tests.conftest import until
from tests.faults.numbered import entries, publishing, settle
from tests.live import STREAM, command, counts_entries, ingesting, number_stored, publish, state_of_ingest
from tests.tables import query

pytestmark = pytest.mark.usefixtures("impatient")


def numbers(first: int, last: int) -> list[int]:
    return list(range(first, last + 1))


def drain(path: Path, server: RedisServer) -> None:
    Ingester(path, server.url, STREAM).drain()


def test_it_is_killed_and_has_its_data_when_it_comes_back(mortal_redis: RedisServer, db: Path) -> None:
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
    assert {kind for kind, _ in found.gaps} == {"restarted"}  # which only says that there may be something


def test_it_is_killed_and_has_nothing_when_it_comes_back(forgetful_redis: RedisServer, db: Path) -> None:
    server = forgetful_redis
    for first in (1, 301, 601):
        publish(server, entries(first, first + 99))
        drain(db, server)
        publish(server, entries(first + 100, first + 199))  # nobody read these
        server.stop()
        server.start()
        publish(server, entries(first + 200, first + 299))
        drain(db, server)
    sent = numbers(1, 900)
    found = settle("redis-server killed, without its data", 3, sent, db)
    assert (found.lost(sent), found.doubled, found.duplicate) == (300, 0, 0)
    assert [lost for _, lost in found.gaps] == [None] * 3  # nobody can know how many
    assert {kind for kind, _ in found.gaps} <= {"reset", "restarted", "trimmed"}


def test_it_is_killed_while_it_answers(forgetful_redis: RedisServer, db: Path) -> None:
    """It is gone for good each time, and so is what it held; what was stored is stored once."""
    sent: list[int] = []
    with ingesting(db, forgetful_redis.url):
        for turn in range(8):
            some = numbers(turn * 2_000 + 1, turn * 2_000 + 2_000)
            publish(forgetful_redis, entries(some[0], some[-1]))
            sent += some
            until(lambda: number_stored(db) > turn)  # noqa: B023
            os.kill(forgetful_redis.pid, signal.SIGKILL)
            until(lambda: state_of_ingest(db) == "away")
            forgetful_redis.stop()
            forgetful_redis.start()
        publish(forgetful_redis, entries(20_001, 20_100))
        until(lambda: query(db, "SELECT 1 FROM event WHERE event_id = 'e20100'"))
    found = settle("redis-server killed while it answers", 8, [*sent, *numbers(20_001, 20_100)], db)
    assert (found.doubled, found.duplicate) == (0, 0)
    assert len(found.gaps) >= 8


def test_it_stands_still_and_goes_on(mortal_redis: RedisServer, db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "ANSWER", 0.3)
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
def test_the_stream_is_gone_and_begins_anew(redis_server: RedisServer, db: Path, words: tuple[str, ...]) -> None:
    for first in (1, 301, 601):
        publish(redis_server, entries(first, first + 99))
        drain(db, redis_server)
        publish(redis_server, entries(first + 100, first + 149))  # nobody read these
        command(redis_server, *words)
        if first != 301:  # once, nobody looks until agents publish again
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


def test_the_stream_is_emptied_again_and_again_under_a_running_ingester(redis_server: RedisServer, db: Path) -> None:
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


def test_a_stream_that_was_renamed_and_comes_back_is_not_stored_again(redis_server: RedisServer, db: Path) -> None:
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


def test_the_stream_is_trimmed_past_what_was_read(redis_server: RedisServer, db: Path) -> None:
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
    else:  # after all is gone, it can not tell either whether the first entry is the next
        assert found.gaps == [("trimmed", None)] * 6
