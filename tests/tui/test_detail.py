"""The inspector's words: events and nodes by their kind, never as raw JSON; whatever agents put into them."""

import json
import threading
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from store import events as ev
from store.events import StreamId, Unreadable, decode
from store.fold import fold
from store.record import Stored
from store.simulator import Scenario, simulate
from store.state import Node, Run, RunStatus, Totals, empty
from tests.tui.stage import FAILED, FINISHED, is_control, row_of, state_of, stored_of
from tui.models.detail import LARGE, NodeFacts, event_lines, node_lines, raw_lines
from tui.models.lines import Line
from tui.models.run_detail import run_lines
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
    """An event of every type, with everything that agents put into it."""
    found: dict[str, dict[str, Any]] = {}
    for scenario in (FINISHED, FAILED):
        for _, body in stored_of(scenario):
            event = json.loads(body)
            known = found.setdefault(event["event_type"], event)
            known["payload"] = event["payload"] | known["payload"]
    found["brain_dumped"] = {**found["step_started"], "event_type": "brain_dumped"}
    return found


def shown(event: dict[str, Any], glyphs: Glyphs = GLYPHS) -> str:
    """What the inspector shows of an event."""
    body = json.dumps(event).encode()
    try:
        facts = decode(body, StreamId(1, 0))
    except Unreadable:  # would be rejected; what is shown must not depend on that
        facts = ev.Event("id", event["event_type"], 0.0, "run", ev.TYPES.get(event["event_type"], ev.Other)())
    stored = Stored(1, 1, facts, facts.facts.failed, "READY", "DOING")
    return text_of(event_lines(stored, body, Node("a", 1, nid="1"), 0.0, GLYPHS))


def example(event_type: str, **payload: Any) -> dict[str, Any]:
    event = examples()[event_type]
    return {**event, "payload": {**event["payload"], **payload}}


class TestEveryType:
    """Each type is shown by its kind."""

    @pytest.mark.parametrize("event_type", [*ev.TYPES, "brain_dumped"])
    def test_says_what_when_and_where_it_is(self, event_type: str) -> None:
        said = shown(examples()[event_type])
        assert all(text in said for text in (event_type, "when", "event id", "1 in the run, 1 in the file"))

    @pytest.mark.parametrize("event_type", [*ev.TYPES, "brain_dumped"])
    def test_shows_no_raw_json(self, event_type: str) -> None:
        assert '"payload"' not in shown(examples()[event_type])

    def test_an_unknown_type_is_shown_field_by_field(self) -> None:
        said = shown({"event_type": "brain_dumped", "event_id": "e", "payload": {"mood": "blue", "parts": {"left": 1}}})
        assert all(text in said for text in ("mood                 blue", "parts", '"left": 1'))

    def test_raw_is_indented_json(self) -> None:
        assert text_of(raw_lines(b'{"payload":{"step":1}}')) == '{\n  "payload": {\n    "step": 1\n  }\n}'

    def test_raw_of_what_is_not_json_is_the_text(self) -> None:
        assert text_of(raw_lines(b"hello\nworld")) == "hello\nworld"


class TestKinds:
    """What matters of each kind."""

    def test_a_plan_lists_its_tasks_with_what_they_wait_for(self) -> None:
        plan = [
            {"id": "1", "task_type": "search", "goal": "Look", "dependency": []},
            {"id": 2, "task_type": "write", "goal": "Write", "dependency": ["1"], "length": "300 words"},
        ]
        said = shown(example("plan_received", raw_plan=plan))
        assert all(
            text in said for text in ("Plan, 2 tasks", "1     search Look", "2     write  Write  300 words  after 1")
        )

    def test_tasks_of_tasks_are_indented(self) -> None:
        plan = [{"id": "1", "task_type": "write", "goal": "All", "sub_tasks": [{"id": "1.1", "goal": "Part"}]}]
        assert "  1.1   ?      Part" in shown(example("plan_received", raw_plan=plan))

    def test_an_empty_plan_says_what_it_means(self) -> None:
        assert "small enough to be done as it is" in shown(example("plan_received", raw_plan=[]))

    def test_a_prompt_is_shown_message_by_message(self) -> None:
        prompt = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello\nWorld"}]
        said = shown(example("llm_call_started", prompt=prompt))
        assert "Prompt · system\nBe brief.\n\nPrompt · user\nHello\nWorld" in said

    def test_a_prompt_of_old_agents_is_a_preview(self) -> None:
        event = example("llm_call_started", prompt=None, prompt_preview="Hello...")
        assert "Prompt\nHello\n" in shown(event)

    def test_an_answer_shows_tokens_and_text(self) -> None:
        said = shown(example("llm_call_completed", response="Well.", token_usage={"prompt_tokens": 7}, error=None))
        assert all(text in said for text in ("prompt tokens 7", "Response\nWell."))

    def test_tokens_that_nobody_counted_are_not_zero(self) -> None:
        assert "n/a, the agent did not say" in shown(example("llm_call_completed", token_usage=None))

    def test_a_failed_call_shows_its_error_first(self) -> None:
        said = shown(example("llm_call_completed", error="timeout", response="ERROR: timeout"))
        assert said.index("Error\ntimeout") < said.index("Response")

    def test_a_failed_tool_shows_state_and_error(self) -> None:
        said = shown(example("tool_returned", state="HTTP_ERROR", error="502"))
        assert all(text in said for text in ("HTTP_ERROR", "Error\n502"))

    def test_a_result_that_is_json_is_unfolded(self) -> None:
        assert '"result": "The book"' in shown(example("node_result_available", result_summary='{"result": "The book"}...'))

    def test_a_result_that_was_cut_says_so(self) -> None:
        said = shown(example("node_result_available", result_summary='{"result": "' + "x" * 488 + "..."))
        assert "only the first 500 characters were published" in said

    def test_an_error_shows_its_stack_trace(self) -> None:
        said = shown(example("run_error", error_type="ValueError", error_message="no", stack_trace="Traceback\n  File"))
        assert all(text in said for text in ("ValueError\nno", "Stack trace\nTraceback\n  File"))

    def test_a_new_node_shows_its_goal_and_what_was_declared(self) -> None:
        said = shown(example("node_created", task_goal="Write it", initial_parent_nids=["1", 2]))
        assert all(text in said for text in ("Goal\nWrite it", "waits for 1, 2"))


