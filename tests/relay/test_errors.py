"""Error responses of HTTP requests and WebSocket handshakes."""

import asyncio
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus

from tests.recorder import Recorder
from tests.relay.stage import Publishing, Stage, ready, relaying, until


class TestErrors:
    """An error is one sentence, and the server continues."""

    @pytest.mark.parametrize(
        ("path", "status"),
        [
            ("/api/runs/none", 404),
            ("/api/runs/none/events", 404),
            ("/api/runs/none/events/1", 404),
            (f"/api/runs/run/events/{'9' * 19}", 404),
            (f"/api/runs/run/events/{'9' * 5_000}", 404),
            ("/api/runs/run/events?node=none", 404),
            ("/api/events?run=none", 404),
            ("/api/graph?run=none", 404),
            ("/api/graph/things", 404),
            ("/api/none", 404),
            ("/none", 404),
            ("/api/runs?limit=0", 400),
            ("/api/runs?limit=1001", 400),
            ("/api/runs?limit=x", 400),
            ("/api/runs?limit=%D9%A1", 400),
            ("/api/runs?limit=1&limit=2", 400),
            ("/api/runs?status=running", 400),
            ("/api/runs?before=-1", 400),
            ("/api/runs?what=1", 400),
            (f"/api/runs?q={'x' * 1001}", 400),
            ("/api/runs/run?at=never", 400),
            ("/api/runs/run/events?after=1e3", 400),
            ("/api/runs/run/events?type=,", 400),
            ("/api/events?limit=", 400),
            ("/api/events?x=1", 400),
            ("/api/graph?x=1", 400),
            ("/api/graph/nodes?x=1", 400),
            ("/api/runs/run?x=1", 400),
            ("/api/runs/run/events?x=1", 400),
            ("/api/runs/run/events/1?x=1", 400),
            ("/api?x=1", 400),
        ],
    )
    async def test_an_invalid_request_gets_an_error(self, store: Publishing, stage: Stage, path: str, status: int) -> None:
        store.store(Recorder().run_started().entries)
        answer = await stage.get(path)
        assert answer.status == status
        assert answer.error

    @pytest.mark.parametrize(
        ("path", "status"),
        [
            ("/ws/none", 404),
            ("/ws/runs/none", 404),
            ("/ws/events?run=none", 404),
            ("/ws/events?after=1", 400),
            ("/ws/events?run=run&after=2", 400),
            ("/ws/events?speed=2", 400),
            ("/ws/events?run=run&speed=0", 400),
            ("/ws/events?run=run&speed=nan", 400),
            ("/ws/events?run=run&from=never", 400),
            ("/ws/events?reload=maybe", 400),
            ("/ws/runs?x=1", 400),
            ("/ws/runs/run?after=-1", 400),
        ],
    )
    async def test_an_invalid_handshake_gets_an_error(
        self, store: Publishing, stage: Stage, path: str, status: int
    ) -> None:
        store.store(Recorder().run_started().entries)
        with pytest.raises(InvalidStatus) as caught:
            async with stage.connect(path):
                pass
        assert caught.value.response.status_code == status
        assert json.loads(caught.value.response.body or b"")["error"]

    async def test_methods_other_than_get_and_head_are_rejected(self, stage: Stage) -> None:
        for path in ("/api/runs", "/api/none", "/", "/healthz"):
            for method in ("POST", "PUT", "DELETE", "OPTIONS"):
                answer = await stage.ask(method, path)
                assert answer.status == 405
                assert answer.headers["allow"]
        assert (await stage.ask("HEAD", "/api/runs")).status == 200

    async def test_a_missing_file_gives_503_until_it_is_back(self, db: Path, store: Publishing, stage: Stage) -> None:
        store.store(Recorder().run_started().entries)
        away = db.with_name("away.db")
        await asyncio.to_thread(db.rename, away)
        await until(lambda: "no such file" in stage.relay.feed.trouble)
        for path in ("/api/runs", "/api/runs/run", "/healthz", "/metrics", "/api/events?limit=1"):
            answer = await stage.get(path)
            assert answer.status == 503
            assert answer.headers["retry-after"] == "1"
            assert "no such file" in answer.error
        await asyncio.to_thread(away.rename, db)
        await until(stage.relay.feed.ready.is_set)
        assert (await stage.get("/api/runs/run")).status == 200

    async def test_a_locked_file_gives_503_until_it_is_unlocked(self, db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        with Publishing(db) as publishing:
            publishing.store(Recorder().run_started().entries)
        with closing(sqlite3.connect(db, isolation_level=None)) as other:
            other.execute("PRAGMA locking_mode=EXCLUSIVE")
            other.execute("BEGIN EXCLUSIVE")
            async with relaying(db) as stage:
                await until(lambda: stage.relay.feed.trouble)
                answer = await stage.get("/api/runs")
                assert (answer.status, answer.headers["retry-after"]) == (503, "1")
                assert "another program is writing to it" in answer.error
                other.close()
                await ready(stage)
                assert (await stage.get("/api/runs/run")).status == 200
