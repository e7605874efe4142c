"""The inspector shows events, nodes and runs field by field instead of as JSON, whatever agents publish."""

import json
import threading
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from store.model import event_type as ev
from store.model.decode import Unreadable
from store.model.entry import StreamId
from store.model.event import Event
from store.model.fold import fold
from store.model.record import Stored
from store.model.state import Node, Run, RunStatus, Sums, Totals, empty
from tests.recorder import entry_of
from tests.tui.stage import FAILED, FINISHED, event_of, is_control, row_of, state_of, stored_of
from tui.demo import Scenario, simulate
from tui.models.event_detail import FORMATTED_MAX_BYTES, event_lines, raw_lines
from tui.models.lines import Line
from tui.models.node_detail import NodeFacts, node_lines
from tui.models.run_detail import run_lines
from tui.text import clean
from tui.theme import Glyphs

GLYPHS = Glyphs()
ODD: list[Any] = [
    None,
    True,
    0,
    -1,
    1.5,
    10**30,
    "",
    "x",
    "[/]",
    "\x1b[2J\n\x9b\u202e",
    [],
    [None],
    [1, "a", [], {}],
    [{"role": 5, "content": {"a": [None]}}, {"content": ["x"]}],
    {},
    {"": None, "a\x1b": {"b": []}},
    ["\x1b[2J", "\u202e"],
    "1" * 5_000,
]


def text_of(lines: list[Line]) -> str:
    return "\n".join("".join(cell.text for cell in line.cells) for line in lines)


@cache
def examples() -> dict[str, dict[str, Any]]:
    """An event of every type, with every field that agents publish."""
    found: dict[str, dict[str, Any]] = {}
    for scenario in (FINISHED, FAILED):
        for _, body in stored_of(scenario):
            event = json.loads(body)
            known = found.setdefault(event["event_type"], event)
            known["payload"] = event["payload"] | known["payload"]
    found["brain_dumped"] = {**found["step_started"], "event_type": "brain_dumped"}
    return found


def shown(event: dict[str, Any], glyphs: Glyphs = GLYPHS) -> str:
    """The text of the inspector for an event."""
    body = json.dumps(event).encode()
    try:
        facts = event_of(entry_of(body, StreamId(1, 0)))
    except Unreadable:  # would be rejected by the writer; the inspector must not depend on that
        facts = Event("id", event["event_type"], 0.0, "run", ev.TYPES.get(event["event_type"], ev.Other)())
    stored = Stored(1, 1, facts, facts.facts.failed, "READY", "DOING")
    return text_of(event_lines(stored, body, Node("a", 1, nid="1"), 0.0, GLYPHS))


def example(event_type: str, **payload: Any) -> dict[str, Any]:
    event = examples()[event_type]
    return {**event, "payload": {**event["payload"], **payload}}


class TestEveryType:
    """Each event type has a layout of its own."""

    @pytest.mark.parametrize("event_type", [*ev.TYPES, "brain_dumped"])
    def test_every_type_shows_its_name_time_and_position(self, event_type: str) -> None:
        output = shown(examples()[event_type])
        assert all(text in output for text in (event_type, "when", "event id", "1 in the run, 1 in the file"))

    @pytest.mark.parametrize("event_type", [*ev.TYPES, "brain_dumped"])
    def test_no_type_is_shown_as_raw_json(self, event_type: str) -> None:
        assert '"payload"' not in shown(examples()[event_type])

    def test_an_unknown_type_is_shown_field_by_field(self) -> None:
        output = shown({"event_type": "brain_dumped", "event_id": "e", "payload": {"mood": "blue", "parts": {"left": 1}}})
        assert all(text in output for text in ("mood                 blue", "parts", '"left": 1'))

    def test_the_raw_view_is_indented_json(self) -> None:
        assert text_of(raw_lines(b'{"payload":{"step":1}}')) == '{\n  "payload": {\n    "step": 1\n  }\n}'

    def test_the_raw_view_of_invalid_json_is_its_text(self) -> None:
        assert text_of(raw_lines(b"hello\nworld")) == "hello\nworld"


