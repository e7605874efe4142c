"""Spans: the steps and calls of a run, and how they look at any position."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from store.model.accumulator import Accumulator
from store.model.event import Event
from store.model.fold import advance
from store.model.price import Price
from store.model.span import Kind, Outcome, Span
from store.model.state import RunState, empty
from tests.recorder import Recorder, spans_of
from tests.strategies import histories


def state_and_spans(recorder: Recorder) -> tuple[RunState, list[Span]]:
    """The state of a run, and its spans in the order of birth."""
    events = recorder.events
    found = (span.at(len(events)) for _, span in sorted(spans_of(events).items()))
    return recorder.state, [span for span in found if span is not None]


def shape(span: Span) -> tuple[str, str | None, str, Outcome]:
    """Kind, node, label and outcome."""
    return span.kind, span.node_id, span.label, span.outcome


class TestLaws:
    """For any events in any order."""

    @given(histories())
    def test_a_later_span_gives_the_span_at_every_earlier_position(self, events: list[Event]) -> None:
        last = spans_of(events)
        for position in range(len(events) + 1):
            then = {born: span.at(position) for born, span in spans_of(events[:position]).items()}
            assert {born: span.at(position) for born, span in last.items() if born <= position} == then

    @given(histories())
    def test_spans_agree_with_counters_and_open_work(self, events: list[Event]) -> None:
        accumulator = Accumulator.of(empty("run"))
        advance(accumulator, events)
        state = accumulator.state
        spans = [span for span in spans_of(events).values() if span.withdrawn is None]
        assert sum(span.kind == Kind.STEP for span in spans) == state.run.steps
        assert sum(span.kind == Kind.LLM for span in spans) == state.run.llm_calls
        assert sum(span.kind == Kind.TOOL for span in spans) == state.run.tool_calls
        assert sum(span.kind == Kind.STEP and span.outcome == Outcome.ABORTED for span in spans) == state.run.aborted
        for node_id, node in state.nodes.items():
            own = [span for span in spans if span.node_id == node_id]
            assert sum(span.kind == Kind.STEP for span in own) == node.steps
            assert sum(span.kind == Kind.LLM for span in own) == node.llm_calls
            assert sum(span.kind == Kind.TOOL for span in own) == node.tool_calls
            assert sorted(span.born for span in own if span.open) == sorted(
                [call.born for call in node.calls] + ([node.step.born] if node.step and node.step.open else [])
            )
        assert [span.born for span in spans if span.open and span.node_id is None] == [c.born for c in state.run.calls]

    @given(histories(), st.integers(0, 30))
    def test_the_fold_needs_no_spans_of_the_past(self, events: list[Event], cut: int) -> None:
        """What a later event changes is held by a node or the run."""
        accumulator = Accumulator.of(empty("run"))
        advance(accumulator, events[:cut])
        state = accumulator.state
        held = [span for node in state.nodes.values() for span in (node.step, *node.calls, *node.orphans) if span]
        held += [*state.run.calls, *state.run.orphans]
        before = spans_of(events[:cut])
        assert all(before[span.born] == span for span in held)
        changed = advance(accumulator, events[cut:]).spans
        assert {born for born in changed if born <= cut} <= {span.born for span in held}


class TestSteps:
    """A node has one open step at a time."""

    def test_a_step_has_the_action_and_duration_of_its_end(self) -> None:
        recorder = Recorder().root().step("root", "plan", after="PLAN_DONE")
        _, (step,) = state_and_spans(recorder)
        started, finished = (event.time for event in recorder.events[1:])
        assert shape(step) == ("step", "root", "plan", Outcome.OK)
        assert (step.number, step.started, step.finished, step.seconds) == (0, started, finished, 0.5)
        assert step.at(2) == Span(2, "step", "root", number=0, began=2, started=started)
        assert step.at(1) is None

    def test_a_failed_step_has_failed(self) -> None:
        _, (step,) = state_and_spans(Recorder().root().step("root", "execute", after="FAILED"))
        assert step.outcome == Outcome.FAILED

    def test_steps_of_different_nodes_overlap_in_a_parallel_run(self) -> None:
        recorder = Recorder().run_started(parallel=True).root().node("root", "a").node("root", "b")
        recorder.step_started("a").step_started("b").llm_started("a", "1")
        state, (first, second, call) = state_and_spans(recorder)
        assert [span.outcome for span in (first, second, call)] == [Outcome.OPEN] * 3
        assert (state.run.aborted, state.run.working) == (0, ("b", "a")), "a published the latest event"
        assert (call.parent, call.node_id) == (first.born, "a")

    def test_the_next_step_of_its_node_aborts_a_step_of_a_parallel_run(self) -> None:
        recorder = Recorder().run_started(parallel=True).root().step_started("root").step_started("root")
        state, spans = state_and_spans(recorder)
        assert [span.outcome for span in spans] == [Outcome.ABORTED, Outcome.OPEN]
        assert (state.run.steps, state.run.aborted) == (2, 1)

    @pytest.mark.parametrize("status", ["FINISH", "FAILED"])
    def test_the_end_of_a_root_aborts_the_steps_beneath_it(self, status: str) -> None:
        """Steps beneath another root stay open."""
        recorder = Recorder().run_started(parallel=True).root("one").node("one", "a").step_started("one").step_started("a")
        recorder.root("two", "Another").node("two", "b").step_started("b")
        state, spans = state_and_spans(recorder.step_finished("one", "execute", after=status, step=0))
        assert [(span.node_id, span.open) for span in spans] == [("one", False), ("a", False), ("b", True)]
        assert state.run.working == ("b",)

    def test_a_declared_run_of_one_step_at_a_time_aborts_the_step_of_another_node(self) -> None:
        recorder = Recorder().run_started().root().node("root", "a").step_started("root").step_started("a")
        _, spans = state_and_spans(recorder)
        assert [span.outcome for span in spans] == [Outcome.ABORTED, Outcome.OPEN]

    def test_a_late_end_revives_an_aborted_step(self) -> None:
        """Between the abort and the end, the step is aborted."""
        recorder = Recorder().root().node("root", "a").step_started("root", step=0).step_started("a", step=1)
        recorder.step_finished("root", "plan", after="DOING", step=0)
        _, (step, _) = state_and_spans(recorder)
        assert step.outcome == Outcome.OK
        assert [found.outcome for found in map(step.at, (3, 4, 5)) if found] == ["open", "aborted", "ok"]

    def test_an_end_without_a_beginning_is_a_step_without_a_time_of_beginning(self) -> None:
        _, (step,) = state_and_spans(Recorder().root().step_finished("root", "plan", after="DOING", step=0))
        assert (step.outcome, step.began, step.started) == (Outcome.OK, None, None)

    def test_the_late_end_of_an_earlier_step_leaves_the_open_one(self) -> None:
        recorder = Recorder().root().step_started("root", step=0).step_started("root", step=1)
        state, spans = state_and_spans(recorder.step_finished("root", "plan", after="DOING", step=0))
        assert state.nodes["root"].step == spans[1]
        assert spans[1].open

    def test_the_end_of_a_later_step_aborts_the_open_one(self) -> None:
        """The events between them were lost."""
        recorder = Recorder().root().step_started("root", step=0).step_finished("root", "plan", after="DOING", step=4)
        _, spans = state_and_spans(recorder)
        assert [(span.number, span.outcome) for span in spans] == [(0, "aborted"), (4, "ok")]

    def test_a_step_may_have_the_number_of_the_one_before(self) -> None:
        """A process that resumes a run numbers its steps from 0 again."""
        recorder = Recorder().run_started(parallel=True).root().step_started("root", step=0)
        recorder.step_finished("root", "plan", after="DOING").step_started("root", step=0).llm_started("root", "1")
        state, (_, second, call) = state_and_spans(recorder)
        assert (second.outcome, second.began, call.parent) == (Outcome.OPEN, 5, second.born)
        assert state.run.working == ("root",)

    def test_a_beginning_after_its_end_is_one_step_if_it_is_earlier(self) -> None:
        """A later one is another step with the same number."""
        recorder = Recorder().root().step("root", "plan", after="DOING")
        recorder.entries[1:] = reversed(recorder.entries[1:])
        _, (step,) = state_and_spans(recorder)
        assert (step.born, step.began, step.ended) == (2, 3, 2)
        recorder = Recorder().root().step_finished("root", "plan", after="DOING", step=0).step_started("root", step=0)
        assert [span.outcome for span in state_and_spans(recorder)[1]] == ["ok", "open"]

    @pytest.mark.parametrize("numbers", [(3, None), (None, 3)])
    def test_an_end_or_a_beginning_without_a_number_belongs_to_the_open_step(self, numbers: tuple[int | None, ...]) -> None:
        begun, ended = ({"node_id": "root"} | ({} if number is None else {"step": number}) for number in numbers)
        recorder = Recorder().root().emit("step_started", begun).emit("step_finished", ended | {"action_name": "plan"})
        state, (step,) = state_and_spans(recorder)
        assert (shape(step), state.run.aborted) == (("step", "root", "plan", Outcome.OK), 0)


class TestCalls:
    """Calls belong to the step that is open on their node."""

    def test_a_call_has_model_tokens_and_cost(self) -> None:
        usage = {"prompt_tokens": 100, "cached_tokens": 60, "cache_write_tokens": 5}
        usage |= {"completion_tokens": 20, "reasoning_tokens": 8}
        recorder = Recorder().root().step_started("root").llm_started("root", "1")
        ended = {"call_id": "1", "node_id": "root", "agent_class": "SimpleExecutor", "model": "gpt-4o-mini-2024-07-18"}
        recorder.emit("llm_call_completed", {**ended, "token_usage": usage, "cost": 0.25, "duration_seconds": 2.5})
        _, (step, call) = state_and_spans(recorder)
        assert shape(call) == ("llm", "root", "SimpleExecutor", Outcome.OK)
        assert (call.parent, call.model, call.answered) == (step.born, "gpt-4o-mini", "gpt-4o-mini-2024-07-18")
        assert (call.tokens_in, call.tokens_cached, call.tokens_written) == (100, 60, 5)
        assert (call.tokens_out, call.tokens_reasoning, call.cost, call.seconds) == (20, 8, 0.25, 2.5)

    def test_the_price_of_a_call_is_known_from_its_end_on(self) -> None:
        *before, end = Recorder().root().llm("root", tokens=(1, 2)).events
        (call,) = spans_of([*before, replace(end, price=Price(0.5, "openai/gpt-4o-mini"))]).values()
        assert (call.cost, call.priced_as) == (0.5, "openai/gpt-4o-mini")
        assert call.at(len(before)) == spans_of(before)[call.born]

    def test_a_call_that_repeats_a_failed_one_is_the_next_try(self) -> None:
        recorder = (
            Recorder().root().step_started("root").llm("root", error="timeout").llm("root", error="timeout").llm("root")
        )
        recorder.tool_invoked("root", "t").tool_returned("root", "t").llm("root")
        recorder.step_started("root").llm("root", error="timeout").step_started("root").llm("root")
        _, spans = state_and_spans(recorder)
        assert [span.tries for span in spans] == [None, 1, 2, 3, 1, 1, None, 1, None, 1]

    def test_published_tries_count_if_they_are_positive(self) -> None:
        recorder = Recorder().root()
        for tries in (4, 0, -1):
            recorder.emit("tool_returned", {"node_id": "root", "tool_name": "Browser", "tries": tries})
        assert [span.tries for span in state_and_spans(recorder)[1]] == [4, 1, 1]

    def test_calls_at_the_same_time_are_no_tries_of_each_other(self) -> None:
        recorder = Recorder().root().llm_started("root", "1").llm_started("root", "2")
        recorder.llm_completed("root", "1", error="no").llm_completed("root", "2")
        assert [span.tries for span in state_and_spans(recorder)[1]] == [1, 1]

    def test_the_end_of_a_step_aborts_its_open_calls(self) -> None:
        """A call with an id may still end."""
        recorder = Recorder().root().step_started("root").llm_started("root", "1").tool_invoked("root")
        recorder.step_finished("root", "execute", after="DOING")
        assert [span.outcome for span in state_and_spans(recorder)[1]] == ["ok", "aborted", "aborted"]
        recorder.llm_completed("root", "1", tokens=(5, 2))
        _, (_, call, _) = state_and_spans(recorder)
        assert (call.outcome, call.tokens_in, call.aborted, call.ended) == ("ok", 5, 5, 6)

    def test_an_end_before_the_beginning_is_one_call(self) -> None:
        recorder = Recorder().root().llm_started("root", "1").llm_completed("root", "1", tokens=(5, 2))
        recorder.entries[1:] = reversed(recorder.entries[1:])
        _, (call,) = state_and_spans(recorder)
        assert (call.born, call.began, call.ended, call.tokens_out, call.outcome) == (2, 3, 2, 2, "ok")

    def test_an_id_may_be_used_again(self) -> None:
        """Some agents number the calls of each step."""
        recorder = Recorder().root().step_started("root").llm_started("root", "1").step_started("root")
        recorder.llm_started("root", "1").llm_completed("root", "1")
        assert [span.outcome for span in state_and_spans(recorder)[1]] == ["aborted", "aborted", "open", "ok"]

    def test_a_call_with_an_id_ends_before_one_without(self) -> None:
        """Although the other call began later and has the same label."""
        recorder = Recorder().root().llm_started("root", "1").llm_started("root").llm_completed("root", "1")
        assert [(span.call_id, span.outcome) for span in state_and_spans(recorder)[1]] == [("1", "ok"), (None, "open")]

    def test_an_end_whose_beginning_was_lost_takes_no_later_beginning_with_its_id(self) -> None:
        """Else each call of an agent that numbers the calls of each step would end before its beginning."""
        recorder = Recorder().root().llm_completed("root", "1")
        for _ in range(2):
            recorder.step_started("root").llm("root").llm_started("root", "1").llm_completed("root", "1")
            recorder.step_finished("root", "execute", after="DOING")
        calls = [span for span in state_and_spans(recorder)[1] if span.kind == Kind.LLM]
        assert [span.began is None for span in calls] == [True, False, False, False, False]
        assert all(span.ended and span.began < span.ended for span in calls if span.began is not None)

    def test_a_call_moves_to_the_node_that_its_end_names(self) -> None:
        """Before the end, it is an inferred call of the node whose step was open."""
        recorder = Recorder().root().node("root", "a").step_started("root").llm_started(None, "1").llm_completed("a", "1")
        last = spans_of(recorder.events)
        (_, before) = [span for span in map(last[3].__class__.at, last.values(), [4] * 3) if span]
        assert (shape(before), before.inferred) == (("llm", "root", "SimpleExecutor", Outcome.OPEN), True)
        _, (_, after) = state_and_spans(recorder)
        assert (shape(after), after.began, after.started) == (
            ("llm", "a", "SimpleExecutor", Outcome.OK),
            4,
            recorder.events[3].time,
        )

    def test_a_call_without_a_node_belongs_to_the_run(self) -> None:
        recorder = Recorder().run_started().llm_started(None, "1")
        state, (call,) = state_and_spans(recorder)
        assert (shape(call), state.run.llm_calls) == (("llm", None, "SimpleExecutor", Outcome.OPEN), 1)
        assert [(work.node_id, work.kind) for work in state.run.active] == [(None, "llm")]
        state, (call,) = state_and_spans(recorder.llm_completed(None, "1", tokens=(5, 2)))
        assert (call.outcome, call.tokens_in, state.run.llm_calls, state.run.active) == ("ok", 5, 1, ())

    def test_a_call_without_a_node_belongs_to_the_step_of_the_node_that_published_last(self) -> None:
        """A node that has an open call is passed over."""
        recorder = Recorder().run_started(parallel=True).root().node("root", "a").node("root", "b")
        recorder.step_started("a").step_started("b").llm_started("b", "1").llm_started(None, "2")
        assert state_and_spans(recorder)[1][-1].node_id == "a"
