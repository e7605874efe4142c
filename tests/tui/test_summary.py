"""One line for each thing."""

import pytest

from store import events as ev
from store.events import Event, Facts
from store.record import Stored
from store.state import Call, Node, Run, RunStatus, Step
from tests.tui.stage import FAILED, FINISHED, OPEN, stored_of
from tui.models import summary
from tui.models.columns import Cell

SAID = {
    "run_started": (ev.RunStarted(run_mode="report"), "report run"),
    "run_finished": (
        ev.RunFinished(total_steps=12, total_nodes=4, duration_seconds=60.0),
        "12 steps, 4 nodes reported in 1m00s",
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
    "edge_added": (ev.EdgeAdded(parent_node_nid="1", child_node_nid="2"), "2 waits for 1"),
    "inner_graph_built": (ev.InnerGraphBuilt(node_count=2, edge_count=1), "2 nodes, 1 edge"),
    "node_result_available": (ev.NodeResultAvailable(action_name="plan", result_summary="good"), "plan · good"),
    "llm_call_started": (
        ev.LlmCallStarted(agent_class="SimpleExecutor", model="m", prompt_preview="Hi"),
        "executor · m · Hi",
    ),
    "llm_call_completed": (
        ev.LlmCallCompleted(agent_class="Other", token_usage=ev.TokenUsage(1, 2), result_summary="Hi"),
        "Other · 1+2 tokens · Hi",
    ),
    "tool_invoked": (ev.ToolInvoked(tool_name="Web", api_name="get", args_summary="{}"), "Web.get · {}"),
    "tool_returned": (
        ev.ToolReturned(tool_name="Web", api_name="get", state="SUCCESS", result_summary="page"),
        "Web.get · SUCCESS · page",
    ),
    "brain_dumped": (ev.Other(step=4), "step 4"),
}


def stored(facts: Facts, event_type: str = "") -> Stored:
    return Stored(1, 1, Event("id", event_type or facts.type, 0.0, "run", facts), facts.failed, None, None)


class TestEvents:
    """What an event says, in a timeline."""

    @pytest.mark.parametrize("event_type", SAID)
    def test_each_type_says_what_matters(self, event_type: str) -> None:
        facts, said = SAID[event_type]
        assert summary.event_summary(stored(facts, event_type)).text == said

    def test_all_types_are_here(self) -> None:
        assert SAID.keys() == {*ev.TYPES, "brain_dumped"}

    @pytest.mark.parametrize("event_type", SAID)
    def test_an_event_that_says_nothing_is_no_trouble(self, event_type: str) -> None:
        facts = ev.TYPES.get(event_type, ev.Other)()
        assert len(summary.event_summary(stored(facts, event_type)).text) < 80

    def test_failures_look_like_it(self) -> None:
        assert summary.event_summary(stored(ev.LlmCallCompleted(error="timeout"))) == Cell("? · timeout", "failed")

    def test_an_empty_plan_says_what_it_means(self) -> None:
        assert summary.event_summary(stored(ev.PlanReceived(raw_plan=[]))).text == "done as it is, no plan needed"

    def test_of_a_plan_that_is_longer_than_what_is_kept_it_says_so(self) -> None:
        plan = [ev.PlannedTask()] * (ev.PLANNED + 5)
        assert summary.event_summary(stored(ev.PlanReceived(raw_plan=plan))).text == "at least 10,000 tasks"

    def test_it_is_one_line_whatever_the_agent_wrote(self) -> None:
        said = summary.event_summary(stored(ev.StepStarted(step=1, node_goal="a\nb\x1b[2J\t" + "x" * 9_999))).text
        assert (said[:20], len(said)) == ("step 1 · a b␛[2J xxx", 300)

    def test_every_event_of_whole_runs_says_something(self) -> None:
        events = [found for scenario in (FINISHED, FAILED, OPEN) for found, _ in stored_of(scenario)]
        assert all(summary.event_summary(found).text for found in events)


class TestDoing:
    """What a node does right now, and for how long."""

    def test_an_open_call_names_the_model(self) -> None:
        node = Node("a", 1, calls=(Call("llm", "SimpleExecutor", 100.0, model="gpt-4o"),))
        assert summary.doing(node, 104.0) == "llm gpt-4o 4.0s"

    def test_in_a_narrow_pane_it_does_not(self) -> None:
        node = Node("a", 1, calls=(Call("llm", "SimpleExecutor", 100.0, model="gpt-4o"),))
        assert summary.doing(node, 104.0, brief=True) == "llm 4.0s"

    @pytest.mark.parametrize(
        ("kind", "status", "said"),
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
    def test_an_open_step_is_told_by_the_status_before_it(self, kind: str, status: str, said: str) -> None:
        assert summary.doing(Node("a", 1, node_type=kind, status=status, step=Step(1, 100.0)), 104.0) == said

    def test_a_node_at_rest_does_nothing(self) -> None:
        assert summary.doing(Node("a", 1, step=Step(1, 100.0, open=False)), 104.0) == ""

    def test_clocks_that_disagree_give_no_negative_times(self) -> None:
        assert summary.doing(Node("a", 1, step=Step(1, 100.0)), 50.0) == "working 0.00s"


class TestRuns:
    """How a run stands."""

    @pytest.mark.parametrize(
        ("run", "said"),
        [
            (Run("r", RunStatus.COMPLETED, nodes=3, finished=3), "finished"),
            (Run("r", RunStatus.COMPLETED, nodes=3, finished=1), "ended, 2 open"),
            (Run("r", RunStatus.ERROR), "failed"),
            (Run("r", latest=990.0), "running"),
            (Run("r", latest=910.0), "silent 1m30s"),
            (Run("r"), "running"),
        ],
    )
    def test_in_a_word_or_two(self, run: Run, said: str) -> None:
        assert summary.run_ended(run, 1000.0) == said

    @pytest.mark.parametrize(
        ("run", "seconds"),
        [
            (Run("r"), None),
            (Run("r", started=900.0, latest=990.0), 100.0),
            (Run("r", started=900.0, latest=930.0), 100.0),
            (Run("r", started=-100.0, latest=50.0), 150.0),
            (Run("r", RunStatus.COMPLETED, started=900.0, ended=950.0, latest=960.0), 50.0),
            (Run("r", RunStatus.ERROR, started=900.0, latest=960.0), 60.0),
        ],
    )
    def test_time_goes_on_until_it_is_called_interrupted(self, run: Run, seconds: float | None) -> None:
        assert summary.elapsed(run, 1000.0) == seconds

    def test_tokens_that_nobody_counted_are_not_zero(self) -> None:
        assert (summary.tokens(None, None), summary.total(None, None)) == ("n/a", None)

    def test_tokens_that_somebody_counted_are_added(self) -> None:
        assert (summary.tokens(12_345, None), summary.total(5, None)) == ("12.3k+n/a", 5)
