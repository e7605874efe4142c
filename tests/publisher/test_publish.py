"""Publisher: the events of each method, the run that is stored from them, and what importing it costs an agent."""

import asyncio
import json
import math
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pytest

from store.database.arrival import FIELD as READ_FIELD
from store.database.reader import Reader
from store.model.decode import decode
from store.model.entry import StreamId
from store.model.event_type import TYPES
from store.model.state import EdgeKey, RunState, RunStatus
from store.stream.ingest import Ingester
from store.stream.server import RedisServer
from tests.conftest import until
from tests.published import bodies
from tests.tables import load, query
from treetop import AddressError, outbox
from treetop.connection import FIELD
from treetop.emitter import Emitter
from treetop.publisher import Publisher

README = Path(__file__).parents[2] / "README.md"

REQUIRED: dict[str, str] = {
    "run_started": "input_data config run_mode timestamp_utc parallel",
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
"""Fields of every event, by type."""


class EmitterToList(Emitter):
    """Appends events to a list."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[tuple[str, dict[str, Any]]] = []

    def emit(self, event_type: str, payload: Any) -> None:
        self.events.append((event_type, payload))


EMIT: dict[str, Callable[[Emitter], object]] = {
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
    """Drain the stream, and load the run as `treetop show` does."""
    await asyncio.to_thread(Ingester(db, server.url, "agent_events").drain)
    async with Reader(db) as reader:
        return await load(reader, run.run_id)


@pytest.fixture
def run(redis_server: RedisServer) -> Iterator[Publisher]:
    with Publisher(redis_server.url) as publisher:
        yield publisher


# Events


def test_every_type_of_event_has_a_method() -> None:
    assert set(EMIT) == set(REQUIRED) == set(TYPES)
    assert all(hasattr(Publisher, name) for name in TYPES)


@pytest.mark.parametrize("event_type", TYPES)
def test_every_event_has_the_fields_of_its_type(event_type: str, run: Publisher, redis_server: RedisServer) -> None:
    EMIT[event_type](run)
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


def test_summaries_and_previews_are_cut_like_those_of_the_reference_agents() -> None:
    run = EmitterToList()
    run.llm_call_started("Writer", "m", [{"role": "system", "content": "You"}, {"role": "user", "content": "w" * 300}])
    run.llm_call_completed("c", "Writer", "m", "v" * 600, 1.0)
    run.llm_call_completed("c", "Writer", "m", "", 1.0, error="timeout")
    run.tool_invoked("Browser", "run", {"query": None})
    run.node_result_available("n", "plan", {"ü": 1})
    started, completed, failed, invoked, result = (payload for _, payload in run.events)
    assert started["prompt_preview"] == "w" * 200 + "..."
    assert completed["result_summary"] == "v" * 500 + "..."
    assert (failed["response"], failed["error"]) == ("ERROR: timeout", "timeout")
    assert invoked["args_summary"] == "{'query': None}..."
    assert result["result_summary"] == '{"ü":1}...'


def test_layer_and_root_of_a_node_follow_from_its_outer_node() -> None:
    run = EmitterToList()
    root = run.node_created("Write a book")
    chapter = run.node_created("Write a chapter", root)
    run.node_created("Write a page", chapter, step=3, action_name=None)
    (_, top), _, (_, page) = run.events
    assert (top["layer"], top["outer_node_id"], top["root_node_id"]) == (0, None, root)
    assert (page["layer"], page["outer_node_id"], page["root_node_id"], page["step"]) == (2, chapter, root, 3)
    assert "action_name" not in page


def test_a_plan_may_contain_goals_instead_of_tasks() -> None:
    run = EmitterToList()
    run.plan_received("n", ["Search", {"id": 7, "goal": "Write"}])
    assert run.events[0][1]["raw_plan"] == [{"id": "1", "goal": "Search"}, {"id": 7, "goal": "Write"}]


async def test_a_published_run_is_stored_as_a_finished_tree(db: Path, run: Publisher, redis_server: RedisServer) -> None:
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
    published = (totals.steps, totals.nodes, totals.llm_calls, totals.tool_calls, totals.tokens_in, totals.tokens_out)
    assert published == (4, 3, 1, 1, 7, 3)
    assert published[:4] == (state.run.steps, state.run.nodes, state.run.llm_calls, state.run.tool_calls)


def test_the_nids_of_an_edge_default_to_those_of_its_nodes(run: Publisher, redis_server: RedisServer) -> None:
    root = run.node_created("Explain")
    search, write = (run.node_created(goal, root, node_nid=nid) for nid, goal in (("1", "Search"), ("2", "Write")))
    run.node_added(root, search)
    run.edge_added(root, search, write)
    run.edge_added(root, search, write, "a", "b")
    assert run.flush(20)
    added, edge, named = (body["payload"] for body in bodies(redis_server)[-3:])
    assert added["added_node_nid"] == "1"
    assert (edge["parent_node_nid"], edge["child_node_nid"]) == ("1", "2")
    assert (named["parent_node_nid"], named["child_node_nid"]) == ("a", "b")


async def test_an_exception_is_published_and_re_raised(db: Path, redis_server: RedisServer) -> None:
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


def test_steps_of_a_run_may_overlap_unless_it_is_declared_sequential() -> None:
    run = EmitterToList()
    run.run_started()
    run.run_started(parallel=False)
    assert [payload["parallel"] for _, payload in run.events] == [True, False]


# What a call used


class Usage:
    """Usage in a client library."""

    def model_dump(self) -> dict[str, object]:
        return {
            "prompt_tokens": 2_000,
            "completion_tokens": 90,
            "total_tokens": 2_090,
            "prompt_tokens_details": {"cached_tokens": 1_920, "audio_tokens": None},
            "completion_tokens_details": {"reasoning_tokens": 64},
        }


def test_a_call_is_published_with_its_tokens_cost_and_tries(run: Publisher, redis_server: RedisServer) -> None:
    with run.llm_call("Writer", "m", "Why?") as call:
        call.token_usage = {"prompt_tokens": 9, "completion_tokens": 5, "cache_write_tokens": 8, "reasoning_tokens": 4}
        call.cost, call.tries = 0.0021, 3
    with run.tool_call("Browser", {}, cost=1, tries=1) as tool:
        tool.tries = 2
    with run.llm_call("Writer", "m", "Why?"), run.tool_call("Browser", {}):
        pass
    assert run.flush(20)
    begun, model, invoked, returned, *plain = (body["payload"] for body in bodies(redis_server))
    assert model["token_usage"] == {
        "prompt_tokens": 9,
        "completion_tokens": 5,
        "cache_write_tokens": 8,
        "reasoning_tokens": 4,
    }
    assert (model["cost"], model["tries"]) == (0.0021, 3)
    assert (returned["cost"], returned["tries"]) == (1.0, 2)
    assert not [payload for payload in (begun, invoked, *plain) if {"cost", "tries", "token_usage"} & payload.keys()]


def test_the_parts_of_the_counts_of_openai_are_published_by_name() -> None:
    run = EmitterToList()
    run.llm_call_completed("c", "Writer", "m", "", 1.0, token_usage=Usage())
    usage = run.events[0][1]["token_usage"]
    assert usage == Usage().model_dump() | {"cached_tokens": 1_920, "reasoning_tokens": 64}


@pytest.mark.parametrize(
    "value", [math.nan, -math.inf, math.inf, -1, -0.5, True, "1", 10**400, Decimal("sNaN"), [1], object()]
)
def test_a_value_that_is_not_an_amount_is_left_out(value: object, run: Publisher, redis_server: RedisServer) -> None:
    amount: Any = value
    with run.llm_call("Writer", "m", "Why?", cost=amount, tries=amount) as call:
        call.token_usage = {"prompt_tokens": value, "cached_tokens": value, "completion_tokens": 3, "other": "kept"}
    with run.tool_call("Browser", {}) as tool:
        tool.cost = tool.tries = amount
    run.run_finished()
    assert run.flush(20)
    _, model, _, returned, finished = (body["payload"] for body in bodies(redis_server))
    assert model["token_usage"] == {"completion_tokens": 3, "other": "kept"}
    assert not [payload for payload in (model, returned) if {"cost", "tries"} & payload.keys()]
    assert finished["token_usage_summary"] == {"total_prompt_tokens": 0, "total_completion_tokens": 3}


def test_amounts_may_be_zero_and_of_any_numeric_type_and_tries_are_at_least_one() -> None:
    run = EmitterToList()
    run.llm_call_completed(
        "c", "Writer", "m", "", 1.0, cost=0, tries=0, token_usage={"prompt_tokens": 0, "cached_tokens": -1}
    )
    run.tool_returned("t", "Browser", "run", "", 1.0, cost=cast("float", Decimal("0.25")), tries=cast("int", 1.0))
    (_, model), (_, tool) = run.events
    assert (model["cost"], model.get("tries"), model["token_usage"]) == (0.0, None, {"prompt_tokens": 0})
    assert (tool["cost"], tool.get("tries")) == (0.25, None)


def test_an_exception_in_a_tool_call_is_its_api_error(run: Publisher, redis_server: RedisServer) -> None:
    with pytest.raises(OSError, match="full"), run.tool_call("Disk", {}):
        raise OSError("full")
    assert run.flush(20)
    assert bodies(redis_server)[-1]["payload"]["state"] == "API_ERROR"


def test_an_exception_after_run_finished_is_not_a_second_end(redis_server: RedisServer) -> None:
    with pytest.raises(ValueError, match="late"), Publisher(redis_server.url) as run:  # noqa: PT012 - order matters
        run.run_finished()
        raise ValueError("late")
    assert [body["event_type"] for body in bodies(redis_server)] == ["run_finished"]


async def test_events_of_unknown_types_are_stored(db: Path, run: Publisher, redis_server: RedisServer) -> None:
    run.emit("memory_written", {"node_id": "n", "key": "sky"})
    assert run.flush(20)
    state = await stored(db, redis_server, run)
    assert state.nodes["n"].events == 1


# Requirements


def test_publisher_and_ingester_use_the_same_field() -> None:
    assert FIELD.encode() == READ_FIELD


def test_an_invalid_address_raises_address_error() -> None:
    for address in ("localhost/x", "redis://localhost:port", "redis://localhost?color=blue"):
        with pytest.raises(AddressError, match="is not a Redis address"):
            Publisher(address)


def test_an_agent_needs_no_screens_and_no_file() -> None:
    script = "import sys, treetop.publisher; print(*sorted(sys.modules.keys() & set(sys.argv)))"
    unwanted = ["sqlite3", "aiosqlite", "textual", "rich", "click", "networkx", "tui"]
    found = subprocess.run(
        [sys.executable, "-c", script, *unwanted], capture_output=True, text=True, check=True, timeout=60
    )
    assert found.stdout.strip() == ""


def test_the_memory_of_an_agent_grows_neither_with_the_number_of_nodes_nor_with_their_goals() -> None:
    """The nodes used last are remembered."""
    script = (
        "from treetop.publisher import Publisher\n"
        "from tests.bench.process import Process\n"
        "import os\n"
        "run, memory = Publisher('redis://127.0.0.1:1', buffer=100), []\n"
        "root = run.node_created('Write a book')\n"
        "for number in range(60_000):\n"
        "    if number % 5_000 == 0: memory.append(Process(os.getpid()).memory)\n"
        "    outer = run.node_created(f'{number} ' + 'x' * (3_000 if number % 2 else 300), root)\n"
        "    run.node_status_changed(outer, '', None, 'FINISH')\n"
        "place = run._memory.place(run.node_created('late', outer))\n"
        "assert (place.root, place.layer, run._memory.completed) == (root, 2, 60_000)\n"
        "print(memory[-1] - memory[4])\n"
        "run.close(0)\n"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert float(found.stdout) < 20


def test_the_end_of_a_run_is_sent_without_delay(redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other events wait to be sent in a batch."""
    monkeypatch.setattr(outbox, "LINGER_S", 60.0)
    with Publisher(redis_server.url) as run:
        run.run_started()
        run.node_created("Explain")
        assert bodies(redis_server) == []
        run.run_finished()
        until(lambda: len(bodies(redis_server)) == 3)
        for number in range(outbox.BATCH_ENTRIES):
            run.emit("thought", {"number": number})
        until(lambda: len(bodies(redis_server)) == 3 + outbox.BATCH_ENTRIES)


def test_importing_the_store_registers_no_sqlite3_adapters() -> None:
    """Adapters are global to the process, and other code in it may have its own."""
    script = (
        "import pkgutil, sqlite3\n"
        "before = dict(sqlite3.adapters)\n"
        "import store\n"
        "names = [name for _, name, _ in pkgutil.walk_packages(store.__path__, 'store.') if 'publisher' not in name]\n"
        "assert 'store.database.writer' in names\n"
        "for name in names: __import__(name)\n"
        "print(sqlite3.adapters == before)\n"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert found.stdout.strip() == "True"


EXAMPLES = re.findall(r"```python\n(.*?)```", README.read_text("utf-8"), re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES, ids=["tree", "tasks", "threads"])
def test_each_example_in_the_readme_publishes_a_finished_run(example: str, db: Path, redis_server: RedisServer) -> None:
    script = example.replace("Publisher()", f"Publisher({redis_server.url!r})")
    subprocess.run([sys.executable, "-W", "error", "-c", script], check=True, timeout=60)
    Ingester(db, redis_server.url, "agent_events").drain()
    assert query(db, "SELECT status FROM runs") == [("completed",)]
    assert query(db, "SELECT count(*) FROM rejected") == [(0,)]
    assert set(query(db, "SELECT status FROM nodes")) == {("FINISH",)}
    layers = query(db, "SELECT layer, count(*) FROM nodes GROUP BY layer ORDER BY layer")
    assert layers[0] == (0, 1)
    assert len(layers) == 2
    spans = query(db, "SELECT kind, outcome, node_id IS NULL, count(*) FROM spans GROUP BY 1, 2, 3")
    assert {(outcome, homeless) for _, outcome, homeless, _ in spans} == {("ok", 0)}
    assert {kind for kind, *_ in spans} == {"step", "tool" if "tool_call" in example else "llm"}
