"""`/api/runs`: the documents of the command line, in pages."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from store.database.deletion import delete_run
from store.relay import snapshot
from tests.cli.test_cli import treetop
from tests.recorder import Recorder, entry_of
from tests.relay.stage import Publishing, Stage, bodies_of


class TestRuns:
    """`/api/runs` and `/api/runs/ID`."""

    async def test_runs_and_a_run_equal_the_output_of_the_commands(self, db: Path, store: Publishing, stage: Stage) -> None:
        store.store(Recorder().whole().entries)
        printed = await asyncio.to_thread(treetop, "runs", "--json", "--db", str(db))
        assert (await stage.json("/api/runs"))["runs"] == json.loads(printed.stdout)
        for name in ("run", "ru", "latest"):
            for at in (None, "50%", "7"):
                words = ["show", name, "--json", "--db", str(db), *(["--at", at] if at else [])]
                printed = await asyncio.to_thread(treetop, *words)
                path = f"/api/runs/{name}" + (f"?at={at.replace('%', '%25')}" if at else "")
                assert (await stage.get(path)).body.decode() == printed.stdout

    async def test_pages_of_runs_cover_the_list_without_overlap(self, store: Publishing, stage: Stage) -> None:
        runs = Recorder("run-0").run_started()
        for number in range(1, 10):
            Recorder(f"run-{number}", beside=runs).run_started()
        store.store(runs.entries)
        found: list[str] = []
        page: dict[str, Any] = {"next": 2**63 - 1}
        while page["next"] is not None:
            page = await stage.json(f"/api/runs?limit=4&before={page['next']}")
            assert len(page["runs"]) <= 4
            found += [run["run_id"] for run in page["runs"]]
        assert found == [f"run-{number}" for number in reversed(range(10))]

    async def test_runs_are_filtered_by_status_and_words(self, store: Publishing, stage: Stage) -> None:
        runs = Recorder("one").run_started().root("r1", "Write about 100% oaks").run_finished()
        Recorder("two", beside=runs).run_started().root("r2", "Write about elms")
        store.store(runs.entries)

        async def names(query: str) -> list[str]:
            return [run["run_id"] for run in (await stage.json(f"/api/runs?{query}"))["runs"]]

        assert await names("status=interrupted") == ["two"]
        assert await names("status=ended") == ["one"]
        assert await names("status=live") == []
        assert await names("q=100%25") == ["one"]
        assert await names("q=WRITE") == ["two", "one"]
        assert await names("q=two") == ["two"]

    async def test_run_ids_may_contain_slashes_and_spaces(self, store: Publishing, stage: Stage) -> None:
        store.store(Recorder("team/a b").run_started().entries)
        assert (await stage.json("/api/runs/team%2Fa%20b"))["run"]["run_id"] == "team/a b"
        assert (await stage.json("/api/runs/team/a%20b/events"))["run_id"] == "team/a b"


class TestEvents:
    """`/api/runs/ID/events`."""

    async def test_pages_of_events_cover_the_run_without_overlap(self, store: Publishing, stage: Stage) -> None:
        run = Recorder().whole()
        store.store(run.entries)
        found: list[Any] = []
        after: int | None = 0
        while after is not None:
            page = await stage.json(f"/api/runs/run/events?after={after}&limit=7")
            assert (page["run_id"], page["generation"], page["last"]) == ("run", 0, len(run.entries))
            found += page["events"]
            after = page["next"]
        assert [event["position"] for event in found] == list(range(1, len(run.entries) + 1))
        assert [event["event"] for event in found] == list(map(json.loads, bodies_of(run.entries)))

    async def test_events_are_filtered_by_task_and_type(self, store: Publishing, stage: Stage) -> None:
        run = Recorder().whole()
        store.store(run.entries)
        events = list(map(json.loads, bodies_of(run.entries)))

        async def positions(query: str) -> list[int]:
            page = await stage.json(f"/api/runs/run/events?{query}")
            return [event["position"] for event in page["events"]]

        types = ("step_started", "tool_invoked")
        of_types = [at for at, event in enumerate(events, 1) if event["event_type"] in types]
        assert await positions("type=step_started,tool_invoked") == of_types
        of_task = [at for at in of_types if events[at - 1]["payload"]["node_id"] == "search"]
        assert await positions("type=step_started,tool_invoked&node=search") == of_task
        assert await positions(f"type=step_started,tool_invoked&node=search&after={of_task[0]}") == of_task[1:]
        page = await stage.json("/api/runs/run/events?type=step_started&limit=1")
        assert page["next"] == page["events"][0]["position"]

    async def test_a_response_is_limited_in_bytes(
        self, store: Publishing, stage: Stage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(snapshot, "BODIES_MAX_BYTES", 5_000)
        run = Recorder().run_started()
        for _ in range(10):
            run.emit("thought", {"text": "x" * 2_000})
        store.store(run.entries)
        page = await stage.json("/api/runs/run/events")
        assert [event["position"] for event in page["events"]] == [1, 2, 3]
        assert page["next"] == 3
        assert len((await stage.json("/api/events?limit=100"))["events"]) == 2

    async def test_one_event_is_returned_byte_for_byte(self, store: Publishing, stage: Stage) -> None:
        run = Recorder().run_started()
        body = b'{ "event_type":"thought",\n"payload": {"text":"\\u00fc \xc3\xbc", "n": 1.50}, "run_id" : "run" }'
        store.store([*run.entries, entry_of(body, 7)])
        assert (await stage.get("/api/runs/run/events/2")).body == body
        assert (await stage.get("/api/runs/run/events/3")).status == 404
        assert (await stage.get("/api/runs/run/events/0")).status == 404
        assert (await stage.get(f"/api/runs/run/events/{10**30}")).status == 404


async def test_a_deleted_run_is_not_listed(db: Path, store: Publishing, stage: Stage) -> None:
    store.store(Recorder("one").run_started().entries)
    await asyncio.to_thread(delete_run, db, "one")
    assert (await stage.json("/api/runs"))["runs"] == []
