"""The length of the texts of simulated agents."""

from __future__ import annotations

from random import Random

from tui.demo.scenario import Scenario
from tui.demo.wire import Wire

CALL_EVENT_BYTES = 1200
"""Approximate bytes of an event of a call without its prose."""

PROSE_MAX = 25
"""Maximum length of the prose in one text, as a multiple of the scenario's mean size."""


class Length:
    """Draws lengths: a share of the bytes missing to the scenario's mean size, or else random."""

    def __init__(self, scenario: Scenario, wire: Wire) -> None:
        self._mean = scenario.text_bytes
        self._wire = wire
        self._rng = Random(f"{scenario.seed}/sizes")

    def __call__(self, share: float) -> int:
        """Bytes of prose of the next text. `share`: of the missing bytes."""
        if self._mean is not None:
            return int(min(share * (self._wire.missing() - CALL_EVENT_BYTES), PROSE_MAX * self._mean))
        return int(1800 * self._rng.random() ** 2)
