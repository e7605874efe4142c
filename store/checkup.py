"""Is everything well? What `treetop doctor` finds about Redis, the stream, the file and who feeds it.

Each finding is a line. A finding that is not `well` is something that a person should mend or know.
"""

import os
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from zlib import crc32

from msgspec import Struct

from store import database as db
from store.errors import FileError, RedisError
from store.ingest import UNREAD
from store.lease import holder
from store.mount import mount_of
from store.url import public

FREE_SPACE = 500_000_000
"""Bytes of free disk below which it is time to worry."""

LOG_SIZE = 64_000_000
"""Bytes of write-ahead log above which some reader keeps it from being moved into the file."""

WAL_RESET_FIXED = (3, 51, 3)
"""The first SQLite in which two connections that checkpoint at once can not lose pages. Only one of ours ever does."""

PAGE = 2_000


class Finding(Struct, frozen=True):
    """What was looked at, and what was found."""

    about: str
    text: str
    well: bool = True


def check_redis(url: str, stream: str) -> Iterator[Finding]:
    """Redis and the stream. Imports redis, so it takes a moment."""
    import redis

    from store.source import connect, reason

    address = public(url)

    try:
        client = connect(url)
        about = client.info("server")
    except (redis.RedisError, OSError, RedisError) as error:
        yield Finding("redis", f"{address}: {reason(error)}; start Redis, or name another with --redis", well=False)
        return
    version = about["redis_version"]
    yield Finding("redis", f"{address}: version {version}, up {about['uptime_in_seconds']} s")
    if int(version.split(".")[0]) < 7:
        yield Finding("redis", "before version 7 it does not say how many entries a gap lost")
    try:
        kind = client.type(stream)
        if kind == b"none":
            yield Finding("stream", f"{stream}: does not exist; nothing was published yet")
            return
        if kind != b"stream":
            yield Finding("stream", f"{stream}: is a {_text(kind)}, not a stream; name another with --stream", well=False)
            return
        facts = client.xinfo_stream(stream)
    except (redis.RedisError, OSError) as error:
        yield Finding("stream", f"{stream}: can not be read ({error})", well=False)
        return
    ever = f", {facts['entries-added']} ever added" if "entries-added" in facts else ""
    newest = _text(facts["last-generated-id"])
    yield Finding("stream", f"{stream}: {_many(facts['length'], 'entry', 'entries')}{ever}, newest {newest}")
    memory = client.info("memory")
    if memory.get("maxmemory") and str(memory.get("maxmemory_policy", "")).startswith("allkeys"):
        yield Finding("stream", f"Redis may evict it: maxmemory-policy is {memory['maxmemory_policy']}", well=False)


def _many(number: int, thing: str, things: str = "") -> str:
    return f"{number:,} {thing if number == 1 else things or f'{thing}s'}"


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value


def check_file(path: Path, deep: bool) -> Iterator[Finding]:
    """The file: whose it is, whether it is whole, how large, what is in it, what was rejected or lost."""
    if not path.exists():
        yield Finding("file", f"{path}: does not exist yet; the first ingester makes it")
        return
    try:
        db.check_readable(path)
        with closing(sqlite3.connect(db.address(path, "ro"), uri=True, timeout=5.0)) as connection:
            yield from _check_open(path, connection, deep)
    except FileError as error:
        yield Finding("file", str(error), well=False)
    except sqlite3.DatabaseError as error:
        yield Finding("file", f"{path}: is damaged ({error}); keep a copy, and let treetop begin another", well=False)


