"""What a node waits for, and what waits for it, through any number of edges. Pure; imports networkx, so import it late."""

from collections.abc import Iterable

import networkx as nx
from msgspec import Struct

from store.state import EdgeKey


class Dependencies(Struct, frozen=True):
    """Node ids around one node, nearest first. Direct ones are not repeated among those further away."""

    needs: tuple[str, ...]
    """It waits for these directly."""
    needs_further: tuple[str, ...]
    """These wait in turn for these."""
    feeds: tuple[str, ...]
    """They wait for it directly."""
    feeds_further: tuple[str, ...]
    circle: frozenset[str]
    """Nodes that wait for each other in a circle with this one; empty unless the planner made a mistake."""


class DependencyGraph:
    """The edges of a run as a graph."""

    def __init__(self, edges: Iterable[EdgeKey]) -> None:
        self._graph: nx.DiGraph[str] = nx.DiGraph()
        self._graph.add_edges_from((edge.parent, edge.child) for edge in edges)

    def around(self, node_id: str) -> Dependencies:
        """The dependencies of one node; all empty for a node without edges."""
        graph = self._graph
        if node_id not in graph:
            return Dependencies((), (), (), (), frozenset())
        back = graph.reverse(copy=False)
        needs, feeds = tuple(back[node_id]), tuple(graph[node_id])
        before, after = _reach(back, node_id), _reach(graph, node_id)
        circle = set(before) & set(after)
        if circle or graph.has_edge(node_id, node_id):
            circle.add(node_id)
        return Dependencies(
            needs,
            tuple(found for found in before if found not in needs),
            feeds,
            tuple(found for found in after if found not in feeds),
            frozenset(circle),
        )


def _reach(graph: "nx.DiGraph[str]", node_id: str) -> list[str]:
    """Everything that can be reached from a node, nearest first."""
    return [child for _, child in nx.bfs_edges(graph, node_id)]
