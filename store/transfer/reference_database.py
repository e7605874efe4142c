"""Databases of the reference servers in Python and in Go, as the source of an import.

Each row of their table `events` becomes the event that was published: envelope from the columns, payload as stored. The
tables `runs`, `nodes`, `edges` and `graph_plans` mostly repeat the events. A row that no event covers, because events
were deleted, becomes an event too: with all its columns in the payload, and the name of its table in `imported_from`.

The Go server also stored events in protobuf form, see `protobuf`.
"""

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from store.model.entry import Entry, StreamId
from store.transfer.protobuf import TYPE_PREFIX, plain_payload, plain_type

Row = dict[str, Any]

Fact = tuple[str, str]
"""An event type, and the id of its run or node, or both ids of its edge."""

REQUIRED_COLUMNS = {"event_id", "run_id", "event_type", "timestamp", "payload"}
"""Columns of `events` by which a database is recognised."""

INITIAL_STATUSES = ("READY", "NOT_READY")
"""Statuses that the servers store for nodes without a status event."""

ROW_NUMBER, PAYLOAD_KIND = "row number", "payload kind"
"""Names of added columns: the row's number, and the storage class of its payload. The spaces avoid a clash."""

IMPORTED_FROM = "imported_from"
"""Payload field that names the table of a row which no event covers."""

_RUN_TYPES = ("run_started", "run_finished", "run_error")
_NODE_TYPES = ("node_created", "node_status_changed", "node_result_available", "plan_received", "edge_added")
_REPEATED_TYPES = [spelling for name in (*_RUN_TYPES, *_NODE_TYPES) for spelling in (name, f"{TYPE_PREFIX}{name.upper()}")]
"""Types of events that other tables repeat, in both spellings."""


