"""One line about an event, the activity of a node, the status of a run."""

import json

import pytest
from msgspec.structs import replace

from store.model import event_type as ev
from store.model.event import Event
from store.model.facts import Facts
from store.model.record import Stored
from store.model.span import Span
from store.model.state import Node, Run, RunStatus, Work
from tests.tui.stage import FAILED, FINISHED, OPEN, stored_of
from tui.models import summary
from tui.models.columns import Cell
from tui.text import clean

STEP = Span(1, "step", "a", began=1, started=100.0)
CALL = Span(1, "llm", "a", "SimpleExecutor", began=1, started=100.0, model="gpt-4o")

EXPECTED = {
    "run_started": (ev.RunStarted(run_mode="report"), "report run"),
    "run_finished": (
        ev.RunFinished(total_steps=12, total_nodes=4, duration_seconds=60.0),
        "12 steps, 4 tasks reported in 1m00s",
    ),
    "run_error": (ev.RunError(error_type="ValueError", error_message="no such model"), "ValueError: no such model"),
    "step_started": (ev.StepStarted(node_id="a", step=3, node_goal="Write"), "step 3 · Write"),
    "step_finished": (
        ev.StepFinished(node_id="a", step=3, action_name="plan", status_after="PLAN_DONE"),
        "step 3 · plan → PLAN_DONE",
    ),
    "node_status_changed": (ev.NodeStatusChanged(old_status="NOT_READY", new_status="READY"), "NOT_READY → READY"),
    "node_created": (ev.NodeCreated(node_nid="1.2", node_type="PLAN_NODE", task_goal="Write"), "1.2 plan · Write"),
    "plan_received": (ev.PlanReceived(raw_plan=[ev.PlannedTask(), ev.PlannedTask()]), "2 tasks"),
    "node_added": (ev.NodeAdded(added_node_nid="3"), "3 joins the plan"),
    "edge_added": (ev.EdgeAdded(parent_node_nid="1", child_node_nid="2"), "2 depends on 1"),
    "inner_graph_built": (ev.InnerGraphBuilt(node_count=2, edge_count=1), "2 tasks, 1 dependency"),
    "node_result_available": (ev.NodeResultAvailable(action_name="plan", result_summary="good"), "plan · good"),
    "llm_call_started": (
        ev.LlmCallStarted(agent_class="SimpleExecutor", model="m", prompt_preview="Hi"),
        "executor · Hi · m",
    ),
    "llm_call_completed": (
        ev.LlmCallCompleted(agent_class="Other", token_usage=ev.TokenUsage(1, 2), result_summary="Hi"),
        "Other · 1+2 tokens · Hi",
    ),
    "tool_invoked": (ev.ToolInvoked(tool_name="Web", api_name="get", args_summary="{}"), "Web.get · {}"),
    "tool_returned": (
        ev.ToolReturned(tool_name="Web", api_name="get", state="SUCCESS", result_summary="page"),
        "SUCCESS · Web.get · page",
    ),
    "brain_dumped": (ev.Other(step=4), "step 4"),
}


def test_a_result_is_shown_without_the_json_around_it() -> None:
    facts = ev.NodeResultAvailable(action_name="execute", result_summary='{"result": "The end...')
    assert summary._summary(facts) == "execute · The end"


PARTICULAR = {
    "run_error": ("error_type", "error_message"),
    "step_started": ("step", "node_goal"),
    "step_finished": ("step", "action_name", "status_after"),
    "node_status_changed": ("old_status", "new_status"),
    "node_created": ("task_goal",),
    "node_added": ("added_node_nid",),
    "edge_added": ("parent_node_nid", "child_node_nid"),
    "inner_graph_built": ("node_count", "edge_count"),
    "node_result_available": ("action_name",),
    "tool_invoked": ("tool_name", "api_name"),
    "tool_returned": ("tool_name", "api_name", "state"),
}
"""By event type, the fields of the payload whose values the line contains."""


def stored(facts: Facts, event_type: str = "") -> Stored:
    return Stored(1, 1, Event("id", event_type or facts.type, 0.0, "run", facts), facts.failed, None, None)


