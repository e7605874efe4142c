"""Sorts the children of the nodes in view. Children out of view cost nothing."""

from collections.abc import Callable
from itertools import chain

from store.database.moment import Moment
from tui.models.node_order import PLAN, arranged
from tui.models.open_work import open_work
from tui.models.selection import Selection

SORTED_CHILDREN_MAX = 2_000
"""Number of children up to which those of one task are sorted. All of them are read for it, whenever the run changes."""


class Arrangement:
    """Puts the children of nodes in the order of `Selection.sort`, by their figures at the position."""

    def __init__(self, moment: Moment, tree: Selection) -> None:
        self._moment = moment
        self._tree = tree

    async def sort(self, rows: Callable[[], range], now: Callable[[], float]) -> bool:
        """Sort the children of the nodes in view. Returns whether children were sorted.

        `rows`: gives the rows in view, which are others after children were sorted. Children out of view stay as they are.
        """
        tree, moment, done, sorted_any = self._tree, self._moment, set[int](), False
        while tree.sort != PLAN and (parents := tree.parents_in(rows()) - done):
            done |= parents
            sort, inside = tree.sort, {parent: tree.outline.children(parent) for parent in parents}
            inside = {parent: children for parent, children in inside.items() if 1 < len(children) <= SORTED_CHILDREN_MAX}
            if not inside:
                continue
            working = await moment.numbers(moment.run.working)
            nodes = await moment.nodes({*working, *chain.from_iterable(inside.values())})
            if tree.sort != sort:  # the user changed the order meanwhile, and the next picture follows
                return True
            beneath = open_work(tree.outline, working, nodes, now())
            for parent, children in inside.items():
                plan = sorted(children)
                tree.outline.order(parent, arranged(plan, nodes, beneath, now(), sort, tree.own))
            sorted_any = True
        return sorted_any
