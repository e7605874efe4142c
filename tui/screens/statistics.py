"""The screen of the statistics of a run: what took the time and the money, at the position of the session."""

from collections.abc import Callable
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from store.model.record import SpanRow
from tui.models.statistics_rows import LAYOUTS, SORTED_BY, SORTS, StatisticsShown, sections
from tui.models.statistics_text import path_line, share
from tui.screens.fed import FedScreen
from tui.screens.pace import Pace
from tui.screens.session_screen import SessionScreen
from tui.screens.spans import Group, SpansScreen
from tui.session.session import Session
from tui.session.statistics import SessionStatistics
from tui.theme import Glyphs
from tui.widgets.key_line import KeyLine
from tui.widgets.lead_line import LeadLine
from tui.widgets.rows import Rows
from tui.widgets.run_header import RunHeader
from tui.widgets.section_table import SectionTable
from tui.widgets.sortable_rows import SortableRows, SortTitles
from tui.widgets.status_bar import StatusBar


class StatisticsScreen(SessionScreen):
    """Shows the statistics of the run of a session, or of one of its tasks and everything beneath it.

    `on_task` is called with the number of a task that the user opens, `on_span` with a step or call.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("S", "sort", "Sort", id="statistics.sort", tooltip="Sort by the next column"),
        Binding("b", "scope", "Scope", id="statistics.scope", tooltip="Statistics of the run, or of the selected task"),
        Binding("5", "app.leave", "Run", id="statistics.close", show=False, tooltip="Back to the run"),
    ]

    def __init__(
        self,
        glyphs: Glyphs,
        clock: Callable[[], float],
        session: Session,
        statistics: SessionStatistics,
        on_task: Callable[[int], None],
        on_span: Callable[[SpanRow], None],
    ) -> None:
        super().__init__(glyphs, clock, session)
        self._on_task = on_task
        self._on_span = on_span
        self._statistics = statistics
        self._drawn: StatisticsShown | None = None
        """The statistics that are drawn; None: those that the user asked for are not read yet."""
        self._pace = Pace(self)
        self._stale = False
        """Whether another reading must follow."""

    def compose(self) -> ComposeResult:
        table = SectionTable(LAYOUTS, SORTED_BY, self.glyphs, id="statistics")
        yield RunHeader(self.glyphs).data_bind(shown=StatisticsScreen.header)
        yield LeadLine()
        yield SortTitles(table, self.glyphs)
        yield table
        yield StatusBar(self.glyphs)
        yield KeyLine().data_bind(idle=FedScreen.idle_keys)

    def on_mount(self) -> None:
        self._table, self._lead = self.query_one(SectionTable), self.query_one(LeadLine)
        self._lead.text = f"reading{self.glyphs('more')}"
        self._table.caption = "Statistics"
        self._table.sort = SORTS[0]
        self.rows = self._table
        self._table.focus()

    @property
    def at_rest(self) -> bool:
        return super().at_rest and not self._stale

    # Reading

    async def read_run(self) -> None:
        """Read the statistics if they changed, unless the last reading was too long and too short a time ago."""
        statistics = self._statistics
        self.header = self._session.header()
        await statistics.find_task()
        self._stale = statistics.stale
        if self._stale and not self._pace.must_wait():
            with self._pace.reading():
                await statistics.read(self._progress)
            self._stale = statistics.stale
        if statistics.shown is not self._drawn:
            self._draw()

    def _progress(self, part: float) -> None:
        if self._drawn is None:
            self._lead.text = f"reading{self.glyphs('more')} {share(part)}"

    def _draw(self) -> None:
        shown, position = self._statistics.shown, self._session.travel.position
        self._drawn = shown
        task = f"Task {shown.scope} and everything beneath it" if shown.scope else ""
        past = "" if position is None else f"up to event {position:,}"
        self._lead.about = " ".join(filter(None, (task or (past and "The run"), past)))
        self._lead.text = path_line(shown.path)
        self._table.listed = sections(shown, self._table.sort, self._table.backwards)

    def tick(self) -> None:
        if self._session.ages():
            self.news(self.reader)

    # Keys and the mouse

    @on(SortableRows.Sorted)
    def _title_clicked(self, message: SortableRows.Sorted) -> None:
        table = self._table
        self._sort(message.column, message.column == table.sort and not table.backwards)

    def action_sort(self) -> None:
        sort = self._table.sort
        self._sort(SORTS[(SORTS.index(sort) + 1) % len(SORTS)] if sort in SORTS else SORTS[0], False)

    def _sort(self, sort: str, backwards: bool) -> None:
        self._table.sort, self._table.backwards = sort, backwards
        self._draw()

    def action_scope(self) -> None:
        self._statistics.change_scope()
        self._drawn = None
        self._pace.hurry()

    @on(Rows.Selected)
    def _opened(self) -> None:
        row = self._table.selected
        if row is None:
            return
        kind, name = row.key
        if kind == "path":
            self.app.pop_screen()
            self._on_task(int(name))
            return
        names = frozenset(group.name for group in self._statistics.shown.groups[kind])
        group = Group(kind, name, names, self._statistics)
        screen = SpansScreen(self.glyphs, self.clock, self._session, group, self._on_span)
        self.app.push_screen(screen)
        screen.news(self.reader)
