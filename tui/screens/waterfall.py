"""The waterfall of the run screen: reads what it draws, and measures the run now and then, while it is open."""

from msgspec.structs import replace

from store.model.span import Span
from store.model.target import Elapsed
from tui.models.snapshot import TreeNodes
from tui.screens.fed import FedScreen
from tui.screens.run_prompts import RunPrompts
from tui.session.session import Session
from tui.session.waterfall import WaterfallReading
from tui.widgets.run_panes import RunPanes

GROUP = "measure"
"""Group of the worker that measures."""


class WaterfallChart:
    """Fills the waterfall of the panes. Reads nothing while the waterfall is closed."""

    def __init__(self, screen: FedScreen, session: Session, panes: RunPanes, prompts: RunPrompts) -> None:
        self._screen = screen
        self._session = session
        self._panes = panes
        self._prompts = prompts
        self._reading = WaterfallReading(session.moment, session.tree)
        self._measuring = False
        self._waiting = False
        """Whether a timer will read again, because the last measurement was too recent."""

    async def show(self, tree: TreeNodes) -> TreeNodes:
        """Read what the waterfall draws beside a tree. Returns the tree with the critical path, and without columns."""
        if not self._panes.charted:
            return tree
        session, waterfall = self._session, self._panes.waterfall
        numbers = [number for number in self._panes.node_tree.wanted() if number in tree.nodes]
        rows = await self._reading.read(tree, numbers, session.travel.active)
        tree = replace(tree, bare=True, critical=rows.critical)
        waterfall.supply(rows)
        self._measure()
        return tree

    def toggle(self) -> None:
        """Open the waterfall in place of timeline and inspector, or close it."""
        if self._panes.charted:
            self._panes.close_waterfall()
        else:
            self._panes.open("waterfall")
        self._screen.soon()

    def open_span(self, span: Span | None) -> None:
        """Go to the first event of a span in the timeline of its task; None: to that of the task."""
        if span is not None:
            self._session.follow = False
            self._session.events.go_to(span.born, "node")
            self._prompts.end_filter()
        self._panes.open("timeline")
        self._screen.soon()

    @property
    def target(self) -> Elapsed | None:
        """The time under the time cursor of the focused waterfall."""
        waterfall = self._panes.waterfall
        cursor = waterfall.view.cursor if self._panes.focused == "waterfall" else None
        return None if cursor is None else Elapsed(cursor - waterfall.rows.origin)

    def _measure(self) -> None:
        """Measure the run, unless that was done a short time ago."""
        due = self._reading.due()
        if due is None or self._measuring:
            return
        if due > 0:
            if not self._waiting:
                self._waiting = True
                self._screen.set_timer(due, self._wait_over)
            return
        self._measuring = True
        self._screen.do(self._work, GROUP)

    def _wait_over(self) -> None:
        self._waiting = False
        self._screen.news(self._screen.reader)

    async def _work(self) -> None:
        try:
            await self._reading.measure(self._session.now)
        finally:
            self._measuring = False
        self._screen.news(self._screen.reader)
