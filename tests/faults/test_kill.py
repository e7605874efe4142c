"""An ingester is killed: at random moments, at every step of a batch, and within writes."""

import os
import random
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from store.database.stream_row import Counts
from store.database.writer import Writer
from store.model.entry import Entry
from store.stream import source
from store.stream.ingest import Ingester
from store.stream.server import RedisServer
from tests.conftest import until
from tests.faults import child
from tests.faults.numbered import entries, publishing, settle
from tests.faults.nursery import Nursery
from tests.ledger import Ledger, Line
from tests.live import STREAM, counts_entries, number_stored, publish
from tests.recorder import Recorder, entry_of
from tests.tables import Row, query, rows

KILLS = int(os.environ.get("TREETOP_TEST_KILLS", "200"))


def life(server: RedisServer, path: Path, nursery: Nursery) -> float:
    """Longest life of an ingester in seconds: twice the time that it takes now to store its first event."""
    stored, begun = number_stored(path), time.monotonic()
    ingester = nursery.start(child.ingest, path, server.url)
    until(lambda: number_stored(path) > stored)
    ingester.kill()
    return 2 * (time.monotonic() - begun)


def test_an_ingester_killed_at_random_moments_stores_each_event_once(
    redis_server: RedisServer, db: Path, nursery: Nursery
) -> None:
    chance, stored, useful = random.Random(1), 0, 0
    with publishing(redis_server) as sent:
        longest = min(life(redis_server, db, nursery) for _ in range(3))
        for _ in range(KILLS):
            ingester = nursery.start(child.ingest, db, redis_server.url)
            time.sleep(chance.uniform(0.0, longest))
            assert ingester.kill() == -signal.SIGKILL
            before, stored = stored, number_stored(db)
            useful += stored > before
    assert useful > KILLS // 4, "most were killed before they stored anything"
    Ingester(db, redis_server.url, STREAM).drain()
    found = settle("ingester killed -9 at random moments", KILLS, sent, db)
    assert (found.lost(sent), found.doubled, found.duplicate, found.gaps) == (0, 0, 0, [])


def test_an_ingester_killed_while_redis_trims_loses_only_trimmed_entries(
    redis_server: RedisServer, db: Path, nursery: Nursery
) -> None:
    """The stream keeps the newest 500 of 2,000 events per second, and a killed ingester is not replaced at once."""
    chance = random.Random(2)
    with publishing(redis_server, keep=500) as sent:
        longest = life(redis_server, db, nursery)
        for _ in range(20):
            ingester = nursery.start(child.ingest, db, redis_server.url)
            time.sleep(chance.uniform(0.0, 2 * longest))
            ingester.kill()
            time.sleep(chance.uniform(0.0, max(0.5, 6 * longest)))
    Ingester(db, redis_server.url, STREAM).drain()
    found = settle("the same, of a stream that keeps 500", 20, sent, db)
    assert (found.doubled, found.duplicate) == (0, 0)
    assert found.lost(sent) > 0
    # unsure: exactly the entries that were read are trimmed
    assert {kind for kind, _ in found.gaps} - {"unsure"} == {"trimmed"}
    if counts_entries(redis_server):
        assert sum(lost or 0 for _, lost in found.gaps) + found.lost_before(sent) == found.lost(sent)


def batch() -> tuple[list[Entry], list[Entry]]:
    """The content of the file, and a batch with events of all kinds: also malformed, repeated and reassigned ones."""
    recorder = Recorder("first").root("a").plan("a", "b", "c")
    old, rest = list(recorder.entries), len(recorder.entries)
    recorder.nameless().step_started("d").llm("d")  # a run without an id
    recorder.run_id = "first"
    recorder.node("a", "d").step("b", "execute", after="FINISH").run_finished()  # shows that its node belongs to this run
    return old, [*recorder.entries[rest:], old[0], entry_of(b'{"event_type": 1', 1), entry_of(b"\xff", 2)]


def everything(path: Path) -> dict[str, list[Row]]:
    """All rows of a file. Files that were filled from one stream have the same stream ids."""
    assert query(path, "PRAGMA integrity_check") == [("ok",)]
    return rows(path)


