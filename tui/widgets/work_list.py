"""The list of the open steps and calls of all live runs."""

from collections.abc import Iterable, Sequence

from textual.content import Content
from textual.widget import Widget

from store.model.silence import OpenWork
from tui.models.columns import Cell, clip, fit, pad
from tui.models.work_row import cell, columns
from tui.theme import Glyphs
from tui.widgets.rows import Rows


class WorkList(Rows):
    """Draws open work. From outside: call `show`, read `selected`."""

    def __init__(self, glyphs: Glyphs, *, id: str | None = None) -> None:
        super().__init__(glyphs, id=id)
        self._works: Sequence[OpenWork] = ()
        self._now = 0.0

    @property
    def count(self) -> int:
        return len(self._works)

    @property
    def selected(self) -> OpenWork | None:
        """The step or call under the cursor."""
        return self._works[self.cursor] if self._works else None

    def show(self, works: Sequence[OpenWork], now: float) -> None:
        """Replace the rows, in their order, at the time `now`. A cursor below the first row stays on its step or call."""
        at = _identity(self.selected)
        self._works, self._now = works, now
        found = next((row for row, work in enumerate(works) if _identity(work) == at), self.cursor)
        self.set_reactive(Rows.cursor, found if self.cursor else 0)
        self.changed()

    def empty(self) -> str:
        return "No step or call of a live run is open."

    def row(self, index: int, width: int) -> Iterable[Cell]:
        work, more = self._works[index], self.glyphs("more")
        for column, size in fit(columns(width), width):
            text, role = cell(column.name, work, self._now, self.glyphs)
            if column.name == "task" and work.runaways:
                flag = Cell(f"{self.glyphs('runaway')} {work.runaways[0].sign}  ", "failed")
                yield from clip([flag, Cell(text, role)], size, (), more)
            else:
                yield Cell(pad(text, size, column.right, more), role)
            yield Cell(" ")


class WorkListTitles(Widget):
    """The titles of the columns."""

    DEFAULT_CSS = """
    WorkListTitles { height: 1; background: $surface; color: $foreground 62%; }
    """

    def __init__(self, works: WorkList) -> None:
        super().__init__()
        self._works = works

    def on_mount(self) -> None:
        self.watch(self._works, "show_vertical_scrollbar", self._widened, init=False)

    def _widened(self) -> None:
        self.refresh()

    def render(self) -> Content:
        width = (self._works.scrollable_content_region.width or self.size.width) - 1
        parts = [f"{pad(column.title, size, column.right)} " for column, size in fit(columns(width), width)]
        return Content(" " + "".join(parts))


def _identity(work: OpenWork | None) -> tuple[int, int] | None:
    return None if work is None else (work.run.key, work.span.born)
