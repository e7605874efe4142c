"""Finding nodes in the order of the tree: the next one at work, with errors, of the same kind. Reads what that takes."""

from collections.abc import Iterable
from itertools import islice

from store.view import View
from tui.widgets.node_tree import NodeTree

STRETCH = 400
"""Nodes whose kind is read at once."""


class Finder:
    """Finds nodes from the one under the cursor on, going round at the end of the tree. All give None for none."""

    def __init__(self, view: View, tree: NodeTree) -> None:
        self._view = view
        self._tree = tree

    def _next_of(self, wanted: Iterable[int], step: int) -> int | None:
        among = set(wanted)
        return next((node for node in self._tree.following(step) if node in among), None) if among else None

    async def active(self) -> int | None:
        """The next node that is being worked on."""
        return self._next_of(await self._view.numbers(self._view.run.active), 1)

    async def troubled(self, step: int) -> int | None:
        """The next, or the previous, node with errors."""
        view = self._view
        position = view.end if view.position is None else view.position
        among = set(view.shape.numbers(await view.file.troubled(position)))
        while among:
            found = self._next_of(among, step)
            node = None if found is None else (await view.nodes([found])).get(found)
            if node is not None and (node.errors or node.aborted):
                return found
            if found is None:
                break
            among.discard(found)  # a step that was called aborted was only late
        return None

    async def alike(self, step: int) -> int | None:
        """The next, or the previous, node of the same type with the same type of task."""
        view, selected = self._view, self._tree.selected
        if selected is None:
            return None
        keys = view.shape.keys
        kind = (await view.file.kinds([keys[selected]])).get(keys[selected])
        nodes = self._tree.following(step)
        while part := list(islice(nodes, STRETCH)):
            kinds = await view.file.kinds([keys[node] for node in part])
            for node in part:
                if kinds.get(keys[node]) == kind:
                    return node
        return None
