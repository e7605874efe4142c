"""The screen of what all live runs do now: open steps and calls, late ones first."""

import asyncio
from collections.abc import Callable, Sequence
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult, RenderResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from store.database.open_work import OpenWorkReader
from store.database.reader import Reader
from store.model.runaway import Budget
from store.model.silence import OpenWork, by_silence
from tui import format as fmt
from tui.models.snapshot import Text
from tui.models.work_detail import work_lines
from tui.screens.fed import FedScreen
from tui.theme import Glyphs
from tui.widgets.key_line import KeyLine
from tui.widgets.rows import Rows
from tui.widgets.status_bar import StatusBar
from tui.widgets.text_pane import TextPane
from tui.widgets.work_list import WorkList, WorkListTitles

BARS = 4
"""Lines above and below the list and the details."""

DETAIL_LINES_MIN = 9
"""Height of the details beneath a long list."""

EMPTY_LINES = 2
"""Height of a list without rows, which has a text instead."""


class NowTitle(Widget):
    """How many steps and calls are late, how many are open, and in how many runs. Set its reactives."""

    DEFAULT_CSS = """
    NowTitle { height: 1; background: $surface; padding: 0 1; }
    """
    works: reactive[int | None] = reactive(None)
    """None: not read yet."""
    late: reactive[int] = reactive(0)
    runs: reactive[int] = reactive(0)
    runaways: reactive[int] = reactive(0)
    """Number of runs that run away."""
    every: reactive[bool] = reactive(False)
    """Whether the list includes what waits, and what is open in interrupted runs."""

    def render(self) -> RenderResult:
        parts: list[str | tuple[str, str]] = [("Now", "bold $success"), "  "]
        if self.works is not None:
            late = (f"{self.late:,} late", "bold $error") if self.late else ("nothing is late", "$foreground 62%")
            parts += [late, "  "]
            if self.runaways:
                parts += [(f"{fmt.exactly(self.runaways, 'run')} running away", "bold $error"), "  "]
            shown = f"{self.works:,} open in {fmt.exactly(self.runs, 'run')}{', with all that wait' * self.every}"
            parts.append((shown, "$foreground 62%"))
        return Content.assemble(*parts)


class NowScreen(FedScreen):
    """Lists the open steps and calls, and describes the one under the cursor. Posts `Opened` for the one that is opened.

    The file is read at most once a second, and only if it changed. Otherwise only the times on the screen grow.
    """

    CSS = """
    NowScreen #work { height: 1fr; border-top: solid $border-blurred; border-title-color: $foreground 62%; }
    NowScreen #work:focus { border-top: solid $border; border-title-color: $accent; border-title-style: bold; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "app.leave", "Runs", id="now.close", show=False, tooltip="Back to the list of runs"),
        Binding("a", "every", "All", id="now.all", tooltip="Also steps and calls that wait, and those of interrupted runs"),
    ]

    class Opened(Message):
        """The user opened a step or call."""

        def __init__(self, work: OpenWork) -> None:
            super().__init__()
            self.work = work

    def __init__(self, glyphs: Glyphs, clock: Callable[[], float], budget: Budget) -> None:
        super().__init__(glyphs, clock)
        self._budget = budget
        self._queries: OpenWorkReader | None = None
        self._works: Sequence[OpenWork] = ()
        """Everything that is open, in no order."""
        self._every = False
        self._list_height = 0
        """Height of the list that was set last."""
        self._changed = False
        """Whether the file changed since the last reading."""
        self._ready = asyncio.Event()
        """Set after the first reading."""

    def compose(self) -> ComposeResult:
        works = WorkList(self.glyphs, id="works")
        yield NowTitle()
        yield WorkListTitles(works)
        yield works
        yield TextPane(id="work")
        yield StatusBar(self.glyphs)
        yield KeyLine().data_bind(idle=FedScreen.idle_keys)

    def on_mount(self) -> None:
        self._title, self._list = self.query_one(NowTitle), self.query_one(WorkList)
        self._pane = self.query_one(TextPane)
        self._pane.caption = "Details"
        self.rows = self._list
        self._list.focus()

    async def until_ready(self) -> None:
        await self._ready.wait()

    def news(self, reader: Reader | None) -> None:
        if reader is not self.reader or not self._ready.is_set():
            self._queries = None if reader is None else OpenWorkReader(reader, self._budget)
            super().news(reader)
        else:
            self._changed = True

    @property
    def at_rest(self) -> bool:
        return super().at_rest and not self._changed

    async def read(self, reader: Reader) -> None:
        self._changed = False
        try:
            if self._queries is not None:
                self._works = await self._queries.read(self.clock(), self._every)
            self._show()
        finally:
            self._ready.set()

    def tick(self) -> None:
        if self._changed:
            super().news(self.reader)
        else:
            self._show()

    def _show(self) -> None:
        now = self.clock()
        works = by_silence(self._works, now, self._every)
        self._fit_list(len(works))
        self._list.show(works, now)
        self._title.works, self._title.every = len(works), self._every
        self._title.late = sum(work.is_late(now) and not work.is_interrupted(now) for work in works)
        self._title.runs = len({work.run.key for work in works})
        self._title.runaways = len({work.run.key for work in works if work.runaways})
        self._detail()

    def _fit_list(self, count: int) -> None:
        """Give the list the height of its rows, so that the details follow them. The details keep a minimum height."""
        room = self.app.size.height - BARS - DETAIL_LINES_MIN
        height = max(min(count or EMPTY_LINES, room), 1)
        if height != self._list_height:
            self._list_height = height
            self._list.styles.height = height

    @on(events.Resize)
    def _resized(self) -> None:
        if self._ready.is_set():
            self._fit_list(self._list.count)

    @on(Rows.Moved)
    def _detail(self) -> None:
        work = self._list.selected
        if work is None:
            self._pane.shown = Text()
        else:
            self._pane.shown = Text((work.run.key, work.span.born), work_lines(work, self.clock(), self.glyphs))

    def action_every(self) -> None:
        self._every = not self._every
        self.soon()

    @on(Rows.Selected)
    def _open(self) -> None:
        work = self._list.selected
        if work is not None:
            self.post_message(self.Opened(work))

    @on(events.ScreenResume)
    def _seen_again(self) -> None:
        if self._ready.is_set():
            self._show()
