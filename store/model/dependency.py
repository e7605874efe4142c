"""Dependencies of a node: direct and transitive prerequisites and dependents. Imports networkx, so import it late."""

from collections.abc import Iterable

import networkx as nx
from msgspec import Struct

from store.model.state import EdgeKey


class Dependencies(Struct, frozen=True):
    """Ids of the nodes on which one node depends, and of those that depend on it, nearest first."""

    prerequisites: tuple[str, ...]
    """Direct prerequisites."""
    transitive_prerequisites: tuple[str, ...]
    """Prerequisites through other nodes, without the direct ones."""
    dependents: tuple[str, ...]
    """Direct dependents."""
    transitive_dependents: tuple[str, ...]
    """Dependents through other nodes, without the direct ones."""
    cycle: frozenset[str]
    """Nodes in a dependency cycle with this one. Empty unless the plan is faulty."""


class DependencyGraph:
    """The edges of a run as a graph."""

    def __init__(self, edges: Iterable[EdgeKey]) -> None:
        self._graph: nx.DiGraph[str] = nx.DiGraph()
        self._graph.add_edges_from((edge.parent, edge.child) for edge in edges)

    def around(self, node_id: str) -> Dependencies:
        """The dependencies of one node. All empty for a node without edges."""
        graph = self._graph
        if node_id not in graph:
            return Dependencies((), (), (), (), frozenset())
        reverse = graph.reverse(copy=False)
        prerequisites, dependents = tuple(reverse[node_id]), tuple(graph[node_id])
        before, after = _reachable(reverse, node_id), _reachable(graph, node_id)
        cycle = set(before) & set(after)
        if cycle or graph.has_edge(node_id, node_id):
            cycle.add(node_id)
        return Dependencies(
            prerequisites,
            tuple(found for found in before if found not in prerequisites),
            dependents,
            tuple(found for found in after if found not in dependents),
            frozenset(cycle),
        )


def _reachable(graph: "nx.DiGraph[str]", node_id: str) -> list[str]:
    """Ids of all nodes that can be reached from a node, nearest first."""
    return [child for _, child in nx.bfs_edges(graph, node_id)]
