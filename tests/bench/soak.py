"""An ingester for hours with random faults: checks the counts at the end, and the growth of its memory.

    python -m tests.bench.soak [--minutes 60] [--rate 1000]

Needs Redis 7 or newer. `--rate` events per second are published. Every few seconds there is a fault: the ingester is
killed, Redis is paused, another program locks the file, or the stream is trimmed past the position. In the second half
nothing is killed: the memory of one process, early and late, shows whether it grows. Exits with 1 if a check fails.
"""

import argparse
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import closing
from itertools import islice
from pathlib import Path
from random import Random

import redis

from store.database.arrival import FIELD
from store.stream.server import RedisServer
from tests.bench.figure import median
from tests.bench.growth import entries
from tests.bench.process import Process
from tests.bench.program import STREAM
from tests.tables import query

KEPT, BURST, WARM = 200_000, 0.02, 300_000
"""Entries that the stream keeps unless it is trimmed; seconds between two groups of them; how many fill all caches."""

CALM_MAX_S, REST_TIMEOUT_S, GROWTH_MAX = 8.0, 120.0, 1.1
"""Most seconds between two faults; seconds in which the rest must be stored; permitted growth of memory, as a factor."""


class Soak:
    """A redis-server, a publisher, an ingester, and faults. Starts the ingester."""

    def __init__(self, path: Path, server: RedisServer, rate: float) -> None:
        self.path, self.server, self.rate, self.luck = path, server, rate, Random()
        self.faults: Counter[str] = Counter()
        self.samples: list[tuple[float, int, int]] = []
        self.enough, self.sent = threading.Event(), 0
        self.start()

    def start(self) -> None:
        where = ("--db", str(self.path), "--redis", self.server.url, "--stream", STREAM)
        command = [sys.executable, "-m", "tui.cli", "ingest", *where]
        self.born, self.ingester = (
            self.sent,
            subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL),
        )

    def publish(self) -> None:
        client, begun, source = redis.Redis.from_url(self.server.url, socket_timeout=None), time.monotonic(), entries()
        while not self.enough.wait(BURST):
            due, pipe = int((time.monotonic() - begun) * self.rate), client.pipeline(transaction=False)
            for entry in islice(source, due - self.sent):
                pipe.xadd(STREAM, {FIELD: entry.fields[FIELD]}, maxlen=KEPT, approximate=True)
            pipe.execute()
            self.sent = due

    def kill(self) -> None:
        self.ingester.kill()
        self.ingester.wait()
        self.start()

    def freeze(self) -> None:
        os.kill(self.server.pid, signal.SIGSTOP)
        time.sleep(self.luck.uniform(0.2, 7.0))
        os.kill(self.server.pid, signal.SIGCONT)

    def lock(self) -> None:
        with closing(sqlite3.connect(self.path, isolation_level=None, timeout=60.0)) as other:
            other.execute("BEGIN IMMEDIATE")
            time.sleep(self.luck.uniform(0.5, 6.0))
            other.execute("ROLLBACK")

    def trim(self) -> None:
        self.ingester.send_signal(signal.SIGSTOP)
        time.sleep(self.luck.uniform(0.2, 1.0))
        with redis.Redis.from_url(self.server.url) as client:
            client.xtrim(STREAM, maxlen=10, approximate=False)
        self.ingester.send_signal(signal.SIGCONT)

    def run(self, seconds: float) -> None:
        publisher = threading.Thread(target=self.publish)
        publisher.start()
        begun = time.monotonic()
        while (spent := time.monotonic() - begun) < seconds:
            time.sleep(self.luck.uniform(1.0, CALM_MAX_S))
            fault = self.luck.choice([self.freeze, self.lock, self.trim] + [self.kill] * (spent < seconds / 2))
            self.faults[fault.__name__] += 1
            fault()
            if self.sent - self.born > WARM:
                files, threads = (len(os.listdir(f"/proc/{self.ingester.pid}/{name}")) for name in ("fd", "task"))
                self.samples.append((Process(self.ingester.pid).memory, files, threads))
        self.enough.set()
        publisher.join()

    def troubles(self) -> list[str]:
        """End the ingester after it has stored everything. Returns the violated conditions."""
        about = redis.Redis.from_url(self.server.url).xinfo_stream(STREAM)
        last, until = about["last-generated-id"].decode(), time.monotonic() + REST_TIMEOUT_S
        while query(self.path, "SELECT position FROM stream") != [(last,)] and time.monotonic() < until:
            time.sleep(0.1)
        self.ingester.terminate()
        counts = query(self.path, "SELECT position, received, stored, duplicate, rejected FROM stream")
        ((at, received, stored, repeated, rejected),) = counts
        ((gaps, lost),) = query(self.path, "SELECT count(*), coalesce(sum(lost), 0) FROM gap")
        third = max(1, len(self.samples) // 3)
        early, late = (list(map(median, zip(*part, strict=True))) for part in (self.samples[:third], self.samples[-third:]))
        sys.stdout.write(
            f"faults: {dict(self.faults)}\nadded {about['entries-added']:,}, received {received:,}, stored {stored:,},"
            f" repeated {repeated:,}, rejected {rejected:,}, lost {lost:,} in {gaps} gaps\n"
            f"MB, open files, threads of the ingester: {early}, later {late}\n"
        )
        laws = {
            "the ingester did not end well": self.ingester.wait() == 0,
            "not everything was published": about["entries-added"] == self.sent,
            "not everything was stored": at == last,
            "added is not received + lost": about["entries-added"] == received + lost,
            "received is not stored + repeated + rejected": received == stored + repeated + rejected,
            "the file does not hold what it counts": query(self.path, "SELECT count(*) FROM body") == [(stored,)],
            "the file is damaged": query(self.path, "PRAGMA integrity_check") == [("ok",)],
            "the ingester grows": all(after <= GROWTH_MAX * before for before, after in zip(early, late, strict=True)),
        }
        return [name for name, holds in laws.items() if not holds]


def main() -> None:
    """Run the soak, then check the counts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--rate", type=float, default=1_000.0, help="events a second")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, RedisServer() as server:
        soak = Soak(Path(folder) / "soak.db", server, options.rate)
        try:
            soak.run(options.minutes * 60)
            troubles = soak.troubles()
        finally:
            soak.ingester.kill()
    sys.exit(f"WRONG: {', '.join(troubles)}" if troubles else 0)


if __name__ == "__main__":
    main()
