"""Recorded runs of the reference agent: run of each event, node of each call, and status of each node."""

import json
from pathlib import Path
from typing import Any

import pytest

from store.model.entry import Entry, StreamId
from store.stream.server import RedisServer
from tests.cli.test_cli import treetop
from tests.live import publish
from tests.recorder import entry_of
from tests.tables import query

REAL = Path(__file__).parents[3] / "shared" / "data" / "real"
"""Recordings of five streams, and the final state in the memory of each agent; not part of the project."""

CAPTURES = ("main", "report", "toolfail", "reports-crossed", "null-same-moment")


def capture(name: str) -> list[Entry]:
    """Entries of a recorded stream."""
    lines = map(json.loads, (REAL / f"{name}.entries.jsonl").read_text("utf-8").splitlines())
    return [entry_of(line["json_payload"].encode(), StreamId.parse(line["id"])) for line in lines]


def truth(name: str) -> list[dict[str, Any]]:
    """For each agent: ids of its events, status of each node, number of model calls."""
    found: list[dict[str, Any]] = json.loads((REAL / "truth.json").read_text("utf-8"))[name]
    return found


@pytest.mark.skipif(not REAL.exists(), reason="the recordings are missing")
@pytest.mark.parametrize("name", CAPTURES)
def test_events_calls_and_status_match_the_memory_of_the_agents(redis_server: RedisServer, db: Path, name: str) -> None:
    entries, agents = capture(name), truth(name)
    for part in (entries[:60], entries[60:]):  # each by its own ingester
        publish(redis_server, part, ids=True)
        assert treetop("ingest", "--drain", "--db", str(db), "--redis", redis_server.url).returncode == 0
    owners = {event_id: number for number, agent in enumerate(agents) for event_id in agent["events"]}
    runs: dict[str, set[int]] = {}
    for run_id, event_id in query(db, "SELECT run_id, event_id FROM events"):
        runs.setdefault(run_id, set()).add(owners[event_id])
    assert sorted(map(list, runs.values())) == [[number] for number in range(len(agents))]
    for run_id, (number,) in runs.items():
        shown = json.loads(treetop("show", run_id, "--json", "--db", str(db)).stdout)
        assert {node["id"]: node["status"] for node in shown["nodes"]} == agents[number]["nodes"]
        calls = agents[number]["llm_calls"]
        assert (shown["counts"]["llm_calls"], sum(node["llm_calls"] for node in shown["nodes"])) == (calls, calls)
        word = "finished" if set(agents[number]["nodes"].values()) == {"FINISH"} else "ended"
        assert (shown["run"]["status"], shown["counts"]["events"]) == (word, len(agents[number]["events"]))
    assert query(db, "SELECT count(*) FROM events WHERE event_type GLOB '[lt]*' AND node_id IS NULL") == [(0,)]
