"""Parameters of a simulated run: size, ending, generation, topic, length of texts and speed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from tui.demo.wire import Generation

Ending = Literal["finished", "failing-branch", "failed", "killed"]
"""How a run ends.

`finished`: every node finishes.

`failing-branch`: a model call fails and is repeated, searches fail, and the middle item aborts inside a step without an
event. The other items finish, and the run publishes run_finished (trap 11).

`failed`: the middle item aborts in the same way, and the run ends with run_error.

`killed`: the events stop inside a call.
"""


@dataclass(frozen=True, slots=True)
class Pace:
    """Mean durations, in seconds."""

    llm: float = 6.0
    search: float = 2.5
    reflect: float = 0.03
    """Action without a call."""
    gap: float = 0.12
    """Time between two steps, in which the engine saves its state."""
    hang: float = 330.0
    """Exact duration of a search that hangs."""

    def faster(self, speed: float) -> Pace:
        """The pace of an agent that is `speed` times as fast."""
        return Pace(self.llm / speed, self.search / speed, self.reflect / speed, self.gap / speed, self.hang / speed)


@dataclass(frozen=True, slots=True)
class Scenario:
    """Parameters of a simulated run."""

    seed: int = 0
    nodes: int = 40
    """Nodes of a finished run, within three per item; at least three per item."""
    start: datetime = datetime(2025, 4, 28, 8, 30)
    """Start of the run, in UTC."""
    items: int = 1
    """Input items. Each has a root of its own, and its steps are numbered from 0."""
    ending: Ending = "finished"
    generation: Generation = "G5"
    topic: str | None = None
    """Key of `topic.TOPICS`; None: selected by the seed."""
    text_bytes: int | None = None
    """Mean size of a body in bytes, reached by the length of prompts and responses. The minimum is about 600."""
    depth: int = 4
    """Deepest layer of a node, at least 2. Plans of ordinary width have about 100 nodes at depth 3, 1,000 at 4, 7,000 at 5
    and 50,000 at 6; more nodes make the plans wider."""
    branches: int = 0
    """Branches of an agent whose steps overlap, 2 to 16. All items begin at once, and share them. 0: an agent with one step
    at a time. Runs with branches have the form of treetop's client; `generation` and `depth` are ignored."""
    hangs_at: int = 0
    """Number of the search that hangs, in a run without branches; 0: none."""
    pace: Pace = Pace()
    model: str = "gpt-4o-mini"
