"""The critical path of a run: the longest chain of work in which each part has to wait for the one before it.

A task waits for its prerequisites. The tasks inside a task wait for its own work before they begin (planning), and its
other work waits for them (collecting results). No run of the same plan can take less time than its critical path, however
many of its tasks run at once.

Imports networkx, so import it late.
"""

from collections.abc import Iterable, Mapping

import networkx as nx
from msgspec import Struct

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
    """The critical path of a run or of a part of it, in seconds."""

    work: float
    """Work of all tasks."""
    length: float
    """Work on the critical path."""
    path: tuple[str, ...]
    """Ids of the tasks with work on the critical path, in order. A task with work before and after others occurs twice."""
    seconds: dict[str, float]
    """By task: its own work."""
    slack: dict[str, float]
    """By task: seconds by which its work can grow without making the critical path longer, to the microsecond. 0: it is on
    a critical path."""

    @property
    def width(self) -> float | None:
        """How many tasks could work at once on average; None if there is no work."""
        return self.work / self.length if self.length > 0 else None


_Point = tuple[str, str]
"""A node of the graph: the id of a task, and one of the points below. A task without tasks inside it has the first and last
only: most tasks of a large run, and a point takes a kilobyte."""

_START, _PLANNED, _JOINED, _END = "start", "planned", "joined", "end"


def critical_path(tasks: Iterable[TaskWork], edges: Iterable[EdgeKey]) -> CriticalPath:
    """The critical path of these tasks. Edges between other tasks are ignored, and so are those in a cycle."""
    by_id = {task.node_id: task for task in tasks}
    graph = _graph(by_id, edges)
    order = list(nx.topological_sort(graph))
    earliest: dict[_Point, float] = {}
    for point in order:
        earliest[point] = max(
            (earliest[other] + graph.edges[other, point]["work"] for other in graph.pred[point]), default=0.0
        )
    length = max(earliest.values(), default=0.0)
    latest: dict[_Point, float] = {}
    for point in reversed(order):
        latest[point] = min(
            (latest[other] - graph.edges[point, other]["work"] for other in graph.succ[point]), default=length
        )
    seconds = {node_id: task.before + task.after for node_id, task in by_id.items()}
    slack = {
        node_id: _rounded(
            min(
                latest[node_id, _PLANNED] - earliest[node_id, _START] - task.before,
                latest[node_id, _END] - earliest[node_id, _JOINED] - task.after,
            )
            if (node_id, _PLANNED) in earliest
            else latest[node_id, _END] - earliest[node_id, _START] - seconds[node_id]
        )
        for node_id, task in by_id.items()
    }
    return CriticalPath(sum(seconds.values()), length, _path(graph, earliest), seconds, slack)


def _rounded(seconds: float) -> float:
    """Seconds without rounding errors, to the microsecond."""
    return max(round(seconds, 6), 0.0)


def _graph(tasks: Mapping[str, TaskWork], edges: Iterable[EdgeKey]) -> "nx.DiGraph[_Point]":
    graph: nx.DiGraph[_Point] = nx.DiGraph()
    outer = {task.parent for task in tasks.values()}
    for node_id, task in tasks.items():
        if node_id in outer or task.after:
            graph.add_edge((node_id, _START), (node_id, _PLANNED), work=task.before)
            graph.add_edge((node_id, _PLANNED), (node_id, _JOINED), work=0.0)
            graph.add_edge((node_id, _JOINED), (node_id, _END), work=task.after)
        else:
            graph.add_edge((node_id, _START), (node_id, _END), work=task.before)
        if task.parent in tasks:
            graph.add_edge((task.parent, _PLANNED), (node_id, _START), work=0.0)
            graph.add_edge((node_id, _END), (task.parent, _JOINED), work=0.0)
    for edge in edges:
        if edge.parent in tasks and edge.child in tasks and edge.parent != edge.child:
            graph.add_edge((edge.parent, _END), (edge.child, _START), work=0.0)
    for cycle in [component for component in nx.strongly_connected_components(graph) if len(component) > 1]:
        inner = graph.subgraph(cycle).edges
        graph.remove_edges_from([(one, other) for one, other in inner if one[1] == _END and other[1] == _START])
    return graph


def _path(graph: "nx.DiGraph[_Point]", earliest: Mapping[_Point, float]) -> tuple[str, ...]:
    """Ids of the tasks with work on the longest chain, from its last point back to its first."""
    if not earliest:
        return ()
    found, point = list[str](), max(earliest, key=earliest.__getitem__)
    while before := graph.pred[point]:
        last = max(before, key=lambda other: earliest[other] + graph.edges[other, point]["work"])
        if graph.edges[last, point]["work"] > 0:
            found.append(point[0])
        point = last
    return tuple(reversed(found))
