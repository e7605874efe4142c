"""Checks of `treetop doctor`: Redis, the stream, the file, its ingester, and the host."""

import os
import shutil
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING
from zlib import crc32

from msgspec import Struct

from store.database import file as db
from store.database.history import CHECKPOINT_EVENTS
from store.database.lease import holder
from store.database.mount import mount_of
from store.database.permission import readable_by_others
from store.errors import FileError, RedisError
from store.stream.report import UNREADABLE_STATES
from treetop.address import public, stream_at

if TYPE_CHECKING:
    import redis

FREE_BYTES_MIN = 500_000_000
"""Free bytes of a disk below which it is a problem."""

LOG_BYTES_MAX = 64_000_000
"""Bytes of the write-ahead log above which a reader must be blocking checkpoints."""

CLOCK_MIN = 1_600_000_000
"""Unix time (2020) before which the clock of this machine is wrong."""

WAL_RESET_FIXED = (3, 51, 3)
"""First version of SQLite in which simultaneous checkpoints lose no pages. Only the ingester makes checkpoints."""

BODIES_PER_QUERY = 2_000
"""Number of bodies that one query reads, so that no read transaction blocks checkpoints for long."""


class Finding(Struct, frozen=True):
    """Result of one check, a line of the output. It is a problem unless `well`."""

    about: str
    text: str
    well: bool = True


def check_redis(url: str, streams: Sequence[str]) -> Iterator[Finding]:
    """Check Redis and the streams."""
    import redis  # takes 0.1 s, which other commands save

    from store.stream.client import connect
    from store.stream.refusal import may_run_scripts, reason

    address = public(url)
    try:
        client = connect(url)
        about = client.info("server")
    except (redis.RedisError, OSError, RedisError) as error:
        yield Finding("redis", f"{address}: {reason(error, url)}; start Redis, or name another with --redis", well=False)
        return
    version = about["redis_version"]
    name = f"Valkey {about['valkey_version']}" if "valkey_version" in about else f"version {version}"
    yield Finding("redis", f"{address}: {name}, up {about['uptime_in_seconds']} s")
    if int(version.split(".")[0]) < 7:
        yield Finding("redis", "before version 7, the number of lost entries is unknown")
    try:
        if not may_run_scripts(client):
            yield Finding("redis", "scripts (EVAL) are not permitted: entries are transferred more than once")
        memory = client.info("memory")
        may_evict = memory.get("maxmemory") and str(memory.get("maxmemory_policy", "")).startswith("allkeys")
    except (redis.RedisError, OSError) as error:
        yield Finding("redis", f"{address}: {reason(error, url)}", well=False)
        return
    for stream in streams:
        try:
            finding = _check_stream(connect(url, stream), stream)
        except (redis.RedisError, OSError) as error:
            finding = Finding("stream", f"{stream}: cannot be read ({reason(error, url)})", well=False)
        yield finding
        if may_evict and finding.well:
            yield Finding(
                "stream", f"{stream}: Redis may evict it: maxmemory-policy is {memory['maxmemory_policy']}", well=False
            )


def _check_stream(client: "redis.Redis", stream: str) -> Finding:
    """Check one stream. Raises redis.RedisError and OSError."""
    kind = client.type(stream)
    if kind == b"none":
        return Finding("stream", f"{stream}: does not exist; nothing has been published yet")
    if kind != b"stream":
        return Finding("stream", f"{stream}: is a {_text(kind)}, not a stream; name another with --stream", well=False)
    facts = client.xinfo_stream(stream)
    ever = f", {facts['entries-added']} ever added" if "entries-added" in facts else ""
    newest = _text(facts["last-generated-id"])
    return Finding("stream", f"{stream}: {_counted(facts['length'], 'entry', 'entries')}{ever}, newest {newest}")


def _counted(number: int, noun: str, plural: str = "") -> str:
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value


