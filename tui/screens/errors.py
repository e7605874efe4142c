"""The screen of the errors of a run: every event that reports one, and every aborted step, up to the position."""

from collections.abc import Callable
from functools import partial
from typing import ClassVar

from msgspec.structs import replace
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from store.model.record import Failure
from tui import format as fmt
from tui.models import failure_text
from tui.models.failure_detail import failure_lines
from tui.models.lines import fact
from tui.models.snapshot import PAGE, Text
from tui.screens.fed import FedScreen
from tui.screens.session_screen import SessionScreen
from tui.session.failure_list import FailureList
from tui.session.inspection import read_failure
from tui.session.session import Session
from tui.text import clean
from tui.theme import Glyphs
from tui.widgets.failure_table import FailureTable
from tui.widgets.key_line import KeyLine
from tui.widgets.rows import Rows
from tui.widgets.run_header import RunHeader
from tui.widgets.status_bar import StatusBar
from tui.widgets.text_pane import TextPane


class ErrorsScreen(SessionScreen):
    """Lists the errors of the run of a session, and shows the one under the cursor.

    `near`: position of the error on which the cursor begins; None: the newest. `on_open` is called with the error that the
    user opens, after the screen was closed.
    """

    CSS = """
    ErrorsScreen FailureTable, ErrorsScreen TextPane {
        border-top: solid $border-blurred;
        border-title-color: $foreground 62%;
    }
    ErrorsScreen FailureTable { height: 1fr; }
    ErrorsScreen TextPane { height: 1fr; }
    ErrorsScreen FailureTable:focus, ErrorsScreen TextPane:focus {
        border-top: solid $border; border-title-color: $accent; border-title-style: bold;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("x", "app.leave", "Run", id="errors.close", show=False, tooltip="Back to the run"),
    ]

    def __init__(
        self,
        glyphs: Glyphs,
        clock: Callable[[], float],
        session: Session,
        near: int | None,
        on_open: Callable[[Failure], None],
    ) -> None:
        super().__init__(glyphs, clock, session)
        self._near = near
        self._on_open = on_open
        self._failures = FailureList(session.moment)

    def compose(self) -> ComposeResult:
        yield RunHeader(self.glyphs).data_bind(shown=ErrorsScreen.header)
        yield FailureTable(self.glyphs, id="errors")
        yield TextPane(id="error")
        yield StatusBar(self.glyphs)
        yield KeyLine().data_bind(idle=FedScreen.idle_keys)

    def on_mount(self) -> None:
        self._table, self._pane = self.query_one(FailureTable), self.query_one(TextPane)
        self._table.caption, self._pane.caption = "Errors", "Error"
        self._table.focus()

    async def read_run(self) -> None:
        near, self._near = self._near, None
        rows = await self._failures.read(near)
        first = self._table.place_in(rows) // PAGE * PAGE
        page = await self._failures.page(first, first + PAGE) or ()
        self.header = self._session.header()
        self._table.listed = replace(rows, first=first, failures=page)
        self._table.caption = self._title(rows.count, rows.total)
        self._detail()
        if not self._failures.complete:
            self.soon()

    def _title(self, count: int, total: int) -> str:
        travel = self._session.travel
        where = "" if travel.position is None else f" up to event {travel.position:,}"
        found = "" if count >= total else f", {count:,} found so far"
        return f"Errors of the run{where}: {fmt.count(total)}{found}"

    @on(FailureTable.Needed)
    def _needed(self, message: FailureTable.Needed) -> None:
        self.do(partial(self._supply, message.first, message.last), "page", exclusive=False)

    async def _supply(self, first: int, last: int) -> None:
        rows = await self._failures.page(first, last)
        if rows is not None:
            self._table.supply(first, rows)
            self._detail()

    @on(Rows.Moved)
    def _detail(self) -> None:
        self.do(self._inspect, "inspect")

    async def _inspect(self) -> None:
        failure, moment = self._table.selected, self._session.moment
        if failure is None:
            if not self._table.count:
                self._pane.shown = Text()
            return
        detail = await read_failure(moment, failure, with_call=True)
        lines = failure_lines(detail, moment.run.started or 0.0, whole=True)
        if failure.node is not None:
            lines[:0] = [fact("task", f"{failure_text.task(failure)}  {clean(failure.goal or '', 300)}")]
        subject = (failure.position, failure.span and failure.span.born)
        self._pane.shown = Text(subject, lines)

    @on(Rows.Selected)
    def _open(self) -> None:
        failure = self._table.selected
        if failure is not None:
            self.app.pop_screen()
            self._on_open(failure)
