"""The queries of the guide run verbatim on the file, with plain SQLite."""

import json
from pathlib import Path

import pytest

from store.model.state import RunState
from tests.recorder import Recorder, entry_of
from tests.tables import query, states, store

TREE = """
    WITH RECURSIVE node_tree AS (
        SELECT node_id, node_nid, task_goal, 0 as depth
        FROM nodes
        WHERE node_id = (SELECT root_node_id FROM runs WHERE run_id = ?)
        UNION ALL
        SELECT n.node_id, n.node_nid, n.task_goal, nt.depth + 1
        FROM nodes n
        JOIN edges e ON n.node_id = e.child_node_id
        JOIN node_tree nt ON e.parent_node_id = nt.node_id
    )
    SELECT * FROM node_tree ORDER BY node_nid;
"""
EXECUTION = """
    SELECT n.node_nid, n.task_goal, e.event_type, e.timestamp, e.payload
    FROM nodes n
    JOIN events e ON n.node_id = e.node_id
    WHERE n.run_id = ?
    ORDER BY e.timestamp;
"""
COMPLETION = """
    SELECT n.node_nid, n.task_goal,
        MIN(e1.timestamp) as start_time, MAX(e2.timestamp) as end_time, COUNT(DISTINCT e3.event_id) as total_events
    FROM nodes n
    LEFT JOIN events e1 ON n.node_id = e1.node_id AND e1.event_type = 'node_created'
    LEFT JOIN events e2 ON n.node_id = e2.node_id AND e2.event_type = 'node_result_available'
    LEFT JOIN events e3 ON n.node_id = e3.node_id
    WHERE n.run_id = ?
    GROUP BY n.node_id, n.node_nid, n.task_goal;
"""
ALL_RUNS = "SELECT run_id, start_time, end_time, status, total_steps, total_nodes FROM runs ORDER BY start_time DESC;"
COUNTS = """
    SELECT event_type, COUNT(*)
    FROM events
    WHERE run_id = (SELECT run_id FROM runs ORDER BY start_time DESC LIMIT 1)
    GROUP BY event_type;
"""
EXPORT = "SELECT * FROM events ORDER BY id;"

COLUMNS = {
    "events": "id, event_id, run_id, event_type, timestamp, payload, node_id, created_at",
    "runs": "run_id, start_time, end_time, status, total_steps, total_nodes, error_message, root_node_id, created_at,"
    " updated_at",
    "nodes": "node_id, run_id, node_nid, node_type, task_type, task_goal, status, layer, outer_node_id, root_node_id,"
    " result, metadata, created_at, updated_at",
    "edges": "id, run_id, parent_node_id, child_node_id, parent_nid, child_nid, metadata, created_at",
    "node_status_history": "node_id, run_id, timestamp, old_status, new_status",
    "node_execution_timeline": "node_id, run_id, node_nid, task_type, task_goal, created_time, execution_start,"
    " completion_time",
    "node_tree": "run_id, node_id, parent_id, depth, path",
}  # fmt: skip


@pytest.fixture
def filled(db: Path) -> Path:
    """Two runs. The second failed."""
    recorder = Recorder("one").whole()
    other = Recorder("two", beside=recorder).run_started().root("other", "Write a poem")
    other.plan("other", "verse", "rhyme").step("verse", "execute", after="FINISH").run_error()
    store(db, recorder.entries)
    return db


@pytest.mark.parametrize("view", COLUMNS)
def test_views_begin_with_the_columns_of_the_guide(filled: Path, view: str) -> None:
    expected = COLUMNS[view].split(", ")
    names = [row[1] for row in query(filled, f"PRAGMA table_info({view})")]
    assert names[: len(expected)] == expected


def test_the_tree_query_walks_the_edges(filled: Path) -> None:
    """Edges join siblings only, so that the query finds the root."""
    assert query(filled, TREE, "one") == [("root", "", "Write a book", 0)]


def test_node_tree_view_walks_containment(filled: Path) -> None:
    found = query(filled, "SELECT node_id, parent_id, depth, path FROM node_tree WHERE run_id = ? ORDER BY path", "one")
    assert found == [
        ("root", None, 0, "root"),
        ("search", "root", 1, "root/search"),
        ("write", "root", 1, "root/write"),
    ]


def test_node_execution_history(filled: Path) -> None:
    found = query(filled, EXECUTION, "one")
    published = Recorder("one").whole()
    subjects = [event for event in published.events if event.facts.subject is not None]
    assert [row[2] for row in found] == [event.type for event in subjects]
    assert found[0][:4] == ("", "Write a book", "node_created", "2025-04-22T17:00:01.000000Z")
    bodies = [json.loads(entry.fields[b"json_payload"]) for entry in published.entries]
    assert [json.loads(row[4]) for row in found] == [body["payload"] for body in bodies if "node_id" in body["payload"]]


def test_node_completion_times(filled: Path) -> None:
    assert sorted(query(filled, COMPLETION, "one")) == [
        ("", "Write a book", "2025-04-22T17:00:01.000000Z", "2025-04-22T17:00:40.000000Z", 19),
        ("search", "Write a chapter", "2025-04-22T17:00:06.000000Z", "2025-04-22T17:00:22.000000Z", 11),
        ("write", "Write a chapter", "2025-04-22T17:00:07.000000Z", "2025-04-22T17:00:34.000000Z", 13),
    ]


