"""The screen of a terminal: characters and backgrounds, from the output of a program."""

import re
from codecs import getincrementaldecoder
from functools import lru_cache
from typing import NamedTuple

from rich.cells import cell_len

TOKEN = re.compile(
    r"\x1b\[(?P<values>[0-9;?<>=$!\"' ]*)(?P<final>[@-~])"
    r"|\x1b[\]PX^_](?:[^\x07\x1b])*(?:\x07|\x1b\\)"
    r"|\x1b[ -/]*[0-Z\\^-~]"
    r"|(?P<control>[\x00-\x1a\x1c-\x1f])"
    r"|(?P<text>[^\x00-\x1f]+)"
)


class Shade(NamedTuple):
    """Background of a character."""

    background: str = ""
    reverse: bool = False


PLAIN = Shade()


class Grid:
    """Interprets the sequences that Textual uses: positions, colours, text. Others are ignored."""

    def __init__(self, width: int, height: int) -> None:
        self.width = width
        self.height = height
        self.frames = 0
        """Number of completed synchronised updates."""
        self._characters = [[" "] * width for _ in range(height)]
        self._shades = [[PLAIN] * width for _ in range(height)]
        self._decode = getincrementaldecoder("utf-8")("replace").decode
        self._rest = ""
        self._x = self._y = 0
        self._shade = PLAIN

    @property
    def lines(self) -> list[str]:
        """The text of each line."""
        return ["".join(line) for line in self._characters]

    def shades(self, x: int) -> list[Shade]:
        """Backgrounds of one column, from top to bottom."""
        return [line[x] for line in self._shades]

    def feed(self, data: bytes) -> None:
        """Process output. An incomplete sequence at its end is kept until the rest arrives."""
        text, end = self._rest + self._decode(data), 0
        for token in TOKEN.finditer(text):
            if token.start() != end:
                break
            end = token.end()
            if (final := token["final"]) is not None:
                self._obey(final, token["values"])
            elif (words := token["text"]) is not None:
                self._write(words)
            elif token["control"] == "\n":
                self._y = min(self._y + 1, self.height - 1)
            elif token["control"] == "\r":
                self._x = 0
        self._rest = text[end:] if len(text) - end < 4096 else ""

    def _obey(self, final: str, values: str) -> None:
        if final == "m":
            background, reverse = _style(values)
            self._shade = Shade(
                self._shade.background if background is None else background,
                self._shade.reverse if reverse is None else reverse,
            )
        elif final == "H":
            y, _, x = values.partition(";")
            self._y, self._x = min(int(y or 1), self.height) - 1, min(int(x or 1), self.width) - 1
        elif final == "l" and values == "?2026":
            self.frames += 1

    def _write(self, text: str) -> None:
        characters, shades, x = self._characters[self._y], self._shades[self._y], self._x
        size = cell_len(text)
        if size != len(text):  # wide characters leave an empty cell after them
            text = "".join(character + " " * (cell_len(character) - 1) for character in text if cell_len(character))
        size = min(size, self.width - x)
        characters[x : x + size] = text[:size]
        shades[x : x + size] = [self._shade] * size
        self._x = min(x + size, self.width - 1)


@lru_cache(maxsize=4096)
def _style(values: str) -> tuple[str | None, bool | None]:
    """The background and reversal that a sequence sets; None if it does not change them."""
    background: str | None = None
    reverse: bool | None = None
    numbers = iter(values.split(";"))
    for number in numbers:
        if number in ("", "0"):
            background, reverse = "", False
        elif number in ("7", "27"):
            reverse = number == "7"
        elif number in ("38", "48", "58"):
            kind = next(numbers, "")
            colour = ";".join(next(numbers, "") for _ in range(3 if kind == "2" else 1))
            background = colour if number == "48" else background
        elif len(number) == 2 and number[0] == "4":
            background = "" if number == "49" else number
        elif len(number) == 3:
            background = number
    return background, reverse