def check_file(path: Path, deep: bool) -> Iterator[Finding]:
    """Check the file: format, size, content, rejected and lost entries, permissions. Reads only a few pages.

    `deep`: read the whole file, and check its structure and the checksum of every event.
    """
    if not path.exists():
        yield Finding("file", f"{path}: does not exist yet; the first ingester creates it")
        return
    try:
        db.check_readable(path)
        with closing(sqlite3.connect(db.uri_of(path, "ro"), uri=True, timeout=5.0)) as connection:
            yield from _check_open(path, connection, deep)
    except FileError as error:
        yield Finding("file", str(error), well=False)
    except sqlite3.DatabaseError as error:
        yield Finding("file", f"{path}: is damaged ({error}); copy it, then run `treetop rebuild`", well=False)


def _check_open(path: Path, connection: sqlite3.Connection, deep: bool) -> Iterator[Finding]:
    def one(sql: str) -> int:
        value: int = connection.execute(sql).fetchone()[0]
        return value

    free = one("PRAGMA freelist_count") * one("PRAGMA page_size")
    yield Finding(
        "file", f"{path}: {path.stat().st_size:,} bytes, {free:,} of them free, version {one('PRAGMA user_version')}"
    )
    if deep:
        structure = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        remedy = "" if structure == "ok" else "; copy the file, then run `treetop rebuild`"
        yield Finding("file", f"structure: {structure}{remedy}", well=not remedy)
    runs, events, rejected = (
        one("SELECT count(*) FROM runs"),
        one("SELECT coalesce(sum(total_events), 0) FROM runs"),
        one("SELECT count(*) FROM rejected"),
    )
    yield Finding("file", f"{_counted(runs, 'run')}, {_counted(events, 'event')}")
    if left := one("SELECT count(*) FROM run WHERE generation < 0"):
        remedy = f"`treetop prune --keep {max(runs, 1)} --yes` ends it"
        yield Finding("file", f"the deletion of {_counted(left, 'run')} was interrupted; {remedy}", well=False)
    if deep:
        yield _check_bodies(connection)
        yield _check_derived(connection)
    if rejected:
        reason = connection.execute("SELECT reason FROM rejected ORDER BY key DESC LIMIT 1").fetchone()[0]
        text = f"{_counted(rejected, 'entry', 'entries')}; the latest: {reason}; `treetop prune --rejected` removes them"
        yield Finding("rejected", text, well=False)
    losses = connection.execute("SELECT count(*), sum(lost), count(*) > count(lost), kind FROM gap GROUP BY kind")
    for count, lost, is_least, kind in losses:
        number = "an unknown number of entries" if lost is None else _counted(lost, "entry", "entries")
        number = f"at least {number}" if is_least and lost is not None else number
        yield Finding("gaps", f"{_counted(count, 'time')} {kind}: {number} lost before they were read", well=False)
    ingester = holder(path)
    for stream, address, state, reason, received, stored, duplicate, refused in connection.execute(
        "SELECT name, address, state, reason, received, stored, duplicate, rejected FROM stream"
    ).fetchall():
        name = stream_at(stream, address)
        if state in UNREADABLE_STATES and ingester is not None and (not ingester.sources or name in ingester.sources):
            yield Finding("stream", f"{name}: the ingester cannot read it: {reason}", well=False)
        adds_up = received == stored + duplicate + refused
        counts = f"{received:,} received = {stored:,} stored + {duplicate:,} repeated + {refused:,} rejected"
        yield Finding("counts", f"{name}: {counts}{'' if adds_up else ', which does not add up'}", well=adds_up)
    yield from _check_permissions(path)
    log = path.with_name(path.name + "-wal")
    size = log.stat().st_size if log.exists() else 0
    if size > LOG_BYTES_MAX:
        yield Finding("file", f"the write-ahead log has {size:,} bytes: a reader keeps a transaction open", well=False)


def _check_permissions(path: Path) -> Iterator[Finding]:
    """Check that other users cannot read the file, its log and its index."""
    real = Path(os.path.realpath(path))
    found = [file for file in (real, Path(f"{real}-wal"), Path(f"{real}-shm")) if readable_by_others(file)]
    if found:
        names, files = ", ".join(file.name for file in found), " ".join(map(str, found))
        yield Finding("file", f"other users may read {names}, which hold prompts; run `chmod go= {files}`", well=False)


