"""Import of databases of the reference servers."""

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from store.database import file as database
from store.database.stream_row import Counts
from store.errors import NotImportable
from store.model.entry import Entry, StreamId
from store.model.state import RunStatus
from store.transfer.importer import import_source
from tests.recorder import Recorder, entry_of, state_of
from tests.reference_server import go_server, python_server
from tests.tables import query, rows, states, store
from tui.demo import Ending, Scenario, simulate


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """Path of a reference server's database."""
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


# Complete imports


@pytest.mark.parametrize("ending", ["finished", "failing-branch", "failed", "killed"])
def test_a_database_of_the_python_server_is_imported_completely(old: Path, db: Path, ending: Ending) -> None:
    entries = simulated(ending)
    python_server(old, entries)
    taken = import_source(db, str(old))
    assert (taken.run_id, taken.counts) == (None, Counts(received=len(entries), stored=len(entries)))
    run_id = run_id_of(entries)
    assert states(db) == {run_id: state_of(entries, run_id)}
    for table in ("events", "nodes", "edges", "runs"):
        assert query(db, f"SELECT count(*) FROM {table}") == query(old, f"SELECT count(*) FROM {table}")
    statuses = {status for (status,) in query(db, "SELECT status FROM nodes")}
    if ending == "finished":  # a status that this server never stored
        assert statuses == {"FINISH"}
        assert query(old, "SELECT 1 FROM nodes WHERE status = 'FINISH'") == []


def test_events_of_the_python_server_are_imported_byte_for_byte(old: Path, db: Path) -> None:
    entries = simulated()
    python_server(old, entries)
    import_source(db, str(old))
    assert query(db, "SELECT data FROM body ORDER BY seq") == [(entry.fields[b"json_payload"],) for entry in entries]


def test_events_that_were_stored_live_are_not_imported_again(old: Path, db: Path, recorded: list[Entry]) -> None:
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
    assert import_source(db, str(old)).counts == Counts(received=101, stored=1, duplicate=100)


@pytest.mark.parametrize("protobuf", [False, True])
def test_a_database_of_the_go_server_is_imported_completely(old: Path, db: Path, protobuf: bool) -> None:
    entries = simulated("failing-branch")
    go_server(old, entries, protobuf)
    assert import_source(db, str(old)).counts == Counts(received=len(entries), stored=len(entries))
    run_id = run_id_of(entries)
    assert states(db) == {run_id: state_of(entries, run_id)}
    if protobuf:
        assert query(db, "SELECT DISTINCT json_extract(payload, '$.unknown_field') FROM events") == [(7,)]
    else:
        assert query(db, "SELECT data FROM body ORDER BY seq") == [(entry.fields[b"json_payload"],) for entry in entries]


def test_events_without_a_run_are_assigned_to_one(old: Path, db: Path) -> None:
    entries = Recorder(None).root("r").plan("r", "a", "b").step("a", "execute", after="FINISH").entries
    entries = Recorder("A", beside=_of(entries)).whole().entries
    go_server(old, entries)
    import_source(db, str(old))
    found = states(db)
    assert set(found) == {"auto-r", "A"}
    assert (found["auto-r"].run.nodes, found["A"].run.nodes) == (3, 3)


def _of(entries: list[Entry]) -> Recorder:
    recorder = Recorder(None)
    recorder.entries = entries
    return recorder


