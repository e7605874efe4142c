"""An agent tells what it does through a Publisher, and treetop knows; whatever it tells, and whatever becomes of Redis."""

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from store.emitter import Emitter
from store.errors import RedisError
from store.events import TYPES, StreamId, decode
from store.ingest import Ingester
from store.outbox import FIELD
from store.publish import Publisher
from store.reader import Reader
from store.redis_server import RedisServer
from store.state import EdgeKey, RunState, RunStatus
from store.writer import FIELD as READ_FIELD
from tests.published import bodies
from tests.tables import load, query

README = Path(__file__).parents[1] / "README.md"

REQUIRED: dict[str, str] = {
    "run_started": "input_data config run_mode timestamp_utc",
    "run_finished": "total_steps duration_seconds total_nodes total_llm_calls total_tool_calls token_usage_summary"
    " node_statistics",
    "run_error": "error_type error_message stack_trace context",
    "step_started": "step node_id node_goal root_id",
    "step_finished": "step node_id action_name status_after duration_seconds",
    "node_status_changed": "node_id node_goal old_status new_status",
    "node_created": "node_id node_nid node_type task_type task_goal layer outer_node_id root_node_id initial_parent_nids",
    "plan_received": "node_id raw_plan",
    "node_added": "graph_owner_node_id added_node_id added_node_nid node_id",
    "edge_added": "graph_owner_node_id parent_node_id child_node_id parent_node_nid child_node_nid node_id",
    "inner_graph_built": "node_id node_count edge_count node_ids",
    "node_result_available": "node_id action_name result_summary",
    "llm_call_started": "agent_class model prompt_preview prompt call_id",
    "llm_call_completed": "agent_class model duration_seconds response result_summary call_id",
    "tool_invoked": "tool_name api_name args_summary tool_call_id",
    "tool_returned": "tool_name api_name state duration_seconds result_summary tool_call_id",
}
"""The fields that an event of each type always has."""


