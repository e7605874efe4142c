"""The inspector of a run: shows the text of its subject, and reads what is missing."""

from functools import partial

from store.errors import StoreError
from tui.screens.fed import FedScreen
from tui.session.inspection import About, Inspection, Reading
from tui.session.session import Session
from tui.widgets.run_panes import RunPanes


class Inspector:
    """Fills the inspector of the panes."""

    def __init__(self, screen: FedScreen, session: Session, panes: RunPanes) -> None:
        self._screen = screen
        self._session = session
        self._panes = panes
        self._inspection = Inspection(session.moment, session.tree, screen.glyphs)

    @property
    def about(self) -> About:
        """Subject of the inspector."""
        return self._inspection.about

    def turn_to(self, about: About) -> None:
        """Select the subject from the next `show` on."""
        self._inspection.about = about

    def toggle_raw(self) -> None:
        """Show the event as it was published, or formatted, and make the inspector visible."""
        self._inspection.raw = not self._inspection.raw
        self._inspection.about = "event"
        if not self._panes.inspector.display or self._panes.inspector.region.height == 0:
            self._panes.open("inspector")
        self.show()

    def forget(self) -> None:
        """Read everything again: the run was rebuilt."""
        self._inspection.forget()

    def show(self) -> None:
        """Show what is known about the subject, and start to read the rest."""
        session, inspection, timeline = self._session, self._inspection, self._panes.timeline
        if not session.opened or self._panes.charted:
            return
        self._panes.inspector.caption = inspection.title
        if inspection.about == "node" and session.tree.selected != session.node_number:
            return  # the next picture has the node
        reading = inspection.reading(session.node, session.name, timeline.selected, timeline.count, session.now)
        if reading is not None:
            self._screen.do(partial(self._read, reading), "inspect")

    async def _read(self, reading: Reading) -> None:
        try:
            async for text in reading():
                self._panes.inspector.shown = text
        except StoreError:
            self._inspection.forget()
            self._screen.later()
            raise