class TestEvents:
    """The line about an event in a timeline."""

    @pytest.mark.parametrize("event_type", EXPECTED)
    def test_each_type_shows_its_main_facts(self, event_type: str) -> None:
        facts, expected = EXPECTED[event_type]
        assert summary.event_summary(stored(facts, event_type)).text == expected

    def test_every_type_is_tested(self) -> None:
        assert EXPECTED.keys() == {*ev.TYPES, "brain_dumped"}

    @pytest.mark.parametrize("event_type", EXPECTED)
    def test_an_event_without_facts_has_a_line(self, event_type: str) -> None:
        facts = ev.TYPES.get(event_type, ev.Other)()
        assert len(summary.event_summary(stored(facts, event_type)).text) < 80

    def test_failures_have_the_role_of_a_failure(self) -> None:
        assert summary.event_summary(stored(ev.LlmCallCompleted(error="timeout"))) == Cell("timeout · ?", "failed")

    def test_an_empty_plan_is_explained(self) -> None:
        assert summary.event_summary(stored(ev.PlanReceived(raw_plan=[]))).text == "done as it is, no plan needed"

    def test_a_plan_beyond_the_stored_tasks_is_marked(self) -> None:
        plan = [ev.PlannedTask()] * (ev.PLAN_TASKS_MAX + 5)
        assert summary.event_summary(stored(ev.PlanReceived(raw_plan=plan))).text == "at least 10,000 tasks"

    def test_the_text_of_an_agent_becomes_one_line(self) -> None:
        output = summary.event_summary(stored(ev.StepStarted(step=1, node_goal="a\nb\x1b[2J\t" + "x" * 9_999))).text
        assert (output[:20], len(output)) == ("step 1 · a b␛[2J xxx", 300)

    @pytest.mark.parametrize(
        ("facts", "expected"),
        [
            (ev.RunFinished(), "? tasks reported in n/a"),
            (ev.RunFinished(total_nodes=0, duration_seconds=0.0), "0 tasks reported in 0.00s"),
            (ev.RunFinished(total_nodes=1, total_steps=1), "1 step, 1 task reported in n/a"),
        ],
    )
    def test_missing_totals_are_not_shown_as_zero(self, facts: ev.RunFinished, expected: str) -> None:
        assert summary.event_summary(stored(facts)).text == expected

    def test_every_event_of_simulated_runs_shows_its_main_facts(self) -> None:
        found = [(stored, body) for scenario in (FINISHED, FAILED, OPEN) for stored, body in stored_of(scenario)]
        assert len({stored.event.type for stored, _ in found}) > 12
        for one, body in found:
            payload, output = json.loads(body)["payload"], summary.event_summary(one).text
            words = [payload.get(name) for name in PARTICULAR.get(one.event.type, ())]
            known = [clean(str(word)) for word in words if word not in (None, "")]
            assert known or one.event.type not in PARTICULAR, one.event.type
            assert all(word[:40] in output for word in known), (one.event.type, output)


class TestActivity:
    """What a node does now, and for how long."""

    def test_an_open_call_names_the_model(self) -> None:
        node = Node("a", 1, calls=(CALL,))
        assert summary.activity(node, 104.0) == "llm gpt-4o 4.0s"

    def test_a_brief_text_omits_the_model(self) -> None:
        node = Node("a", 1, calls=(CALL,))
        assert summary.activity(node, 104.0, brief=True) == "llm 4.0s"

    @pytest.mark.parametrize(
        ("kind", "status", "expected"),
        [
            ("PLAN_NODE", "READY", "planning 4.0s"),
            ("EXECUTE_NODE", "READY", "executing 4.0s"),
            ("PLAN_NODE", "PLAN_DONE", "reflecting on the plan 4.0s"),
            ("PLAN_NODE", "FINAL_TO_FINISH", "aggregating 4.0s"),
            ("EXECUTE_NODE", "NEED_POST_REFLECT", "reflecting on the result 4.0s"),
            ("EXECUTE_NODE", "NEED_UPDATE", "updating 4.0s"),
            ("PLAN_NODE", "SLEEPING", "working 4.0s"),
        ],
    )
    def test_an_open_step_is_described_by_its_status(self, kind: str, status: str, expected: str) -> None:
        assert summary.activity(Node("a", 1, node_type=kind, status=status, step=STEP), 104.0) == expected

    def test_an_idle_node_has_no_activity(self) -> None:
        assert summary.activity(Node("a", 1, step=replace(STEP, ended=2)), 104.0) == ""

    def test_a_clock_behind_the_event_gives_no_negative_duration(self) -> None:
        assert summary.activity(Node("a", 1, step=STEP), 50.0) == "working 0.00s"


class TestRuns:
    """The status of a run in a few words."""

    @pytest.mark.parametrize(
        ("run", "words"),
        [
            (Run("r", RunStatus.COMPLETED, nodes=3, finished=3), "finished"),
            (Run("r", RunStatus.COMPLETED, nodes=3, finished=1), "ended, 2 open"),
            (Run("r", RunStatus.ERROR), "failed"),
            (Run("r", latest=990.0), "live"),
            (Run("r", latest=990.0, active=(Work("a", "llm", 900.0),)), "live"),
            (Run("r", latest=931.0, active=(Work("a", "llm", 931.0),)), "llm for 1m09s"),
            (Run("r", latest=931.0, active=(Work("a", "tool", 901.0), Work("b", "step", 931.0))), "tool for 1m39s"),
            (Run("r", latest=931.0, active=(Work("b", "step", 700.0),)), "step for 5m00s"),
            (Run("r", latest=910.0), "silent 1m30s"),
            (Run("r", latest=50.0), "interrupted"),
            (Run("r"), "live"),
        ],
    )
    def test_each_phase_has_a_text(self, run: Run, words: str) -> None:
        assert summary.run_status(run, 1000.0) == words

    def test_missing_token_counts_have_no_total(self) -> None:
        assert (summary.tokens(None, None), summary.total(None, None)) == ("n/a", None)

    def test_published_token_counts_are_added(self) -> None:
        assert (summary.tokens(12_345, None), summary.total(5, None)) == ("12.3k+n/a", 5)
