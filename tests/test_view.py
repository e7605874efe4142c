"""A run as a screen looks at it: wherever it looks and however it got there, it sees the fold of the events up to there."""

import asyncio
from collections.abc import Iterable
from contextlib import AsyncExitStack
from itertools import islice
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from store.cursor import Entry
from store.deletion import delete_run
from store.errors import FileBusy, RunUnknown
from store.fold import fold
from store.history import RunHistory
from store.reader import Reader
from store.simulator import Scenario, simulate
from store.state import empty
from store.view import View
from tests.recorder import Recorder, entry_of
from tests.strategies import streams
from tests.tables import events_of, query, store, store_in_parts
from tui.models.outline import Outline

pytestmark = pytest.mark.usefixtures("small_past")


class Onlooker:
    """Keeps a tree in step with a view, as a screen does, and compares everything with the fold of what was published."""

    def __init__(self, path: Path, view: View) -> None:
        self.path = path
        self.view = view
        self.tree = Outline()
        self.opened = 0

    async def open(self) -> None:
        self.tree.load(await self.view.open())
        self.opened += 1

    async def go(self, position: int | None) -> None:
        """Look at a position, or at the end, and check all that there is to see."""
        self.view.go(position)
        placed = await self.view.look()
        while placed is None:
            await self.open()
            placed = await self.view.look()
        tree, horizon = self.tree, self.view.horizon
        if placed.parents:
            tree.append(placed.parents)
        if horizon > tree.horizon:
            tree.set_horizon(horizon)
        for node, parent in placed.moves:
            tree.move(node, parent)
        tree.set_horizon(horizon)
        await self.check()

    async def check(self) -> None:
        view, tree = self.view, self.tree
        events = events_of(self.path, view.run_id)
        position = len(events) if view.position is None else view.position
        wanted = fold(empty(view.run_id), events[:position])
        nodes = list(wanted.nodes.values())
        number = {node.node_id: at for at, node in enumerate(nodes)}
        assert (view.end, view.at_end) == (len(events), view.position is None)
        assert view.run == wanted.run
        assert (view.horizon, tree.horizon, tree.total) == (len(nodes), len(nodes), len(view.shape))
        asked = Random(position).sample(range(len(view.shape)), len(view.shape))
        assert await view.nodes(asked) == dict(enumerate(nodes))
        assert [tree.parent(at) for at in range(len(nodes))] == [
            -1 if node.outer is None else number[node.outer] for node in nodes
        ]
        assert sorted(row.node for row in tree.rows(0, len(tree))) == list(range(len(nodes)))
        assert await view.numbers(["nobody", *reversed(number), "nobody"]) == list(reversed(number.values()))
        assert await view.numbers(list(view.run.active)) == [number[node_id] for node_id in wanted.run.active]
        assert await view.state() == wanted


async def walk(path: Path, run_id: str, positions: Iterable[int | None]) -> None:
    """Look at these positions of a run that does not change, one after the other."""
    async with Reader(path) as reader, View(reader, run_id) as view:
        onlooker = Onlooker(path, view)
        await onlooker.open()
        for position in positions:
            await onlooker.go(position)
        assert onlooker.opened == 1


def run_ids(path: Path) -> list[str]:
    return [run_id for (run_id,) in query(path, "SELECT run_id FROM run ORDER BY key")]


