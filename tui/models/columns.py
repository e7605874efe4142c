"""Table layout: the columns that fit a width, and text padded or cut to a width. Widths are in cells. Pure."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from rich.cells import cell_len, set_cell_size


class Cell(NamedTuple):
    """A text and its role in the theme."""

    text: str
    role: str = "text"


class Column(NamedTuple):
    """A column of fixed width; a column of width 0 takes the remaining space."""

    name: str
    title: str
    width: int
    right: bool = False
    needs: int = 0
    """Minimum width of the table for the column to be shown."""


def fit(columns: Sequence[Column], width: int) -> list[tuple[Column, int]]:
    """The columns that a table of this width shows, with their widths. One cell separates two columns."""
    shown = [column for column in columns if width >= column.needs]
    left = width - sum(column.width + 1 for column in shown if column.width) - 1
    return [(column, column.width or max(left, 1)) for column in shown]


def pad(text: str, width: int, right: bool = False, more: str = "…") -> str:
    """The text in exactly `width` cells, padded with spaces, or cut with the ellipsis `more`."""
    length = len(text) if text.isascii() else cell_len(text)
    if length > width:
        return set_cell_size(text, max(width - len(more), 0)) + more[:width]
    return " " * (width - length) + text if right else text + " " * (width - length)


def clip(cells: Iterable[Cell], width: int, tails: Sequence[Cell] = (), more: str = "…") -> list[Cell]:
    """The texts in a row of exactly `width` cells: `cells` are cut so that `tails` fit behind them.

    The tails are cut only if they alone are too long.
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
