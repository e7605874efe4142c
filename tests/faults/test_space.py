"""The disk is full while events are stored, and has space again later."""

import os
import resource
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from store.stream.ingest import Ingester
from store.stream.server import RedisServer
from tests.conftest import until
from tests.faults import child
from tests.faults.numbered import publishing, settle
from tests.faults.nursery import Nursery
from tests.live import STREAM, number_stored
from tests.tables import query


def test_an_ingester_retries_until_the_file_may_grow(redis_server: RedisServer, db: Path, nursery: Nursery) -> None:
    """The kernel enforces the size limit of files within any write."""
    with publishing(redis_server) as sent:
        ingester = nursery.start(child.ingest, db, redis_server.url, 400_000)
        for more in range(1, 4):
            until(lambda: "nothing was written" in nursery.said or "cannot be used" in nursery.said)
            full = number_stored(db)
            published = len(sent)
            until(lambda: len(sent) > published + 100)  # noqa: B023 - it is called at once
            assert number_stored(db) >= full
            nursery.log.write_text("")
            limit = 400_000 * (1 + more) if more < 3 else resource.RLIM_INFINITY
            resource.prlimit(ingester.pid, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
            until(lambda: number_stored(db) > full)  # noqa: B023
        until(lambda: number_stored(db) >= published)
        until(lambda: "events are stored again" in nursery.said)
        (reason,) = query(db, "SELECT reason FROM stream")[0]
        assert "nothing could be stored for" in reason
        ingester.send(signal.SIGTERM)
        assert ingester.wait() == 0
    Ingester(db, redis_server.url, STREAM).drain()
    found = settle("file may not grow, then may", 3, sent, db)
    assert (found.lost(sent), found.doubled, found.duplicate, found.gaps) == (0, 0, 0, [])


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a disk of 1 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("only root may mount a small disk")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_an_ingester_retries_until_a_full_disk_has_space(
    redis_server: RedisServer, small_disk: Path, nursery: Nursery
) -> None:
    """The space must suffice for a checkpoint beside the log, which takes more than the size of the log."""
    path = small_disk / "events.db"
    with publishing(redis_server) as sent:
        ingester = nursery.start(child.ingest, path, redis_server.url)
        for size in (4, 12, 64):
            until(lambda: "nothing was written" in nursery.said or "cannot be used" in nursery.said)
            full = number_stored(path)
            nursery.log.write_text("")
            subprocess.run(["mount", "-o", f"remount,size={size}m", str(small_disk)], check=True)
            until(lambda: number_stored(path) > full)  # noqa: B023
        ingester.send(signal.SIGTERM)
        assert ingester.wait() == 0
    Ingester(path, redis_server.url, STREAM).drain()
    found = settle("disk full, then space again", 3, sent, path)
    assert (found.lost(sent), found.doubled, found.duplicate, found.gaps) == (0, 0, 0, [])


def test_an_ingester_started_on_a_full_disk_reports_it(
    redis_server: RedisServer, small_disk: Path, nursery: Nursery
) -> None:
    (small_disk / "ballast").write_bytes(bytes(1 << 20)[:1_040_000])
    path = small_disk / "events.db"
    assert nursery.run(child.ingest, path, redis_server.url) == child.WRONG
    assert nursery.said.count("\n") == 1
    (small_disk / "ballast").unlink()
    assert Ingester(path, redis_server.url, STREAM).drain().received == 0
