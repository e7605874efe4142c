"""A power failure: data that were not on the disk yet are lost, within a write or between two."""

import random
import shutil
import subprocess
from pathlib import Path

from store.database.writer import Writer
from store.model.entry import follow
from tests.faults.numbered import check_states, entries
from tests.ledger import Ledger, Line
from tests.live import STREAM
from tests.tables import query

BATCHES, SIZE = 12, 25
FRAME, HEAD = 4096 + 24, 32
"""Bytes of a frame of the log (a page with its header), and of the header of the log."""


def test_rows_and_position_agree_after_a_loss_of_any_part_of_the_log(tmp_path: Path, ledger: Ledger) -> None:
    """SQLite writes its log from front to back, and waits for the disk at each commit."""
    path, ends = tmp_path / "events.db", []
    log = path.with_name("events.db-wal")
    with Writer(path) as writer:
        key = writer.stream(STREAM)
        for batch in range(BATCHES):
            before, some = writer.cursor(key), entries(batch * SIZE + 1, (batch + 1) * SIZE)
            writer.append(some, key, before, follow(before, some))
            ends.append(log.stat().st_size)
        saved = tmp_path / "saved"
        saved.mkdir()
        # by another process: opening and closing the files here would drop the locks of SQLite
        subprocess.run(["cp", str(path), str(log), str(saved)], check=True)
    written = (saved / log.name).read_bytes()
    chance = random.Random(1)
    lengths = {0, *ends, *range(HEAD, len(written) + 1, FRAME), *(chance.randrange(len(written)) for _ in range(100))}
    for length in sorted(lengths):
        cut = tmp_path / "cut.db"
        for old in tmp_path.glob("cut.db*"):
            old.unlink()
        shutil.copy(saved / path.name, cut)
        cut.with_name("cut.db-wal").write_bytes(written[:length])
        whole = sum(end <= length for end in ends) * SIZE
        if query(cut, "SELECT count(*) FROM sqlite_master WHERE name = 'event'") == [(0,)]:
            assert whole == 0
            continue
        stored = query(cut, "SELECT count(*) FROM event")[0][0]
        assert stored == whole
        assert query(cut, "SELECT received, stored, position FROM stream") in ([], [(whole, whole, str(_last(whole)))])
        check_states(cut)
    assert len(lengths) > 200
    ledger.note(Line("power cut at any point of the log", len(lengths), BATCHES * SIZE, whole, 0, 0))


def _last(number: int) -> object:
    return entries(number, number)[0].at if number else "0-0"
