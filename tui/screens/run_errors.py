"""The errors of a run: their list, and the way from there to an event and its task."""

from collections.abc import Callable

from store.model.record import Failure
from tui.screens.errors import ErrorsScreen
from tui.screens.fed import FedScreen
from tui.screens.finding import Finding
from tui.screens.run_prompts import RunPrompts
from tui.session.session import Session
from tui.widgets.run_panes import RunPanes


class RunErrors:
    """Goes to errors. `on_selected` is called after a task and an event were selected."""

    def __init__(
        self,
        screen: FedScreen,
        session: Session,
        panes: RunPanes,
        finding: Finding,
        prompts: RunPrompts,
        on_selected: Callable[[], None],
    ) -> None:
        self._screen = screen
        self._session = session
        self._panes = panes
        self._finding = finding
        self._prompts = prompts
        self._on_selected = on_selected

    def list(self) -> None:
        """List the errors of the run."""
        screen, session, event = self._screen, self._session, self._panes.timeline.selected
        if not session.opened:
            return
        session.travel.pause()
        near = event.position if event is not None and event.failed else None
        errors = ErrorsScreen(screen.glyphs, screen.clock, session, near, self._show_listed)
        screen.app.push_screen(errors)
        errors.news(screen.reader)

    def show_ending(self) -> None:
        """Go to the task and the event with which the run failed."""
        self._finding.start(self._show_ending)

    async def _show_ending(self) -> None:
        await self._session.select_failure()
        self._show()

    def _show_listed(self, failure: Failure) -> None:
        self._session.show_failure(failure, failure.node)
        self._show()

    def _show(self) -> None:
        self._prompts.end_filter()
        self._panes.node_tree.show_selected()
        self._panes.open("timeline")
        self._on_selected()
