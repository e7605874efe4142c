"""A run as one portable file: JSON Lines, every event as published.

The first line is a header. Then each event has a line, in the order of the run: the id of its stream entry, and its body
as one JSON string, so that not a byte of it is lost. The last line counts the events, and what was redacted by kind, and
has the SHA-256 of all lines before it: whoever reads the file knows whether it is whole.

    {"treetop":1,"run_id":"6f1c...","declared":true,"goal":"Write a report","events":2,"gaps":0,...}
    {"id":"1745342735470-3","json_payload":"{\\"event_id\\":...}"}
    {"id":"1745342735471-0","json_payload":"{\\"event_id\\":...}"}
    {"end":2,"redacted":{},"sha256":"..."}
"""

import io
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from gzip import GzipFile
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, Protocol

import msgspec
from msgspec import Struct

from store import database as db
from store.cursor import Entry
from store.errors import FileError, FileNewer, NotImportable, RunChanged, RunUnknown
from store.events import PREVIEW, StreamId
from store.redaction import Redactor

VERSION = 1
"""Of the format."""

GZIP = b"\x1f\x8b"
"""How a gzip file begins."""

AT_ONCE = 2_000
BYTES_AT_ONCE = 8_000_000
"""Bounds of what is in memory at a time, in events and in bytes of their bodies."""

HEADER_MAX = 1 << 26
LINE_MAX = 1 << 30
"""Bytes that a line may have. Redis takes values of half of that."""


class Header(Struct, frozen=True):
    """The first line."""

    treetop: int
    """Version of the format."""
    run_id: str
    declared: bool
    """False: no publisher named the run; its events were put together by what they name."""
    goal: str | None
    """Its beginning, to tell what the file is about."""
    events: int
    gaps: int
    """How often entries of its stream were lost before they were stored. What was lost is in no file."""
    exported: str
    redaction: bool
    """Were secrets looked for and taken out?"""


class Line(Struct, frozen=True):
    """An event: id of its stream entry, body as published."""

    id: str
    json_payload: str


class Footer(Struct, frozen=True):
    """The last line: how many events there are, what was redacted by kind, and the checksum of all lines before."""

    end: int
    redacted: dict[str, int]
    sha256: str


_encode = msgspec.json.Encoder().encode
_header = msgspec.json.Decoder(Header)
_line = msgspec.json.Decoder(Line)
_footer = msgspec.json.Decoder(Footer)


# Out


class Sink(Protocol):
    """What bytes can be written to."""

    def write(self, data: bytes, /) -> int: ...


def export(path: Path, run_id: str, out: Sink, redactor: Redactor | None = None) -> Footer:
    """Write the archive of a run, as it is now, to `out`, with the redactor's help.

    Reads in pages, so the file's log can be cleared meanwhile and memory stays bounded. Raises RunUnknown, FileError, and
    RunChanged when the run was deleted or numbered anew in between.
    """
    db.check_readable(path)
    digest = sha256()

    def write(line: Struct) -> None:
        data = _encode(line) + b"\n"
        digest.update(data)
        out.write(data)

    with closing(sqlite3.connect(db.address(path, "ro"), uri=True, timeout=5.0)) as connection:
        try:
            run, generation, header = _describe(connection, path, run_id, redactor)
            write(header)
            for at, body in _bodies(connection, run, generation, header.events):
                write(Line(str(at), (body if redactor is None else redactor.body(body)).decode()))
        except sqlite3.DatabaseError as error:
            raise FileError(f"{path}: can not be read ({error})") from error
    footer = Footer(header.events, {} if redactor is None else dict(sorted(redactor.counts.items())), digest.hexdigest())
    write(footer)
    return footer


def _describe(
    connection: sqlite3.Connection, path: Path, run_id: str, redactor: Redactor | None
) -> tuple[int, int, Header]:
    """The run's key and generation, and the header for it."""
    row = connection.execute(
        "SELECT key, generation, declared, goal, events, (SELECT count(*) FROM gap WHERE run = run.key) FROM run"
        " WHERE run_id = ? AND generation >= 0",
        (run_id,),
    ).fetchone()
    if row is None:
        raise RunUnknown(f"{path}: there is no run {run_id!r}; see `treetop runs` for those there are")
    key, generation, declared, goal, events, gaps = row
    if redactor is not None:
        run_id, goal = redactor.text(run_id), None if goal is None else redactor.text(goal)
        redactor.counts.clear()  # the events say the same again
    goal = goal if goal is None or len(goal) <= PREVIEW else f"{goal[: PREVIEW - 1]}…"
    now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return key, generation, Header(VERSION, run_id, bool(declared), goal, events, gaps, now, redactor is not None)


