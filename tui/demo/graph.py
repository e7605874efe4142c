"""The nodes of the simulated engine: their life cycle (section 3 of the event reference), and which node is next.

A real engine finds its next node by a breadth-first walk from the root through all nodes that are DOING, and takes the
first actionable node. The agenda is a heap in the order of that walk, so it finds the same node without the walk.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Literal

from tui.demo.plan import Task, resolve, topological

NodeType = Literal["PLAN_NODE", "EXECUTE_NODE"]

LIFE: dict[tuple[NodeType, str], tuple[str, str]] = {
    ("PLAN_NODE", "NEED_UPDATE"): ("update", "READY"),
    ("PLAN_NODE", "READY"): ("plan", "PLAN_DONE"),
    ("PLAN_NODE", "PLAN_DONE"): ("prior_reflect", "DOING"),
    ("PLAN_NODE", "FINAL_TO_FINISH"): ("final_aggregate", "NEED_POST_REFLECT"),
    ("PLAN_NODE", "NEED_POST_REFLECT"): ("planning_post_reflect", "FINISH"),
    ("EXECUTE_NODE", "READY"): ("execute", "NEED_POST_REFLECT"),
    ("EXECUTE_NODE", "NEED_POST_REFLECT"): ("execute_post_reflect", "FINISH"),
}
"""By node type and status: the action of the next step, and the status after it."""


@dataclass(slots=True, eq=False)
class Node:
    """One task in the run, with its state in the engine."""

    node_id: str
    task: Task
    kind: NodeType
    layer: int
    outer: Node | None
    place: int = 0
    """Index in the topological order of its graph."""
    status: str = "NOT_READY"
    waiting: int = 0
    """Number of unfinished prerequisites."""
    depends: bool = False
    """Whether it has prerequisites."""
    unfinished: int = 0
    """Number of unfinished inner nodes."""
    inner: list[Node] = field(default_factory=list)
    """The nodes of its plan in topological order; empty after aggregation."""
    dependents: list[Node] = field(default_factory=list)
    """Dependents, in topological order."""
    result: dict[str, object] = field(default_factory=dict)

    def __lt__(self, other: Node) -> bool:
        """Whether this node comes before the other in a breadth-first walk from the root.

        Order: by layer; within a layer by the order of the parents; within a graph by topological order.
        """
        if self.layer != other.layer:
            return self.layer < other.layer
        mine, theirs = self, other
        while mine.outer is not theirs.outer and mine.outer and theirs.outer:
            mine, theirs = mine.outer, theirs.outer
        return mine.place < theirs.place

    @property
    def actionable(self) -> bool:
        """Whether the next step may be of this node."""
        return (self.kind, self.status) in LIFE


Edge = tuple[Node, Node]
"""A dependency within a graph: prerequisite, dependent."""


def connect(owner: Node, nodes: list[Node]) -> list[Edge]:
    """Make `nodes`, in plan order, the inner graph of `owner`; returns its edges in the order of their events."""
    parents = resolve([node.task for node in nodes])
    order = topological(parents)
    owner.inner = [nodes[index] for index in order]
    owner.unfinished = len(nodes)
    for place, index in enumerate(order):
        node = nodes[index]
        node.place, node.waiting, node.depends = place, len(parents[index]), bool(parents[index])
        for parent in parents[index]:
            nodes[parent].dependents.append(node)
    return [(nodes[parent], node) for node, found in zip(nodes, parents, strict=True) for parent in found]


class Agenda:
    """The actionable nodes of one item, in the order of the engine's walk."""

    def __init__(self, root: Node) -> None:
        self._heap = [root]

    def __bool__(self) -> bool:
        return bool(self._heap)

    @property
    def first(self) -> Node:
        """The node of the next step."""
        return self._heap[0]

    def advance(self, node: Node, status: str) -> Iterator[tuple[Node, str, str]]:
        """Set the status of the first node after its step; yields (node, old, new) for each other node that changes."""
        assert node is self._heap[0], "a step belongs to the first node of the agenda"
        node.status = status
        if not node.actionable:
            heappop(self._heap)
        for other, new in self._examined(node):
            old, other.status = other.status, new
            heappush(self._heap, other)
            yield other, old, new

    def _examined(self, node: Node) -> Iterator[tuple[Node, str]]:
        """Nodes that become actionable by the new status of a node, with their status: inner nodes, dependents, parent."""
        if node.status == "DOING":
            yield from ((inner, "READY") for inner in node.inner if not inner.waiting)
        if node.status != "FINISH":
            return
        for sibling in node.dependents:
            sibling.waiting -= 1
            if not sibling.waiting:
                yield sibling, "NEED_UPDATE"
        if node.outer:
            node.outer.unfinished -= 1
            if not node.outer.unfinished:
                yield node.outer, "FINAL_TO_FINISH"
