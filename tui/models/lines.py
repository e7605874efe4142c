"""Lines of text in roles, wrapped to a width in cells. Pure."""

import re
from collections.abc import Iterable
from typing import NamedTuple

from rich.cells import cell_len, chop_cells

from tui.models.columns import Cell
from tui.text import TEXT_LIMIT, clean_lines

_WORD = re.compile(r"\S*\s*")


class Line(NamedTuple):
    """One line before wrapping. Its continuation lines are indented by `hang` cells."""

    cells: tuple[Cell, ...] = ()
    hang: int = 0


def line(text: str, role: str = "text", hang: int = 0) -> Line:
    """A line in one role."""
    return Line((Cell(text, role),), hang)


def fact(label: str, text: str, role: str = "text", width: int = 10) -> Line:
    """A label and its value."""
    return Line((Cell(f"{label:<{width}} ", "muted"), Cell(text, role)), width + 1)


def heading(text: str, role: str = "heading") -> list[Line]:
    """An empty line and a title."""
    return [Line(), line(text, role)]


def prose(text: str, role: str = "text", indent: int = 0, limit: int = TEXT_LIMIT) -> list[Line]:
    """A text of agents, cleaned. Headings are strong; text in <think> tags is faint."""
    found = []
    inside = False
    for part in clean_lines(text, limit):
        inside = inside or part.startswith("<think>")
        style = "faint" if inside else "strong" if part.startswith("#") else role
        inside = inside and "</think>" not in part
        hang = indent + len(part) - len(part.lstrip(" -*•0123456789."))
        found.append(Line((Cell(" " * indent + part, style),), min(hang, indent + 8)))
    return found


def wrap(lines: Iterable[Line], width: int) -> list[tuple[Cell, ...]]:
    """The lines, wrapped between words. Spaces at a line break are omitted."""
    wrapped: list[tuple[Cell, ...]] = []
    for cells, hang in lines:
        text = "".join(cell.text for cell in cells)
        if cell_len(text) <= width:
            wrapped.append(cells)
            continue
        start = 0
        for end in _breaks(text, width, min(hang, width // 2)):
            indent = (Cell(" " * min(hang, width // 2)),) if start else ()
            wrapped.append((*indent, *_slice(cells, start, start + len(text[start:end].rstrip()))))
            start = end
    return wrapped


def _breaks(text: str, width: int, hang: int) -> list[int]:
    """The index in the text at which each wrapped line ends."""
    ends: list[int] = []
    room, at = width, 0
    for match in _WORD.finditer(text):
        word = match[0]
        length = cell_len(word.rstrip())
        if length > room and at > (ends[-1] if ends else 0):
            ends.append(at)
            room = width - hang
        if length > room:
            for part in chop_cells(word.rstrip(), max(width - hang, 2))[:-1]:
                at += len(part)
                ends.append(at)
            room = width - hang - cell_len(text[at : match.end()])
        else:
            room -= cell_len(word)
        at = match.end()
    if not ends or ends[-1] < len(text):
        ends.append(len(text))
    return ends


def _slice(cells: tuple[Cell, ...], start: int, end: int) -> Iterable[Cell]:
    at = 0
    for text, role in cells:
        part = text[max(start - at, 0) : max(end - at, 0)]
        if part:
            yield Cell(part, role)
        at += len(text)
