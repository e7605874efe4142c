"""Laws of the fold, for any events in any order."""

import sys
from collections.abc import Sequence
from copy import deepcopy
from random import Random
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from store.model.accumulator import Accumulator
from store.model.alarm import Sign
from store.model.decode import decode
from store.model.entry import StreamId
from store.model.event import Event
from store.model.event_type import StepFinished
from store.model.fold import advance, fold
from store.model.lazy_mapping import LazyMapping
from store.model.span import Outcome
from store.model.state import Edge, EdgeKey, Node, RunState, Status, Sums, empty
from tests.recorder import Recorder, spans_of
from tests.strategies import histories
from tui.demo import Ending, Scenario, simulate


@given(histories(), st.data())
def test_a_fold_in_two_parts_gives_the_same_state(events: list[Event], data: st.DataObject) -> None:
    whole = fold(empty("run"), events)
    for cut in range(len(events) + 1):
        assert fold(fold(empty("run"), events[:cut]), events[cut:]) == whole


@pytest.mark.parametrize("ending", get_args(Ending))
def test_a_fold_of_a_parallel_run_may_be_cut_anywhere_and_aborts_nothing(ending: Ending) -> None:
    """Cancelled steps have ended, and late ends revive theirs."""
    scenario = Scenario(seed=3, nodes=60, branches=8, items=2, ending=ending)
    events = [decode(published.body, StreamId(at, 0)) for at, published in enumerate(simulate(scenario), 1)]
    whole = fold(empty("run"), events)
    for cut in range(0, len(events), 13):
        assert fold(fold(empty("run"), events[:cut]), events[cut:]) == whole
    assert_consistent(whole)
    ended = {event.facts.node_id: event.facts.status_after for event in events if isinstance(event.facts, StepFinished)}
    working = set(whole.run.working)
    assert {node_id: whole.nodes[str(node_id)].status for node_id in ended if node_id not in working} == {
        node_id: status for node_id, status in ended.items() if node_id not in working
    }
    outcomes = {span.outcome for span in spans_of(events).values()}
    assert outcomes == {Outcome.OK, Outcome.FAILED} | ({Outcome.OPEN} if ending == "killed" else set())


@given(histories(), histories(max_size=10))
def test_a_fold_does_not_change_the_state_that_it_starts_from(before: list[Event], after: list[Event]) -> None:
    state = fold(empty("run"), before)
    copied = deepcopy(state)
    fold(state, after)
    assert state == copied


@given(histories(), histories(max_size=10))
def test_a_change_contains_every_difference_between_the_states(before: list[Event], after: list[Event]) -> None:
    old = fold(empty("run"), before)
    accumulator = Accumulator.of(old)
    change = advance(accumulator, after)
    new = accumulator.state
    assert {node_id for node_id, node in new.nodes.items() if old.nodes.get(node_id) != node} <= change.nodes.keys()
    assert change.born == list(new.nodes)[len(old.nodes) :]
    assert change.edges == list(new.edges.values())[len(old.edges) :]
    for position, (node_id, _, status) in change.transitions.items():
        assert len(before) < position <= new.position
        assert status != old.nodes[node_id].status if position == min(change.transitions) and node_id in old.nodes else True


@given(histories())
def test_nodes_form_a_forest_and_counters_agree_with_the_nodes(events: list[Event]) -> None:
    assert_consistent(fold(empty("run"), events))


@given(histories())
def test_a_run_lists_its_working_nodes(events: list[Event]) -> None:
    """Each node once. The node of the latest event comes last."""
    state = empty("run")
    for event in events:
        before, state = state, fold(state, [event])
        working = {node.node_id for node in state.nodes.values() if node.working}
        active = state.run.working
        assert len(active) == len(working)
        assert set(active) == working
        if event.facts.subject in working:
            assert state.run.active[-1].node_id == event.facts.subject
        others = [node_id for node_id in before.run.working if node_id in working and node_id != active[-1]]
        assert [node_id for node_id in active if node_id in others] == others


def test_the_work_of_an_event_does_not_grow_with_the_number_of_open_steps() -> None:
    """Counted in calls of Python functions and generators, which are the same on every machine."""

    def calls(working: int) -> int:
        recorder = Recorder().run_started(parallel=True).root()
        for number in range(working):
            recorder.step_started(f"n{number}")
        begun = len(recorder.entries)
        recorder.llm(None).llm("n1").status("n2", "DOING").step("n3", "execute", after="DOING")
        events = recorder.events
        accumulator, seen = Accumulator.of(fold(empty("run"), events[:begun])), list[str]()
        sys.setprofile(lambda frame, event, argument: seen.append(event))
        try:
            advance(accumulator, events[begun:])
        finally:
            sys.setprofile(None)
        return len(seen)

    assert calls(500) == calls(10)


