"""A table in sections, as a widget draws it. Pure."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

from msgspec import Struct

from tui.models.columns import Cell

NO_CELL = Cell("")

BAR, ACTIVITY = CHARTS = ("bar", "activity")
"""Names of the columns that have a chart in place of a cell."""


class TableRow(Struct, frozen=True):
    """A row: its cells by the name of their column."""

    key: tuple[str, str]
    """Identifies the row in its table."""
    cells: Mapping[str, Cell]
    activity: Sequence[int] = ()
    """Numbers over time, for the column ACTIVITY."""
    part: float | None = None
    """Length of the bar in the column BAR, from 0.0 to 1.0; None: no bar."""


class TableSection(Struct, frozen=True):
    """Rows beneath a title."""

    title: str
    rows: Sequence[TableRow]


class TableSections(Struct, frozen=True, eq=False):
    """What a table shows."""

    sections: Sequence[TableSection] = ()
    hint: str = ""
    """Text of a table without rows."""


def chart(values: Sequence[int], width: int) -> list[float]:
    """The values at a width, as parts of their maximum: neighbours are joined to their maximum."""
    width, most = min(width, len(values)), max(values, default=0) or 1
    edges = [number * len(values) // width for number in range(width + 1)] if width else []
    return [max(values[first:last]) / most for first, last in pairwise(edges)]
