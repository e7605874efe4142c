"""The open steps beneath tasks. A step is in no sum until it ends, but the task above takes time meanwhile."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from store.model.state import Node
from tui.models.forest import Forest


class OpenWork(NamedTuple):
    """The work that is open beneath a node, the node itself excluded."""

    tasks: int = 0
    """Number of nodes at work."""
    seconds: float = 0.0
    """Seconds in their open steps so far."""


NO_WORK = OpenWork()


def running(node: Node, now: float) -> float:
    """Seconds in the open step of a node; 0.0 if there is none."""
    step = node.step
    return max(now - step.since, 0.0) if step is not None and step.open else 0.0


def open_work(forest: Forest, working: Iterable[int], nodes: Mapping[int, Node], now: float) -> dict[int, OpenWork]:
    """The open work beneath each node that has any. `working`: numbers of the nodes at work, which are in `nodes`.

    Costs the depths of the working nodes together, whatever the size of the forest.
    """
    found: dict[int, OpenWork] = {}
    for number in working:
        seconds = running(nodes[number], now)
        for above in forest.ancestors(number):
            tasks, before = found.get(above, NO_WORK)
            found[above] = OpenWork(tasks + 1, before + seconds)
    return found
