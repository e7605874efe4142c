"""Figures and their table: the quantity, the program, the machine and the size."""

from collections.abc import Iterable, Sequence

from msgspec import Struct


class Figure(Struct, frozen=True):
    """One figure. `size`: number of nodes of the run, unless `what` names another quantity."""

    what: str
    of: str
    """`treetop`, or the stock widget that it is compared with."""
    where: str
    """The terminal, or `headless`."""
    size: int
    value: float | None
    """None if it could not be measured; `note` has the reason."""
    unit: str
    note: str = ""


def percentile(values: Sequence[float], part: float) -> float:
    """The value below which this part of the values lies; 0.5 is the median."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * part), len(ordered) - 1)]


def median(values: Sequence[float]) -> float:
    """The median."""
    return percentile(values, 0.5)


class Figures:
    """The measured figures."""

    def __init__(self) -> None:
        self.all: list[Figure] = []

    def add(
        self,
        what: str,
        value: float | None,
        unit: str,
        *,
        size: int = 0,
        of: str = "treetop",
        where: str = "200x50",
        note: str = "",
    ) -> None:
        """Add a figure."""
        self.all.append(Figure(what, of, where, size, value, unit, note))

    def spread(
        self,
        what: str,
        values: Sequence[float],
        *,
        size: int = 0,
        of: str = "treetop",
        where: str = "200x50",
        tail: bool = False,
    ) -> None:
        """Add the median of these milliseconds, and their p99 if `tail`."""
        note = f"of {len(values)}" if values else "nothing was painted"
        for part in (0.5, 0.99) if tail else (0.5,):
            value = percentile(values, part) if values else None
            self.add(f"{what}, p{part * 100:.0f}" if tail else what, value, "ms", size=size, of=of, where=where, note=note)


def table(figures: Iterable[Figure]) -> str:
    """The figures as a text table with a column for each size."""
    rows: dict[tuple[str, str, str, str], dict[int, Figure]] = {}
    for figure in figures:
        rows.setdefault((figure.what, figure.of, figure.where, figure.unit), {})[figure.size] = figure
    sizes = sorted({size for row in rows.values() for size in row if size}) or [0]
    titles = ["what", "of", "where", *(_size(size) for size in sizes), "unit", "note"]
    lines = [titles]
    for (what, of, where, unit), row in rows.items():
        cells = [_value(row.get(size) or (row.get(0) if size == sizes[-1] else None)) for size in sizes]
        notes = dict.fromkeys(row[size].note for size in sorted(row) if row[size].note)
        lines.append([what, of, where, *cells, unit, "; ".join(notes)])
    widths = [max(len(line[column]) for line in lines) for column in range(len(titles))]
    numbers = range(3, 3 + len(sizes))
    return "\n".join(
        "  ".join(
            cell.rjust(width) if column in numbers else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def _size(size: int) -> str:
    if size == 0:
        return ""
    return f"{size // 1000}k" if size >= 1000 and size % 1000 == 0 else str(size)


def _value(figure: Figure | None) -> str:
    if figure is None:
        return ""
    if figure.value is None:
        return "n/a"
    return f"{figure.value:,.0f}" if abs(figure.value) >= 100 else f"{figure.value:,.1f}"
