"""Finding nodes in the order of the tree: the next active node, the next with errors, the next of the same kind."""

from collections.abc import Collection
from itertools import islice
from typing import NamedTuple

from store.database.moment import Moment
from store.database.runaway_queries import suspects
from store.model.alarm import DEPTH_MAX, Sign
from store.model.runaway import task_runaways
from tui.models.selection import Selection

BATCH_NODES = 400
"""Number of nodes that one query reads while a node is looked for."""


class Found(NamedTuple):
    """A node that was found, with its number among all that could be found, in the order of the tree."""

    node: int
    place: int
    total: int
    wrapped: bool
    """Whether the search went on at the other end of the tree."""


class Finder:
    """Finds nodes from the selected one on, wrapping around at the end of the tree. Methods return None for no node."""

    def __init__(self, moment: Moment, tree: Selection) -> None:
        self._moment = moment
        self._tree = tree

    def _following(self, wanted: Collection[int], step: int) -> list[int]:
        """The wanted nodes in the order in which they follow the selected one."""
        among = {*map(self._tree.shown_as, wanted)}
        return [node for node in self._tree.following(step) if node in among] if among else []

    async def active(self) -> int | None:
        """The next node at work."""
        found = self._following(await self._moment.numbers(self._moment.run.working), 1)
        return found[0] if found else None

    async def with_errors(self, step: int) -> Found | None:
        """The next node with errors, or the previous one (`step` -1)."""
        among = {*map(self._tree.shown_as, await self._moment.with_errors())}
        hits, before, here = list[int](), 0, False
        for node in self._tree.in_order() if among else ():
            if node == self._tree.selected:
                before, here = len(hits), node in among
            if node in among:
                hits.append(node)
        if not hits:
            return None
        index = before + here if step > 0 else before - 1
        place = index % len(hits)
        return Found(hits[place], place + 1, len(hits), wrapped=place != index)

    async def runaway(self) -> int | None:
        """The next node that shows that the run runs away."""
        moment = self._moment
        numbers = moment.shape.numbers(await suspects(moment.reader, moment.row))
        nodes = await moment.nodes(number for number in numbers if number < moment.horizon)
        wanted = [number for number, node in nodes.items() if task_runaways(node)]
        if Sign.DEPTH in moment.run.alarms:  # of the tasks that are too deep, the first of each branch, as in the tree
            wanted += self._tree.at_depth(DEPTH_MAX + 1)
        found = self._following(wanted, 1)
        return found[0] if found else None

    async def alike(self, step: int) -> int | None:
        """The next node with the same node type and task type, or the previous one (`step` -1)."""
        moment, selected = self._moment, self._tree.selected
        if selected is None:
            return None
        keys = moment.shape.keys
        kind = (await moment.queries.kinds([keys[selected]])).get(keys[selected])
        nodes = self._tree.following(step)
        while part := list(islice(nodes, BATCH_NODES)):
            kinds = await moment.queries.kinds([keys[node] for node in part])
            for node in part:
                if kinds.get(keys[node]) == kind and self._tree.shown_as(node) == node:
                    return node
        return None
