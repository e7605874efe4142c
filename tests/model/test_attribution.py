"""Attribution of events without a run id, and their reassignment when the run of a node becomes known."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from store.database.reader import Reader
from store.database.retention import pin
from store.database.run_queries import RunQueries
from store.database.writer import Writer
from store.model.entry import Gap, StreamId
from tests.cli.test_cli import treetop
from tests.recorder import START, Recorder
from tests.tables import load, query, rows, states, store


def sizes(path: Path) -> dict[str, int]:
    """Number of events per run."""
    return {run_id: state.position for run_id, state in states(path).items()}


def test_a_run_without_id_is_named_after_its_root(db: Path) -> None:
    store(db, Recorder(None).step_started("root").entries)
    assert sizes(db) == {"auto-root": 1}


def test_a_run_without_id_and_nodes_is_named_after_its_first_entry(db: Path) -> None:
    recorder = Recorder(None).llm_started(None)
    store(db, recorder.entries)
    assert sizes(db) == {f"auto-{recorder.entries[0].at}": 1}


def test_an_event_that_names_no_node_belongs_to_the_latest_run(db: Path) -> None:
    first = Recorder(None, name="one").root("a")
    Recorder(None, beside=first, name="two").root("b").llm_started(None)
    first.node("a", "a1").llm_started(None)
    store(db, first.entries)
    assert sizes(db) == {"auto-a": 3, "auto-b": 2}


def test_a_root_begins_a_new_run_unless_the_latest_run_may_have_several(db: Path) -> None:
    store(db, Recorder(None).root("a").root("b").entries)
    store(db, Recorder("A").run_started().nameless().root("c").root("d").entries)
    assert sizes(db) == {"auto-a": 1, "auto-b": 1, "A": 3}


def test_a_root_is_not_attributed_to_an_ended_run(db: Path) -> None:
    store(db, Recorder("A").run_started().root("a").run_finished().nameless().root("b").entries)
    assert sizes(db) == {"A": 3, "auto-b": 1}


def test_a_run_started_without_id_gets_roots_until_the_next_run_started(db: Path) -> None:
    recorder = Recorder(None).run_started().root("a").root("b").run_started().root("c")
    store(db, recorder.entries)
    assert list(sizes(db).values()) == [3, 2]


def test_a_step_0_of_an_unknown_root_begins_a_new_run(db: Path) -> None:
    recorder = Recorder(None).root("a").emit("step_started", {"node_id": "x", "step": 0, "root_id": "r"})
    store(db, recorder.emit("step_started", {"node_id": "y", "step": 1, "root_id": "s"}).entries)
    assert sizes(db) == {"auto-a": 1, "auto-r": 2}


def test_a_node_that_a_graph_names_has_a_run(db: Path) -> None:
    recorder = Recorder("A").built("owner", ["child"])
    Recorder("B", beside=recorder).run_started().nameless().step_started("child")
    store(db, recorder.entries)
    assert sizes(db) == {"A": 2, "B": 1}


async def test_an_inferred_run_is_renamed_to_the_run_of_its_node(db: Path) -> None:
    recorder = Recorder(None).root("a").node("a", "b").step_started("a")
    store(db, recorder.entries)
    async with Reader(db) as reader:
        inferred = await reader.find("auto-a")
        with Writer(db) as writer:  # a gap that was stored before the run was known
            gap = Gap("trimmed", 3, StreamId(1, 0), None, "lost")
            key = writer.stream("agent_events")
            cursor = writer.cursor(key)
            writer.append([], key, cursor, cursor, gap)
        pin(db, "auto-a", pinned=True)
        recorder.run_id = "A"
        store(db, recorder.step_finished("a", "plan", after="PLAN_DONE").entries[3:])
        run = RunQueries(reader, (await reader.find("A")).key)
        renamed = await reader.run(inferred.key)
        assert renamed is not None
        assert (renamed.run.run_id, renamed.generation) == ("A", inferred.generation)
        assert await load(reader, "A") == recorder.state
        assert [(gap.lost, gap.run_id) for gap in await reader.all_gaps()] == [(3, "A")]
        assert [stored.event.run_id for stored in await run.events(1, 9)] == [None, None, None, "A"]
    assert query(db, "SELECT run_id, marked FROM run") == [("A", 1)]
    assert query(db, "SELECT run_id, total_events, bytes FROM runs") == [
        ("A", 4, sum(len(entry.fields[b"json_payload"]) for entry in recorder.entries))
    ]


async def test_events_that_were_attributed_to_another_run_are_reassigned(db: Path) -> None:
    """Two agents share a stream, and one of them omits the run id from its root and steps."""
    other = Recorder("B").run_started().root("b")
    recorder = Recorder("A", beside=other).nameless().root("a").step_started("a")
    other.step("b", "plan", after="DOING")
    store(db, other.entries)
    async with Reader(db) as reader:
        mixed = await reader.find("B")
        assert set((await load(reader, "B")).nodes) == {"a", "b"}
        recorder.run_id = "A"
        recorder.step_finished("a", "plan", after="PLAN_DONE")
        store(db, other.entries[-1:])
        row = await reader.find("B")
        assert (row.key, row.generation > mixed.generation) == (mixed.key, True)
        alone, mine = await load(reader, "B"), await load(reader, "A")
        assert (set(alone.nodes), alone.position) == ({"b"}, 4)
        assert (set(mine.nodes), mine.position, mine.nodes["a"].status) == ({"a"}, 3, "PLAN_DONE")
        run = RunQueries(reader, (await reader.find("A")).key)
        assert [stored.position for stored in await run.events(1, 9)] == [1, 2, 3]
        assert [stored.seq for stored in await run.node_events((await run.keys("a"))["a"], 1, 9)] == [3, 4, 7]


def test_events_with_a_run_id_are_never_reassigned(db: Path) -> None:
    """Two runs contain the same node, and some of its events have no run id."""
    first = Recorder("A").root("x").step_started("x")
    second = Recorder("B", beside=first).root("x").nameless().llm("x")
    first.step_finished("x", "plan", after="DOING")
    second.run_id = "B"
    second.step_started("x")
    store(db, first.entries)
    assert sizes(db) == {"A": 3, "B": 4}
    assert query(db, "SELECT max(generation) FROM run") == [(0,)]


def test_reassigning_leaves_no_rows_behind(db: Path) -> None:
    """The file is equal to one in which all events have a run id."""
    anonymous = Recorder(None, name="A").root("a").plan("a", "b", "c").step_started("b")
    anonymous.run_id = "A"
    anonymous.step_finished("b", "plan", after="DOING")
    named = Recorder("A").root("a").plan("a", "b", "c").step_started("b").step_finished("b", "plan", after="DOING")
    store(db, anonymous.entries)
    store(db.with_name("named.db"), named.entries)
    for table in ("node", "edge", "node_event"):
        assert rows(db, table) == rows(db.with_name("named.db"), table)
    assert states(db) == states(db.with_name("named.db"))


# Two agents on one stream, without run ids and node ids


def test_a_call_that_names_no_node_belongs_to_the_open_step(db: Path) -> None:
    """Report mode makes a call outside of any context: the call has an id, but neither run nor node."""
    recorder = Recorder("A").run_started().root("a").step_started("a").nameless().llm(None, tokens=(5, 2))
    store(db, recorder.entries)
    run = states(db)["A"]
    assert (run.run.llm_calls, run.nodes["a"].llm_calls, run.nodes["a"].tokens_in) == (1, 1, 5)
    assert query(db, "SELECT node_id, inferred FROM events WHERE event_type GLOB 'llm*'") == [("a", 2)] * 2


def test_the_end_of_a_call_belongs_to_the_run_and_node_of_its_beginning(db: Path) -> None:
    """The other agent publishes between beginning and end."""
    first = Recorder("A").run_started().root("a").step_started("a")
    second = Recorder("B", beside=first).run_started().root("b").step_started("b")
    first.emit("thought", {"node_id": "a"})
    first.nameless().llm_started(None, "c1")
    second.emit("thought", {"node_id": "b"})
    first.llm_completed(None, "c1", tokens=(5, 2), error="quota").tool_invoked(None, "t1")
    second.emit("thought", {"node_id": "b"})
    first.tool_returned(None, "t1")
    store(db, first.entries)
    found = states(db)
    assert [(run_id, run.run.llm_calls, run.run.tool_calls, run.run.errors) for run_id, run in found.items()] == [
        ("A", 1, 1, 1),
        ("B", 0, 0, 0),
    ]
    node = found["A"].nodes["a"]
    assert (node.llm_calls, node.tool_calls, node.calls, node.errors, node.tokens_out) == (1, 1, (), 1, 2)
    assert query(db, "SELECT DISTINCT inferred FROM events WHERE event_type GLOB '[lt][lo]*'") == [(3,)]


def test_the_end_of_a_call_is_not_inferred_if_the_beginning_names_its_node(db: Path) -> None:
    first = Recorder("A").run_started().root("a").step_started("a").llm_started("a", "c1")
    Recorder("B", beside=first).run_started().root("b").step_started("b")
    first.nameless().llm_completed(None, "c1")
    store(db, first.entries)
    assert query(db, "SELECT run_id, node_id, inferred FROM events ORDER BY id DESC LIMIT 1") == [("A", "a", 0)]


@pytest.mark.parametrize("size", [1, 1_000])
def test_the_end_of_a_call_reassigns_its_beginning(db: Path, size: int) -> None:
    first = Recorder("A").run_started().root("a").node("a", "a1").step_started("a")
    second = Recorder("B", beside=first).run_started().root("b").step_started("b")
    first.nameless().llm_started(None, "c1")  # attributed to B, the run of the latest event
    second.emit("thought", {"node_id": "b"})
    first.run_id = "A"
    first.llm_completed("a1", "c1")
    store(db, first.entries, size)
    found = states(db)
    assert {run_id: run.run.llm_calls for run_id, run in found.items()} == {"A": 1, "B": 0}
    assert (found["B"].nodes["b"].llm_calls, found["B"].nodes["b"].calls) == (0, ())
    assert (found["A"].nodes["a"].llm_calls, found["A"].nodes["a1"].llm_calls) == (0, 1)


def counting(size: int, path: Path, started_elsewhere: bool) -> dict[str, int]:
    """Number of calls by root. The call ids of the agents are equal, and one agent names no run."""
    unnamed = Recorder(None, name="unnamed").run_started().root("a").step_started("a")
    Recorder(None, beside=unnamed, name="other").run_started().root("b").step_started("b")
    named = Recorder("C", beside=unnamed).run_started().root("c").step_started("c")
    unnamed.llm_started(None, "1")
    if started_elsewhere:
        unnamed.llm_completed("a", "1")  # the end that belongs to the beginning above
        named.llm_started("c", "1").llm_completed("c", "1")
    else:
        named.llm_started("c", "1").llm_completed("c", "1")
        unnamed.llm_completed("a", "1")
    store(path, unnamed.entries, size)
    return {state.run.root or "": state.run.llm_calls for state in states(path).values()}


@pytest.mark.parametrize("size", [1, 1_000])
@pytest.mark.parametrize("first", [True, False], ids=["ended before", "open meanwhile"])
def test_the_end_of_a_call_does_not_reassign_the_beginning_of_another_call_with_the_same_id(
    db: Path, size: int, first: bool
) -> None:
    assert counting(size, db, first)["c"] == 1
    assert query(db, "SELECT active FROM run WHERE run_id = 'C'") == [('[["c","step",1745341208.0,""]]',)]


def test_another_process_does_not_reassign_the_beginning_of_another_call_with_the_same_id(db: Path) -> None:
    """The end of the first call is in the file, not in the memory of the second process."""
    unnamed = Recorder(None, name="unnamed").run_started().root("a").step_started("a")
    Recorder(None, beside=unnamed, name="other").run_started().root("b").step_started("b")
    unnamed.llm_started(None, "1").llm_completed(None, "1")
    store(db, unnamed.entries)
    before = len(unnamed.entries)
    Recorder("C", beside=unnamed).run_started().root("c").step_started("c").llm_completed("c", "1")
    store(db, unnamed.entries[before:])
    assert query(db, "SELECT DISTINCT run_id FROM events WHERE event_id = 'unnamed-4'") != [("C",)]


def test_a_call_that_names_no_node_does_not_belong_to_a_run_with_an_open_call(db: Path) -> None:
    first = Recorder("A").run_started().root("a").step_started("a")
    second = Recorder("B", beside=first).run_started().root("b").step_started("b").llm_started("b", "c1")
    first.nameless().llm_started(None, "c2")
    second.llm_completed("b", "c1")
    store(db, first.entries)
    assert {run_id: run.run.llm_calls for run_id, run in states(db).items()} == {"A": 1, "B": 1}


def test_a_run_finished_ends_the_run_whose_roots_are_finished(db: Path) -> None:
    first = Recorder(None, name="one").run_started(goals=["One"]).root("a", "One")
    second = Recorder(None, beside=first, name="two").run_started(goals=["Two"]).root("b", "Two").step_started("b")
    first.step("a", "planning_post_reflect", after="FINISH")
    second.llm("b")
    first.run_finished()
    store(db, first.entries)
    assert {run.run.root: run.run.status for run in states(db).values()} == {"a": "completed", "b": "running"}
    assert query(db, "SELECT inferred FROM events WHERE event_type = 'run_finished'") == [(1,)]


def test_a_run_finished_ends_the_run_whose_age_equals_the_reported_duration(db: Path) -> None:
    """The run has an unfinished root: the item was aborted."""
    first = Recorder(None, name="one").run_started(goals=["One"]).root("a", "One").step_started("a")
    second = Recorder(None, beside=first, name="two").run_started(goals=["Two"]).root("b", "Two")
    second.step("b", "planning_post_reflect", after="FINISH")
    first.run_finished(duration_seconds=float(len(first.entries)))
    store(db, first.entries)
    assert {run.run.root: run.run.status for run in states(db).values()} == {"a": "completed", "b": "running"}


def test_a_run_finished_ends_the_run_whose_age_is_closest(db: Path) -> None:
    """Both runs began within a second. The other one continues with its next item."""
    first = Recorder(None, name="one").run_started(goals=["One"]).root("a", "One")
    second = Recorder(None, beside=first, name="two", start=START - timedelta(seconds=1.5))
    second.run_started(goals=["Two", "Three"]).root("b", "Two")  # half a second after the first
    for recorder, root in (first, "a"), (second, "b"):
        recorder.step(root, "planning_post_reflect", after="FINISH")
    first.run_finished(duration_seconds=float(len(first.entries)))
    second.root("c", "Three")
    store(db, first.entries)
    found = states(db).values()
    assert {run.run.root: (run.run.status, run.run.roots) for run in found} == {"a": ("completed", 1), "b": ("running", 2)}


@pytest.mark.parametrize("goals_in_input", [True, False])
def test_roots_are_attributed_to_two_runs_that_began_together(db: Path, goals_in_input: bool) -> None:
    """Both begin before either has a root. `goals_in_input`: the input of a run contains the goals of its roots."""
    goals = ["One\nwith a line", "Two"] if goals_in_input else ["", ""]
    order = (1, 0) if goals_in_input else (0, 1)  # without goals, the run that begins first has its root first
    recorder = Recorder(None)
    for goal in goals:
        recorder.run_started(goals=[goal])
    for number in order:
        recorder.root(f"root-{number}", goals[number].replace("\n", ";") or "Whatever")
    store(db, recorder.entries)
    roots = [run.run.root for run in states(db).values()]
    assert roots == ["root-0", "root-1"]
    assert query(db, "SELECT DISTINCT inferred FROM events WHERE event_type = 'node_created'") == [
        (0 if goals_in_input else 1,)
    ]


def test_a_further_root_belongs_to_the_run_whose_input_contains_its_goal(db: Path) -> None:
    first = Recorder(None, name="one").run_started(goals=["One", "Three"]).root("a", "One")
    Recorder(None, beside=first, name="two").run_started(goals=["Two"]).root("b", "Two")
    first.root("c", "Three")
    store(db, first.entries)
    assert [(run.run.root, run.run.roots) for run in states(db).values()] == [("a", 2), ("b", 1)]


def test_show_counts_inferred_events(db: Path) -> None:
    recorder = Recorder("A").run_started().root("a").step_started("a").nameless().llm(None)
    store(db, recorder.entries)
    shown = json.loads(treetop("show", "A", "--json", "--db", str(db)).stdout)
    assert shown["counts"]["inferred"] == 2
