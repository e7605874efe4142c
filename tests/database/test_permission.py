"""Only the owner may read new files, because they contain prompts and answers."""

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from store.stream.server import RedisServer
from tests.conftest import until
from tests.live import STREAM, publish, state_of_ingest
from tests.recorder import Recorder
from tests.tables import store

TREETOP = (sys.executable, "-m", "tui.cli")

BESIDE = ("", "-wal", "-shm", ".lock")


def mode(path: Path) -> str:
    return f"{stat.S_IMODE(path.stat().st_mode):o}"


def modes(path: Path) -> dict[str, str]:
    return {suffix: mode(Path(f"{path}{suffix}")) for suffix in BESIDE}


@contextmanager
def ingesting(path: Path, server: RedisServer, umask: int) -> Iterator[None]:
    """An ingester in a process of its own that has stored all events."""
    command = [*TREETOP, "ingest", "--db", str(path), "--redis", server.url, "--stream", STREAM]
    with subprocess.Popen(command, preexec_fn=partial(os.umask, umask), stdout=subprocess.DEVNULL) as process:
        try:
            until(lambda: state_of_ingest(path) == "live")
            yield
        finally:
            process.send_signal(signal.SIGTERM)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o777])
def test_only_the_owner_may_read_new_files_whatever_the_umask(redis_server: RedisServer, db: Path, umask: int) -> None:
    publish(redis_server, Recorder().whole().entries)
    with ingesting(db, redis_server, umask):
        assert modes(db) == dict.fromkeys(BESIDE, "600")


def test_the_target_of_a_dangling_link_is_created_with_the_same_mode(
    redis_server: RedisServer, db: Path, tmp_path: Path
) -> None:
    (tmp_path / "real").mkdir()
    db.symlink_to(tmp_path / "real" / "runs.db")
    with ingesting(db, redis_server, 0):
        assert modes(tmp_path / "real" / "runs.db") == dict.fromkeys(BESIDE, "600")


def test_an_existing_file_keeps_its_mode_and_its_log_gets_the_same(redis_server: RedisServer, db: Path) -> None:
    store(db, Recorder().whole().entries)
    db.chmod(0o640)
    with ingesting(db, redis_server, 0o022):
        assert modes(db) == {"": "640", "-wal": "640", "-shm": "640", ".lock": "600"}


@pytest.mark.parametrize(("found", "said"), [(0o600, False), (0o640, True), (0o604, True)])
def test_the_doctor_reports_a_file_that_others_may_read(
    redis_server: RedisServer, db: Path, found: int, said: bool
) -> None:
    store(db, Recorder().whole().entries)
    db.chmod(found)
    command = [*TREETOP, "doctor", "--db", str(db), "--redis", redis_server.url]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (f"other users may read {db.name}" in done.stdout) == said
    assert done.returncode == said


def export(db: Path, output: Path, umask: int) -> str:
    subprocess.run(
        [*TREETOP, "export", "latest", "--db", str(db), "-o", str(output)],
        check=True,
        capture_output=True,
        preexec_fn=partial(os.umask, umask),
    )
    return mode(output)


def test_the_mode_of_an_export_follows_the_umask(db: Path, tmp_path: Path) -> None:
    store(db, Recorder().whole().entries)
    output = tmp_path / "run.jsonl"
    assert export(db, output, 0o027) == "640"
    output.chmod(0o600)
    assert export(db, output, 0o022) == "600"
