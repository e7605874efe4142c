"""`python -m tui.demo.publisher`: publishes simulated runs to a Redis stream, one after the other, in real time.

Each run has another seed. The process ends at the end of its standard input.
"""

import os
import sys
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count, islice

import msgspec
import redis

from tui.demo import Scenario, simulate

FIELD = "json_payload"
"""Field of a stream entry that contains the event."""

STREAM_MAX_ENTRIES = 10_000
"""Approximate number of entries after which Redis trims the stream: the limit of real publishers."""

PAUSE_S = 8.0
"""Seconds between two runs."""


def publish(client: "redis.Redis", stream: str, scenario: Scenario, skip: int, stop: threading.Event) -> None:
    """Publish a run except its first `skip` events, each at the time of its timestamp. Returns early if `stop` is set."""
    begun = scenario.start.replace(tzinfo=UTC).timestamp()
    for published in islice(simulate(scenario), skip, None):
        if stop.wait(max(begun + published.offset - time.time(), 0.0)):
            return
        client.xadd(stream, {FIELD: published.body}, maxlen=STREAM_MAX_ENTRIES, approximate=True)


def main() -> None:
    """Arguments: path of the socket, stream, scenario as JSON, number of its events that are already published."""
    path, stream, skip = sys.argv[1], sys.argv[2], int(sys.argv[4])
    scenario = msgspec.json.decode(sys.argv[3], type=Scenario)
    stop = threading.Event()
    threading.Thread(target=_until_eof, args=(stop,), daemon=True).start()
    client = redis.Redis(unix_socket_path=path)
    publish(client, stream, scenario, skip, stop)
    for further in count(1):
        if stop.wait(PAUSE_S):
            return
        now = datetime.fromtimestamp(time.time(), UTC).replace(tzinfo=None)
        publish(client, stream, replace(scenario, seed=scenario.seed + further, start=now), 0, stop)


def _until_eof(stop: threading.Event) -> None:
    while os.read(0, 4096):
        pass
    stop.set()


if __name__ == "__main__":
    main()
