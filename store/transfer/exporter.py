"""Export: writes the archive of a run.

Events are read in pages, so that memory is bounded and the write-ahead log can be checkpointed meanwhile.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from gzip import GzipFile
from hashlib import sha256
from pathlib import Path
from typing import IO, Protocol

import msgspec
from msgspec import Struct

from store.database import file as db
from store.database.blob import SELECT_BODY_SIZES, fitting
from store.errors import FileError, RunChanged, RunUnknown
from store.model.entry import StreamId
from store.model.facts import PREVIEW_CHARS
from store.transfer.archive import VERSION, Footer, Header, Line
from store.transfer.redaction import Redactor

PAGE_MAX_EVENTS = 2_000
"""Largest page, in events."""

PAGE_MAX_BYTES = 8_000_000
"""Largest page, in bytes of event bodies. A larger event is a page of its own."""


class Output(Protocol):
    """A binary file open for writing."""

    def write(self, data: bytes, /) -> int: ...


def export(path: Path, run_id: str, out: Output, redactor: Redactor | None = None) -> Footer:
    """Write the archive of a run to `out`, up to the newest event at the start. Returns the footer.

    Raises RunUnknown, FileError, and RunChanged if the run was deleted or rebuilt meanwhile.
    """
    db.check_readable(path)
    digest = sha256()

    def write(line: Struct) -> None:
        data = msgspec.json.encode(line) + b"\n"
        digest.update(data)
        out.write(data)

    with closing(sqlite3.connect(db.uri_of(path, "ro"), uri=True, timeout=db.LOCK_TIMEOUT_S)) as connection:
        try:
            run, generation, header = _describe(connection, path, run_id, redactor)
            write(header)
            for at, body in _bodies(connection, run, generation, header.events):
                write(Line(str(at), (body if redactor is None else redactor.body(body)).decode()))
        except sqlite3.DatabaseError as error:
            raise FileError(f"{path}: cannot be read ({error})") from error
    footer = Footer(header.events, {} if redactor is None else dict(sorted(redactor.counts.items())), digest.hexdigest())
    write(footer)
    return footer


def _describe(
    connection: sqlite3.Connection, path: Path, run_id: str, redactor: Redactor | None
) -> tuple[int, int, Header]:
    """Key, generation and header of the run."""
    row = connection.execute(
        "SELECT key, generation, declared, goal, events, (SELECT count(*) FROM gap WHERE run = run.key) FROM run"
        " WHERE run_id = ? AND generation >= 0",
        (run_id,),
    ).fetchone()
    if row is None:
        raise RunUnknown(f"{path}: there is no run {run_id!r}; `treetop runs` lists the runs")
    key, generation, declared, goal, events, gaps = row
    if redactor is not None:
        run_id, goal = redactor.text(run_id), None if goal is None else redactor.text(goal)
        redactor.counts.clear()  # the same secrets are counted again in the events
    goal = goal if goal is None or len(goal) <= PREVIEW_CHARS else f"{goal[: PREVIEW_CHARS - 1]}…"
    now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return key, generation, Header(VERSION, run_id, bool(declared), goal, events, gaps, now, redactor is not None)


def _bodies(connection: sqlite3.Connection, run: int, generation: int, last: int) -> Iterator[tuple[StreamId, bytes]]:
    """The events of the run up to a position. Raises RunChanged if a page has another generation."""
    position = 0
    while position < last:
        lengths = connection.execute(
            SELECT_BODY_SIZES, (run, position + 1, min(position + PAGE_MAX_EVENTS, last))
        ).fetchall()
        count = fitting([length for (length,) in lengths], PAGE_MAX_BYTES)
        rows = connection.execute(
            "SELECT e.ms, e.number, CAST(b.data AS BLOB)"
            " FROM run r JOIN event e ON e.run = r.key JOIN body b ON b.seq = e.seq"
            " WHERE r.key = ? AND r.generation = ? AND e.position BETWEEN ? AND ? ORDER BY e.position",
            (run, generation, position + 1, position + count),
        ).fetchall()
        if not rows or len(rows) != count:
            raise RunChanged("the run was deleted or rebuilt while it was exported; export it again")
        for ms, number, body in rows:
            yield StreamId(ms, number), body
        position += count


def gzip_writer(out: IO[bytes]) -> GzipFile:
    """A gzip writer without name and time, so that equal input gives equal output. Close it before `out`."""
    return GzipFile(filename="", mode="wb", fileobj=out, mtime=0)
