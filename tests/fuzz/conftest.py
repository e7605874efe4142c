"""The corpus, published and stored once for all tests."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import redis
from msgspec import Struct

from store.database.stream_row import Counts
from store.model.entry import StreamId
from store.stream.server import RedisServer
from tests.fuzz.corpus import Hostile, corpus
from tests.ledger import LEDGER
from tests.live import STREAM

SEED = int(os.environ.get("TREETOP_TEST_FUZZ_SEED", "1"))
"""Seed of the corpus."""


TREETOP = """
import atexit
from pathlib import Path
from tui.cli.program import main
peak = lambda: next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
atexit.register(lambda: print(peak().split()[1]))
main()
"""
"""The program. At its end it prints its peak memory in kB."""


class Stored(Struct):
    """The published entries by their stream ids, and the file that contains them."""

    path: Path
    entries: dict[StreamId, Hostile]
    counts: Counts
    stderr: str
    """Standard error of the ingester."""
    peak: int
    """Peak memory of the ingester, in bytes."""


def store(server: RedisServer, path: Path, entries: list[Hostile]) -> Stored:
    """Publish these entries, and store them by `treetop ingest --drain`."""
    ids: list[bytes] = []
    with redis.Redis.from_url(server.url) as client:
        for start in range(0, len(entries), 1_000):
            pipe = client.pipeline(transaction=False)
            for entry in entries[start : start + 1_000]:
                pipe.xadd(STREAM, dict(entry.fields))
            ids += pipe.execute()
    command = [sys.executable, "-c", TREETOP, "ingest", "--drain", "--db", str(path), "--redis", server.url]
    done = subprocess.run([*command, "--stream", STREAM], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    counts, peak = done.stdout.splitlines()
    published = {StreamId.parse(at): entry for at, entry in zip(ids, entries, strict=True)}
    return Stored(path, published, Counts(**json.loads(counts)), done.stderr, int(peak) * 1024)


@pytest.fixture(scope="session")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Stored:
    """The corpus in a file."""
    with RedisServer() as server:
        return store(server, tmp_path_factory.mktemp("fuzz") / "fuzzed.db", corpus(SEED))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    LEDGER.show(terminalreporter)
