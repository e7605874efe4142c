"""The statistics of a run, and the way from there to a task or an event."""

from collections.abc import Callable

from store.model.record import SpanRow
from tui.screens.fed import FedScreen
from tui.screens.run_prompts import RunPrompts
from tui.screens.statistics import StatisticsScreen
from tui.session.session import Session
from tui.session.statistics import SessionStatistics
from tui.widgets.run_panes import RunPanes


class RunStatistics:
    """Opens the statistics. `on_task` is called after a task was selected, `on_event` after a task and an event."""

    def __init__(
        self,
        screen: FedScreen,
        session: Session,
        panes: RunPanes,
        prompts: RunPrompts,
        on_task: Callable[[], None],
        on_event: Callable[[], None],
    ) -> None:
        self._screen = screen
        self._session = session
        self._panes = panes
        self._prompts = prompts
        self._on_task = on_task
        self._on_event = on_event
        self._statistics = SessionStatistics(session.moment, session.tree, lambda: session.now)

    def open(self) -> None:
        """Show the statistics of the run."""
        screen, session = self._screen, self._session
        if not session.opened:
            return
        session.travel.pause()
        self._statistics.open()
        statistics = StatisticsScreen(
            screen.glyphs, screen.clock, session, self._statistics, self._show_task, self._show_span
        )
        screen.app.push_screen(statistics)
        statistics.news(screen.reader)

    def _show_task(self, number: int) -> None:
        self._session.tree.select(number)
        self._panes.node_tree.show_selected()
        self._panes.open("tree")
        self._on_task()

    def _show_span(self, row: SpanRow) -> None:
        app, span = self._screen.app, row.span
        while app.screen is not self._screen:
            app.pop_screen()
        self._prompts.end_filter()
        self._session.show_event(span.born if span.ended is None else span.ended, row.node)
        self._panes.node_tree.show_selected()
        self._panes.open("timeline")
        self._on_event()
