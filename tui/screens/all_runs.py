"""The screen of the statistics of all runs: success, time and cost by day, the slowest and the dearest runs."""

import asyncio
from collections.abc import Callable
from datetime import date
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from store.database.reader import Reader
from store.model.state import Run
from tui.models.day_rows import COLUMNS, DAY, SORTS, lead, sections
from tui.screens.fed import FedScreen
from tui.screens.pace import Pace
from tui.theme import Glyphs
from tui.widgets.key_line import KeyLine
from tui.widgets.lead_line import LeadLine
from tui.widgets.rows import Rows
from tui.widgets.section_table import SectionTable
from tui.widgets.sortable_rows import SortableRows, SortTitles
from tui.widgets.status_bar import StatusBar

PAGE_RUNS = 1_000
"""Number of runs that one query takes. Keys are handled between two queries."""


class AllRunsScreen(FedScreen):
    """Shows the statistics. Enter on a day lists its slowest and dearest runs; `on_run` gets the id of a run to open."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("S", "sort", "Sort", id="all-runs.sort", tooltip="Sort the days by the next column"),
        Binding("5", "app.leave", "Runs", id="all-runs.close", show=False, tooltip="Back to the list of runs"),
    ]

    def __init__(self, glyphs: Glyphs, clock: Callable[[], float], on_run: Callable[[str], None]) -> None:
        super().__init__(glyphs, clock)
        self._on_run = on_run
        self._runs: dict[int, Run] = {}
        """Runs by key."""
        self._seen: int | None = None
        """Number of the last change of a run that was read; None: nothing was read yet."""
        self._day: date | None = None
        """Day of the slowest and dearest runs; None: any."""
        self._pace = Pace(self)
        self._ready = asyncio.Event()
        """Set after the first reading."""

    def compose(self) -> ComposeResult:
        table = SectionTable({0: COLUMNS}, SORTS, self.glyphs, id="all-runs")
        yield LeadLine()
        yield SortTitles(table, self.glyphs)
        yield table
        yield StatusBar(self.glyphs)
        yield KeyLine().data_bind(idle=FedScreen.idle_keys)

    def on_mount(self) -> None:
        self._table, self._lead = self.query_one(SectionTable), self.query_one(LeadLine)
        self._table.caption = "Statistics of all runs"
        self._table.sort = SORTS[0]
        self.rows = self._table
        self._table.focus()

    async def until_ready(self) -> None:
        await self._ready.wait()

    # Reading

    async def read(self, reader: Reader) -> None:
        if self._pace.must_wait():
            return
        try:
            with self._pace.reading():
                await self._read_runs(reader)
            self._draw()
        finally:
            self._ready.set()

    async def _read_runs(self, reader: Reader) -> None:
        if self._seen is None:
            oldest: int | None = None
            seen = await reader.last_change()
            while page := await reader.run_page(oldest, PAGE_RUNS):
                self._runs.update((row.key, row.run) for row in page)
                oldest = page[-1].key
            self._seen = seen  # not before: a reading that fails must begin again
            return
        changes = await reader.run_changes(self._seen)
        for key in changes.gone:
            self._runs.pop(key, None)
        self._runs.update((row.key, row.run) for row in changes.rows)
        self._seen = changes.number

    def _draw(self) -> None:
        table, runs = self._table, [*self._runs.values()]
        self._lead.text = lead(runs, self.clock())
        table.listed = sections(runs, self.clock(), self._day, table.sort, table.backwards, "no runs yet")

    # Keys and the mouse

    @on(SortableRows.Sorted)
    def _title_clicked(self, message: SortableRows.Sorted) -> None:
        table = self._table
        self._sort(message.column, message.column == table.sort and not table.backwards)

    def action_sort(self) -> None:
        self._sort(SORTS[(SORTS.index(self._table.sort) + 1) % len(SORTS)], False)

    def _sort(self, sort: str, backwards: bool) -> None:
        self._table.sort, self._table.backwards = sort, backwards
        self._draw()

    def back(self) -> bool:
        if self._day is None:
            return False
        self._day = None
        self._draw()
        return True

    @on(Rows.Selected)
    def _opened(self) -> None:
        row = self._table.selected
        if row is None:
            return
        kind, name = row.key
        if kind == DAY:
            day = date.fromisoformat(name)
            self._day = None if day == self._day else day
            self._draw()
        else:
            self._on_run(name)
