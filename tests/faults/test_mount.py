"""Files on mounted file systems. Only root can mount them."""

import os
import signal
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from store.database.file import uri_of
from store.database.mount import Mount, mount_of
from store.stream.ingest import Ingester
from store.stream.server import RedisServer
from tests.conftest import until
from tests.faults import child
from tests.faults.numbered import entries, publishing, settle
from tests.faults.nursery import Nursery
from tests.live import STREAM, number_stored, publish


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """A function that mounts a file system at a folder with a name, and returns the folder."""
    points: list[Path] = []

    def mount(name: str, kind: str, options: str = "rw") -> Path:
        point = tmp_path / name
        point.mkdir()
        if (
            os.geteuid()
            or subprocess.run(["mount", "-t", kind, "-o", options, kind, point], capture_output=True).returncode
        ):
            pytest.skip(f"only root may mount, and only a kernel that knows {kind}")
        points.append(point)
        return point

    yield mount
    for point in reversed(points):
        subprocess.run(["umount", "--lazy", point], check=True)


def test_the_mount_of_a_file_is_found(mount: Callable[..., Path]) -> None:
    point = mount("with a blank, \\ and é", "tmpfs")
    assert mount_of(point / "events.db") == Mount(point, "tmpfs")


def test_a_file_in_a_lower_layer_of_an_overlay_is_written_and_read(
    redis_server: RedisServer, mount: Callable[..., Path], nursery: Nursery
) -> None:
    """As in a container whose image contains the file: the first write copies it while readers have it open."""
    disk = mount("disk", "tmpfs")
    for name in ("lower", "upper", "work"):
        (disk / name).mkdir()
    old = list(range(1, 201))
    publish(redis_server, entries(old[0], old[-1]))
    Ingester(disk / "lower" / "events.db", redis_server.url, STREAM).drain()
    layers = f"lowerdir={disk}/lower,upperdir={disk}/upper,workdir={disk}/work"
    path = mount("layered", "overlay", layers) / "events.db"
    assert mount_of(path) == Mount(path.parent, "overlay")
    with closing(sqlite3.connect(uri_of(path, "ro"), uri=True)) as reader, publishing(redis_server, first=201) as sent:
        assert reader.execute("SELECT count(*) FROM event").fetchone() == (200,)
        for _ in range(3):
            known = number_stored(path)
            ingester = nursery.start(child.ingest, path, redis_server.url)
            until(lambda: reader.execute("SELECT count(*) FROM event").fetchone()[0] > known + 100)  # noqa: B023
            ingester.send(signal.SIGKILL)
            ingester.wait()
    Ingester(path, redis_server.url, STREAM).drain()
    found = settle("ingester killed -9, file on overlay", 3, old + sent, path)
    assert (found.lost(old + sent), found.doubled, found.duplicate, found.gaps) == (0, 0, 0, [])
