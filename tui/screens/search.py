"""Searching the tree: which nodes are called by some words, and which of them comes next. Reads their names only."""

from bisect import bisect_right
from collections.abc import Sequence

from store.view import View
from tui.widgets.node_tree import NodeTree

SMALL = 10_000
"""Nodes of a tree that may be walked through whenever it changes, which takes some 2 ms; for 100,000, it is 20 ms."""


class Search:
    """Finds nodes by what they are called, in the order of the tree, as far as they are in view and born by then."""

    def __init__(self, view: View, tree: NodeTree) -> None:
        self._view = view
        self._tree = tree
        self._words: tuple[str, ...] = ()
        self._known: tuple[object, ...] = ()
        """For which words, and for how much of the run, nodes were looked for last."""
        self._hits: Sequence[int] = ()
        """The keys of the nodes that were found then, ascending, those that are not born yet included."""
        self._ordered: tuple[object, ...] = ()
        self._places: dict[int, int] = {}
        """Which of those to be seen each is, counted from 1."""

    def reorder(self) -> None:
        """Nodes went elsewhere in the tree."""
        self._ordered = ()

    async def look(self, text: str) -> None:
        """Look for the nodes that these words are in. Costs nothing while the file has no news of the run."""
        view, words = self._view, tuple(text.split())
        known = (words, view.row.generation, view.row.run.events)
        if known != self._known:
            keys = await view.file.called(words) if words else []
            self._words, self._known, self._hits = words, known, keys

    def next(self, step: int) -> int | None:
        """The next of them after the node under the cursor, or the one before, going round at the end; None for none."""
        places = self._placed()
        return next((node for node in self._tree.following(step) if node in places), None) if places else None

    @property
    def said(self) -> str:
        """How many there are, and which of them is under the cursor, to be added to a title; in a large tree once one was
        gone to."""
        if not self._words:
            return ""
        tree, keys, place = self._tree, self._view.shape.keys, None
        if tree.root is not None or tree.horizon <= SMALL or self._ordered == self._order:
            places = self._placed()
            count, place = len(places), None if tree.selected is None else places.get(tree.selected)
        else:
            count = bisect_right(self._hits, keys[tree.horizon - 1]) if tree.horizon else 0
        if not count:
            return ", none matches"
        return f", {'' if place is None else f'{place:,} of '}{count:,} that match{'' if count > 1 else 'es'}"

    @property
    def _order(self) -> tuple[object, ...]:
        """What the order of the nodes that were found depends on."""
        return self._known, self._tree.horizon, self._tree.root

    def _placed(self) -> dict[int, int]:
        if self._ordered != self._order:
            keys, hits = self._view.shape.keys, frozenset(self._hits)
            found = (node for node in self._tree.in_order() if keys[node] in hits) if hits else ()
            self._places = {node: place for place, node in enumerate(found, 1)}
            self._ordered = self._order
        return self._places
