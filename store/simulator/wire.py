"""How simulated events are put on the wire: ids, the publisher's clock, the envelope, and what each cut leaves.

The rules are those of the emitters; section 1 of the event reference has the envelope and the context fields.
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
"""Emitters of 22 April 2025 (no run ids, no call ids), and of 25 April (everything)."""
Payload = dict[str, object]

PREVIEW = 200
SUMMARY = 500


@dataclass(frozen=True, slots=True)
class Published:
    """An event as an agent publishes it, and when: seconds since its run began, on the publisher's clock."""

    offset: float
    event: dict[str, object]

    @property
    def body(self) -> bytes:
        """Compact UTF-8 JSON, its keys in the order of the envelope: the value of ``json_payload``."""
        return msgspec.json.encode(self.event)


class Wire:
    """Stamps payloads with an id and the time.

    With a ``target`` it also keeps account of sizes, so that whoever writes the texts can steer the mean body towards
    that many bytes.
    """

    def __init__(self, rng: Random, start: datetime, generation: Generation, target: int | None) -> None:
        self.clock = 0
        """Microseconds since the run began."""
        self.run_id = self.uuid_of(rng) if generation == "G5" else None
        self._rng = rng
        self._start = start.replace(tzinfo=None)
        self._target = target
        self._balance = 0

    def event(self, event_type: str, payload: Payload, ctx: Mapping[str, object] | None = None) -> Published:
        """The next event; fields of ``ctx`` that the payload does not have are added to it."""
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
        """The publisher's clock: UTC, without saying so."""
        return self._start + timedelta(microseconds=self.clock)

    def spend(self, mean: float) -> None:
        """Let a time pass that is ``mean`` seconds on average: at least a third of it, at most two and a half times."""
        self.clock += int(1_000_000 * mean * min(2.5, 0.3 + self._rng.expovariate(1 / 0.7)))

    def since(self, clock: int) -> float:
        """Seconds from an earlier reading of the clock until now."""
        return (self.clock - clock) / 1_000_000

    def missing(self) -> int:
        """Bytes that the events so far and the next one lack to reach the target; negative if there are too many."""
        return self._balance + (self._target or 0)

    def uuid(self) -> str:
        """A random UUID of version 4."""
        return self.uuid_of(self._rng)

    @staticmethod
    def uuid_of(rng: Random) -> str:
        """The same from any generator."""
        digits = f"{rng.getrandbits(128):032x}"
        variant = "89ab"[int(digits[16], 16) & 3]
        return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


def cut(text: str, limit: int = SUMMARY) -> str:
    """A summary field: so many characters and three dots, whether or not anything was cut (trap 17)."""
    return f"{text[:limit]}..."


def result_summary(result: Mapping[str, object]) -> str:
    """The summary of a node's result: JSON with escapes, cut anywhere."""
    return cut(json.dumps(result)[:SUMMARY])
