"""The pages of the timeline of a run: reads the rows that it asks for."""

from functools import partial

from tui.screens.fed import FedScreen
from tui.screens.inspector import Inspector
from tui.session.session import Session
from tui.widgets.run_panes import RunPanes


class TimelinePages:
    """Answers each `Timeline.Needed` with rows."""

    def __init__(self, screen: FedScreen, session: Session, panes: RunPanes, inspector: Inspector) -> None:
        self._screen = screen
        self._session = session
        self._panes = panes
        self._inspector = inspector

    def need(self, first: int, last: int) -> None:
        """Start to read rows."""
        self._screen.do(partial(self._supply, first, last), "page", exclusive=False)

    async def _supply(self, first: int, last: int) -> None:
        timeline = self._panes.timeline
        try:
            rows = await self._session.events.page(first, last)
        except BaseException:
            timeline.withhold(first)
            raise
        if rows is not None:
            timeline.supply(first, rows)
            if self._inspector.about == "event":
                self._inspector.show()
