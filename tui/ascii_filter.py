"""For terminals that know ASCII only: whatever a widget draws, every character becomes one that is there."""

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

STAND_INS = str.maketrans(
    {"…": "~", "·": "|", "→": ">", "←": "<", "↑": "^", "↓": "v", "✓": "v", "×": "x", "⏎": "<", "–": "-", "—": "-"}
    | dict.fromkeys("“”", '"')
    | dict.fromkeys("‘’", "'")
    | dict.fromkeys("━─", "-")
    | dict.fromkeys("│▏▎▍▌▐▕", "|")
    | dict.fromkeys("┌┐└┘├┤┬┴┼╭╮╯╰", "+")
    | dict.fromkeys("█▇▆▅▄▃▂▁▀▔", "#")
)
"""What our own drawing has beyond the glyphs that the theme replaces: borders, scroll bars, ellipses."""


class AsciiFilter(LineFilter):
    """Replaces every character that is not ASCII, one for each cell that it takes; lines of ASCII stay as they are."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The segments in ASCII: the same list when they are that already."""
        if all(segment.text.isascii() for segment in segments):
            return segments
        return [Segment(_ascii(text), style, control) for text, style, control in segments]


def _ascii(text: str) -> str:
    if text.isascii():
        return text
    text = text.translate(STAND_INS)
    return text if text.isascii() else "".join(c if c.isascii() else "?" * cell_len(c) for c in text)
