"""Queries of one run return the same as the fold of its events."""

from collections.abc import Callable, Iterable, Sequence
from itertools import islice, pairwise
from pathlib import Path
from random import Random

import pytest

from store.database import statement
from store.database.deletion import delete_run
from store.database.reader import Reader
from store.database.run_queries import RunQueries
from store.model.accumulator import Accumulator
from store.model.change import Change, Transition
from store.model.entry import Entry
from store.model.event import Event
from store.model.fold import advance, fold
from store.model.record import Mark, MoveRow, ShapePart
from store.model.state import Node, RunState, empty
from tests.recorder import Recorder, entry_of, events_of, state_of
from tests.tables import query, store
from tui.demo import Scenario, simulate

pytestmark = pytest.mark.usefixtures("small_past")


def entries_of(scenario: Scenario, events: int) -> list[Entry]:
    return [entry_of(event.body, at) for at, event in enumerate(islice(simulate(scenario), events), 1_000)]


def simulated() -> list[Entry]:
    return entries_of(Scenario(seed=8, nodes=30, ending="failing-branch", items=3), 400)


def shuffled() -> list[Entry]:
    """The same events in an order in which nodes move and steps are aborted."""
    entries = simulated()
    bodies = [entry.fields[b"json_payload"] for entry in entries]
    Random(3).shuffle(bodies)
    return [entry_of(body, at) for at, body in enumerate(bodies, 1_000)]


def short() -> list[Entry]:
    return Recorder().whole().run_error().entries


STREAMS: list[Callable[[], list[Entry]]] = [simulated, shuffled, short]


class Whole:
    """A stored run, its events and their fold."""

    def __init__(self, entries: Sequence[Entry], reader: Reader, key: int, keys: dict[str, int]) -> None:
        self.events: list[Event] = events_of(entries)
        accumulator = Accumulator.of(empty(self.events[0].run_id or ""))
        self.change: Change = advance(accumulator, self.events)
        self.state: RunState = accumulator.state
        self.run = RunQueries(reader, key)
        self.keys = keys
        """Keys of its nodes by id."""

    @property
    def there(self) -> range:
        """Positions from before the first event to beyond the last."""
        return range(-1, len(self.events) + 2)


@pytest.fixture(params=STREAMS, ids=lambda make: make.__name__)
async def whole(request: pytest.FixtureRequest, db: Path):  # type: ignore[no-untyped-def]
    entries = request.param()
    store(db, Recorder("before").whole().entries)
    store(db, entries)
    store(db, Recorder("after").whole().entries)
    async with Reader(db) as reader:
        run_id = events_of(entries)[0].run_id or ""
        key = (await reader.find(run_id)).key
        keys: dict[str, int] = dict(query(db, "SELECT node_id, key FROM node WHERE run = ?", key))
        yield Whole(entries, reader, key, keys)


def nearest(positions: Iterable[int], here: int, step: int) -> int | None:
    """The next or previous one of these positions."""
    if step > 0:
        return min((position for position in positions if position > here), default=None)
    return max((position for position in positions if position < here), default=None)


# Positions and times


@pytest.mark.parametrize("step", [1, -1])
async def test_failed_returns_the_nearest_event_that_reports_an_error(whole: Whole, step: int) -> None:
    failed = [position for position, event in enumerate(whole.events, 1) if event.facts.failed]
    assert failed
    for here in whole.there:
        assert await whole.run.failed(here, step) == nearest(failed, here, step)


@pytest.mark.parametrize("step", [1, -1])
async def test_alike_returns_the_nearest_event_of_the_same_type(whole: Whole, step: int) -> None:
    for here in whole.there:
        known = 1 <= here <= len(whole.events)
        alike = [at for at, event in enumerate(whole.events, 1) if known and event.type == whole.events[here - 1].type]
        assert await whole.run.alike(here, step) == nearest(alike, here, step)


def turns(whole: Whole, node_id: str) -> list[int]:
    """Positions at which a step of a node begins or ends, or its status changes."""
    found = []
    for position, event in enumerate(whole.events, 1):
        transition: Transition | None = whole.change.transitions.get(position)
        changes = transition is not None and transition.node_id == node_id
        if changes or (event.facts.subject == node_id and event.type in ("step_started", "step_finished")):
            found.append(position)
    return found


@pytest.mark.parametrize("step", [1, -1])
async def test_boundaries_of_a_node_are_its_steps_and_status_changes(whole: Whole, step: int) -> None:
    for node_id, key in Random(1).sample(sorted(whole.keys.items()), min(len(whole.keys), 12)):
        positions = turns(whole, node_id)
        for here in {here + near for here in [0, *positions, len(whole.events)] for near in (-1, 0, 1)}:
            assert await whole.run.boundary(key, here, step) == nearest(positions, here, step)


