"""Sanitised text: plain text without control characters, safe to print on any terminal.

Goals, results and errors come from models, tools and web pages. Unchanged, they can move the cursor, set the window title,
fill the clipboard or reverse the reading order. Sanitised text has none of these effects, and its width in cells is the sum
of the widths of its characters, so columns stay aligned.

    line breaks, tabs         a space in one line; lines and tab stops in several lines
    C0 controls and DEL       replaced by their symbols: ESC by ␛
    C1 controls, surrogates   replaced by �
    bidirectional controls,   replaced by �: they reorder or hide text
    tags, fillers
    joiners, soft hyphens,    removed: terminals disagree about the width of emoji with skin tones, of keycaps and of
    emoji modifiers           families; the width of their plain parts is unambiguous

All other characters (CJK, combining accents, emoji, icons of the private use area) are unchanged.
"""

import re

from rich.cells import cell_len

LINE_LIMIT = 300
"""Characters after which a text of one line is cut. A line of 1 MB would block the screen for seconds."""

TEXT_LIMIT = 64_000
"""Characters after which a text of several lines is cut: hundreds of screens."""

TAB_STOP = 4
"""Cells between two tab stops."""

_BREAKS = "\n\v\f\r\x85\u2028\u2029"
_DROPPED = "\xad\u200b\u200c\u200d\u2060\ufeff\ufe0e\ufe0f\u20e3\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff"
_REPLACED = (
    "\x80-\x84\x86-\x9f\ud800-\udfff"  # C1 controls, surrogates
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u206f"  # direction
    "\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\u180e\u2061-\u2065\ufff0-\ufffb"  # other formats
    "\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e00ff\U000e01f0-\U000e0fff"  # tags: invisible text
    "\u115f\u1160\u3164\uffa0"  # fillers: blank letters
)
_UNFIT = re.compile(f"[\x00-\x1f\x7f{_BREAKS}{_DROPPED}{_REPLACED}]")
_LINE_BREAK = re.compile(f"\r\n|[{_BREAKS}]")
_SPACES = re.compile("  +")
_STAND_INS = (
    {chr(code): chr(0x2400 + code) for code in range(0x20)}
    | {"\x7f": "\u2421"}
    | dict.fromkeys(_BREAKS + "\t", " ")
    | dict.fromkeys(_DROPPED, "")
)


def clean(text: str, limit: int = LINE_LIMIT) -> str:
    """One sanitised line of at most `limit` characters, ending in "…" if it was cut.

    Line breaks and tabs become spaces; runs of spaces are collapsed and stripped. The limit is applied first, so the time
    does not depend on the size of the text.
    """
    if len(text) <= limit:
        return _one_line(text)
    return _one_line(text[: max(limit - 1, 0)]) + "…"[:limit]


def clean_lines(text: str, limit: int = TEXT_LIMIT) -> list[str]:
    """The sanitised lines of a text, with indentation kept and tabs expanded.

    A text longer than `limit` characters is cut, and a line with both lengths is appended.
    """
    lines = _LINE_BREAK.split(text[:limit])
    if not lines[-1]:
        lines.pop()
    cleaned = [_expand_tabs([_fit(part) for part in line.split("\t")]) for line in lines]
    if len(text) > limit:
        cleaned.append(f"… cut: {limit:,} of {len(text):,} characters shown")
    return cleaned


def _one_line(text: str) -> str:
    return _SPACES.sub(" ", _fit(text)).strip(" ")


def _fit(text: str) -> str:
    """The text with every unfit character replaced or removed."""
    if text.isascii() and text.isprintable():
        return text
    return _UNFIT.sub(_stand_in, text)


def _stand_in(unfit: re.Match[str]) -> str:
    return _STAND_INS.get(unfit[0], "\ufffd")


def _expand_tabs(parts: list[str]) -> str:
    """Join the parts of a line between its tabs; each part after the first begins at a tab stop."""
    for place, part in enumerate(parts[:-1]):
        parts[place] = part + " " * (TAB_STOP - cell_len(part) % TAB_STOP)
    return "".join(parts)
