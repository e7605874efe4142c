"""`/ws/runs`: the list of runs and its changes."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection

from store.database.deletion import delete_run
from tests.recorder import Recorder
from tests.relay.stage import Publishing, Stage, receive, relaying


class TestRunListSocket:
    """`/ws/runs`."""

    async def test_the_list_comes_first_and_then_each_changed_row(self, db: Path, store: Publishing, stage: Stage) -> None:
        run = Recorder("one").run_started()
        store.store(run.entries)
        async with stage.connect("/ws/runs") as client:
            first = json.loads((await receive(client, 1))[0])
            assert first == {"type": "list", "runs": (await stage.json("/api/runs"))["runs"]}
            store.store(run.root().entries[1:])
            message = await self.message(client, lambda message: message["run"]["events"] == 2)
            assert message == {"type": "run", "run": (await stage.json("/api/runs"))["runs"][0]}
            store.store(Recorder("two").run_started().entries)
            await self.message(client, lambda message: message["run"]["run_id"] == "two")
            await asyncio.to_thread(delete_run, db, "one")
            message = await self.message(client, lambda message: message["type"] == "deleted")
            assert message == {"type": "deleted", "run_id": "one"}

    async def test_the_list_of_a_file_that_replaces_the_file_is_sent(self, db: Path, tmp_path: Path) -> None:
        other = tmp_path / "other.db"
        with Publishing(db) as publishing:
            publishing.store(Recorder("one").run_started().entries)
        with Publishing(other) as publishing:
            publishing.store(Recorder("two").run_started().entries)
        async with relaying(db) as stage, stage.connect("/ws/runs") as client:
            await receive(client, 1)
            other.replace(db)
            message = await self.message(client, lambda message: message["type"] == "list")
            assert [run["run_id"] for run in message["runs"]] == ["two"]

    async def message(self, client: ClientConnection, wanted: Callable[[Any], bool]) -> Any:
        """The next wanted message. Others are skipped, because a row may be sent more than once."""
        while not wanted(message := json.loads((await receive(client, 1))[0])):
            pass
        return message