def _check_bodies(connection: sqlite3.Connection) -> Finding:
    """Compare every body with its checksum."""
    query = "SELECT seq, crc, CAST(data AS BLOB) FROM body WHERE seq > ? ORDER BY seq LIMIT ?"
    damaged, after, checked, is_end = 0, 0, 0, False
    while not is_end:
        is_end = True
        for seq, crc, data in connection.execute(query, (after, BODIES_PER_QUERY)):  # row by row: bodies may be large
            damaged += crc32(data) != crc
            checked, after, is_end = checked + 1, seq, False
    if damaged:
        text = f"{damaged:,} of {checked:,} event bodies do not match their checksums: the disk is damaged"
        return Finding("file", text, well=False)
    return Finding("file", f"all {checked:,} event bodies match their checksums")


def _check_derived(connection: sqlite3.Connection) -> Finding:
    """Compare what is derived from the events of each run with their number, and with one another."""
    runs, broken = connection.execute(_DERIVED, {"every": CHECKPOINT_EVENTS}).fetchone()
    if broken:
        text = f"derived rows of {_counted(broken, 'run')} do not match the events; `treetop rebuild` derives them anew"
        return Finding("file", text, well=False)
    return Finding("file", f"derived rows match the events in {_counted(runs, 'run')}")


_DERIVED = """
WITH found AS (SELECT key,
    events = (SELECT count(*) FROM event e WHERE e.run = r.key)
    AND nodes = (SELECT count(*) FROM node n WHERE n.run = r.key)
    AND edges = (SELECT count(*) FROM edge e WHERE e.run = r.key)
    AND (SELECT coalesce(sum(events), 0) FROM node n WHERE n.run = r.key)
        = (SELECT count(*) FROM node n JOIN node_event x ON x.node = n.key WHERE n.run = r.key)
    AND events - (SELECT coalesce(max(position), 0) FROM checkpoint c WHERE c.run = r.key) < :every AS whole
    FROM run r WHERE generation >= 0
    UNION ALL SELECT DISTINCT run, 0 FROM event WHERE run NOT IN (SELECT key FROM run))
SELECT count(*), count(*) FILTER (WHERE NOT whole) FROM found
"""


def check_host(path: Path, *sources: str) -> Iterator[Finding]:
    """Check the ingester, the disk, SQLite and the clock. `sources`: the streams that the ingester should store."""
    ingester = holder(path)
    if ingester is None:
        yield Finding("ingester", "none is running; `treetop` or `treetop ingest` starts one")
    elif neglected := ingester.neglects(*sources):
        yield Finding("ingester", neglected, well=False)
    elif ingester.trouble:
        yield Finding("ingester", f"{ingester} cannot store events: {ingester.trouble}", well=False)
    else:
        yield Finding("ingester", f"{ingester} stores {', '.join(ingester.sources) or 'events'}")
    folder = path.absolute().parent
    if folder.is_dir():
        free = shutil.disk_usage(folder).free
        yield Finding("disk", f"{free:,} bytes free in {folder}", well=free > FREE_BYTES_MIN)
        if not os.access(folder, os.W_OK):
            yield Finding("disk", f"{folder}: is read-only; nothing can be stored there", well=False)
        mount = mount_of(path)
        if mount is not None and mount.warning:
            yield Finding("disk", mount.warning, well=False)
        if mount is not None and mount.kind == "overlay":
            yield Finding("disk", f"{mount.point} is a container layer (overlay): the file is deleted with the container")
    version = ".".join(map(str, sqlite3.sqlite_version_info))
    old = "; before 3.51.3: only one treetop may write to a file" if sqlite3.sqlite_version_info < WAL_RESET_FIXED else ""
    yield Finding("sqlite", f"version {version}{old}")
    if time.time() < CLOCK_MIN:
        yield Finding("clock", "this machine's clock is years slow: times will be wrong", well=False)
