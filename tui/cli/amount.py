"""Amounts on the command line: `30d`, `2GB`, `2.5`."""

import re
from collections.abc import Mapping

import click


class Amount:
    """Parser of bounded amounts: a decimal number followed by a unit."""

    def __init__(self, units: Mapping[str, float], least: str, most: str) -> None:
        """`units` maps suffixes to their sizes; the suffix "" allows a bare number. `least` and `most` are amounts."""
        self._units = units
        self._pattern = re.compile(rf"(\d{{1,15}}(?:\.\d{{1,15}})?) ?({'|'.join(map(re.escape, units))})", re.ASCII)
        self._range = f"{least}<=x<={most}"
        self._least, self._most = 0.0, float("inf")
        self._least, self._most = self.parse(least), self.parse(most)

    def parse(self, text: str) -> float:
        """The amount in the unit of size 1. Raises BadParameter for other texts, including NaN and infinity."""
        match = self._pattern.fullmatch(text.strip())
        if match is not None:
            amount = float(match[1]) * self._units[match[2]]
            if self._least <= amount <= self._most:
                return amount
        units = ", ".join(filter(None, self._units))
        raise click.BadParameter(f"{text!r} is not in the range {self._range}{f' (units: {units})' if units else ''}")


AGE = Amount({"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}, "1s", "36500d")
"""Seconds; the upper bound is a century."""

SIZE = Amount({"B": 1, "kB": 1e3, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12}, "1B", "281TB")
"""Bytes; the upper bound is that of a SQLite file."""

DOLLARS = Amount({"": 1, "USD": 1}, "0", "1000000000")
"""US dollars."""

TOKENS = Amount({"": 1, "k": 1e3, "M": 1e6, "G": 1e9}, "1", "1000G")
"""A number of tokens."""

SPEED = Amount({"": 1}, "0.1", "1000")
"""A factor."""
