"""The screen of one run: its tree, its timeline, the inspector and the playbar, all at one position of the run."""

import asyncio
from collections.abc import Callable, Iterable
from typing import ClassVar

from msgspec.structs import replace
from textual import events, on
from textual.app import ComposeResult
from textual.binding import ActiveBinding, BindingType
from textual.reactive import reactive
from textual.widgets import Input

from store.database.reader import Reader
from store.errors import RunChanged, RunUnknown
from store.model.phase import may_continue, phase
from tui.models.snapshot import Header, Playback
from tui.screens import start_here
from tui.screens.announcement import announce_end
from tui.screens.fed import FedScreen
from tui.screens.finding import Finding
from tui.screens.inspector import Inspector
from tui.screens.key_effect import without_effect
from tui.screens.pane_captions import PaneCaptions
from tui.screens.run_errors import RunErrors
from tui.screens.run_keys import PANE_KEYS, SEARCH_KEYS, TIMELINE_ACTIONS, TRAVEL_ACTIONS, TRAVEL_KEYS, in_key_line
from tui.screens.run_prompts import RunPrompts
from tui.screens.run_statistics import RunStatistics
from tui.screens.time_travel import TimeTravel
from tui.screens.timeline_page import TimelinePages
from tui.screens.waterfall import WaterfallChart
from tui.session.picture import Picture
from tui.session.session import Session
from tui.theme import Glyphs
from tui.view_state import ViewState
from tui.widgets.key_line import KeyLine
from tui.widgets.node_tree import NodeTree
from tui.widgets.playbar import Playbar
from tui.widgets.rows import Rows
from tui.widgets.run_header import RunHeader
from tui.widgets.run_panes import RunPanes
from tui.widgets.status_bar import StatusBar
from tui.widgets.timeline import Timeline
from tui.widgets.waterfall import Waterfall


