"""No question to the file costs more than its answer: every query goes by an index."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from pathlib import Path

import pytest

from store.history import History, RunHistory
from store.reader import Reader
from store.record import Match
from store.run_reader import RunReader
from tests.recorder import Recorder
from tests.tables import query, store

LARGE = {"event", "body", "node", "node_event", "edge", "version", "checkpoint", "move", "e", "b", "n", "o", "v", "x"}
"""Tables that grow without bound, and their aliases."""

Plans = dict[str, list[str]]

WORDS, KIND, FAILED = Match(words="x"), Match(types=frozenset({"step_started"})), Match(failed=True)


def questions(reader: Reader, run: RunReader, keys: dict[str, int]) -> dict[str, Callable[[], Awaitable[object]]]:
    """Everything that a file, and a run of it, can be asked."""
    search = keys["search"]
    return {
        "runs": lambda: reader.runs(5),
        "arrivals": reader.arrivals,
        "count_runs": reader.count_runs,
        "resolve": lambda: reader.resolve("run"),
        "latest": lambda: reader.resolve("latest"),
        "find": lambda: reader.find("run"),
        "look": lambda: reader.look(run.key),
        "types": lambda: reader.types(["plan_received", "no_such"]),
        "payload": lambda: reader.payload(7),
        "streams": reader.streams,
        "all_gaps": reader.all_gaps,
        "rejected": reader.rejected,
        "rejected_data": lambda: reader.rejected_data(1),
        "shape": run.shape,
        "moves": run.moves,
        "nodes": lambda: run.nodes(list(keys.values())),
        "keys": lambda: run.keys(["search", "write"]),
        "kinds": lambda: run.kinds(list(keys.values())),
        "called": lambda: run.called(["x", "write"]),
        "troubled": lambda: run.troubled(30),
        "edges": lambda: run.edges("search", 30),
        "all_edges": lambda: run.all_edges(30),
        "events": lambda: run.events(3, 9),
        "node_events": lambda: run.node_events(search, 1, 9),
        "at_positions": lambda: run.at_positions([3, 5, 8]),
        "status_history": lambda: run.status_history(search, 30),
        "search": lambda: run.search(WORDS, 3, 30),
        "search of a type": lambda: run.search(KIND, 3, 30),
        "search of failures": lambda: run.search(FAILED, 3, 30),
        "search_about": lambda: run.search_about(WORDS, 3, 30),
        "search_about of a type": lambda: run.search_about(KIND, 3, 30),
        "search_node": lambda: run.search_node(search, WORDS, 1, 9),
        "search_node of a type": lambda: run.search_node(search, KIND, 1, 9),
        "search_node of failures": lambda: run.search_node(search, FAILED, 1, 9),
        "search_nodes": lambda: run.search_nodes([search, keys["write"]], WORDS, 3, 30),
        "search_nodes of a type": lambda: run.search_nodes([search, keys["write"]], KIND, 3, 30),
        "failed": lambda: run.failed(3, 1),
        "failed before": lambda: run.failed(30, -1),
        "alike": lambda: run.alike(3, 1),
        "alike before": lambda: run.alike(30, -1),
        "boundary": lambda: run.boundary(search, 3, 1),
        "boundary before": lambda: run.boundary(search, 30, -1),
        "after_time": lambda: run.after_time(0.0, 3, 30),
        "times": lambda: run.times(3, 9),
        "marks": lambda: run.marks(3),
        "outlines": lambda: run.outlines(3, 9),
    }


def explained(path: Path, statements: Iterable[str]) -> list[str]:
    """What SQLite does for these statements, step by step."""
    asked = [sql for sql in statements if sql not in ("BEGIN", "COMMIT") and not sql.startswith("--")]
    return [row[3] for sql in asked for row in query(path, f"EXPLAIN QUERY PLAN {sql}")]


@pytest.fixture
def stored(db: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run with checkpoints, and a node that moved."""
    for module in ("store.projection.EVERY", "store.history.EVERY"):
        monkeypatch.setattr(module, 10)
    store(db, Recorder().status("late", "READY").whole().node("search", "late").entries)
    return db