class TestKinds:
    """The main fields of each event type."""

    def test_a_plan_lists_its_tasks_with_their_prerequisites(self) -> None:
        plan = [
            {"id": "1", "task_type": "search", "goal": "Look", "dependency": []},
            {"id": 2, "task_type": "write", "goal": "Write", "dependency": ["1"], "length": "300 words"},
        ]
        output = shown(example("plan_received", raw_plan=plan))
        assert all(
            text in output for text in ("Plan, 2 tasks", "1     search Look", "2     write  Write  300 words  after 1")
        )

    def test_subtasks_are_indented(self) -> None:
        plan = [{"id": "1", "task_type": "write", "goal": "All", "sub_tasks": [{"id": "1.1", "goal": "Part"}]}]
        assert "  1.1   ?      Part" in shown(example("plan_received", raw_plan=plan))

    def test_an_empty_plan_is_explained(self) -> None:
        assert "small enough to be done as it is" in shown(example("plan_received", raw_plan=[]))

    def test_a_prompt_is_shown_message_by_message(self) -> None:
        prompt = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello\nWorld"}]
        output = shown(example("llm_call_started", prompt=prompt))
        assert "Prompt · system\nBe brief.\n\nPrompt · user\nHello\nWorld" in output

    def test_a_prompt_of_an_old_agent_is_shown_as_its_preview(self) -> None:
        event = example("llm_call_started", prompt=None, prompt_preview="Hello...")
        assert "Prompt\nHello\n" in shown(event)

    def test_a_response_shows_its_tokens_and_text(self) -> None:
        output = shown(example("llm_call_completed", response="Well.", token_usage={"prompt_tokens": 7}, error=None))
        assert all(text in output for text in ("prompt tokens 7", "Response\nWell."))

    def test_a_call_shows_its_cost_and_what_it_was_priced_as(self) -> None:
        usage = {"prompt_tokens": 10_000, "completion_tokens": 1_000}
        call = example("llm_call_completed", token_usage=usage, model="gpt-4o-mini", error=None)
        assert "cost       $0.0021, priced as openai/gpt-4o-mini" in shown(call)
        call["payload"]["cost"] = 0.25
        assert "cost       $0.25, as published" in shown(call)

    def test_an_unknown_cost_has_its_reason(self) -> None:
        assert "cost       n/a, no tokens published" in shown(example("llm_call_completed", token_usage=None))
        usage = {"prompt_tokens": 10, "completion_tokens": 1}
        assert "cost       n/a, no price is known for secret" in shown(
            example("llm_call_completed", token_usage=usage, model="secret")
        )

    def test_missing_token_counts_are_not_shown_as_zero(self) -> None:
        assert "n/a, not published" in shown(example("llm_call_completed", token_usage=None))

    def test_a_failed_call_shows_its_error_first(self) -> None:
        output = shown(example("llm_call_completed", error="timeout", response="ERROR: timeout"))
        assert output.index("Error\ntimeout") < output.index("Response")

    def test_a_failed_tool_shows_its_state_and_error(self) -> None:
        output = shown(example("tool_returned", state="HTTP_ERROR", error="502"))
        assert all(text in output for text in ("HTTP_ERROR", "Error\n502"))

    def test_a_result_in_json_is_indented(self) -> None:
        assert '"result": "The book"' in shown(example("node_result_available", result_summary='{"result": "The book"}...'))

    def test_characters_of_a_cut_result_are_decoded(self) -> None:
        output = shown(
            example("node_result_available", result_summary='{"result": "\\u201cYes\\u201d \\ud83d\\ude00 \\u20...')
        )
        assert "“Yes” 😀" in output

    def test_a_cut_result_is_marked_as_cut(self) -> None:
        output = shown(example("node_result_available", result_summary='{"result": "' + "x" * 488 + "..."))
        assert "only the first 500 characters were published" in output

    def test_an_error_shows_its_stack_trace(self) -> None:
        output = shown(example("run_error", error_type="ValueError", error_message="no", stack_trace="Traceback\n  File"))
        assert all(text in output for text in ("ValueError\nno", "Stack trace\nTraceback\n  File"))

    def test_a_new_task_shows_its_goal_and_declared_prerequisites(self) -> None:
        output = shown(example("node_created", task_goal="Write it", initial_parent_nids=["1", 2]))
        assert all(text in output for text in ("Goal\nWrite it", "prerequisites 1, 2"))


def odd_events() -> Iterator[tuple[str, str]]:
    for event_type, event in examples().items():
        for name in event["payload"]:
            yield event_type, name


