"""At most one ingester for each file; a second one names the first."""

import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from store.database.lease import UNNAMED, Holder, Lease, holder, lock_path
from store.errors import FileError, FileLocked
from tests.conftest import until

HOLD = """
import sys
from pathlib import Path
from store.database.lease import Lease
with Lease(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


LOCK = """
import fcntl, sys
file = open(sys.argv[1])
fcntl.flock(file, int(sys.argv[2]))
print("locked", flush=True)
sys.stdin.read()
"""

INGEST = ("ingest", "--drain", "--redis", "redis://localhost:1")
"""Takes the lease, then ends because there is no Redis."""


@contextmanager
def locked(lock: Path, kind: int) -> Iterator[None]:
    """Another program locks a file that it opened for reading only, as the command `flock` does."""
    command = [sys.executable, "-c", LOCK, str(lock), str(kind)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        yield


def ingest(db: Path) -> tuple[int, str]:
    """Exit code and standard error of an ingester."""
    command = [sys.executable, "-m", "tui.cli", *INGEST, "--db", str(db)]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.returncode, done.stderr


@contextmanager
def another_process(path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the lease until its input closes."""
    command = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process


def test_a_released_lease_is_free(db: Path) -> None:
    with Lease(db):
        assert str(holder(db)) == f"process {os.getpid()} on {os.uname().nodename}"
    assert holder(db) is None
    with Lease(db):
        pass


def test_a_missing_file_has_no_holder_and_no_lock_file(db: Path) -> None:
    assert holder(db) is None
    assert not lock_path(db).exists()


def test_the_error_of_a_second_ingester_names_the_holder(db: Path) -> None:
    with (
        another_process(db) as first,
        pytest.raises(FileLocked, match=f"process {first.pid} on .* already stores events into it"),
        Lease(db),
    ):
        pass


def test_the_trouble_of_the_holder_can_be_read_until_it_ends(db: Path) -> None:
    with Lease(db) as lease:
        for trouble in ("", "disk full", f"{'é' * 2_000}\n", "is locked", ""):
            lease.report(trouble)
            found = holder(db)
            assert found is not None
            assert found.name == f"process {os.getpid()} on {os.uname().nodename}"
            assert found.trouble[:300] == trouble[:300].strip()
        lease.report("disk full")
    with (db.parent / "other").open("w+b") as other:  # has the file descriptor of the released lock
        lease.report("disk full")
        assert other.read() == b""
    with Lease(db):
        assert holder(db) == Holder(f"process {os.getpid()} on {os.uname().nodename}", "")


def test_a_symbolic_link_has_the_lease_of_its_target(db: Path) -> None:
    db.touch()
    link = db.with_name("link.db")
    link.symlink_to(db)
    with Lease(db), pytest.raises(FileLocked), Lease(link):
        pass


def test_the_lease_of_a_killed_process_is_free(db: Path) -> None:
    with another_process(db) as first:
        first.kill()
        first.wait()
        until(lambda: holder(db) is None)
    with Lease(db):
        assert str(holder(db)) == f"process {os.getpid()} on {os.uname().nodename}"


def test_the_lease_of_a_stopped_process_is_held(db: Path) -> None:
    with another_process(db) as first:
        first.send_signal(signal.SIGSTOP)
        assert str(holder(db)) == f"process {first.pid} on {os.uname().nodename}"
        first.send_signal(signal.SIGCONT)


def test_child_processes_do_not_inherit_the_lease(db: Path) -> None:
    with Lease(db):
        child = subprocess.Popen(["cat"], stdin=subprocess.PIPE, close_fds=False)
    try:
        assert holder(db) is None
        with Lease(db):
            pass
    finally:
        child.communicate()


def test_a_shared_lock_of_another_program_does_not_block_an_ingester(db: Path) -> None:
    with another_process(db) as first:
        first.kill()
    with locked(lock_path(db), fcntl.LOCK_SH):
        assert holder(db) is None
        code, said = ingest(db)
        assert code == 2
        assert "start Redis" in said
        with another_process(db) as second:
            assert str(holder(db)) == f"process {second.pid} on {os.uname().nodename}"
            code, said = ingest(db)
            assert code == 75
            assert f"process {second.pid} on" in said
        assert holder(db) is None
    assert [path.name for path in db.parent.iterdir() if ".lock" in path.name] == [lock_path(db).name]


def test_one_of_many_ingesters_beside_a_shared_lock_gets_the_lease(db: Path) -> None:
    with Lease(db):
        pass
    for _ in range(5):
        with locked(lock_path(db), fcntl.LOCK_SH):
            command = [sys.executable, "-c", HOLD, str(db)]
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
            contenders = [subprocess.Popen(command, **pipes) for _ in range(8)]  # type: ignore[call-overload]
            held = [contender.stdout.readline() for contender in contenders]  # empty for a contender that failed
            for contender in contenders:
                contender.communicate()
            assert sorted(held) == [*[b""] * 7, b"held\n"]