async def test_boundaries_equal_the_fold_after_a_rebuild(db: Path) -> None:
    """A run with an inferred id is merged into the one that it belongs to."""
    made = Recorder(None, name="A").root("a").plan("a", "b", "c").step_started("b").status("b", "READY")
    made.status("b", "READY")
    made.run_id = "A"
    made.step_finished("b", "plan", after="DOING").step("b", "plan", after="DOING")
    store(db, made.entries)
    async with Reader(db) as reader:
        run = RunQueries(reader, (await reader.find("A")).key)
        keys = await run.keys(["a", "b", "c"])
        for node_id, key in keys.items():
            wanted = turns(Whole(made.entries, reader, run.key, keys), node_id)
            here, found = 0, []
            while (here := await run.boundary(key, here, 1) or 0) > 0:
                found.append(here)
            assert found == wanted
        assert wanted


@pytest.mark.parametrize("whole", [simulated, short], ids=["simulated", "short"], indirect=True)
async def test_after_time_returns_the_first_later_event(whole: Whole) -> None:
    times = [event.time for event in whole.events]
    random = Random(2)
    for time in [
        min(times) - 1,
        *random.sample(times, 20),
        *(time + 0.001 for time in random.sample(times, 20)),
        max(times),
    ]:
        for first, last in ((1, len(times)), (10, 30), (30, 10), (len(times), len(times) + 50)):
            later = [at for at in range(first, min(last, len(times)) + 1) if times[at - 1] > time]
            wanted = (later[0], times[later[0] - 1]) if later else None
            assert await whole.run.after_time(time, first, last) == wanted


async def test_after_time_accepts_times_that_go_back(whole: Whole) -> None:
    times = [event.time for event in whole.events]
    for first, last in ((1, 7), (0, 3), (5, 5), (7, 3), (len(times), len(times) + 9)):
        assert await whole.run.times(first, last) == times[max(first, 1) - 1 : last]
    for after, limit in ((0, 7), (3, 10_000), (len(times), 5)):
        assert await whole.run.outlines(after, limit) == [
            (position, event.time, event.facts.failed, event.type)
            for position, event in list(enumerate(whole.events, 1))[after : after + limit]
        ]


# Nodes


async def test_nodes_with_errors_equal_those_of_the_fold(whole: Whole) -> None:
    found = await whole.run.with_errors()
    assert found == sorted(found)
    assert set(found) == {whole.keys[node.node_id] for node in whole.state.nodes.values() if node.errors or node.aborted}


async def test_nodes_are_returned_by_key(whole: Whole, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statement, "VALUES_PER_STATEMENT_MAX", 3)
    assert await whole.run.keys(whole.state.nodes) == whole.keys
    assert await whole.run.keys(["nobody", *whole.keys]) == whole.keys
    found = await whole.run.nodes([*whole.keys.values(), 1_000_000])
    assert {node.node_id: node for node in found.values()} == whole.state.nodes
    assert {key: node.node_id for key, node in found.items()} == {key: node_id for node_id, key in whole.keys.items()}
    assert (await whole.run.nodes([]), await whole.run.keys([])) == ({}, {})


async def test_keys_finds_no_nodes_of_other_runs(whole: Whole) -> None:
    found = await whole.run.keys(["root", "search", "write"])
    assert set(found) == {"root", "search", "write"} & set(whole.keys)
    assert set(found.values()) <= set(whole.keys.values())


async def test_kinds_returns_node_type_and_task_type(whole: Whole) -> None:
    assert await whole.run.kinds(list(whole.keys.values())) == {
        whole.keys[node_id]: (node.node_type, node.task_type) for node_id, node in whole.state.nodes.items()
    }
    assert await whole.run.kinds([]) == {}


@pytest.mark.parametrize(
    "words", [(), ("e",), ("E",), ("1",), ("write", "1"), ("-",), ("%",), ("_",), ("\\",), ("no such",)]
)
async def test_called_finds_words_in_goal_nid_and_id(whole: Whole, words: tuple[str, ...]) -> None:
    def is_called(node: Node, word: str) -> bool:
        names = (node.goal, node.latest_goal, node.nid, node.node_id)
        return any(word.lower() in name.lower() for name in names if name)

    nodes = whole.state.nodes
    wanted = [key for node_id, key in whole.keys.items() if all(is_called(nodes[node_id], word) for word in words)]
    assert await whole.run.called(words) == sorted(wanted)


