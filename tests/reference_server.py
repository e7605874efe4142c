"""Databases of the reference servers, for imports: their schemas, and code that fills them."""

import json
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

from store.model.entry import Entry

SCHEMA = """
CREATE TABLE events (
    id INTEGER PRIMARY KEY AUTOINCREMENT, event_id TEXT NOT NULL, run_id TEXT NOT NULL, event_type TEXT NOT NULL,
    timestamp TEXT NOT NULL, payload JSON NOT NULL, node_id TEXT, created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);
CREATE TABLE runs (
    run_id TEXT PRIMARY KEY, start_time TEXT NOT NULL, end_time TEXT, status TEXT NOT NULL, total_steps INTEGER,
    total_nodes INTEGER, error_message TEXT, root_node_id TEXT,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP, updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);
CREATE TABLE nodes (
    node_id TEXT PRIMARY KEY, run_id TEXT NOT NULL, node_nid TEXT NOT NULL, node_type TEXT NOT NULL,
    task_type TEXT NOT NULL, task_goal TEXT NOT NULL, status TEXT NOT NULL, layer INTEGER NOT NULL, outer_node_id TEXT,
    root_node_id TEXT NOT NULL, result JSON, metadata JSON,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP, updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    FOREIGN KEY (run_id) REFERENCES runs(run_id), FOREIGN KEY (outer_node_id) REFERENCES nodes(node_id)
);
CREATE TABLE edges (
    id INTEGER PRIMARY KEY AUTOINCREMENT, run_id TEXT NOT NULL, parent_node_id TEXT NOT NULL, child_node_id TEXT NOT NULL,
    parent_nid TEXT NOT NULL, child_nid TEXT NOT NULL, metadata JSON, created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    FOREIGN KEY (run_id) REFERENCES runs(run_id), FOREIGN KEY (parent_node_id) REFERENCES nodes(node_id),
    FOREIGN KEY (child_node_id) REFERENCES nodes(node_id)
);
CREATE INDEX idx_events_run_id ON events(run_id);
CREATE INDEX idx_events_type ON events(event_type);
CREATE TABLE graph_plans (
    id INTEGER PRIMARY KEY AUTOINCREMENT, run_id TEXT NOT NULL, node_id TEXT NOT NULL, raw_plan JSON NOT NULL,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);
"""


def python_server(path: Path, entries: Iterable[Entry]) -> None:
    """A database as the Python server writes it: payloads in its own words; events without a run are not stored."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode=WAL")
        db.executescript(SCHEMA)
        db.execute("PRAGMA foreign_keys=ON")
        db.execute("BEGIN")
        for entry in entries:
            event = json.loads(entry.fields[b"json_payload"])
            if event["run_id"]:
                _store(db, event, json.dumps(event["payload"]))
        db.execute("COMMIT")


def go_server(path: Path, entries: Iterable[Entry], protobuf: bool = False) -> None:
    """A database as the Go server writes it: payloads as the bytes that came; events without a run have an empty one."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode=WAL")
        db.executescript(SCHEMA)
        db.execute("BEGIN")
        for entry in entries:
            event = json.loads(entry.fields[b"json_payload"])
            event["run_id"] = event["run_id"] or ""
            payload = event["payload"]
            _store(db, event, "", in_tables=bool(event["run_id"]))
            if protobuf:
                event_type = event["event_type"]
                payload = {_camel(name): value for name, value in payload.items()}
                event = {**event, "event_type": f"EVENT_TYPE_{event_type.upper()}"}
                payload = {"eventId": event["event_id"], _camel(event_type): payload, "unknownField": 7}
            data = json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()
            db.execute(
                "UPDATE events SET payload = ?, event_type = ? WHERE id = (SELECT max(id) FROM events)",
                (data, event["event_type"]),
            )
        db.execute("COMMIT")


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.title() for part in rest)


def _store(db: sqlite3.Connection, event: dict[str, Any], payload: str, in_tables: bool = True) -> None:
    told, run_id = event["payload"], event["run_id"]
    db.execute(
        "INSERT INTO events (event_id, run_id, event_type, timestamp, payload, node_id) VALUES (?, ?, ?, ?, ?, ?)",
        (event["event_id"], run_id, event["event_type"], event["timestamp"], payload, told.get("node_id")),
    )
    if not in_tables:
        return
    match event["event_type"]:
        case "run_started":
            sql = "INSERT INTO runs (run_id, start_time, status) VALUES (?, ?, 'running')"
            db.execute(sql, (run_id, event["timestamp"]))
        case "run_finished":
            sql = "UPDATE runs SET status = 'completed', end_time = ?, total_steps = ?, total_nodes = ? WHERE run_id = ?"
            db.execute(sql, (event["timestamp"], told.get("total_steps"), told.get("total_nodes"), run_id))
        case "run_error":
            sql = "UPDATE runs SET status = 'error', end_time = ?, error_message = ? WHERE run_id = ?"
            db.execute(sql, (event["timestamp"], told.get("error_message"), run_id))
        case "node_created":
            names = ("node_id", "node_nid", "node_type", "task_type", "task_goal", "layer", "outer_node_id", "root_node_id")
            rest = {name: value for name, value in told.items() if name not in names}
            db.execute(
                f"INSERT INTO nodes ({', '.join(names)}, run_id, status, metadata) VALUES (?,?,?,?,?,?,?,?,?,'READY',?)",
                (*(told[name] for name in names), run_id, json.dumps(rest)),
            )
            if told["layer"] == 0:
                db.execute("UPDATE runs SET root_node_id = ? WHERE run_id = ?", (told["node_id"], run_id))
        case "node_status_changed":
            db.execute("UPDATE nodes SET status = ? WHERE node_id = ?", (told["new_status"], told["node_id"]))
        case "node_result_available":
            result = json.dumps(told["result_summary"])
            db.execute("UPDATE nodes SET result = ? WHERE node_id = ?", (result, told["node_id"]))
        case "edge_added":
            ends = ("parent_node_id", "child_node_id", "parent_node_nid", "child_node_nid")
            sql = "INSERT INTO edges (run_id, parent_node_id, child_node_id, parent_nid, child_nid) VALUES (?, ?, ?, ?, ?)"
            db.execute(sql, (run_id, *(told[name] for name in ends)))
        case "plan_received":
            sql = "INSERT INTO graph_plans (run_id, node_id, raw_plan) VALUES (?, ?, ?)"
            db.execute(sql, (run_id, told["node_id"], json.dumps(told["raw_plan"])))
