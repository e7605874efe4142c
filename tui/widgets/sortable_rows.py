"""Base of the tables that are sorted by a column, and the line with the titles of their columns."""

from collections.abc import Collection, Mapping, Sequence

from textual.content import Content
from textual.message import Message
from textual.reactive import reactive

from tui.models.columns import Column, fit, pad
from tui.theme import Glyphs
from tui.widgets.linked import LinkedLine, linked
from tui.widgets.rows import Rows


class SortableRows(Rows):
    """A table with columns. From outside: set `sort` and `backwards` after `Sorted`."""

    sort: reactive[str] = reactive("", repaint=False)
    """Name of the column that orders the rows."""
    backwards: reactive[bool] = reactive(False, repaint=False)
    """Whether that order is reversed."""

    class Sorted(Message):
        """The user clicked the title of a column."""

        def __init__(self, column: str) -> None:
            super().__init__()
            self.column = column

    def __init__(
        self, layouts: Mapping[int, Sequence[Column]], sorts: Collection[str], glyphs: Glyphs, *, id: str | None = None
    ) -> None:
        """`layouts`: the columns by the width from which on a table has them. `sorts`: columns that can order the rows."""
        super().__init__(glyphs, id=id)
        self.sorts = sorts
        self._layouts = layouts

    def fitting(self, width: int) -> list[tuple[Column, int]]:
        """The columns of a table of this width, with their widths."""
        least = max((needed for needed in self._layouts if needed <= width), default=min(self._layouts))
        return fit(self._layouts[least], width)


class SortTitles(LinkedLine):
    """The titles of the columns of a table. A click on one sorts by its column, a second click in reverse order."""

    DEFAULT_CSS = """
    SortTitles { height: 1; background: $surface; color: $foreground 62%; }
    """

    def __init__(self, table: SortableRows, glyphs: Glyphs) -> None:
        super().__init__()
        self._table = table
        self._glyphs = glyphs

    def on_mount(self) -> None:
        for name in ("show_vertical_scrollbar", "sort", "backwards"):
            self.watch(self._table, name, self._changed, init=False)

    def _changed(self) -> None:
        self.refresh()

    def line(self) -> Content:
        table, parts = self._table, list[str | Content]([" "])
        mark = self._glyphs("up" if table.backwards else "down")
        for column, size in table.fitting((table.scrollable_content_region.width or self.size.width) - 1):
            title, style = pad(column.title, size, column.right), ""
            if column.name == table.sort:
                title, style = pad(f"{column.title[: size - 1]}{mark}", size, column.right), "bold $foreground"
            parts += [linked(title, column.name, style) if column.name in table.sorts else title, " "]
        return Content.assemble(*parts)

    def follow(self, target: str) -> None:
        self._table.post_message(SortableRows.Sorted(target))