@given(histories())
def test_a_node_keeps_the_position_of_its_first_problem(events: list[Event]) -> None:
    """Also if the abort of a step is cancelled by a late end."""
    state, problems = empty("run"), dict[str, int]()
    for position, event in enumerate(events, 1):
        state = fold(state, [event])
        for node_id, node in state.nodes.items():
            if node.errors or node.aborted:
                problems.setdefault(node_id, position)
    assert {node_id: node.troubled for node_id, node in state.nodes.items() if node.troubled is not None} == problems


@given(histories())
def test_moves_give_the_parent_of_every_node_at_any_position(events: list[Event]) -> None:
    accumulator = Accumulator.of(empty("run"))
    moves = advance(accumulator, events).moves
    state = accumulator.state
    assert [move.position for move in moves] == sorted(move.position for move in moves)
    outers = {node_id: node.outer for node_id, node in state.nodes.items()}
    for move in reversed(moves):  # back to the first parents
        assert outers[move.node_id] == move.after
        assert move.position > state.nodes[move.node_id].born
        outers[move.node_id] = move.before
    left = list(moves)
    for position in range(len(events) + 1):
        while left and left[0].position <= position:
            move = left.pop(0)
            assert outers[move.node_id] == move.before != move.after
            outers[move.node_id] = move.after
        then = fold(empty("run"), events[:position]).nodes
        assert {node_id: outers[node_id] for node_id in then} == {node_id: node.outer for node_id, node in then.items()}


@given(histories(), histories())
def test_a_fold_over_lazy_mappings_gives_the_same_state(before: list[Event], after: list[Event]) -> None:
    state = fold(empty("run"), before)
    requested: set[str] = set()

    def fetch(node_ids: list[str]) -> dict[str, Node]:
        requested.update(node_ids)
        return {node_id: state.nodes[node_id] for node_id in node_ids if node_id in state.nodes}

    def fetch_edges(keys: list[EdgeKey]) -> dict[EdgeKey, Edge]:
        return {key: state.edges[key] for key in keys if key in state.edges}

    loading = Accumulator(state.run, LazyMapping(fetch), LazyMapping(fetch_edges))
    whole = Accumulator.of(state)
    assert advance(loading, after) == advance(whole, after)
    assert RunState(loading.run, {**state.nodes, **loading.nodes}, {**state.edges, **loading.edges}) == whole.state
    named = {node_id for event in after for node_id in event.facts.mentions}
    if not named:  # an event may still end the run or its open step
        assert requested <= {*state.run.working}


def assert_close(sums: Sums, parts: Sequence[Sums]) -> None:
    """The sums are those of the parts, up to rounding errors."""
    for name in Sums.__struct_fields__:
        assert getattr(sums, name) == pytest.approx(sum(getattr(part, name) for part in parts), rel=1e-9, abs=1e-3), name


def assert_consistent(state: RunState) -> None:
    run, nodes = state.run, state.nodes
    settled: set[str] = set()
    for node_id in nodes:
        path: list[str] = []
        at: str | None = node_id
        while at is not None and at not in settled:
            assert at not in path
            path.append(at)
            at = nodes[at].outer
        settled.update(path)
    held = [node.outer for node in nodes.values()]
    assert {node_id: node.children for node_id, node in nodes.items()} == {
        node_id: held.count(node_id) for node_id in nodes
    }
    assert (run.nodes, run.edges) == (len(nodes), len(state.edges))
    assert run.finished == sum(node.status == Status.FINISH for node in nodes.values())
    assert (run.steps, run.aborted) == (sum(n.steps for n in nodes.values()), sum(n.aborted for n in nodes.values()))
    stepping = [node.node_id for node in nodes.values() if node.step and node.step.open]
    assert run.parallel or len(stepping) <= 1
    roots = [node for node in nodes.values() if node.root == node.node_id]
    assert run.roots == len(roots)
    assert run.unfinished_roots == sum(node.status != Status.FINISH for node in roots)
    assert (run.root in nodes) == bool(roots)
    for node_id, node in nodes.items():
        inner = [other.total for other in nodes.values() if other.outer == node_id]
        assert_close(node.beneath or Sums(), inner)
    assert run.busy == pytest.approx(sum(node.busy for node in nodes.values()))
    works = {id_: node.work for id_, node in nodes.items() if node.working}
    assert {work.node_id: work for work in run.active} == works | ({None: run.work} if run.calls else {})
    assert all(node.troubled is not None for node in nodes.values() if node.errors or node.aborted)


