"""Deletes control characters from everything that widgets draw: a second defence behind `text.clean`.

Textual's widgets pass ESC, C1 controls and bidirectional controls to the terminal, in texts and in links. Texts of agents
are cleaned before a widget draws them; this filter covers a place where that is missing.
"""

import re

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_SURROGATE = re.compile("[\ud800-\udfff]")


class ControlFilter(LineFilter):
    """Deletes control characters from every drawn line. Each segment keeps its width in cells."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The segments without control characters; the same list if there are none."""
        for segment in segments:
            if not _is_clean(segment):
                return [_cleaned(segment) for segment in segments if not segment.control]
        return segments


def _is_clean(segment: Segment) -> bool:
    text, style, control = segment
    if control or (style is not None and style.link and not style.link.isprintable()):
        return False
    return text.isprintable() or not (_CONTROL.search(text) or _SURROGATE.search(text))


def _cleaned(segment: Segment) -> Segment:
    if _is_clean(segment):
        return segment
    text = _SURROGATE.sub("\ufffd", _CONTROL.sub("", segment.text))
    style = segment.style
    if style is not None and style.link and not style.link.isprintable():
        style = style.update_link(None)
    return Segment(set_cell_size(text, cell_len(segment.text)), style)