async def test_shape_has_the_nodes_in_order_of_birth(whole: Whole) -> None:
    part = await whole.run.shape()
    nodes = list(whole.state.nodes.values())
    assert part.keys == [whole.keys[node.node_id] for node in nodes]
    assert part.outers == [None if node.outer is None else whole.keys[node.outer] for node in nodes]
    assert part.born == [node.born for node in nodes]
    assert part.keys == sorted(part.keys)
    assert part.born == sorted(part.born)
    executions = [whole.keys[node.node_id] for node in nodes if (node.node_type, node.nid) == ("EXECUTE_NODE", "0")]
    assert part.executions == executions
    for at in (0, 1, len(nodes) - 1):
        after = part.keys[at]
        later = [key for key in executions if key > after]
        rest = ShapePart(part.keys[at + 1 :], part.outers[at + 1 :], part.born[at + 1 :], later)
        assert await whole.run.shape(after) == rest


async def test_moves_are_in_the_order_of_their_events(whole: Whole) -> None:
    def key(node_id: str | None) -> int | None:
        return None if node_id is None else whole.keys[node_id]

    moves = [
        MoveRow(move.position, whole.keys[move.node_id], key(move.before), key(move.after)) for move in whole.change.moves
    ]
    assert await whole.run.moves() == moves
    for after in (0, len(whole.events) // 2, len(whole.events)):
        assert await whole.run.moves(after) == [move for move in moves if move.position > after]


@pytest.mark.parametrize("whole", [shuffled], ids=["shuffled"], indirect=True)
async def test_the_strange_order_moves_nodes(whole: Whole) -> None:
    assert len(await whole.run.moves()) > 10


@pytest.mark.parametrize("whole", [simulated, short], ids=["simulated", "short"], indirect=True)
async def test_edges_are_those_of_the_graph_of_a_node(whole: Whole) -> None:
    edges = whole.state.edges.values()
    for node_id in whole.keys:
        owners = {edge.key.owner for edge in edges if node_id in (edge.key.parent, edge.key.child)}
        for position in (0, len(whole.events) // 2, len(whole.events)):
            found = await whole.run.edges(node_id, position)
            wanted = {edge.key for edge in edges if edge.key.owner in owners and edge.born <= position}
            assert len(found) == len(set(found))
            assert not owners or set(found) == wanted


async def test_all_edges_equal_those_of_the_fold(whole: Whole) -> None:
    for position in (0, len(whole.events) // 2, len(whole.events)):
        then = fold(empty(whole.state.run.run_id), whole.events[:position])
        found = await whole.run.all_edges(position)
        assert list(found.items()) == list(then.edges.items())


# Checkpoints


async def test_marks_equal_the_counters_of_the_fold(whole: Whole) -> None:
    marks = await whole.run.marks()
    assert len(marks) > 3
    assert {after.position - before.position for before, after in pairwise([Mark(0, 0.0), *marks])} == {4}
    for mark in marks:
        run = fold(empty(whole.state.run.run_id), whole.events[: mark.position]).run
        counts = (run.nodes, run.errors, run.llm_calls, run.tool_calls, run.tokens_in, run.tokens_out)
        assert mark == Mark(mark.position, run.latest or 0.0, *counts)
    assert await whole.run.marks(9) == marks[2:]


# Deleted runs


async def test_queries_of_a_deleted_run_return_nothing(db: Path) -> None:
    made = Recorder().whole()
    store(db, made.entries)
    async with Reader(db) as reader:
        run = RunQueries(reader, (await reader.find("run")).key)
        keys = list((await run.keys(made.state.nodes)).values())
        delete_run(db, "run")
        assert await reader.run(run.key) is None
        assert [*await run.shape()] == [[], [], [], []]
        assert (await run.nodes(keys), await run.kinds(keys), await run.all_edges(99)) == ({}, {}, {})
        assert [await run.moves(), await run.marks(), await run.events(1, 99), await run.with_errors()] == [[], [], [], []]
        assert [await run.failed(0, 1), await run.alike(1, 1), await run.boundary(keys[0], 0, 1)] == [None, None, None]
        assert await run.after_time(0.0, 1, 99) is None


def test_the_streams_have_errors_aborted_steps_and_subtrees() -> None:
    """Otherwise the tests of this module prove nothing."""
    state = state_of(simulated())
    assert state.run.errors
    assert state.run.aborted
    assert any(node.outer for node in state.nodes.values())
