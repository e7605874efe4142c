"""Databases of the reference servers: all that is in them becomes a run again."""

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from store.cursor import Entry
from store.errors import NotImportable
from store.events import StreamId
from store.intake import take_in
from store.protobuf import plain_payload, plain_type
from store.simulator import Ending, Scenario, simulate
from store.state import RunStatus
from store.writer import Counts
from tests.recorder import Recorder, entry_of, state_of
from tests.reference_server import go_server, python_server
from tests.tables import query, rows, states, store


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """Where a reference server keeps its database."""
    return tmp_path / "agent_events.db"


def simulated(ending: Ending = "finished", seed: int = 5) -> list[Entry]:
    published = simulate(Scenario(seed=seed, nodes=30, items=2, ending=ending))
    return [entry_of(event.body, StreamId(number, 0)) for number, event in enumerate(published)]


def change(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as db:
        for statement in statements:
            db.execute(statement)
        db.commit()


def run_id_of(entries: list[Entry]) -> str:
    run_id: str = json.loads(entries[0].fields[b"json_payload"])["run_id"]
    return run_id


# Whole


@pytest.mark.parametrize("ending", ["finished", "failing-branch", "failed", "killed"])
def test_a_database_of_the_python_server_is_imported_whole(old: Path, db: Path, ending: Ending) -> None:
    entries = simulated(ending)
    python_server(old, entries)
    taken = take_in(db, str(old))
    assert (taken.run_id, taken.counts) == (None, Counts(received=len(entries), stored=len(entries)))
    run_id = run_id_of(entries)
    assert states(db) == {run_id: state_of(entries, run_id)}
    for table in ("events", "nodes", "edges", "runs"):
        assert query(db, f"SELECT count(*) FROM {table}") == query(old, f"SELECT count(*) FROM {table}")
    statuses = {status for (status,) in query(db, "SELECT status FROM nodes")}
    if ending == "finished":  # which that server never got to know
        assert statuses == {"FINISH"}
        assert query(old, "SELECT 1 FROM nodes WHERE status = 'FINISH'") == []


def test_what_is_imported_is_what_was_published_to_the_byte(old: Path, db: Path) -> None:
    entries = simulated()
    python_server(old, entries)
    take_in(db, str(old))
    assert query(db, "SELECT data FROM body ORDER BY seq") == [(entry.fields[b"json_payload"],) for entry in entries]


def test_the_recorded_run_is_known_again_when_it_was_stored_live(old: Path, db: Path, recorded: list[Entry]) -> None:
    bodies = [entry.fields[b"json_payload"].replace(b'"run_id":null', b'"run_id":"R"') for entry in recorded]
    live = [entry_of(body, entry.at) for body, entry in zip(bodies, recorded, strict=True)]
    python_server(old, Recorder("R").run_started().entries)
    with closing(sqlite3.connect(old)) as connection:
        for body in bodies:
            event = json.loads(body)
            connection.execute(
                "INSERT INTO events (event_id, run_id, event_type, timestamp, payload) VALUES (?, ?, ?, ?, ?)",
                (event["event_id"], "R", event["event_type"], event["timestamp"], json.dumps(event["payload"])),
            )
        connection.commit()
    store(db, live)
    assert take_in(db, str(old)).counts == Counts(received=101, stored=1, duplicate=100)


@pytest.mark.parametrize("protobuf", [False, True])
def test_a_database_of_the_go_server_is_imported_whole(old: Path, db: Path, protobuf: bool) -> None:
    entries = simulated("failing-branch")
    go_server(old, entries, protobuf)
    assert take_in(db, str(old)).counts == Counts(received=len(entries), stored=len(entries))
    run_id = run_id_of(entries)
    assert states(db) == {run_id: state_of(entries, run_id)}
    if protobuf:
        assert query(db, "SELECT DISTINCT json_extract(payload, '$.unknown_field') FROM events") == [(7,)]
    else:
        assert query(db, "SELECT data FROM body ORDER BY seq") == [(entry.fields[b"json_payload"],) for entry in entries]


def test_events_without_a_run_which_the_go_server_kept_find_theirs(old: Path, db: Path) -> None:
    entries = Recorder(None).root("r").plan("r", "a", "b").step("a", "execute", after="FINISH").entries
    entries = Recorder("A", beside=_of(entries)).whole().entries
    go_server(old, entries)
    take_in(db, str(old))
    found = states(db)
    assert set(found) == {"auto-r", "A"}
    assert (found["auto-r"].run.nodes, found["A"].run.nodes) == (3, 3)


def _of(entries: list[Entry]) -> Recorder:
    recorder = Recorder(None)
    recorder.entries = entries
    return recorder


def test_several_runs_are_told_apart(old: Path, db: Path) -> None:
    first, second = simulated(seed=1), simulated("failed", seed=2)
    mixed = [entry for pair in zip(first, second, strict=False) for entry in pair]
    mixed += first[len(mixed) // 2 :] + second[len(mixed) // 2 :]
    python_server(old, mixed)
    take_in(db, str(old))
    assert states(db) == {run_id_of(part): state_of(part, run_id_of(part)) for part in (first, second)}


# Again, and while it grows


def test_the_same_database_twice_changes_nothing(old: Path, db: Path) -> None:
    entries = simulated()
    python_server(old, entries)
    change(
        old,
        "DELETE FROM events WHERE event_type = 'node_created' AND id % 2",
        "INSERT INTO events (event_id, run_id, event_type, timestamp, payload)"
        " VALUES ('x', 'R', 'note', '', '{\"n\": NaN}')",
    )
    take_in(db, str(old))
    before = rows(db)
    assert len(before["rejected"]) == 1
    counts = take_in(db, str(old)).counts
    assert (counts.stored, counts.rejected) == (0, 1)
    assert rows(db) == before


def test_what_came_since_is_added(old: Path, db: Path) -> None:
    entries = simulated()
    python_server(old, entries)
    last = query(old, "SELECT max(id) FROM events")[0][0]
    with closing(sqlite3.connect(old)) as connection:
        kept = connection.execute(f"SELECT * FROM events WHERE id > {last // 2}").fetchall()
        connection.execute(f"DELETE FROM events WHERE id > {last // 2}")
        connection.execute("UPDATE runs SET status = 'running'")
        for table in ("nodes", "edges", "graph_plans"):
            connection.execute(f"DELETE FROM {table}")
        connection.commit()
        take_in(db, str(old))
        connection.executemany("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?)", kept)
        connection.commit()
    assert take_in(db, str(old)).counts.stored == len(kept)
    run_id = run_id_of(entries)
    assert states(db) == {run_id: state_of(entries, run_id)}


# What only the other tables know


def test_rows_that_no_event_tells_of_become_events(old: Path, db: Path) -> None:
    entries = Recorder("A").whole().entries
    python_server(old, entries)
    whole = state_of(entries, "A")
    change(old, "DELETE FROM events")
    taken = take_in(db, str(old))
    run, nodes = states(db)["A"].run, states(db)["A"].nodes
    assert taken.counts.rejected == 0
    assert (run.status, run.began, run.roots, run.goal) == (RunStatus.COMPLETED, True, ("root",), "Write a book")
    assert {node.node_id: node.outer for node in nodes.values()} == {"root": None, "search": "root", "write": "root"}
    assert nodes["root"].status == "FINAL_TO_FINISH"  # all that this server knew
    assert set(states(db)["A"].edges) == {key._replace(owner="") for key in whole.edges}
    told = query(db, "SELECT event_type, json_extract(payload, '$.imported_from') FROM events ORDER BY id")
    assert told[0] == ("run_started", "runs")
    assert told[-1] == ("run_finished", "runs")
    assert sorted(set(told[1:-1])) == [
        ("edge_added", "edges"),
        ("node_created", "nodes"),
        ("node_result_available", "nodes"),
        ("node_status_changed", "nodes"),
        ("plan_received", "graph_plans"),
    ]
    metadata = query(
        db, "SELECT json_extract(payload, '$.metadata.action_name') FROM events WHERE event_type = 'node_created'"
    )
    assert metadata == [(None,), ("plan",), ("plan",)]


def test_what_the_other_tables_know_does_not_contradict_the_events(old: Path, db: Path) -> None:
    entries = Recorder("A").whole().entries
    python_server(old, entries)
    change(old, "DELETE FROM events WHERE event_type IN ('run_started', 'node_created', 'run_finished')")
    take_in(db, str(old))
    state, whole = states(db)["A"], state_of(entries, "A")
    assert {node.node_id: node.status for node in state.nodes.values()} == {
        node.node_id: node.status for node in whole.nodes.values()
    }
    assert (state.run.status, list(state.nodes)) == (RunStatus.COMPLETED, list(whole.nodes))


def test_what_can_not_be_an_event_is_put_aside_and_said(old: Path, db: Path) -> None:
    python_server(old, Recorder("A").run_started().root().entries)
    change(
        old,
        "INSERT INTO events (event_id, run_id, event_type, timestamp, payload) VALUES"
        " ('1', 'A', 'note', 'yesterday', 'no JSON'), ('2', 'A', 'note', '', x'ff00'), ('3', 'A', 'note', '', 7),"
        " ('4', 'A', 'note', '', ''), ('5', 'A', '', '', '{}'), ('6', 'A', 'note', 'never', '{\"ok\": 1}')",
    )
    done = subprocess.run(
        [sys.executable, "-m", "tui.cli", "import", str(old), "--db", str(db)], capture_output=True, text=True, check=True
    )
    assert "5 put aside" in done.stdout
    assert query(db, "SELECT count(*) FROM events") == [(3,)]
    assert [data for (data,) in query(db, "SELECT data FROM rejected") if b"no JSON" in data]


# What is refused


def test_databases_of_other_programs_are_refused(old: Path, db: Path) -> None:
    change(old, "CREATE TABLE events (id INTEGER PRIMARY KEY, title TEXT)")
    with pytest.raises(NotImportable, match="another program"):
        take_in(db, str(old))
    store(db, [])
    with pytest.raises(NotImportable, match="treetop export --db"):
        take_in(old, str(db))
    old.write_bytes(b"SQLite format 3\x00" + bytes(2_000))
    with pytest.raises(NotImportable, match=r"can not be read|another program"):
        take_in(db, str(old))


def test_a_server_may_be_writing_meanwhile(old: Path, db: Path) -> None:
    python_server(old, Recorder("A").whole().entries)
    with closing(sqlite3.connect(old)) as server:
        server.execute("BEGIN IMMEDIATE")
        server.execute("DELETE FROM events WHERE id > 10")
        assert take_in(db, str(old)).counts.stored == 45
        server.execute("ROLLBACK")


# The form of protobuf


@pytest.mark.parametrize(
    ("name", "stored", "plain"),
    [
        ("STEP_STARTED", {"step": 0, "nodeId": "n"}, {"step": 0, "node_id": "n"}),
        ("STEP_STARTED", {"step_started": {"node_id": "n"}}, {"node_id": "n"}),
        ("STEP_STARTED", {"stepStarted": {"nodeId": "n"}, "event_id": "e", "new": 1}, {"new": 1, "node_id": "n"}),
        ("LLM_CALL_COMPLETED", {"tokenUsage": {"promptTokens": 5}}, {"token_usage": {"prompt_tokens": 5}}),
        ("PLAN_RECEIVED", {"rawPlan": {"subTasks": []}}, {"raw_plan": [{"subTasks": []}]}),
        ("PLAN_RECEIVED", {"node_id": "n", "raw_plan": {}}, {"node_id": "n", "raw_plan": []}),
        ("RUN_STARTED", {"config": {"maxSteps": 1}}, {"config": {"maxSteps": 1}}),
        ("UNSPECIFIED", {"unknownPayload": {"a": 1}}, {"a": 1}),
    ],
)
def test_the_form_of_protobuf_becomes_that_of_the_python_agents(
    name: str, stored: dict[str, object], plain: dict[str, object]
) -> None:
    assert plain_payload(f"EVENT_TYPE_{name}", stored) == plain


def test_camel_case_is_known_without_its_type() -> None:
    assert plain_payload("step_started", {"nodeId": "n", "rootId": "r"}) == {"node_id": "n", "root_id": "r"}


@pytest.mark.parametrize("stored", [{"node_id": "n"}, {"myField": 1, "nodes": {"nodeId": 2}}, {}, [1], None, "text"])
def test_what_is_plain_already_is_left_as_it_is(stored: object) -> None:
    assert plain_payload("step_started", stored) is stored


def test_types_have_one_name() -> None:
    assert plain_type("EVENT_TYPE_NODE_STATUS_CHANGED") == "node_status_changed"
    assert plain_type("my_Type") == "my_Type"