def _check_open(path: Path, connection: sqlite3.Connection, deep: bool) -> Iterator[Finding]:
    def one(sql: str) -> int:
        value: int = connection.execute(sql).fetchone()[0]
        return value

    free = one("PRAGMA freelist_count") * one("PRAGMA page_size")
    yield Finding(
        "file", f"{path}: {path.stat().st_size:,} bytes, {free:,} of them free, version {one('PRAGMA user_version')}"
    )
    verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    yield Finding("file", f"structure: {verdict}", well=verdict == "ok")
    runs, events, rejected = (
        one("SELECT count(*) FROM runs"),
        one("SELECT count(*) FROM event"),
        one("SELECT count(*) FROM rejected"),
    )
    yield Finding("file", f"{_many(runs, 'run')}, {_many(events, 'event')}")
    if left := one("SELECT count(*) FROM run WHERE generation < 0"):
        said = (
            f"the deletion of {_many(left, 'run')} was broken off; `treetop prune --keep {max(runs, 1)} --yes` finishes it"
        )
        yield Finding("file", said, well=False)
    if deep:
        yield _check_bodies(connection)
    if rejected:
        reason = connection.execute("SELECT reason FROM rejected ORDER BY key DESC LIMIT 1").fetchone()[0]
        yield Finding("rejected", f"{_many(rejected, 'entry', 'entries')}; the latest: {reason}", well=False)
    for count, lost, kind in connection.execute("SELECT count(*), sum(lost), kind FROM gap GROUP BY kind"):
        number = "an unknown number of entries" if lost is None else _many(lost, "entry", "entries")
        yield Finding("gaps", f"{_many(count, 'time')} {kind}: {number} gone before they were read", well=False)
    for name, state, reason, received, stored, duplicate, refused in connection.execute(
        "SELECT name, state, reason, received, stored, duplicate, rejected FROM stream"
    ).fetchall():
        if state in UNREAD and holder(path) is not None:
            yield Finding("stream", f"{name}: the ingester can not read it: {reason}", well=False)
        adds_up = received == stored + duplicate + refused
        counts = f"{received:,} received = {stored:,} stored + {duplicate:,} repeated + {refused:,} rejected"
        yield Finding("counts", f"{name}: {counts}{'' if adds_up else ', WHICH DOES NOT ADD UP'}", well=adds_up)
    log = path.with_name(path.name + "-wal")
    size = log.stat().st_size if log.exists() else 0
    if size > LOG_SIZE:
        yield Finding("file", f"its write-ahead log has {size:,} bytes: some reader holds it open for too long", well=False)


def _check_bodies(connection: sqlite3.Connection) -> Finding:
    """Compare every body with its checksum."""
    broken, after, seen, more = 0, 0, 0, True
    while more:
        more = False
        for seq, crc, data in connection.execute(  # one at a time: each may be large
            "SELECT seq, crc, CAST(data AS BLOB) FROM body WHERE seq > ? ORDER BY seq LIMIT ?", (after, PAGE)
        ):
            broken += crc32(data) != crc
            seen, after, more = seen + 1, seq, True
    if broken:
        return Finding("file", f"{broken:,} of {seen:,} bodies are not what was stored: the disk lost bits", well=False)
    return Finding("file", f"all {seen:,} bodies are as they were stored")


def check_host(path: Path) -> Iterator[Finding]:
    """Who feeds the file, and what the disk and SQLite are like."""
    feeding = holder(path)
    if feeding is None:
        yield Finding("ingester", "none is running; `treetop` or `treetop ingest` starts one")
    elif feeding.trouble:
        yield Finding("ingester", f"{feeding} can not store events: {feeding.trouble}", well=False)
    else:
        yield Finding("ingester", f"{feeding} stores events")
    folder = path.absolute().parent
    if folder.is_dir():
        free = shutil.disk_usage(folder).free
        yield Finding("disk", f"{free:,} bytes free in {folder}", well=free > FREE_SPACE)
        if not os.access(folder, os.W_OK):
            yield Finding("disk", f"{folder}: may only be read; nothing can be stored there", well=False)
        mount = mount_of(path)
        if mount is not None and mount.is_shared:
            shared = f"{mount.point} is a file system that machines share ({mount.kind})"
            yield Finding("disk", f"{shared}, where SQLite can not keep a file whole", well=False)
        if mount is not None and mount.kind == "overlay":
            yield Finding("disk", f"{mount.point} is the layer of a container (overlay): the file goes when that goes")
    version = ".".join(map(str, sqlite3.sqlite_version_info))
    old = "; before 3.51.3, so leave writing to one treetop" if sqlite3.sqlite_version_info < WAL_RESET_FIXED else ""
    yield Finding("sqlite", f"version {version}{old}")
    if time.time() < 1_600_000_000:
        yield Finding("clock", "this machine's clock is years slow: times will be wrong", well=False)