@pytest.mark.parametrize(
    ("new", "batch_entries"),
    [(False, 100), (True, 100), (False, 7)],
    ids=["into-a-file", "into-a-new-file", "with-others-after-it"],
)
def test_a_batch_is_stored_completely_or_not_at_all_if_its_ingester_is_killed(
    redis_server: RedisServer,
    tmp_path: Path,
    nursery: Nursery,
    ledger: Ledger,
    monkeypatch: pytest.MonkeyPatch,
    new: bool,
    batch_entries: int,
) -> None:
    """Killed at every step, see EVERY. If there are several batches, each is committed while the next one is read."""
    monkeypatch.setattr(source, "FIRST_BATCH_ENTRIES", batch_entries)
    monkeypatch.setattr(source, "BATCH_ENTRIES", batch_entries)
    old, more = batch()
    base, whole, path = tmp_path / "base.db", tmp_path / "whole.db", tmp_path / "killed.db"
    if not new:
        publish(redis_server, old)
        Ingester(base, redis_server.url, STREAM).drain()
    publish(redis_server, more)
    begin(base, whole)
    between = batch_by_batch(whole, redis_server, monkeypatch)
    before, after = everything(base) if base.exists() else None, everything(whole)
    assert (len(between) > 1) == (batch_entries < len(more))
    step, code, wholes = 0, -signal.SIGKILL, 0
    while code:
        assert code == -signal.SIGKILL
        step += child.EVERY
        begin(base, path)
        code = nursery.run(child.drain_until_step, path, redis_server.url, step, batch_entries)
        if path.exists() and number_stored(path):
            now = everything(path)
            assert now in (before, *between)
            wholes += now == after
        Ingester(path, redis_server.url, STREAM).drain()
        assert everything(path) == after
    assert step > 100
    assert 2 // child.EVERY < wholes < step
    sent = len(more) + (0 if new else len(old))
    where = "new file" if new else "file" if batch_entries > sent else "file, several"
    ledger.note(Line(f"killed -9 at every step of a batch ({where})", step - 1, sent, len(after["event"]), 0, 0))


def batch_by_batch(path: Path, server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, list[Row]]]:
    """Store all entries of the stream. Returns the rows of the file after each batch."""
    found = []
    append = Writer.append

    def noting(self: Writer, *arguments: Any, **options: Any) -> Counts:
        counts = append(self, *arguments, **options)
        self.wait_for_commit()
        found.append(everything(path))
        return counts

    with monkeypatch.context() as patched:
        patched.setattr(Writer, "append", noting)
        Ingester(path, server.url, STREAM).drain()
    return found


def begin(base: Path, path: Path) -> None:
    """Restore the file as it was before the batch."""
    for old in path.parent.glob(f"{path.name}*"):
        old.unlink()
    if base.exists():
        shutil.copy(base, path)


def test_a_batch_is_stored_completely_or_not_at_all_if_a_write_is_cut(
    redis_server: RedisServer, tmp_path: Path, nursery: Nursery, ledger: Ledger
) -> None:
    """The kernel kills the ingester when a file exceeds a size, at any byte of a page."""
    base, path = tmp_path / "base.db", tmp_path / "killed.db"
    publish(redis_server, entries(1, 300))
    Ingester(base, redis_server.url, STREAM).drain()
    publish(redis_server, entries(301, 900))
    chance, size, tried, torn = random.Random(2), 0, 0, 0
    code = -signal.SIGXFSZ
    while code:
        assert code == -signal.SIGXFSZ
        size, tried = size + chance.randrange(1, 20_000 * child.EVERY), tried + 1
        begin(base, path)
        code = nursery.run(child.drain_until_size, path, redis_server.url, size)
        log = path.with_name(f"{path.name}-wal")
        torn += log.exists() and log.stat().st_size % 4096 != 32  # frames have 24 bytes more than a page, the log 32
        stored = number_stored(path)
        assert 300 <= stored <= 900
        assert query(path, "SELECT received FROM stream") == [(stored,)]
        Ingester(path, redis_server.url, STREAM).drain()
        assert number_stored(path) == 900
    found = settle("killed in the middle of a write", tried - 1, list(range(1, 901)), path)
    assert (found.lost(list(range(1, 901))), found.doubled, found.duplicate, found.gaps) == (0, 0, 0, [])
    assert tried > 20 // child.EVERY
    assert torn
