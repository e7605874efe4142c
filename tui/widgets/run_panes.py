"""The panes of a run: tree, timeline and inspector, beside each other or stacked by the size of the terminal; or tree and
waterfall beside each other."""

from collections.abc import Callable

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Container, Vertical

from tui.models.selection import Selection
from tui.text import clean
from tui.theme import Glyphs
from tui.view_state import Layout, ViewState
from tui.widgets.node_tree import NodeTree
from tui.widgets.text_pane import TextPane
from tui.widgets.timeline import Timeline
from tui.widgets.tree_pane import TreePane
from tui.widgets.waterfall import Waterfall
from tui.widgets.waterfall_pane import WaterfallPane

PANES = ("tree", "timeline", "inspector")
"""Ids of the panes, in the order of Tab."""

CHARTED_PANES = ("tree", "waterfall")
"""The same while the waterfall is open."""

BESIDE_CELLS = 100
"""Width of the screen from which on the tree is beside the other panes; below, it is above them."""

ROOMY_CELLS = 160
"""Width of the screen from which on the tree gets more than half of it."""

ROOMY_SHARE, EVEN_SHARE, CHARTED_SHARE = 0.6, 0.5, 0.4
"""Usual share of the tree in a screen of at least ROOMY_CELLS, in a smaller one, and beside the waterfall."""

SHARE_STEP = 0.05
"""Share of the screen by which a key moves the divider."""


