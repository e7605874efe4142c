"""Statistics and critical path of a run at one position, for scripts and screens. Reads all of its tasks and spans."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from math import inf

from msgspec import Struct

from store.database.whole_run import WholeRun
from store.model.critical_path import CriticalPath, TaskWork, critical_path
from store.model.span import Kind, Span
from store.model.statistics import Statistics, Task, statistics

Interval = tuple[float, float]
"""Beginning and end, in seconds since 1970."""


class Analysis(Struct, frozen=True):
    """What took the time of a run."""

    groups: Statistics
    path: CriticalPath
    names: dict[str, tuple[str | None, str | None]]
    """Planner's name and current goal of each task on the critical path, by id."""


async def analyse(whole: WholeRun, to: float) -> Analysis:
    """Statistics and critical path of a run. `to`: the time up to which open steps have worked. Raises FileError."""
    parents: dict[str, str | None] = {}
    names: dict[str, tuple[str | None, str | None]] = {}
    tasks: dict[str | None, Task] = {}
    async for node, depth, _ in whole.nodes():  # a whole node takes ten times the memory
        parents[node.node_id] = node.outer
        names[node.node_id] = node.nid, node.current_goal
        tasks[node.node_id] = Task(node.task_type, depth)
    spans = [span async for span in whole.spans()]
    path = critical_path(works(parents, spans, to), await whole.edges())
    names = {node_id: names[node_id] for node_id in path.path}
    return Analysis(statistics(spans, lambda node_id: tasks.get(node_id, Task())), path, names)


def works(parents: Mapping[str, str | None], spans: Iterable[Span], to: float) -> list[TaskWork]:
    """The own work of each task, divided at the first step of a task inside it.

    `parents`: the parent of each task, in the order of the tree.

    The time in which a task inside it has a step is not own work: the outer task waits for it.
    """
    steps: dict[str | None, list[Interval]] = {}
    for span in spans:
        if span.kind == Kind.STEP:
            steps.setdefault(span.node_id, []).append(_interval(span, to))
    inside: dict[str | None, list[Interval]] = {}
    """By task: the times in which tasks inside it have a step, ascending and disjoint."""
    found = []
    for node_id, parent in reversed(list(parents.items())):
        own, inner = merged(steps.get(node_id, ())), merged(inside.pop(node_id, ()))
        alone = without(own, inner)
        divide = inner[0][0] if inner else inf
        before = sum(end - start for start, end in alone if start < divide)
        after = sum(end - start for start, end in alone if start >= divide)
        found.append(TaskWork(node_id, parent, before, after))
        inside.setdefault(parent, []).extend(merged([*own, *inner]))
    return found[::-1]


def merged(intervals: Iterable[Interval]) -> list[Interval]:
    """The same times as disjoint intervals, ascending."""
    found: list[Interval] = []
    for start, end in sorted(intervals):
        if found and start <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], end)
        else:
            found.append((start, end))
    return found


def without(intervals: Iterable[Interval], others: Sequence[Interval]) -> list[Interval]:
    """The parts of intervals that lie in none of the others. Both are disjoint and ascending."""
    found, at = [], 0
    for start, end in intervals:
        while at < len(others) and others[at][1] <= start:
            at += 1
        for other_start, other_end in islice(others, at, None):
            if other_start >= end:
                break
            if start < other_start:
                found.append((start, other_start))
            start = max(start, other_end)
        if start < end:
            found.append((start, end))
    return found


def _interval(step: Span, to: float) -> Interval:
    """The time of a step. That of a step whose beginning is unknown ends with it."""
    seconds = max(_seconds(step, to), 0.0)
    start = step.since if step.started is not None else step.since - seconds
    return start, start + seconds


def _seconds(step: Span, to: float) -> float:
    if step.open:
        return to - step.since
    return step.lasted if step.ended is None else step.duration or 0.0
