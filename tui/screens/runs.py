"""The list of all runs in the file."""

import asyncio
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import ClassVar

from msgspec.structs import replace
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.widgets import Input

from store.database.reader import Reader
from store.model.record import RunRow
from store.model.runaway import NO_BUDGET, Budget
from tui.models.run_detail import run_lines
from tui.models.run_order import SORTS
from tui.models.snapshot import Text
from tui.screens import start_here
from tui.screens.fed import FedScreen
from tui.screens.newest_error import NewestError
from tui.text import clean
from tui.theme import Glyphs
from tui.widgets.key_line import KeyLine
from tui.widgets.program_title import ProgramTitle
from tui.widgets.prompt import Prompt
from tui.widgets.rows import Rows
from tui.widgets.run_list import RunList, RunListTitles
from tui.widgets.status_bar import StatusBar
from tui.widgets.text_pane import TextPane

PAGE_RUNS = 1_000
"""Number of runs that one reading takes while a file is opened. Keys are handled between two readings."""

PREVIEW_MIN_LINES = 10
"""Height of the preview beneath a long list."""

TALL_LINES = 32
"""Height of the terminal from which on there is a preview beneath a list of any length."""

EMPTY_LINES = 16
"""Height of a list without runs, which has a text instead."""

BARS = 4
"""Lines above and below the list and the preview."""


