"""A file that machines share is refused before it is made: no network file system keeps it whole."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from store import mount
from store.checkup import check_host
from store.database import check_readable
from store.errors import FileError
from store.mount import ANY_DISK, Mount, mount_of
from store.writer import Writer
from tests.recorder import Recorder
from tests.tables import store


@pytest.fixture
def mounted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What Linux says of mounts; to be written by a test."""
    path = tmp_path / "mountinfo"
    monkeypatch.setattr(mount, "MOUNTS", path)
    monkeypatch.delenv(ANY_DISK, raising=False)
    return path


def line(point: str | Path, kind: str) -> str:
    """A line as Linux writes it, with one of the fields that may be there or not."""
    return f"36 35 98:0 /mnt1 {point} rw,noatime master:1 - {kind} some/where rw,errors=continue\n"


def test_a_path_lies_on_the_innermost_mount(mounted: Path) -> None:
    mounted.write_text(line("/", "ext4") + line("/data/far", "nfs4") + line("/data", "xfs") + line("/data/farm", "tmpfs"))
    assert mount_of(Path("/data/far/a/b.db")) == Mount(Path("/data/far"), "nfs4")
    assert mount_of(Path("/data/far")) == Mount(Path("/data/far"), "nfs4")
    assert mount_of(Path("/data/farther.db")) == Mount(Path("/data"), "xfs")
    assert mount_of(Path("/b.db")) == Mount(Path("/"), "ext4")


def test_of_two_mounts_at_one_place_the_later_one_is_seen(mounted: Path) -> None:
    mounted.write_text(line("/data", "nfs") + line("/data", "ext4"))
    assert mount_of(Path("/data/b.db")) == Mount(Path("/data"), "ext4")


def test_a_place_may_have_any_name(mounted: Path) -> None:
    mounted.write_text(line(r"/my\040data\134", "nfs"))
    assert mount_of(Path("/my data\\/b.db")) == Mount(Path("/my data\\"), "nfs")


def test_a_link_lies_where_it_leads(mounted: Path, tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "far")
    mounted.write_text(line("/", "ext4") + line(tmp_path / "far", "cifs"))
    found = mount_of(tmp_path / "link" / "b.db")
    assert found is not None
    assert found.kind == "cifs"


def test_where_nothing_is_known_of_mounts_nothing_is_refused(mounted: Path, db: Path) -> None:
    assert mount_of(db) is None
    store(db, Recorder().root().entries)


@pytest.mark.skipif(not Path("/proc/self/mountinfo").exists(), reason="asks Linux")
def test_the_mounts_of_this_machine_can_be_read() -> None:
    assert mount_of(Path("/proc/self/status")) == Mount(Path("/proc"), "proc")


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "9p", "fuse.sshfs"])
def test_a_file_on_what_machines_share_is_not_made_nor_written(mounted: Path, db: Path, kind: str) -> None:
    mounted.write_text(line("/", "ext4") + line(db.parent, kind))
    said = f"is a file system that machines share .{kind}., where SQLite can not keep a file whole; name a file on a disk"
    with pytest.raises(FileError, match=said):
        Writer(db)
    assert not db.exists()


def test_what_lies_there_already_can_be_read(mounted: Path, db: Path) -> None:
    store(db, Recorder().root().entries)
    mounted.write_text(line(db.parent, "nfs4"))
    check_readable(db)


@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs", "tmpfs", "overlay", "fuseblk", "zfs"])
def test_a_disk_of_this_machine_is_as_good_as_another(mounted: Path, db: Path, kind: str) -> None:
    mounted.write_text(line(db.parent, kind))
    store(db, Recorder().root().entries)


@pytest.mark.parametrize("kind", ["9p", "nfs4"])
def test_what_a_machine_starts_from_is_its_own(mounted: Path, db: Path, kind: str) -> None:
    """Machines without a disk, and sandboxes, have nothing else."""
    mounted.write_text(line("/", kind))
    store(db, Recorder().root().entries)


def test_who_knows_better_is_believed(mounted: Path, db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mounted.write_text(line(db.parent, "nfs4"))
    monkeypatch.setenv(ANY_DISK, "1")
    store(db, Recorder().root().entries)


def test_the_doctor_knows_of_it(mounted: Path, db: Path) -> None:
    mounted.write_text(line(db.parent, "nfs4"))
    assert any("is a file system that machines share (nfs4)" in found.text and not found.well for found in check_host(db))
    mounted.write_text(line("/", "overlay"))
    assert [found.well for found in check_host(db) if "is the layer of a container (overlay)" in found.text] == [True]


INGEST = """
import sys
from pathlib import Path
from store import mount
mount.MOUNTS = Path(sys.argv.pop(1))
from tui.cli import main
main()
"""


def test_an_ingester_says_so_in_a_line(mounted: Path, db: Path) -> None:
    mounted.write_text(line(db.parent, "9p"))
    environment = {name: value for name, value in os.environ.items() if name != ANY_DISK}
    done = subprocess.run(
        [sys.executable, "-c", INGEST, str(mounted), "ingest", "--db", str(db), "--redis", "redis://localhost:1"],
        capture_output=True,
        text=True,
        env=environment,
    )
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert f"treetop: {db}: {db.parent} is a file system that machines share (9p)" in done.stderr
    assert not db.exists()
