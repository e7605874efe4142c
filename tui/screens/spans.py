"""The screen of the steps and calls behind a row of the statistics."""

from collections.abc import Callable
from functools import partial
from typing import ClassVar

from msgspec import Struct
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from store.model.record import SpanRow
from store.model.span import Kind
from store.model.statistics import OTHERS, dimension_kind
from tui import format as fmt
from tui.models.span_rows import REVERSED, SORTS
from tui.models.statistics_text import DIMENSION_TITLES
from tui.screens.fed import FedScreen
from tui.screens.pace import Pace
from tui.screens.session_screen import SessionScreen
from tui.session.session import Session
from tui.session.span_list import SpanList
from tui.session.statistics import SessionStatistics
from tui.text import clean
from tui.theme import Glyphs
from tui.widgets.key_line import KeyLine
from tui.widgets.lead_line import LeadLine
from tui.widgets.rows import Rows
from tui.widgets.run_header import RunHeader
from tui.widgets.sortable_rows import SortableRows, SortTitles
from tui.widgets.span_table import SpanTable
from tui.widgets.status_bar import StatusBar


class Group(Struct, frozen=True):
    """A row of the statistics."""

    dimension: str
    name: str
    names: frozenset[str]
    """The names of all groups of the dimension."""
    statistics: SessionStatistics

    def holds(self, name: str) -> bool:
        """Whether spans with this name are in the group."""
        return name not in self.names or name == OTHERS if self.name == OTHERS else name == self.name


class SpansScreen(SessionScreen):
    """Lists the spans of a group, the slowest first. `on_span` is called with the one that the user opens."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("S", "sort", "Sort", id="spans.sort", tooltip="Sort by the next column"),
    ]

    def __init__(
        self,
        glyphs: Glyphs,
        clock: Callable[[], float],
        session: Session,
        group: Group,
        on_span: Callable[[SpanRow], None],
    ) -> None:
        super().__init__(glyphs, clock, session)
        self._group = group
        self._on_span = on_span
        self._spans = SpanList(session.moment, group.dimension, group.holds, lambda: session.now)
        self._state: object = None
        """State of the run for which the spans were read; None: they were not read yet."""
        self._order: tuple[str, bool] | None = None
        """Column that orders the rows that are shown, and whether that order is reversed."""
        self._pace = Pace(self)
        self._stale = False
        """Whether another reading must follow."""

    def compose(self) -> ComposeResult:
        table = SpanTable(self.glyphs, id="spans")
        yield RunHeader(self.glyphs).data_bind(shown=SpansScreen.header)
        yield LeadLine()
        yield SortTitles(table, self.glyphs)
        yield table
        yield StatusBar(self.glyphs)
        yield KeyLine().data_bind(idle=FedScreen.idle_keys)

    def on_mount(self) -> None:
        self._table, self._lead = self.query_one(SpanTable), self.query_one(LeadLine)
        self._table.caption = "Steps and calls"
        self._table.sort = next(iter(SORTS))
        self.rows = self._table
        self._table.focus()

    @property
    def at_rest(self) -> bool:
        return super().at_rest and not self._stale

    # Reading

    async def read_run(self) -> None:
        """Read the spans if they changed, unless the last reading was too long and too short a time ago."""
        statistics, table = self._group.statistics, self._table
        self.header = self._session.header()
        await statistics.find_task()
        self._stale = statistics.state != self._state
        if self._stale and not self._pace.must_wait():
            with self._pace.reading():
                state = statistics.state
                await self._spans.read(statistics.scope)
            self._state, self._order = state, None
            self._stale = statistics.state != state
        order = table.sort, table.backwards
        if self._state is not None and self._order != order:
            await self._spans.arrange(*order)
            self._order = order
            await self._show()

    async def _show(self) -> None:
        table = self._table
        at = None if table.selected is None else table.selected.span.born
        rows = await self._spans.shown(at, table.line, max(table.size.height, 1))
        table.listed = rows
        order = (REVERSED if table.backwards else SORTS)[table.sort]
        dimension = self._group.dimension
        thing = "step" if dimension_kind(dimension) == Kind.STEP else "call"
        group = f"{DIMENSION_TITLES[dimension].lower()} {clean(self._group.name, 60)}"
        self._lead.text = f"{fmt.exactly(rows.count, thing)} of {group}, {order}"

    @on(SpanTable.Needed)
    def _needed(self, message: SpanTable.Needed) -> None:
        self.do(partial(self._supply, message.first, message.last), "page", exclusive=False)

    async def _supply(self, first: int, last: int) -> None:
        self._table.supply(*await self._spans.rows(first, last))

    def tick(self) -> None:
        if self._session.ages():
            self.news(self.reader)

    # Keys and the mouse

    @on(SortableRows.Sorted)
    def _title_clicked(self, message: SortableRows.Sorted) -> None:
        table = self._table
        self._sort(message.column, message.column == table.sort and not table.backwards)

    def action_sort(self) -> None:
        names = [*SORTS]
        self._sort(names[(names.index(self._table.sort) + 1) % len(names)], False)

    def _sort(self, sort: str, backwards: bool) -> None:
        self._table.sort, self._table.backwards = sort, backwards
        self.soon()

    @on(Rows.Selected)
    def _opened(self) -> None:
        row = self._table.selected
        if row is not None:
            self._on_span(row)
