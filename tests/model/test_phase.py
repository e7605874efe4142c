"""The phase of a run at a given time, and related numbers."""

from functools import reduce
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.model.event import Event
from store.model.fold import fold
from store.model.phase import (
    CALL_BUDGET_S,
    INTERRUPTED_AFTER_S,
    SILENT_AFTER_S,
    STEP_BUDGET_S,
    Phase,
    elapsed,
    errors,
    is_live,
    last_stepped,
    may_continue,
    open_work,
    phase,
    silent_for,
)
from store.model.state import Run, RunStatus, Work, empty
from tests.recorder import Recorder
from tests.strategies import histories

NOW = 10_000.0


def waiting(seconds: float, *active: tuple[str, float]) -> Run:
    """A run whose last event is `seconds` old. `active`: kinds and ages of its open calls and steps."""
    return Run("r", latest=NOW - seconds, active=tuple(Work(kind, kind, NOW - since) for kind, since in active))


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        (Run("r"), Phase.LIVE),
        (waiting(SILENT_AFTER_S), Phase.LIVE),
        (waiting(SILENT_AFTER_S + 1), Phase.SILENT),
        (waiting(INTERRUPTED_AFTER_S - 1), Phase.SILENT),
        (waiting(INTERRUPTED_AFTER_S), Phase.INTERRUPTED),
        (waiting(STEP_BUDGET_S, ("step", 9_000.0)), Phase.LIVE),
        (waiting(STEP_BUDGET_S + 1, ("step", 9_000.0)), Phase.SILENT),
        (waiting(CALL_BUDGET_S, ("llm", CALL_BUDGET_S)), Phase.LIVE),
        (waiting(CALL_BUDGET_S + 1, ("tool", CALL_BUDGET_S + 1)), Phase.INTERRUPTED),
        (waiting(100.0, ("llm", CALL_BUDGET_S + 1)), Phase.SILENT),
        (waiting(100.0, ("llm", CALL_BUDGET_S + 1), ("tool", 100.0)), Phase.LIVE),
        (waiting(CALL_BUDGET_S + 1, ("llm", -9e9)), Phase.INTERRUPTED),
        (waiting(-50.0), Phase.LIVE),
        (Run("r", RunStatus.ERROR, nodes=1, finished=1), Phase.FAILED),
        (Run("r", RunStatus.COMPLETED, nodes=2, finished=1), Phase.ENDED),
        (Run("r", RunStatus.COMPLETED, nodes=2, finished=2), Phase.FINISHED),
    ],
)
def test_the_phase_depends_on_the_end_the_last_event_and_open_work(run: Run, expected: Phase) -> None:
    assert phase(run, NOW) == expected
    assert is_live(run, NOW) == (expected == Phase.LIVE)
    assert may_continue(run, NOW) == (expected in (Phase.LIVE, Phase.SILENT))


def test_the_later_of_event_time_and_arrival_counts() -> None:
    slow = waiting(7_200.0)
    assert phase(slow, NOW) == Phase.INTERRUPTED
    assert phase(slow, NOW, NOW - 10.0) == Phase.LIVE
    assert phase(waiting(10.0), NOW, NOW - 7_200.0) == Phase.LIVE


@given(histories(), st.floats(0.0, 5_000.0))
def test_a_run_without_further_events_changes_from_live_to_silent_to_interrupted(events: list[Event], wait: float) -> None:
    run = fold(empty("run"), events).run
    order = list(Phase)
    last = run.latest or 0.0
    before, after = phase(run, last), phase(run, last + wait)
    assert order.index(before) <= order.index(after)
    assert before == after or run.status == RunStatus.RUNNING


@pytest.mark.parametrize(
    ("run", "seconds"),
    [
        (Run("r"), None),
        (Run("r", started=NOW - 100.0, latest=NOW - 10.0), 100.0),
        (Run("r", started=NOW - 100.0, latest=NOW - 70.0), 100.0),
        (Run("r", started=NOW - 2_000.0, latest=NOW - 1_500.0), 500.0),
        (Run("r", started=NOW - 100.0, latest=NOW + 10.0), 110.0),
        (Run("r", RunStatus.COMPLETED, started=900.0, ended=950.0, latest=960.0), 50.0),
        (Run("r", RunStatus.COMPLETED, started=-5.0, ended=0.0, latest=60.0), 5.0),
        (Run("r", RunStatus.ERROR, started=900.0, latest=960.0), 60.0),
    ],
)
def test_elapsed_time_increases_until_the_run_is_interrupted(run: Run, seconds: float | None) -> None:
    assert elapsed(run, NOW) == seconds


def test_a_run_waits_for_its_latest_open_call_or_else_its_step() -> None:
    run = waiting(5.0, ("llm", 30.0), ("tool", 20.0), ("step", 10.0))
    assert open_work(run) == Work("tool", "tool", NOW - 20.0)
    assert open_work(waiting(5.0, ("step", 10.0))) == Work("step", "step", NOW - 10.0)
    assert open_work(waiting(5.0)) is None


def test_silence_is_never_negative() -> None:
    assert [silent_for(run, NOW) for run in (Run("r"), waiting(-3.0), waiting(3.0))] == [0.0, 0.0, 3.0]


def test_the_work_of_a_node_is_its_latest_open_call_or_else_its_step() -> None:
    recorder = Recorder().root().step_started("root")
    seen = [recorder.state.run.active]
    seen.append(recorder.llm_started("root", "one").state.run.active)
    seen.append(recorder.tool_invoked("root", "two").state.run.active)
    seen.append(recorder.tool_returned("root", "two").state.run.active)
    seen.append(recorder.llm_completed("root", "one").state.run.active)
    seen.append(recorder.step_finished("root", "plan", after="PLAN_DONE").state.run.active)
    began = recorder.events[1].time
    kinds = [[(work.kind, work.since - began) for work in active] for active in seen]
    assert kinds == [[("step", 0.0)], [("llm", 1.0)], [("tool", 2.0)], [("llm", 1.0)], [("step", 0.0)], []]


def test_errors_are_reported_errors_plus_aborted_steps() -> None:
    recorder = Recorder().root().node("root", "a").step_started("a").llm("a", error="timeout").step_started("root")
    state = recorder.state
    assert (errors(state.run), errors(state.nodes["a"]), errors(state.nodes["root"])) == (2, 2, 0)


def test_the_node_with_the_latest_step_is_found_in_any_order() -> None:
    recorder = Recorder().root().node("root", "a").node("root", "b").step_started("b").step_started("a")
    nodes = list(recorder.state.nodes.values())
    for order in (nodes, nodes[::-1]):
        found = reduce(last_stepped, order, None)
        assert found is not None
        assert found.node_id == "a"
    assert reduce(last_stepped, Recorder().root().state.nodes.values(), None) is None


def test_budgets_are_ordered_so_that_no_live_run_is_interrupted() -> None:
    budgets = (SILENT_AFTER_S, STEP_BUDGET_S, CALL_BUDGET_S, INTERRUPTED_AFTER_S)
    assert all(shorter <= longer for shorter, longer in pairwise(budgets))
