"""Query plans: every query uses an index, so its cost depends on its result only."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import closing
from pathlib import Path

import pytest

from store.database.failure_queries import FailureQueries
from store.database.file import connect_reader
from store.database.history import History
from store.database.life_sign import LifeSigns
from store.database.reader import Reader
from store.database.run_queries import RunQueries
from store.database.statistics_queries import StatisticsQueries
from store.model.record import Match
from tests.recorder import Recorder
from tests.tables import query, store

LARGE = {
    "event",
    "body",
    "node",
    "node_event",
    "edge",
    "version",
    "checkpoint",
    "move",
    "span",
    "e",
    "b",
    "n",
    "o",
    "v",
    "x",
}
"""Tables that grow without bound, and their aliases."""

Plans = dict[str, list[str]]

WORDS, KIND, FAILED = Match(words="x"), Match(types=frozenset({"step_started"})), Match(failed=True)


def questions(reader: Reader, run: RunQueries, keys: dict[str, int]) -> dict[str, Callable[[], Awaitable[object]]]:
    """All queries of a file and of one of its runs."""
    search, errors, life = keys["search"], FailureQueries(reader, run.key), LifeSigns(reader, run.key, 40)
    statistics = StatisticsQueries(reader, run.key)
    return {
        "runs": reader.runs,
        "open_runs": reader.open_runs,
        "run_page": lambda: reader.run_page(5, 10),
        "last_change": reader.last_change,
        "run_changes": lambda: reader.run_changes(5),
        "count_runs": reader.count_runs,
        "resolve": lambda: reader.resolve("run"),
        "latest": lambda: reader.resolve("latest"),
        "find": lambda: reader.find("run"),
        "run": lambda: reader.run(run.key),
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
        "with_errors": run.with_errors,
        "edges": lambda: run.edges("search", 30),
        "all_edges": lambda: run.all_edges(30),
        "own": lambda: life.own([search]),
        "all_inside": lambda: life.all_inside([search]),
        "recent": life.recent,
        "spans": lambda: run.spans(list(keys.values()), 30),
        "all_spans": lambda: run.all_spans(3, 30),
        "events": lambda: run.events(3, 9),
        "node_events": lambda: run.node_events(search, 1, 9),
        "at_positions": lambda: run.at_positions([3, 5, 8]),
        "status_history": lambda: run.status_history(search, 30),
        "plan": lambda: run.plan(search, 30),
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
        "aborted": lambda: errors.aborted(3, 30, 30),
        "reported": lambda: errors.reported(3, 60),
        "failures": lambda: errors.failures([3, 30], 60),
        "newest_failures": lambda: errors.newest_failures(60, 10),
        "visit": lambda: statistics.visit(30, lambda node, span: None),
        "task_types": statistics.task_types,
        "node_ids": statistics.node_ids,
        "created_after": lambda: statistics.created_after(3, search),
        "dependencies": lambda: statistics.dependencies(30),
        "spans of births": lambda: statistics.spans([5, 8], 30),
        "failed": lambda: run.failed(3, 1),
        "failed before": lambda: run.failed(30, -1),
        "alike": lambda: run.alike(3, 1),
        "alike before": lambda: run.alike(30, -1),
        "boundary": lambda: run.boundary(search, 3, 1),
        "boundary before": lambda: run.boundary(search, 30, -1),
        "after_time": lambda: run.after_time(0.0, 3, 30),
        "inferred": lambda: run.inferred(30),
        "times": lambda: run.times(3, 9),
        "marks": lambda: run.marks(3),
        "outlines": lambda: run.outlines(3, 9),
    }


def explained(path: Path, statements: Iterable[str]) -> list[str]:
    """The steps of the query plans of these statements."""
    asked = [sql for sql in statements if sql not in ("BEGIN", "COMMIT") and not sql.startswith("--")]
    return [row[3] for sql in asked for row in query(path, f"EXPLAIN QUERY PLAN {sql}")]


@pytest.fixture
def stored(db: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run with checkpoints and a node whose parent changed."""
    for module in ("store.database.projection.CHECKPOINT_EVENTS", "store.database.history.CHECKPOINT_EVENTS"):
        monkeypatch.setattr(module, 10)
    store(db, Recorder().status("late", "READY").whole().node("search", "late").entries)
    return db


