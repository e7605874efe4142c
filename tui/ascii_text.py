"""Texts in ASCII, for terminals that support only that."""

from rich.cells import cell_len

SUBSTITUTES = str.maketrans(
    {"…": "~", "·": "|", "→": ">", "←": "<", "↑": "^", "↓": "v", "✓": "v", "×": "x", "≥": ">", "–": "-", "—": "-"}
    | dict.fromkeys("“”", '"')
    | dict.fromkeys("‘’", "'")
    | dict.fromkeys("━─", "-")
    | dict.fromkeys("│▏▎▍▌▐▕", "|")
    | dict.fromkeys("┌┐└┘├┤┬┴┼╭╮╯╰", "+")
    | dict.fromkeys("█▇▆▅▄▃▂▁▀▔", "#")
)
"""Characters of borders, scroll bars, keys and texts. The glyphs of the theme have their own substitutes."""


def to_ascii(text: str) -> str:
    """The text with one ASCII character for each cell of a character outside ASCII."""
    if text.isascii():
        return text
    text = text.translate(SUBSTITUTES)
    return text if text.isascii() else "".join(c if c.isascii() else "?" * cell_len(c) for c in text)