class TestWhateverAgentsPublish:
    """Every payload is shown as harmless text."""

    @pytest.mark.parametrize(("event_type", "name"), list(odd_events()))
    def test_any_value_in_any_field_is_shown(self, event_type: str, name: str) -> None:
        for value in ODD:
            output = shown(example(event_type, **{name: value}))
            assert not any(is_control(character) for character in output if character != "\n")

    @pytest.mark.parametrize("name", ["id", "task_type", "goal", "dependency", "length", "sub_tasks", "atom"])
    def test_any_value_in_any_field_of_a_plan_is_shown(self, name: str) -> None:
        for value in ODD:
            output = shown(example("plan_received", raw_plan=[{"id": "1", name: value}, value]))
            assert not any(is_control(character) for character in output if character != "\n")

    @pytest.mark.parametrize("depth", [400, 970, 990, 5_000])
    def test_a_value_at_the_limit_of_nesting_is_shown(self, depth: int) -> None:
        nested, shown = "[" * depth + "]" * depth, []

        def show() -> None:  # on a thread, as in the program: with a fresh stack
            for event_type, name in (
                ("plan_received", "raw_plan"),
                ("llm_call_started", "prompt"),
                ("run_error", "error_message"),
                ("node_result_available", "result_summary"),
                ("brain_dumped", "mood"),
            ):
                stored = Stored(1, 1, Event("id", event_type, 0.0, "run", ev.Other()), False, None, None)
                body = f'{{"payload": {{"{name}": {nested}}}}}'.encode()
                shown.append(event_lines(stored, body, None, 0.0, GLYPHS) and raw_lines(body))

        thread = threading.Thread(target=show)
        thread.start()
        thread.join()
        assert len(shown) == 5

    @pytest.mark.parametrize("event_type", [*ev.TYPES, "brain_dumped"])
    @pytest.mark.parametrize("body", [b"", b"null", b"[]", b"{}", b'{"payload": 5}', b'{"payload": {}}', b"\xff\xfe", b"{"])
    def test_a_missing_or_invalid_body_shows_the_facts(self, event_type: str, body: bytes) -> None:
        stored = Stored(1, 1, Event("id", event_type, 0.0, "run", ev.Other()), False, None, None)
        assert event_lines(stored, body, None, 0.0, GLYPHS)

    def test_a_body_above_the_size_limit_is_shown_from_its_beginning(self) -> None:
        body = b'{"payload": {"goal": "' + b"x" * FORMATTED_MAX_BYTES + b'"}}'
        stored = Stored(1, 1, Event("id", "step_started", 0.0, "run", ev.Other()), False, None, None)
        output = text_of(event_lines(stored, body, None, 0.0, GLYPHS))
        assert ("too large to be formatted" in output, len(output) < 100_000) == (True, True)

    @pytest.mark.parametrize("field", ["nid", "wording", "node_id"])
    def test_the_task_of_an_event_is_cleaned(self, field: str) -> None:
        evil = "\x1b]0;owned\x07\u202e"
        node = Node("a" if field != "node_id" else evil, 1, nid=evil if field == "nid" else "1")
        node.goal = evil if field == "wording" else None
        stored = Stored(1, 1, Event(evil, "step_started", 0.0, evil, ev.Other()), False, evil, evil)
        output = text_of(event_lines(stored, b"", node, 0.0, GLYPHS))
        assert not any(is_control(character) for character in output if character != "\n")


