"""The pace of readings that take long: each is followed by a rest, so that they take a small part of the time."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

READING_SHARE = 0.1
"""Part of the time that readings take, while the file changes all the time."""

REST_MIN_S = 1.0
"""Minimum time between two readings, in seconds."""


class Pace:
    """Measures readings. The first one, and those that the user asks for, need not wait."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._next_at: float | None = None
        """Time of the next reading; None: at once."""

    @property
    def wait_s(self) -> float:
        """Seconds until the next reading may begin."""
        return 0.0 if self._next_at is None else max(self._next_at - self._clock(), 0.0)

    def hurry(self) -> None:
        """Let the next reading begin at once."""
        self._next_at = None

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Measure a reading."""
        begun = self._clock()
        self._next_at = begun + REST_MIN_S
        try:
            yield
        finally:
            if self._next_at is not None:  # else the user asked for another one meanwhile
                ended = self._clock()
                self._next_at = ended + max(REST_MIN_S, (ended - begun) * (1 / READING_SHARE - 1))
