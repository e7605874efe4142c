"""A table in sections. The cursor is on rows only, not on the titles of sections."""

from collections.abc import Iterable, Sequence

from textual.reactive import reactive

from tui.models.columns import Cell, Column, pad
from tui.models.table_section import ACTIVITY, BAR, CHARTS, NO_CELL, TableRow, TableSections, chart
from tui.widgets.rows import Rows
from tui.widgets.sortable_rows import SortableRows

_Line = TableRow | str
"""A row; the title of a section; an empty text between two sections."""


class SectionTable(SortableRows):
    """Draws `listed`: set it. The cursor stays on its row."""

    listed: reactive[TableSections] = reactive(TableSections(), init=False, repaint=False)

    _lines: Sequence[_Line] = ()

    @property
    def count(self) -> int:
        return len(self._lines)

    @property
    def selected(self) -> TableRow | None:
        """The row under the cursor."""
        line = self._lines[self.cursor] if self.cursor < self.count else None
        return line if isinstance(line, TableRow) else None

    def watch_listed(self, old: TableSections, new: TableSections) -> None:
        at, line = self.selected, self.cursor - self.scroll_offset.y
        lines: list[_Line] = []
        for section in new.sections:
            lines += ["", section.title, *section.rows]
        self._lines = lines[1:]
        found = None if at is None else self._place(at)
        self.set_reactive(Rows.cursor, self._nearest(0, 1) if found is None else found)
        self.changed()
        if found is not None and self.scroll_offset.y:
            self.scroll_to_row(self.cursor - line)
        self._show(self.cursor)

    def _place(self, row: TableRow) -> int | None:
        """Line of the row with the same key."""
        lines = enumerate(self._lines)
        return next((at for at, line in lines if isinstance(line, TableRow) and line.key == row.key), None)

    def _nearest(self, index: int, step: int) -> int:
        """The line of a row that is nearest to a line, first in one direction, then in the other."""
        index = max(0, min(index, self.count - 1))
        for direction in (step, -step):
            at = index
            while 0 <= at < self.count:
                if isinstance(self._lines[at], TableRow):
                    return at
                at += direction
        return 0

    def go(self, index: int) -> None:
        super().go(self._nearest(index, 1 if index >= self.cursor else -1))

    def _show(self, index: int) -> None:
        if 0 < index < self.count and isinstance(self._lines[index - 1], str):
            super()._show(max(index - 1, 0))  # the title of the section
        super()._show(index)

    def clicked(self, index: int, column: int) -> bool:
        return isinstance(self._lines[index], str)

    def empty(self) -> str:
        return self.listed.hint

    def row(self, index: int, width: int) -> Iterable[Cell]:
        line = self._lines[index]
        if isinstance(line, str):
            return [Cell(pad(line, width, more=self.glyphs("more")), "label")]
        return self._row(line, self.fitting(width))

    def _row(self, row: TableRow, columns: Sequence[tuple[Column, int]]) -> Iterable[Cell]:
        """The cells of a row. Its name extends over the columns in which the row has nothing."""
        if not columns:  # a terminal of one or two cells
            return
        (first, size), *others = columns
        while others and row.cells.get(others[0][0].name) is None and others[0][0].name not in CHARTS:
            size += others.pop(0)[1] + 1
        for column, width in [(first, size), *others]:
            yield from self._cells(row, column, width)
            yield Cell(" ")

    def _cells(self, row: TableRow, column: Column, width: int) -> Iterable[Cell]:
        if column.name == BAR:
            yield from self._bar(row.part, width)
        elif column.name == ACTIVITY:
            levels = "".join(self.glyphs.level(value) for value in chart(row.activity, width))
            yield Cell(pad(levels, width), "guide")
        else:
            text, role = row.cells.get(column.name, NO_CELL)
            yield Cell(pad(text, width, column.right, self.glyphs("more")), role)

    def _bar(self, part: float | None, width: int) -> Iterable[Cell]:
        full = 0 if part is None else round(width * max(0.0, min(part, 1.0)))
        yield Cell(self.glyphs("bar") * full, "label")
        yield Cell((" " if part is None else self.glyphs("rest")) * (width - full), "faint")
