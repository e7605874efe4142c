"""`treetop prune`, started as a shell does, and the bounds of options with numbers."""

import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import click
import pytest

from store.database.writer import Writer
from store.errors import FileBusy
from store.model.entry import StreamId
from tests.recorder import Recorder, body_of, entry_of
from tests.tables import query, rows, store
from tui.cli.program import COMMANDS
from tui.cli.program import treetop as group


def treetop(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONUTF8": "1", "TERM": "xterm"}
    command = [sys.executable, "-m", "tui.cli", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def file(db: Path) -> Path:
    """A file with two old runs. The second has not ended."""
    store(db, [*Recorder("ended").whole().entries, *Recorder("open").root().entries])
    return db


def runs_of(path: Path) -> set[str]:
    return {run_id for (run_id,) in query(path, "SELECT run_id FROM run")}


# Numbers

AMOUNTS = ("-30", "-1", "0", "0.0", "-0", "nan", "inf", "-inf", "1e400", "999999999999999", "")
CASES = [(option, number + unit) for option, unit in (("--older-than", "d"), ("--larger-than", "GB")) for number in AMOUNTS]
CASES += [("--older-than", "30"), ("--larger-than", "30"), ("--older-than", "0.1s"), ("--larger-than", "0.1B")]
CASES += [("--keep", number) for number in AMOUNTS]


@pytest.mark.parametrize(("option", "amount"), CASES)
def test_prune_refuses_amounts_out_of_range_and_deletes_nothing(file: Path, option: str, amount: str) -> None:
    before = rows(file)
    done = treetop("prune", f"{option}={amount}", "--yes", "--db", str(file))
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"treetop: Invalid value for '{option}': ")
    assert rows(file) == before


@pytest.mark.parametrize(
    "words",
    [
        *(("--speed", value) for value in ("nan", "-nan", "inf", "-inf", "-1", "0", "0.0", "1e9", "1e400", "")),
        *(("--tasks", value) for value in ("nan", "-5", "0", "2", "100001", "1e3", "9" * 30)),
        *(("--seed", value) for value in ("nan", "-1", "1.5", "9" * 30)),
    ],
    ids=" ".join,
)
def test_demo_refuses_numbers_out_of_range(words: Sequence[str]) -> None:
    done = treetop("demo", *words)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"treetop: Invalid value for '{words[0]}': ")


def test_every_option_with_a_number_has_bounds() -> None:
    for name in COMMANDS:
        command = group.get_command(click.Context(group), name)
        assert command is not None
        for parameter in command.params:
            kind = parameter.type
            where = f"{name} {parameter.name}"
            assert not isinstance(kind, click.types.FloatParamType), f"{where}: NaN is in every FloatRange; use Amount"
            if isinstance(kind, click.types.IntParamType):
                assert isinstance(kind, click.IntRange), f"{where}: has no bounds"
                assert kind.min is not None, where
                assert kind.max is not None, where


# What is deleted


def test_prune_without_yes_only_lists(file: Path) -> None:
    done = treetop("prune", "--older-than", "1s", "--db", str(file))
    assert done.stdout.splitlines()[-1] == "2 runs would be deleted; add --yes to delete"
    assert runs_of(file) == {"ended", "open"}


def test_prune_with_yes_deletes(file: Path) -> None:
    done = treetop("prune", "--older-than", "1s", "--yes", "--db", str(file))
    assert done.stdout.splitlines()[-1].startswith("pruned 2 runs; the file is ")
    assert runs_of(file) == set()


PAUSED = """
import sys
from store.database import retention as prune
from tui.cli.program import main

chosen = prune.choose

def pause(*arguments):
    found = chosen(*arguments)
    print([row.run.run_id for row in found], flush=True)
    sys.stdin.readline()
    return found

prune.choose = pause
main()
"""
"""The program; it waits for a line between choosing and deleting."""


def test_an_event_stored_between_choosing_and_deleting_is_kept(file: Path) -> None:
    now = datetime.now(UTC)
    event = {"event_id": "late", "timestamp": now.isoformat(), "event_type": "note", "payload": {}, "run_id": "open"}
    late = [entry_of(body_of(event), StreamId(int(now.timestamp() * 1000), 0))]
    command = [sys.executable, "-c", PAUSED, "prune", "--older-than", "1s", "--yes", "--db", str(file)]
    with (
        Writer(file, guest=True, lock_timeout_s=0.05) as writer,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process,
    ):
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == "['ended', 'open']\n"
        try:
            writer.append(late)
            stored = True
        except FileBusy:  # choosing and deleting are one transaction
            stored = False
        process.stdin.write("\n")
        process.stdin.flush()
        assert "pruned" in process.stdout.read()
        assert process.wait() == 0
        if not stored:
            writer.append(late)
    assert query(file, "SELECT event_id FROM event") == [("late",)]


