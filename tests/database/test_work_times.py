"""Times of work and critical path of a run, read in one go, against the same figures of `analyse`."""

from pathlib import Path

import pytest

from store.database.analysis import Analysis, Scope, analyse
from store.database.reader import Reader
from store.database.whole_run import whole_run
from store.database.work_times import INTERVALS_MAX, WorkTimes, thinned, work_times
from store.errors import RunChanged
from tests.recorder import Recorder
from tests.tables import query, store
from tests.tui.stage import FAILED, FINISHED, OPEN, PARALLEL, store_run
from tui.demo import Scenario

SCENARIOS = pytest.mark.parametrize("scenario", [FINISHED, FAILED, OPEN, PARALLEL], ids=str)


def row(path: Path) -> tuple[int, int, int]:
    """Key, generation and number of events of the run in a file."""
    ((key, generation, events),) = query(path, "SELECT key, generation, events FROM run")
    return key, generation, events


def measured(path: Path, position: int | None = None, scope: int | None = None, to: float = 2e9) -> WorkTimes:
    key, generation, events = row(path)
    return work_times(path, key, generation, events if position is None else position, scope, to)


def ids(path: Path) -> dict[int, str]:
    return dict(query(path, "SELECT key, node_id FROM node"))


async def analysed(path: Path, at: str | None = None, to: float = 2e9) -> Analysis:
    async with Reader(path) as reader, whole_run(reader, "latest", at) as whole:
        return await analyse(whole.moment, Scope(whole.moment, whole.parents), to)


class TestPath:
    """The critical path."""

    @SCENARIOS
    @pytest.mark.parametrize("part", [0.3, 0.7, 1.0])
    async def test_it_is_that_of_the_statistics(self, db: Path, scenario: Scenario, part: float) -> None:
        store_run(db, scenario)
        position = int(row(db)[2] * part)
        times = measured(db, position)
        path = (await analysed(db, f"event {position}")).path
        assert times.work == pytest.approx(path.work)
        assert times.length == pytest.approx(path.length)
        keys = sorted(ids(db))
        assert times.critical == {keys[number] for number in path.path}
        assert times.slack == {keys[number]: seconds for number, seconds in enumerate(path.slack)}

    def test_that_of_a_subtree_has_only_its_tasks(self, db: Path) -> None:
        store_run(db, PARALLEL)
        ((root,),) = query(db, "SELECT key FROM node WHERE outer IS NULL")
        inner = [key for (key,) in query(db, "SELECT key FROM node WHERE outer = ? ORDER BY key", root)]
        whole, parts = measured(db), [measured(db, scope=key) for key in inner]
        assert whole.length > max(part.length for part in parts)
        assert whole.work > sum(part.work for part in parts) > 0
        found = set[int]()
        for part in parts:
            assert part.critical <= part.slack.keys()
            assert found.isdisjoint(part.slack)
            found |= part.slack.keys()
        assert found == whole.slack.keys() - {root}


class TestTimes:
    """Activity, and the time inside tasks."""

    @pytest.fixture
    def nested(self, db: Path) -> Path:
        """A plan of two tasks, one after the other, each with a step; a pause; then the end of the root."""
        made = Recorder().run_started().root()
        made.step("root", "plan", after="PLAN_DONE").node("root", "a").node("root", "b")
        made.step("a", "execute", after="FINISH").step("b", "execute", after="FINISH")
        made.step("root", "final_aggregate", after="FINISH")
        store(db, made.entries)
        return db

    def test_the_time_inside_a_task_is_that_of_the_steps_beneath_it(self, nested: Path) -> None:
        times, names = measured(nested), ids(nested)
        steps = query(
            nested, "SELECT n.node_id, s.started, s.seconds FROM span s JOIN node n ON n.key = s.node ORDER BY s.born"
        )
        inside = [(start, start + seconds) for name, start, seconds in steps if name != "root"]
        (root,) = (key for key, name in names.items() if name == "root")
        assert [time for one in times.inside_of(root) for time in one] == pytest.approx(
            [time for one in inside for time in one]
        )
        assert all(times.inside_of(key) == [] for key in names if key != root)

    def test_a_run_is_active_while_a_step_is_open(self, nested: Path) -> None:
        steps = query(nested, "SELECT started, started + seconds FROM span ORDER BY born")
        assert [time for one in measured(nested).active for time in one] == pytest.approx(
            [time for one in steps for time in one]
        )

    def test_an_open_step_is_active_until_now(self, db: Path) -> None:
        store(db, Recorder().run_started().root().step_started("root").entries)
        ((start,),) = query(db, "SELECT started FROM span")
        times = measured(db, to=start + 5.0)
        assert list(times.active) == [(start, start + 5.0)]
        assert times.work == pytest.approx(5.0)

    def test_a_call_outside_steps_is_activity_of_the_run(self, db: Path) -> None:
        store(db, Recorder().run_started().root().llm(None).entries)
        assert len(measured(db).active) == 1

    def test_an_aborted_call_outside_steps_is_not_active_until_now(self, db: Path) -> None:
        store(db, Recorder().run_started().root().llm_started("root", "1").later(100).run_finished().entries)
        ((start, aborted),) = query(db, "SELECT started, aborted FROM span")
        assert aborted is not None
        assert list(measured(db).active) == [(start, start)]

    def test_a_call_outside_steps_is_activity_of_its_subtree(self, db: Path) -> None:
        store(db, Recorder().run_started().root().node("root", "a").llm("a").node("root", "b").entries)
        names = {name: key for key, name in ids(db).items()}
        assert measured(db, scope=names["a"]).active == measured(db).active != []
        assert measured(db, scope=names["b"]).active == []

    def test_a_task_that_was_moved_counts_where_it_was(self, db: Path) -> None:
        """The parent of a task is published late: before that event, it is a root of its own."""
        made = Recorder().run_started().root()
        made.step("late", "execute", after="FINISH")
        position = len(made.entries)
        made.node("root", "late")
        store(db, made.entries)
        names = {name: key for key, name in ids(db).items()}
        assert measured(db).inside_of(names["root"])
        assert not measured(db, position).inside_of(names["root"])

    def test_a_rebuilt_run_is_noticed(self, db: Path) -> None:
        store_run(db, FINISHED)
        key, generation, events = row(db)
        with pytest.raises(RunChanged):
            work_times(db, key, generation + 1, events, None, 0.0)


class TestThinned:
    """Many intervals."""

    def test_few_intervals_stay(self) -> None:
        assert thinned([(0.0, 1.0), (2.0, 3.0)]) == [(0.0, 1.0), (2.0, 3.0)]

    def test_the_shortest_gaps_of_many_are_closed(self) -> None:
        many = [(float(at), at + (0.5 if at % 10 == 9 else 0.9)) for at in range(1_000)]
        found = list(thinned(many))
        assert len(found) == INTERVALS_MAX
        assert (found[0][0], found[-1][1]) == (0.0, 999.5)
        ends = {end for _, end in found}
        assert all(at + 0.5 in ends for at in range(9, 1_000, 10))
