"""Statistics of the spans of a run."""

import pytest

from store.model.statistics import (
    ACTIVITY_PARTS,
    DIMENSIONS,
    OTHERS,
    Collector,
    Period,
    Statistics,
    Task,
    percentile,
)
from store.model.work import interval
from tests.recorder import Recorder, spans_of


def statistics_of(recorder: Recorder) -> Statistics:
    """Statistics of a run. Every task has the type of its id, and depth 1."""
    spans = [span for span in spans_of(recorder.events).values() if span.withdrawn is None]
    to = recorder.events[-1].time
    collector = Collector(Period(recorder.events[0].time, to))
    for span in spans:
        collector.add(span, Task(span.node_id, 1) if span.node_id else Task(), interval(span, to))
    return collector.statistics()


def test_calls_are_grouped_by_the_model_that_answered() -> None:
    recorder = Recorder().root()
    for asked, answered in (("m", "m-2"), ("m", None), (None, None)):
        recorder.emit("llm_call_started", {"node_id": "root", "call_id": "1", "model": asked})
        recorder.emit("llm_call_completed", {"node_id": "root", "call_id": "1", "model": answered})
    assert {group.name: group.count for group in statistics_of(recorder)["model"]} == {"m-2": 1, "m": 1, "?": 1}


def test_a_group_has_outcomes_retries_tokens_and_costs() -> None:
    recorder = Recorder().root().step_started("root").llm("root", error="timeout").llm("root", tokens=(10, 2))
    recorder.emit("llm_call_completed", {"node_id": "root", "agent_class": "SimpleExecutor", "cost": 0.5, "tries": 3})
    recorder.llm_started("root", "open")
    (group,) = statistics_of(recorder)["agent"]
    assert (group.name, group.count, group.open, group.failed, group.aborted) == ("SimpleExecutor", 4, 1, 1, 0)
    assert (group.retries, group.tokens_in, group.tokens_out, group.cost, group.unpriced) == (3, 10, 2, 0.5, 2)


def test_the_share_is_that_of_the_time_in_steps() -> None:
    recorder = Recorder().root().node("root", "a").step("root", "plan", after="DOING").step("a", "execute", after="FINISH")
    recorder.tool_invoked("a", "1").tool_returned("a", "1")
    found = statistics_of(recorder)
    assert {group.name: (group.seconds, group.share) for group in found["type"]} == {"root": (0.5, 0.5), "a": (0.5, 0.5)}
    assert [(group.name, group.share) for group in found["tool"]] == [("BingBrowser.run", 0.2)]
    assert {group.name for group in found["action"]} == {"plan", "execute"}


def test_shares_of_hardly_any_time_are_zero() -> None:
    """Not infinite, which JSON cannot express."""
    recorder = Recorder().root().step_started("root", step=0)
    recorder.emit("step_finished", {"node_id": "root", "step": 0, "duration_seconds": 1e-320})
    recorder.emit("tool_returned", {"node_id": "root", "tool_name": "a", "duration_seconds": 1e15})
    assert [group.share for group in statistics_of(recorder)["tool"]] == [0.0]


def test_the_group_with_the_most_time_is_first() -> None:
    recorder = Recorder().root()
    for name, seconds in (("a", 1.0), ("b", 3.0), ("c", 2.0)):
        recorder.emit("tool_returned", {"node_id": "root", "tool_name": name, "duration_seconds": seconds})
    assert [group.name for group in statistics_of(recorder)["tool"]] == ["b", "c", "a"]


def test_activity_is_the_number_of_spans_in_each_part_of_the_time() -> None:
    recorder = Recorder().run_started().root()
    for _ in range(2):
        recorder.emit("tool_returned", {"node_id": "root", "tool_name": "a", "duration_seconds": 1.0})
    recorder.tool_invoked("root", "open")  # 3 of the 4 seconds have passed
    for _ in range(1):
        recorder.emit("node_added", {"node_id": "root"})
    by_name = {group.name: list(group.activity) for group in statistics_of(recorder)["tool"]}
    quarter = ACTIVITY_PARTS // 5
    assert sum(by_name["a"][: quarter - 1]) == 0
    assert max(by_name["a"]) == 2
    assert by_name["BingBrowser.run"][0] == 0
    assert by_name["BingBrowser.run"][-1] == 1


def test_a_time_outside_of_the_period_is_in_its_first_or_last_part() -> None:
    period = Period(10.0, 20.0)
    assert [period.part(time) for time in (0.0, 10.0, 15.0, 20.0, 99.0)] == [0, 0, 24, 47, 47]
    assert Period(5.0, 5.0).part(7.0) == 0


def test_names_beyond_a_maximum_are_one_group(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("store.model.statistics.GROUPS_MAX", 3)
    recorder = Recorder().root()
    for name in "abcdea":
        recorder.emit("tool_returned", {"node_id": "root", "tool_name": name, "duration_seconds": 1.0})
    assert {group.name: group.count for group in statistics_of(recorder)["tool"]} == {"a": 2, "b": 1, "c": 1, OTHERS: 2}


def test_a_run_without_spans_has_empty_statistics() -> None:
    assert statistics_of(Recorder().root()) == {dimension: [] for dimension in DIMENSIONS}


def test_percentiles_are_values_of_the_sample() -> None:
    values = [float(number) for number in range(1, 101)]
    assert [percentile(values, part) for part in (0.0, 0.5, 0.95, 0.99, 1.0)] == [1.0, 50.0, 95.0, 99.0, 100.0]
    assert percentile([7.0], 0.5) == 7.0
    assert percentile([], 0.5) is None
