"""`treetop doctor` finds what is wrong, each thing really being wrong."""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from store import checkup
from store.checkup import Finding, check_file, check_host, check_redis
from store.cursor import Gap, follow
from store.events import StreamId
from store.lease import Lease
from store.redis_server import RedisServer
from store.writer import Writer
from tests.live import STREAM, command, counts_entries, publish
from tests.recorder import Recorder, entry_of
from tests.tables import store

WELL, WRONG = 0, 1


def texts(findings: list[Finding], about: str) -> list[tuple[str, bool]]:
    return [(found.text, found.well) for found in findings if found.about == about]


def unwell(findings: list[Finding]) -> list[str]:
    return [found.text for found in findings if not found.well]


def redis_of(server: RedisServer) -> list[Finding]:
    return list(check_redis(server.url, STREAM))


def file_of(path: Path, deep: bool = False) -> list[Finding]:
    return list(check_file(path, deep))


# Redis


def test_a_redis_with_a_stream_is_well(redis_server: RedisServer) -> None:
    publish(redis_server, Recorder().whole().entries)
    found = redis_of(redis_server)
    assert unwell(found) == []
    assert texts(found, "redis")[0][0].startswith(f"{redis_server.url}: version ")
    assert f"{STREAM}: 45 entries" in texts(found, "stream")[0][0]
    assert ("45 ever added" in texts(found, "stream")[0][0]) == counts_entries(redis_server)
    assert (len(texts(found, "redis")) == 1) == counts_entries(redis_server)  # an old one is told of


def test_a_stream_that_is_not_there_yet_is_no_fault(redis_server: RedisServer) -> None:
    assert texts(redis_of(redis_server), "stream") == [(f"{STREAM}: does not exist; nothing was published yet", True)]


def test_no_redis_is_a_fault(tmp_path: Path) -> None:
    (said,) = unwell(list(check_redis(f"unix://{tmp_path / 'none.sock'}", STREAM)))
    assert said.endswith("; start Redis, or name another with --redis")
    (said,) = unwell(list(check_redis("http://localhost", STREAM)))
    assert "is not the address of a Redis" in said


def test_something_else_in_the_place_of_the_stream_is_a_fault(redis_server: RedisServer) -> None:
    command(redis_server, "SET", STREAM, "x")
    assert unwell(redis_of(redis_server)) == [f"{STREAM}: is a string, not a stream; name another with --stream"]


