"""Simulated events follow the grammar of real agents.

A checker replays the published events by the rules of the event reference. It uses nothing else of the simulator.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import islice, pairwise
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tui.demo import TOPICS, Ending, Published, Scenario, deep_chain, simulate, wide_fan

Payload = dict[str, Any]

STEP = {"step", "node_id", "task_type", "task_goal"}
ACTION = STEP | {"action_name", "node_status", "node_next_status"}
ALWAYS: dict[str, set[str]] = {
    "run_started": {"input_data", "config", "run_mode", "timestamp_utc"},
    "run_finished": {
        *{"total_steps", "duration_seconds", "total_nodes", "total_llm_calls", "total_tool_calls"},
        *{"token_usage_summary", "node_statistics"},
    },
    "run_error": {"error_type", "error_message", "stack_trace", "context"},
    "step_started": {"step", "node_id", "node_goal", "root_id"},
    "step_finished": {"step", "node_id", "action_name", "status_after", "duration_seconds", "task_type", "task_goal"},
    "node_status_changed": STEP | {"node_goal", "old_status", "new_status"},
    "node_created": {
        *{"node_id", "node_nid", "node_type", "task_type", "task_goal", "layer", "outer_node_id", "root_node_id"},
        "initial_parent_nids",
    },
    "plan_received": ACTION | {"raw_plan"},
    "node_added": ACTION | {"graph_owner_node_id", "added_node_id", "added_node_nid"},
    "edge_added": ACTION | {"graph_owner_node_id", "parent_node_id", "child_node_id", "parent_node_nid", "child_node_nid"},
    "inner_graph_built": ACTION | {"node_count", "edge_count", "node_ids"},
    "node_result_available": ACTION | {"result_summary"},
    "llm_call_started": ACTION | {"agent_class", "model", "prompt_preview", "prompt"},
    "llm_call_completed": ACTION | {"agent_class", "model", "duration_seconds", "response", "result_summary"},
    "tool_invoked": ACTION | {"tool_name", "api_name", "args_summary"},
    "tool_returned": ACTION | {"tool_name", "api_name", "state", "duration_seconds", "result_summary"},
}
"""Mandatory fields, by type of event."""
SOMETIMES: dict[str, set[str]] = {
    "run_finished": {"search_statistics"},
    "node_created": {"step", "action_name", "node_status", "node_next_status"},
    "llm_call_started": {"call_id"},
    "llm_call_completed": {"call_id", "error", "token_usage"},
    "tool_invoked": {"tool_call_id"},
    "tool_returned": {"tool_call_id", "error"},
}
"""Optional fields, by type of event."""
ACTIONABLE = {"READY", "NEED_UPDATE", "PLAN_DONE", "FINAL_TO_FINISH", "NEED_POST_REFLECT"}
MOVES = {
    ("READY", "plan", "PLAN_DONE"),
    ("READY", "execute", "NEED_POST_REFLECT"),
    ("NEED_UPDATE", "update", "READY"),
    ("PLAN_DONE", "prior_reflect", "DOING"),
    ("FINAL_TO_FINISH", "final_aggregate", "NEED_POST_REFLECT"),
    ("NEED_POST_REFLECT", "planning_post_reflect", "FINISH"),
    ("NEED_POST_REFLECT", "execute_post_reflect", "FINISH"),
}
HALVES = {"llm_call_completed": ("llm_call_started", "call_id"), "tool_returned": ("tool_invoked", "tool_call_id")}
PLANNING = ["plan_received", "node_created", "node_added", "edge_added", "inner_graph_built", "node_result_available"]


@dataclass
class Replay:
    """The state of a run, from its events. Raises AssertionError if an event breaks a rule of the event reference."""

    roots: list[str] = field(default_factory=list)
    created: dict[str, Payload] = field(default_factory=dict)
    status: dict[str, str] = field(default_factory=dict)
    goal: dict[str, str] = field(default_factory=dict)
    inner: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    edges: dict[str, list[tuple[str, str]]] = field(default_factory=lambda: defaultdict(list))
    open_step: Payload | None = None
    open_call: tuple[str, Payload] | None = None
    emitted: list[str] = field(default_factory=list)
    """Types of the events of the open step."""
    steps: Counter[str] = field(default_factory=Counter)
    """Finished steps by root."""

    def read(self, events: list[dict[str, Any]]) -> Replay:
        for event in events:
            kind, payload = event["event_type"], event["payload"]
            self.check_fields(kind, payload)
            self.check_context(kind, payload)
            getattr(self, kind, lambda payload: None)(payload)
            self.emitted.append(kind)
        return self

    def check_fields(self, kind: str, payload: Payload) -> None:
        assert ALWAYS[kind] <= payload.keys() <= ALWAYS[kind] | SOMETIMES.get(kind, set()), kind
        assert all(payload[name] is not None for name in payload if name != "outer_node_id")

    def check_context(self, kind: str, payload: Payload) -> None:
        if "step" not in payload or kind == "step_started":
            return
        assert self.open_step is not None
        assert payload["step"] == self.open_step["step"]
        stepped = self.open_step["node_id"]
        if "node_status" in payload:
            assert payload["node_status"] == self.status[stepped]
            assert (payload["node_status"], payload["action_name"], payload["node_next_status"]) in MOVES
        if kind not in ("node_created", "node_status_changed"):
            assert payload["node_id"] == stepped
            assert payload["task_type"] == self.created[stepped]["task_type"]
        if kind != "node_created":
            assert payload["task_goal"] == self.open_step["node_goal"], "contexts have the goal at the start of the step"

    def node_created(self, payload: Payload) -> None:
        node = payload["node_id"]
        assert node not in self.created
        self.created[node], self.goal[node] = payload, payload["task_goal"]
        self.status[node] = "NOT_READY" if payload["layer"] else "READY"
        if payload["layer"]:
            outer = payload["outer_node_id"]
            assert (outer, payload["root_node_id"]) == (self.stepped, self.roots[-1])
            assert payload["layer"] == self.created[outer]["layer"] + 1
        else:
            self.roots.append(node)
            self.open_step = self.open_call = None
            assert (payload["node_nid"], payload["outer_node_id"], payload["root_node_id"]) == ("", None, "UNKNOWN")
            assert "step" not in payload

    @property
    def stepped(self) -> str:
        assert self.open_step is not None
        return str(self.open_step["node_id"])

    def step_started(self, payload: Payload) -> None:
        assert self.open_step is None, "one step at a time"
        root = self.roots[-1]
        assert (payload["root_id"], payload["step"]) == (root, self.steps[root])
        assert payload["node_id"] == self.first_actionable(root), "the first actionable node, breadth-first"
        self.goal[payload["node_id"]] = payload["node_goal"]
        self.open_step, self.emitted = payload, []

    def first_actionable(self, root: str) -> str | None:
        """The first actionable node in a breadth-first walk."""
        queue = [root]
        for node in queue:
            if self.status[node] in ACTIONABLE:
                return node
            if self.status[node] == "DOING":
                queue += self.topological(node)
        return None

    def topological(self, owner: str) -> list[str]:
        order: list[str] = []
        while len(order) < len(self.inner[owner]):
            blocked = {child for parent, child in self.edges[owner] if parent not in order}
            order += [node for node in self.inner[owner] if node not in blocked and node not in order]
        return order

    def step_finished(self, payload: Payload) -> None:
        node = payload["node_id"]
        assert self.open_call is None
        assert (self.status[node], payload["action_name"], payload["status_after"]) in MOVES
        assert (payload["action_name"] in ("plan", "execute", "final_aggregate")) == (
            "node_result_available" in self.emitted
        )
        if payload["action_name"] == "plan":
            order = [PLANNING.index(kind) for kind in self.emitted if kind in PLANNING]
            assert order == sorted(order)
        assert self.checked_status(payload) == payload["status_after"]
        self.status[node] = payload["status_after"]
        self.steps[self.roots[-1]] += 1
        self.open_step = None

    def checked_status(self, payload: Payload) -> str:
        """The published status. Before it is set, a status change of every node that became actionable was published."""
        status = self.status | {payload["node_id"]: payload["status_after"]}
        for node, created in self.created.items():
            outer = created["outer_node_id"]
            if status[node] == "NOT_READY" and outer and status[outer] == "DOING":
                assert any(status[parent] != "FINISH" for parent, child in self.edges[outer] if child == node)
            if status[node] == "DOING":
                assert any(status[inner] != "FINISH" for inner in self.inner[node])
        return str(payload["status_after"])

    def node_status_changed(self, payload: Payload) -> None:
        node = payload["node_id"]
        assert payload["old_status"] == self.status[node]
        outer = self.created[node]["outer_node_id"]
        depends = any(child == node for _, child in self.edges[outer]) if outer else False
        expected = {"NOT_READY": "NEED_UPDATE" if depends else "READY", "DOING": "FINAL_TO_FINISH"}
        assert payload["new_status"] == expected[payload["old_status"]]
        assert payload["task_type"] == self.created[node]["task_type"]
        self.status[node], self.goal[node] = payload["new_status"], payload["node_goal"]

    def plan_received(self, payload: Payload) -> None:
        self.plan = payload["raw_plan"]

    def node_added(self, payload: Payload) -> None:
        assert payload["graph_owner_node_id"] == self.stepped == self.created[payload["added_node_id"]]["outer_node_id"]
        self.inner[self.stepped].append(payload["added_node_id"])

    def edge_added(self, payload: Payload) -> None:
        for end in ("parent", "child"):
            assert payload[f"{end}_node_id"] in self.inner[self.stepped]
            assert payload[f"{end}_node_nid"] == self.created[payload[f"{end}_node_id"]]["node_nid"]
        self.edges[self.stepped].append((payload["parent_node_id"], payload["child_node_id"]))

    def inner_graph_built(self, payload: Payload) -> None:
        owner = self.stepped
        assert payload["node_ids"] == self.inner[owner]
        assert payload["node_ids"] == [node for node, created in self.created.items() if created["outer_node_id"] == owner]
        assert (payload["node_count"], payload["edge_count"]) == (len(self.inner[owner]), len(self.edges[owner]))
        assert self.edges[owner] == self.expected_edges(owner)
        kinds = {self.created[node]["node_type"] for node in self.inner[owner]}
        if self.plan:
            assert [self.created[node]["node_nid"] for node in self.inner[owner]] == [task["id"] for task in self.plan]
            assert kinds == {"PLAN_NODE"}
        else:
            assert [self.created[node]["node_nid"] for node in self.inner[owner]] == ["0"]
            assert kinds == {"EXECUTE_NODE"}

    def expected_edges(self, owner: str) -> list[tuple[str, str]]:
        """Section 5: declared prerequisites within the graph, and those implied by task types."""
        ids = {self.created[node]["node_nid"]: node for node in self.inner[owner]}
        edges = []
        for place, node in enumerate(self.inner[owner]):
            task_type = self.created[node]["task_type"]
            parents = list(self.created[node]["initial_parent_nids"])
            for earlier in self.inner[owner][:place]:
                nid = self.created[earlier]["node_nid"]
                if task_type == self.created[earlier]["task_type"] != "RETRIEVAL" and nid not in parents:
                    parents.append(nid)
            if task_type == "REASONING":
                parents.sort(key=lambda nid: int(nid.split(".")[-1]))
            edges += [(ids[nid], node) for nid in parents if nid in ids]
        return edges

    def begin_call(self, kind: str, payload: Payload) -> None:
        assert self.open_call is None, "calls do not overlap"
        self.open_call = kind, payload

    def end_call(self, kind: str, payload: Payload) -> None:
        assert self.open_call is not None
        begun, identity = HALVES[kind]
        assert (self.open_call[0], self.open_call[1].get(identity)) == (begun, payload.get(identity))
        self.open_call = None

    def llm_call_started(self, payload: Payload) -> None:
        self.begin_call("llm_call_started", payload)
        assert payload["prompt_preview"] == payload["prompt"][-1]["content"][:200] + "..."
        assert [message["role"] for message in payload["prompt"]] in (["user"], ["system", "user"])

    def llm_call_completed(self, payload: Payload) -> None:
        self.end_call("llm_call_completed", payload)
        assert payload["result_summary"] == payload["response"][:500] + "..."
        assert ("error" in payload) == payload["response"].startswith("ERROR: ")

    def tool_invoked(self, payload: Payload) -> None:
        self.begin_call("tool_invoked", payload)
        assert (payload["tool_name"], payload["api_name"]) == ("BingBrowser", "full_pipeline_search")
        assert payload["args_summary"].startswith("{'query_list': ['")

    def tool_returned(self, payload: Payload) -> None:
        self.end_call("tool_returned", payload)
        assert payload["state"] in ("SUCCESS", "HTTP_ERROR", "API_ERROR")
        assert (payload["state"] == "SUCCESS") == ("error" not in payload)
        assert (payload["result_summary"] == "None...") == ("error" in payload)

    def node_result_available(self, payload: Payload) -> None:
        assert payload["result_summary"].endswith("...")
        assert len(payload["result_summary"]) <= 503

    def finished_all(self) -> bool:
        return set(self.status.values()) == {"FINISH"}


def published(scenario: Scenario) -> list[dict[str, Any]]:
    return [json.loads(each.body) for each in simulate(scenario)]


def types(events: list[dict[str, Any]]) -> Counter[str]:
    return Counter(event["event_type"] for event in events)


def of_type(events: list[dict[str, Any]], kind: str) -> list[Payload]:
    return [event["payload"] for event in events if event["event_type"] == kind]


def shape(events: list[dict[str, Any]]) -> list[tuple[str, int, str]]:
    return [(node["node_nid"], node["layer"], node["task_goal"]) for node in of_type(events, "node_created")]


class TestGrammar:
    @pytest.mark.parametrize("topic", TOPICS)
    def test_a_run_about_each_topic_finishes_every_node(self, topic: str) -> None:
        replay = Replay().read(published(Scenario(topic=topic, nodes=60)))
        assert replay.finished_all()

    @settings(deadline=None, max_examples=40)
    @given(
        seed=st.integers(0, 10_000),
        nodes=st.integers(2, 150),
        items=st.integers(1, 3),
        depth=st.integers(2, 6),
        ending=st.sampled_from(["finished", "failing-branch", "failed", "killed"]),
        generation=st.sampled_from(["G2", "G5"]),
    )
    def test_every_scenario_follows_the_grammar(self, **asked: Any) -> None:
        events = published(Scenario(**asked))
        replay = Replay().read(events)
        assert replay.finished_all() == (asked["ending"] == "finished")
        assert max(node["layer"] for node in of_type(events, "node_created")) <= asked["depth"]

    def test_the_envelope_has_five_keys_and_increasing_timestamps(self) -> None:
        events = published(Scenario(nodes=100))
        assert {tuple(event) for event in events} == {("event_id", "timestamp", "event_type", "payload", "run_id")}
        assert len({event["event_id"] for event in events}) == len(events)
        assert all(UUID(event["event_id"]).version == 4 for event in events)
        assert len({event["run_id"] for event in events}) == 1
        times = [datetime.fromisoformat(event["timestamp"].removesuffix("Z")) for event in events]
        assert all(earlier < later for earlier, later in pairwise(times))

    def test_offset_and_timestamp_agree(self) -> None:
        start = datetime(2025, 1, 31, 23, 59, 59)
        for each in simulate(Scenario(start=start)):
            time = datetime.fromisoformat(str(each.event["timestamp"]).removesuffix("Z"))
            assert time == start + timedelta(seconds=each.offset)

    def test_the_body_is_compact_utf8(self) -> None:
        bodies = [each.body for each in simulate(Scenario(topic="lighthouse"))]
        assert all(
            json.dumps(json.loads(body), separators=(",", ":"), ensure_ascii=False).encode() == body for body in bodies
        )
        assert any(not body.isascii() for body in bodies)

    def test_some_goals_are_rewritten(self) -> None:
        events = published(Scenario(nodes=200))
        created = {node["node_id"]: node["task_goal"] for node in of_type(events, "node_created")}
        assert any(step["node_goal"] != created[step["node_id"]] for step in of_type(events, "step_started"))

    def test_contexts_have_the_goal_of_the_step_instead_of_the_node(self) -> None:
        changes = of_type(published(Scenario(nodes=100)), "node_status_changed")
        assert any(change["task_goal"] != change["node_goal"] for change in changes)

    def test_plans_imply_more_dependencies_than_they_declare(self) -> None:
        events = published(Scenario(nodes=100))
        declared = sum(len(node["initial_parent_nids"]) for node in of_type(events, "node_created"))
        assert types(events)["edge_added"] > declared


class TestDeterminism:
    def test_the_same_arguments_give_the_same_bytes(self) -> None:
        scenario = Scenario(seed=3, nodes=80, text_bytes=2000)
        assert [each.body for each in simulate(scenario)] == [each.body for each in simulate(scenario)]

    def test_another_seed_gives_another_run(self) -> None:
        assert shape(published(Scenario(seed=1))) != shape(published(Scenario(seed=8)))

    def test_the_tree_is_independent_of_generation_and_length_of_texts(self) -> None:
        scenario = Scenario(seed=5, nodes=120)
        tree = shape(published(scenario))
        assert shape(published(replace(scenario, generation="G2"))) == tree
        assert shape(published(replace(scenario, text_bytes=3000))) == tree


class TestSize:
    @pytest.mark.parametrize("nodes", [3, 4, 5, 6, 7, 9, 12, 20, 40, 150, 1000])
    def test_a_run_has_about_the_given_number_of_nodes(self, nodes: int) -> None:
        for seed in range(8):
            created = sum(each.event["event_type"] == "node_created" for each in simulate(Scenario(seed, nodes)))
            assert abs(created - nodes) <= 3

    def test_items_share_the_nodes(self) -> None:
        events = published(Scenario(nodes=90, items=3))
        roots = [node for node in of_type(events, "node_created") if node["layer"] == 0]
        assert len(roots) == 3
        assert abs(types(events)["node_created"] - 90) <= 9

    @pytest.mark.parametrize("text_bytes", [1_000, 2_000, 20_000])
    @pytest.mark.parametrize("nodes", [30, 600])
    def test_bodies_have_the_given_mean_size(self, text_bytes: int, nodes: int) -> None:
        sizes = [len(each.body) for each in simulate(Scenario(nodes=nodes, text_bytes=text_bytes))]
        assert abs(sum(sizes) / len(sizes) - text_bytes) <= 0.25 * text_bytes

    def test_a_mean_size_below_the_minimum_gives_the_shortest_texts(self) -> None:
        sizes = [len(each.body) for each in simulate(Scenario(nodes=300, text_bytes=300))]
        assert sum(sizes) / len(sizes) < 700

    def test_events_of_a_huge_run_are_generated_lazily(self) -> None:
        events = simulate(Scenario(nodes=1_000_000, depth=7, text_bytes=300))
        count = sum(1 for _ in islice(events, 20_000))
        assert count == 20_000

    def test_a_run_of_twenty_thousand_events_ends(self) -> None:
        counts = Counter(each.event["event_type"] for each in simulate(Scenario(nodes=1300, text_bytes=300)))
        assert counts.total() > 20_000
        assert counts["step_started"] == counts["step_finished"]


class TestEndings:
    def test_totals_are_correct(self) -> None:
        events = published(Scenario(nodes=100, items=2))
        counts, (totals,) = types(events), of_type(events, "run_finished")
        usage = [call["token_usage"] for call in of_type(events, "llm_call_completed")]
        assert totals["total_steps"] == counts["step_finished"]
        assert totals["total_nodes"] == totals["node_statistics"]["total_created"] == counts["node_created"]
        assert totals["node_statistics"]["total_completed"] == counts["node_created"]
        assert totals["node_statistics"]["by_type"] == Counter(n["task_type"] for n in of_type(events, "node_created"))
        assert totals["total_llm_calls"] == counts["llm_call_completed"]
        assert totals["total_tool_calls"] == counts["tool_invoked"]
        assert totals["token_usage_summary"] == {
            "total_prompt_tokens": sum(each["prompt_tokens"] for each in usage),
            "total_completion_tokens": sum(each["completion_tokens"] for each in usage),
        }
        assert events[-1]["event_type"] == "run_finished"

    def test_run_started_has_a_malformed_time(self) -> None:
        (started,) = of_type(published(Scenario()), "run_started")
        assert started["timestamp_utc"].endswith("+00:00Z")
        assert started["input_data"]["data"][0]["prompt"] == TOPICS["ai-writing"].ask

    @pytest.mark.parametrize("nodes", [14, 40, 300])
    def test_a_failing_branch_aborts_without_an_event_and_the_run_finishes(self, nodes: int) -> None:
        events = published(Scenario(nodes=nodes, items=2, ending="failing-branch"))
        replay, counts = Replay().read(events), types(events)
        assert counts["step_started"] == counts["step_finished"] + 1
        assert events[-1]["event_type"] == "run_finished"
        assert replay.status[replay.roots[0]] == "FINISH"
        assert replay.status[replay.roots[1]] != "FINISH"
        assert sum(call["state"] != "SUCCESS" for call in of_type(events, "tool_returned")) >= 3
        calls = of_type(events, "llm_call_completed")
        (failed, *_) = [place for place, call in enumerate(calls) if "error" in call]
        assert calls[failed + 1]["node_id"] == calls[failed]["node_id"]
        assert "error" not in calls[failed + 1]

    def test_items_after_the_aborted_one_finish(self) -> None:
        replay = Replay().read(published(Scenario(nodes=90, items=3, ending="failing-branch")))
        assert [replay.status[root] == "FINISH" for root in replay.roots] == [True, False, True]

    @pytest.mark.parametrize("nodes", [3, 40, 300])
    def test_a_failed_run_ends_with_an_error_in_an_open_step(self, nodes: int) -> None:
        events = published(Scenario(nodes=nodes, ending="failed"))
        replay = Replay().read(events)
        assert replay.open_step is not None
        assert events[-1]["event_type"] == "run_error"
        error = events[-1]["payload"]
        assert error["stack_trace"].startswith("Traceback")
        assert error["stack_trace"].endswith(f"{error['error_type']}: {error['error_message']}")

    @pytest.mark.parametrize("seed", range(6))
    def test_a_killed_run_stops_inside_a_call(self, seed: int) -> None:
        events = published(Scenario(seed, nodes=60, ending="killed"))
        assert events[-1]["event_type"] in ("llm_call_started", "tool_invoked")
        assert not {"run_finished", "run_error"} & types(events).keys()
        assert 20 <= sum(step["status_after"] == "FINISH" for step in of_type(events, "step_finished")) <= 40

    @pytest.mark.parametrize("ending", ["finished", "failing-branch", "failed", "killed"])
    def test_generation_2_has_no_run_events_no_call_ids_and_no_tokens(self, ending: Ending) -> None:
        events = published(Scenario(nodes=60, generation="G2", ending=ending))
        assert {event["run_id"] for event in events} == {None}
        assert not {"run_started", "run_finished", "run_error"} & types(events).keys()
        assert not [e for e in events if {"call_id", "tool_call_id", "token_usage"} & e["payload"].keys()]
        Replay().read(events)

    def test_generation_5_has_an_id_for_every_call(self) -> None:
        events = published(Scenario(nodes=100))
        ids = [call["call_id"] for call in of_type(events, "llm_call_started")]
        ids += [call["tool_call_id"] for call in of_type(events, "tool_invoked")]
        assert len(set(ids)) == len(ids) > 50


class TestUnusualShapes:
    def test_a_deep_chain_has_one_node_in_every_layer(self) -> None:
        events = [json.loads(each.body) for each in deep_chain(60)]
        assert Replay().read(events).finished_all()
        assert [node["layer"] for node in of_type(events, "node_created")] == list(range(61))

    def test_a_chain_may_be_deeper_than_the_recursion_limit(self) -> None:
        counts = Counter(each.event["event_type"] for each in deep_chain(3000, Scenario(text_bytes=300)))
        assert counts["node_created"] == 3001

    def test_a_wide_fan_has_the_given_number_of_children(self) -> None:
        events = [json.loads(each.body) for each in wide_fan(40)]
        assert Replay().read(events).finished_all()
        (plan, *others) = of_type(events, "plan_received")
        assert len(plan["raw_plan"]) == 40
        assert not any(other["raw_plan"] for other in others)

    def test_chains_and_fans_have_the_ending_of_the_scenario(self) -> None:
        assert types([e.event for e in wide_fan(40, Scenario(ending="failed"))])["run_error"] == 1
        assert types([e.event for e in deep_chain(40, Scenario(ending="killed"))])["run_finished"] == 0


def test_equal_events_compare_equal() -> None:
    first = next(simulate(Scenario()))
    assert isinstance(first, Published)
    assert first == next(simulate(Scenario()))