def test_interleaved_runs_are_imported_separately(old: Path, db: Path) -> None:
    first, second = simulated(seed=1), simulated("failed", seed=2)
    mixed = [entry for pair in zip(first, second, strict=False) for entry in pair]
    mixed += first[len(mixed) // 2 :] + second[len(mixed) // 2 :]
    python_server(old, mixed)
    import_source(db, str(old))
    assert states(db) == {run_id_of(part): state_of(part, run_id_of(part)) for part in (first, second)}


# Repeated imports


def test_a_repeated_import_changes_nothing(old: Path, db: Path) -> None:
    entries = simulated()
    python_server(old, entries)
    change(
        old,
        "DELETE FROM events WHERE event_type = 'node_created' AND id % 2",
        "INSERT INTO events (event_id, run_id, event_type, timestamp, payload)"
        " VALUES ('x', 'R', 'note', '', '{\"n\": NaN}')",
    )
    import_source(db, str(old))
    before = rows(db)
    assert len(before["rejected"]) == 1
    counts = import_source(db, str(old)).counts
    assert (counts.stored, counts.rejected) == (0, 0)
    assert rows(db) == before


def test_the_cost_of_an_unreadable_row_does_not_grow_with_their_number(
    old: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cost is measured in SQLite instructions, which do not depend on the machine."""
    hundreds = 0

    def count() -> None:
        nonlocal hundreds
        hundreds += 1

    def connect_and_count(path: Path, **options: Any) -> sqlite3.Connection:
        connection = connect(path, **options)
        connection.set_progress_handler(count, 100)
        return connection

    connect = database.connect_writer
    monkeypatch.setattr(database, "connect_writer", connect_and_count)
    python_server(old, Recorder("A").run_started().entries)
    spent = []
    for more, db in ((1_000, tmp_path / "1.db"), (3_000, tmp_path / "2.db")):
        change(
            old,
            f"WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n LIMIT {more})"
            " INSERT INTO events (event_id, run_id, event_type, timestamp, payload)"
            " SELECT 'x' || n, 'R', 'note', '', '{\"n\": NaN}' FROM n",
        )
        hundreds = 0
        assert import_source(db, str(old)).counts.rejected in (1_000, 4_000)
        spent.append(hundreds)
    assert spent[1] < 5 * spent[0]


def test_a_repeated_import_adds_later_events(old: Path, db: Path) -> None:
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
        import_source(db, str(old))
        connection.executemany("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?)", kept)
        connection.commit()
    assert import_source(db, str(old)).counts.stored == len(kept)
    run_id = run_id_of(entries)
    assert states(db) == {run_id: state_of(entries, run_id)}


# Rows without events


def test_rows_without_events_become_events(old: Path, db: Path) -> None:
    entries = Recorder("A").whole().entries
    python_server(old, entries)
    whole = state_of(entries, "A")
    change(old, "DELETE FROM events")
    taken = import_source(db, str(old))
    run, nodes = states(db)["A"].run, states(db)["A"].nodes
    assert taken.counts.rejected == 0
    assert (run.status, run.began, run.root, run.goal) == (RunStatus.COMPLETED, True, "root", "Write a book")
    assert {node.node_id: node.outer for node in nodes.values()} == {"root": None, "search": "root", "write": "root"}
    assert nodes["root"].status == "FINAL_TO_FINISH"  # the last status that this server stored
    assert set(states(db)["A"].edges) == {key._replace(owner="") for key in whole.edges}
    events = query(db, "SELECT event_type, json_extract(payload, '$.imported_from') FROM events ORDER BY id")
    assert events[0] == ("run_started", "runs")
    assert events[-1] == ("run_finished", "runs")
    assert sorted(set(events[1:-1])) == [
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


def test_rows_of_other_tables_do_not_override_events(old: Path, db: Path) -> None:
    entries = Recorder("A").whole().entries
    python_server(old, entries)
    change(old, "DELETE FROM events WHERE event_type IN ('run_started', 'node_created', 'run_finished')")
    import_source(db, str(old))
    state, whole = states(db)["A"], state_of(entries, "A")
    assert {node.node_id: node.status for node in state.nodes.values()} == {
        node.node_id: node.status for node in whole.nodes.values()
    }
    assert (state.run.status, list(state.nodes)) == (RunStatus.COMPLETED, list(whole.nodes))


def test_rows_that_are_not_events_are_rejected_and_counted(old: Path, db: Path) -> None:
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
    assert "5 rejected" in done.stdout
    assert query(db, "SELECT count(*) FROM events") == [(3,)]
    assert [data for (data,) in query(db, "SELECT data FROM rejected") if b"no JSON" in data]


# Errors and concurrency


def test_databases_of_other_programs_are_rejected(old: Path, db: Path) -> None:
    change(old, "CREATE TABLE events (id INTEGER PRIMARY KEY, title TEXT)")
    with pytest.raises(NotImportable, match="another program"):
        import_source(db, str(old))
    old.write_bytes(b"SQLite format 3\x00" + bytes(2_000))
    with pytest.raises(NotImportable, match=r"cannot be read|another program"):
        import_source(db, str(old))


def test_uncommitted_changes_of_a_server_are_not_imported(old: Path, db: Path) -> None:
    python_server(old, Recorder("A").whole().entries)
    with closing(sqlite3.connect(old)) as server:
        server.execute("BEGIN IMMEDIATE")
        server.execute("DELETE FROM events WHERE id > 10")
        assert import_source(db, str(old)).counts.stored == 45
        server.execute("ROLLBACK")
