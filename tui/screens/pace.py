"""The pace of readings that take long: each is followed by a rest, so that they take a small part of the time."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from textual.timer import Timer

from tui.screens.fed import FedScreen

READING_SHARE = 0.1
"""Part of the time that readings take, while the file changes all the time."""

REST_MIN_S = 1.0
"""Minimum time between two readings, in seconds."""


class Pace:
    """The pace of a screen. Its first reading, and those that the user asks for, need not wait."""

    def __init__(self, screen: FedScreen, clock: Callable[[], float] = time.monotonic) -> None:
        self._screen = screen
        self._clock = clock
        self._next_at: float | None = None
        """Time of the next reading; None: at once."""
        self._timer: Timer | None = None

    def must_wait(self) -> bool:
        """Whether the next reading must wait. The screen is then read again when it is due."""
        wait = 0.0 if self._next_at is None else self._next_at - self._clock()
        if wait > 0 and self._timer is None:
            self._timer = self._screen.set_timer(wait, self._due)
        return wait > 0

    def _due(self) -> None:
        self._timer = None
        self._screen.news(self._screen.reader)

    def hurry(self) -> None:
        """Read again at once, because the user asked for something."""
        self._next_at = None
        self._screen.soon()

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Measure a reading."""
        begun = self._next_at = self._clock()
        try:
            yield
        finally:
            if self._next_at is not None:  # else the user asked for another one meanwhile
                ended = self._clock()
                self._next_at = ended + max(REST_MIN_S, (ended - begun) * (1 / READING_SHARE - 1))
