"""The events of a node, of all beneath it, or of the run, one line each. Only the pages on the screen are in memory."""

from collections import OrderedDict
from collections.abc import Iterable, Sequence

from textual.message import Message

from store.record import Stored
from tui import format as fmt
from tui.models.columns import Cell, Column, fit, pad
from tui.models.summary import event_summary
from tui.text import clean
from tui.theme import Glyphs, event_name
from tui.widgets.rows import Rows

PAGE = 100
"""Rows that are asked for together."""

PAGES = 30
"""Pages that are remembered."""

COLUMNS = (
    Column("time", "TIME", 8, right=True),
    Column("mark", "", 1),
    Column("type", "EVENT", 9),
    Column("node", "NODE", 7, needs=70),
    Column("text", "", 0),
    Column("took", "TOOK", 6, right=True, needs=56),
)


class Timeline(Rows):
    """Rows of events, numbered from 0. It asks for the pages it needs by `Needed`, and is given them by `supply`."""

    class Needed(Message):
        """Rows are on the screen that are not here: those from `first` up to, not including, `last`."""

        def __init__(self, first: int, last: int) -> None:
            super().__init__()
            self.first = first
            self.last = last

    def __init__(self, glyphs: Glyphs, *, id: str | None = None) -> None:
        super().__init__(glyphs, id=id)
        self._count = 0
        self._pages: OrderedDict[int, Sequence[Stored]] = OrderedDict()
        self._asked: dict[int, int] = {}
        self._nameless: set[int] = set()
        """Pages with events of nodes that had no name yet."""
        self._start = 0.0
        self.following = True
        """The cursor stays on the newest event while events arrive."""
        self.hint = ""
        """Said beside that there are no events."""

    @property
    def count(self) -> int:
        return self._count

    @property
    def selected(self) -> Stored | None:
        """The event under the cursor, None while it is not here yet."""
        page = self._pages.get(self.cursor // PAGE, ())
        place = self.cursor % PAGE
        return page[place] if place < len(page) else None

    def show(self, count: int, start: float, at_end: bool, row: int | None = None) -> None:
        """Other events: so many, at times counted from `start`. The cursor is on a row, or on the last or the first."""
        self.forget()
        self._count, self._start = count, start
        if row is None:
            row = count - 1 if at_end else 0
        self.following = at_end and row >= count - 1
        self.set_reactive(Rows.cursor, max(0, min(row, count - 1)))
        self.changed()
        self._show(self.cursor)

    def first_page(self, count: int, at_end: bool) -> tuple[int, int]:
        """Which rows will be looked at first, of so many: from the first up to, not including, the second number."""
        pages = 1 + self.size.height // PAGE
        last = -(-count // PAGE)
        return (max(last - 1 - pages, 0) * PAGE, last * PAGE) if at_end else (0, pages * PAGE)

    def resize(self, count: int, before: int = 0) -> None:
        """There are so many of them now, `before` of which came before those that were there."""
        if before:
            self.forget()
        if count != self._count:
            self._forget_nameless()
        last = max(count - 1, 0)
        if count == self._count and not before and not (self.following and self.cursor < last):
            return
        at = self.cursor - self.scroll_offset.y
        self._count = count
        self.set_reactive(Rows.cursor, last if self.following else min(self.cursor + before, last))
        self.changed()
        if before and not self.following:
            self.scroll_to_row(self.cursor - at)
        elif self.following:
            self._show(self.cursor)

    def begin(self, start: float) -> None:
        """Times are counted from here."""
        if start != self._start:
            self._start = start
            self.changed()

    def unasked(self, first: int) -> None:
        """There is no answer to a `Needed`."""
        self._asked.pop(first // PAGE, None)

    def forget(self) -> None:
        """What was supplied does not hold any more."""
        self._pages.clear()
        self._asked.clear()

    def _forget_nameless(self) -> None:
        """Something happened: what had no name may have one now."""
        for number in self._nameless:
            self._pages.pop(number, None)
            self._asked.pop(number, None)
        self._nameless.clear()

    def supply(self, first: int, events: Sequence[Stored]) -> None:
        """The answer to a `Needed`, beginning at the row `first`."""
        for at in range(0, len(events), PAGE):
            number, page = (first + at) // PAGE, events[at : at + PAGE]
            self._pages[number] = page
            if any(stored.node is not None and stored.nid is None for stored in page):
                self._nameless.add(number)
        while len(self._pages) > PAGES:
            self._asked.pop(self._pages.popitem(last=False)[0], None)
        self.changed()

    def watch_cursor(self, old: int, new: int) -> None:
        self.following = new >= self._count - 1
        self._event(new)
        super().watch_cursor(old, new)

    def _event(self, index: int) -> Stored | None:
        number, place = divmod(index, PAGE)
        page = self._pages.get(number, ())
        if page:
            self._pages.move_to_end(number)
        there = min(PAGE, self._count - number * PAGE)
        if len(page) < there and self._asked.get(number, 0) < there:
            self._asked[number] = there
            self.post_message(self.Needed(number * PAGE, (number + 1) * PAGE))
        return page[place] if place < len(page) else None

    def empty(self) -> str:
        return f"no events\n{self.hint}"

    def row(self, index: int, width: int) -> Iterable[Cell]:
        stored = self._event(index)
        if stored is None:
            yield Cell(pad(f"  {self.glyphs('more')}", width), "faint")
            return
        name, role = event_name(stored.event.type)
        role = "failed" if stored.failed else role
        for column, size in fit(COLUMNS, width):
            match column.name:
                case "time":
                    yield Cell(pad(fmt.offset(stored.event.time - self._start), size, right=True), "faint")
                case "mark":
                    yield Cell(self.glyphs.event(stored.event.type), role)
                case "type":
                    yield Cell(pad(clean(name, 20), size), role)
                case "node":
                    yield Cell(pad(_nid(stored), size), "label")
                case "text":
                    text, text_role = event_summary(stored)
                    quiet = role == "faint" and text_role == "text"
                    yield Cell(pad(text, size), "muted" if quiet else text_role)
                case "took":
                    took = stored.event.facts.duration
                    yield Cell(pad("" if took is None else fmt.duration(took), size, right=True), "muted")
            yield Cell(" ")


def _nid(stored: Stored) -> str:
    """The planner's name of the node, with that of the node around it where it would say nothing alone."""
    if stored.node is None:
        return ""
    if stored.nid == "0" and stored.outer_nid is not None:
        return clean(f"{stored.outer_nid or 'root'}/0", 12)
    return "?" if stored.nid is None else clean(stored.nid, 12) or "root"
