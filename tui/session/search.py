"""Search in the tree: the nodes whose goal, name or id contains all typed words, and the next of them."""

from bisect import bisect_right
from collections.abc import Sequence

from store.database.moment import Moment
from tui.models.selection import Selection

COUNTED_NODES = 10_000
"""Size of a tree up to which hits are numbered whenever it changes: a walk of 2 ms. With 100,000 nodes it takes 20 ms."""


class Search:
    """The nodes that match `text`, in the order of the tree. Nodes out of view or not yet created are no hits."""

    def __init__(self, moment: Moment, tree: Selection) -> None:
        self.text = ""
        """What the user typed."""
        self._moment = moment
        self._tree = tree
        self._words: tuple[str, ...] = ()
        self._known: tuple[object, ...] = ()
        """Words and size of the run for which `_hits` was read."""
        self._hits: Sequence[int] = ()
        """Keys of the matching nodes, ascending, including nodes that do not exist yet at the position.

        A task and its only execution, which have the same goal, are one hit."""
        self._ordered: tuple[object, ...] = ()
        self._places: dict[int, int] = {}
        """Ordinal of each hit in view, counted from 1."""

    @property
    def active(self) -> bool:
        """Whether there are words to search for."""
        return bool(self.text.strip())

    def reorder(self) -> None:
        """Forget the order of the hits: nodes were moved in the tree."""
        self._ordered = ()

    async def refresh(self) -> None:
        """Read the matching nodes, unless neither the words nor the run have changed."""
        moment, words = self._moment, tuple(self.text.split())
        known = (words, moment.row.generation, moment.row.run.events)
        if known != self._known:
            keys = await moment.queries.called(words) if words else []
            task, numbers = self._tree.outline.task, moment.shape.numbers(keys)
            hits = sorted({task(number) for number in numbers if number < self._tree.outline.total})
            self._words, self._known, self._hits = words, known, [moment.shape.keys[number] for number in hits]

    def next(self, step: int) -> int | None:
        """The next hit after the selected node, or the previous one (`step` -1), wrapping around; None for no hit."""
        places = self._placed()
        return next((node for node in self._tree.following(step) if node in places), None) if places else None

    @property
    def summary(self) -> str:
        """Number of hits, and which of them is selected, as an addition to a title.

        In a tree of more than COUNTED_NODES the selected hit is numbered only after `next` has walked the tree.
        """
        if not self._words:
            return ""
        tree, keys, place = self._tree, self._moment.shape.keys, None
        if tree.root is not None or tree.horizon <= COUNTED_NODES or self._ordered == self._order:
            places = self._placed()
            count, place = len(places), None if tree.selected is None else places.get(tree.selected)
        else:
            count = bisect_right(self._hits, keys[tree.horizon - 1]) if tree.horizon else 0
        if not count:
            return ", none matches"
        return f", {'' if place is None else f'{place:,} of '}{count:,} that match{'' if count > 1 else 'es'}"

    @property
    def _order(self) -> tuple[object, ...]:
        """What the order of the hits depends on."""
        return self._known, self._tree.horizon, self._tree.root

    def _placed(self) -> dict[int, int]:
        if self._ordered != self._order:
            keys, hits = self._moment.shape.keys, frozenset(self._hits)
            found = (node for node in self._tree.in_order() if keys[node] in hits) if hits else ()
            self._places = {node: place for place, node in enumerate(found, 1)}
            self._ordered = self._order
        return self._places
