"""The captions of the tree and the timeline: what they contain, how it is sorted and narrowed, and what was found last."""

from tui import format as fmt
from tui.screens.finding import Finding
from tui.session.session import Session
from tui.widgets.run_panes import RunPanes


class PaneCaptions:
    """Sets the captions after each reading, and that of the tree also when the search changes."""

    def __init__(self, session: Session, panes: RunPanes, finding: Finding) -> None:
        self._session = session
        self._panes = panes
        self._finding = finding

    def show(self) -> None:
        """Set the captions of the timeline and the tree."""
        timeline = self._panes.timeline
        timeline.caption = self._session.events.title + self._finding.place("timeline", timeline.cursor)
        self.show_tree()

    def show_tree(self) -> None:
        """Set the caption of the tree."""
        tree, tasks = self._panes.node_tree, fmt.counted(self._session.moment.run.nodes, "task")
        found = self._finding.place("tree", tree.selected)
        shown = f"{tree.sorted_by}{tree.narrowed}{found}{self._session.search.summary}{tree.crumbs}"
        tree.caption = f"2 Tree: {tasks}{shown}"