# A run that does not change


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(streams("run", "other", None, max_size=50), st.randoms(use_true_random=False))
def test_every_position_is_the_fold_of_the_events_up_to_it(entries: list[Entry], random: Random) -> None:
    """Whatever is published in whichever order, and whichever way one walks."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "x.db")
        store(path, entries)
        for run_id in run_ids(path):
            there = range(len(events_of(path, run_id)) + 1)
            asyncio.run(walk(path, run_id, [None, *random.choices([*there, None], k=12), *there, None, *there[::-1]]))


async def test_a_simulated_run(db: Path) -> None:
    bodies = [event.body for event in islice(simulate(Scenario(seed=3, nodes=30)), 260)]
    store(db, [entry_of(body, at) for at, body in enumerate(bodies, 1_000)])
    (run_id,) = run_ids(db)
    await walk(db, run_id, [*range(0, 261, 7), None, *range(260, -1, -7), *Random(1).sample(range(261), 30)])


async def test_a_simulated_run_in_another_order(db: Path) -> None:
    """Nodes are named long before they are announced, and move."""
    bodies = [event.body for event in islice(simulate(Scenario(seed=5, nodes=30)), 260)]
    Random(7).shuffle(bodies)
    store(db, [entry_of(body, at) for at, body in enumerate(bodies, 1_000)])
    (run_id,) = run_ids(db)
    assert query(db, "SELECT count(*) > 10 FROM move") == [(1,)]
    await walk(db, run_id, [None, *range(0, 261, 9), None, *range(260, -1, -9), *Random(1).sample(range(261), 30)])


async def test_a_short_run_in_many_orders(tmp_path: Path) -> None:
    for seed in range(5):
        db, entries = tmp_path / f"{seed}.db", list(Recorder().whole().entries)
        Random(seed).shuffle(entries)
        store(db, [entry_of(entry.fields[b"json_payload"], at) for at, entry in enumerate(entries, 1)])
        there = range(len(entries) + 1)
        await walk(db, "run", [*there, *there[::-1], *Random(seed).sample(there, 20), None])


async def test_a_recorded_run(db: Path, recorded: list[Entry]) -> None:
    store(db, recorded)
    for run_id in run_ids(db):
        there = range(len(events_of(db, run_id)) + 1)
        await walk(db, run_id, [None, *there, None, *there[::-1], *Random(2).choices(there, k=30)])


# A run that goes on


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(streams("run", "other", max_size=50), st.randoms(use_true_random=False))
def test_while_a_run_grows_every_look_is_right(entries: list[Entry], random: Random) -> None:
    """From the end or from the past, it does not matter how much came in between."""

    async def watch(path: Path) -> None:
        async with Reader(path) as reader, AsyncExitStack() as views:
            onlookers: dict[str, Onlooker] = {}
            for _ in store_in_parts(path, entries, random):
                for run_id in run_ids(path):
                    if run_id not in onlookers:
                        onlookers[run_id] = Onlooker(path, await views.enter_async_context(View(reader, run_id)))
                        await onlookers[run_id].open()
                    if random.random() < 0.7:
                        await onlookers[run_id].go(random.choice([None, random.randint(0, onlookers[run_id].view.end)]))
            for onlooker in onlookers.values():
                await onlooker.go(None)
                assert onlooker.opened == 1

    with TemporaryDirectory() as folder:
        path = Path(folder, "x.db")
        store(path, [])
        asyncio.run(watch(path))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(streams("run", None, max_size=40), st.randoms(use_true_random=False))
def test_a_run_that_is_put_together_anew_is_read_anew(entries: list[Entry], random: Random) -> None:
    """Runs that nobody named lose events to others, are numbered anew, and go; whoever looks at them comes along."""

    async def watch(path: Path) -> None:
        async with Reader(path) as reader, AsyncExitStack() as views:
            onlookers: dict[str, Onlooker] = {}
            for _ in store_in_parts(path, entries, random):
                there = run_ids(path)
                for run_id in [*there, *onlookers]:
                    if run_id not in onlookers:
                        onlookers[run_id] = Onlooker(path, await views.enter_async_context(View(reader, run_id)))
                        await onlookers[run_id].open()
                    position = random.choice([None, random.randint(0, onlookers[run_id].view.end)])
                    if run_id in there:
                        try:
                            await onlookers[run_id].go(position)
                        except RunUnknown:  # it went, and one of the same name came
                            del onlookers[run_id]
                    else:
                        with pytest.raises(RunUnknown):
                            await onlookers[run_id].go(position)
                        del onlookers[run_id]

    with TemporaryDirectory() as folder:
        path = Path(folder, "x.db")
        store(path, [])
        asyncio.run(watch(path))


async def test_a_live_run_is_followed_from_its_past(db: Path) -> None:
    """Event by event, which the position stays behind."""
    made = Recorder().whole()
    store(db, made.entries[:3])
    async with Reader(db) as reader, View(reader, "run") as view:
        onlooker = Onlooker(db, view)
        await onlooker.open()
        for number, entry in enumerate(made.entries[3:], 3):
            store(db, [entry])
            await onlooker.go((None, 2, number // 2, number)[number % 4])
        await onlooker.go(None)


async def test_nodes_that_are_new_and_move_are_placed_as_of_the_position_looked_at(db: Path) -> None:
    made = Recorder().root().node("root", "a")
    store(db, made.entries)
    async with Reader(db) as reader, View(reader, "run") as view:
        onlooker = Onlooker(db, view)
        await onlooker.open()
        await onlooker.go(1)
        made.status("late", "READY").node("late", "deep").node("a", "late").node("root", "late")
        store(db, made.entries)
        for position in (1, 4, 5, 3, 6, 2, None, 0, 5):
            await onlooker.go(position)


# A run that is not the same any more


async def test_a_position_that_a_run_does_not_have_any_more_is_its_end(db: Path) -> None:
    """Events of it turn out to be another's: it is numbered anew, and shorter."""
    other = Recorder("B").run_started().root("b")
    mine = Recorder("A", beside=other).nameless().root("a").step_started("a")
    store(db, other.entries)
    async with Reader(db) as reader, View(reader, "B") as view:
        onlooker = Onlooker(db, view)
        await onlooker.open()
        await onlooker.go(4)
        assert view.run.nodes == 2
        mine.run_id = "A"
        mine.step_finished("a", "plan", after="PLAN_DONE")
        store(db, other.entries[-1:])
        assert await view.look() is None
        await onlooker.open()
        assert view.end == 2
        assert await view.look() is not None
        await onlooker.check()
        assert (onlooker.opened, view.position) == (2, 2)


