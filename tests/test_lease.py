"""One ingester for each file, and whoever comes second is told who is first."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from store.errors import FileError, FileLocked
from store.lease import Holder, Lease, holder, lock_path
from tests.conftest import until

HOLD = """
import sys
from pathlib import Path
from store.lease import Lease
with Lease(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def another_process(path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the lease until its input closes."""
    command = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process


def test_a_lease_is_free_when_it_was_given_back(db: Path) -> None:
    with Lease(db):
        assert str(holder(db)) == f"process {os.getpid()} on {os.uname().nodename}"
    assert holder(db) is None
    with Lease(db):
        pass


def test_nobody_holds_what_never_was(db: Path) -> None:
    assert holder(db) is None
    assert not lock_path(db).exists()


def test_the_second_is_told_who_is_first(db: Path) -> None:
    with (
        another_process(db) as first,
        pytest.raises(FileLocked, match=f"process {first.pid} on .* is storing events into it already"),
        Lease(db),
    ):
        pass


def test_a_trouble_of_the_holder_is_told_until_it_is_over(db: Path) -> None:
    with Lease(db) as lease:
        for trouble in ("", "disk full", f"{'é' * 2_000}\n", "is locked", ""):
            lease.tell(trouble)
            found = holder(db)
            assert found is not None
            assert found.name == f"process {os.getpid()} on {os.uname().nodename}"
            assert found.trouble[:300] == trouble[:300].strip()
        lease.tell("disk full")
    with (db.parent / "other").open("w+b") as other:  # has the number that the lock had
        lease.tell("disk full")
        assert other.read() == b""
    with Lease(db):
        assert holder(db) == Holder(f"process {os.getpid()} on {os.uname().nodename}", "")


def test_a_link_is_the_same_file(db: Path) -> None:
    db.touch()
    link = db.with_name("link.db")
    link.symlink_to(db)
    with Lease(db), pytest.raises(FileLocked), Lease(link):
        pass


def test_the_lease_of_a_process_that_was_killed_is_free(db: Path) -> None:
    with another_process(db) as first:
        first.kill()
        first.wait()
        until(lambda: holder(db) is None)
    with Lease(db):
        assert str(holder(db)) == f"process {os.getpid()} on {os.uname().nodename}"


def test_the_lease_of_a_process_that_was_stopped_is_not(db: Path) -> None:
    with another_process(db) as first:
        first.send_signal(signal.SIGSTOP)
        assert str(holder(db)) == f"process {first.pid} on {os.uname().nodename}"
        first.send_signal(signal.SIGCONT)


def test_children_do_not_inherit_it(db: Path) -> None:
    with Lease(db):
        child = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
    try:
        assert holder(db) is None
    finally:
        child.communicate()


def test_asking_does_not_disturb_whoever_wants_it(db: Path) -> None:
    for _ in range(50):
        with Lease(db):
            assert holder(db) is not None


def test_a_lock_file_that_was_deleted_keeps_nobody_out(db: Path) -> None:
    with Lease(db):
        lock_path(db).unlink()
        with Lease(db):
            assert holder(db) is not None


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"can not be locked \(No such file or directory"), Lease(tmp_path / "no" / "x.db"):
        pass
