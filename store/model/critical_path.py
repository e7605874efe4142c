"""The critical path of a run: the longest chain of work in which each part has to wait for the one before it. Pure.

A task waits for its prerequisites. The tasks inside a task wait for its own work before them (planning), and its other work
waits for them (collecting results). No run of the same plan can take less time than its critical path, however many of its
tasks run at once.

Tasks have numbers, and their figures are in arrays: 100,000 tasks take some 20 MB. Imports networkx if dependencies form a
cycle.
"""

from array import array
from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct

from store.model.number_lists import NumberLists

_POINTS = 4
_START, _PLANNED, _JOINED, _END = range(_POINTS)
"""The points in time of a task: its point `x` has the number `_POINTS * task + x`. The work before the tasks inside it lies
between _START and _PLANNED, the other work between _JOINED and _END. A task with neither has _START and _END only."""


class CriticalPath(Struct, frozen=True):
    """The critical path of numbered tasks, in seconds."""

    work: float = 0.0
    """Work of all tasks."""
    length: float = 0.0
    """Work on the critical path."""
    path: Sequence[int] = ()
    """Tasks with work on the critical path, in order. A task with work before and after others occurs twice."""
    seconds: Sequence[float] = ()
    """By task: its own work."""
    slack: Sequence[float] = ()
    """By task: seconds by which its work can grow without making the critical path longer, to the microsecond. 0: it is on
    a critical path."""

    @property
    def width(self) -> float | None:
        """How many tasks could work at once on average; None if there is no work."""
        return self.work / self.length if self.length > 0 else None


def critical_path(
    parents: Sequence[int], before: Sequence[float], after: Sequence[float], dependencies: Iterable[tuple[int, int]]
) -> CriticalPath:
    """The critical path of tasks numbered from 0.

    `parents`: the task around each task, -1 for none. `before`, `after`: its work before the tasks inside it began, and the
    rest.
    `dependencies`: prerequisites and their dependents. Those in a cycle are ignored.
    """
    kept = [pair for pair in dependencies if pair[0] != pair[1]]
    graph = _Graph(parents, before, after, kept)
    order = graph.sorted()
    if len(order) < graph.used:
        kept = graph.outside_cycles(kept, order)
        graph = _Graph(parents, before, after, kept)
        order = graph.sorted()
    earliest, last_waited_for = graph.earliest(order)
    length = max((earliest[point] for point in order), default=0.0)
    latest = graph.latest(order, length)
    end = max(order, key=earliest.__getitem__, default=-1)
    return CriticalPath(
        work=sum(before) + sum(after),
        length=length,
        path=_path(end, earliest, last_waited_for),
        seconds=array("d", (one + other for one, other in zip(before, after, strict=True))),
        slack=array("d", (graph.slack(task, earliest, latest) for task in range(len(parents)))),
    )


