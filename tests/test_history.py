"""The past of a run: at every position it is exactly the fold of the events up to there."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from store.cursor import Entry
from store.deletion import delete_run
from store.errors import FileError, RunChanged
from store.fold import fold
from store.history import RunHistory
from store.simulator import Scenario, simulate
from store.state import empty
from store.writer import Writer
from tests.recorder import Recorder, entry_of
from tests.strategies import streams
from tests.tables import events_of, query, states, store_in_parts

pytestmark = pytest.mark.usefixtures("small_past")


def write(path: Path, entries: Sequence[Entry], random: Random) -> None:
    """Store entries in batches of any size."""
    for _ in store_in_parts(path, entries, random):
        pass


def opened(path: Path, run_id: str) -> RunHistory:
    ((key, generation),) = query(path, "SELECT key, generation FROM run WHERE run_id = ?", run_id)
    return RunHistory(path, key, run_id, generation)


def check(path: Path, run_id: str, order: Sequence[int]) -> None:
    """Go to these positions one after the other; the run and every node must be as folded, by key and by id."""
    events = events_of(path, run_id)
    rows = query(path, "SELECT n.key FROM node n JOIN run r ON r.key = n.run WHERE r.run_id = ?", run_id)
    keys = [key for (key,) in rows]
    with opened(path, run_id) as past:
        for position in order:
            past.go(position)
            wanted = fold(empty(run_id), events[:position])
            assert past.run == wanted.run
            found = past.nodes(Random(position).sample(keys, len(keys)))
            assert {node.node_id: node for node in found.values()} == wanted.nodes
            assert [past.node(node_id) for node_id in wanted.nodes] == list(wanted.nodes.values())
            assert past.node("nobody") is None


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(streams("run", "other", None, max_size=60), st.randoms(use_true_random=False))
def test_every_position_is_the_fold_of_the_events_up_to_it(entries: list[Entry], random: Random) -> None:
    """Whatever is published in whichever order, however it came into the file, and whichever way one walks."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "x.db")
        write(path, entries, random)
        for run_id, state in (states(path) if entries else {}).items():
            there = range(state.position + 1)
            check(path, run_id, random.choices(there, k=12))
            check(path, run_id, there)
            check(path, run_id, there[::-1])


def test_a_simulated_run_can_be_walked_both_ways(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    bodies = [event.body for event in islice(simulate(Scenario(seed=3, nodes=30)), 260)]
    write(path, [entry_of(body, at) for at, body in enumerate(bodies, 1_000)], Random(1))
    ((run_id, state),) = states(path).items()
    check(path, run_id, range(0, state.position + 1, 3))
    check(path, run_id, range(state.position, -1, -3))


def test_the_same_run_shuffled(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    entries = list(Recorder().whole().entries)
    Random(5).shuffle(entries)
    write(path, [entry_of(entry.fields[b"json_payload"], at) for at, entry in enumerate(entries, 1)], Random(2))
    check(path, "run", range(len(entries) + 1))


def test_moves_tell_where_a_node_was(tmp_path: Path) -> None:
    """A node whose place is told late was at the top before."""
    path = tmp_path / "x.db"
    made = Recorder().root().status("late", "READY").node("root", "plan").node("plan", "late").node("root", "late")
    write(path, made.entries, Random(1))
    moves = query(
        path,
        "SELECT m.position, n.node_id, b.node_id, a.node_id FROM move m JOIN node n ON n.key = m.node"
        " LEFT JOIN node b ON b.key = m.before LEFT JOIN node a ON a.key = m.after ORDER BY m.position, m.n",
    )
    assert moves == [(4, "late", None, "plan"), (5, "late", "plan", "root")]


def test_a_run_that_was_put_together_anew_says_so(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    made = Recorder(run_id=None).root().step("root", "plan", after="DOING")
    write(path, made.entries, Random(1))
    with opened(path, "auto-root") as past:
        past.go(2)
        named = Recorder(run_id="named", beside=made).step("root", "execute", after="FINISH")
        with Writer(path) as writer:
            writer.append(named.entries[3:])
        with pytest.raises(RunChanged, match="open it again"):
            past.go(3)
        with pytest.raises(RunChanged):
            past.nodes([1])


def test_a_run_that_was_deleted_says_so(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    write(path, Recorder().whole().entries, Random(1))
    with opened(path, "run") as past:
        past.go(7)
        delete_run(path, "run")
        with pytest.raises(RunChanged):
            past.go(8)
    for table in ("node", "version", "checkpoint", "move", "node_event", "edge"):
        assert query(path, f"SELECT count(*) FROM {table}") == [(0,)]


def test_several_may_ask_at_the_same_time(tmp_path: Path) -> None:
    """The tree reads its nodes, and the inspector others, each in a thread of its own."""
    path = tmp_path / "x.db"
    entries = Recorder().whole().entries
    write(path, entries, Random(1))
    keys = [key for (key,) in query(path, "SELECT key FROM node")]
    with opened(path, "run") as past, ThreadPoolExecutor(8) as threads:
        ways: list[Callable[[], object]] = [partial(past.go, at % len(entries)) for at in range(0, 700, 7)]
        ways += [partial(past.nodes, keys), partial(past.node, "search")] * 100
        Random(3).shuffle(ways)
        for done in [threads.submit(way) for way in ways]:
            done.result()
        past.go(7)
        assert past.run == fold(empty("run"), events_of(path, "run")[:7]).run


def test_who_still_reads_when_it_is_closed_is_told_so(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    write(path, Recorder().whole().entries, Random(1))
    with opened(path, "run") as past:
        past.go(7)
    with pytest.raises(FileError, match="can not be read"):
        past.go(8)
