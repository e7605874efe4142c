"""The tree of a run over all of its positions: three integers per node, and the moves.

A tree widget holds nodes by number: 0, 1, 2 ... in order of creation. Numbers do not depend on the position, so that a
tree of 100,000 nodes goes to another position by a new horizon and a few moves.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable

from msgspec import Struct

from store.model.record import MoveRow, ShapePart

BULK_NODES = 100
"""Nodes from which on a table of all numbers costs less than one binary search per node."""

NO_PARENT = -1
"""Number of the parent of a node without one."""


class TreeChanges(Struct, frozen=True):
    """Changes of a tree from one position to another: first append the nodes, then apply the moves."""

    parents: list[int]
    """Parent of each further node of the run, whether or not it is born at the position."""
    moves: list[tuple[int, int]]
    """Numbers of a node and of its new parent, in the order to apply them."""


class Shape:
    """Nodes of a run with their numbers, keys, positions of birth, and moves from one parent to another."""

    def __init__(self) -> None:
        self.keys: list[int] = []
        """Database keys of the nodes, ascending."""
        self.born: list[int] = []
        """Positions at which they were first named, ascending."""
        self.executions: list[int] = []
        """Numbers of the nodes that are the execution of their parent, ascending."""
        self._moves: list[MoveRow] = []

    def __len__(self) -> int:
        return len(self.keys)

    def number(self, key: int) -> int:
        """Number of the node with this key, which must exist."""
        return bisect_left(self.keys, key)

    def numbers(self, keys: Iterable[int]) -> list[int]:
        """Numbers of the nodes with these keys, without those that do not exist."""
        found = ((key, self.number(key)) for key in keys)
        return [at for key, at in found if at < len(self.keys) and self.keys[at] == key]

    def horizon(self, position: int) -> int:
        """Number of nodes born by a position."""
        return bisect_right(self.born, position)

    def extend(self, part: ShapePart, moves: Iterable[MoveRow], position: int) -> list[int]:
        """Append further nodes and moves. Returns the parents of these nodes at a position."""
        first = len(self.keys)
        self.keys += part.keys
        self.born += part.born
        self.executions += self.numbers(part.executions)
        self._moves += moves
        parents = self._parents(part)
        moved: set[int] = set()
        for move in self._moves:  # the parent of a node that moves after the position is the one before its next move
            number = self.number(move.key)
            if move.position > position and number >= first and number not in moved:
                moved.add(number)
                parents[number - first] = self._number_or_none(move.before)
        return parents

    def _parents(self, part: ShapePart) -> list[int]:
        """Parents of the nodes appended last, as of the latest event."""
        if len(part.keys) < BULK_NODES:
            return list(map(self._number_or_none, part.outers))
        number_of: dict[int | None, int] = dict(zip(self.keys, range(len(self.keys)), strict=True))
        number_of[None] = NO_PARENT
        return list(map(number_of.__getitem__, part.outers))

    def _number_or_none(self, key: int | None) -> int:
        return NO_PARENT if key is None else self.number(key)

    def moves(self, before: int, after: int) -> list[tuple[int, int]]:
        """Moves that bring a tree from one position to another, which may be the earlier one."""
        number, parent = self.number, self._number_or_none
        if not self._moves:
            return []
        if after >= before:
            forth = [move for move in self._moves if before < move.position <= after]
            return [(number(move.key), parent(move.after)) for move in forth]
        back = [move for move in reversed(self._moves) if after < move.position <= before]
        return [(number(move.key), parent(move.before)) for move in back]
