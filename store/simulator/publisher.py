"""Publishes simulated runs to a Redis stream as a real agent would, at the pace of its clock.

Run as `python -m store.simulator.publisher`. One run follows the other, each with another seed.
Ends when its standard input does.
"""

import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count

import redis

from store.simulator import Published, Scenario, simulate

FIELD = "json_payload"
MAXLEN = 10_000
"""About how many entries the stream keeps, as the real publishers have it."""

PAUSE = 8.0
"""Seconds of rest between two runs."""


def live(scenario: Scenario, speed: float) -> Iterator[tuple[float, Published]]:
    """The events of a run that begins now, so many times faster than real, each with the moment when it is due.

    Timestamps tell the time at which an event is published; durations inside stay as the simulated agent measured them.
    """
    begun = time.time()
    for published in simulate(scenario):
        due = begun + published.offset / speed
        stamp = datetime.fromtimestamp(due, UTC).replace(tzinfo=None).isoformat() + "Z"
        yield due, Published(published.offset, {**published.event, "timestamp": stamp})


def publish(client: "redis.Redis", stream: str, scenario: Scenario, speed: float, stop: threading.Event) -> None:
    """Publish one run; returns early when told to stop."""
    for due, published in live(scenario, speed):
        if stop.wait(max(due - time.time(), 0.0)):
            return
        client.xadd(stream, {FIELD: published.body}, maxlen=MAXLEN, approximate=True)


def main() -> None:
    """Arguments: address of the socket, stream, speed, and a scenario as JSON."""
    path, stream, speed, scenario = sys.argv[1], sys.argv[2], float(sys.argv[3]), Scenario(**json.loads(sys.argv[4]))
    stop = threading.Event()
    threading.Thread(target=_until_eof, args=(stop,), daemon=True).start()
    client = redis.Redis(unix_socket_path=path)
    for further in count():
        publish(client, stream, replace(scenario, seed=scenario.seed + further), speed, stop)
        if stop.wait(PAUSE):
            return


def _until_eof(stop: threading.Event) -> None:
    while os.read(0, 4096):
        pass
    stop.set()


if __name__ == "__main__":
    main()