class RunPanes(Container):
    """Lays out `node_tree`, `timeline`, `inspector` and `waterfall`, and moves the focus between them.

    A narrow screen has the inspector in place of the timeline while it is focused. The divider between the tree and the
    other panes is moved by keys or dragged. A zoomed screen has only the focused pane.
    """

    SCOPED_CSS = False  # rules depend on the classes that the screen's breakpoints set
    DEFAULT_CSS = """
    RunPanes {
        layout: horizontal;
        #tree-pane { width: 1fr; height: 1fr; }
        #tree { height: 1fr; }
        #reading { width: 1fr; height: 1fr; }
        #timeline { height: 2fr; }
        #inspector { height: 3fr; }
        #waterfall-pane { width: 1fr; height: 1fr; display: none; }
        #waterfall { height: 1fr; }
        #tree-pane, #timeline, #inspector, #waterfall-pane {
            border-top: solid $border-blurred;
            border-title-color: $foreground 62%;
            border-title-background: $background;
        }
        #tree-pane:focus-within, #timeline:focus, #inspector:focus, #waterfall-pane:focus-within {
            border-top: solid $border;
            border-title-color: $accent;
            border-title-style: bold;
        }
    }
    Screen.-wide RunPanes #reading, RunPanes #waterfall-pane { border-left: vkey $border-blurred; }
    Screen.-narrow RunPanes {
        layout: vertical;
        #tree-pane { width: 100%; }
        #reading { width: 100%; }
        #inspector { display: none; }
    }
    Screen.-narrow RunPanes.-inspecting #timeline, Screen.-narrow.-short RunPanes.-inspecting #tree-pane { display: none; }
    Screen.-narrow RunPanes.-inspecting #inspector { display: block; height: 1fr; }
    RunPanes.-zoom-tree #reading, RunPanes.-zoom-timeline #inspector, RunPanes.-zoom-inspector #timeline { display: none; }
    Screen RunPanes.-zoom-tree #tree-pane { display: block; }
    RunPanes.-zoom-timeline #tree-pane, RunPanes.-zoom-inspector #tree-pane { display: none; }
    Screen RunPanes.-zoom-timeline #reading, Screen RunPanes.-zoom-inspector #reading { border-left: none; }
    Screen RunPanes.-charted { layout: horizontal; }
    Screen RunPanes.-charted #reading { display: none; }
    Screen RunPanes.-charted #waterfall-pane { display: block; }
    Screen RunPanes.-charted #tree > .rows--cursor { background: $row-cursor; }
    Screen RunPanes.-zoom-tree #waterfall-pane { display: none; }
    Screen RunPanes.-zoom-inspector #inspector { display: block; height: 1fr; }
    """

    def __init__(
        self,
        glyphs: Glyphs,
        tree: Selection,
        pending_events: Callable[[], object],
        view: ViewState,
    ) -> None:
        super().__init__()
        self._glyphs = glyphs
        self._view = view
        self._zoomed = False
        self._dragging = False
        self.node_tree = NodeTree(glyphs, tree, id="tree")
        self.timeline = Timeline(glyphs, pending_events, id="timeline")
        self.inspector = TextPane(id="inspector")
        self.waterfall = Waterfall(glyphs, self.node_tree, tree, id="waterfall")
        self.node_tree.caption, self.timeline.caption, self.inspector.caption = "2 Tree", "3 Timeline", "4 Inspector"

    def compose(self) -> ComposeResult:
        self._tree_pane = TreePane(self.node_tree, self._glyphs, id="tree-pane")
        self._reading = Vertical(self.timeline, self.inspector, id="reading")
        self._waterfall_pane = WaterfallPane(self.waterfall, self._glyphs, id="waterfall-pane")
        yield self._tree_pane
        yield self._reading
        yield self._waterfall_pane

    def on_mount(self) -> None:
        self._show_problem()

    @property
    def focused(self) -> str | None:
        """Id of the focused pane."""
        focused = self.screen.focused
        return focused.id if focused is not None and focused.id in {*PANES, *CHARTED_PANES} else None

    @property
    def charted(self) -> bool:
        """Whether the waterfall is open, in place of timeline and inspector."""
        return self.has_class("-charted")

    def _chart(self, charted: bool) -> None:
        if charted is not self.charted:
            self.set_class(charted, "-charted")
            self._split()
            self.node_tree.post_message(NodeTree.Needed())  # with figures, or without

    def show(self, name: str | None) -> None:
        """Make a pane visible. Called whenever the focus moves."""
        if name in PANES[1:] or name == CHARTED_PANES[1]:
            self._chart(name not in PANES)
        self.set_class(name == "inspector", "-inspecting")
        if name in PANES or name in CHARTED_PANES:
            for pane in PANES:
                self.set_class(self._zoomed and pane == name, f"-zoom-{pane}")

    def open(self, name: str) -> None:
        """Focus a pane."""
        self.show(name)
        self.get_widget_by_id(name).focus()

    def open_next(self, step: int) -> None:
        """Focus the next pane, or the previous one (`step` -1), even if it is hidden until it is focused."""
        panes = CHARTED_PANES if self.charted else PANES
        self.open(panes[(panes.index(self.focused or "tree") + step) % len(panes)])

    def close_waterfall(self) -> bool:
        """Show timeline and inspector again. Returns False if they are shown."""
        if not self.charted:
            return False
        self._chart(False)
        self.open("tree")
        return True

    def zoom(self) -> None:
        """Show only the focused pane, or all again."""
        self._zoomed = not self._zoomed
        self.show(self.focused or "tree")

    # The divider between the tree and the other panes

    @property
    def _layout(self) -> Layout:
        if self.charted:
            return "waterfall"
        return "beside" if self.size.width >= BESIDE_CELLS else "stacked"

    @property
    def _share(self) -> float:
        """The share of the tree in the screen."""
        usual = CHARTED_SHARE if self.charted else ROOMY_SHARE if self.size.width >= ROOMY_CELLS else EVEN_SHARE
        return self._view.share(self._layout) or usual

    @property
    def _rest(self) -> Vertical:
        """What is beside the tree, or below it."""
        return self._waterfall_pane if self.charted else self._reading

    @on(events.Resize)
    def _split(self) -> None:
        tree, rest = self._share, 1 - self._share
        beside = self._layout != "stacked"
        for pane, share in ((self._tree_pane, tree), (self._rest, rest)):
            part = f"{share * 100:.1f}fr"
            pane.styles.width, pane.styles.height = (part, "1fr") if beside else ("100%", part)

    def _move_to(self, share: float) -> None:
        self._view.split(self._layout, share)
        self._split()

    def _let_go(self) -> None:
        self._view.save()
        self._show_problem()

    def _show_problem(self) -> None:
        """Show once why the split is not remembered."""
        if problem := self._view.take_problem():
            self.app.notify(clean(problem), severity="warning", markup=False)

    def move_divider(self, step: int) -> None:
        """Move the divider away from the tree, or towards it (`step` -1)."""
        self._move_to(self._share + step * SHARE_STEP)
        self._let_go()

    @on(events.MouseDown)
    def _grabbed(self, event: events.MouseDown) -> None:
        region = self._rest.region
        at = event.screen_x == region.x if self._layout != "stacked" else event.screen_y == region.y
        if at and event.button == 1 and self._tree_pane.display and self._rest.display:
            self._dragging = True
            self.capture_mouse()
            event.stop()

    @on(events.MouseMove)
    def _dragged(self, event: events.MouseMove) -> None:
        if self._dragging:
            beside = self._layout != "stacked"
            at, size = (
                (event.screen_x - self.region.x, self.size.width)
                if beside
                else (event.screen_y - self.region.y, self.size.height)
            )
            self._move_to((at + 0.5) / max(size, 1))  # the middle of a cell: shares are rounded down

    @on(events.MouseUp)
    def _released(self) -> None:
        if self._dragging:
            self._dragging = False
            self.release_mouse()
            self._let_go()