def _bodies(connection: sqlite3.Connection, run: int, generation: int, last: int) -> Iterator[tuple[StreamId, bytes]]:
    """The events of the run up to a position. Each page makes sure that the run is still the one it was."""
    position = 0
    while position < last:
        lengths = connection.execute(
            "SELECT length(b.data) FROM event e JOIN body b ON b.seq = e.seq"
            " WHERE e.run = ? AND e.position BETWEEN ? AND ? ORDER BY e.position",
            (run, position + 1, min(position + AT_ONCE, last)),
        ).fetchall()
        count, size = 0, 0
        while count < len(lengths) and (not count or size + lengths[count][0] <= BYTES_AT_ONCE):
            size += lengths[count][0]
            count += 1
        rows = connection.execute(
            "SELECT e.ms, e.number, b.data FROM run r JOIN event e ON e.run = r.key JOIN body b ON b.seq = e.seq"
            " WHERE r.key = ? AND r.generation = ? AND e.position BETWEEN ? AND ? ORDER BY e.position",
            (run, generation, position + 1, position + count),
        ).fetchall()
        if not rows or len(rows) != count:
            raise RunChanged("the run was deleted or put together anew while it was exported; export it again")
        for ms, number, body in rows:
            yield StreamId(ms, number), bytes(body)
        position += count


# In


class Archive:
    """An archive to be read from a file that can be read twice: once to make sure that it is whole, then its events."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        """`name` is what messages call it."""
        self.name = name
        self._file = file

    def check(self) -> tuple[Header, Footer]:
        """Read all of it. Raises NotImportable when it is no archive, cut short or damaged, FileNewer when it is newer."""
        lines = self._lines()
        header = self._header(next(lines, b""))
        digest, count, last = sha256(), -1, b""
        for line in self._lines():
            if last:
                digest.update(last)
                count += 1
                if count:
                    self._entry(last, count)
            last = line
        try:
            footer = _footer.decode(last)
        except ValueError:
            raise NotImportable(
                f"{self.name}: is cut short: its end is missing, and perhaps some of {header.events} events; nothing was"
                " imported, get it whole"
            ) from None
        if (footer.end, footer.sha256) != (count, digest.hexdigest()) or count != header.events:
            raise NotImportable(f"{self.name}: was damaged or changed on its way; nothing was imported, get it again")
        return header, footer

    def batches(self) -> Iterator[list[Entry]]:
        """Its events, after `check`, in order, some at a time."""
        batch: list[Entry] = []
        size = 0
        for number, line in enumerate(self._lines()):
            if line.startswith(b'{"end":'):
                break
            if number:
                batch.append(self._entry(line, number))
                size += len(line)
            if len(batch) >= AT_ONCE or size >= BYTES_AT_ONCE:
                yield batch
                batch, size = [], 0
        if batch:
            yield batch

    def _lines(self) -> Iterator[bytes]:
        self._file.seek(0)
        packed = self._file.read(len(GZIP)) == GZIP
        self._file.seek(0)
        file = io.BufferedReader(GzipFile(fileobj=self._file), 1 << 20) if packed else self._file
        try:
            line = file.readline(HEADER_MAX)
            while line:
                yield line
                line = file.readline(LINE_MAX)
        except EOFError:
            raise NotImportable(f"{self.name}: is cut short; nothing was imported, get it whole") from None
        except (zlib.error, OSError) as error:
            raise NotImportable(f"{self.name}: can not be read ({error}); nothing was imported, get it again") from error

    def _header(self, line: bytes) -> Header:
        try:
            version = msgspec.json.decode(line, type=dict[str, object])["treetop"]
        except (ValueError, KeyError, RecursionError):
            what = "is neither a run that `treetop export` wrote nor a database of a reference server"
            if line.startswith(b'{"treetop":'):
                what = "is cut short in its first line; get it whole"
            raise NotImportable(f"{self.name}: {what}; nothing was imported") from None
        if isinstance(version, int) and version > VERSION:
            raise FileNewer(
                f"{self.name}: was written by a newer treetop (format {version}, ours {VERSION}); update treetop"
            )
        try:
            return _header.decode(line)
        except ValueError as error:
            raise NotImportable(f"{self.name}: line 1 is not the header of a run ({error})") from error

    def _entry(self, line: bytes, number: int) -> Entry:
        try:
            found = _line.decode(line)
            return Entry(StreamId.parse(found.id), {b"json_payload": found.json_payload.encode()})
        except ValueError as error:
            raise NotImportable(f"{self.name}: line {number + 1} is no event ({error}); nothing was imported") from error


def pack(out: BinaryIO) -> GzipFile:
    """A gzip writer that writes the same for the same, to be closed before `out` is."""
    return GzipFile(filename="", mode="wb", fileobj=out, mtime=0)
