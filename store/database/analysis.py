"""Statistics and critical path of a run at one position, for scripts and screens. Reads all of its spans once."""

import asyncio
from bisect import bisect_left
from collections.abc import Iterable, Sequence

from msgspec import Struct

from store.database.moment import Moment
from store.database.statement import batched
from store.database.statistics_queries import Progress, StatisticsQueries
from store.model.critical_path import CriticalPath, critical_path
from store.model.record import PathTask
from store.model.shape import NO_PARENT
from store.model.span import Span
from store.model.statistics import Collector, Period, Statistics, Task
from store.model.work import Steps, depths, interval


class Analysis(Struct, frozen=True):
    """What took the time of a run, or of a task and everything beneath it."""

    groups: Statistics = {}
    path: CriticalPath = CriticalPath()
    """By the numbers of the tasks. In that of a subtree, other tasks have no work."""
    parents: Sequence[int] = ()
    """The parent of each task of the run, -1 for none."""


class Scope:
    """The tasks of a run at one position that are analysed, by number and by key."""

    def __init__(self, moment: Moment, parents: Sequence[int], within: Iterable[int] | None = None) -> None:
        """`parents`: the parent of each node at the position. `within`: numbers of the nodes; None: all of the run."""
        self.parents = parents
        self._keys = moment.shape.keys
        self._within: bytearray | None = None
        if within is not None:
            self._within = bytearray(len(self._keys) + 1)  # the last one is that of NO_PARENT
            for number in within:
                self._within[number] = 1

    def number(self, key: int | None) -> int:
        """The number of the node with a key; -1 if it is unknown."""
        return NO_PARENT if key is None else bisect_left(self._keys, key)

    def __contains__(self, number: object) -> bool:
        return isinstance(number, int) and (self._within is None or bool(self._within[number]))


async def analyse(moment: Moment, scope: Scope, to: float, progress: Progress = lambda part: None) -> Analysis:
    """Statistics and critical path. `to`: the time up to which open spans have lasted. Raises FileError, RunChanged."""
    queries, run = StatisticsQueries(moment.reader, moment.row.key), moment.run
    tasks = await task_facts(moment, scope.parents)
    period = Period(to if run.started is None else run.started, to)
    collector, steps = Collector(period), Steps()

    def visit(key: int | None, span: Span) -> None:
        number = scope.number(key)
        if number in scope:
            times = interval(span, to)
            collector.add(span, tasks[number], times)
            if number >= 0:
                steps.add(number, span, times)

    await queries.visit(run.events, visit, progress)
    dependencies = [(scope.number(one), scope.number(other)) for one, other in await queries.dependencies(run.events)]

    def result() -> Analysis:
        before, after = steps.own_work(scope.parents)
        return Analysis(collector.statistics(), critical_path(scope.parents, before, after, dependencies), scope.parents)

    return await asyncio.to_thread(result)


async def task_facts(moment: Moment, parents: Sequence[int]) -> list[Task]:
    """What the statistics need of each task at the position, by number; the last one stands for unknown tasks.

    The rows of nodes have the types of now. Those of nodes that were created, or created again, after a position in the
    past are read from its history.
    """
    queries = StatisticsQueries(moment.reader, moment.row.key)
    types = (await queries.task_types())[: len(parents)]
    if moment.position is not None and types:
        later = await queries.created_after(moment.position, moment.shape.keys[len(types) - 1])
        for number, node in (await moment.nodes(moment.shape.numbers(later))).items():
            types[number] = node.task_type

    def build() -> list[Task]:
        known: dict[tuple[str | None, int], Task] = {}
        return [known.get(fact) or known.setdefault(fact, Task(*fact)) for fact in zip(types, depths(parents), strict=True)]

    return [*await asyncio.to_thread(build), Task()]


async def path_tasks(moment: Moment, analysis: Analysis, limit: int | None = None) -> list[PathTask]:
    """The tasks on the critical path with the most work, each once, in the order of the path. `limit` None: all of them."""
    path = analysis.path
    numbers = list(dict.fromkeys(path.path))
    most = set(sorted(numbers, key=lambda number: -path.seconds[number])[:limit])
    found = []
    for part in batched(number for number in numbers if number in most):
        outers = {number: analysis.parents[number] for number in part}
        nodes = await moment.nodes({*part, *outers.values()} - {NO_PARENT})
        for number in part:
            node, outer = nodes[number], nodes.get(outers[number])
            nid = None if outer is None else outer.nid
            task = PathTask(number, node.node_id, path.seconds[number], node.nid, nid, node.current_goal)
            found.append(task)
    return found
