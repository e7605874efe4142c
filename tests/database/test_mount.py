"""The file system of a file: a file system that machines share is reported."""

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from store.database import mount
from store.database.mount import Mount, mount_of
from store.doctor import check_host
from store.stream.server import RedisServer
from tests.live import STREAM, publish
from tests.recorder import Recorder
from tests.tables import states, store
from tests.test_terminal import Terminal


@pytest.fixture
def mounted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The list of mounted file systems, to be written by a test."""
    path = tmp_path / "mountinfo"
    monkeypatch.setattr(mount, "MOUNTS", path)
    return path


def line(point: str | Path, kind: str) -> str:
    """A line as Linux writes it, with one of its optional fields."""
    return f"36 35 98:0 /mnt1 {point} rw,noatime master:1 - {kind} some/where rw,errors=continue\n"


def warning(kind: str, point: str = "/data") -> str:
    return Mount(Path(point), kind).warning


def test_a_path_is_on_the_innermost_mount(mounted: Path) -> None:
    mounted.write_text(line("/", "ext4") + line("/data/far", "nfs4") + line("/data", "xfs") + line("/data/farm", "tmpfs"))
    assert mount_of(Path("/data/far/a/b.db")) == Mount(Path("/data/far"), "nfs4")
    assert mount_of(Path("/data/far")) == Mount(Path("/data/far"), "nfs4")
    assert mount_of(Path("/data/farther.db")) == Mount(Path("/data"), "xfs")
    assert mount_of(Path("/b.db")) == Mount(Path("/"), "ext4")


def test_the_later_of_two_mounts_at_the_same_point_is_used(mounted: Path) -> None:
    mounted.write_text(line("/data", "nfs") + line("/data", "ext4"))
    assert mount_of(Path("/data/b.db")) == Mount(Path("/data"), "ext4")


def test_an_empty_line_in_the_list_of_mounts_is_skipped(mounted: Path) -> None:
    mounted.write_text(line("/", "ext4") + "\n" + line("/data", "nfs"))
    assert mount_of(Path("/data/b.db")) == Mount(Path("/data"), "nfs")


def test_octal_escapes_in_mount_points_are_decoded(mounted: Path) -> None:
    mounted.write_text(line(r"/my\040data\134", "nfs"))
    assert mount_of(Path("/my data\\/b.db")) == Mount(Path("/my data\\"), "nfs")


def test_symbolic_links_are_followed(mounted: Path, tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "far")
    mounted.write_text(line("/", "ext4") + line(tmp_path / "far", "cifs"))
    found = mount_of(tmp_path / "link" / "b.db")
    assert found is not None
    assert found.kind == "cifs"


def test_without_a_list_of_mounts_a_file_is_written(mounted: Path, db: Path) -> None:
    assert mount_of(db) is None
    store(db, Recorder().root().entries)


@pytest.mark.skipif(not Path("/proc/self/mountinfo").exists(), reason="asks Linux")
def test_the_mounts_of_this_machine_can_be_read() -> None:
    assert mount_of(Path("/proc/self/status")) == Mount(Path("/proc"), "proc")


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "9p", "fuse.sshfs"])
def test_a_file_system_that_machines_share_has_a_warning(kind: str) -> None:
    assert f"/data is a file system that machines share ({kind})" in warning(kind)


@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs", "tmpfs", "overlay", "fuseblk", "zfs"])
def test_a_local_file_system_has_no_warning(kind: str) -> None:
    assert warning(kind) == ""


@pytest.mark.parametrize("kind", ["9p", "nfs4"])
def test_a_root_file_system_has_no_warning(kind: str) -> None:
    """Machines without a disk, and sandboxes, have no other file system."""
    assert warning(kind, "/") == ""


def test_the_doctor_reports_a_shared_file_system(mounted: Path, db: Path) -> None:
    mounted.write_text(line(db.parent, "nfs4"))
    assert any("is a file system that machines share (nfs4)" in found.text and not found.well for found in check_host(db))
    mounted.write_text(line("/", "overlay"))
    assert [found.well for found in check_host(db) if "is a container layer (overlay)" in found.text] == [True]


PROGRAM = """
import sys
from pathlib import Path
from store.database import mount
mount.MOUNTS = Path(sys.argv.pop(1))
from tui.cli.program import main
main()
"""


def test_the_ingester_warns_of_a_shared_file_system_and_stores_events(
    mounted: Path, db: Path, redis_server: RedisServer
) -> None:
    mounted.write_text(line(db.parent, "9p"))
    publish(redis_server, Recorder().root().entries)
    command = ["ingest", "--drain", "--db", str(db), "--redis", redis_server.url, "--stream", STREAM]
    done = subprocess.run([sys.executable, "-c", PROGRAM, str(mounted), *command], capture_output=True, text=True)
    assert (done.returncode, done.stderr.count("\n")) == (0, 1)
    assert f"{db}: {db.parent} is a file system that machines share (9p)" in done.stderr
    assert set(states(db)) == {"run"}


def test_the_screen_warns_of_a_shared_file_system(mounted: Path, redis_server: RedisServer) -> None:
    with TemporaryDirectory() as folder:
        mounted.write_text(line(folder, "9p"))
        command = ("--db", f"{folder}/e.db", "--redis", redis_server.url, "--stream", STREAM)
        terminal = Terminal(Path(folder), *command, command=(sys.executable, "-c", PROGRAM, str(mounted)))
        try:
            terminal.sees(f"{folder} is a file system")
            terminal.press("q")
            assert terminal.ends() == 0
        finally:
            terminal.close()


def test_serve_warns_of_a_shared_file_system(mounted: Path, db: Path, redis_server: RedisServer) -> None:
    mounted.write_text(line(db.parent, "9p"))
    words = ["serve", "--port", "0", "--db", str(db), "--redis", redis_server.url, "--stream", STREAM]
    command = [sys.executable, "-c", PROGRAM, str(mounted), *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            assert "serving" in process.stdout.readline()
        finally:
            process.terminate()
        assert f"{db}: {db.parent} is a file system that machines share (9p)" in process.stderr.read()


def test_the_warning_is_not_the_reason_for_the_end_of_an_ingester(
    mounted: Path, db: Path, redis_server: RedisServer
) -> None:
    """The parent takes the last line of standard error as the reason."""
    mounted.write_text(line(db.parent, "9p"))
    words = ["ingest", "--until-eof", "--db", str(db), "--redis", redis_server.url, "--stream", STREAM]
    command = [sys.executable, "-c", PROGRAM, str(mounted), *words]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert "storing the events" in child.stdout.readline()
        child.kill()
        assert child.stderr is not None
        assert child.stderr.read() == ""
