"""The table of the errors of a run. Only shown pages are in memory."""

from collections.abc import Iterable, Sequence

from textual.message import Message
from textual.reactive import reactive

from store.model.record import Failure
from tui import format as fmt
from tui.models import failure_text
from tui.models.columns import Cell, Column, fit, pad
from tui.models.failure_detail import INFERRED
from tui.models.snapshot import PAGE, FailureRows
from tui.text import clean
from tui.theme import Glyphs
from tui.widgets.rows import Rows

COLUMNS = (
    Column("time", "TIME", 8, right=True),
    Column("mark", "", 1),
    Column("task", "TASK", 7),
    Column("kind", "KIND", 14),
    Column("message", "", 0),
    Column("tries", "TRIES", 5, right=True, needs=60),
)

WIDE_CELLS = 130
"""Width of the table from which it has WIDE_COLUMNS."""

WIDE_COLUMNS = (
    *COLUMNS[:3],
    Column("goal", "GOAL", 36),
    Column("kind", "KIND", 30),
    *COLUMNS[4:],
)


class FailureTable(Rows):
    """Draws rows of errors, oldest first. From outside: set `listed`, and answer each `Needed` by `supply`."""

    listed: reactive[FailureRows] = reactive(FailureRows(), init=False, repaint=False)

    class Needed(Message):
        """Rows on the screen are missing: those from `first` up to, not including, `last`."""

        def __init__(self, first: int, last: int) -> None:
            super().__init__()
            self.first = first
            self.last = last

    def __init__(self, glyphs: Glyphs, *, id: str | None = None) -> None:
        super().__init__(glyphs, id=id)
        self._pages: dict[int, Sequence[Failure]] = {}
        self._asked: set[int] = set()

    @property
    def count(self) -> int:
        return self.listed.count

    @property
    def selected(self) -> Failure | None:
        """The error under the cursor; None until it is read."""
        return self._failure(self.cursor)

    def place_in(self, rows: FailureRows) -> int:
        """Row of the cursor when these rows are listed."""
        last = max(rows.count - 1, 0)
        row = self.cursor + rows.added if not rows.fresh else last if rows.row is None else rows.row
        return max(0, min(row, last))

    def watch_listed(self, old: FailureRows, new: FailureRows) -> None:
        renumbered = new.fresh or new.added > 0
        stale = [page for page in {*self._pages, *self._asked} if renumbered or page >= old.count // PAGE]
        for page in stale if renumbered or new.count != old.count else ():
            self._pages.pop(page, None)
            self._asked.discard(page)
        if new.failures:
            self._pages[new.first // PAGE] = new.failures
        line = self.cursor - self.scroll_offset.y
        self.set_reactive(Rows.cursor, self.place_in(new))
        self.changed()
        if new.added and not new.fresh:
            self.scroll_to_row(self.cursor - line)
        self._show(self.cursor)

    def supply(self, first: int, failures: Sequence[Failure]) -> None:
        """The errors of the rows of a page."""
        self._pages[first // PAGE] = failures
        self.changed()

    def _failure(self, index: int) -> Failure | None:
        number, place = divmod(index, PAGE)
        page = self._pages.get(number, ())
        if not page and number not in self._asked and self.count:
            self._asked.add(number)
            self.post_message(self.Needed(number * PAGE, (number + 1) * PAGE))
        return page[place] if place < len(page) else None

    def empty(self) -> str:
        return "No error up to here: no event reports one, and no step was aborted."

    def row(self, index: int, width: int) -> Iterable[Cell]:
        failure = self._failure(index)
        if failure is None:
            yield Cell(pad(f"  {self.glyphs('more')}", width), "faint")
            return
        for column, size in fit(WIDE_COLUMNS if width >= WIDE_CELLS else COLUMNS, width):
            text, role = self._cell(column.name, failure)
            yield Cell(pad(text, size, column.right, self.glyphs("more")), role)
            yield Cell(" ")

    def _cell(self, name: str, failure: Failure) -> tuple[str, str]:
        match name:
            case "time":
                return fmt.offset(failure.stored.event.time - self.listed.start), "faint"
            case "mark":
                return self.glyphs("aborted" if failure.aborted else "error"), "doing" if failure.aborted else "failed"
            case "task":
                return failure_text.task(failure), "label"
            case "goal":
                return clean(failure.goal or "", 60), "muted"
            case "kind":
                return clean(failure_text.kind(failure), 40), "failed" if not failure.aborted else "doing"
            case "message":
                mark = f"({INFERRED}) " if failure.inferred or failure.aborted else ""
                return clean(f"{mark}{failure_text.message(failure)}"), "text"
            case _:
                tried = failure_text.tries(failure)
                return "" if tried is None or tried < 2 else f"try {tried}", "muted"
