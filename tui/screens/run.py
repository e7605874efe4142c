"""One run: its tree, the timeline of what is selected in it, and all that is known about the one thing under the cursor."""

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical
from textual.content import Content
from textual.widgets import Footer

from store.fold import advance
from store.reader import Reader
from store.record import Loaded, Stored
from store.state import Node, RunState, RunStatus
from tui import format as fmt
from tui.models import summary
from tui.models.detail import NodeFacts, event_lines, node_lines, raw_lines
from tui.screens.fed import FedScreen
from tui.text import clean
from tui.theme import Glyphs
from tui.widgets.node_tree import NodeTree
from tui.widgets.rows import Rows
from tui.widgets.run_header import RunHeader
from tui.widgets.status_bar import StatusBar
from tui.widgets.text_pane import TextPane
from tui.widgets.timeline import Timeline

if TYPE_CHECKING:
    from store.dependency import DependencyGraph

TAIL = 1_000
"""Events that are folded between two frames at most."""

RESULTS = ("final_aggregate", "execute", "plan")
"""Actions that have a result, the one that counts first."""

Scope = Literal["node", "subtree", "run"]
PANES = ("tree", "timeline", "inspector")
SCOPES: tuple[Scope, ...] = ("node", "subtree", "run")


class RunScreen(FedScreen):
    """Shows a run, live or stored, from the file alone."""

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
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f", "follow", "Follow", id="run.follow", tooltip="Stay with what is being worked on, on or off"),
        Binding("b", "scope", "Breadth", id="run.scope", tooltip="Timeline of the node, of all beneath it, or of the run"),
        Binding("v", "raw", "Raw", id="run.raw", tooltip="The event as JSON, or by its kind"),
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
        self._loaded: Loaded | None = None
        self._state: RunState | None = None
        self._scope: Scope = "node"
        self._positions: list[int] = []
        """Of the events of a subtree, when that is the scope."""
        self._timeline_of: tuple[Scope, str | None] | None = None
        self._about: Literal["node", "event"] = "node"
        """What the inspector shows: the node, or the event, under the cursor."""
        self._raw = False
        self._facts: tuple[str, int, NodeFacts] | None = None
        """Node id, number of its events, and what was read about it then."""
        self._graph: tuple[int, DependencyGraph] | None = None
        """Number of edges, and their graph."""
        self._body: tuple[int, bytes] = (0, b"")
        """The payload that was read last, by seq."""

    def compose(self) -> ComposeResult:
        yield RunHeader(self.glyphs)
        with Container(id="panes"):
            yield NodeTree(self.glyphs, id="tree")
            with Vertical(id="reading"):
                yield Timeline(self.glyphs, id="timeline")
                yield TextPane(id="inspector")
        yield StatusBar(self.glyphs)
        yield Footer(show_command_palette=False, compact=True)

    def on_mount(self) -> None:
        self._tree = self.query_one(NodeTree)
        self._timeline = self.query_one(Timeline)
        self._inspector = self.query_one(TextPane)
        self._header = self.query_one(RunHeader)
        self._tree.border_title = "2 Tree"
        self._timeline.border_title = "3 Timeline"
        self._inspector.border_title = "4 Inspector"
        self.set_focus(self._tree)  # at once: keys may be waiting already

    # Reading

    async def read(self, reader: Reader) -> None:
        loaded, state = self._loaded, self._state
        if loaded is None or state is None:
            await self._open(reader)
            return
        generation = await reader.generation(loaded.key)
        if generation is None:
            self._deleted = True
            self._place()
            return
        if generation != loaded.generation:
            await self._open(reader)
            return
        news = await reader.tail(loaded.key, state.position, TAIL)
        if news:
            self._header.gaps = len(await reader.gaps(loaded.key))
            self._went_on(state, news)
            if len(news) == TAIL:
                self.news(reader)

    async def _open(self, reader: Reader) -> None:
        loaded = self._loaded = await reader.load(self.run_id)
        state = self._state = loaded.state
        self._facts = self._timeline_of = None
        self._body = (0, b"")
        self._header.gaps = len(await reader.gaps(loaded.key))
        self._tree.show(state, self._now())
        self._place()
        if self._follow and self._tree.active is not None:
            self._tree.select(self._tree.active, by_user=False)
        self._show_timeline()
        self._inspect()

    def _went_on(self, state: RunState, news: Sequence[Stored]) -> None:
        """Fold what is new, and show what it changed."""
        new, change = advance(state, [stored.event for stored in news])
        self._state = new
        self._tree.update(new, change.nodes, self._now())
        if self._follow and self._tree.active is not None:
            self._tree.select(self._tree.active, by_user=False)
        self._place()
        if self._timeline_of != (self._scope, self._tree.selected):
            self._show_timeline()
        else:
            if self._scope == "subtree":
                self._positions += [stored.position for stored in news if self._is_beneath(stored, self._tree.selected)]
            self._timeline.grow(self._timeline_count(), new.nodes)
            self._title_timeline()
        if self._about == "node" and self._tree.selected in change.nodes:
            self._inspect()
        if state.run.status == RunStatus.RUNNING and new.run.status != RunStatus.RUNNING:
            self._announce(new)

    def _announce(self, state: RunState) -> None:
        run = state.run
        took = fmt.duration(summary.elapsed(run, self.clock()))
        self.notify(
            f"{clean(run.goal or run.run_id, 80)} ({took})",
            title=f"The run {summary.run_ended(run, self.clock())}",
            severity="error" if run.status == RunStatus.ERROR else "information",
            markup=False,
        )

    def _now(self) -> float:
        """The moment to count durations to: now, but the last event for a run that ended or fell silent."""
        assert self._state is not None
        run, now = self._state.run, self.clock()
        quiet = run.status != RunStatus.RUNNING or summary.silence(run, now) is not None
        return (run.latest or now) if quiet else max(now, run.latest or now)

    def _place(self) -> None:
        """The header, and how the tree stands."""
        assert self._state is not None
        run = self._state.run
        live = summary.run_ended(run, self.clock()) == "running"
        if not live:
            self._follow = False
        self._header.run, self._header.now = run, self.clock()
        still = "following" if self._follow else "live"
        self._header.place = "deleted" if self._deleted else still if live else "stored"
        root = self._tree.focus_root
        within = "" if root is None else f", narrowed to {clean(self._state.nodes[root].nid or 'root', 20)} (u widens)"
        title = f"2 Tree: {fmt.count(len(self._state.nodes))} nodes{within}"
        self._tree.border_title = Content(title)  # a plain string would be read as markup

    def tick(self) -> None:
        if self._state is not None and self._state.run.status == RunStatus.RUNNING:
            self._place()
            self._tree.update(self._state, (), self._now())

    # The timeline

    def _show_timeline(self) -> None:
        state, node_id = self._state, self._tree.selected
        if state is None or self.reader is None:
            return
        self._timeline_of = (self._scope, node_id)
        if self._scope == "subtree" and node_id is not None:
            self.run_worker(self._gather(self.reader, node_id), group="timeline", exclusive=True)
            return
        self._fill_timeline(state)

    async def _gather(self, reader: Reader, node_id: str) -> None:
        assert self._loaded is not None
        self._positions = await reader.subtree_positions(self._loaded.key, node_id)
        if self._state is not None:
            self._fill_timeline(self._state)

    def _fill_timeline(self, state: RunState) -> None:
        live = self._header.place in ("live", "following")
        self._timeline.show(self._timeline_count(), state.nodes, state.run.started or 0.0, at_end=live)
        self._title_timeline()

    def _title_timeline(self) -> None:
        assert self._state is not None
        of = {"node": "this node", "subtree": "this node and all beneath", "run": "the run"}[self._scope]
        self._timeline.border_title = f"3 Timeline of {of}: {fmt.count(self._timeline.count)} events"

    def _timeline_count(self) -> int:
        assert self._state is not None
        if self._scope == "run":
            return self._state.position
        if self._scope == "subtree":
            return len(self._positions)
        node = self._node()
        return 0 if node is None else node.events

    def _is_beneath(self, stored: Stored, node_id: str | None) -> bool:
        assert self._state is not None
        for named in stored.event.facts.mentions:
            at: str | None = named
            while at is not None:
                if at == node_id:
                    return True
                at = self._state.nodes[at].outer
        return False

    @on(Timeline.Needed)
    def _needed(self, message: Timeline.Needed) -> None:
        if self.reader is not None:
            self.run_worker(self._supply(self.reader, message.first, message.last), group="page")

    async def _supply(self, reader: Reader, first: int, last: int) -> None:
        loaded, of, node_id = self._loaded, self._timeline_of, self._tree.selected
        if loaded is None:
            return
        if self._scope == "node":
            rows = [] if node_id is None else await reader.node_events(loaded.key, node_id, first + 1, last)
        elif self._scope == "subtree":
            rows = await reader.at_positions(loaded.key, self._positions[first:last])
        else:
            rows = await reader.events(loaded.key, first + 1, last)
        if of == self._timeline_of:
            self._timeline.supply(first, rows)
            if self._about == "event":
                self._inspect()

    def action_scope(self) -> None:
        self._scope = SCOPES[(SCOPES.index(self._scope) + 1) % len(SCOPES)]
        self._show_timeline()

    # The inspector

    def _node(self) -> Node | None:
        selected = self._tree.selected
        return None if self._state is None or selected is None else self._state.nodes.get(selected)

    def _inspect(self) -> None:
        """Show what is under the cursor, as far as it is known; read the rest."""
        if self._state is None or self.reader is None:
            return
        self._inspector.border_title = (
            "4 Node" if self._about == "node" else f"4 Event{', as published' if self._raw else ''}"
        )
        if self._about == "event":
            self.run_worker(self._inspect_event(self.reader), group="inspect", exclusive=True)
        else:
            self._show_node()
            self.run_worker(self._inspect_node(self.reader), group="inspect", exclusive=True)

    async def _inspect_event(self, reader: Reader) -> None:
        stored = self._timeline.selected
        if stored is None or self._state is None:
            return
        if self._body[0] != stored.seq:
            self._body = (stored.seq, await reader.payload(stored.seq))
        run, node = self._state.run, self._state.nodes.get(stored.event.facts.subject or "")
        if self._raw:
            lines = await asyncio.to_thread(raw_lines, self._body[1])
        else:
            lines = await asyncio.to_thread(event_lines, stored, self._body[1], node, run.started or 0.0, self.glyphs)
        self._inspector.show((stored.seq, self._raw), lines)

    def _show_node(self) -> None:
        node = self._node()
        if node is None or self._state is None:
            return
        facts = self._facts[2] if self._facts is not None and self._facts[0] == node.node_id else None
        self._inspector.show(node.node_id, node_lines(node, self._state, facts, self._now(), self.glyphs))

    async def _inspect_node(self, reader: Reader) -> None:
        node, state, loaded = self._node(), self._state, self._loaded
        if node is None or state is None or loaded is None:
            return
        if self._facts is None or self._facts[:2] != (node.node_id, node.events):
            history = await reader.status_history(loaded.key, node.node_id)
            result = await self._result(reader, loaded.key, node)
            around = await asyncio.to_thread(self._around, state, node.node_id)
            self._facts = (node.node_id, node.events, NodeFacts(history, result, *around))
        self._show_node()

    async def _result(self, reader: Reader, run: int, node: Node) -> bytes:
        """The event that published the node's result, the latest kind of it there is."""
        at = next((node.results[action] for action in RESULTS if action in node.results), None)
        found = [] if at is None else await reader.events(run, at, at)
        return await reader.payload(found[0].seq) if found else b""

    def _around(self, state: RunState, node_id: str) -> Sequence[Sequence[str]]:
        """What the node waits for and is waited for by; in a thread, since networkx takes long to import."""
        from store.dependency import DependencyGraph

        if self._graph is None or self._graph[0] != len(state.edges):
            self._graph = (len(state.edges), DependencyGraph(state.edges))
        around = self._graph[1].around(node_id)
        return around.needs, around.needs_further, around.feeds, around.feeds_further, tuple(around.circle)

    def action_raw(self) -> None:
        self._raw = not self._raw
        self._about = "event"
        self._inspect()

    # Moving between the panes

    @on(Rows.Moved, "#tree")
    def _tree_moved(self) -> None:
        self._follow = False
        self._about = "node"
        self._place()
        self._show_timeline()
        self._inspect()

    @on(Rows.Moved, "#timeline")
    def _timeline_moved(self) -> None:
        self._follow = False
        self._about = "event"
        self._place()
        self._inspect()

    @on(events.DescendantFocus)
    def _focused(self, event: events.DescendantFocus) -> None:
        pane = event.widget.id
        self.set_class(pane == "inspector", "-inspecting")
        if pane == "tree" and self._about != "node":
            self._about = "node"
            self._inspect()
        elif pane == "timeline" and self._about != "event":
            self._about = "event"
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
        if focused == "inspector":
            self.action_pane("timeline" if self._about == "event" else "tree")
        elif focused == "timeline":
            self.action_pane("tree")
        else:
            return False
        return True

    def action_follow(self) -> None:
        if self._state is None:
            return
        live = summary.run_ended(self._state.run, self.clock()) == "running"
        if not live:
            self.notify("The run has ended: there is nothing to follow.", markup=False)
            return
        self._follow = not self._follow
        if self._follow and self._tree.active is not None:
            self._tree.select(self._tree.active, by_user=False)
        self._place()
        self._show_timeline()
        self._inspect()
