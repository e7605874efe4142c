"""A row of an outline, and the rows that follow it on the screen."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from tui.models.forest import Forest
from tui.models.tally import Tally

MAX_GUIDES = 32
"""Default number of guides in a row: more than fit beside a text."""


class Row(NamedTuple):
    """One row, as it is drawn."""

    node: int
    depth: int
    """Number of levels beneath the roots in view."""
    guides: tuple[bool, ...]
    """Whether each ancestor has a next sibling, to which a vertical line leads. From depth 1 on, outermost first.

    Contains the nearest `max_guides` ancestors; `depth - 1 - len(guides)` levels are omitted.
    """
    last: bool
    """Whether the node is the last of its siblings: `└`, not `├`."""
    expandable: bool
    """Whether the node has children."""
    expanded: bool
    """Whether the node has children and they are shown."""
    hidden: int
    """Number of nodes hidden beneath a collapsed node."""
    execution: int | None = None
    """The only node beneath a collapsed node, if that is its execution: the row stands for both."""


Path = list[tuple[Sequence[int], int]]
"""The path from the root to a row: at each depth the siblings, even beyond the horizon, and the index in them."""


def rows_from(
    path: Path,
    wanted: int,
    forest: Forest,
    tally: Tally,
    execution_of: Callable[[int], int | None],
    max_guides: int,
) -> list[Row]:
    """`wanted` rows, which must exist, from the row at the end of the path on. Changes the path."""
    horizon, siblings_of, within, expanded = forest.horizon, forest.siblings, tally.within, tally.expanded
    lines = [place + 1 < len(siblings) and siblings[place + 1] < horizon for siblings, place in path]
    rows: list[Row] = []
    while True:
        siblings, place = path[-1]
        node, depth = siblings[place], len(path) - 1
        inner, opened = within[node], expanded[node]
        shown = inner > 0 and opened > 0
        guides = tuple(lines[max(1, depth - max_guides) : depth])
        execution = execution_of(node) if inner == 1 and not opened else None
        rows.append(Row(node, depth, guides, not lines[-1], inner > 0, shown, 0 if opened else inner, execution))
        if len(rows) == wanted:
            return rows
        if shown:
            path.append((siblings_of(node), 0))
        else:
            while not lines[-1]:
                path.pop()
                lines.pop()
            siblings, place = path[-1]
            path[-1] = (siblings, place + 1)
            lines.pop()
        siblings, place = path[-1]
        lines.append(place + 1 < len(siblings) and siblings[place + 1] < horizon)
