"""`treetop doctor` finds real problems of Redis, the file and the host."""

import os
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from store import doctor as checkup
from store.database.lease import Lease
from store.database.writer import Writer
from store.doctor import Finding, check_file, check_host, check_redis
from store.model.entry import Gap, StreamId, follow
from store.stream.server import RedisServer
from tests.live import STREAM, command, counts_entries, publish
from tests.recorder import Recorder, entry_of
from tests.tables import store

WELL, WRONG = 0, 1


def texts(findings: list[Finding], about: str) -> list[tuple[str, bool]]:
    return [(found.text, found.well) for found in findings if found.about == about]


def problems(findings: list[Finding]) -> list[str]:
    return [found.text for found in findings if not found.well]


def redis_of(server: RedisServer) -> list[Finding]:
    return list(check_redis(server.url, [STREAM]))


def file_of(path: Path, deep: bool = False) -> list[Finding]:
    return list(check_file(path, deep))


# Redis


def test_a_redis_server_with_a_stream_has_no_problems(redis_server: RedisServer) -> None:
    publish(redis_server, Recorder().whole().entries)
    found = redis_of(redis_server)
    assert problems(found) == []
    assert re.match(rf"{redis_server.url}: (version|Valkey) \d+\.\d+\.\d+, up ", texts(found, "redis")[0][0])
    assert f"{STREAM}: 45 entries" in texts(found, "stream")[0][0]
    assert ("45 ever added" in texts(found, "stream")[0][0]) == counts_entries(redis_server)
    assert (len(texts(found, "redis")) == 1) == counts_entries(redis_server)  # an old server is a finding of its own


def test_a_stream_without_entries_is_not_a_problem(redis_server: RedisServer) -> None:
    assert texts(redis_of(redis_server), "stream") == [(f"{STREAM}: does not exist; nothing has been published yet", True)]


def test_an_unreachable_redis_server_is_a_problem(tmp_path: Path) -> None:
    (text,) = problems(list(check_redis(f"unix://{tmp_path / 'none.sock'}", [STREAM])))
    assert text.endswith("; start Redis, or name another with --redis")
    (text,) = problems(list(check_redis("http://localhost", [STREAM])))
    assert "is not a Redis address" in text


def test_a_key_that_is_not_a_stream_is_a_problem(redis_server: RedisServer) -> None:
    command(redis_server, "SET", STREAM, "x")
    assert problems(redis_of(redis_server)) == [f"{STREAM}: is a string, not a stream; name another with --stream"]


