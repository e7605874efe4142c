"""The ledger of faults: a line for each, with counts of attempts and events."""

from collections.abc import Iterable
from typing import NamedTuple

import pytest


class Line(NamedTuple):
    """The outcome of a fault. `lost` and `doubled` are numbers of events; `gaps` describes the recorded gaps."""

    fault: str
    tried: int
    sent: int
    stored: int
    lost: int
    doubled: int
    gaps: str = ""


class Ledger:
    """Collects lines."""

    def __init__(self) -> None:
        self.lines: list[Line] = []

    def note(self, line: Line) -> None:
        self.lines.append(line)

    def show(self, reporter: pytest.TerminalReporter) -> None:
        """Print all lines, once."""
        lines, self.lines = self.lines, []
        if lines:
            reporter.write_sep("=", "ledger of faults")
            for row in _table([Line._fields, *((*map(_cell, line),) for line in lines)]):
                reporter.write_line(row)


LEDGER = Ledger()
"""The ledger of this test run."""


def _cell(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)


def _table(rows: list[tuple[str, ...]]) -> Iterable[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for fault, *numbers, gaps in rows:
        cells = (cell.rjust(width) for cell, width in zip(numbers, widths[1:-1], strict=True))
        yield f"{fault.ljust(widths[0])}  {'  '.join(cells)}  {gaps}".rstrip()