class RunScreen(FedScreen):
    """Shows the pictures of a `Session`. Keys and messages of the panes change the session.

    A change applies immediately, so that the next key acts on it. The next reading draws it, in all panes in one frame.
    """

    VERTICAL_BREAKPOINTS = [(0, "-short"), (40, "-tall")]  # noqa: RUF012 - as Textual declares it
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012 - as Textual declares it
    CSS = "RunScreen Playbar { display: none; } RunScreen.-travelling Playbar { display: block; }"
    START = start_here.RUN
    BINDINGS: ClassVar[list[BindingType]] = [*TRAVEL_KEYS, *SEARCH_KEYS, *PANE_KEYS]

    header: reactive[Header | None] = reactive(None, repaint=False)
    playback: reactive[Playback] = reactive(Playback(), repaint=False)

    def __init__(self, glyphs: Glyphs, clock: Callable[[], float], session: Session, view: ViewState) -> None:
        super().__init__(glyphs, clock)
        self._session = session
        self._read = asyncio.Event()
        """Set after the first reading."""
        self._panes = RunPanes(glyphs, session.tree, lambda: session.pending_events, view)
        self._finding = Finding(
            self, session, self._panes, self._tree_moved, lambda: self._captions.show_tree(), lambda: self._travel.show()
        )
        self._captions = PaneCaptions(session, self._panes, self._finding)
        self._inspector = Inspector(self, session, self._panes)
        self._pages = TimelinePages(self, session, self._panes, self._inspector)
        self._prompts = RunPrompts(self, session, self._panes, self._finding)
        self._errors = RunErrors(self, session, self._panes, self._finding, self._prompts, self._event_selected)
        self._statistics = RunStatistics(self, session, self._panes, self._prompts, self._tree_moved, self._event_selected)
        self._chart = WaterfallChart(self, session, self._panes, self._prompts)

    @property
    def run_id(self) -> str:
        return self._session.moment.run_id

    def compose(self) -> ComposeResult:
        yield RunHeader(self.glyphs).data_bind(shown=RunScreen.header)
        yield self._panes
        yield Playbar(self.glyphs).data_bind(shown=RunScreen.playback)
        yield self._prompts
        yield StatusBar(self.glyphs)
        yield KeyLine().data_bind(idle=FedScreen.idle_keys)

    def on_mount(self) -> None:
        self._travel = TimeTravel(self, self._session, self._finding, self._position_changed)
        self.set_focus(self._panes.node_tree)  # keys may be waiting already

    # Reading

    async def read(self, reader: Reader) -> None:
        session = self._session
        if session.deleted:
            return
        try:
            if not session.opened:
                await session.open()
            try:
                with self.app.batch_update():  # draw all panes in one frame
                    await self._show(session)
            finally:
                self.check_idle()  # Textual resumes the app after a batch, but not a screen with changes to draw
        except RunChanged:
            self.soon()
        except RunUnknown:
            if not session.deleted:
                raise
            self.header = session.header()
        finally:
            self._read.set()

    async def until_ready(self) -> None:
        await self._read.wait()
        await self._finding.until_found()

    async def _show(self, session: Session) -> None:
        if await session.refresh():
            self._inspector.forget()
        tree = self._panes.node_tree
        tree.settle()
        if await session.follow_work():
            tree.show_selected()
        await session.arrange(tree.rows_in_view)
        picture = await session.read(tree.wanted(), lambda: self._panes.timeline.place)
        self._draw(replace(picture, tree=await self._chart.show(picture.tree)))
        self._inspector.show()
        if picture.ended:
            announce_end(self, session.moment.row.run)
        if not picture.complete:
            self.soon()

    def _draw(self, picture: Picture) -> None:
        self._panes.node_tree.shown = picture.tree
        self.header = picture.header
        if picture.playback is not None:
            self.playback = picture.playback
        if self.has_class("-travelling") is not self._session.travel.active:  # another screen began or ended time travel
            self._travel.show()
        if picture.events is not None:
            self._panes.timeline.listed = picture.events
        self._captions.show()
        self.keys_changed()

    def without_effect(self) -> Iterable[str]:
        found = without_effect(self._session, self._panes, self.newest_live, self.clock())
        return (*super().without_effect(), *found)

    def tick(self) -> None:
        if self._session.ages():
            self.news(self.reader)

    @on(NodeTree.Needed)
    def _nodes_needed(self) -> None:
        self.soon()

    @on(Timeline.Needed)
    def _events_needed(self, message: Timeline.Needed) -> None:
        self._pages.need(message.first, message.last)

    # Panes

    @on(Rows.Moved, "#tree")
    def _tree_moved(self) -> None:
        self._session.follow = False
        self._inspector.turn_to("node")
        self.soon()

    def _event_selected(self) -> None:
        self._inspector.turn_to("event")
        self.soon()

    @on(Rows.Moved, "#timeline")
    def _timeline_moved(self) -> None:
        self._session.follow = False
        self._inspector.turn_to("event")
        self.soon()
        self._inspector.show()

    @on(events.DescendantFocus)
    def _focused(self, event: events.DescendantFocus) -> None:
        pane = event.widget.id
        self._panes.show(pane)
        if pane in ("tree", "timeline"):
            self._inspector.turn_to("node" if pane == "tree" else "event")
            self._inspector.show()

    @on(Rows.Selected)
    def _opened(self, message: Rows.Selected) -> None:
        self._panes.open("timeline" if message.rows is self._panes.node_tree else "inspector")

    def action_raw(self) -> None:
        self._inspector.toggle_raw()

    def action_pane(self, name: str) -> None:
        self._panes.open(name)

    def action_next_pane(self, step: int) -> None:
        self._panes.open_next(step)

    def action_zoom(self) -> None:
        self._panes.zoom()

    def action_divide(self, step: int) -> None:
        self._panes.move_divider(step)

    def back(self) -> bool:
        if self._prompts.back() or self._panes.close_waterfall():
            return True
        focused = self._panes.focused
        if focused == "inspector":
            self._panes.open("timeline" if self._inspector.about == "event" else "tree")
        elif focused == "timeline":
            self._panes.open("tree")
        elif self._session.travel.active:
            self._travel.leap(None)
        else:
            return False
        return True

    def action_waterfall(self) -> None:
        self._chart.toggle()

    @on(Waterfall.Opened)
    def _span_opened(self, message: Waterfall.Opened) -> None:
        self._chart.open_span(message.span)

    def action_scope(self) -> None:
        self._session.events.widen()
        self.soon()

    def action_bookkeeping(self) -> None:
        self._session.events.hides = not self._session.events.hides
        self.soon()

    def action_follow(self) -> None:
        session, now = self._session, self.clock()
        if not session.opened:
            return
        run = session.moment.run
        if not session.travel.active and not may_continue(run, now):
            self.notify(f"The run is {phase(run, now)}: there is nothing to follow.", markup=False)
            return
        session.follow = not session.follow
        self.soon()

    # Prompts

    def action_filter(self) -> None:
        self._prompts.filter()

    def action_search(self) -> None:
        self._prompts.search()

    def action_seek(self) -> None:
        self._prompts.seek()

    @on(RunPrompts.Sought)
    async def _target_submitted(self, message: RunPrompts.Sought) -> None:
        await self._travel.seek(message.target)

    # Finding

    def action_hit(self, step: int) -> None:
        if self._session.search.active:
            self._finding.hit(step)
        else:
            self.action_search()

    def action_next_active(self) -> None:
        self._finding.active()

    def action_next_runaway(self) -> None:
        self._finding.runaway()

    def action_error(self, step: int) -> None:
        self._finding.next("failed", step)

    def action_errors(self) -> None:
        self._errors.list()

    def action_statistics(self) -> None:
        self._statistics.open()

    def action_failure(self) -> None:
        self._errors.show_ending()

    @on(events.ScreenResume)
    def _shown_again(self) -> None:
        self._inspector.forget()  # another screen of the session may have seen that the run was rebuilt

    def action_alike(self, step: int) -> None:
        self._finding.next("alike", step)

    # Time travel

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in TRAVEL_ACTIONS:
            return self._session.travel.active and not isinstance(self.focused, Input)
        if self._panes.charted and (
            action in TIMELINE_ACTIONS or (action == "zoom" and self._panes.focused == "waterfall")
        ):
            return False
        return super().check_action(action, parameters)

    @property
    def active_bindings(self) -> dict[str, ActiveBinding]:
        return in_key_line(super().active_bindings, self._session.travel.active)

    def _position_changed(self) -> None:
        self.refresh_bindings()
        self._panes.timeline.follow()
        self.set_class(self._session.travel.active, "-travelling")
        self.soon()

    @on(Playbar.Sought)
    def _dragged(self, message: Playbar.Sought) -> None:
        self._travel.drag(message.position)

    def action_travel(self) -> None:
        event = self._panes.timeline.selected if self._panes.focused == "timeline" else None
        self._travel.toggle(None if event is None else event.position, self._chart.target)

    def action_live(self) -> None:
        self._travel.leap(None)

    def action_first(self) -> None:
        self._travel.leap(1)

    def action_last(self) -> None:
        self._travel.last()

    def action_step(self, step: int) -> None:
        self._travel.step(step)

    def action_edge(self, step: int) -> None:
        self._travel.step_of_node(step)

    def action_play(self) -> None:
        self._travel.play_or_pause()

    def action_speed(self, step: int) -> None:
        self._session.travel.change_speed(step)
        self.soon()
