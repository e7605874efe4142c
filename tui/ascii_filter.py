"""Replaces characters outside ASCII in everything that widgets draw, for terminals that support only ASCII."""

from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

from tui.ascii_text import to_ascii


class AsciiFilter(LineFilter):
    """Replaces each character outside ASCII by one ASCII character for each of its cells."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The segments in ASCII; the same list if they are already."""
        if all(segment.text.isascii() for segment in segments):
            return segments
        return [Segment(to_ascii(text), style, control) for text, style, control in segments]
