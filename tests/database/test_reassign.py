"""Reassigning events to another run, which folds both runs again from the first event that moves."""

from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from store.database.history import CHECKPOINT_EVENTS
from store.database.migration import rebuild
from store.model.entry import Entry
from store.model.facts import Facts
from tests.recorder import Recorder, entry_of, events_of
from tests.strategies import NODES, entry, kinds, streams
from tests.tables import Row, facts_of, query, rows, states, store, store_in_parts

laws = settings(max_examples=settings().max_examples // 2, suppress_health_check=[HealthCheck.function_scoped_fixture])


def derived(path: Path) -> dict[str, list[Row]]:
    """All rows of the file, without the generations of its runs."""
    found = rows(path)
    found["run"] = query(path, "SELECT * FROM run ORDER BY key")
    names = [name for (name,) in query(path, "SELECT name FROM pragma_table_info('run')")]
    at = names.index("generation")
    found["run"] = [row[:at] + row[at + 1 :] for row in found["run"]]
    return found


def entries_entries_of_two_agents(published: list[tuple[Facts, str, bool]]) -> list[Entry]:
    """Entries of two agents with different nodes. `bool`: whether the run id is missing."""
    entries = []
    for number, (facts, run_id, nameless) in enumerate(published):
        made = entry(number, facts, None if nameless else run_id, number % 60)
        body = made.fields[b"json_payload"]
        for node in NODES:
            body = body.replace(f'"{node}"'.encode(), f'"{run_id}.{node}"'.encode())
        entries.append(entry_of(body, made.at))
    return entries


PUBLISHED = st.lists(st.tuples(kinds, st.sampled_from("AB"), st.booleans()), min_size=20, max_size=60)


@pytest.mark.usefixtures("small_past")
@laws
@given(PUBLISHED.map(entries_entries_of_two_agents) | streams("A", "B", None), st.randoms(use_true_random=False))
def test_reassigned_runs_equal_rebuilt_runs(entries: list[Entry], random: Random) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder, "x.db")
        store(path, [])
        for _ in store_in_parts(path, entries, random):
            pass
        moved = derived(path)
        rebuild(path)
        assert moved == derived(path)


@pytest.mark.usefixtures("small_past")
@pytest.mark.parametrize("whole", [True, False])
def test_reassigning_keeps_plans_edges_moves_and_checkpoints_consistent(db: Path, whole: bool) -> None:
    """They lie between the misassigned event and the event that gives its run."""
    other = Recorder("B").run_started().root("b").plan("b", "b1", "b2").step_started("b1").llm_started("b1", "c")
    mine = Recorder(None if whole else "A", beside=other).nameless()
    if whole:
        mine.step_started("a", step=0)
    mine.status("a", "READY")
    other.llm_completed("b1", "c").plan("b1", "b3", "b4").edge("b", "b2", "b1").node("b2", "b3").edge("", "b3", "b4")
    other.step_finished("b1", "plan", after="DOING").step("b4", "execute", after="FINISH").llm("b2", error="no")
    mine.status("a", "DOING").run_id = "A"
    mine.step("a", "execute", after="FINISH")
    store(db, other.entries, 5)
    assert {name: state.position for name, state in states(db).items()} == {
        "A": 5 if whole else 4,
        "B": len(other.entries) - (5 if whole else 4),
    }
    moved = derived(db)
    rebuild(db)
    assert moved == derived(db)


@pytest.mark.usefixtures("small_past")
def test_reassigned_events_keep_all_their_nodes(db: Path) -> None:
    """Their rows refer to nodes by keys, which are new in the other run."""
    named = Recorder("named").run_started().root()
    other = Recorder(None, beside=named).run_started().root("a").plan("a", "b", "c").step_started("b")
    other.built("a", ["c", "b"])
    store(db, named.entries)
    assert query(db, "SELECT count(*) FROM run") == [(2,)]
    before = set(query(db, "SELECT key FROM node"))
    found = len(named.entries)
    store(db, named.status("b", "DOING").entries[found:])
    assert set(states(db)) == {"named"}
    assert not before & set(query(db, "SELECT key FROM node"))
    assert facts_of(db) == [event.facts for event in events_of(named.entries)]


def keys(path: Path, run_id: str) -> dict[str, int]:
    """The keys of the nodes of a run."""
    sql = "SELECT n.node_id, n.key FROM node n JOIN run r ON r.key = n.run WHERE r.run_id = ?"
    return dict(query(path, sql, run_id))


def busy(recorder: Recorder, steps: int) -> Recorder:
    """Add this many nodes with one step each."""
    for number in range(steps):
        recorder.node("b", f"b{number}").step(f"b{number}", "execute", after="FINISH")
    return recorder


def test_rows_from_before_the_first_moved_event_are_kept(db: Path) -> None:
    """Checkpoints, and the keys of nodes that do not change after it."""
    other = busy(Recorder("B").run_started().root("b"), steps=2 * CHECKPOINT_EVENTS)
    store(db, other.entries)
    before, checkpoints = keys(db, "B"), query(db, "SELECT max(position) FROM checkpoint")[0][0]
    mine = Recorder("A", beside=other).nameless().status("a", "READY")  # no run has the node
    busy(other, steps=3)
    mine.run_id = "A"
    mine.step_finished("a", "execute", after="FINISH")
    store(db, other.entries[-12:])
    assert {name: state.position for name, state in states(db).items()} == {"A": 2, "B": len(other.entries) - 2}
    after = keys(db, "B")
    assert {node: key for node, key in after.items() if node in before} == before
    assert query(db, "SELECT min(generation), max(generation) FROM run") == [(1, 1)]
    assert (
        query(db, "SELECT count(*) FROM checkpoint WHERE position <= ?", checkpoints)[0][0]
        >= checkpoints // CHECKPOINT_EVENTS - 1
    )


def test_a_run_whose_id_is_published_late_keeps_its_rows(db: Path) -> None:
    recorder = busy(Recorder(None).run_started().root("b"), steps=CHECKPOINT_EVENTS)
    store(db, recorder.entries)
    (run_id,) = states(db)
    before = keys(db, run_id)
    recorder.run_id = "B"
    busy(recorder, steps=2)
    store(db, recorder.entries[-6:])
    assert set(states(db)) == {"B"}
    after = keys(db, "B")
    assert {node: key for node, key in after.items() if node in before} == before
    assert query(db, "SELECT run_id, declared, generation FROM run") == [("B", 1, 0)]


def test_all_events_of_a_run_can_move_to_an_older_run(db: Path) -> None:
    named = Recorder("named").run_started().root()
    Recorder(None, beside=named).run_started().root("other").node("other", "child")
    store(db, named.entries)
    assert query(db, "SELECT count(*) FROM run") == [(2,)]
    found = len(named.entries)
    store(db, named.node("child", "grandchild").entries[found:])
    assert query(db, "SELECT count(*) FROM rejected") == [(0,)]
    assert query(db, "SELECT run_id, events, first_seq FROM run") == [("named", found + 1, 1)]


def test_a_node_that_is_only_a_root_elsewhere_moves_no_events(db: Path) -> None:
    other = Recorder("other").emit("step_started", {"root_id": "a"})
    other.nameless().emit("run_finished", {})
    mine = Recorder("mine", beside=other)
    mine.emit("run_error", {"node_id": "a"})
    store(db, other.entries)
    assert query(db, "SELECT run_id, events FROM run ORDER BY key") == [("other", 2), ("mine", 1)]