def test_a_redis_that_may_throw_the_stream_away_is_a_fault(redis_server: RedisServer) -> None:
    publish(redis_server, Recorder().root().entries)
    command(redis_server, "CONFIG", "SET", "maxmemory", "1gb")
    command(redis_server, "CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    try:
        assert unwell(redis_of(redis_server)) == ["Redis may evict it: maxmemory-policy is allkeys-lru"]
    finally:
        command(redis_server, "CONFIG", "SET", "maxmemory", "0")
        command(redis_server, "CONFIG", "SET", "maxmemory-policy", "noeviction")


# The file


def test_a_whole_file_is_well(db: Path) -> None:
    store(db, Recorder().whole().entries)
    found = file_of(db, deep=True)
    assert unwell(found) == []
    assert ("structure: ok", True) in texts(found, "file")
    assert ("1 run, 45 events", True) in texts(found, "file")
    assert ("all 45 bodies are as they were stored", True) in texts(found, "file")
    counts = "45 received = 45 stored + 0 repeated + 0 rejected"
    assert texts(found, "counts") == [(f"{STREAM}: {counts}", True)]


def test_no_file_is_no_fault(db: Path) -> None:
    assert texts(file_of(db), "file") == [(f"{db}: does not exist yet; the first ingester makes it", True)]


def test_a_file_of_something_else_is_a_fault(db: Path) -> None:
    db.write_bytes(b"Dear diary, " * 1_000)
    assert "is not a treetop file, or is damaged" in unwell(file_of(db))[0]


def test_a_newer_file_is_a_fault(db: Path) -> None:
    store(db, [])
    with closing(sqlite3.connect(db)) as connection:
        connection.execute("PRAGMA user_version=9")
    assert "was written by a newer treetop" in unwell(file_of(db))[0]


def test_pages_that_were_lost_are_a_fault(db: Path) -> None:
    store(db, Recorder().whole().entries * 20)
    data = bytearray(db.read_bytes())
    data[20 * 4096 : 60 * 4096] = bytes(40 * 4096)
    db.write_bytes(data)
    assert unwell(file_of(db, deep=True))


def test_bits_that_the_disk_lost_are_found_when_it_is_asked_to_look_at_all_of_them(db: Path) -> None:
    store(db, Recorder().whole().entries)
    with closing(sqlite3.connect(db)) as connection:
        connection.execute("UPDATE body SET data = replace(data, 'root', 'rooT') WHERE seq = 7")
        connection.commit()
    assert unwell(file_of(db)) == []
    assert unwell(file_of(db, deep=True)) == ["1 of 45 bodies are not what was stored: the disk lost bits"]


def test_a_flipped_byte_of_a_body_is_found(db: Path) -> None:
    recorder = Recorder().whole().emit("other", {"text": "a text that stands nowhere else"})
    store(db, recorder.entries)
    db.write_bytes(db.read_bytes().replace(b"stands nowhere", b"stands n\x0fwhere"))
    assert unwell(file_of(db, deep=True)) == ["1 of 46 bodies are not what was stored: the disk lost bits"]


def test_what_was_rejected_is_told_with_the_latest_reason(db: Path) -> None:
    store(db, [*Recorder().whole().entries, entry_of(b"\xff", 1), entry_of(b"[]", 2)])
    (said,) = unwell(file_of(db))
    assert said.startswith("2 entries; the latest: Expected `object`")


def test_gaps_are_told_by_kind(db: Path) -> None:
    with Writer(db) as writer:
        key = writer.stream(STREAM)
        for kind, lost in (("trimmed", 30), ("trimmed", 12), ("reset", None)):
            before = writer.cursor(key)
            gap = Gap(kind, lost, StreamId(1, 0), None, "gone")
            writer.append([], key, before, follow(before, [], lost or 0), gap)
    assert unwell(file_of(db)) == [
        "1 time reset: an unknown number of entries gone before they were read",
        "2 times trimmed: 42 entries gone before they were read",
    ]


def test_counts_that_do_not_add_up_are_a_fault(db: Path) -> None:
    store(db, Recorder().whole().entries)
    with closing(sqlite3.connect(db)) as connection:
        connection.execute("UPDATE stream SET stored = 44")
        connection.commit()
    (said,) = unwell(file_of(db))
    assert said.endswith(", WHICH DOES NOT ADD UP")


def test_a_log_that_some_reader_keeps_from_being_cleared_is_a_fault(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkup, "LOG_SIZE", 1_000_000)
    with Writer(db) as writer, closing(sqlite3.connect(db, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM run").fetchall()
        for number in range(30):
            writer.append(Recorder(f"run-{number}").whole().entries)
        writer.checkpoint()
        (said,) = unwell(file_of(db))
        assert "its write-ahead log has" in said
        reader.execute("COMMIT")


# The host


def test_who_feeds_the_file_is_told(db: Path) -> None:
    assert texts(list(check_host(db)), "ingester")[0][0].startswith("none is running")
    with Lease(db):
        assert texts(list(check_host(db)), "ingester")[0][0].startswith(f"process {os.getpid()} on ")


def test_what_keeps_an_ingester_from_storing_is_a_fault(db: Path) -> None:
    with Lease(db) as lease:
        lease.tell("the disk is full")
        assert any(said.endswith("can not store events: the disk is full") for said in unwell(list(check_host(db))))
        lease.tell("")
        assert not any("can not store" in said for said in unwell(list(check_host(db))))


def test_a_disk_that_is_nearly_full_is_a_fault(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkup, "FREE_SPACE", 1 << 62)
    assert any("bytes free in" in said for said in unwell(list(check_host(db))))


def test_an_old_sqlite_is_told(db: Path) -> None:
    ((said, well),) = texts(list(check_host(db)), "sqlite")
    assert well
    assert ("before 3.51.3" in said) == (sqlite3.sqlite_version_info < (3, 51, 3))


# The command


def doctor(path: Path, server: RedisServer, *words: str) -> tuple[int, str]:
    options = ("--db", str(path), "--redis", server.url, "--stream", STREAM)
    done = subprocess.run(
        [sys.executable, "-m", "tui.cli", "doctor", *options, *words],
        capture_output=True,
        text=True,
        env={**os.environ, "TERM": "xterm-256color", "PYTHONUTF8": "1"},
    )
    assert done.stderr == ""
    return done.returncode, done.stdout


def test_the_doctor_says_that_all_is_well_by_its_exit_code(
    redis_server: RedisServer, db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(redis_server, Recorder().whole().entries)
    store(db, Recorder().whole().entries)
    code, said = doctor(db, redis_server, "--deep")
    assert (code, said.splitlines()[-1]) == (WELL, "all is well")


def test_the_doctor_says_that_something_is_wrong_by_its_exit_code(redis_server: RedisServer, db: Path) -> None:
    store(db, [entry_of(b"\xff", 1)])
    code, said = doctor(db, redis_server)
    assert code == WRONG
    assert "1 entry; the latest" in said
    assert "need a look" in said.splitlines()[-1]


def test_the_doctor_finds_a_flipped_byte_only_when_it_looks_deep(redis_server: RedisServer, db: Path) -> None:
    store(db, Recorder().whole().emit("other", {"text": "a text that stands nowhere else"}).entries)
    db.write_bytes(db.read_bytes().replace(b"stands nowhere", b"stands n\x0fwhere"))
    assert doctor(db, redis_server)[0] == WELL
    code, said = doctor(db, redis_server, "--deep")
    assert code == WRONG
    assert "1 of 46 bodies are not what was stored: the disk lost bits" in said