class TestNode:
    """One node in the inspector."""

    def node(self, **fields: Any) -> str:
        node = Node("a", 1, **{"created": 10.0, "nid": "1", "status": "DOING", "goal": "Write", **fields})
        return text_of(node_lines(node, Run("run", started=5.0), NodeFacts(), 20.0, GLYPHS))

    def test_a_task_shows_its_goal_status_and_times(self) -> None:
        output = self.node(started=11.0, busy=3.0, steps=2)
        assert all(text in output for text in ("status     DOING", "Goal\nWrite", "3.0s in 2 steps", "started    +0:06.0"))

    def test_a_reworded_goal_is_shown_below_the_first_goal(self) -> None:
        assert "Goal as reworded\nWrite well" in self.node(latest_goal="Write well")

    def test_different_line_breaks_do_not_count_as_a_reworded_goal(self) -> None:
        assert "reworded" not in self.node(goal="a;b", latest_goal="a\nb")

    def test_a_task_that_was_not_announced_is_marked(self) -> None:
        output = self.node(created=None, nid=None, status=None, goal=None)
        assert all(text in output for text in ("unknown: not announced yet", "not published yet", "not begun"))

    def test_errors_are_counted(self) -> None:
        assert "1 reported, 2 steps aborted" in self.node(errors=1, aborted=2)

    def test_a_cycle_of_parents_is_explained(self) -> None:
        assert "published parent is inside it" in self.node(loop="b")

    def test_prerequisites_are_listed(self) -> None:
        facts = NodeFacts(prerequisites=["b"], cycle=["a", "b"], around={"b": Node("b", 2, nid="2", goal="First")})
        output = text_of(node_lines(Node("a", 1, nid="1"), Run("run"), facts, 0.0, GLYPHS))
        assert all(text in output for text in ("Prerequisites 1, not met", "First", "in a cycle"))

    def test_a_long_list_of_dependents_ends_in_a_count(self) -> None:
        nodes = {str(number): Node(str(number), number, nid=str(number)) for number in range(50)}
        facts = NodeFacts(dependents=list(nodes), around=nodes)
        assert "and 30 more" in text_of(node_lines(nodes["0"], Run("r"), facts, 0.0, GLYPHS))

    def test_an_unknown_prerequisite_is_listed_by_its_id(self) -> None:
        output = text_of(node_lines(Node("a", 1, nid="1"), Run("run"), NodeFacts(prerequisites=["ghost"]), 0.0, GLYPHS))
        assert all(text in output for text in ("Prerequisites 1, not met", "ghost"))

    def test_a_cut_result_is_marked_as_cut(self) -> None:
        body = json.dumps({"payload": {"action_name": "execute", "result_summary": '{"result": "Done"}...'}}).encode()
        output = text_of(node_lines(Node("a", 1), Run("r"), NodeFacts(result=body), 0.0, GLYPHS))
        assert all(text in output for text in ("Result of execute", '"result": "Done"'))

    @pytest.mark.parametrize("facts", [None, NodeFacts()])
    def test_every_task_of_simulated_runs_is_shown(self, facts: NodeFacts | None) -> None:
        for scenario in (FINISHED, FAILED, Scenario(seed=9, generation="G2")):
            for events in (3, 100, None):
                state = state_of(scenario, events)
                for node in state.nodes.values():
                    output = " ".join(text_of(node_lines(node, state.run, facts, 0.0, GLYPHS)).split())
                    assert (node.status or "unknown: not announced yet") in output
                    assert "reading…" in output if facts is None else f"task id {node.node_id}" in output
                    assert " ".join(clean(node.goal or "", 60).rstrip("…").split()) in output
                assert len(state.nodes) >= min(events or 20, 1)


class TestRun:
    """One run beside the list of runs."""

    def run(self, **fields: Any) -> str:
        run = Run(**{"run_id": "run", "goal": "Write", "started": 5.0, "latest": 9.0, **fields})
        return text_of(run_lines(row_of(run), 10.0, GLYPHS))

    def test_a_run_shows_its_goal_and_counts(self) -> None:
        output = self.run(nodes=4, finished=1, steps=7)
        assert all(text in output for text in ("live", "Write", "1 of 4 tasks finished, 7 steps"))

    def test_a_failed_run_shows_its_error(self) -> None:
        assert "no such model" in self.run(status=RunStatus.ERROR, error="no such model")

    def test_reported_totals_that_differ_from_the_events_are_listed(self) -> None:
        output = self.run(status=RunStatus.COMPLETED, nodes=4, totals=Totals(nodes=0))
        assert "the agent reported 0 tasks, its events add up to 4" in output

    @pytest.mark.parametrize("field", ["run_id", "goal", "mode", "error"])
    def test_texts_of_agents_are_cleaned(self, field: str) -> None:
        output = self.run(status=RunStatus.ERROR, **{field: "\x1b]0;owned\x07\u202e"})
        assert not any(is_control(character) for character in output if character != "\n")

    def test_a_run_without_facts_is_shown(self) -> None:
        assert "no goal published yet" in text_of(run_lines(row_of(Run("run"), gaps=2), 10.0, GLYPHS))


def test_simulated_runs_contain_every_event_type() -> None:
    """The examples above come from simulated runs."""
    types = {str(published.event["event_type"]) for scenario in (FINISHED, FAILED) for published in simulate(scenario)}
    assert types == set(ev.TYPES)


def test_a_run_without_nodes_is_shown() -> None:
    assert fold(empty("run"), []).nodes == {}


def test_a_task_shows_its_own_cost_and_that_of_everything_inside() -> None:
    node = Node("a", 1, nid="1", cost=0.5, unpriced=2, beneath=Sums(cost=0.75, cost_known=1))
    output = text_of(node_lines(node, Run("run"), NodeFacts(), 0.0, GLYPHS))
    assert "cost       ≥ $0.50 · 2 calls unpriced, with all inside ≥ $1.25 · 2 calls unpriced" in output
    assert "cost       n/a" in text_of(node_lines(Node("b", 1), Run("run"), NodeFacts(), 0.0, GLYPHS))


def test_a_run_shows_its_cost() -> None:
    output = text_of(run_lines(row_of(Run("run", cost=1.236)), 0.0, GLYPHS))
    assert "cost       $1.24" in output
