"""The timeline: the events of a node, of a subtree or of the run, one line each. Only shown pages are in memory."""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from textual.message import Message
from textual.reactive import reactive

from store.model.record import Stored
from tui import format as fmt
from tui.models.columns import Cell, Column, fit, pad
from tui.models.name import task_name
from tui.models.snapshot import PAGE, EventCursor, EventRows
from tui.models.summary import event_summary
from tui.text import clean
from tui.theme import Glyphs, event_name
from tui.widgets.rows import Rows

MAX_PAGES = 30
"""Number of pages that are kept in memory. The page that was shown longest ago is dropped first."""

COLUMNS = (
    Column("time", "TIME", 8, right=True),
    Column("mark", "", 1),
    Column("type", "EVENT", 9),
    Column("node", "TASK", 7, needs=70),
    Column("text", "", 0),
    Column("took", "TOOK", 6, right=True, needs=56),
)


class Timeline(Rows):
    """Draws rows of events, counted from 0.

    From outside: set `listed` to the rows; answer each `Needed` by `supply` or `withhold`; call `follow` to move the cursor
    to the newest event. `place` is where the cursor is.

    `pending` returns the identity of the rows that the user asked for while they are being read, and None otherwise. Keys
    that move the cursor meanwhile take effect as soon as those rows are listed.
    """

    listed: reactive[EventRows] = reactive(EventRows((), 0, 0.0), init=False, repaint=False)

    class Needed(Message):
        """Rows on the screen are missing: those from `first` up to, not including, `last`."""

        def __init__(self, first: int, last: int) -> None:
            super().__init__()
            self.first = first
            self.last = last

    def __init__(self, glyphs: Glyphs, pending: Callable[[], object] = lambda: None, *, id: str | None = None) -> None:
        super().__init__(glyphs, id=id)
        self._pending = pending
        self._pages: OrderedDict[int, Sequence[Stored]] = OrderedDict()
        self._asked: dict[int, int] = {}
        """By number of a page, the number of its rows when it was asked for."""
        self._nameless: set[int] = set()
        """Pages with events of nodes without a name."""
        self._following = True
        """Whether the cursor stays on the newest event."""
        self._hint = f"reading{glyphs('more')}"
        self._waiting: list[tuple[object, Callable[[], None]]] = []
        """Moves of the cursor, each with the identity of the rows that it is meant for."""

    @property
    def count(self) -> int:
        return self.listed.count

    @property
    def selected(self) -> Stored | None:
        """The event under the cursor; None until it is read."""
        page = self._pages.get(self.cursor // PAGE, ())
        place = self.cursor % PAGE
        return page[place] if place < len(page) else None

    @property
    def place(self) -> EventCursor:
        """The cursor, and the size of the pane."""
        return EventCursor(self.cursor, self.selected, self._following, 1 + self.size.height // PAGE)

    # Rows

    def watch_listed(self, old: EventRows, new: EventRows) -> None:
        if new.fresh:
            self._forget()
            self._hint = new.hint
            row = (new.count - 1 if new.at_end else 0) if new.row is None else new.row
            self._following = new.at_end and row >= new.count - 1
            self._put(row)
            self.supply(new.first, new.events)
        else:
            self._update(old, new)
        if self._pending() is None:
            self._catch_up(new.identity)

    def _update(self, old: EventRows, new: EventRows) -> None:
        """The same list goes on: rows came, perhaps before those that were there."""
        if new.added:
            self._forget()
        if new.count != old.count:
            self._forget_nameless()
        last = max(new.count - 1, 0)
        if new.count == old.count and not new.added and not (self._following and self.cursor < last):
            if new.start != old.start:
                self.changed()
            return
        line = self.cursor - self.scroll_offset.y
        if self._following:
            self._put(last)
            return
        self.set_reactive(Rows.cursor, min(self.cursor + new.added, last))
        self.changed()
        if new.added:
            self.scroll_to_row(self.cursor - line)

    def _put(self, row: int) -> None:
        """Move the cursor to a row without reporting it."""
        self.set_reactive(Rows.cursor, max(0, min(row, self.count - 1)))
        self.changed()
        self._show(self.cursor)

    def supply(self, first: int, events: Sequence[Stored]) -> None:
        """The events of the rows from `first` on, which is the first row of a page."""
        for at in range(0, len(events), PAGE):
            number, page = (first + at) // PAGE, events[at : at + PAGE]
            self._pages[number] = page
            if any(stored.node is not None and stored.nid is None for stored in page):
                self._nameless.add(number)
        while len(self._pages) > MAX_PAGES:
            self._asked.pop(self._pages.popitem(last=False)[0], None)
        self.changed()

    def withhold(self, first: int) -> None:
        """The rows from `first` on could not be read: ask again when they are drawn again."""
        self._asked.pop(first // PAGE, None)

    def _forget(self) -> None:
        self._pages.clear()
        self._asked.clear()

    def _forget_nameless(self) -> None:
        """Read again the events of nodes that had no name: they may have one now."""
        for number in self._nameless:
            self._pages.pop(number, None)
            self._asked.pop(number, None)
        self._nameless.clear()

    def _event(self, index: int) -> Stored | None:
        number, place = divmod(index, PAGE)
        page = self._pages.get(number, ())
        if page:
            self._pages.move_to_end(number)
        size = min(PAGE, self.count - number * PAGE)
        if len(page) < size and self._asked.get(number, 0) < size:
            self._asked[number] = size
            self.post_message(self.Needed(number * PAGE, (number + 1) * PAGE))
        return page[place] if place < len(page) else None

    # Moving

    def follow(self) -> None:
        """Keep the cursor on the newest event from the next rows on."""
        self._following = True

    def watch_cursor(self, old: int, new: int) -> None:
        self._following = new >= self.count - 1
        self._event(new)
        super().watch_cursor(old, new)

    def _move(self, move: Callable[[], None]) -> None:
        """Move the cursor in the rows that the user asked for: now, or when they are listed."""
        pending = self._pending()
        if pending is None:
            move()
        else:
            self._waiting.append((pending, move))
            self.post_message(self.Moved(self))

    def _catch_up(self, identity: object) -> None:
        """Make the moves that waited for these rows. Moves for rows that are no longer asked for are dropped."""
        waiting, self._waiting = self._waiting, []
        for pending, move in waiting:
            if pending in ((), identity):  # (): before the run was read
                move()

    def action_move(self, rows: int) -> None:
        self._move(partial(super().action_move, rows))

    def action_page(self, pages: float) -> None:
        self._move(partial(super().action_page, pages))

    def action_first(self) -> None:
        self._move(super().action_first)

    def action_last(self) -> None:
        self._move(super().action_last)

    def action_select(self) -> None:
        if self.count or self._pending() is not None:
            self.post_message(self.Selected(self))

    # Drawing

    def empty(self) -> str:
        return self._hint or "No event yet."

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
                    yield Cell(pad(fmt.offset(stored.event.time - self.listed.start), size, right=True), "faint")
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
    """The name of the node."""
    return "" if stored.node is None else clean(task_name(stored.nid, stored.outer_nid), 12)
