"""The demo: a temporary file with recorded runs, and a simulated agent that publishes a live run."""

import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

from msgspec.json import encode

from store.database.arrival import FIELD, Pricing
from store.database.writer import Writer
from store.model.entry import Entry, StreamId
from store.stream.server import RedisServer
from tui.child import child_command
from tui.demo import Pace, Scenario, simulate

STREAM = "agent_events"
"""Name of the stream of the demo."""

HEAD = 60
"""Maximum number of events of the live run that are stored before the screen opens."""


HANGING_SEARCH = 11
"""Number of the search of the live run that hangs, about half a minute after the screen opened."""


def recorded(now: datetime, seed: int) -> list[Scenario]:
    """The recorded runs, oldest first: a large one, one whose steps overlap, two with failures, a finished one."""
    return [
        Scenario(seed=seed + 101, nodes=1_200, depth=5, topic="small-databases", start=now - timedelta(days=1, hours=19)),
        Scenario(
            seed=seed + 105,
            nodes=60,
            branches=8,
            items=2,
            ending="failing-branch",
            topic="night-trains",
            start=now - timedelta(hours=5),
        ),
        Scenario(seed=seed + 102, nodes=34, ending="failed", topic="battery-recycling", start=now - timedelta(hours=3)),
        Scenario(
            seed=seed + 103, nodes=48, ending="failing-branch", items=2, topic="heat-pumps", start=now - timedelta(hours=2)
        ),
        Scenario(seed=seed + 104, nodes=40, topic="lighthouse", start=now - timedelta(hours=1)),
    ]


def live(now: datetime, seed: int, nodes: int, speed: float) -> tuple[Scenario, int]:
    """The live run, and the number of its events that are published before `now`."""
    items = 2 if nodes >= 12 else 1
    scenario = Scenario(seed=seed, nodes=nodes, items=items, hangs_at=HANGING_SEARCH, pace=Pace().faster(speed))
    head = list(islice(simulate(scenario), min(HEAD, 2 * nodes)))
    return replace(scenario, start=now - timedelta(seconds=head[-1].offset)), len(head)


def record(path: Path, scenario: Scenario, events: int | None = None, pricing: Pricing | None = None) -> None:
    """Store a simulated run, or its first `events`, with its own times as times of arrival. `pricing`: as for `Writer`."""
    begun = scenario.start.replace(tzinfo=UTC).timestamp()
    entries = [
        Entry(StreamId(int((begun + published.offset) * 1000), number), {FIELD: published.body})
        for number, published in enumerate(islice(simulate(scenario), events))
    ]
    with Writer(path, pricing=pricing) as writer:
        for at in range(0, len(entries), 2_000):
            writer.append(entries[at : at + 2_000])


def run_demo(speed: float, seed: int, nodes: int, light: bool, ascii_only: bool, pricing: Pricing) -> int:
    """Run the demo; returns its exit code. Raises RedisError if there is no redis-server."""
    # Until the application handles these signals, they must raise an exception, so that temporary files are deleted.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda code, _: sys.exit(128 + code))
    with RedisServer() as server, tempfile.TemporaryDirectory(prefix="demo-", dir=server.folder) as folder:
        path = Path(folder) / "demo.db"
        for scenario in recorded(_now(), seed):
            record(path, scenario, pricing=pricing)
        scenario, head = live(_now(), seed, nodes, speed)
        record(path, scenario, head, pricing)  # the first picture of the list has the live run, and the cursor on it
        publisher = subprocess.Popen(
            child_command("tui.demo.publisher", str(server.socket), STREAM, encode(scenario).decode(), str(head)),
            stdin=subprocess.PIPE,
            start_new_session=True,
        )
        try:
            from tui.app import Treetop

            app = Treetop(path, server.url, [STREAM], light=light, ascii_only=ascii_only)
            app.run()
            return app.return_code or 0
        finally:
            publisher.kill()
            publisher.wait()


def _now() -> datetime:
    """The time in UTC without a time zone, as agents publish it."""
    return datetime.fromtimestamp(time.time(), UTC).replace(tzinfo=None)