@pytest.fixture
async def plans(stored: Path) -> AsyncIterator[Plans]:
    """Query plan of each query of a reader."""
    asked: list[str] = []
    async with Reader(stored) as reader:
        run = RunQueries(reader, (await reader.find("run")).key)
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
    """Query plan of each query of a history."""
    ((key,),) = query(stored, "SELECT key FROM run")
    keys = [node for (node,) in query(stored, "SELECT key FROM node")]
    found: Plans = {}
    with closing(connect_reader(stored)) as connection:
        past = History(connection, key, "run")
        asked: list[str] = []
        connection.set_trace_callback(asked.append)
        asking: dict[str, Callable[[], object]] = {
            "seek": lambda: past.seek(25),
            "seek forward": lambda: past.seek(29),
            "nodes": lambda: past.nodes(keys),
            "with_errors": past.with_errors,
            "restart": lambda: past.restart(25),
            "changed_until": lambda: past.changed_until(29),
            "versions": lambda: past.versions(["late", "search"]),
        }
        for name, question in asking.items():
            asked.clear()
            question()
            found[name] = explained(stored, asked)
    return found


def scans(plan: list[str]) -> list[str]:
    """Steps that scan a large table or build a temporary index."""
    scanned = [step for step in plan if step.startswith("SCAN ") and step.split()[1] in LARGE]
    return scanned + [step for step in plan if "AUTOMATIC" in step]


def test_no_query_reads_a_whole_table(plans: Plans) -> None:
    for name, plan in plans.items():
        assert plan, name
        assert not scans(plan), name


def test_no_query_of_the_history_reads_a_whole_table(past_plans: Plans) -> None:
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
def test_pages_are_read_in_index_order_without_sorting(plans: Plans, name: str) -> None:
    assert not [step for step in plans[name] if "TEMP B-TREE" in step]


@pytest.mark.parametrize(
    ("name", "way"),
    [
        ("shape", "SEARCH node USING COVERING INDEX node_by_run (run=? AND key>?)"),
        ("keys", "SEARCH node USING COVERING INDEX node_by_id (node_id=? AND run=?)"),
        ("called", "SEARCH node USING INDEX node_by_run (run=?)"),
        ("with_errors", "SEARCH node USING INDEX node_troubled (run=?)"),
        ("failed", "SEARCH event USING INDEX event_failed (run=? AND position>?)"),
        ("failed before", "SEARCH event USING INDEX event_failed (run=? AND position<?)"),
        ("alike", "SEARCH event USING COVERING INDEX event_by_run (run=? AND position>?)"),
        ("alike before", "SEARCH event USING COVERING INDEX event_by_run (run=? AND position<?)"),
        ("aborted", "SEARCH span USING INDEX span_aborted (run=? AND aborted>? AND aborted<?)"),
        ("failures", "SEARCH span USING INDEX span_failed (run=? AND ended>? AND ended<?)"),
        ("failures", "SEARCH span USING INDEX span_aborted (run=? AND aborted>? AND aborted<?)"),
        ("reported", "SEARCH event USING INDEX event_failed (run=? AND position<?)"),
        ("newest_failures", "SEARCH event USING INDEX event_failed (run=? AND position>? AND position<?)"),
        ("newest_failures", "SEARCH span USING INDEX span_aborted (run=? AND aborted>? AND aborted<?)"),
        ("boundary", "SEARCH event USING INDEX event_turn (node=? AND position>?)"),
        ("boundary before", "SEARCH event USING INDEX event_turn (node=? AND position<?)"),
    ],
)
def test_queries_of_a_whole_run_use_the_matching_index(plans: Plans, name: str, way: str) -> None:
    assert way in plans[name]


def test_every_public_query_has_a_plan_here(plans: Plans, past_plans: Plans) -> None:
    def public(kind: type) -> set[str]:
        return {name for name in vars(kind) if not name.startswith("_")}

    assert public(Reader) - {"watch", "reopen", "rows", "in_thread", "in_transaction", "snapshot"} <= set(plans)
    assert public(RunQueries) | public(FailureQueries) <= set(plans)
    assert public(History) == {*(set(past_plans) - {"seek forward"}), "run", "position"}
