"""A moment equals the fold of the events up to its position, whatever positions were visited before."""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from itertools import islice
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from store.database.deletion import delete_run
from store.database.history import History
from store.database.moment import Moment
from store.database.reader import Reader
from store.errors import FileBusy, RunChanged, RunUnknown
from store.model.entry import Entry
from store.model.fold import fold
from store.model.state import empty
from tests.recorder import Recorder, entry_of, spans_of
from tests.strategies import streams
from tests.tables import events_of, query, state_of, store, store_in_parts
from tui.demo import Scenario, simulate
from tui.models.outline import Outline

pytestmark = pytest.mark.usefixtures("small_past")


class Onlooker:
    """Keeps a tree in step with a moment, as a screen does, and compares both with the fold of the published events."""

    def __init__(self, path: Path, moment: Moment) -> None:
        self.path = path
        self.moment = moment
        self.tree = Outline()
        self.opened = 0

    async def open(self) -> None:
        self.tree.load(await self.moment.load())
        self.opened += 1

    async def go(self, position: int | None) -> None:
        """Go to a position, or to now (None), and compare."""
        self.moment.seek(position)
        changes = await self.moment.refresh()
        while changes is None:
            await self.open()
            changes = await self.moment.refresh()
        tree, horizon = self.tree, self.moment.horizon
        if changes.parents:
            tree.append(changes.parents)
        if horizon > tree.horizon:
            tree.set_horizon(horizon)
        for node, parent in changes.moves:
            tree.move(node, parent)
        tree.set_horizon(horizon)
        await self.check()

    async def check(self) -> None:
        moment, tree = self.moment, self.tree
        events = events_of(self.path, moment.run_id)
        position = len(events) if moment.position is None else moment.position
        wanted = fold(empty(moment.run_id), events[:position])
        nodes = list(wanted.nodes.values())
        number = {node.node_id: at for at, node in enumerate(nodes)}
        assert moment.end == len(events)
        assert moment.run == wanted.run
        assert (moment.horizon, tree.horizon, tree.total) == (len(nodes), len(nodes), len(moment.shape))
        asked = Random(position).sample(range(len(moment.shape)), len(moment.shape))
        assert await moment.nodes(asked) == dict(enumerate(nodes))
        assert [tree.parent(at) for at in range(len(nodes))] == [
            -1 if node.outer is None else number[node.outer] for node in nodes
        ]
        spans = [span for _, span in sorted(spans_of(events[:position]).items()) if span.withdrawn is None]
        own = {at: [span for span in spans if span.node_id == node.node_id] for at, node in enumerate(nodes)}
        assert await moment.spans(asked) == {at: found for at, found in own.items() if found}
        assert await moment.queries.all_spans(0, position) == (position, spans)
        assert sorted(row.node for row in tree.rows(0, len(tree))) == list(range(len(nodes)))
        assert await moment.with_errors() == [at for at, node in enumerate(nodes) if node.errors or node.aborted]
        assert await moment.numbers(["unknown", *reversed(number), "unknown"]) == list(reversed(number.values()))
        active = moment.run.working
        assert moment.run.active == wanted.run.active
        assert await moment.numbers(active) == [number[node_id] for node_id in active]
        assert await state_of(moment) == wanted


async def walk(path: Path, run_id: str, positions: Iterable[int | None]) -> None:
    """Go to these positions of a run that does not change, one after the other."""
    async with Reader(path) as reader:
        moment = Moment(reader, run_id)
        onlooker = Onlooker(path, moment)
        await onlooker.open()
        for position in positions:
            await onlooker.go(position)
        assert onlooker.opened == 1


def run_ids(path: Path) -> list[str]:
    return [run_id for (run_id,) in query(path, "SELECT run_id FROM run ORDER BY key")]