def test_an_eviction_policy_that_may_delete_the_stream_is_a_problem(redis_server: RedisServer) -> None:
    publish(redis_server, Recorder().root().entries)
    command(redis_server, "CONFIG", "SET", "maxmemory", "1gb")
    command(redis_server, "CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    try:
        assert problems(redis_of(redis_server)) == [f"{STREAM}: Redis may evict it: maxmemory-policy is allkeys-lru"]
    finally:
        command(redis_server, "CONFIG", "SET", "maxmemory", "0")
        command(redis_server, "CONFIG", "SET", "maxmemory-policy", "noeviction")


# The file


def test_an_intact_file_has_no_problems(db: Path) -> None:
    store(db, Recorder().whole().entries)
    found = file_of(db, deep=True)
    assert problems(found) == []
    assert ("structure: ok", True) in texts(found, "file")
    assert ("1 run, 45 events", True) in texts(found, "file")
    assert ("all 45 event bodies match their checksums", True) in texts(found, "file")
    counts = "45 received = 45 stored + 0 repeated + 0 rejected"
    assert texts(found, "counts") == [(f"{STREAM}: {counts}", True)]


def test_a_missing_file_is_not_a_problem(db: Path) -> None:
    assert texts(file_of(db), "file") == [(f"{db}: does not exist yet; the first ingester creates it", True)]


def test_a_file_in_another_format_is_a_problem(db: Path) -> None:
    db.write_bytes(b"Dear diary, " * 1_000)
    assert "is not a treetop file, or is damaged" in problems(file_of(db))[0]


def test_a_file_of_a_newer_version_is_a_problem(db: Path) -> None:
    store(db, [])
    with closing(sqlite3.connect(db)) as connection:
        connection.execute("PRAGMA user_version=9")
    assert "was written by a newer treetop" in problems(file_of(db))[0]


def test_lost_pages_are_a_problem(db: Path) -> None:
    store(db, Recorder().whole().entries * 20)
    data = bytearray(db.read_bytes())
    data[20 * 4096 : 60 * 4096] = bytes(40 * 4096)
    db.write_bytes(data)
    assert problems(file_of(db, deep=True))


def test_a_changed_body_is_found_by_a_deep_check_only(db: Path) -> None:
    store(db, Recorder().whole().entries)
    with closing(sqlite3.connect(db)) as connection:
        connection.execute("UPDATE body SET data = replace(data, 'root', 'rooT') WHERE seq = 7")
        connection.commit()
    assert problems(file_of(db)) == []
    assert problems(file_of(db, deep=True)) == ["1 of 45 event bodies do not match their checksums: the disk is damaged"]


def test_a_flipped_byte_of_a_body_is_found_by_a_deep_check(db: Path) -> None:
    recorder = Recorder().whole().emit("other", {"text": "a text that stands nowhere else"})
    store(db, recorder.entries)
    db.write_bytes(db.read_bytes().replace(b"stands nowhere", b"stands n\x0fwhere"))
    assert problems(file_of(db, deep=True)) == ["1 of 46 event bodies do not match their checksums: the disk is damaged"]


def test_rejected_entries_are_reported_with_the_latest_reason(db: Path) -> None:
    store(db, [*Recorder().whole().entries, entry_of(b"\xff", 1), entry_of(b"[]", 2)])
    (text,) = problems(file_of(db))
    assert text.startswith("2 entries; the latest: Expected `object`")


def test_gaps_are_reported_by_kind(db: Path) -> None:
    with Writer(db) as writer:
        key = writer.stream(STREAM)
        for kind, lost in (("trimmed", 30), ("trimmed", 12), ("reset", None), ("restarted", 7), ("restarted", None)):
            before = writer.cursor(key)
            gap = Gap(kind, lost, StreamId(1, 0), None, "gone")
            writer.append([], key, before, follow(before, [], lost or 0), gap)
    assert problems(file_of(db)) == [
        "1 time reset: an unknown number of entries lost before they were read",
        "2 times restarted: at least 7 entries lost before they were read",
        "2 times trimmed: 42 entries lost before they were read",
    ]


def test_inconsistent_counts_are_a_problem(db: Path) -> None:
    store(db, Recorder().whole().entries)
    with closing(sqlite3.connect(db)) as connection:
        connection.execute("UPDATE stream SET stored = 44")
        connection.commit()
    (text,) = problems(file_of(db))
    assert text.endswith(", which does not add up")


def test_a_write_ahead_log_kept_large_by_a_reader_is_a_problem(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkup, "LOG_BYTES_MAX", 1_000_000)
    with Writer(db) as writer, closing(sqlite3.connect(db, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM run").fetchall()
        for number in range(30):
            writer.append(Recorder(f"run-{number}").whole().entries)
        writer.checkpoint()
        (text,) = problems(file_of(db))
        assert "the write-ahead log has" in text
        reader.execute("COMMIT")


# The host


def test_the_ingester_of_the_file_is_reported(db: Path) -> None:
    assert texts(list(check_host(db)), "ingester")[0][0].startswith("none is running")
    with Lease(db):
        assert texts(list(check_host(db)), "ingester")[0][0].startswith(f"process {os.getpid()} on ")


def test_an_ingester_that_cannot_store_is_a_problem(db: Path) -> None:
    with Lease(db) as lease:
        lease.report("the disk is full")
        assert any(text.endswith("cannot store events: the disk is full") for text in problems(list(check_host(db))))
        lease.report("")
        assert not any("cannot store" in text for text in problems(list(check_host(db))))


def test_a_nearly_full_disk_is_a_problem(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkup, "FREE_BYTES_MIN", 1 << 62)
    assert any("bytes free in" in text for text in problems(list(check_host(db))))


def test_an_old_sqlite_is_reported(db: Path) -> None:
    ((text, well),) = texts(list(check_host(db)), "sqlite")
    assert well
    assert text.partition(";")[0] == f"version {sqlite3.sqlite_version}"
    assert ("before 3.51.3" in text) == (sqlite3.sqlite_version_info < (3, 51, 3))


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


def test_doctor_exits_with_0_without_problems(redis_server: RedisServer, db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(redis_server, Recorder().whole().entries)
    store(db, Recorder().whole().entries)
    code, text = doctor(db, redis_server, "--deep")
    assert (code, text.splitlines()[-1]) == (WELL, "no problems found")


def test_doctor_exits_with_1_if_there_is_a_problem(redis_server: RedisServer, db: Path) -> None:
    store(db, [entry_of(b"\xff", 1)])
    code, text = doctor(db, redis_server)
    assert code == WRONG
    assert "1 entry; the latest" in text
    assert "needs attention" in text.splitlines()[-1]


def test_doctor_finds_a_lost_page_only_with_deep(redis_server: RedisServer, db: Path) -> None:
    store(db, Recorder().whole().entries * 20)
    with closing(sqlite3.connect(db)) as connection:
        (root,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'version'").fetchone()
    data = bytearray(db.read_bytes())
    data[4096 * (root - 1) : 4096 * root] = bytes(4096)
    db.write_bytes(data)
    code, text = doctor(db, redis_server)
    assert (code, "structure" in text) == (WELL, False)
    code, text = doctor(db, redis_server, "--deep")
    assert code == WRONG
    assert "structure: " in text


def test_doctor_finds_a_flipped_byte_only_with_deep(redis_server: RedisServer, db: Path) -> None:
    store(db, Recorder().whole().emit("other", {"text": "a text that stands nowhere else"}).entries)
    db.write_bytes(db.read_bytes().replace(b"stands nowhere", b"stands n\x0fwhere"))
    assert doctor(db, redis_server)[0] == WELL
    code, text = doctor(db, redis_server, "--deep")
    assert code == WRONG
    assert "1 of 46 event bodies do not match their checksums: the disk is damaged" in text
