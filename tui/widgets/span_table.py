"""A table of steps and calls. Only the rows on the screen and near it are in memory."""

from collections.abc import Iterable, Mapping

from textual.message import Message
from textual.reactive import reactive

from store.model.record import SpanRow
from tui.models.columns import Cell, Column, pad
from tui.models.snapshot import PAGE
from tui.models.span_rows import LAYOUTS, SORTS, SpanRows, cell, mark
from tui.theme import Glyphs
from tui.widgets.rows import Rows
from tui.widgets.sortable_rows import SortableRows

KEPT_ROWS = 1_000
"""Number of rows before the cursor, and after it, that stay in memory."""


class SpanTable(SortableRows):
    """Draws rows of spans. From outside: set `listed`, and answer each `Needed` by `supply`."""

    listed: reactive[SpanRows] = reactive(SpanRows(), init=False, repaint=False)

    class Needed(Message):
        """Rows on the screen are missing: those from `first` up to, not including, `last`."""

        def __init__(self, first: int, last: int) -> None:
            super().__init__()
            self.first = first
            self.last = last

    def __init__(self, glyphs: Glyphs, *, id: str | None = None) -> None:
        super().__init__(LAYOUTS, SORTS, glyphs, id=id)
        self._rows: dict[int, SpanRow] = {}
        self._asked: set[int] = set()
        """Pages that were asked for."""

    @property
    def count(self) -> int:
        return self.listed.count

    @property
    def selected(self) -> SpanRow | None:
        """The span under the cursor; None until it is read."""
        return self._rows.get(self.cursor)

    @property
    def line(self) -> int:
        """Line of the cursor on the screen."""
        return max(self.cursor - self.scroll_offset.y, 0)

    def watch_listed(self, old: SpanRows, new: SpanRows) -> None:
        line = self.line
        self._rows = dict(new.rows)
        self._asked.clear()
        self.set_reactive(Rows.cursor, new.row)
        self.changed()
        self.scroll_to_row(self.cursor - line)
        self._show(self.cursor)

    def supply(self, version: int, rows: Mapping[int, SpanRow]) -> None:
        """The rows of a page."""
        if version == self.listed.version:
            near = range(self.cursor - KEPT_ROWS, self.cursor + KEPT_ROWS)
            self._rows = {row: span for row, span in self._rows.items() if row in near} | dict(rows)
            self._asked = {page for page in self._asked if page * PAGE in near or page * PAGE in rows}
            self.changed()

    def _row(self, index: int) -> SpanRow | None:
        found, page = self._rows.get(index), index // PAGE
        if found is None and page not in self._asked:
            self._asked.add(page)
            self.post_message(self.Needed(page * PAGE, (page + 1) * PAGE))
        return found

    def empty(self) -> str:
        return "No step and no call up to here." if self.listed.version else f"reading{self.glyphs('more')}"

    def row(self, index: int, width: int) -> Iterable[Cell]:
        row = self._row(index)
        if row is None:
            yield Cell(pad(f"  {self.glyphs('more')}", width), "faint")
            return
        for column, size in self.fitting(width):
            yield self._cell(row, column, size)
            yield Cell(" ")

    def _cell(self, row: SpanRow, column: Column, width: int) -> Cell:
        if column.name == "mark":
            meaning, role = mark(row.span)
            return Cell(self.glyphs(meaning), role)
        text, role = cell(column.name, row, self.listed)
        return Cell(pad(text, width, column.right, self.glyphs("more")), role)
