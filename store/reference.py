"""Databases written by the reference servers, in Python and in Go: their tables become events again.

Their table `events` is read in the order of its ids. Each row becomes the event that was published: the envelope from its
columns, the payload as it is. The other tables (`runs`, `nodes`, `edges`, `graph_plans`) only say again what events said,
mostly; where they hold more, because events were deleted, each such row becomes an event too, with all its columns in the
payload and `imported_from` naming the table. Statuses come from the fold.

The Go server also stored events in the form of protobuf: types like `EVENT_TYPE_STEP_STARTED`, names in camel case, the
payload in a member named after the type. Those are brought into the form that Python agents publish; what is not known is
kept.
"""

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from store import database as db
from store.archive import AT_ONCE, BYTES_AT_ONCE
from store.cursor import Entry
from store.errors import NotImportable
from store.events import StreamId
from store.protobuf import PREFIX, plain_payload, plain_type

Row = dict[str, Any]

NEEDED = {"event_id", "run_id", "event_type", "timestamp", "payload"}
"""The columns of `events` by which we know such a database."""

INITIAL = ("READY", "NOT_READY")
"""What the servers note for a node of which they heard no status: it tells nothing."""

NUMBER, KIND = "row number", "payload kind"
"""Names, such as no column has, for the number of a row and for how SQLite keeps its payload."""

MARK = "imported_from"
"""The field of a payload that says from which table it is, when no event said it."""


class ReferenceDatabase:
    """A database of a reference server, open for reading; close it, or use it as `with ReferenceDatabase(path) as ...`."""

    def __init__(self, path: Path) -> None:
        """Raises NotImportable when it is something else."""
        self.path = path
        try:
            self._db = sqlite3.connect(db.address(path, "ro"), uri=True, timeout=5.0, isolation_level=None)
        except sqlite3.DatabaseError as error:
            raise NotImportable(f"{path}: can not be opened ({error})") from error
        self._db.text_factory = bytes  # a text may not be UTF-8
        try:
            self._check()
        except BaseException as error:
            self._db.close()
            if isinstance(error, sqlite3.DatabaseError):
                raise NotImportable(f"{path}: can not be read ({error}); nothing was imported") from error
            raise

    def __enter__(self) -> "ReferenceDatabase":
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def _check(self) -> None:
        if self._db.execute("PRAGMA application_id").fetchone() == (db.APPLICATION_ID,):
            raise NotImportable(f"{self.path}: is a treetop file; use `treetop export --db {self.path} RUN` on it")
        if not self._columns("events") >= NEEDED:
            raise NotImportable(f"{self.path}: is a database of another program: it has no table of events that we know")

    def _columns(self, table: str) -> set[str]:
        return {row[1].decode() for row in self._db.execute(f"PRAGMA table_info({table})")}

    def batches(self) -> Iterator[list[Entry]]:
        """All of it as entries of a stream, some at a time. Raises NotImportable when the database turns out damaged."""
        batch: list[Entry] = []
        size = 0
        try:
            self._db.execute("BEGIN")  # one moment for all tables: a server may be writing
            for entry in self._entries():
                batch.append(entry)
                size += len(entry.fields[b"json_payload"])
                if len(batch) >= AT_ONCE or size >= BYTES_AT_ONCE:
                    yield batch
                    batch, size = [], 0
            self._db.execute("COMMIT")
        except sqlite3.DatabaseError as error:
            raise NotImportable(f"{self.path}: is damaged ({error}); what was read of it was imported") from error
        if batch:
            yield batch

    def _entries(self) -> Iterator[Entry]:
        """What no event tells comes first, as what nodes are must; how such runs ended comes last."""
        told = _Told()
        for row in self._rows("events", f"WHERE event_type IN ({', '.join(map(repr, _TELLING))})"):
            told.note(row)
        yield from self._untold(told)
        for row in self._rows("events"):
            yield _entry(row)
        yield from self._ends(told)

    def _rows(self, table: str, where: str = "") -> Iterator[Row]:
        """The rows of a table in the order of their ids, none where there is no such table."""
        if not self._columns(table):
            return
        kind = "typeof(payload)" if table == "events" else "NULL"
        cursor = self._db.execute(f'SELECT rowid AS "{NUMBER}", {kind} AS "{KIND}", * FROM {table} {where} ORDER BY rowid')
        names = [str(column[0]) for column in cursor.description]
        for values in cursor:
            yield dict(zip(names, values, strict=True))

    def _untold(self, told: "_Told") -> Iterator[Entry]:
        for row in self._rows("runs"):
            if ("run_started", _text(row["run_id"])) not in told.facts:
                yield _made("runs", row, "run_started", _text(row["run_id"]), time=row.get("start_time"))
        for row in self._rows("nodes"):
            node_id = _text(row["node_id"])
            if ("node_created", node_id) not in told.facts:
                yield _made("nodes", row, "node_created", node_id)
            status = _text(row.get("status"))
            if status and status not in INITIAL and ("node_status_changed", node_id) not in told.facts:
                more = {"node_id": node_id, "new_status": status}
                yield _made("nodes", row, "node_status_changed", node_id, more, time=row.get("updated_at"))
            if row.get("result") is not None and ("node_result_available", node_id) not in told.facts:
                more = {"node_id": node_id, "result_summary": _summary(row["result"])}
                yield _made("nodes", row, "node_result_available", node_id, more, time=row.get("updated_at"))
        for row in self._rows("edges"):
            names = f"{_text(row['parent_node_id'])} {_text(row['child_node_id'])}"
            if ("edge_added", names) not in told.facts:
                yield _made("edges", row, "edge_added", names)
        for row in self._rows("graph_plans"):
            if ("plan_received", _text(row["node_id"])) not in told.facts:
                more = {"node_id": _text(row["node_id"]), "raw_plan": _value(row["raw_plan"])}
                yield _made("graph_plans", row, "plan_received", str(row[NUMBER]), more)

    def _ends(self, told: "_Told") -> Iterator[Entry]:
        for row in self._rows("runs"):
            run_id, status = _text(row["run_id"]), _text(row.get("status"))
            event_type = {"completed": "run_finished", "error": "run_error"}.get(status)
            if event_type is not None and (event_type, run_id) not in told.facts:
                yield _made("runs", row, event_type, run_id, time=row.get("end_time"))


