"""Redaction of everything that the relay sends."""

from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus

from tests.recorder import Recorder
from tests.relay.stage import Publishing, ready, receive, relaying


class TestRedaction:
    """`--redact` redacts secrets in everything that is sent."""

    async def test_no_endpoint_returns_a_secret(self, db: Path) -> None:
        secret = "sk-proj-" + "A1b2C3d4E5f6G7h8" * 3
        run = Recorder().run_started().root("root", f"Use {secret}").emit("thought", {"node_id": "root", "text": secret})
        with Publishing(db) as publishing:
            publishing.store(run.entries)
        async with relaying(db, redact=True, reload=True) as stage:
            await ready(stage)
            texts = [
                (await stage.get(path)).body.decode()
                for path in (
                    "/api/runs",
                    "/api/runs/run",
                    "/api/runs/run/events",
                    "/api/runs/run/events/3",
                    "/api/events?limit=5",
                    "/api/graph?run=run",
                )
            ]
            async with stage.connect("/ws/events") as client:
                texts += await receive(client, 3)
            async with stage.connect("/ws/runs/run") as client:
                texts += await receive(client, 4)
            async with stage.connect("/ws/runs") as client:
                texts += await receive(client, 1)
        assert not [text for text in texts if secret in text]
        assert sum("[redacted:" in text for text in texts) >= 8
        numbers = {text[text.index("[redacted:") :].partition("]")[0] for text in texts if "[redacted:" in text}
        assert len(numbers) == 1

    async def test_the_error_for_an_ambiguous_run_contains_no_secret(self, db: Path) -> None:
        secret = "sk-proj-" + "A1b2C3d4E5f6G7h8" * 3
        with Publishing(db) as publishing:
            for number in range(2):
                publishing.store(Recorder(f"{secret}{number}").run_started().entries)
        async with relaying(db, redact=True) as stage:
            await ready(stage)
            answer = await stage.get(f"/api/runs/{secret[:9]}")
            with pytest.raises(InvalidStatus) as caught:
                await stage.connect(f"/ws/runs/{secret[:9]}")
        body = caught.value.response.body or b""
        assert (answer.status, caught.value.response.status_code) == (404, 404)
        assert answer.body == body
        assert b"several runs begin with" in body
        assert secret.encode() not in body