def _path(point: int, earliest: Sequence[float], last_waited_for: Sequence[int]) -> Sequence[int]:
    """Tasks with work on the chain that ends at a point."""
    found = array("q")
    while point >= 0 and (last := last_waited_for[point]) >= 0:
        if earliest[point] > earliest[last]:
            found.append(point // _POINTS)
        point = last
    found.reverse()
    return found


class _Graph:
    """The points of tasks, and the work between a point and those that wait for it."""

    def __init__(
        self,
        parents: Sequence[int],
        before: Sequence[float],
        after: Sequence[float],
        dependencies: Sequence[tuple[int, int]],
    ) -> None:
        tasks = len(parents)
        self._before = before
        self._after = after
        self._inside = NumberLists(tasks, parents, range(tasks))
        self._dependents = NumberLists(tasks, [pair[0] for pair in dependencies], [pair[1] for pair in dependencies])
        self._parents = parents
        self._firsts = array("q", [0])
        """By point: index of its first arrow."""
        self._targets = array("q")
        """By arrow: the point that waits."""
        self._works = array("d")
        """By arrow: seconds of work in between."""
        self.used = 0
        """Number of points that are used."""
        for task in range(tasks):
            self._add(task)

    def _add(self, task: int) -> None:
        """Add the arrows from the points of a task."""
        first, inside, arrows = task * _POINTS, self._inside[task], list[list[tuple[int, float]]]()
        divided = self._is_divided(task)
        arrows.append([(first + (_PLANNED if divided else _END), self._before[task])])
        arrows.append([(first + _JOINED, 0.0), *((inner * _POINTS + _START, 0.0) for inner in inside)] if divided else [])
        arrows.append([(first + _END, self._after[task])] if divided else [])
        arrows.append([(dependent * _POINTS + _START, 0.0) for dependent in self._dependents[task]])
        if self._parents[task] >= 0:
            arrows[_END].append((self._parents[task] * _POINTS + _JOINED, 0.0))
        for group in arrows:
            for target, work in group:
                self._targets.append(target)
                self._works.append(work)
            self._firsts.append(len(self._targets))
        self.used += _POINTS if divided else 2

    def _is_divided(self, task: int) -> bool:
        """Whether the task has the points between its work before and after the tasks inside it."""
        return bool(self._after[task]) or bool(self._inside[task])

    def _points(self) -> Iterator[int]:
        """The points of all tasks that are used."""
        for point in range(len(self._firsts) - 1):
            if point % _POINTS in (_START, _END) or self._firsts[point] < self._firsts[point + 1]:
                yield point

    def sorted(self) -> Sequence[int]:
        """The points in use, each after those that it waits for. Those in a cycle, or after one, are left out."""
        firsts, targets = self._firsts, self._targets
        waiting = array("q", bytes(8 * (len(firsts) - 1)))
        for target in targets:
            waiting[target] += 1
        order = array("q", (point for point in self._points() if not waiting[point]))
        for point in order:  # grows during the loop
            for target in targets[firsts[point] : firsts[point + 1]]:
                waiting[target] -= 1
                if not waiting[target]:
                    order.append(target)
        return order

    def earliest(self, order: Sequence[int]) -> tuple[Sequence[float], Sequence[int]]:
        """By point: the work on the longest chain up to it, and the point before it in that chain, -1 for none."""
        firsts, targets, works = self._firsts, self._targets, self._works
        found = array("d", bytes(8 * (len(firsts) - 1)))
        before = array("q", [-1]) * (len(firsts) - 1)
        for point in order:
            here = found[point]
            for arrow in range(firsts[point], firsts[point + 1]):
                target, there = targets[arrow], here + works[arrow]
                if there > found[target] or before[target] < 0:
                    found[target], before[target] = there, point
        return found, before

    def latest(self, order: Sequence[int], length: float) -> Sequence[float]:
        """By point: the most work up to it that leaves the longest chain as long as it is."""
        firsts, targets, works = self._firsts, self._targets, self._works
        found = array("d", [length]) * (len(firsts) - 1)
        for point in reversed(order):
            for arrow in range(firsts[point], firsts[point + 1]):
                there = found[targets[arrow]] - works[arrow]
                if there < found[point]:
                    found[point] = there
        return found

    def slack(self, task: int, earliest: Sequence[float], latest: Sequence[float]) -> float:
        """Seconds by which the work of a task can grow, to the microsecond, which removes rounding errors."""
        first, before, after = task * _POINTS, self._before[task], self._after[task]
        if self._is_divided(task):
            planned = latest[first + _PLANNED] - earliest[first] - before
            found = min(planned, latest[first + _END] - earliest[first + _JOINED] - after)
        else:
            found = latest[first + _END] - earliest[first] - before
        return max(round(found, 6), 0.0)

    def outside_cycles(self, dependencies: Iterable[tuple[int, int]], order: Sequence[int]) -> list[tuple[int, int]]:
        """The dependencies that are in no cycle. `order`: all points before the cycles."""
        import networkx as nx  # takes long to import, and hardly any run has a cycle

        before, graph = set(order), nx.DiGraph()
        for point in self._points():
            if point not in before:
                targets = self._targets[self._firsts[point] : self._firsts[point + 1]]
                graph.add_edges_from((point, target) for target in targets)
        cycles = enumerate(nx.strongly_connected_components(graph))
        cycle_of = {point: number for number, cycle in cycles for point in cycle}

        def is_outside(prerequisite: int, dependent: int) -> bool:
            cycle = cycle_of.get(prerequisite * _POINTS + _END)
            return cycle is None or cycle != cycle_of.get(dependent * _POINTS + _START)

        return [pair for pair in dependencies if is_outside(*pair)]
