"""The list of all runs in the file."""

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import ClassVar

from msgspec.structs import replace
from textual import on
from textual.app import ComposeResult, RenderResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget
from textual.widgets import Input

from store.reader import Reader
from store.record import RunRow
from tui import format as fmt
from tui.models import summary
from tui.models.run_detail import run_lines
from tui.screens.fed import FedScreen
from tui.text import clean
from tui.theme import Glyphs
from tui.widgets.key_line import KeyLine
from tui.widgets.rows import Rows
from tui.widgets.run_list import SORTS, RunList, RunListTitles
from tui.widgets.status_bar import StatusBar
from tui.widgets.text_pane import TextPane


class Title(Widget):
    """What this is, and how many runs there are."""

    DEFAULT_CSS = """
    Title { height: 1; background: $surface; padding: 0 1; }
    """
    runs: reactive[int | None] = reactive(None)
    """None: not known yet."""
    live: reactive[int] = reactive(0)

    def render(self) -> RenderResult:
        live = ("  ", (f"{self.live} live", "bold $accent")) if self.live else ()
        runs = "" if self.runs is None else fmt.counted(self.runs, "run")
        return Content.assemble(("treetop", "bold $success"), "  ", (runs, "$foreground 62%"), *live)


class RunsScreen(FedScreen):
    """Every run, newest first, live ones on top and moving. Opens one by `Opened`."""

    VERTICAL_BREAKPOINTS = [(0, "-short"), (32, "-tall")]  # noqa: RUF012 - as Textual declares it
    DEFAULT_CSS = """
    RunsScreen > #preview { height: 11; border-top: solid $border-blurred; }
    RunsScreen.-short > #preview { display: none; }
    RunsScreen > #preview:focus { border-top: solid $border; }
    RunsScreen > #filter { display: none; height: 1; border: none; padding: 0 1; background: $panel; }
    RunsScreen > #filter.-open { display: block; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("backslash,slash", "filter", "Filter", id="runs.filter", tooltip="Show only runs that hold some words"),
        Binding("S", "sort", "Sort", id="runs.sort", tooltip="Sort by the next column"),
        Binding("d,delete", "delete", "Delete", id="runs.delete", tooltip="Delete this run from the file"),
        Binding("m", "mark", "Keep", id="runs.mark", show=False, tooltip="Mark this run as one to keep, or no longer"),
        Binding("q", "app.leave", "Quit", id="runs.quit", tooltip="Leave treetop"),
        Binding("escape", "unfilter", "All", id="runs.unfilter", show=False, tooltip="Show all runs again"),
    ]

    class Opened(Message):
        """The user wants to see this run."""

        def __init__(self, run_id: str) -> None:
            super().__init__()
            self.run_id = run_id

    def __init__(
        self,
        glyphs: Glyphs,
        clock: Callable[[], float],
        path: Path,
        hint: str,
        delete: Callable[[Path, str], None],
        mark: Callable[[Path, str, bool], None],
    ) -> None:
        super().__init__(glyphs, clock)
        self._path = path
        self._hint = hint
        self._delete = delete
        self._mark = mark
        self._rows: dict[int, RunRow] = {}
        self._box: Input | None = None
        self._turn = asyncio.Lock()
        """Held while a mark is written: the last key counts."""

    def explain(self, hint: str) -> None:
        """Say why nothing is shown yet."""
        for runs in self.query(RunList):
            runs.hint = hint
            runs.changed()

    def forget(self) -> None:
        """There is another file: nothing of what is shown means anything in it."""
        self._rows = {}
        self._list.hint = ""
        self._list.show([])
        self._title.runs = None

    def compose(self) -> ComposeResult:
        runs = RunList(self.glyphs, self.clock, id="runs")
        yield Title()
        yield RunListTitles(runs, self.glyphs)
        yield runs
        yield TextPane(id="preview")
        yield StatusBar(self.glyphs)
        yield KeyLine()

    async def on_mount(self) -> None:
        self._list, self._titles = self.query_one(RunList), self.query_one(RunListTitles)
        self._title, self._about = self.query_one(Title), self.query_one(TextPane)
        self.query_one(StatusBar).file = str(self._path)
        self._list.focus()
        if self.reader is not None:
            await self._try(partial(self.read, self.reader))

    async def read(self, reader: Reader) -> None:
        known = max((row.last_seq for row in self._rows.values()), default=0)
        changed = await reader.runs(known)
        self._rows.update((row.key, row) for row in changed)
        if len(self._rows) != await reader.count_runs():  # some were deleted
            self._rows = {row.key: row for row in await reader.runs()}
            changed = list(self._rows.values())
        if changed or not self._rows:
            self._list.hint = self._hint
            self._show()

    def _show(self) -> None:
        rows = sorted(self._rows.values(), key=lambda row: row.key, reverse=True)
        self._list.show(rows)
        now = self.clock()
        self._title.runs = len(rows)
        self._title.live = sum(summary.run_ended(row.run, now) == "running" for row in rows)
        self._preview()

    @on(Rows.Moved)
    def _preview(self) -> None:
        row = self._list.selected
        lines = [] if row is None else run_lines(row, self.clock(), self.glyphs)
        self._about.show(None if row is None else row.key, lines)

    def tick(self) -> None:
        if any(row.run.ended is None for row in self._rows.values()):
            self._show()

    @on(Rows.Selected)
    def _selected(self, message: Rows.Selected) -> None:
        row = self._list.selected
        if row is not None:
            self.post_message(self.Opened(row.run.run_id))

    # Filter and sort

    async def action_filter(self) -> None:
        if self._box is None:  # made when it is needed: its styles take long to parse
            self._box = Input(placeholder="words that goal, id or status must hold", id="filter", select_on_focus=False)
            await self.mount(self._box, before=self._titles)
        self._box.add_class("-open")
        self._box.focus()

    def action_unfilter(self) -> None:
        if self._box is not None:
            self._box.remove_class("-open")
            self._box.value = ""
        self._list.focus()

    @on(Input.Changed)
    def _filtered(self, event: Input.Changed) -> None:
        self._list.narrow(event.value)
        self._preview()

    @on(Input.Submitted)
    def _done(self) -> None:
        self._list.focus()

    def action_sort(self) -> None:
        names = list(SORTS)
        self._list.order(names[(names.index(self._list.sort) + 1) % len(names)])
        self._titles.refresh()
        self._preview()

    # Mark and delete

    def action_mark(self) -> None:
        row = self._list.selected
        if row is not None:
            self._rows[row.key] = marked = replace(row, marked=not row.marked)  # the next key goes on from there
            self._show()
            self.do(partial(self._keep, marked), "mark", exclusive=False)

    async def _keep(self, row: RunRow) -> None:
        try:
            async with self._turn:
                await asyncio.to_thread(self._mark, self._path, row.run.run_id, row.marked)
        finally:
            self._rows.clear()
            self.news(self.reader)

    def action_delete(self) -> None:
        from tui.screens.confirm import Confirm

        row = self._list.selected
        if row is None:
            return
        run = row.run
        what = Content.assemble(
            ("Delete this run for good?\n\n", "bold"),
            clean(run.goal or run.run_id, 200),
            (f"\n\n{clean(run.run_id, 60)}", "$text-muted"),
            ("" if run.started is None else f"\nbegan {fmt.clock(run.started)}", "$text-muted"),
            (
                f"\n{fmt.counted(run.events, 'event')}, {fmt.size(row.bytes)}; Redis may not have them any more",
                "$text-muted",
            ),
        )
        if row.marked:
            what += Content.styled("\nIt is marked as one to keep.", "$error")
        if summary.run_ended(run, self.clock()) == "running":
            what += Content.styled(
                "\nIt is running: what it still does will come back as a run that begins in the middle.", "$error"
            )
        self.app.push_screen(Confirm(what, "Delete"), lambda yes: self._confirmed(row) if yes else None)

    def _confirmed(self, row: RunRow) -> None:
        self.do(partial(self._remove, row), "delete", exclusive=False)

    async def _remove(self, row: RunRow) -> None:
        await asyncio.to_thread(self._delete, self._path, row.run.run_id)
        self.notify(clean(row.run.goal or row.run.run_id, 80), title="Deleted", markup=False)
        self.news(self.reader)
