"""Digests that find the goal of a root in the input of a run."""

from contextlib import suppress
from typing import Any
from zlib import crc32

import msgspec
from msgspec import Struct

INPUT_TEXTS_MAX = 10_000
"""Texts of a run's input that are compared with goals."""


class _Input(Struct, frozen=True):
    input_data: Any = None


class _Started(Struct, frozen=True):
    payload: _Input


_started = msgspec.json.Decoder(_Started)


def goal_digest(goal: str) -> int:
    """Checksum that finds a goal among the texts of a run's input. Agents publish a newline in a goal as `;`."""
    return crc32(goal.strip().replace("\n", ";").encode("utf-8", "surrogatepass"))


def input_digests(body: bytes) -> frozenset[int]:
    """Digests of the texts in the input of a run_started, which contains the goal of each root."""
    found: set[int] = set()
    with suppress(ValueError, RecursionError, MemoryError):  # a malformed input contains no goals
        waiting = [_started.decode(body).payload.input_data]
        while waiting and len(found) < INPUT_TEXTS_MAX:
            value = waiting.pop()
            if isinstance(value, str):
                found.add(goal_digest(value))
            elif isinstance(value, dict):
                waiting += value.values()
            elif isinstance(value, list):
                waiting += value
    return frozenset(found)