def test_a_run_that_becomes_live_while_prune_waits_for_the_file_is_kept(file: Path) -> None:
    """A transaction with the event commits while prune waits for the write lock."""
    now = time.time()
    timestamp = datetime.fromtimestamp(now, UTC).isoformat()
    event = {"event_id": "late", "timestamp": timestamp, "event_type": "note", "payload": {}, "run_id": "open"}
    late = [entry_of(b"\xff", 1), entry_of(body_of(event), StreamId(int(now * 1000), 0))]
    command = [sys.executable, "-m", "tui.cli", "prune", "--older-than", "1s", "--yes", "--db", str(file)]
    begun, finished = threading.Event(), threading.Event()

    def clock() -> float:
        """The time, requested by the writer within the transaction for the unreadable entry."""
        begun.set()
        finished.wait()
        return now

    def write() -> None:
        with Writer(file, guest=True, clock=clock) as writer:
            writer.append(late)

    writing = threading.Thread(target=write)
    writing.start()
    begun.wait()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            while not _waits_for_lock(process.pid, file):
                assert process.poll() is None
        finally:
            finished.set()
            writing.join()
        assert process.stdout is not None
        assert "pruned 1 run;" in process.stdout.read()
    assert runs_of(file) == {"open"}


def _waits_for_lock(pid: int, file: Path) -> bool:
    """Whether the process sleeps with the write-ahead log open."""
    try:
        files = {os.readlink(fd) for fd in Path(f"/proc/{pid}/fd").iterdir()}
        kernel = Path(f"/proc/{pid}/wchan").read_text()
    except OSError:
        return False
    return f"{file}-wal" in files and ("nanosleep" in kernel or kernel in ("", "0"))  # some kernels do not name it


def test_a_run_that_prune_cannot_delete_completely_is_hidden_until_it_can(file: Path) -> None:
    with closing(sqlite3.connect(file)) as other, other:
        other.execute("CREATE TRIGGER keep BEFORE DELETE ON body BEGIN SELECT RAISE(ABORT, 'kept by another program'); END")
    done = treetop("prune", "--older-than", "1s", "--yes", "--db", str(file))
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.endswith("hidden, but not removed completely (kept by another program); prune again to complete it")
    assert "ended" not in treetop("runs", "--db", str(file)).stdout
    with closing(sqlite3.connect(file)) as other, other:
        other.execute("DROP TRIGGER keep")
    assert treetop("prune", "--older-than", "1s", "--yes", "--db", str(file)).returncode == 0
    assert query(file, "SELECT (SELECT count(*) FROM run), (SELECT count(*) FROM body)") == [(0, 0)]


# Rejected entries


def test_rejected_entries_are_listed_then_deleted(db: Path) -> None:
    recorder = Recorder("a").whole()
    store(db, [*recorder.entries, entry_of(b"\xff" * 2_000_000, 1), entry_of(b"[]", 2)])
    before = rows(db, "run", "event", "body")
    done = treetop("prune", "--rejected", "--db", str(db))
    assert done.stdout == "2 rejected entries would be deleted; add --yes to delete\n"
    assert query(db, "SELECT count(*) FROM rejected") == [(2,)]
    assert "2 entries; the latest: " in doctor(db)
    done = treetop("prune", "--rejected", "--yes", "--db", str(db))
    (line,) = done.stdout.splitlines()
    assert line.startswith("pruned 2 rejected entries; the file is 1,9")
    assert query(db, "SELECT count(*) FROM rejected") == [(0,)]
    assert rows(db, "run", "event", "body") == before
    report = doctor(db)
    assert "rejected  " not in report
    assert "47 received = 45 stored + 0 repeated + 2 rejected" in report
    assert treetop("prune", "--rejected", "--yes", "--db", str(db)).stdout == "nothing to prune\n"


def test_rejected_entries_and_runs_are_deleted_together(db: Path) -> None:
    store(db, [*Recorder("a").whole().entries, entry_of(b"[]", 2)])
    done = treetop("prune", "--rejected", "--older-than", "1s", "--yes", "--db", str(db))
    assert "pruned 1 run and 1 rejected entry; the file is " in done.stdout
    assert query(db, "SELECT (SELECT count(*) FROM run), (SELECT count(*) FROM rejected)") == [(0, 0)]


def doctor(path: Path) -> str:
    return treetop("doctor", "--db", str(path), "--redis", "redis://127.0.0.1:1/0").stdout