_ONCE_A_RUN = ("run_started", "run_finished", "run_error")
_FOR_A_NODE = ("node_created", "node_status_changed", "node_result_available", "plan_received", "edge_added")
_TELLING = [form for name in (*_ONCE_A_RUN, *_FOR_A_NODE) for form in (name, f"{PREFIX}{name.upper()}")]
"""Types of events that other tables repeat, in both spellings."""


class _Told:
    """What the events of a database tell, as far as its other tables repeat it: pairs of type and whom it is about."""

    def __init__(self) -> None:
        self.facts: set[tuple[str, str]] = set()

    def note(self, row: Row) -> None:
        name = plain_type(_text(row["event_type"]))
        if name in _ONCE_A_RUN:
            self.facts.add((name, _text(row["run_id"])))
            return
        payload = plain_payload(_text(row["event_type"]), _value(row["payload"]))
        if isinstance(payload, dict):
            node_id = str(payload.get("node_id") or "")
            names = f"{payload.get('parent_node_id')} {payload.get('child_node_id')}"
            self.facts.add((name, names if name == "edge_added" else node_id))


def _entry(row: Row) -> Entry:
    """The event of a row, as it was published as far as can be known."""
    payload = _payload(row)
    return _sealed(
        row,
        {
            "event_id": _text(row["event_id"]),
            "timestamp": _text(row["timestamp"]),
            "event_type": plain_type(_text(row["event_type"])),
            "payload": payload,
            "run_id": _text(row["run_id"]) or None,
        },
    )


def _made(table: str, row: Row, event_type: str, about: str, payload: Row | None = None, time: object = None) -> Entry:
    """An event for a row that none tells of. Its id is made of what it is about: the same every time."""
    columns = {name: _text(value) if isinstance(value, bytes) else value for name, value in row.items()}
    del columns[NUMBER], columns[KIND]
    run_id = columns.pop("run_id", None)
    for name in ("metadata", "result"):
        if columns.get(name) is not None:
            columns[name] = _value(row[name])
    return _sealed(
        row,
        {
            "event_id": f"{MARK}/{table}/{event_type}/{about}",
            "timestamp": _text(time or row.get("created_at")),
            "event_type": event_type,
            "payload": {**(columns if payload is None else payload), MARK: table},
            "run_id": run_id or None,
        },
    )


def _sealed(row: Row, event: Row) -> Entry:
    """As an entry whose id says when the server stored it, and which row it was."""
    moment = _seconds(row.get("created_at"))
    moment = _seconds(event["timestamp"]) if moment is None else moment
    at = StreamId(max(0, int((moment or 0.0) * 1000)), max(0, row[NUMBER]))
    try:
        body = msgspec.json.encode(event)
    except (ValueError, RecursionError):  # a number or a text that JSON does not have: rejected, but kept
        body = msgspec.json.encode({**event, "payload": msgspec.Raw(_bytes(row.get("payload")))})
    return Entry(at, {b"json_payload": body})


def _payload(row: Row) -> Any:
    """A payload in its plain form. The Python server stored text, in its own words: that becomes as compact as it was
    published. The Go server stored the bytes that were published."""
    raw = _bytes(row["payload"])
    try:
        value = msgspec.json.decode(raw)
        plain = plain_payload(_text(row["event_type"]), value)
    except (ValueError, RecursionError):
        return msgspec.Raw(raw)
    return msgspec.Raw(raw) if plain is value and row[KIND] == b"blob" else plain


def _bytes(value: object) -> bytes:
    """What a column holds, as bytes: SQLite keeps what it is given, whatever the column's type says."""
    if isinstance(value, bytes):
        return value
    return b"null" if value is None else str(value).encode()


def _text(value: object) -> str:
    return _bytes(value).decode("utf-8", "replace") if value is not None else ""


def _value(value: object) -> Any:
    """The JSON in a column, or else its text."""
    try:
        return msgspec.json.decode(_bytes(value))
    except (ValueError, RecursionError):
        return _text(value)


def _summary(result: object) -> str:
    value = _value(result)
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _seconds(moment: object) -> float | None:
    """`2025-04-22 17:25:11`, in UTC, in seconds since 1970."""
    try:
        found = datetime.fromisoformat(_text(moment))
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
