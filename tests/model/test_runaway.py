"""Every planted run that runs away is found, at each position from which it does, and no real or recorded run is."""

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from store.model.alarm import GOAL_CHARS_MAX
from store.model.entry import Entry
from store.model.fold import fold
from store.model.runaway import Runaway, runaways, task_runaways
from store.model.state import RunState, empty
from tests.conftest import RECORDED
from tests.recorder import Recorder, entry_of, events_of, state_of
from tests.runaways import PLANTED, Planted
from tests.tui import stage
from tui.demo import simulate
from tui.demo.program import live, recorded

REAL = RECORDED.parent / "real"


def tasks(state: RunState) -> Iterator[tuple[str, Runaway]]:
    """The reasons of all tasks."""
    for node_id, node in state.nodes.items():
        depth, outer = 0, node.outer
        while outer is not None:
            depth, outer = depth + 1, state.nodes[outer].outer
        for reason in task_runaways(node, depth):
            yield node_id, reason


@pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: planted.kind)
def test_a_planted_run_is_found(planted: Planted) -> None:
    state = state_of(planted.make())
    of_run = runaways(state.run, planted.budget)
    assert {found.sign for found in of_run} == ({planted.sign} if planted.sign else set())
    of_tasks = [found for _, found in tasks(state)]
    assert {found.sign for found in of_tasks} | {found.sign for found in of_run} == {found.sign for found in of_run}
    if planted.sign:
        assert planted.reason in {found.reason for found in (*of_run, *of_tasks)}


@pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: planted.kind)
def test_the_reasons_of_a_run_count_those_of_its_tasks_at_every_position(planted: Planted) -> None:
    events = events_of(planted.make())
    state = empty("run")
    for at in range(0, len(events), 37):
        state = fold(state, events[at : at + 37])
        found = [reason.sign for _, reason in tasks(state)]
        assert state.run.alarms == {sign: found.count(sign) for sign in set(found)}


def test_a_run_runs_away_from_the_third_failure_on() -> None:
    recorder = Recorder().root().step_started("root")
    positions = []
    for number in range(4):
        recorder.tool_invoked("root", f"{number}").tool_returned("root", f"{number}", state="SEARCH_ERROR")
        positions.append(len(recorder.entries))
    found = [bool(runaways(state_of(recorder.entries[:position]).run)) for position in positions]
    assert found == [False, False, True, True]


def test_a_goal_that_moves_away_is_not_repeated_any_more() -> None:
    recorder = Recorder().root(goal="Write a book").node("root", "copy", "Write a book")
    assert recorder.state.run.alarms == {"repeated goal": 1}
    recorder.created("apart", None, "Review", layer=0).created("copy", "apart", "Write a book", layer=1)
    assert recorder.state.run.alarms == {}


@pytest.mark.parametrize(("chars", "repeated"), [(GOAL_CHARS_MAX, 2), (GOAL_CHARS_MAX + 1, 1)])
def test_spaces_and_case_of_very_long_goals_are_not_ignored(chars: int, repeated: int) -> None:
    """The comparison takes long, and every task is compared with up to twenty around it."""
    goal = "x" * chars
    made = Recorder().run_started().root("root", goal).node("root", "a", goal.upper()).node("a", "b", goal)
    assert made.state.run.alarms == {"repeated goal": repeated}


def test_the_longest_of_many_streaks_is_kept() -> None:
    """The size of a node is limited: of more than eight failed calls, the oldest one without an alarm is forgotten."""
    recorder = Recorder().root().step_started("root")
    for query in (0, 0, 0, *range(1, 30)):
        call = {"node_id": "root", "tool_name": "Search", "tool_call_id": f"{len(recorder.entries)}"}
        recorder.emit("tool_invoked", call | {"args_summary": f"{query}"}).emit("tool_returned", call | {"error": "no"})
    node = recorder.state.nodes["root"]
    assert len(node.streaks) == 8
    assert [reason.sign for reason in task_runaways(node)] == ["repeated call"]


def entries(path: Path) -> list[Entry]:
    lines = path.read_text("utf-8").splitlines()
    return [entry_of(json.loads(line)["json_payload"].encode(), number) for number, line in enumerate(lines, 1)]


@pytest.mark.parametrize("name", ["main", "null-same-moment", "report", "reports-crossed", "toolfail", "recorded"])
def test_no_real_run_runs_away(name: str) -> None:
    path = RECORDED if name == "recorded" else REAL / f"{name}.entries.jsonl"
    if not path.exists():
        pytest.skip(f"{path.name} is not part of the project")
    found = events_of(entries(path))
    runs = {event.run_id for event in found if event.run_id} or {"nameless"}
    states = [fold(empty(run), [event for event in found if event.run_id in (run, None)]) for run in runs]
    for state in states:
        assert runaways(state.run) == []
        assert list(tasks(state)) == []
        assert state.run.events > 40


DEMO = [*recorded(datetime(2026, 3, 9), 7), live(datetime(2026, 3, 9), 7, 120, 3.0)[0]]
STAGED = [stage.FINISHED, stage.FAILED, stage.OPEN, stage.PARALLEL, stage.LIVE]


@pytest.mark.parametrize("number", range(len(DEMO) + len(STAGED)))
def test_no_run_of_the_demo_runs_away(number: int) -> None:
    scenario = [*DEMO, *STAGED][number]
    state = stage.state_of(scenario)
    assert runaways(state.run) == []
    assert list(tasks(state)) == []
    assert len(list(simulate(scenario))) == state.run.events
