"""One run: its tree, the timeline of what is selected in it, and all that is known about the one thing under the cursor.

Everything is shown at one position of the run: mostly at its end, which moves on while the run does, or at one in its
past. `read` brings all of the screen there at once; what the user does only says what is to be shown next.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import ClassVar, Literal

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical
from textual.content import Content
from textual.geometry import Region
from textual.widget import Widget
from textual.widgets import Input

from store.errors import RunChanged, RunUnknown, StoreError
from store.reader import Reader
from store.state import Node, Run, RunStatus
from store.view import View
from tui import format as fmt
from tui.models import seek, summary
from tui.models.event_filter import PLACEHOLDER, parse_match
from tui.screens.event_list import EventList, Scope
from tui.screens.find import Finder
from tui.screens.inspection import About, Inspection
from tui.screens.search import Search
from tui.screens.search_screen import LONGEST, SEARCHED, SearchScreen
from tui.text import clean
from tui.theme import Glyphs
from tui.widgets.key_line import KeyLine
from tui.widgets.node_tree import Lit, NodeTree
from tui.widgets.playbar import Playbar
from tui.widgets.rows import Rows
from tui.widgets.run_header import RunHeader
from tui.widgets.status_bar import StatusBar
from tui.widgets.text_pane import TextPane
from tui.widgets.timeline import Timeline

PANES = ("tree", "timeline", "inspector")


class RunScreen(SearchScreen):
    """Shows a run, live or stored, now or then, from the file alone."""

    VERTICAL_BREAKPOINTS = [(0, "-short"), (40, "-tall")]  # noqa: RUF012 - as Textual declares it
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012 - as Textual declares it
    CSS = """
    RunScreen #panes { layout: horizontal; }
    RunScreen #tree { width: 1fr; height: 1fr; }
    RunScreen #reading { width: 1fr; height: 1fr; }
    RunScreen #timeline { height: 2fr; }
    RunScreen #inspector { height: 3fr; }
    RunScreen #tree, RunScreen #timeline, RunScreen #inspector {
        border-top: solid $border-blurred;
        border-title-color: $foreground 62%;
        border-title-background: $background;
    }
    RunScreen #tree:focus, RunScreen #timeline:focus, RunScreen #inspector:focus {
        border-top: solid $border;
        border-title-color: $accent;
        border-title-style: bold;
    }
    RunScreen.-wide #reading { border-left: vkey $border-blurred; }
    RunScreen.-narrow #panes { layout: vertical; }
    RunScreen.-narrow #tree { width: 100%; }
    RunScreen.-narrow #reading { width: 100%; }
    RunScreen.-narrow #inspector { display: none; }
    RunScreen.-narrow.-inspecting #timeline, RunScreen.-narrow.-short.-inspecting #tree { display: none; }
    RunScreen.-narrow.-inspecting #inspector { display: block; height: 1fr; }
    RunScreen Playbar { display: none; }
    RunScreen.-travelling Playbar { display: block; }
    RunScreen > Input { display: none; height: 1; border: none; padding: 0 1; background: $panel; }
    RunScreen > Input.-open { display: block; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f", "follow", "Follow", id="run.follow", tooltip="Stay with what is being worked on, on or off"),
        Binding("b", "scope", "Breadth", id="run.scope", tooltip="Timeline of the node, of all beneath it, or of the run"),
        Binding("v", "raw", "Raw", id="run.raw", tooltip="The event as JSON, or by its kind"),
        Binding("backslash", "filter", "Filter", id="run.filter", show=False, tooltip="Only events that match"),
        Binding("a", "next_active", "Next active", id="find.active", show=False, tooltip="To the next node at work"),
        Binding(
            "e", "error(1)", "Next error", id="find.error", show=False, tooltip="To the next error, in the tree or in time"
        ),
        Binding(
            "E",
            "error(-1)",
            "Error before",
            id="find.error-before",
            show=False,
            tooltip="To the error before",
        ),
        Binding(
            "right_curly_bracket", "alike(1)", "Next alike", id="find.alike", show=False, tooltip="To the next of its kind"
        ),
        Binding(
            "left_curly_bracket",
            "alike(-1)",
            "Alike before",
            id="find.alike-before",
            show=False,
            tooltip="To the one before",
        ),
        Binding("2", "pane('tree')", "Tree", id="pane.tree", show=False, tooltip="To the tree"),
        Binding("3", "pane('timeline')", "Timeline", id="pane.timeline", show=False, tooltip="To the timeline"),
        Binding("4", "pane('inspector')", "Inspector", id="pane.inspector", show=False, tooltip="To the inspector"),
        Binding("tab", "next_pane(1)", "Next pane", id="pane.next", show=False, tooltip="To the next pane"),
        Binding("shift+tab", "next_pane(-1)", "Previous", id="pane.previous", show=False, tooltip="To the pane before"),
    ]

    def __init__(self, glyphs: Glyphs, clock: Callable[[], float], run_id: str, follow: bool = False) -> None:
        super().__init__(glyphs, clock)
        self.run_id = run_id
        self._follow = follow
        self._deleted = False
        self._interrupted = False
        """Was it so at the last tick?"""
        self._number: int | None = None
        self._node: Node | None = None
        """The one that was selected at the last look, and its number."""
        self._about: About = "node"
        """What the inspector shows: the node, or the event, under the cursor."""
        self._raw = False
        self._scope_before: Scope = "node"
        """The breadth of the timeline outside time travel."""
        self._follow_after = False
        """Is the work to be followed after time travel?"""
        self._titles: dict[Widget, str] = {}

    def compose(self) -> ComposeResult:
        yield RunHeader(self.glyphs)
        with Container(id="panes"):
            yield NodeTree(self.glyphs, id="tree")
            with Vertical(id="reading"):
                yield Timeline(self.glyphs, id="timeline")
                yield TextPane(id="inspector")
        yield Playbar(self.glyphs)
        yield Input(placeholder=SEARCHED, id="search", max_length=LONGEST, select_on_focus=False)
        yield Input(placeholder=PLACEHOLDER, id="filter")
        yield Input(placeholder=seek.UNDERSTOOD, id="seek", select_on_focus=False)
        yield StatusBar(self.glyphs)
        yield KeyLine()

    def on_mount(self) -> None:
        self._tree = self.query_one(NodeTree)
        self._timeline = self.query_one(Timeline)
        self._inspector = self.query_one(TextPane)
        self._header = self.query_one(RunHeader)
        self._playbar = self.query_one(Playbar)
        self._filter = self.query_one("#filter", Input)
        for pane, title in ((self._tree, "2 Tree"), (self._timeline, "3 Timeline"), (self._inspector, "4 Inspector")):
            self._title(pane, title)
        self.set_focus(self._tree)  # at once: keys may be waiting already

    async def on_unmount(self) -> None:
        self.workers.cancel_node(self)  # none of them is to open again what is closed now
        if self._view is not None:
            await self._view.close()

    # Reading

    async def read(self, reader: Reader) -> None:
        if self._deleted:
            return
        try:
            view = self._view
            if view is None:
                view = View(reader, self.run_id)
                self._events = EventList(view, self._timeline, self._tree)
                self._finder = Finder(view, self._tree)
                self._search = Search(view, self._tree)
                self._inspection = Inspection(view, self._inspector, self._tree, self._timeline, self.glyphs)
                await self._open(view)
                self._view = view
            await self._look(view)
        except RunChanged:  # while it was read: the next look tells what it became
            self.soon()
        except RunUnknown:
            if self._view is None:
                raise
            self._deleted = True
            self._place(self._view.run)

    async def _open(self, view: View) -> None:
        """Read the run, for the first time or anew; what was selected stays so if it is still there."""
        was = self._tree.selected_node or self._node
        self._tree.load(await view.open())
        self._events.forget()
        self._events.narrow(parse_match(self._filter.value))
        await self._search.look(self._box.value)
        self._inspection.forget()
        self._travel.axis = None
        again = await view.numbers([was.node_id]) if was is not None else []
        if again:
            self._tree.select(again[0], by_user=False)

    async def _look(self, view: View) -> None:
        """Show the run at our position."""
        before = view.row.run.status
        view.go(self._travel.position)
        placed = await view.look()
        while placed is None:
            await self._open(view)
            if self._travel.position is not None and self._travel.position > view.end:
                self._travel.go(view.end)
            placed = await view.look()
        self._tree.place(placed.parents, placed.moves, view.horizon)
        if placed.moves:
            self._search.reorder()
            self._events.regroup([node for node, _ in placed.moves])
        lit = await self._follow_on(view)
        nodes = await view.nodes(self._tree.wanted())
        now = self._now()
        self._tree.supply(nodes, now, lit)
        selected, more = self._tree.selected, True
        if selected is None or selected in nodes:  # or the user went there meanwhile
            self._node, self._number = None if selected is None else nodes[selected], selected
            live = summary.run_ended(view.run, now) == "running"
            more = await self._events.show(self._node, at_end=live or self._travel.active)
        self._title(self._timeline, self._events.title)
        if self._travel.active:
            await self._show_playbar(view)
        self._place(view.run)
        self._inspect()
        if not self._travel.active and before == RunStatus.RUNNING != view.row.run.status:
            self._announce(view.row.run)
        if more:
            self.soon()

    async def _follow_on(self, view: View) -> Lit | None:
        """Go on to what is being worked on, if we follow that; in the past, tell what the event there was about."""
        lit = None
        if view.position is not None:
            for stored in await view.file.events(view.position, view.position):
                numbers = [] if stored.node is None else view.shape.numbers([stored.node])
                lit = Lit(numbers[0], stored) if numbers else None
            target = [] if lit is None else [lit.node]
        else:
            target = await view.numbers(view.run.active[-1:]) if self._follow else []
        if self._follow and target and target[0] != self._tree.selected:
            self._tree.select(target[0], by_user=False)
        return lit

    async def _show_playbar(self, view: View) -> None:
        bar, travel = self._playbar, self._travel
        await travel.measure(view)
        run = view.run
        bar.axis, bar.position, bar.total = travel.axis, travel.position or 0, view.end
        bar.playing, bar.speed = travel.playing, str(travel.speed)
        bar.live = summary.run_ended(view.row.run, self.clock()) == "running"
        bar.nodes, bar.tokens = view.horizon, (run.tokens_in, run.tokens_out)
        bar.skipped = travel.skipped

    def _announce(self, run: Run) -> None:
        took = fmt.duration(summary.elapsed(run, self.clock()))
        self.notify(
            f"{clean(run.goal or run.run_id, 80)} ({took})",
            title=f"The run {summary.run_ended(run, self.clock())}",
            severity="error" if run.status == RunStatus.ERROR else "information",
            markup=False,
        )

    def _now(self) -> float:
        """The moment to count durations to: now; in the past, or of a run that ended or was interrupted, the last event."""
        assert self._view is not None
        run, now = self._view.run, self.clock()
        quiet = self._travel.active or run.status != RunStatus.RUNNING or summary.interrupted(run, now)
        return (run.latest or now) if quiet else max(now, run.latest or now)

    def _place(self, run: Run) -> None:
        """The header, and how the tree stands."""
        assert self._view is not None
        now = self._now() if self._travel.active else self.clock()
        live = summary.run_ended(run, now) == "running"
        if run.status != RunStatus.RUNNING and not self._travel.active:
            self._follow = False
        still = "following" if self._follow else "live"
        place = "past" if self._travel.active else still if live else "stored"
        self._header.run, self._header.now = run, now
        self._header.place = "deleted" if self._deleted else place
        self._header.gaps = self._view.row.gaps
        self.searched()

    def searched(self) -> None:
        assert self._view is not None
        tree, nodes = self._tree, fmt.counted(self._view.run.nodes, "node")
        self._title(tree, f"2 Tree: {nodes}{tree.narrowed}{self._search.said}{tree.crumbs}")

    def _title(self, pane: Widget, title: str) -> None:
        """Name a pane. To set its `border_title` would draw all of it again: only the line with the title is."""
        if self._titles.get(pane) != title:
            self._titles[pane] = title
            pane._border_title = Content(title)
            pane.refresh(Region(0, -1, pane.size.width, 1))

    def tick(self) -> None:
        view, axis = self._view, self._travel.axis
        if view is not None and self._travel.active and axis is not None and axis.total < view.end:
            self.soon()
        if view is None or self._travel.active or view.run.status != RunStatus.RUNNING:
            return
        interrupted = summary.interrupted(view.run, self.clock())
        if not interrupted or not self._interrupted:  # from then on all counts to the last event
            self.news(self.reader)
        self._interrupted = interrupted

    @on(NodeTree.Needed)
    def _nodes_needed(self) -> None:
        self.soon()

    @on(Timeline.Needed)
    def _events_needed(self, message: Timeline.Needed) -> None:
        self.do(partial(self._supply, message.first, message.last), "page", exclusive=False)

    async def _supply(self, first: int, last: int) -> None:
        await self._events.supply(first, last)
        if self._about == "event":
            self._inspect()

    # What the timeline lists

    def action_scope(self) -> None:
        if self._view is not None:
            self._events.widen()
            self.soon()

    def action_filter(self) -> None:
        self.ask("filter")

    @on(Input.Changed, "#filter")
    def _filtered(self, event: Input.Changed) -> None:
        if self._view is not None:
            self._events.narrow(parse_match(event.value))
            self.soon()

    @on(Input.Submitted, "#filter")
    def _filter_done(self, event: Input.Submitted) -> None:
        event.input.set_class(bool(event.value), "-open")
        self.answered("filter")

    # The inspector

    def _inspect(self) -> None:
        """Show what is under the cursor, as far as it is known; read the rest."""
        if self._view is None:
            return
        published = ", as published" if self._raw else ""
        self._title(self._inspector, "4 Node" if self._about == "node" else f"4 Event{published}")
        if self._about == "node" and self._tree.selected != self._number:  # the look that is due tells of it
            return
        reading = self._inspection.show(self._about, self._raw, self._node, self._now())
        if reading is not None:
            self.do(partial(self._tell, reading), "inspect")

    async def _tell(self, reading: Callable[[], Awaitable[None]]) -> None:
        try:
            await reading()
        except StoreError:
            self._inspection.forget()
            self.later()
            raise

    def action_raw(self) -> None:
        self._raw = not self._raw
        self._about = "event"
        if not self._inspector.display or self._inspector.region.height == 0:
            self.action_pane("inspector")
        self._inspect()

    # Moving

    @on(Rows.Moved, "#tree")
    def _tree_moved(self) -> None:
        self._follow = False
        self._about = "node"
        self.soon()

    @on(Rows.Moved, "#timeline")
    def _timeline_moved(self) -> None:
        self._follow = False
        self._about = "event"
        self.soon()
        self._inspect()

    @on(events.DescendantFocus)
    def _focused(self, event: events.DescendantFocus) -> None:
        pane = event.widget.id
        self.set_class(pane == "inspector", "-inspecting")
        if pane in ("tree", "timeline"):
            self._about = "node" if pane == "tree" else "event"
            self._inspect()

    @on(Rows.Selected, "#tree")
    def _tree_opened(self) -> None:
        self.action_pane("timeline")

    @on(Rows.Selected, "#timeline")
    def _timeline_opened(self) -> None:
        self.action_pane("inspector")

    def action_pane(self, name: str) -> None:
        self.set_class(name == "inspector", "-inspecting")
        self.query_one(f"#{name}").focus()

    def action_next_pane(self, step: int) -> None:
        """To the pane after the focused one, also to one that there is no room for until it is looked at."""
        at = PANES.index(self.focused.id) if self.focused is not None and self.focused.id in PANES else 0
        self.action_pane(PANES[(at + step) % len(PANES)])

    def back(self) -> bool:
        """One level back within this screen; False when there is none."""
        focused = self.focused.id if self.focused is not None else None
        over = {"timeline": "filter", "tree": "search"}.get(focused or "")
        if focused in ("filter", "seek", "search"):
            self._close(focused)
            self.answered(focused)
        elif over is not None and self.query_one(f"#{over}", Input).value:
            self._close(over)
        elif focused == "inspector":
            self.action_pane("timeline" if self._about == "event" else "tree")
        elif focused == "timeline":
            self.action_pane("tree")
        elif self._travel.active:
            self.action_live()
        else:
            return False
        return True

    def _close(self, name: str) -> None:
        """Forget what was typed into the input of this name."""
        box = self.query_one(f"#{name}", Input)
        box.value = ""
        box.remove_class("-open")

    def action_follow(self) -> None:
        if self._view is None:
            return
        if not self._travel.active and summary.run_ended(self._view.run, self.clock()) != "running":
            self.notify("The run has ended: there is nothing to follow.", markup=False)
            return
        self._follow = not self._follow
        self.soon()

    # Finding

    @property
    def _in_time(self) -> bool:
        """Do errors and things alike lie before and after us in time, rather than in the tree?"""
        return self._travel.active or (self.focused is not None and self.focused.id == "timeline")

    def action_next_active(self) -> None:
        self.find(self._next_active)

    def action_error(self, step: int) -> None:
        self.find(partial(self._next_error, step))

    def action_alike(self, step: int) -> None:
        self.find(partial(self._next_alike, step))

    async def _next_active(self) -> None:
        self.select(await self._finder.active())

    async def _next_error(self, step: int) -> None:
        if self._in_time:
            await self._next_in_time("failed", step)
        else:
            found = await self._finder.troubled(step)
            self.select(found)
            if found is None and self._view is not None:
                said = self._view.run.error
                none = "No node has an error"
                self.notify(f"{none}; the run ended by {clean(said, 300)}" if said else f"{none}.", markup=False)

    async def _next_alike(self, step: int) -> None:
        if self._in_time:
            await self._next_in_time("alike", step)
        else:
            self.select(await self._finder.alike(step))

    async def _next_in_time(self, what: Literal["failed", "alike"], step: int) -> None:
        if not self._travel.active:
            row = await self._events.find(what, step)
            if row is not None:
                self._timeline.go(row)
            return
        assert self._view is not None
        file, here = self._view.file, self._travel.position or 0
        found = await (file.failed(here, step) if what == "failed" else file.alike(here, step))
        if found is not None:
            self.go(found)

    # In time travel

    @property
    def selected_key(self) -> int | None:
        selected = self._tree.selected
        return None if self._view is None or selected is None else self._view.shape.keys[selected]

    @property
    def pointed_at(self) -> int | None:
        """In the timeline, that of the event under the cursor."""
        event = self._timeline.selected if self.focused is self._timeline else None
        return None if event is None else event.position

    def entering(self) -> None:
        self._follow_after, self._follow = self._follow, True  # until the user moves
        self._scope_before = self._events.scope
        self._events.scope = "run"

    def leaving(self) -> None:
        self._follow = self._follow_after
        self._events.scope = self._scope_before

    def answered(self, name: str) -> None:
        self.action_pane("timeline" if name == "filter" else "tree")

    def travelled(self) -> None:
        self._timeline.following = True
        self.set_class(self._travel.active, "-travelling")
        self.soon()