# Stored runs


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(streams("run", "other", None, max_size=50), st.randoms(use_true_random=False))
def test_every_position_equals_the_fold_of_the_events_up_to_it(entries: list[Entry], random: Random) -> None:
    """For any events in any order, and for positions in any order."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "x.db")
        store(path, entries)
        for run_id in run_ids(path):
            there = range(len(events_of(path, run_id)) + 1)
            asyncio.run(walk(path, run_id, [None, *random.choices([*there, None], k=12), *there, None, *there[::-1]]))


async def test_an_aborted_step_is_an_error_until_its_late_end(db: Path) -> None:
    made = Recorder().root("book").node("book", "late").node("book", "bad").step_started("late").step_started("bad")
    made.emit("step_finished", {"node_id": "late", "step": 0, "action_name": "plan", "status_after": "FINISH"})
    store(db, made.llm("bad", error="timeout").entries)
    found = []
    async with Reader(db) as reader:
        moment = Moment(reader, "run")
        await moment.load()
        for position in (4, 5, 6, 8, None):
            moment.seek(position)
            await moment.refresh()
            found.append(await moment.with_errors())
    assert found == [[], [1], [], [2], [2]]


@pytest.mark.parametrize("branches", [0, 8])
async def test_positions_of_a_simulated_run_equal_the_fold(db: Path, branches: int) -> None:
    scenario = Scenario(seed=3, nodes=30, branches=branches, items=2, ending="failing-branch")
    bodies = [event.body for event in islice(simulate(scenario), 260)]
    store(db, [entry_of(body, at) for at, body in enumerate(bodies, 1_000)])
    (run_id,) = run_ids(db)
    await walk(db, run_id, [*range(0, 261, 7), None, *range(260, -1, -7), *Random(1).sample(range(261), 30)])


@pytest.mark.parametrize("branches", [0, 8])
async def test_positions_of_a_shuffled_simulated_run_equal_the_fold(db: Path, branches: int) -> None:
    """Nodes are named long before they are created, and move."""
    bodies = [event.body for event in islice(simulate(Scenario(seed=5, nodes=30, branches=branches)), 260)]
    Random(7).shuffle(bodies)
    store(db, [entry_of(body, at) for at, body in enumerate(bodies, 1_000)])
    (run_id,) = run_ids(db)
    assert query(db, "SELECT count(*) > 10 FROM move") == [(1,)]
    await walk(db, run_id, [None, *range(0, 261, 9), None, *range(260, -1, -9), *Random(1).sample(range(261), 30)])


async def test_positions_of_a_short_run_in_many_orders_equal_the_fold(tmp_path: Path) -> None:
    for seed in range(5):
        db, entries = tmp_path / f"{seed}.db", list(Recorder().whole().entries)
        Random(seed).shuffle(entries)
        store(db, [entry_of(entry.fields[b"json_payload"], at) for at, entry in enumerate(entries, 1)])
        there = range(len(entries) + 1)
        await walk(db, "run", [*there, *there[::-1], *Random(seed).sample(there, 20), None])


async def test_positions_of_a_recorded_run_equal_the_fold(db: Path, recorded: list[Entry]) -> None:
    store(db, recorded)
    for run_id in run_ids(db):
        there = range(len(events_of(db, run_id)) + 1)
        await walk(db, run_id, [None, *there, None, *there[::-1], *Random(2).choices(there, k=30)])


# Growing runs


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(streams("run", "other", max_size=50), st.randoms(use_true_random=False))
def test_refresh_of_a_growing_run_equals_the_fold(entries: list[Entry], random: Random) -> None:
    """From now or from the past, after any number of further events."""

    async def watch(path: Path) -> None:
        async with Reader(path) as reader:
            onlookers: dict[str, Onlooker] = {}
            for _ in store_in_parts(path, entries, random):
                for run_id in run_ids(path):
                    if run_id not in onlookers:
                        onlookers[run_id] = Onlooker(path, Moment(reader, run_id))
                        await onlookers[run_id].open()
                    if random.random() < 0.7:
                        await onlookers[run_id].go(random.choice([None, random.randint(0, onlookers[run_id].moment.end)]))
            for onlooker in onlookers.values():
                await onlooker.go(None)
                assert onlooker.opened == 1

    with TemporaryDirectory() as folder:
        path = Path(folder, "x.db")
        store(path, [])
        asyncio.run(watch(path))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(streams("run", None, max_size=40), st.randoms(use_true_random=False))
def test_refresh_of_a_rebuilt_run_asks_for_a_load(entries: list[Entry], random: Random) -> None:
    """Events of runs with inferred ids are reassigned; such runs are rebuilt, renamed or deleted."""

    async def watch(path: Path) -> None:
        async with Reader(path) as reader:
            onlookers: dict[str, Onlooker] = {}
            for _ in store_in_parts(path, entries, random):
                there = run_ids(path)
                for run_id in [*there, *onlookers]:
                    if run_id not in onlookers:
                        onlookers[run_id] = Onlooker(path, Moment(reader, run_id))
                        await onlookers[run_id].open()
                    position = random.choice([None, random.randint(0, onlookers[run_id].moment.end)])
                    if run_id in there:
                        try:
                            await onlookers[run_id].go(position)
                        except RunUnknown:  # deleted, and another one has its id
                            del onlookers[run_id]
                    else:
                        onlooker = onlookers.pop(run_id)
                        with suppress(RunUnknown):
                            await onlooker.go(position)
                            assert onlooker.moment.run_id in there, "else it has another id"

    with TemporaryDirectory() as folder:
        path = Path(folder, "x.db")
        store(path, [])
        asyncio.run(watch(path))


async def test_refresh_in_the_past_reads_further_events(db: Path) -> None:
    """Event by event, at positions before the end."""
    made = Recorder().whole()
    store(db, made.entries[:3])
    async with Reader(db) as reader:
        moment = Moment(reader, "run")
        onlooker = Onlooker(db, moment)
        await onlooker.open()
        for number, entry in enumerate(made.entries[3:], 3):
            store(db, [entry])
            await onlooker.go((None, 2, number // 2, number)[number % 4])
        await onlooker.go(None)


async def test_new_nodes_that_moved_have_the_parent_at_the_position(db: Path) -> None:
    made = Recorder().root().node("root", "a")
    store(db, made.entries)
    async with Reader(db) as reader:
        moment = Moment(reader, "run")
        onlooker = Onlooker(db, moment)
        await onlooker.open()
        await onlooker.go(1)
        made.status("late", "READY").node("late", "deep").node("a", "late").node("root", "late")
        store(db, made.entries)
        for position in (1, 4, 5, 3, 6, 2, None, 0, 5):
            await onlooker.go(position)


# Rebuilt, renamed and deleted runs


async def test_a_position_beyond_the_end_of_a_rebuilt_run_is_its_end(db: Path) -> None:
    """Events of the run are reassigned to another one, so that it is shorter."""
    other = Recorder("B").run_started().root("b")
    mine = Recorder("A", beside=other).nameless().root("a").step_started("a")
    store(db, other.entries)
    async with Reader(db) as reader:
        moment = Moment(reader, "B")
        onlooker = Onlooker(db, moment)
        await onlooker.open()
        await onlooker.go(4)
        assert moment.run.nodes == 2
        mine.run_id = "A"
        mine.step_finished("a", "plan", after="PLAN_DONE")
        store(db, other.entries[-1:])
        assert await moment.refresh() is None
        await onlooker.open()
        assert moment.end == 2
        assert await moment.refresh() is not None
        await onlooker.check()
        assert (onlooker.opened, moment.position) == (2, 2)


async def test_a_moment_follows_a_run_to_its_published_id(db: Path) -> None:
    made = Recorder(run_id=None).root().step("root", "plan", after="DOING")
    store(db, made.entries)
    async with Reader(db) as reader:
        moment = Moment(reader, "auto-root")
        onlooker = Onlooker(db, moment)
        await onlooker.open()
        await onlooker.go(2)
        named = Recorder(run_id="named", beside=made).step("root", "execute", after="FINISH")
        store(db, named.entries[3:])
        await onlooker.go(4)
        await onlooker.go(None)
        assert (moment.run_id, moment.run.run_id, onlooker.opened) == ("named", "named", 1)


@pytest.mark.parametrize("position", [None, 0, 7])
async def test_refresh_of_a_deleted_run_raises_and_keeps_the_last_state(db: Path, position: int | None) -> None:
    store(db, Recorder().whole().entries)
    async with Reader(db) as reader:
        moment = Moment(reader, "run")
        onlooker = Onlooker(db, moment)
        await onlooker.open()
        await onlooker.go(position)
        before = moment.run
        delete_run(db, "run")
        for _ in range(2):
            with pytest.raises(RunUnknown, match="was deleted; its last state is shown"):
                await moment.refresh()
        assert moment.run == before


@pytest.mark.parametrize("position", [None, 7])
async def test_nodes_of_a_deleted_run_cannot_be_read(db: Path, position: int | None) -> None:
    store(db, Recorder().whole().entries)
    async with Reader(db) as reader:
        moment = Moment(reader, "run")
        await moment.load()
        moment.seek(position)
        await moment.refresh()
        delete_run(db, "run")
        with pytest.raises(RunChanged, match="run run: was deleted or rebuilt; open it again"):
            await moment.nodes([0])


async def test_load_of_an_unknown_run_raises(db: Path) -> None:
    store(db, Recorder().whole().entries)
    async with Reader(db) as reader:
        with pytest.raises(RunUnknown, match="there is no run 'walk'"):
            await Moment(reader, "walk").load()


async def test_a_failed_refresh_loses_no_changes(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file may be busy; the next refresh returns the changes."""
    made = Recorder().root().node("root", "a").node("a", "b")
    store(db, made.entries)
    async with Reader(db) as reader:
        moment = Moment(reader, "run")
        onlooker = Onlooker(db, moment)
        await onlooker.open()
        await onlooker.go(2)
        store(db, made.node("b", "c").node("root", "b").entries)

        def busy(self: History, position: int) -> set[str]:
            raise FileBusy("not now")

        with monkeypatch.context() as patch:
            patch.setattr(History, "seek", busy)
            moment.seek(3)
            with pytest.raises(FileBusy):
                await moment.refresh()
        for position in (3, None, 1):
            await onlooker.go(position)


# Bounds


async def test_seek_limits_the_position_to_the_run(db: Path) -> None:
    made = Recorder().whole()
    store(db, made.entries)
    async with Reader(db) as reader:
        moment = Moment(reader, "run")
        await moment.load()
        for asked, given in ((-5, 0), (0, 0), (7, 7), (10_000, len(made.entries)), (None, None)):
            moment.seek(asked)
            await moment.refresh()
            assert (moment.position, moment.run.events) == (given, len(made.entries) if given is None else given)


async def test_nodes_leaves_out_nodes_not_born_yet(db: Path) -> None:
    store(db, Recorder().root().node("root", "a").node("root", "b").entries)
    async with Reader(db) as reader:
        moment = Moment(reader, "run")
        await moment.load()
        moment.seek(2)
        await moment.refresh()
        assert {number: node.node_id for number, node in (await moment.nodes([2, 1, 0])).items()} == {0: "root", 1: "a"}
        assert await moment.numbers(["b", "a"]) == [1]
        assert await moment.numbers([]) == []
        assert moment.shape.numbers([moment.shape.keys[2], 10_000, moment.shape.keys[0]]) == [2, 0]
