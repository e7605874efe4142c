"""The history of a run equals the fold of the events up to its position."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from store.database.deletion import delete_run
from store.database.file import connect_reader
from store.database.history import History
from store.errors import RunChanged
from store.model.entry import Entry
from store.model.fold import fold
from store.model.state import empty
from tests.recorder import Recorder, entry_of
from tests.strategies import streams
from tests.tables import events_of, query, states, store_in_parts
from tui.demo import Scenario, simulate

pytestmark = pytest.mark.usefixtures("small_past")


def write(path: Path, entries: Sequence[Entry], random: Random) -> None:
    """Store entries in batches of any size."""
    for _ in store_in_parts(path, entries, random):
        pass


@contextmanager
def opened(path: Path, run_id: str) -> Iterator[History]:
    """The history of a run."""
    ((key,),) = query(path, "SELECT key FROM run WHERE run_id = ?", run_id)
    with closing(connect_reader(path)) as connection:
        yield History(connection, key, run_id)


def check(path: Path, run_id: str, order: Sequence[int]) -> None:
    """Seek these positions in order, and compare the run and all nodes with the fold."""
    events = events_of(path, run_id)
    rows = query(path, "SELECT n.key FROM node n JOIN run r ON r.key = n.run WHERE r.run_id = ?", run_id)
    keys = [key for (key,) in rows]
    with opened(path, run_id) as past:
        for position in order:
            past.seek(position)
            wanted = fold(empty(run_id), events[:position])
            assert past.run == wanted.run
            found = past.nodes(Random(position).sample(keys, len(keys)))
            assert {node.node_id: node for node in found.values()} == wanted.nodes


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(streams("run", "other", None, max_size=60), st.randoms(use_true_random=False))
def test_every_position_equals_the_fold_of_the_events_up_to_it(entries: list[Entry], random: Random) -> None:
    """For any events in any order and any batches, and for positions in any order."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "x.db")
        write(path, entries, random)
        for run_id, state in (states(path) if entries else {}).items():
            there = range(state.position + 1)
            check(path, run_id, random.choices(there, k=12))
            check(path, run_id, there)
            check(path, run_id, there[::-1])


@pytest.mark.parametrize("branches", [0, 8])
def test_a_simulated_run_can_be_sought_in_both_directions(tmp_path: Path, branches: int) -> None:
    path = tmp_path / "x.db"
    scenario = Scenario(seed=3, nodes=30, branches=branches, ending="failed" if branches else "finished")
    bodies = [event.body for event in islice(simulate(scenario), 260)]
    write(path, [entry_of(body, at) for at, body in enumerate(bodies, 1_000)], Random(1))
    ((run_id, state),) = states(path).items()
    check(path, run_id, range(0, state.position + 1, 3))
    check(path, run_id, range(state.position, -1, -3))


def test_a_shuffled_run_equals_the_fold_at_every_position(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    entries = list(Recorder().whole().entries)
    Random(5).shuffle(entries)
    write(path, [entry_of(entry.fields[b"json_payload"], at) for at, entry in enumerate(entries, 1)], Random(2))
    check(path, "run", range(len(entries) + 1))


def test_moves_have_the_former_parent(tmp_path: Path) -> None:
    """A node whose parent is published late has none before."""
    path = tmp_path / "x.db"
    made = Recorder().root().status("late", "READY").node("root", "plan").node("plan", "late").node("root", "late")
    write(path, made.entries, Random(1))
    moves = query(
        path,
        "SELECT m.position, n.node_id, b.node_id, a.node_id FROM move m JOIN node n ON n.key = m.node"
        " LEFT JOIN node b ON b.key = m.before LEFT JOIN node a ON a.key = m.after ORDER BY m.position, m.n",
    )
    assert moves == [(4, "late", None, "plan"), (5, "late", "plan", "root")]


def test_a_node_that_is_created_again_has_its_former_description_before(tmp_path: Path) -> None:
    """Versions do not repeat the description, which is in the row of the node."""
    path = tmp_path / "x.db"
    made = Recorder().root().step_started("root").node("root", "again", goal="Search")
    for number in range(5):
        made.status("again", f"S{number}").llm("root")
    made.status("again", "READY", goal="Search").node("root", "again", goal="Write")
    made.status("again", "DOING", goal="Write").llm("root").llm("root").llm("again")
    write(path, made.entries, Random(1))
    check(path, "run", range(len(made.entries) + 1))
    with opened(path, "run") as past:
        assert query(path, "SELECT goal FROM node WHERE node_id = 'again'") == [("Write",)]
        past.seek(len(made.entries) // 2)
        assert {node.goal for node in past.nodes([2]).values()} == {"Search"}


def test_a_version_has_the_step_as_it_was(tmp_path: Path) -> None:
    """Versions refer to the row of the step, which has what happened to it later: an end, a late beginning, an abort."""
    path = tmp_path / "x.db"
    made = Recorder().run_started(parallel=True).root("root").plan("root", "a", "b")
    made.step_finished("a", "execute", "DOING", step=1).step_started("b", step=2)
    for _ in range(20):
        made.llm("root")
    first = len(made.entries)
    late = {"node_id": "a", "step": 1}
    made.emit("step_started", late, timestamp="2025-04-22T16:00:00Z").step_finished("b", "execute", "FINISH", step=2)
    write(path, made.entries, Random(1))
    check(path, "run", range(len(made.entries) + 1))
    with opened(path, "run") as past:
        past.seek(first)
        steps = [node.step for node in past.nodes([2, 3]).values()]
        assert [(step.began is None, step.open) for step in steps if step is not None] == [(True, False), (False, True)]


def test_a_checkpoint_names_the_working_nodes_by_key(tmp_path: Path) -> None:
    """The size of checkpoints of a run with many open steps does not depend on the length of the ids."""
    path = tmp_path / "x.db"
    names = [f"{number:0200}" for number in range(100)]
    made = Recorder().run_started(parallel=True).root("root").plan("root", *names)
    for name in names:
        made.step_started(name)
    write(path, made.entries, Random(1))
    check(path, "run", range(0, len(made.entries) + 1, 40))
    ((size,),) = query(path, "SELECT length(data) FROM checkpoint ORDER BY position DESC LIMIT 1")
    assert size < 100 * 30


def test_the_history_of_a_deleted_run_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    write(path, Recorder().whole().entries, Random(1))
    with opened(path, "run") as past:
        past.seek(7)
        delete_run(path, "run")
        with pytest.raises(RunChanged, match="open it again"):
            past.seek(8)
    for table in ("node", "version", "checkpoint", "move", "node_event", "edge"):
        assert query(path, f"SELECT count(*) FROM {table}") == [(0,)]