async def test_a_run_that_became_another_is_not_there_any_more(db: Path) -> None:
    made = Recorder(run_id=None).root().step("root", "plan", after="DOING")
    store(db, made.entries)
    async with Reader(db) as reader, View(reader, "auto-root") as view:
        onlooker = Onlooker(db, view)
        await onlooker.open()
        await onlooker.go(2)
        named = Recorder(run_id="named", beside=made).step("root", "execute", after="FINISH")
        store(db, named.entries[3:])
        with pytest.raises(RunUnknown, match="run auto-root was deleted; this is what it was"):
            await view.look()
        with pytest.raises(RunUnknown, match="there is no run 'auto-root'"):
            await view.open()
        assert view.run.run_id == "auto-root"


@pytest.mark.parametrize("position", [None, 0, 7])
async def test_a_run_that_was_deleted_says_so(db: Path, position: int | None) -> None:
    store(db, Recorder().whole().entries)
    async with Reader(db) as reader, View(reader, "run") as view:
        onlooker = Onlooker(db, view)
        await onlooker.open()
        await onlooker.go(position)
        before = view.run
        delete_run(db, "run")
        for _ in range(2):
            with pytest.raises(RunUnknown, match="was deleted; this is what it was"):
                await view.look()
        assert view.run == before


async def test_a_run_that_is_not_there_can_not_be_opened(db: Path) -> None:
    store(db, Recorder().whole().entries)
    async with Reader(db) as reader:
        with pytest.raises(RunUnknown, match="there is no run 'walk'"):
            await View(reader, "walk").open()


async def test_a_look_that_fails_loses_nothing(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file may be busy for once; what is new is then said by the next look."""
    made = Recorder().root().node("root", "a").node("a", "b")
    store(db, made.entries)
    async with Reader(db) as reader, View(reader, "run") as view:
        onlooker = Onlooker(db, view)
        await onlooker.open()
        await onlooker.go(2)
        store(db, made.node("b", "c").node("root", "b").entries)

        def busy(self: RunHistory, position: int) -> set[str]:
            raise FileBusy("not now")

        with monkeypatch.context() as patch:
            patch.setattr(RunHistory, "go", busy)
            view.go(3)
            with pytest.raises(FileBusy):
                await view.look()
        for position in (3, None, 1):
            await onlooker.go(position)


# Where one may look


async def test_a_position_is_one_that_there_is(db: Path) -> None:
    made = Recorder().whole()
    store(db, made.entries)
    async with Reader(db) as reader, View(reader, "run") as view:
        for asked, given in ((-5, 0), (0, 0), (7, 7), (10_000, len(made.entries)), (None, None)):
            view.go(asked)
            await view.look()
            assert (view.position, view.run.events) == (given, len(made.entries) if given is None else given)


async def test_nodes_that_are_not_born_yet_are_left_out(db: Path) -> None:
    store(db, Recorder().root().node("root", "a").node("root", "b").entries)
    async with Reader(db) as reader, View(reader, "run") as view:
        view.go(2)
        await view.look()
        assert {number: node.node_id for number, node in (await view.nodes([2, 1, 0])).items()} == {0: "root", 1: "a"}
        assert await view.numbers(["b", "a"]) == [1]
        assert await view.numbers([]) == []
        assert view.shape.numbers([view.shape.keys[2], 10_000, view.shape.keys[0]]) == [2, 0]