def odd_events() -> Iterator[tuple[str, str]]:
    for event_type, event in examples().items():
        for name in event["payload"]:
            yield event_type, name


class TestWhateverAgentsPublish:
    """No payload, however odd, is more than an odd text."""

    @pytest.mark.parametrize(("event_type", "name"), list(odd_events()))
    def test_any_value_in_any_field(self, event_type: str, name: str) -> None:
        for value in ODD:
            said = shown(example(event_type, **{name: value}))
            assert not any(is_control(character) for character in said if character != "\n")

    @pytest.mark.parametrize("name", ["id", "task_type", "goal", "dependency", "length", "sub_tasks", "atom"])
    def test_any_value_in_any_field_of_a_plan(self, name: str) -> None:
        for value in ODD:
            said = shown(example("plan_received", raw_plan=[{"id": "1", name: value}, value]))
            assert not any(is_control(character) for character in said if character != "\n")

    @pytest.mark.parametrize("depth", [400, 970, 990, 5_000])
    def test_values_nested_so_deeply_that_they_can_hardly_be_read(self, depth: int) -> None:
        nested, shown = "[" * depth + "]" * depth, []

        def show() -> None:  # where the program does it: on a thread, all of whose stack is left
            for event_type, name in (
                ("plan_received", "raw_plan"),
                ("llm_call_started", "prompt"),
                ("run_error", "error_message"),
                ("node_result_available", "result_summary"),
                ("brain_dumped", "mood"),
            ):
                stored = Stored(1, 1, ev.Event("id", event_type, 0.0, "run", ev.Other()), False, None, None)
                body = f'{{"payload": {{"{name}": {nested}}}}}'.encode()
                shown.append(event_lines(stored, body, None, 0.0, GLYPHS) and raw_lines(body))

        thread = threading.Thread(target=show)
        thread.start()
        thread.join()
        assert len(shown) == 5

    @pytest.mark.parametrize("event_type", [*ev.TYPES, "brain_dumped"])
    @pytest.mark.parametrize("body", [b"", b"null", b"[]", b"{}", b'{"payload": 5}', b'{"payload": {}}', b"\xff\xfe", b"{"])
    def test_a_body_that_is_gone_or_broken(self, event_type: str, body: bytes) -> None:
        stored = Stored(1, 1, ev.Event("id", event_type, 0.0, "run", ev.Other()), False, None, None)
        assert event_lines(stored, body, None, 0.0, GLYPHS)

    def test_a_body_too_large_to_take_apart_is_shown_from_its_beginning(self) -> None:
        body = b'{"payload": {"goal": "' + b"x" * LARGE + b'"}}'
        stored = Stored(1, 1, ev.Event("id", "step_started", 0.0, "run", ev.Other()), False, None, None)
        said = text_of(event_lines(stored, body, None, 0.0, GLYPHS))
        assert ("too large to take apart" in said, len(said) < 100_000) == (True, True)

    @pytest.mark.parametrize("field", ["nid", "wording", "node_id"])
    def test_the_node_of_an_event_is_as_hostile_as_anything(self, field: str) -> None:
        evil = "\x1b]0;owned\x07\u202e"
        node = Node("a" if field != "node_id" else evil, 1, nid=evil if field == "nid" else "1")
        node.goal = evil if field == "wording" else None
        stored = Stored(1, 1, ev.Event(evil, "step_started", 0.0, evil, ev.Other()), False, evil, evil)
        said = text_of(event_lines(stored, b"", node, 0.0, GLYPHS))
        assert not any(is_control(character) for character in said if character != "\n")


