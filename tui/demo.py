"""The shop window: recorded runs in a file of its own, and a simulated agent that publishes a new one live."""

import json
import signal
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from store.cursor import Entry
from store.events import StreamId
from store.redis_server import RedisServer
from store.simulator import Scenario, simulate
from store.writer import FIELD, Writer

STREAM = "agent_events"


def recorded(now: datetime, seed: int) -> list[Scenario]:
    """The runs that are there already, oldest first: a large one, a failed one, a finished one."""
    return [
        Scenario(seed=seed + 101, nodes=1_200, depth=5, topic="small-databases", start=now - timedelta(days=1, hours=19)),
        Scenario(seed=seed + 102, nodes=34, ending="failed", topic="battery-recycling", start=now - timedelta(hours=3)),
        Scenario(
            seed=seed + 103, nodes=48, ending="failing-branch", items=2, topic="heat-pumps", start=now - timedelta(hours=2)
        ),
        Scenario(seed=seed + 104, nodes=40, topic="lighthouse", start=now - timedelta(hours=1)),
    ]


def record(path: Path, scenario: Scenario) -> None:
    """Store a simulated run as if it had been ingested when it happened."""
    begun = scenario.start.replace(tzinfo=UTC).timestamp()
    entries = [
        Entry(StreamId(int((begun + published.offset) * 1000), number), {FIELD: published.body})
        for number, published in enumerate(simulate(scenario))
    ]
    with Writer(path) as writer:
        for at in range(0, len(entries), 2_000):
            writer.append(entries[at : at + 2_000])


def run_demo(speed: float, seed: int, nodes: int, light: bool, ascii_only: bool) -> int:
    """Run the demo; gives its exit code. Raises RedisError where there is no redis-server."""
    # Signals that come before the screen takes them over must not skip the cleaning up.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda code, _: sys.exit(128 + code))
    with RedisServer() as server, tempfile.TemporaryDirectory(prefix="demo-", dir=server.folder) as folder:
        path = Path(folder) / "demo.db"
        now = datetime.fromtimestamp(time.time(), UTC).replace(tzinfo=None)
        for scenario in recorded(now, seed):
            record(path, scenario)
        live = json.dumps({"seed": seed, "nodes": nodes, "ending": "failing-branch", "items": 2})
        publisher = subprocess.Popen(
            [sys.executable, "-m", "store.simulator.publisher", str(server.socket), STREAM, str(speed), live],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )
        try:
            from tui.app import Treetop

            app = Treetop(path, server.url, STREAM, light=light, ascii_only=ascii_only)
            app.run()
            return app.return_code or 0
        finally:
            publisher.kill()
            publisher.wait()