@pytest.fixture
async def plans(stored: Path) -> AsyncIterator[Plans]:
    """What SQLite does for each thing that a reader can be asked."""
    asked: list[str] = []
    async with Reader(stored) as reader:
        run = RunReader(reader, (await reader.find("run")).key)
        keys = await run.keys(["root", "search", "write", "late"])
        await reader._db.set_trace_callback(asked.append)
        found = {}
        for name, question in questions(reader, run, keys).items():
            asked.clear()
            await question()
            found[name] = explained(stored, asked)
        yield found


@pytest.fixture
def past_plans(stored: Path) -> Plans:
    """What SQLite does for each thing that the past can be asked."""
    ((key, generation),) = query(stored, "SELECT key, generation FROM run")
    keys = [node for (node,) in query(stored, "SELECT key FROM node")]
    found: Plans = {}
    with RunHistory(stored, key, "run", generation) as past:
        asked: list[str] = []
        past._db.set_trace_callback(asked.append)
        asking: dict[str, Callable[[], object]] = {
            "go": lambda: past.go(25),
            "go on": lambda: past.go(29),
            "nodes": lambda: past.nodes(keys),
            "node": lambda: past.node("late"),
        }
        for name, question in asking.items():
            asked.clear()
            question()
            found[name] = explained(stored, asked)
    return found


def scans(plan: list[str]) -> list[str]:
    """Steps that read a large table from its beginning, or make an index of their own."""
    scanned = [step for step in plan if step.startswith("SCAN ") and step.split()[1] in LARGE]
    return scanned + [step for step in plan if "AUTOMATIC" in step]


def test_no_query_reads_a_whole_table(plans: Plans) -> None:
    for name, plan in plans.items():
        assert plan, name
        assert not scans(plan), name


def test_nor_does_one_about_the_past(past_plans: Plans) -> None:
    assert any("version" in step or " v " in step for step in past_plans["nodes"])
    for name, plan in past_plans.items():
        assert plan, name
        assert not scans(plan), name
        assert not [step for step in plan if "TEMP B-TREE" in step], name


@pytest.mark.parametrize(
    "name",
    [
        *("all_gaps", "rejected", "events", "node_events", "at_positions", "status_history", "shape", "moves", "called"),
        *("search", "search of a type", "search of failures", "search_about", "search_about of a type", "search_node"),
        *("after_time", "times", "marks", "outlines"),
    ],
)
def test_pages_are_read_in_order_not_sorted(plans: Plans, name: str) -> None:
    assert not [step for step in plans[name] if "TEMP B-TREE" in step]


@pytest.mark.parametrize(
    ("name", "way"),
    [
        ("shape", "SEARCH node USING COVERING INDEX node_by_run (run=? AND key>?)"),
        ("keys", "SEARCH node USING COVERING INDEX node_by_id (node_id=? AND run=?)"),
        ("called", "SEARCH node USING INDEX node_by_run (run=?)"),
        ("troubled", "SEARCH node USING COVERING INDEX node_troubled (run=?)"),
        ("failed", "SEARCH event USING INDEX event_failed (run=? AND position>?)"),
        ("failed before", "SEARCH event USING INDEX event_failed (run=? AND position<?)"),
        ("alike", "SEARCH event USING COVERING INDEX event_by_type (run=? AND type=? AND position>?)"),
        ("alike before", "SEARCH event USING COVERING INDEX event_by_type (run=? AND type=? AND position<?)"),
        ("boundary", "SEARCH event USING INDEX event_turn (node=? AND position>?)"),
        ("boundary before", "SEARCH event USING INDEX event_turn (node=? AND position<?)"),
    ],
)
def test_what_is_asked_of_a_whole_run_goes_where_the_answer_is(plans: Plans, name: str, way: str) -> None:
    assert way in plans[name]


def test_every_question_is_here(plans: Plans, past_plans: Plans) -> None:
    def public(kind: type) -> set[str]:
        return {name for name in vars(kind) if not name.startswith("_")}

    assert public(Reader) - {"watch", "reopen", "rows", "moment"} <= set(plans)
    assert public(RunReader) <= set(plans)
    assert public(History) | public(RunHistory) == {*(set(past_plans) - {"go on"}), "run", "position", "close"}
