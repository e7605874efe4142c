"""Outbox: with Redis unreachable, restarted or refusing, events arrive in order and are stored once, or are counted."""

import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import redis

from store.stream.ingest import Ingester
from store.stream.server import RedisServer
from tests.conftest import until
from tests.live import ingesting, number_stored
from tests.published import bodies, frozen, numbers, say, to_be_started
from tests.tables import query
from treetop.publisher import Publisher


@pytest.fixture
def absent() -> Iterator[RedisServer]:
    """A redis-server that is not running; the test starts and stops it."""
    with to_be_started() as server:
        yield server


# Redis


def test_events_published_while_redis_is_down_are_sent_once_it_is_up(absent: RedisServer) -> None:
    with Publisher(absent.url) as run:
        say(run, *range(1_200))
        until(lambda: run.error)
        assert (run.pending, run.sent, run.connected) == (1_200, 0, False)
        assert not run.flush(0.01)
        with absent:
            assert run.flush(20)
            assert (run.pending, run.sent, run.connected, run.error) == (0, 1_200, True, None)
            assert numbers(absent) == list(range(1_200))


def test_events_in_the_buffer_when_redis_dies_are_stored_once_and_in_order(db: Path, absent: RedisServer) -> None:
    absent.start()
    with ExitStack() as stack:
        stack.callback(lambda: absent.stop())
        stack.enter_context(ingesting(db, absent.url))
        run = stack.enter_context(Publisher(absent.url))
        say(run, *range(700))
        until(lambda: number_stored(db) == 700)
        absent.stop()
        say(run, *range(700, 1_500))
        until(lambda: run.error)
        assert run.pending == 800
        absent.start()
        say(run, *range(1_500, 1_600))
        until(lambda: number_stored(db) == 1_600)
    stored = query(db, "SELECT json_extract(payload, '$.number') FROM events ORDER BY id")
    assert stored == [(number,) for number in range(1_600)]
    assert run.dropped == 0


class SeveringProxy:
    """Proxy for a redis-server that cuts one connection: after Redis has executed a batch, before its reply arrives."""

    def __init__(self, server: RedisServer) -> None:
        self._server = server
        self._has_xadd = False
        self.severed = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"redis://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                agent, _ = self._listener.accept()
            except OSError:
                return
            with agent, socket.socket(socket.AF_UNIX) as server:
                server.connect(str(self._server.socket))
                forwarding = threading.Thread(target=self._forward, args=(agent, server), daemon=True)
                forwarding.start()
                while reply := server.recv(65_536):
                    if self._has_xadd and not self.severed and b"*" in reply:  # only the reply to EXEC is a list
                        self.severed = True
                        break
                    agent.sendall(reply)
                for end in (agent, server):
                    end.shutdown(socket.SHUT_RDWR)
                forwarding.join()

    def _forward(self, agent: socket.socket, server: socket.socket) -> None:
        try:
            while request := agent.recv(65_536):
                self._has_xadd = self._has_xadd or b"XADD" in request
                server.sendall(request)
            server.shutdown(socket.SHUT_WR)
        except OSError:
            pass


def test_events_that_are_sent_twice_are_stored_once(db: Path, redis_server: RedisServer) -> None:
    proxy = SeveringProxy(redis_server)
    with Publisher(proxy.url) as run:
        say(run, *range(10))
        assert run.flush(20)
    proxy.close()
    assert proxy.severed
    arrived = numbers(redis_server)
    twice = len(arrived) - 10
    assert twice > 0
    counts = Ingester(db, redis_server.url, "agent_events").drain()
    assert (counts.stored, counts.duplicate, counts.rejected) == (10, twice, 0)
    assert query(db, "SELECT json_extract(payload, '$.number') FROM events ORDER BY id") == [(n,) for n in range(10)]


def test_events_that_redis_refuses_are_sent_once_the_cause_is_removed(redis_server: RedisServer) -> None:
    with redis.Redis.from_url(redis_server.url) as client, Publisher(redis_server.url) as run:
        client.set("agent_events", "not a stream")
        say(run, 1, 2)
        until(lambda: run.error)
        assert "WRONGTYPE" in str(run.error)
        client.delete("agent_events")
        assert run.flush(20)
        assert numbers(redis_server) == [1, 2]


def test_redis_trims_the_stream_to_about_maxlen_entries(redis_server: RedisServer) -> None:
    with Publisher(redis_server.url, stream="thoughts", maxlen=100) as run:
        say(run, *range(1_000))
        assert run.flush(20)
    assert 100 <= len(bodies(redis_server, "thoughts")) < 300


def test_a_reply_that_arrives_after_close_changes_no_counter(absent: RedisServer) -> None:
    with absent:
        run = Publisher(absent.url)
        say(run, 1)
        assert run.flush(20)
        with frozen(absent):
            say(run, 2)
            run.close(0.1)
            assert (run.sent, run.dropped, run.pending) == (1, 1, 0)
            assert not run.flush(20)
        until(lambda: not any(thread.name == "publish to agent_events" for thread in threading.enumerate()))
        assert numbers(absent) in ([1], [1, 2])


def test_an_event_whose_thread_cannot_start_is_sent_with_the_next_event(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with Publisher(redis_server.url) as run:
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", refuse)
            say(run, 1)
        assert run.pending == 1
        say(run, 2)
        assert run.flush(20)
        assert numbers(redis_server) == [1, 2]


# Bounds of the buffer


def test_a_full_buffer_drops_the_newest_events_and_a_notice_follows(absent: RedisServer) -> None:
    with Publisher(absent.url, buffer=10) as run:
        say(run, *range(25))
        assert (run.pending, run.dropped) == (10, 15)
        with absent:
            assert run.flush(20)
            until(lambda: run.sent == 11)
            say(run, 25)
            assert run.flush(20)
            assert numbers(absent) == [*range(10), 25]
            notice = bodies(absent)[10]
    assert notice["event_type"] == "events_dropped"
    assert notice["payload"] == {"count": 15, "reasons": {"buffer full": 15}}
    assert (run.sent, run.dropped) == (12, 15)


def test_the_buffer_is_bounded_in_bytes_too(absent: RedisServer) -> None:
    with Publisher(absent.url, buffer_bytes=10_000) as run:
        run.emit("thought", {"number": 0, "text": "x" * 9_000})
        run.emit("thought", {"number": 1, "text": "x" * 9_000})
        run.emit("thought", {"number": 2, "text": "x" * 90_000})
        say(run, 3)
        with absent:
            assert run.flush(20)
            run.emit("thought", {"number": 4, "text": "x" * 9_000})
            until(lambda: run.pending == 0)
            assert numbers(absent) == [0, 3, 4]
            notices = [body["payload"] for body in bodies(absent) if body["event_type"] == "events_dropped"]
    assert {reason: count for payload in notices for reason, count in payload["reasons"].items()} == {
        "buffer full": 1,
        "larger than the buffer": 1,
    }


def test_an_outage_is_logged_once_without_the_password(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING), Publisher("redis://me:secret@127.0.0.1:1/0?password=secret") as run:
        say(run, 1)
        until(lambda: run.error)
    assert [record.name for record in caplog.records] == ["treetop.outbox", "treetop.outbox"]
    outage, loss = caplog.messages
    assert outage.startswith("redis://me:***@127.0.0.1:1/0?password=***, stream agent_events: ConnectionError: ")
    assert "1 events were not published" in loss
    assert "secret" not in caplog.text
