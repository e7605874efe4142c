"""Simulated agents whose steps overlap: the order of their events, the pairs, and what is declared.

A checker replays the published events. It uses nothing else of the simulator.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from itertools import islice, pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.recorder import Recorder
from tui.demo import TOPICS, Ending, Scenario, simulate
from tui.demo.concurrency import Loop, in_thread, pause, together
from tui.demo.program import recorded

Payload = dict[str, Any]

OPENS = {"step_started": "step_finished", "llm_call_started": "llm_call_completed", "tool_invoked": "tool_returned"}
"""Types of beginnings, and of their ends."""


@dataclass
class Replay:
    """The spans of a run, from its events. Raises AssertionError if an event breaks a rule."""

    roots: list[str] = field(default_factory=list)
    outer: dict[str, str | None] = field(default_factory=dict)
    status: dict[str, str] = field(default_factory=dict)
    open: dict[tuple[str, object], Payload] = field(default_factory=dict)
    """Spans that have begun and not ended, by type of the end and id of a call or of a node."""
    steps: Counter[str] = field(default_factory=Counter)
    widest: int = 0
    """Most branches that worked at once: nodes with an open step, and with none in any inner node."""
    calls_at_once: int = 0
    """Most calls of one node that were open at once."""
    late: list[str] = field(default_factory=list)
    """Ends after the step of the parent or, of calls, after the step in which they began."""

    def read(self, events: list[dict[str, Any]]) -> Replay:
        for event in events:
            kind, payload = event["event_type"], event["payload"]
            if kind == "node_created":
                self.create(payload)
            elif kind in OPENS:
                self.begin(kind, payload)
            elif kind in OPENS.values():
                self.end(kind, payload)
        return self

    def create(self, payload: Payload) -> None:
        node, outer = payload["node_id"], payload["outer_node_id"]
        assert node not in self.outer
        self.outer[node] = outer
        if outer is None:
            self.roots.append(node)
            assert (payload["layer"], payload["root_node_id"]) == (0, node)
        else:
            assert ("step_finished", outer) in self.open, "a node is planned in a step of its parent"
            assert payload["root_node_id"] == self.root(node)

    def root(self, node: str) -> str:
        while (outer := self.outer[node]) is not None:
            node = outer
        return node

    def begin(self, kind: str, payload: Payload) -> None:
        node = payload["node_id"]
        if kind == "step_started":
            root = self.root(node)
            assert (payload["root_id"], payload["step"]) == (root, self.steps[root]), "numbered by root"
            self.steps[root] += 1
        else:
            step = self.open["step_finished", node]
            assert payload["step"] == step["step"], "a call begins in a step of its node"
        key = self.key(OPENS[kind], payload)
        assert key not in self.open, "steps of a node do not overlap"
        self.open[key] = payload
        working = {span["node_id"] for (end, _), span in self.open.items() if end == "step_finished"}
        self.widest = max(self.widest, len(working - {self.outer[node] for node in working}))
        calls = Counter(span["node_id"] for (end, _), span in self.open.items() if end != "step_finished")
        self.calls_at_once = max([self.calls_at_once, *calls.values()])

    def end(self, kind: str, payload: Payload) -> None:
        begun = self.open.pop(self.key(kind, payload))
        node = payload["node_id"]
        assert (begun["node_id"], begun["step"]) == (node, payload["step"])
        around = node if kind != "step_finished" else self.outer[node]
        if around is not None and ("step_finished", around) not in self.open:
            self.late.append(kind)
        if kind == "step_finished":
            self.status[node] = payload["status_after"]

    @staticmethod
    def key(kind: str, payload: Payload) -> tuple[str, object]:
        return kind, payload.get("call_id") or payload.get("tool_call_id") or payload["node_id"]


def published(scenario: Scenario) -> list[dict[str, Any]]:
    return [json.loads(each.body) for each in simulate(scenario)]


def of_type(events: list[dict[str, Any]], *kinds: str) -> list[Payload]:
    return [event["payload"] for event in events if event["event_type"] in kinds]


class TestOverlap:
    @settings(deadline=None, max_examples=40)
    @given(
        seed=st.integers(0, 10_000),
        nodes=st.integers(2, 120),
        items=st.integers(1, 4),
        branches=st.integers(2, 16),
        ending=st.sampled_from(["finished", "failing-branch", "failed", "killed"]),
    )
    def test_every_scenario_follows_the_rules(self, **asked: Any) -> None:
        events = published(Scenario(**asked))
        replay = Replay().read(events)
        ended = {"finished": "run_finished", "failing-branch": "run_finished", "failed": "run_error"}
        assert [e["event_type"] for e in events if e["event_type"].startswith("run_")][1:] == [
            ended[asked["ending"]] for _ in range(asked["ending"] != "killed")
        ]
        assert (not replay.open) == (asked["ending"] != "killed")
        assert (set(replay.status.values()) == {"FINISH"}) == (asked["ending"] == "finished")
        times = [datetime.fromisoformat(event["timestamp"].removesuffix("Z")) for event in events]
        assert all(earlier < later for earlier, later in pairwise(times))

    @pytest.mark.parametrize("branches", [2, 3, 8, 16])
    def test_as_many_branches_as_given_work_at_once(self, branches: int) -> None:
        replay = Replay().read(published(Scenario(nodes=20 * branches, branches=branches)))
        assert replay.widest == branches
        assert replay.calls_at_once >= 3

    def test_the_roots_of_all_items_work_at_once(self) -> None:
        events = published(Scenario(nodes=60, items=4, branches=8))
        order = [event["payload"].get("root_id") for event in events if event["event_type"] == "step_started"]
        replay = Replay().read(events)
        assert len(replay.roots) == 4
        assert max(order.index(root) for root in replay.roots) < min(
            len(order) - order[::-1].index(root) for root in replay.roots
        )

    def test_the_run_declares_that_its_steps_overlap(self) -> None:
        (started,) = of_type(published(Scenario(branches=2)), "run_started")
        assert started["parallel"] is True
        (sequential,) = of_type(published(Scenario()), "run_started")
        assert "parallel" not in sequential

    def test_a_run_has_the_given_number_of_nodes(self) -> None:
        for seed in range(8):
            events = published(Scenario(seed, nodes=150, branches=5))
            assert len(of_type(events, "node_created")) == 150

    def test_the_same_arguments_give_the_same_bytes_and_another_seed_gives_others(self) -> None:
        scenario = Scenario(seed=3, nodes=80, branches=8, items=2, ending="failing-branch")
        bodies = [[each.body for each in simulate(replace(scenario, seed=seed))] for seed in (3, 3, 4)]
        assert bodies[0] == bodies[1] != bodies[2]

    def test_bodies_have_the_given_mean_size(self) -> None:
        sizes = [len(each.body) for each in simulate(Scenario(nodes=300, branches=8, text_bytes=3_000))]
        assert abs(sum(sizes) / len(sizes) - 3_000) <= 750

    def test_events_of_a_huge_run_are_generated_lazily(self) -> None:
        events = simulate(Scenario(nodes=100_000, branches=16, text_bytes=300))
        assert sum(1 for _ in islice(events, 5_000)) == 5_000

    @pytest.mark.parametrize("topic", TOPICS)
    def test_durations_and_timestamps_agree(self, topic: str) -> None:
        begun: dict[tuple[str, object], datetime] = {}
        for event in published(Scenario(branches=8, topic=topic, ending="failing-branch", items=2)):
            kind, payload = event["event_type"], event["payload"]
            at = datetime.fromisoformat(event["timestamp"].removesuffix("Z"))
            if kind in OPENS:
                begun[Replay.key(OPENS[kind], payload)] = at
            elif kind in OPENS.values():
                passed = (at - begun[Replay.key(kind, payload)]).total_seconds()
                assert abs(passed - payload["duration_seconds"]) < 0.01


class TestEndings:
    def test_a_failing_branch_cancels_the_others_of_its_root_and_the_other_roots_finish(self) -> None:
        events = published(Scenario(nodes=60, items=3, branches=16, ending="failing-branch"))
        replay = Replay().read(events)
        assert [replay.status[root] for root in replay.roots] == ["FINISH", "FAILED", "FINISH"]
        errors = [call["error"] for call in of_type(events, "llm_call_completed", "tool_returned") if "error" in call]
        assert sum(error.startswith("BranchError: no result") for error in errors) == 1
        assert "CancelledError: " in errors
        assert events[-1]["event_type"] == "run_finished"

    @pytest.mark.parametrize("ending", ["failing-branch", "failed"])
    def test_what_cannot_be_cancelled_ends_late(self, ending: Ending) -> None:
        events = published(Scenario(nodes=60, branches=8, ending=ending))
        replay = Replay().read(events)
        assert Counter(replay.late) == {"step_finished": 1, "tool_returned": 1}
        kinds = [event["event_type"] for event in events]
        assert kinds.index("run_error" if ending == "failed" else "run_finished") < len(kinds) - 3
        assert sorted(kinds[-3:]) == ["step_finished", "tool_returned", "tool_returned"]

    def test_a_failed_run_cancels_all_roots_and_ends_with_an_error(self) -> None:
        events = published(Scenario(nodes=60, items=3, branches=9, ending="failed"))
        replay = Replay().read(events)
        assert {replay.status[root] for root in replay.roots} == {"FAILED"}
        (error,) = of_type(events, "run_error")
        assert error["stack_trace"].endswith(f"{error['error_type']}: {error['error_message']}")

    def test_a_killed_run_stops_with_several_open_steps_and_calls(self) -> None:
        replay = Replay().read(published(Scenario(nodes=60, branches=8, ending="killed")))
        assert Counter(kind for kind, _ in replay.open)["step_finished"] >= 4
        assert len(replay.open) >= 8

    def test_totals_are_correct(self) -> None:
        events = published(Scenario(nodes=60, branches=8))
        counts, (totals,) = Counter(event["event_type"] for event in events), of_type(events, "run_finished")
        usage = [call["token_usage"] for call in of_type(events, "llm_call_completed")]
        assert (totals["total_steps"], totals["total_nodes"]) == (counts["step_finished"], counts["node_created"])
        assert totals["node_statistics"]["total_completed"] == counts["node_created"]
        assert totals["token_usage_summary"]["total_prompt_tokens"] == sum(each["prompt_tokens"] for each in usage)


class TestCalls:
    def test_some_calls_have_cost_tries_and_parts_of_the_tokens(self) -> None:
        events = published(Scenario(nodes=100, branches=8))
        calls = of_type(events, "llm_call_completed")
        priced = [call for call in calls if "cost" in call]
        assert 0 < len(priced) < len(calls)
        assert all(call["cost"] > 0 and call["tries"] >= 1 for call in priced)
        assert any(call["tries"] > 1 for call in priced)
        usages = [call["token_usage"] for call in priced]
        assert all(usage["cached_tokens"] < usage["prompt_tokens"] for usage in usages)
        assert all(usage["reasoning_tokens"] < usage["completion_tokens"] for usage in usages)
        assert any(usage["cached_tokens"] for usage in usages)
        assert any(usage["reasoning_tokens"] for usage in usages)
        tools = of_type(events, "tool_returned")
        assert {call["cost"] for call in tools} == {0.005}
        assert any(call["tries"] > 1 for call in tools)

    def test_each_step_of_a_branch_ends_with_its_result(self) -> None:
        events = published(Scenario(nodes=60, branches=8))
        results = defaultdict(list)
        for result in of_type(events, "node_result_available"):
            results[result["node_id"]].append(result["action_name"])
        nodes = [node["node_id"] for node in of_type(events, "node_created")]
        assert set(results) == set(nodes)
        assert results[nodes[0]] == ["final_aggregate"]


class TestSimulatedTime:
    """The loop behaves as asyncio does."""

    class Stopwatch:
        clock = 0

    def run(self, *names: str) -> list[str]:
        """Run the coroutine of each name in a group, and return what they note."""
        noted: list[str] = []
        watch = self.Stopwatch()

        async def work(name: str) -> None:
            try:
                if name == "fails":
                    await pause(5)
                    raise ValueError(name)
                if name == "nests":
                    await together(partial(work, "inner 1"), partial(work, "inner 2"))
                elif name == "threads":
                    await in_thread(partial(work, "detached"))
                else:
                    await pause(10)
            except BaseException as error:  # noted and re-raised
                noted.append(f"{watch.clock} {name}: {type(error).__name__}")
                raise
            noted.append(f"{watch.clock} {name}")

        async def main() -> None:
            try:
                await together(*(partial(work, name) for name in names))
            except ValueError as error:
                noted.append(f"{watch.clock} raised {error}")

        for _ in Loop(watch).run(main):
            pass
        return noted

    def test_a_group_ends_with_its_last_task(self) -> None:
        assert self.run("a", "nests", "threads") == [
            "10 a",
            "10 inner 1",
            "10 inner 2",
            "10 detached",
            "10 nests",
            "10 threads",
        ]

    def test_an_error_cancels_the_others_and_is_raised_when_all_have_ended(self) -> None:
        assert self.run("a", "fails", "nests") == [
            "5 fails: ValueError",
            "5 a: CancelledError",
            "5 inner 1: CancelledError",
            "5 inner 2: CancelledError",
            "5 nests: CancelledError",
            "5 raised fails",
        ]

    def test_a_thread_continues_after_the_end_of_its_group(self) -> None:
        assert self.run("fails", "threads") == [
            "5 fails: ValueError",
            "5 threads: CancelledError",
            "5 raised fails",
            "10 detached",
        ]


def test_the_demo_has_a_run_whose_steps_overlap() -> None:
    (scenario,) = [each for each in recorded(datetime(2026, 3, 9), 7) if each.branches]
    replay = Replay().read(published(scenario))
    assert replay.widest == 8
    assert replay.late


def test_a_recorder_publishes_overlapping_steps() -> None:
    recorder = Recorder().run_started(parallel=True).root("a").root("b").node("a", "c")
    recorder.together("a", "b", "c").together("b", "a")
    events = [json.loads(entry.fields[b"json_payload"]) for entry in recorder.entries]
    assert events[0]["payload"]["parallel"] is True
    steps = [event["payload"] for event in events if event["event_type"] == "step_started"]
    assert [(step["root_id"], step["node_id"], step["step"]) for step in steps] == [
        ("a", "a", 0),
        ("b", "b", 0),
        ("a", "c", 1),
        ("b", "b", 1),
        ("a", "a", 2),
    ]
    ends = [event["payload"] for event in events if event["event_type"] == "step_finished"]
    assert [(end["node_id"], end["step"]) for end in ends] == [(s["node_id"], s["step"]) for s in steps]
    calls = [event["event_type"] for event in events if event["payload"].get("node_id") == "b"]
    assert calls[1:5] == ["step_started", "llm_call_started", "llm_call_completed", "step_finished"]