@st.composite
def trees(draw: st.DrawFn) -> list[Event]:
    """The events that define a tree: each node is created, added, connected and possibly changes its status."""
    recorder = Recorder().root("n0")
    outer = {f"n{number}": f"n{draw(st.integers(0, number - 1))}" for number in range(1, draw(st.integers(2, 7)))}
    for node_id, owner in outer.items():
        recorder.node(owner, node_id) if draw(st.booleans()) else recorder.created(
            node_id, None, "A goal", node_id, layer=2
        )
        recorder.added(owner, node_id)
        if draw(st.booleans()):
            recorder.status(node_id, draw(st.sampled_from(("READY", "NEED_UPDATE"))))
        sibling = draw(st.sampled_from([other for other, its in outer.items() if its == owner]))
        recorder.edge(owner, node_id, sibling)
    for owner in sorted(set(outer.values())):
        recorder.built(owner, [node_id for node_id, its in outer.items() if its == owner])
    return recorder.events


@given(trees(), st.randoms(use_true_random=False))
def test_the_order_of_events_about_different_nodes_does_not_matter(events: list[Event], random: Random) -> None:
    shuffled = random.sample(events, len(events))
    assert unordered(fold(empty("run"), shuffled)) == unordered(fold(empty("run"), events))


def unordered(state: RunState) -> RunState:
    """The state without what depends on the order: the positions of the first events of nodes and edges, and repeated
    goals and depths, which are looked for when a node gets its place."""
    alarms = {sign: count for sign, count in state.run.alarms.items() if sign not in (Sign.GOAL, Sign.DEPTH)}
    nodes = {node_id: replace(node, born=0, repeats=None) for node_id, node in state.nodes.items()}
    edges = {key: replace(edge, born=0) for key, edge in state.edges.items()}
    return RunState(replace(state.run, alarms=alarms), nodes, edges)


@pytest.mark.parametrize("order", ["downwards", "upwards", "shuffled"])
def test_a_chain_of_ten_thousand_nodes_is_a_tree(order: str) -> None:
    recorder = Recorder().root("n0")
    for number in range(1, 10_000):
        recorder.node(f"n{number - 1}", f"n{number}", layer=number)
    events = recorder.events
    if order == "upwards":
        events.reverse()
    elif order == "shuffled":
        Random(7).shuffle(events)
    state = fold(empty("run"), events)
    assert [state.nodes[f"n{number}"].outer for number in range(1, 10_000)] == [f"n{number}" for number in range(9_999)]
    assert not any(node.loop for node in state.nodes.values())


def test_the_last_parent_of_a_cycle_is_recorded_as_loop() -> None:
    recorder = Recorder().node("c", "a").node("a", "b").node("b", "c").node("d", "d")
    nodes = recorder.state.nodes
    assert {node_id: (node.outer, node.loop) for node_id, node in nodes.items()} == {
        "a": ("c", None),
        "b": ("a", None),
        "c": (None, "b"),
        "d": (None, "d"),
    }
    assert_consistent(recorder.state)


def test_a_cycle_of_ten_thousand_nodes_is_broken_once() -> None:
    recorder = Recorder()
    for number in range(10_000):
        recorder.node(f"n{(number + 1) % 10_000}", f"n{number}")
    loops = [node.node_id for node in recorder.state.nodes.values() if node.loop]
    assert loops == ["n9999"]


def test_cycles_of_edges_do_not_change_the_tree() -> None:
    state = Recorder().root().edge("root", "a", "b").edge("root", "b", "a").edge("root", "a", "a").state
    assert (len(state.edges), state.nodes["a"].outer, state.nodes["b"].outer) == (3, "root", "root")


def test_a_root_that_a_graph_names_before_its_node_created_has_no_parent() -> None:
    named_first = Recorder().added("other", "root").root().state
    root_first = Recorder().root().added("other", "root").state
    for state in (named_first, root_first):
        assert (state.nodes["root"].outer, state.nodes["other"].children) == (None, 0)


def test_a_node_created_without_root_keeps_the_known_root() -> None:
    recorder = Recorder().root().step_started("a").emit("node_created", {"node_id": "a", "layer": 2})
    assert recorder.state.nodes["a"].root == "root"
