"""A growing run on the screen: the delay of keys, and the time from an event to the screen."""

import asyncio
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from time import perf_counter, time

import redis

from store.database.arrival import FIELD
from store.stream.server import RedisServer
from tests.bench.agent import node_id, run_id
from tests.bench.cursor import Cursor
from tests.bench.figure import Figures, median, percentile
from tests.bench.load import SEED
from tests.bench.process import Process
from tests.bench.program import STREAM, WIDE, ingester, treetop, where
from tests.bench.surface import Late, Surface
from tests.bench.terminal import Terminal
from tests.live import state_of_ingest

PROBED = 1
"""Number of the node without events of the load: the first one in the root, in the second row of the tree."""

STATES = {"READY": "◇", "NEED_UPDATE": "◎"}
"""Statuses of the probed node in turn, and their glyphs in the tree."""

LATEST = 5.0
"""Seconds after which a probe counts as lost."""


class Stage:
    """A copy of a file, a redis-server, an ingester, and the number of nodes of the run."""

    def __init__(self, path: Path, nodes: int, server: RedisServer, ingest: Process) -> None:
        self.path = path
        self.nodes = nodes
        self.ingest = ingest
        self._server = server
        self._next = nodes
        self._client = redis.Redis.from_url(server.url)
        self._said = 0

    def close(self) -> None:
        self._client.close()

    def stored(self) -> int:
        """Number of events in the file."""
        with closing(sqlite3.connect(f"{self.path.as_uri()}?mode=ro", uri=True)) as connection:
            count: int = connection.execute("SELECT max(id) FROM events").fetchone()[0]
            return count

    async def drained(self) -> None:
        """Wait until all published events are stored. Raises Late."""
        begun, before = perf_counter(), -1
        while (now := self.stored()) != before:
            if perf_counter() - begun > 300.0:
                raise Late("the ingester does not catch up")
            before = now
            await asyncio.sleep(1.0)

    @asynccontextmanager
    async def load(self, updates: float, creates: float, seconds: float) -> AsyncIterator[list[float]]:
        """Publish events during the block. Afterwards the list has the rate of publication."""
        options = {"nodes": self.nodes, "first": self._next, "updates": updates, "creates": creates, "seconds": seconds}
        words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        command = [sys.executable, "-m", "tests.bench.load", str(self._server.socket), STREAM, *words]
        rate: list[float] = []
        process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
        yield rate
        output, _ = await process.communicate()
        sent, spent, following = output.split()
        self._next = int(following)
        rate.append(int(sent) / float(spent))

    def probe(self) -> str:
        """Change the status of the probed node. Returns its new glyph."""
        self._said += 1
        status = tuple(STATES)[self._said % len(STATES)]
        stamp = datetime.fromtimestamp(time(), UTC).replace(tzinfo=None).isoformat()
        body = (
            f'{{"event_id":"probe-{id(self)}-{self._said}","timestamp":"{stamp}Z","event_type":"node_status_changed",'
            f'"payload":{{"node_id":"{node_id(SEED, PROBED)}","new_status":"{status}"}},"run_id":"{run_id(SEED)}"}}'
        )
        self._client.xadd(STREAM, {FIELD: body.encode()})
        return STATES[status]


