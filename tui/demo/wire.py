"""The envelope of simulated events: ids, timestamps of the publisher's clock, context fields and truncated summaries.

The format is that of real emitters: section 1 of the event reference.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Literal

import msgspec

Generation = Literal["G2", "G5"]
"""Version of the emitter: G2 (22 April 2025) publishes no run events, run ids, call ids or tokens; G5 (25 April) does."""

Payload = dict[str, object]

PREVIEW = 200
"""Characters of the preview of a prompt."""

SUMMARY = 500
"""Characters of the summary of a result."""


@dataclass(frozen=True, slots=True)
class Published:
    """A published event."""

    offset: float
    """Seconds since the start of the run, on the publisher's clock."""
    event: dict[str, object]

    @property
    def body(self) -> bytes:
        """The value of `json_payload`: compact UTF-8 JSON with keys in the order of the envelope."""
        return msgspec.json.encode(self.event)


class Wire:
    """Makes events from payloads: adds ids, timestamps and context.

    `target`: mean size of a body in bytes. `missing` is then the number of bytes that the next text should have.
    """

    def __init__(self, rng: Random, start: datetime, generation: Generation, target: int | None) -> None:
        self.clock = 0
        """Microseconds since the start of the run."""
        self.run_id = self.uuid_of(rng) if generation == "G5" else None
        self._rng = rng
        self._start = start.replace(tzinfo=None)
        self._target = target
        self._balance = 0

    def event(self, event_type: str, payload: Payload, ctx: Mapping[str, object] | None = None) -> Published:
        """The next event. Fields of `ctx` that the payload does not have are added to it."""
        for name, value in (ctx or {}).items():
            payload.setdefault(name, value)
        self.clock += 150 + int(900 * self._rng.random())
        published = Published(
            self.clock / 1_000_000,
            {
                "event_id": self.uuid(),
                "timestamp": f"{self.now().isoformat()}Z",
                "event_type": event_type,
                "payload": payload,
                "run_id": self.run_id,
            },
        )
        if self._target is not None:
            self._balance += self._target - len(published.body)
        return published

    def now(self) -> datetime:
        """The time of the publisher's clock, in UTC without a time zone."""
        return self._start + timedelta(microseconds=self.clock)

    def spend(self, mean: float) -> None:
        """Advance the clock by a duration of `mean` seconds on average."""
        self.clock += self.duration(mean)

    def duration(self, mean: float) -> int:
        """Microseconds of a duration of `mean` seconds on average, at least 0.3 and at most 2.5 times `mean`."""
        return int(1_000_000 * mean * min(2.5, 0.3 + self._rng.expovariate(1 / 0.7)))

    def since(self, clock: int) -> float:
        """Seconds since an earlier value of `clock`."""
        return (self.clock - clock) / 1_000_000

    def missing(self) -> int:
        """Bytes that the next event needs for the mean of all events to reach the target; may be negative."""
        return self._balance + (self._target or 0)

    def uuid(self) -> str:
        """A random UUID of version 4."""
        return self.uuid_of(self._rng)

    @staticmethod
    def uuid_of(rng: Random) -> str:
        """A random UUID of version 4 from a given generator."""
        digits = f"{rng.getrandbits(128):032x}"
        variant = "89ab"[int(digits[16], 16) & 3]
        return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


def cut(text: str, limit: int = SUMMARY) -> str:
    """The first `limit` characters and three dots. Emitters append the dots to short texts too (trap 17)."""
    return f"{text[:limit]}..."


def result_summary(result: Mapping[str, object]) -> str:
    """The summary of a node's result: escaped JSON, truncated at any character."""
    return cut(json.dumps(result)[:SUMMARY])