class TestNodes:
    """All that is known of one node."""

    def node(self, **fields: Any) -> str:
        node = Node("a", 1, **{"created": 10.0, "nid": "1", "status": "DOING", "goal": "Write", **fields})
        return text_of(node_lines(node, Run("run", started=5.0), NodeFacts(), 20.0, GLYPHS))

    def test_goal_status_and_times(self) -> None:
        said = self.node(started=11.0, busy=3.0, steps=2)
        assert all(text in said for text in ("status     DOING", "Goal\nWrite", "3.0s in 2 steps", "started    +0:06.0"))

    def test_a_reworded_goal_is_shown_beside_the_first(self) -> None:
        assert "Goal as reworded\nWrite well" in self.node(latest_goal="Write well")

    def test_a_goal_is_not_reworded_by_its_line_breaks(self) -> None:
        assert "reworded" not in self.node(goal="a;b", latest_goal="a\nb")

    def test_a_node_that_nobody_announced_says_so(self) -> None:
        said = self.node(created=None, nid=None, status=None, goal=None)
        assert all(text in said for text in ("unknown: not announced yet", "not heard of yet", "not begun"))

    def test_errors_are_counted(self) -> None:
        assert "1 reported, 2 steps aborted" in self.node(errors=1, aborted=2)

    def test_a_circle_of_containment_is_explained(self) -> None:
        assert "claims to lie inside a node that lies inside it" in self.node(loop="b")

    def test_what_it_waits_for_is_listed(self) -> None:
        facts = NodeFacts(needs=["b"], circle=["a", "b"], around={"b": Node("b", 2, nid="2", goal="First")})
        said = text_of(node_lines(Node("a", 1, nid="1"), Run("run"), facts, 0.0, GLYPHS))
        assert all(text in said for text in ("Waits for 1", "First", "in a circle"))

    def test_a_long_list_is_only_counted(self) -> None:
        nodes = {str(number): Node(str(number), number, nid=str(number)) for number in range(50)}
        facts = NodeFacts(feeds=list(nodes), around=nodes)
        assert "and 30 more" in text_of(node_lines(nodes["0"], Run("r"), facts, 0.0, GLYPHS))

    def test_what_is_not_known_of_what_it_waits_for_is_its_id(self) -> None:
        said = text_of(node_lines(Node("a", 1, nid="1"), Run("run"), NodeFacts(needs=["ghost"]), 0.0, GLYPHS))
        assert all(text in said for text in ("Waits for 1", "ghost"))

    def test_the_result_is_shown_as_far_as_it_was_published(self) -> None:
        body = json.dumps({"payload": {"action_name": "execute", "result_summary": '{"result": "Done"}...'}}).encode()
        said = text_of(node_lines(Node("a", 1), Run("r"), NodeFacts(result=body), 0.0, GLYPHS))
        assert all(text in said for text in ("Result of execute", '"result": "Done"'))

    @pytest.mark.parametrize("facts", [None, NodeFacts()])
    def test_every_node_of_whole_runs_can_be_shown(self, facts: NodeFacts | None) -> None:
        for scenario in (FINISHED, FAILED, Scenario(seed=9, generation="G2")):
            for events in (3, 100, None):
                state = state_of(scenario, events)
                assert all(node_lines(node, state.run, facts, 0.0, GLYPHS) for node in state.nodes.values())


class TestRuns:
    """All that the list knows of one run."""

    def run(self, **fields: Any) -> str:
        run = Run(**{"run_id": "run", "goal": "Write", "started": 5.0, "latest": 9.0, **fields})
        return text_of(run_lines(row_of(run), 10.0, GLYPHS))

    def test_goal_and_work(self) -> None:
        said = self.run(nodes=4, finished=1, steps=7)
        assert all(text in said for text in ("running", "Write", "1 of 4 nodes finished, 7 steps"))

    def test_what_ended_it(self) -> None:
        assert "no such model" in self.run(status=RunStatus.ERROR, error="no such model")

    def test_totals_that_events_do_not_bear_out_are_pointed_at(self) -> None:
        said = self.run(status=RunStatus.COMPLETED, nodes=4, totals=Totals(nodes=0))
        assert "the agent reported 0 nodes, its events add up to 4" in said

    @pytest.mark.parametrize("field", ["run_id", "goal", "mode", "error"])
    def test_whatever_agents_call_it(self, field: str) -> None:
        said = self.run(status=RunStatus.ERROR, **{field: "\x1b]0;owned\x07\u202e"})
        assert not any(is_control(character) for character in said if character != "\n")

    def test_a_run_of_which_nothing_is_known(self) -> None:
        assert "no goal heard yet" in text_of(run_lines(row_of(Run("run"), gaps=2), 10.0, GLYPHS))


def test_simulated_runs_cover_every_type() -> None:
    """The examples above are taken from them."""
    types = {str(published.event["event_type"]) for scenario in (FINISHED, FAILED) for published in simulate(scenario)}
    assert types == set(ev.TYPES)


def test_an_empty_run_has_nothing_to_show() -> None:
    assert fold(empty("run"), []).nodes == {}
