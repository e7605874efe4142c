"""The archive of a run: one portable file of JSON Lines that holds every event as published.

The first line is a header. One line for each event follows, in the order of the run: the id of its stream entry, and its
body as a JSON string, which preserves every byte. The last line has the number of events, the number of redacted secrets
by kind, and the SHA-256 of all earlier lines, so that a reader detects a truncated or changed file.

    {"treetop":1,"run_id":"6f1c...","declared":true,"goal":"Write a report","events":2,"gaps":0,...}
    {"id":"1745342735470-3","json_payload":"{\\"event_id\\":...}"}
    {"id":"1745342735471-0","json_payload":"{\\"event_id\\":...}"}
    {"end":2,"redacted":{},"sha256":"..."}
"""

import io
import zlib
from collections.abc import Iterator
from gzip import GzipFile
from hashlib import sha256
from typing import BinaryIO

import msgspec
from msgspec import Struct

from store.errors import FileNewer, NotImportable
from store.model.entry import Entry, StreamId

VERSION = 1
"""Version of the format."""

GZIP_MAGIC = b"\x1f\x8b"
"""First bytes of a gzip file."""

HEADER_MAX_BYTES = 1 << 26
"""Longest header line."""

LINE_MAX_BYTES = 1 << 30
"""Longest line of an event: twice the largest value that Redis accepts."""


class Header(Struct, frozen=True):
    """The first line."""

    treetop: int
    """Version of the format."""
    run_id: str
    declared: bool
    """False if the publisher named no run, so that treetop assigned the events to one."""
    goal: str | None
    """Beginning of the goal."""
    events: int
    gaps: int
    """Number of times that entries of the stream were lost before they were stored."""
    exported: str
    redaction: bool
    """Whether secrets were redacted."""


class Line(Struct, frozen=True):
    """An event: id of its stream entry, and body as published."""

    id: str
    json_payload: str


class Footer(Struct, frozen=True):
    """The last line: number of events, number of redacted secrets by kind, checksum of all earlier lines."""

    end: int
    redacted: dict[str, int]
    sha256: str


_header = msgspec.json.Decoder(Header)
_line = msgspec.json.Decoder(Line)
_footer = msgspec.json.Decoder(Footer)


class Archive:
    """Reads an archive from a seekable file: `check` verifies all of it before `entries` returns the events."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        """`name`: how messages refer to the file."""
        self.name = name
        self._file = file

    def check(self) -> tuple[Header, Footer]:
        """Read and verify all lines. Raises NotImportable, FileNewer."""
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
                f"{self.name}: is truncated: its end is missing, and possibly some of {header.events} events; nothing"
                " was imported; get the complete file"
            ) from None
        if (footer.end, footer.sha256) != (count, digest.hexdigest()) or count != header.events:
            raise NotImportable(f"{self.name}: is damaged or was changed; nothing was imported; get it again")
        return header, footer

    def entries(self) -> Iterator[Entry]:
        """The events of a checked archive, in order."""
        for number, line in enumerate(self._lines()):
            if line.startswith(b'{"end":'):
                break
            if number:
                yield self._entry(line, number)

    def _lines(self) -> Iterator[bytes]:
        self._file.seek(0)
        packed = self._file.read(len(GZIP_MAGIC)) == GZIP_MAGIC
        self._file.seek(0)
        file = io.BufferedReader(GzipFile(fileobj=self._file), 1 << 20) if packed else self._file
        try:
            line = file.readline(HEADER_MAX_BYTES)
            while line:
                yield line
                line = file.readline(LINE_MAX_BYTES)
        except EOFError:
            raise NotImportable(f"{self.name}: is truncated; nothing was imported; get the complete file") from None
        except (zlib.error, OSError) as error:
            raise NotImportable(f"{self.name}: cannot be read ({error}); nothing was imported; get it again") from error

    def _header(self, line: bytes) -> Header:
        try:
            version = msgspec.json.decode(line, type=dict[str, object])["treetop"]
        except (ValueError, KeyError, RecursionError):
            what = "is neither a run that `treetop export` wrote nor a database of a reference server"
            if line.startswith(b'{"treetop":'):
                what = "is truncated in its first line; get the complete file"
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
            raise NotImportable(
                f"{self.name}: line {number + 1} is not an event ({error}); nothing was imported"
            ) from error
