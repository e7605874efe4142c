"""Which columns of a table fit a width, and how a cell is filled. Pure."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from rich.cells import cell_len, set_cell_size


class Cell(NamedTuple):
    """A text and the role in which it is drawn."""

    text: str
    role: str = "text"


class Column(NamedTuple):
    """A column of fixed width, or, with width 0, the one that takes what is left."""

    name: str
    title: str
    width: int
    right: bool = False
    needs: int = 0
    """The table must be at least this wide for the column to be shown."""


def fit(columns: Sequence[Column], width: int) -> list[tuple[Column, int]]:
    """The columns that a table of this width shows, with their widths; between two columns there is one cell of space."""
    shown = [column for column in columns if width >= column.needs]
    left = width - sum(column.width + 1 for column in shown if column.width) - 1
    return [(column, column.width or max(left, 1)) for column in shown]


def pad(text: str, width: int, right: bool = False, more: str = "…") -> str:
    """The text in exactly so many cells, cut with an ellipsis where it is longer."""
    length = len(text) if text.isascii() else cell_len(text)
    if length > width:
        return set_cell_size(text, max(width - len(more), 0)) + more[:width]
    return " " * (width - length) + text if right else text + " " * (width - length)


def clip(cells: Iterable[Cell], width: int, tails: Sequence[Cell] = (), more: str = "…") -> list[Cell]:
    """The cells one after the other in exactly so many cells of the screen, `tails` kept whole at their end.

    Where there is not even room for those, they are cut as well.
    """
    room = sum(cell_len(tail.text) for tail in tails)
    if room > width:
        return clip(tails, width, (), more)
    left = width - room
    clipped: list[Cell] = []
    for text, role in cells:
        length = cell_len(text)
        if length > left:
            text, length = pad(text, max(left, 0), more=more), max(left, 0)
        clipped.append(Cell(text, role))
        left -= length
        if left <= 0:
            break
    return [*clipped, *tails, Cell(" " * max(left, 0))]
