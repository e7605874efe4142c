"""Sections of lines laid out in columns. Pure."""

from collections.abc import Sequence
from itertools import combinations, zip_longest

from rich.cells import cell_len

from tui.models.columns import Cell
from tui.models.lines import Line, wrap

COLUMN_MIN_CELLS = 50
"""Minimum width of a column."""

COLUMNS_MAX = 3
"""Maximum number of columns."""

GAP = 2
"""Cells between two columns."""


def in_columns(sections: Sequence[Sequence[Line]], width: int) -> list[Line]:
    """The sections in as many columns as fit a width, in order, so that the highest column is as low as possible."""
    count = max(1, min((width + GAP) // (COLUMN_MIN_CELLS + GAP), COLUMNS_MAX, len(sections)))
    size = (width - GAP * (count - 1)) // count
    wrapped = [[*wrap(section, size), ()] for section in sections]
    heights = [len(section) for section in wrapped]

    def height(breaks: tuple[int, ...]) -> int:
        return max(sum(heights[first:last]) for first, last in zip((0, *breaks), (*breaks, len(heights)), strict=True))

    breaks = min(combinations(range(1, len(heights)), count - 1), key=height)
    columns = [
        [row for section in wrapped[first:last] for row in section]
        for first, last in zip((0, *breaks), (*breaks, len(heights)), strict=True)
    ]
    return [_joined(rows, size) for rows in zip_longest(*columns, fillvalue=())]


def _joined(rows: Sequence[tuple[Cell, ...]], size: int) -> Line:
    """One line of all columns. All but the last one are padded."""
    cells: list[Cell] = []
    for number, row in enumerate(rows):
        cells += row
        if any(rows[number + 1 :]):
            cells.append(Cell(" " * (size + GAP - sum(cell_len(cell.text) for cell in row))))
    return Line(tuple(cells))