class RunsScreen(FedScreen):
    """Lists all runs, live ones first, then newest first. Posts `Opened` for the run that the user opens.

    `path`: file that marks and deletions change. `hint`: text shown in place of an empty list. `budget`: of each run.
    """

    DEFAULT_CSS = """
    RunsScreen > #preview { height: 1fr; border-top: solid $border-blurred; }
    RunsScreen > #preview:focus { border-top: solid $border; }
    """
    START = start_here.RUNS
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("backslash,slash", "filter", "Filter", id="runs.filter", tooltip="Show only runs with certain words"),
        Binding("n", "now", "Now", id="runs.now", tooltip="To what all live runs do now, late steps and calls first"),
        Binding("S", "sort", "Sort", id="runs.sort", tooltip="Sort by the next column"),
        Binding("d,delete", "delete", "Delete", id="runs.delete", tooltip="Delete this run from the file"),
        Binding("m", "mark", "Keep", id="runs.mark", tooltip="Mark this run as kept, or unmark it"),
        Binding("5", "statistics", "Statistics", id="runs.statistics", show=False, tooltip="Statistics of all runs"),
        Binding("q", "app.leave", "Quit", id="runs.quit", tooltip="Leave treetop"),
        Binding("escape", "unfilter", "All", id="runs.unfilter", show=False, tooltip="Show all runs again"),
    ]

    class Opened(Message):
        """The user opened a run."""

        def __init__(self, run_id: str) -> None:
            super().__init__()
            self.run_id = run_id

    class NowOpened(Message):
        """The user asked for what all live runs do now."""

    def __init__(
        self,
        glyphs: Glyphs,
        clock: Callable[[], float],
        path: Path,
        hint: str,
        budget: Budget = NO_BUDGET,
    ) -> None:
        super().__init__(glyphs, clock)
        self._path = path
        self._hint = hint
        self._budget = budget
        self._seen: int | None = None
        """Number of the last change of a run that is shown; None: nothing was read yet."""
        self._loaded = False
        """Whether all runs were read."""
        self._oldest: int | None = None
        """Key of the oldest run that was read."""
        self._file = 0
        """Number of files that were opened before the present one."""
        self._doubtful: set[int] = set()
        """Runs that were shown with a mark before it was stored, to be read again."""
        self._newest_error = NewestError()
        self._fitted_to = Size(0, 0)
        """Size of the screen for which the height of the list was set last."""
        self._list_height = ""
        """Height of the list that was set last."""
        self._box: Prompt | None = None
        self._turn = asyncio.Lock()
        """Held while a mark is written, so that marks are stored in the order of the keys."""

    def explain(self, hint: str) -> None:
        """Show why there are no runs, as soon as the file was read."""
        self._hint = hint
        for runs in self.query(RunList):
            if runs.hint != hint and (self._seen is not None or self.reader is None):
                runs.hint = hint
                runs.changed()

    def forget(self) -> None:
        """Remove all runs: another file was opened."""
        self._file += 1
        self._seen = None
        self._list.hint = ""
        self._list.clear()
        self._title.runs = None

    def compose(self) -> ComposeResult:
        runs = RunList(self.glyphs, self.clock, self._budget, id="runs")
        yield ProgramTitle()
        yield RunListTitles(runs, self.glyphs)
        yield runs
        yield TextPane(id="preview")
        yield StatusBar(self.glyphs)
        yield KeyLine().data_bind(idle=FedScreen.idle_keys)

    async def on_mount(self) -> None:
        self._list, self._titles = self.query_one(RunList), self.query_one(RunListTitles)
        self._title, self._detail = self.query_one(ProgramTitle), self.query_one(TextPane)
        self.query_one(StatusBar).file = str(self._path)
        self._list.focus()
        if self.reader is not None:
            await self.attempt(partial(self.refresh_from, self.reader))

    async def read(self, reader: Reader) -> None:
        file = self._file
        seen, loaded, oldest = self._seen, self._loaded, self._oldest
        if seen is None:
            seen, loaded, oldest = await reader.last_change(), False, None
        changes = await reader.run_changes(seen)
        doubtful = list(self._doubtful)
        rows = [*changes.rows, *[row for key in doubtful if (row := await reader.run(key)) is not None]]
        if not loaded:
            page = await reader.run_page(oldest, PAGE_RUNS)
            loaded, oldest = len(page) < PAGE_RUNS, page[-1].key if page else None
            rows += page
        if file != self._file:  # these rows may be those of the file before
            self.soon()
            return
        self._seen, self._loaded, self._oldest = changes.number, loaded, oldest
        self._doubtful.difference_update(doubtful)
        if not loaded:
            self.soon()
        if rows or changes.gone or not self._list.total:
            self._list.hint = self._hint
            self._list.update(rows, changes.gone)
            self._show_list()

    def _show_list(self) -> None:
        """Show the numbers of runs, and the run under the cursor."""
        self._title.runs, self._title.shown = self._list.total, self._list.count
        self._title.live = self._list.live
        self._fit_list()
        self._preview()
        self.keys_changed()

    def without_effect(self) -> Iterable[str]:
        if not self._list.live:
            yield from ("app.newest", "runs.now")
        if not self._list.count:
            yield from ("row.open", "runs.delete", "runs.mark", "runs.statistics")
        if self._list.total < 2:
            yield from ("runs.filter", "runs.sort")

    @on(Rows.Moved)
    def _preview(self) -> None:
        row, error = self._list.selected, None
        if row is not None:
            error = self._newest_error.known(row)
            if self._newest_error.missing(row) and self.reader is not None:
                self.do(partial(self._read_error, self.reader, row), "preview")
        lines = [] if row is None else run_lines(row, self.clock(), self.glyphs, error, self._budget)
        self._detail.shown = Text(None if row is None else row.key, lines)

    async def _read_error(self, reader: Reader, row: RunRow) -> None:
        await self._newest_error.read(reader, row)
        self._preview()

    def _fit_list(self) -> None:
        """Give the list the height of its rows, so that the preview follows them. The preview keeps a minimum height.

        A low terminal has the preview beneath a short list only.
        """
        high, runs = self.app.size.height, self._list.count
        room = high - BARS - (PREVIEW_MIN_LINES + 1)
        self._detail.display = high >= TALL_LINES or 0 < runs <= room
        height = str(max(min(runs or EMPTY_LINES, room), 1)) if self._detail.display else "1fr"
        if height != self._list_height:
            self._list_height = height
            self._list.styles.height = height

    @on(events.Resize)
    def _resized(self, event: events.Resize) -> None:
        if event.size != self._fitted_to:
            self._fitted_to = event.size
            self._fit_list()

    def tick(self) -> None:
        if self._list.tick():
            self._show_list()

    @on(Rows.Selected)
    def _selected(self, message: Rows.Selected) -> None:
        row = self._list.selected
        if row is not None:
            self.post_message(self.Opened(row.run.run_id))

    def action_statistics(self) -> None:
        from tui.screens.all_runs import AllRunsScreen  # not needed for the first picture

        screen = AllRunsScreen(self.glyphs, self.clock, self._open)
        self.app.push_screen(screen)
        screen.news(self.reader)

    def _open(self, run_id: str) -> None:
        self.post_message(self.Opened(run_id))

    # Filter and sort

    async def action_filter(self) -> None:
        if self._box is None:  # at the first use, because its styles take long to parse
            self._box = Prompt("Filter", placeholder="words of the goal, id or status", id="filter", select_on_focus=False)
            await self.mount(self._box, before=self._titles)
        self._box.open()

    def action_unfilter(self) -> None:
        if self._box is not None:
            self._box.close()
        self._list.focus()

    def back(self) -> bool:
        if self.focused is self._list and (self._box is None or not self._box.value):
            return False
        self.action_unfilter()
        return True

    @on(Input.Changed)
    def _filtered(self, event: Input.Changed) -> None:
        self._list.narrow(event.value)
        self._show_list()

    @on(Input.Submitted)
    def _done(self) -> None:
        self._list.focus()

    def action_sort(self) -> None:
        names = list(SORTS)
        self._list.order(names[(names.index(self._list.sort) + 1) % len(names)])
        self._titles.refresh()
        self._preview()

    def action_now(self) -> None:
        self.post_message(self.NowOpened())

    # Mark and delete

    def action_mark(self) -> None:
        row = self._list.selected
        if row is not None:
            pinned = replace(row, pinned=not row.pinned)
            self._list.update([pinned])  # the next key starts from there
            self._show_list()
            self.do(partial(self._keep, pinned), "mark", exclusive=False)

    async def _keep(self, row: RunRow) -> None:
        from store.database.retention import pin  # not needed for the first picture

        try:
            async with self._turn:
                await asyncio.to_thread(pin, self._path, row.run.run_id, row.pinned)
        finally:
            self._doubtful.add(row.key)
            self.news(self.reader)

    def action_delete(self) -> None:
        from tui.screens import run_deletion
        from tui.screens.confirm import Confirm

        row = self._list.selected
        if row is None:
            return
        question = run_deletion.question(row, self.clock())
        self.app.push_screen(Confirm(question, "Delete"), lambda yes: self._confirmed(row) if yes else None)

    def _confirmed(self, row: RunRow) -> None:
        self.do(partial(self._remove, row), "delete", exclusive=False)

    async def _remove(self, row: RunRow) -> None:
        from store.database.deletion import delete_run

        await asyncio.to_thread(delete_run, self._path, row.run.run_id)
        self.notify(clean(row.run.goal or row.run.run_id, 80), title="Deleted", markup=False)
        self.news(self.reader)