class Sayings(Emitter):
    """Keeps what would be published."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[tuple[str, dict[str, Any]]] = []

    def emit(self, event_type: str, payload: Any) -> None:
        self.said.append((event_type, payload))


SAY: dict[str, Callable[[Emitter], object]] = {
    "run_started": lambda run: run.run_started({"filename": "goals.jsonl"}, {"model": "m"}, "report"),
    "run_finished": lambda run: run.run_finished(),
    "run_error": lambda run: run.run_error(ValueError("no such model"), {"last_item_id": 3}),
    "step_started": lambda run: run.step_started("n", 0, "Write", "r"),
    "step_finished": lambda run: run.step_finished("n", 0, "execute", "FINISH", 1.5),
    "node_status_changed": lambda run: run.node_status_changed("n", "Write", "NOT_READY", "READY"),
    "node_created": lambda run: run.node_created("Write", "r", node_id="n", node_nid="1", task_type="COMPOSITION"),
    "plan_received": lambda run: run.plan_received("r", [{"id": "1", "goal": "Write", "dependency": []}]),
    "node_added": lambda run: run.node_added("r", "n", "1"),
    "edge_added": lambda run: run.edge_added("r", "n", "o", "1", "2"),
    "inner_graph_built": lambda run: run.inner_graph_built("r", ["n", "o"], 1),
    "node_result_available": lambda run: run.node_result_available("n", "execute", {"result": "Done"}),
    "llm_call_started": lambda run: run.llm_call_started("Writer", "m", "Write!", node_id="n"),
    "llm_call_completed": lambda run: run.llm_call_completed("c", "Writer", "m", "Well.", 1.5, node_id="n"),
    "tool_invoked": lambda run: run.tool_invoked("Browser", "run", {"query": None}, node_id="n"),
    "tool_returned": lambda run: run.tool_returned("t", "Browser", "run", [1], 0.5, node_id="n"),
}


async def stored(db: Path, server: RedisServer, run: Publisher) -> RunState:
    """The run, as `treetop show` gets it."""
    await asyncio.to_thread(Ingester(db, server.url, "agent_events").drain)
    async with Reader(db) as reader:
        return await load(reader, run.run_id)


@pytest.fixture
def run(redis_server: RedisServer) -> Iterator[Publisher]:
    with Publisher(redis_server.url) as publisher:
        yield publisher


# What is said


def test_there_is_a_method_for_every_type() -> None:
    assert set(SAY) == set(REQUIRED) == set(TYPES)
    assert all(hasattr(Publisher, name) for name in TYPES)


@pytest.mark.parametrize("event_type", TYPES)
def test_every_event_has_the_fields_of_its_type(event_type: str, run: Publisher, redis_server: RedisServer) -> None:
    SAY[event_type](run)
    assert run.flush(20)
    (body,) = bodies(redis_server)
    assert list(body) == ["event_id", "timestamp", "event_type", "payload", "run_id"]
    assert (body["event_type"], body["run_id"]) == (event_type, run.run_id)
    assert set(REQUIRED[event_type].split()) <= set(body["payload"])
    assert None not in body["payload"].values()
    event = decode(json.dumps(body).encode(), StreamId(0, 0))
    known = set(TYPES[event_type].__struct_fields__) & set(REQUIRED[event_type].split())
    assert known
    assert all(getattr(event.facts, name) is not None for name in known)


def test_summaries_are_cut_as_agents_cut_them() -> None:
    run = Sayings()
    run.llm_call_started("Writer", "m", [{"role": "system", "content": "You"}, {"role": "user", "content": "w" * 300}])
    run.llm_call_completed("c", "Writer", "m", "v" * 600, 1.0)
    run.llm_call_completed("c", "Writer", "m", "", 1.0, error="timeout")
    run.tool_invoked("Browser", "run", {"query": None})
    run.node_result_available("n", "plan", {"ü": 1})
    started, completed, failed, invoked, result = (payload for _, payload in run.said)
    assert started["prompt_preview"] == "w" * 200 + "..."
    assert completed["result_summary"] == "v" * 500 + "..."
    assert (failed["response"], failed["error"]) == ("ERROR: timeout", "timeout")
    assert invoked["args_summary"] == "{'query': None}..."
    assert result["result_summary"] == '{"ü":1}...'


def test_a_node_knows_its_place_by_the_node_around_it() -> None:
    run = Sayings()
    root = run.node_created("Write a book")
    chapter = run.node_created("Write a chapter", root)
    run.node_created("Write a page", chapter, step=3, action_name=None)
    (_, top), _, (_, page) = run.said
    assert (top["layer"], top["outer_node_id"], top["root_node_id"]) == (0, None, root)
    assert (page["layer"], page["outer_node_id"], page["root_node_id"], page["step"]) == (2, chapter, root, 3)
    assert "action_name" not in page


def test_a_plan_may_be_a_list_of_goals() -> None:
    run = Sayings()
    run.plan_received("n", ["Search", {"id": 7, "goal": "Write"}])
    assert run.said[0][1]["raw_plan"] == [{"id": "1", "goal": "Search"}, {"id": 7, "goal": "Write"}]


async def test_a_small_run_is_a_finished_tree(db: Path, run: Publisher, redis_server: RedisServer) -> None:
    run.run_started({"question": "Why?"})
    root = run.node_created("Explain")
    with run.step(root, "plan", task_type="GENERAL") as step:
        step.status_after = "DOING"
        run.plan_received(root, ["Search", "Write"])
        search, write = (run.node_created(goal, root, node_nid=goal) for goal in ("Search", "Write"))
        run.edge_added(root, search, write)
        run.inner_graph_built(root, [search, write], edge_count=1)
    with run.step(search), run.tool_call("Browser", {"query": "sky"}, node_id=search) as tool:
        tool.result = ["Rayleigh"]
    with run.step(write), run.llm_call("Writer", "m", "Why?", node_id=write) as call:
        call.response, call.token_usage = "Rayleigh.", {"prompt_tokens": 7, "completion_tokens": 3}
    with run.step(root, "final_aggregate"):
        run.node_result_available(root, "final_aggregate", "Rayleigh.")
    run.run_finished()
    assert run.flush(20)

    state = await stored(db, redis_server, run)
    assert {node_id: node.status for node_id, node in state.nodes.items()} == dict.fromkeys((root, search, write), "FINISH")
    assert [state.nodes[node_id].outer for node_id in (root, search, write)] == [None, root, root]
    assert list(state.edges) == [EdgeKey(root, search, write)]
    assert state.nodes[write].tokens_in == 7
    assert (state.run.status, state.run.goal, state.run.errors) == (RunStatus.COMPLETED, "Explain", 0)
    totals = state.run.totals
    assert totals is not None
    told = (totals.steps, totals.nodes, totals.llm_calls, totals.tool_calls, totals.tokens_in, totals.tokens_out)
    assert told == (4, 3, 1, 1, 7, 3)
    assert told[:4] == (state.run.steps, state.run.nodes, state.run.llm_calls, state.run.tool_calls)


async def test_what_fails_is_said_and_fails_all_the_same(db: Path, redis_server: RedisServer) -> None:
    with pytest.raises(TimeoutError), Publisher(redis_server.url) as run:  # noqa: PT012 - the blocks are the test
        root = run.node_created("Explain")
        with run.step(root), run.llm_call("Writer", "m", "Why?", node_id=root):
            raise TimeoutError("no answer")
    state = await stored(db, redis_server, run)
    assert state.nodes[root].status == "FAILED"
    assert (state.run.status, state.run.error) == (RunStatus.ERROR, "TimeoutError: no answer")
    assert [body["payload"].get("error") for body in bodies(redis_server) if "response" in body["payload"]] == [
        "TimeoutError: no answer"
    ]


def test_a_failing_tool_says_so(run: Publisher, redis_server: RedisServer) -> None:
    with pytest.raises(OSError, match="full"), run.tool_call("Disk", {}):
        raise OSError("full")
    assert run.flush(20)
    assert bodies(redis_server)[-1]["payload"]["state"] == "API_ERROR"


def test_a_run_has_one_end(redis_server: RedisServer) -> None:
    with pytest.raises(ValueError, match="late"), Publisher(redis_server.url) as run:  # noqa: PT012 - order matters
        run.run_finished()
        raise ValueError("late")
    assert [body["event_type"] for body in bodies(redis_server)] == ["run_finished"]


async def test_events_of_its_own_type_are_stored(db: Path, run: Publisher, redis_server: RedisServer) -> None:
    run.emit("memory_written", {"node_id": "n", "key": "sky"})
    assert run.flush(20)
    state = await stored(db, redis_server, run)
    assert state.nodes["n"].events == 1


# What it needs


def test_it_publishes_where_it_is_read() -> None:
    assert FIELD.encode() == READ_FIELD


def test_an_address_that_is_none_is_said_at_once() -> None:
    for address in ("localhost/x", "redis://localhost:port", "redis://localhost?color=blue"):
        with pytest.raises(RedisError, match="is not the address of a Redis"):
            Publisher(address)


def test_an_agent_needs_no_screens_and_no_file() -> None:
    script = "import sys, store.publish; print(*sorted(sys.modules.keys() & set(sys.argv)))"
    unwanted = ["sqlite3", "aiosqlite", "textual", "rich", "click", "networkx", "tui"]
    found = subprocess.run(
        [sys.executable, "-c", script, *unwanted], capture_output=True, text=True, check=True, timeout=60
    )
    assert found.stdout.strip() == ""


@pytest.mark.skipif("store.publish" not in README.read_text("utf-8"), reason="the README does not tell of it")
def test_the_example_of_the_readme_works(db: Path, redis_server: RedisServer) -> None:
    (example,) = re.findall(r"```python\n(.*?store\.publish.*?)```", README.read_text("utf-8"), re.DOTALL)
    script = example.replace("Publisher()", f"Publisher({redis_server.url!r})")
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
    Ingester(db, redis_server.url, "agent_events").drain()
    assert query(db, "SELECT status FROM runs") == [("completed",)]
    assert query(db, "SELECT count(*) FROM rejected") == [(0,)]
    assert set(query(db, "SELECT status FROM nodes")) == {("FINISH",)}
