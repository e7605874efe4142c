"""Tables as text for people."""

from collections.abc import Collection, Sequence

from rich.cells import cell_len

from tui.models.columns import pad


def table(titles: Sequence[str], rows: Sequence[Sequence[str]], right: Collection[int] = ()) -> list[str]:
    """The lines of a table. `right`: numbers of the columns that are aligned to the right."""
    lines = [titles, *rows]
    widths = [max(cell_len(line[column]) for line in lines) for column in range(len(titles))]
    padded = ("  ".join(pad(text, widths[at], at in right) for at, text in enumerate(line)) for line in lines)
    return [line.rstrip() for line in padded]