class ReferenceDatabase:
    """Reads a database of a reference server. Every method may raise sqlite3.DatabaseError."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        connection.text_factory = bytes  # text may not be valid UTF-8
        self._db = connection

    def is_readable(self) -> bool:
        """Whether the database has a known table of events."""
        return self._columns("events") >= REQUIRED_COLUMNS

    def _columns(self, table: str) -> set[str]:
        return {row[1].decode() for row in self._db.execute(f"PRAGMA table_info({table})")}

    def entries(self) -> Iterator[Entry]:
        """All events as stream entries.

        Rows that no event covers come before the events, because nodes must exist first; ends of runs come last.
        """
        repeated = self._rows("events", f"WHERE event_type IN ({', '.join(map(repr, _REPEATED_TYPES))})")
        covered = {fact for row in repeated if (fact := _fact(row)) is not None}
        yield from self._uncovered(covered)
        for row in self._rows("events"):
            yield _event(row)
        yield from self._uncovered_ends(covered)

    def _rows(self, table: str, where: str = "") -> Iterator[Row]:
        """The rows of a table in insertion order; none if there is no such table."""
        if not self._columns(table):
            return
        kind = "typeof(payload)" if table == "events" else "NULL"
        columns = f'rowid AS "{ROW_NUMBER}", {kind} AS "{PAYLOAD_KIND}", *'
        cursor = self._db.execute(f"SELECT {columns} FROM {table} {where} ORDER BY rowid")
        names = [str(column[0]) for column in cursor.description]
        for values in cursor:
            yield dict(zip(names, values, strict=True))

    def _uncovered(self, covered: set[Fact]) -> Iterator[Entry]:
        for row in self._rows("runs"):
            if ("run_started", _text(row["run_id"])) not in covered:
                yield _made("runs", row, "run_started", _text(row["run_id"]), time=row.get("start_time"))
        for row in self._rows("nodes"):
            node_id = _text(row["node_id"])
            if ("node_created", node_id) not in covered:
                yield _made("nodes", row, "node_created", node_id)
            status = _text(row.get("status"))
            if status and status not in INITIAL_STATUSES and ("node_status_changed", node_id) not in covered:
                payload = {"node_id": node_id, "new_status": status}
                yield _made("nodes", row, "node_status_changed", node_id, payload, time=row.get("updated_at"))
            if row.get("result") is not None and ("node_result_available", node_id) not in covered:
                payload = {"node_id": node_id, "result_summary": _summary(row["result"])}
                yield _made("nodes", row, "node_result_available", node_id, payload, time=row.get("updated_at"))
        for row in self._rows("edges"):
            ends = f"{_text(row['parent_node_id'])} {_text(row['child_node_id'])}"
            if ("edge_added", ends) not in covered:
                yield _made("edges", row, "edge_added", ends)
        for row in self._rows("graph_plans"):
            if ("plan_received", _text(row["node_id"])) not in covered:
                plan = {"node_id": _text(row["node_id"]), "raw_plan": _value(row["raw_plan"])}
                yield _made("graph_plans", row, "plan_received", str(row[ROW_NUMBER]), plan)

    def _uncovered_ends(self, covered: set[Fact]) -> Iterator[Entry]:
        for row in self._rows("runs"):
            run_id, status = _text(row["run_id"]), _text(row.get("status"))
            event_type = {"completed": "run_finished", "error": "run_error"}.get(status)
            if event_type is not None and (event_type, run_id) not in covered:
                yield _made("runs", row, event_type, run_id, time=row.get("end_time"))


def _fact(row: Row) -> Fact | None:
    """What an event covers of the other tables."""
    name = plain_type(_text(row["event_type"]))
    if name in _RUN_TYPES:
        return name, _text(row["run_id"])
    payload = plain_payload(_text(row["event_type"]), _value(row["payload"]))
    if not isinstance(payload, dict):
        return None
    if name == "edge_added":
        return name, f"{payload.get('parent_node_id')} {payload.get('child_node_id')}"
    return name, str(payload.get("node_id") or "")


def _event(row: Row) -> Entry:
    """The event of a row of `events`."""
    payload = _payload(row)
    return _entry(
        row,
        {
            "event_id": _text(row["event_id"]),
            "timestamp": _text(row["timestamp"]),
            "event_type": plain_type(_text(row["event_type"])),
            "payload": payload,
            "run_id": _text(row["run_id"]) or None,
        },
    )


def _made(table: str, row: Row, event_type: str, subject: str, payload: Row | None = None, time: object = None) -> Entry:
    """An event for a row that no event covers. Its id is derived from its subject, so a repeated import adds nothing."""
    columns = {name: _text(value) if isinstance(value, bytes) else value for name, value in row.items()}
    del columns[ROW_NUMBER], columns[PAYLOAD_KIND]
    run_id = columns.pop("run_id", None)
    for name in ("metadata", "result"):
        if columns.get(name) is not None:
            columns[name] = _value(row[name])
    return _entry(
        row,
        {
            "event_id": f"{IMPORTED_FROM}/{table}/{event_type}/{subject}",
            "timestamp": _text(time or row.get("created_at")),
            "event_type": event_type,
            "payload": {**(columns if payload is None else payload), IMPORTED_FROM: table},
            "run_id": run_id or None,
        },
    )


def _entry(row: Row, event: Row) -> Entry:
    """The event as a stream entry whose id has the time of storing and the number of the row."""
    seconds = _seconds(row.get("created_at"))
    seconds = _seconds(event["timestamp"]) if seconds is None else seconds
    at = StreamId(max(0, int((seconds or 0.0) * 1000)), max(0, row[ROW_NUMBER]))
    try:
        body = msgspec.json.encode(event)
    except (ValueError, RecursionError):  # a value that JSON does not have: the writer rejects and keeps the entry
        body = msgspec.json.encode({**event, "payload": msgspec.Raw(_bytes(row.get("payload")))})
    return Entry(at, {b"json_payload": body})


def _payload(row: Row) -> Any:
    """The payload in plain form.

    The Go server stored the published bytes, which are kept. The Python server stored its own serialisation, which is
    decoded so that it is encoded as compactly as it was published.
    """
    raw = _bytes(row["payload"])
    try:
        value = msgspec.json.decode(raw)
        plain = plain_payload(_text(row["event_type"]), value)
    except (ValueError, RecursionError):
        return msgspec.Raw(raw)
    return msgspec.Raw(raw) if plain is value and row[PAYLOAD_KIND] == b"blob" else plain


def _bytes(value: object) -> bytes:
    """The value of a column as bytes. SQLite stores any type in any column."""
    if isinstance(value, bytes):
        return value
    return b"null" if value is None else str(value).encode()


def _text(value: object) -> str:
    return _bytes(value).decode("utf-8", "replace") if value is not None else ""


def _value(value: object) -> Any:
    """The JSON in a column, or its text if it is not JSON."""
    try:
        return msgspec.json.decode(_bytes(value))
    except (ValueError, RecursionError):
        return _text(value)


def _summary(result: object) -> str:
    value = _value(result)
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _seconds(timestamp: object) -> float | None:
    """Unix time of a timestamp such as `2025-04-22 17:25:11`, in UTC unless it has an offset."""
    try:
        found = datetime.fromisoformat(_text(timestamp))
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
