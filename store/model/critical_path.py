"""The critical path of a run: the longest chain of work in which each part has to wait for the one before it.

A task waits for its prerequisites. The tasks inside a task wait for its own work before they begin (planning), and its
other work waits for them (collecting results). No run of the same plan can take less time than its critical path, however
many of its tasks run at once.

Here tasks have ids; see `longest_path` for tasks with numbers.
"""

from collections.abc import Iterable

from msgspec import Struct

from store.model.longest_path import longest_path
from store.model.state import EdgeKey


class TaskWork(Struct, frozen=True):
    """The own work of a task, in seconds: its steps without the time in which a task inside it has a step."""

    node_id: str
    parent: str | None
    """Id of the task that contains it."""
    before: float = 0.0
    """Work before the tasks inside it began. All of its work, if there are none."""
    after: float = 0.0
    """The rest of its work."""


class CriticalPath(Struct, frozen=True):
    """The critical path of a run or of a part of it, in seconds. Like `LongestPath`, with ids."""

    work: float
    length: float
    path: tuple[str, ...]
    seconds: dict[str, float]
    slack: dict[str, float]

    @property
    def width(self) -> float | None:
        """How many tasks could work at once on average; None if there is no work."""
        return self.work / self.length if self.length > 0 else None


def critical_path(tasks: Iterable[TaskWork], edges: Iterable[EdgeKey]) -> CriticalPath:
    """The critical path of these tasks. Edges between other tasks are ignored, and so are those in a cycle."""
    listed = list(tasks)
    numbers = {task.node_id: number for number, task in enumerate(listed)}
    found = longest_path(
        [-1 if task.parent is None else numbers.get(task.parent, -1) for task in listed],
        [task.before for task in listed],
        [task.after for task in listed],
        [(numbers[edge.parent], numbers[edge.child]) for edge in edges if {edge.parent, edge.child} <= numbers.keys()],
    )
    ids = [task.node_id for task in listed]
    return CriticalPath(
        found.work,
        found.length,
        tuple(ids[number] for number in found.path),
        dict(zip(ids, found.seconds, strict=True)),
        dict(zip(ids, found.slack, strict=True)),
    )
