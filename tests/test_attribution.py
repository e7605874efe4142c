"""Which run an event belongs to when its publisher did not say, and what happens when somebody says it later."""

from pathlib import Path

from store.cursor import Gap
from store.events import StreamId
from store.prune import mark
from store.reader import Reader
from store.run_reader import RunReader
from store.writer import Writer
from tests.recorder import Recorder
from tests.tables import load, query, rows, states, store


def sizes(path: Path) -> dict[str, int]:
    """How many events each run has."""
    return {run_id: state.position for run_id, state in states(path).items()}


def test_a_run_without_name_is_called_by_its_root(db: Path) -> None:
    store(db, Recorder(None).step_started("root").entries)
    assert sizes(db) == {"auto-root": 1}


def test_a_run_of_which_nothing_is_known_is_called_by_its_first_entry(db: Path) -> None:
    recorder = Recorder(None).llm_started(None)
    store(db, recorder.entries)
    assert sizes(db) == {f"auto-{recorder.entries[0].at}": 1}


def test_what_names_no_node_belongs_to_the_run_heard_of_last(db: Path) -> None:
    first = Recorder(None, name="one").root("a")
    Recorder(None, beside=first, name="two").root("b").llm_started(None)
    first.node("a", "a1").llm_started(None)
    store(db, first.entries)
    assert sizes(db) == {"auto-a": 3, "auto-b": 2}


def test_a_new_root_is_a_new_run_unless_the_last_one_may_have_several(db: Path) -> None:
    store(db, Recorder(None).root("a").root("b").entries)
    store(db, Recorder("A").run_started().nameless().root("c").root("d").entries)
    assert sizes(db) == {"auto-a": 1, "auto-b": 1, "A": 3}


def test_a_run_that_ended_takes_no_further_root(db: Path) -> None:
    store(db, Recorder("A").run_started().root("a").run_finished().nameless().root("b").entries)
    assert sizes(db) == {"A": 3, "auto-b": 1}


def test_a_run_that_began_without_name_takes_roots_until_the_next_begins(db: Path) -> None:
    recorder = Recorder(None).run_started().root("a").root("b").run_started().root("c")
    store(db, recorder.entries)
    assert list(sizes(db).values()) == [3, 2]


def test_a_step_is_the_first_of_a_run_that_nobody_knows(db: Path) -> None:
    recorder = Recorder(None).root("a").emit("step_started", {"node_id": "x", "step": 0, "root_id": "r"})
    store(db, recorder.emit("step_started", {"node_id": "y", "step": 1, "root_id": "s"}).entries)
    assert sizes(db) == {"auto-a": 1, "auto-r": 2}


def test_nodes_known_from_their_owners_graph_have_a_home(db: Path) -> None:
    recorder = Recorder("A").built("owner", ["child"])
    Recorder("B", beside=recorder).run_started().nameless().step_started("child")
    store(db, recorder.entries)
    assert sizes(db) == {"A": 2, "B": 1}


async def test_a_guessed_run_becomes_the_run_that_its_node_turns_out_to_be_in(db: Path) -> None:
    recorder = Recorder(None).root("a").node("a", "b").step_started("a")
    store(db, recorder.entries)
    async with Reader(db) as reader:
        guessed = await reader.find("auto-a")
        with Writer(db) as writer:  # a gap that was noted while the guess was all there was
            gap = Gap("trimmed", 3, StreamId(1, 0), None, "lost")
            key = writer.stream("agent_events")
            cursor = writer.cursor(key)
            writer.append([], key, cursor, cursor, gap)
        mark(db, "auto-a", marked=True)
        recorder.run_id = "A"
        store(db, recorder.step_finished("a", "plan", after="PLAN_DONE").entries[3:])
        home = RunReader(reader, (await reader.find("A")).key)
        assert await reader.look(guessed.key) is None
        assert await load(reader, "A") == recorder.state
        assert [(gap.lost, gap.run_id) for gap in await reader.all_gaps()] == [(3, "A")]
        assert [stored.event.run_id for stored in await home.events(1, 9)] == [None, None, None, "A"]
    assert query(db, "SELECT run_id, marked FROM run") == [("A", 1)]
    assert query(db, "SELECT run_id, total_events, bytes FROM runs") == [
        ("A", 4, sum(len(entry.fields[b"json_payload"]) for entry in recorder.entries))
    ]


async def test_what_was_guessed_into_another_run_moves_out_of_it(db: Path) -> None:
    """Two agents share a stream, and one of them forgets the run of its root and its steps."""
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
        run = RunReader(reader, (await reader.find("A")).key)
        assert [stored.position for stored in await run.events(1, 9)] == [1, 2, 3]
        assert [stored.seq for stored in await run.node_events((await run.keys("a"))["a"], 1, 9)] == [3, 4, 7]


def test_events_whose_run_was_published_are_never_moved(db: Path) -> None:
    """The same nodes in two runs: whoever speaks without a name changes nothing of what was said with one."""
    first = Recorder("A").root("x").step_started("x")
    second = Recorder("B", beside=first).root("x").nameless().llm("x")
    first.step_finished("x", "plan", after="DOING")
    second.run_id = "B"
    second.step_started("x")
    store(db, first.entries)
    assert sizes(db) == {"A": 3, "B": 4}
    assert query(db, "SELECT max(generation) FROM run") == [(0,)]


def test_moving_leaves_no_row_behind(db: Path) -> None:
    """A file in which events moved is like one in which they were named from the beginning."""
    anonymous = Recorder(None, name="A").root("a").plan("a", "b", "c").step_started("b")
    anonymous.run_id = "A"
    anonymous.step_finished("b", "plan", after="DOING")
    named = Recorder("A").root("a").plan("a", "b", "c").step_started("b").step_finished("b", "plan", after="DOING")
    store(db, anonymous.entries)
    store(db.with_name("named.db"), named.entries)
    for table in ("node", "edge", "node_event"):
        assert rows(db, table) == rows(db.with_name("named.db"), table)
    assert states(db) == states(db.with_name("named.db"))
