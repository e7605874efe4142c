"""What to simulate: size, ending, generation, topic, sizes of text and speed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from store.simulator.wire import Generation

Ending = Literal["finished", "failing-branch", "failed", "killed"]


@dataclass(frozen=True, slots=True)
class Pace:
    """How long things take on average, in seconds."""

    llm: float = 6.0
    search: float = 2.5
    reflect: float = 0.03
    """Any action without a call."""
    gap: float = 0.12
    """Between two steps, when the engine saves its state."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """A run to be simulated; every field has a default."""

    seed: int = 0
    nodes: int = 40
    """Nodes that a finished run has at its end, give or take three per item, if that is at least three an item."""
    start: datetime = datetime(2025, 4, 28, 8, 30)
    """The publisher's clock when the run begins, in UTC."""
    items: int = 1
    """Input items. Each has a root of its own and counts its steps from 0."""
    ending: Ending = "finished"
    """``finished``: every node finishes.

    ``failing-branch``: a call to a model fails and is repeated, searches fail, and the middle item aborts inside a step
    without any event for it; the other items finish, and the run ends as if nothing had happened (trap 11).

    ``failed``: the same abort ends the run with an error. ``killed``: the events just stop, inside a call.
    """
    generation: Generation = "G5"
    topic: str | None = None
    """A key of ``topic.TOPICS``; by default the seed chooses."""
    text_bytes: int | None = None
    """Mean size of an event's body to aim for, by the length of prompts and responses. Ids, names and goals alone come
    to about 600 bytes: what is asked below that gives the shortest texts there are."""
    depth: int = 4
    """The deepest layer of a node, at least 2. Plans of ordinary width hold some 100 nodes at depth 3, 1,000 at 4, 7,000
    at 5 and 50,000 at 6; more nodes than that make the plans wider."""
    pace: Pace = Pace()
    model: str = "gpt-4o-mini"