@asynccontextmanager
async def stage(source: Path, nodes: int) -> AsyncIterator[Stage]:
    """File, Redis and ingester of a live run."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, RedisServer() as server:
        path = Path(folder) / "live.db"
        shutil.copy(source, path)
        with ingester(path, server.url) as process:
            begun = perf_counter()
            while state_of_ingest(path) != "live":
                if perf_counter() - begun > 60.0:
                    raise Late("the ingester does not begin")
                await asyncio.sleep(0.1)
            made = Stage(path, nodes, server, process)
            try:
                yield made
            finally:
                made.close()


@asynccontextmanager
async def opened(made: Stage, size: tuple[int, int] = WIDE) -> AsyncIterator[Terminal]:
    """A terminal that shows the run, after all events are stored."""
    await made.drained()
    async with treetop(made.path, size=size) as terminal:
        await terminal.until(terminal.shows_runs)
        await terminal.rest()
        await terminal.act("enter", terminal.shows_tree)
        await terminal.rest()
        yield terminal


async def measure_keys(made: Stage, figures: Figures, updates: float, creates: float, seconds: float) -> None:
    """Delay of keys in the tree while events arrive, and without events."""
    size, name = made.nodes, f"live {updates + creates:,.0f}/s"
    async with opened(made) as terminal:
        cursor = await Cursor.find(terminal)
        await terminal.rest()
        idle = await cursor.moves(max(seconds / 2, 3.0))
        figures.spread(f"{name}: key, idle", idle, size=size, tail=True)
        line = cursor.line
        async with made.load(updates, creates, seconds + 3.0) as rate:
            await asyncio.sleep(2.0)
            terminal.process.mark()
            made.ingest.mark()
            written, stored, begun = terminal.written, made.stored(), perf_counter()
            try:
                busy = await cursor.moves(seconds)
            except Late:
                busy = []
            processor, ingesting, spent = terminal.process.load, made.ingest.load, perf_counter() - begun
            written, stored = terminal.written - written, made.stored() - stored
        figures.spread(f"{name}: key, live", busy, size=size, tail=True)
        for part in (0.5, 0.99):
            ratio = percentile(busy, part) / percentile(idle, part) if busy else None
            figures.add(f"{name}: p{part * 100:.0f} live / idle", ratio, "times", size=size)
        figures.add(f"{name}: processor, screen", processor, "%", size=size)
        figures.add(f"{name}: processor, ingester", ingesting, "%", size=size)
        figures.add(f"{name}: offered", rate[0], "events/s", size=size)
        figures.add(f"{name}: stored", stored / spent, "events/s", size=size)
        figures.add(f"{name}: written", written / spent / 1000, "kB/s", size=size)
        await asyncio.sleep(1.0)
        stays = number_in(line) == number_in(cursor.line) or len(busy) % 2 == 1
        figures.add(f"{name}: cursor stays on its node", float(stays), "1: yes", size=size)


def number_in(line: str) -> str:
    """The number of the node in a row."""
    found = re.search(r"T\d{6}", line)
    return found[0] if found else ""


async def measure_reach(made: Stage, figures: Figures, rate: float, seconds: float) -> None:
    """Time from before the XADD of an event until the terminal shows it, at a rate of other events."""
    size, name, luck = made.nodes, f"reach at {rate:,.0f}/s", Random(5)
    found, lost = list[float](), 0
    async with opened(made) as terminal, made.load(rate * 5 / 6, rate / 6, seconds + 2.0) as offered:
        await asyncio.sleep(1.5)
        begun = perf_counter()
        while perf_counter() - begun < seconds:
            await asyncio.sleep(luck.uniform(0.03, 0.1))
            try:
                found.append(await reach(made, terminal))
            except Late:
                lost += 1
    figures.spread(name, found, size=size, tail=True)
    if lost:
        figures.add(f"{name}: not there after {LATEST:.0f} s", lost, "events", size=size)
    figures.add(f"{name}: offered", offered[0], "events/s", size=size)


async def reach(made: Stage, surface: Surface) -> float:
    """Milliseconds for one event."""
    before = perf_counter()
    looks = made.probe()
    return (await surface.until(shown(surface, looks), LATEST) - before) * 1000


def shown(surface: Surface, looks: str) -> Callable[[], bool]:
    """Whether the tree shows the probed node with this glyph."""
    label = f"T{PROBED:06d}"

    def condition() -> bool:
        row = next((row for row in surface.tree_rows() if label in row), "")
        return looks in row.partition(label)[0]

    return condition


async def measure_change(made: Stage, figures: Figures, times: int) -> None:
    """Bytes for one changed row, and for a whole screen."""
    for size in (WIDE, (80, 24)):
        async with opened(made, size) as terminal:
            await reach(made, terminal)
            rows = list[float]()
            for _ in range(times):
                await asyncio.sleep(0.4)
                before = terminal.written
                await reach(made, terminal)
                await asyncio.sleep(0.05)
                rows.append(float(terminal.written - before))
            before = terminal.written
            await terminal.settle("ctrl+l")
            whole = terminal.written - before
            figures.add("quiet: one row changed", median(rows), "bytes", size=made.nodes, where=where(size))
            figures.add("quiet: screen drawn again", whole, "bytes", size=made.nodes, where=where(size))