def test_runs_by_start_time(filled: Path) -> None:
    assert query(filled, ALL_RUNS) == [
        ("two", "2025-04-22T17:00:45.000Z", "2025-04-22T17:00:56.000Z", "error", 1, 3),
        ("one", "2025-04-22T17:00:00.000Z", "2025-04-22T17:00:44.000Z", "completed", 9, 3),
    ]
    assert query(filled, "SELECT error_message, root_node_id FROM runs WHERE run_id = 'two'") == [
        ("ValueError: no such model", "other")
    ]


def test_event_counts_by_type_of_the_latest_run(filled: Path) -> None:
    assert query(filled, COUNTS) == [
        ("edge_added", 1),
        ("inner_graph_built", 1),
        ("node_added", 2),
        ("node_created", 3),
        ("plan_received", 1),
        ("run_error", 1),
        ("run_started", 1),
        ("step_finished", 1),
        ("step_started", 1),
    ]


def test_export_of_all_events(filled: Path) -> None:
    found = query(filled, EXPORT)
    assert [row[0] for row in found] == list(range(1, 58))
    first = found[0]
    assert first[1:5] == ("one-1", "one", "run_started", "2025-04-22T17:00:00.000000Z")
    assert (first[6], first[7]) == (None, "2025-04-22T17:00:00.002Z")
    assert query(filled, "SELECT json_extract(payload, '$.error_type') FROM events WHERE event_type = 'run_error'") == [
        ("ValueError",)
    ]


def test_results_are_json(filled: Path) -> None:
    found = query(filled, "SELECT node_id, json_extract(result, '$.action_name') FROM nodes WHERE run_id = 'one'")
    assert found == [("root", "final_aggregate"), ("search", "execute"), ("write", "execute")]
    assert query(filled, "SELECT DISTINCT json_extract(metadata, '$.x') FROM nodes") == [(None,)]


def test_edges_have_the_nids_of_the_planner(filled: Path) -> None:
    found = query(filled, "SELECT parent_node_id, child_nid, created_at FROM edges WHERE run_id = 'one'")
    assert found == [("search", "write", "2025-04-22T17:00:10.000Z")]


def test_node_execution_timeline(filled: Path) -> None:
    found = query(filled, "SELECT * FROM node_execution_timeline WHERE node_id = 'search'")
    times = "2025-04-22T17:00:06.000Z", "2025-04-22T17:00:17.000Z", "2025-04-22T17:00:26.000Z"
    assert found == [("search", "one", "search", "COMPOSITION", "Write a chapter", *times)]


# Views equal the fold


@pytest.fixture
def folded(filled: Path) -> dict[str, RunState]:
    return states(filled)


def test_node_status_equals_the_fold(filled: Path, folded: dict[str, RunState]) -> None:
    expected = {(run_id, node.node_id): node.status for run_id, state in folded.items() for node in state.nodes.values()}
    assert {row[:2]: row[2] for row in query(filled, "SELECT run_id, node_id, status FROM nodes")} == expected
    last = query(filled, "SELECT run_id, node_id, new_status FROM node_status_history ORDER BY position")
    assert {row[:2]: row[2] for row in last} == expected


def test_each_old_status_is_the_new_status_before(filled: Path) -> None:
    at: dict[tuple[str, str], str | None] = {}
    sql = "SELECT run_id, node_id, old_status, new_status FROM node_status_history ORDER BY position"
    for run_id, node_id, old, new in query(filled, sql):
        assert at.get((run_id, node_id)) == old
        at[run_id, node_id] = new


def test_run_counters_equal_the_fold(filled: Path, folded: dict[str, RunState]) -> None:
    sql = "SELECT run_id, status, total_events, total_nodes, finished_nodes, total_edges, total_steps, errors FROM runs"
    for run_id, *found in query(filled, sql):
        run = folded[run_id].run
        assert found == [run.status, run.events, run.nodes, run.finished, run.edges, run.steps, run.errors]


def test_node_completion_equals_the_fold(filled: Path, folded: dict[str, RunState]) -> None:
    done = query(filled, "SELECT node_id FROM node_execution_timeline WHERE completion_time IS NOT NULL ORDER BY node_id")
    expected = [node.node_id for state in folded.values() for node in state.nodes.values() if node.status == "FINISH"]
    assert [node_id for (node_id,) in done] == sorted(expected)


@pytest.mark.parametrize("timestamp", ["0001-01-01T00:00:00Z", "1969-12-31T23:59:59.5Z", "9999-12-31T23:59:59Z"])
def test_any_timestamp_can_be_exported(db: Path, timestamp: str) -> None:
    (entry,) = Recorder().emit("note", {}, timestamp=timestamp).entries
    store(db, [entry_of(entry.fields[b"json_payload"], at=1)])  # an id that is not a time proves no clock wrong
    ((shown,),) = query(db, "SELECT timestamp FROM events")
    assert shown.startswith(timestamp.rstrip("Z"))