@pytest.mark.parametrize("killed", [True, False], ids=["killed", "ended"])
def test_a_holder_that_has_ended_is_not_named(db: Path, killed: bool) -> None:
    with another_process(db) as first:
        if killed:
            first.kill()
        else:
            first.communicate()
    with locked(lock_path(db), fcntl.LOCK_EX):
        assert holder(db) == Holder(UNNAMED, "")
        code, said = ingest(db)
        assert code == 75
        assert f"{UNNAMED} already stores" in said
        assert str(first.pid) not in said


@pytest.mark.parametrize("kind", ["symbolic link", "hard link", "pipe"])
def test_a_lock_that_is_a_link_or_not_a_regular_file_is_refused(db: Path, tmp_path: Path, kind: str) -> None:
    thesis = tmp_path / "thesis.txt"
    thesis.write_text("It was a dark and stormy night.")
    if kind == "symbolic link":
        lock_path(db).symlink_to(thesis)
    elif kind == "hard link":
        lock_path(db).hardlink_to(thesis)
    else:
        os.mkfifo(lock_path(db))
    code, said = ingest(db)
    assert code == 2
    assert "cannot be locked" in said
    assert "remove it" in said
    assert thesis.read_text() == "It was a dark and stormy night."
    assert holder(db) is None


def test_the_error_names_a_link_in_the_place_of_the_replacement_lock(db: Path, tmp_path: Path) -> None:
    """The lock itself is a regular file."""
    thesis, new = tmp_path / "thesis.txt", lock_path(db).with_name(f"{lock_path(db).name}.new")
    thesis.write_text("It was a dark and stormy night.")
    lock_path(db).touch()
    new.symlink_to(thesis)
    with locked(lock_path(db), fcntl.LOCK_SH):
        code, said = ingest(db)
    assert (code, f"remove it: {new})" in said) == (2, True)
    assert thesis.read_text() == "It was a dark and stormy night."


def test_a_dangling_link_as_lock_creates_no_file(db: Path, tmp_path: Path) -> None:
    lock_path(db).symlink_to(tmp_path / "new.txt")
    code, said = ingest(db)
    assert code == 2
    assert "its lock is a link; remove it" in said
    assert not (tmp_path / "new.txt").exists()


def test_reading_the_holder_does_not_disturb_taking_the_lease(db: Path) -> None:
    for _ in range(50):
        with Lease(db):
            assert holder(db) is not None


def test_a_deleted_lock_file_does_not_block_an_ingester(db: Path) -> None:
    with Lease(db):
        lock_path(db).unlink()
        with Lease(db):
            assert holder(db) is not None


@contextmanager
def between(
    monkeypatch: pytest.MonkeyPatch,
    kind: int,
    act: Callable[[], object],
    after: bool = False,
    only: Path | None = None,
) -> Iterator[None]:
    """Call `act` before, or after, the first lock of this kind, `only` on this file."""
    flock, acted = fcntl.flock, list[bool]()

    def patched(fd: int, operation: int) -> None:
        matching = only is None or (only.exists() and os.path.samestat(only.stat(), os.fstat(fd)))
        chosen = bool(operation & kind) and matching and not acted
        if chosen and not after:
            acted.append(True)
            act()
        flock(fd, operation)
        if chosen and after:
            acted.append(True)
            act()

    with monkeypatch.context() as patch:
        patch.setattr(fcntl, "flock", patched)
        yield
    assert acted


class TestRaces:
    """Another process acts between two system calls of this process."""

    @pytest.fixture
    def other(self, db: Path) -> Iterator[Lease]:
        """The lease of another process, which a test takes."""
        with Lease(db):
            pass
        other = Lease(db)
        yield other
        other.__exit__()

    def test_a_lock_file_deleted_before_it_is_locked_gives_no_lease(
        self, db: Path, other: Lease, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def delete() -> None:
            lock_path(db).unlink()
            other.__enter__()

        with between(monkeypatch, fcntl.LOCK_EX, delete), pytest.raises(FileLocked), Lease(db):
            pass

    def test_a_lock_file_deleted_before_it_is_read_does_not_hide_the_holder(
        self, db: Path, other: Lease, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def delete() -> None:
            lock_path(db).unlink()
            other.__enter__()

        with between(monkeypatch, fcntl.LOCK_SH, delete):
            assert holder(db) is not None

    def test_the_second_of_two_processes_that_replace_the_lock_fails(
        self, db: Path, other: Lease, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with (
            locked(lock_path(db), fcntl.LOCK_SH),
            between(monkeypatch, fcntl.LOCK_SH, other.__enter__, after=True),
            pytest.raises(FileLocked),
            Lease(db),
        ):
            pass

    def test_a_deleted_replacement_lock_is_created_again(
        self, db: Path, other: Lease, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        new = lock_path(db).with_name(f"{lock_path(db).name}.new")

        with locked(lock_path(db), fcntl.LOCK_SH), between(monkeypatch, fcntl.LOCK_EX, new.unlink, only=new), Lease(db):
            assert holder(db) is not None
        other.__enter__()


def test_the_error_for_a_missing_folder_gives_the_reason(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"cannot be locked \(No such file or directory"), Lease(tmp_path / "no" / "x.db"):
        pass
