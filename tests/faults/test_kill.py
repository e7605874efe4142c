"""The ingester dies of SIGKILL: at any moment, at every step of a batch, in the middle of any write."""

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

KILLS = 200


def life(server: RedisServer, path: Path, nursery: Nursery) -> float:
    """Seconds that an ingester may live at most: twice what one takes, on this machine now, to store something."""
    stored, begun = number_stored(path), time.monotonic()
    ingester = nursery.start(child.ingest, path, server.url)
    until(lambda: number_stored(path) > stored)
    ingester.kill()
    return 2 * (time.monotonic() - begun)


def test_killed_at_random_moments_it_stores_each_event_once(redis_server: RedisServer, db: Path, nursery: Nursery) -> None:
    chance, stored, useful = random.Random(1), 0, 0
    with publishing(redis_server) as sent:
        longest = min(life(redis_server, db, nursery) for _ in range(3))
        for _ in range(KILLS):
            ingester = nursery.start(child.ingest, db, redis_server.url)
            time.sleep(chance.uniform(0.0, longest))
            assert ingester.kill() == -signal.SIGKILL
            before, stored = stored, number_stored(db)
            useful += stored > before
    assert useful > KILLS // 4, "they died before they did anything"
    Ingester(db, redis_server.url, STREAM).drain()
    found = settle("ingester killed -9 at random moments", KILLS, sent, db)
    assert (found.lost(sent), found.doubled, found.duplicate, found.gaps) == (0, 0, 0, [])


def test_killed_while_redis_trims_it_lost_what_redis_lost(redis_server: RedisServer, db: Path, nursery: Nursery) -> None:
    """The stream keeps the newest 500, agents publish 2,000 a second, and a dead ingester is not replaced at once."""
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
    assert {kind for kind, _ in found.gaps} - {"unsure"} == {"trimmed"}  # or just all that was read is gone, and no more
    if counts_entries(redis_server):
        assert sum(lost or 0 for _, lost in found.gaps) + found.lost_before(sent) == found.lost(sent)


def batch() -> tuple[list[Entry], list[Entry]]:
    """What is in the file before, and a batch with all that there can be in one: also what is wrong, repeated, re-homed."""
    recorder = Recorder("first").root("a").plan("a", "b", "c")
    old, rest = list(recorder.entries), len(recorder.entries)
    recorder.nameless().step_started("d").llm("d")  # a run without an id, until ...
    recorder.run_id = "first"
    recorder.node("a", "d").step("b", "execute", after="FINISH").run_finished()  # ... its node turns out to be this one's
    return old, [*recorder.entries[rest:], old[0], entry_of(b'{"event_type": 1', 1), entry_of(b"\xff", 2)]


def everything(path: Path) -> dict[str, list[Row]]:
    """All that is in a file. Ids of stream entries are the same for all, as they are read from one stream."""
    assert query(path, "PRAGMA integrity_check") == [("ok",)]
    return rows(path)


@pytest.mark.parametrize(
    ("new", "together"),
    [(False, 100), (True, 100), (False, 7)],
    ids=["into-a-file", "into-a-new-file", "with-others-after-it"],
)
def test_killed_at_any_step_of_a_batch_nothing_of_it_is_stored_or_all(
    redis_server: RedisServer,
    tmp_path: Path,
    nursery: Nursery,
    ledger: Ledger,
    monkeypatch: pytest.MonkeyPatch,
    new: bool,
    together: int,
) -> None:
    """Of several batches, each is committed while the next one is read."""
    monkeypatch.setattr(source, "FIRST_BATCH_ENTRIES", together)
    monkeypatch.setattr(source, "BATCH_ENTRIES", together)
    old, more = batch()
    base, whole, path = tmp_path / "base.db", tmp_path / "whole.db", tmp_path / "killed.db"
    if not new:
        publish(redis_server, old)
        Ingester(base, redis_server.url, STREAM).drain()
    publish(redis_server, more)
    begin(base, whole)
    between = batch_by_batch(whole, redis_server, monkeypatch)
    before, after = everything(base) if base.exists() else None, everything(whole)
    assert (len(between) > 1) == (together < len(more))
    step, code, wholes = 0, -signal.SIGKILL, 0
    while code:
        assert code == -signal.SIGKILL
        step += 1
        begin(base, path)
        code = nursery.run(child.drain_until_step, path, redis_server.url, step, together)
        if path.exists() and number_stored(path):
            now = everything(path)
            assert now in (before, *between)
            wholes += now == after
        Ingester(path, redis_server.url, STREAM).drain()
        assert everything(path) == after
    assert step > 100
    assert 2 < wholes < step
    sent = len(more) + (0 if new else len(old))
    where = "new file" if new else "file" if together > sent else "file, several"
    ledger.note(Line(f"killed -9 at every step of a batch ({where})", step - 1, sent, len(after["event"]), 0, 0))


def batch_by_batch(path: Path, server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, list[Row]]]:
    """Store all that there is; gives all that was in the file after each batch."""
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
    """A file as it was before the batch."""
    for old in path.parent.glob(f"{path.name}*"):
        old.unlink()
    if base.exists():
        shutil.copy(base, path)


def test_killed_in_the_middle_of_a_write_nothing_of_a_batch_is_stored_or_all(
    redis_server: RedisServer, tmp_path: Path, nursery: Nursery, ledger: Ledger
) -> None:
    """The kernel kills it as soon as a file would become larger than so many bytes, wherever in a page that is."""
    base, path = tmp_path / "base.db", tmp_path / "killed.db"
    publish(redis_server, entries(1, 300))
    Ingester(base, redis_server.url, STREAM).drain()
    publish(redis_server, entries(301, 900))
    chance, size, tried, torn = random.Random(2), 0, 0, 0
    code = -signal.SIGXFSZ
    while code:
        assert code == -signal.SIGXFSZ
        size, tried = size + chance.randrange(1, 20_000), tried + 1
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
    assert tried > 20
    assert torn
