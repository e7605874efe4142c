"""What is true of the fold, whatever agents publish and in which order."""

from copy import deepcopy
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from store.events import Event
from store.fetching import Fetching
from store.fold import Draft, advance, fold
from store.state import Edge, EdgeKey, Node, RunState, Status, empty
from tests.recorder import Recorder
from tests.strategies import histories


@given(histories(), st.data())
def test_folding_may_be_broken_off_and_taken_up_anywhere(events: list[Event], data: st.DataObject) -> None:
    whole = fold(empty("run"), events)
    for cut in range(len(events) + 1):
        assert fold(fold(empty("run"), events[:cut]), events[cut:]) == whole


@given(histories(), histories(max_size=10))
def test_a_state_that_was_given_out_never_changes(before: list[Event], after: list[Event]) -> None:
    state = fold(empty("run"), before)
    copied = deepcopy(state)
    fold(state, after)
    assert state == copied


@given(histories(), histories(max_size=10))
def test_what_changed_is_said(before: list[Event], after: list[Event]) -> None:
    old = fold(empty("run"), before)
    new, change = advance(old, after)
    assert {node_id for node_id, node in new.nodes.items() if old.nodes.get(node_id) != node} <= change.nodes.keys()
    assert change.born == list(new.nodes)[len(old.nodes) :]
    assert change.edges == list(new.edges.values())[len(old.edges) :]
    for position, (node_id, _, status) in change.transitions.items():
        assert len(before) < position <= new.position
        assert status != old.nodes[node_id].status if position == min(change.transitions) and node_id in old.nodes else True


@given(histories())
def test_the_tree_is_a_forest_and_the_counts_are_right(events: list[Event]) -> None:
    assert_whole(fold(empty("run"), events))


@given(histories())
def test_who_is_at_work_is_said_by_the_run(events: list[Event]) -> None:
    """Each once; the one whose step or call began with an event comes last."""
    state = empty("run")
    for event in events:
        before, state = state, fold(state, [event])
        working = {node.node_id for node in state.nodes.values() if node.working}
        assert len(state.run.active) == len(working)
        assert set(state.run.active) == working
        fresh = working - set(before.run.active)
        assert set(state.run.active[len(state.run.active) - len(fresh) :]) == fresh


@given(histories())
def test_trouble_is_remembered_from_when_it_began(events: list[Event]) -> None:
    """A step that was called aborted and was only late is no trouble any more, but it was."""
    state, troubled = empty("run"), dict[str, int]()
    for position, event in enumerate(events, 1):
        state = fold(state, [event])
        for node_id, node in state.nodes.items():
            if node.errors or node.aborted:
                troubled.setdefault(node_id, position)
    assert {node_id: node.troubled for node_id, node in state.nodes.items() if node.troubled is not None} == troubled


@given(histories())
def test_moves_tell_where_every_node_was_at_any_time(events: list[Event]) -> None:
    state, change = advance(empty("run"), events)
    moves = change.moves
    assert [move.position for move in moves] == sorted(move.position for move in moves)
    outers = {node_id: node.outer for node_id, node in state.nodes.items()}
    for move in reversed(moves):  # back to where each was born
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
def test_it_may_be_folded_with_what_it_asks_for_in_memory(before: list[Event], after: list[Event]) -> None:
    state = fold(empty("run"), before)
    asked: set[str] = set()

    def fetch(node_ids: list[str]) -> dict[str, Node]:
        asked.update(node_ids)
        return {node_id: state.nodes[node_id] for node_id in node_ids if node_id in state.nodes}

    def fetch_edges(keys: list[EdgeKey]) -> dict[EdgeKey, Edge]:
        return {key: state.edges[key] for key in keys if key in state.edges}

    draft = Draft(state.run, Fetching(fetch), Fetching(fetch_edges))
    change = draft.advance(after)
    whole, wanted = advance(state, after)
    assert RunState(draft.run, {**state.nodes, **draft.nodes}, {**state.edges, **draft.edges}) == whole
    assert change == wanted
    named = {node_id for event in after for node_id in event.facts.mentions}
    if not named:  # it may still end the run, or the step of somebody
        assert asked <= {*state.run.active, state.run.stepping}


def assert_whole(state: RunState) -> None:
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
    assert [n.node_id for n in nodes.values() if n.step and n.step.open] == ([run.stepping] if run.stepping else [])
    assert all(nodes[root].root == root for root in run.roots)
    assert sorted(run.active) == sorted(node.node_id for node in nodes.values() if node.working)
    assert all(node.troubled is not None for node in nodes.values() if node.errors or node.aborted)


@st.composite
def trees(draw: st.DrawFn) -> list[Event]:
    """All that is said about the structure of a tree, each node being announced, added, linked and moved on once."""
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
def test_the_order_of_what_is_said_about_different_nodes_does_not_matter(events: list[Event], random: Random) -> None:
    shuffled = random.sample(events, len(events))
    assert unordered(fold(empty("run"), shuffled)) == unordered(fold(empty("run"), events))


def unordered(state: RunState) -> RunState:
    """What must not depend on the order: all but the positions at which nodes and edges were first heard of."""
    nodes = {node_id: replace(node, born=0) for node_id, node in state.nodes.items()}
    edges = {key: replace(edge, born=0) for key, edge in state.edges.items()}
    return RunState(state.run, nodes, edges)


@pytest.mark.parametrize("order", ["downwards", "upwards", "shuffled"])
def test_a_chain_of_ten_thousand_is_a_tree(order: str) -> None:
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


def test_a_circle_of_nodes_is_broken_where_it_would_close() -> None:
    recorder = Recorder().node("c", "a").node("a", "b").node("b", "c").node("d", "d")
    nodes = recorder.state.nodes
    assert {node_id: (node.outer, node.loop) for node_id, node in nodes.items()} == {
        "a": ("c", None),
        "b": ("a", None),
        "c": (None, "b"),
        "d": (None, "d"),
    }
    assert_whole(recorder.state)


def test_a_circle_of_ten_thousand_is_broken() -> None:
    recorder = Recorder()
    for number in range(10_000):
        recorder.node(f"n{(number + 1) % 10_000}", f"n{number}")
    loops = [node.node_id for node in recorder.state.nodes.values() if node.loop]
    assert loops == ["n9999"]


def test_edges_in_circles_are_only_edges() -> None:
    state = Recorder().root().edge("root", "a", "b").edge("root", "b", "a").edge("root", "a", "a").state
    assert (len(state.edges), state.nodes["a"].outer, state.nodes["b"].outer) == (3, "root", "root")


def test_whom_a_graph_names_before_it_is_known_for_a_root_is_a_root() -> None:
    named_first = Recorder().added("other", "root").root().state
    root_first = Recorder().root().added("other", "root").state
    for state in (named_first, root_first):
        assert (state.nodes["root"].outer, state.nodes["other"].children) == (None, 0)


def test_a_late_announcement_does_not_forget_the_root() -> None:
    recorder = Recorder().root().step_started("a").emit("node_created", {"node_id": "a", "layer": 2})
    assert recorder.state.nodes["a"].root == "root"
