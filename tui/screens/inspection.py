"""What is said in the inspector: of the event, or of the node, under the cursor. Reads what is not at hand, each once."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Literal

from store.record import Stored
from store.state import EdgeKey, Node
from store.view import View
from tui.models.detail import SHOWN, NodeFacts, event_lines, node_lines, raw_lines
from tui.models.lines import Line
from tui.theme import Glyphs
from tui.widgets.node_tree import NodeTree
from tui.widgets.text_pane import TextPane
from tui.widgets.timeline import Timeline

RESULTS = ("final_aggregate", "execute", "plan")
"""Actions that have a result, the one that counts first."""


About = Literal["node", "event"]

SOON = 0.06
"""Seconds to wait for all that is known of a node before what is at hand is shown: nothing flickers then."""


class Inspection:
    """Keeps a `TextPane` in step with a view: it tells of the node, or of the event, that the cursor is on."""

    def __init__(self, view: View, pane: TextPane, tree: NodeTree, timeline: Timeline, glyphs: Glyphs) -> None:
        self._view = view
        self._pane = pane
        self._tree = tree
        self._timeline = timeline
        self._glyphs = glyphs
        self._shown: tuple[object, ...] = ()
        """What was asked for last, and what that depends on."""
        self._body: tuple[int, bytes] = (0, b"")
        """The payload that was read last, by seq."""
        self._facts: tuple[tuple[int, int, int, int | None], NodeFacts] | None = None
        """What was read about a node: its number, how many events it and edges the run had, and where in the past."""
        self._near = (-1, False)
        """A node's number, and has it others around it that it waits for, or that wait for it?"""
        self._changing = False
        """Is the event that is shown about a node that was not announced yet?"""

    def forget(self) -> None:
        """The run was read anew."""
        self._shown, self._facts = (), None

    def show(self, about: About, raw: bool, node: Node | None, now: float) -> Callable[[], Awaitable[None]] | None:
        """Tell of the selected node, or of the event under the cursor; gives what there is to do for that."""
        event, selected, view = self._timeline.selected, self._tree.selected, self._view
        nothing = node is None or selected is None if about == "node" else not self._timeline.count
        if about == "event":
            shown: tuple[object, ...] = (about, nothing, event and event.seq, raw, self._changing and view.run.events)
        else:
            moment = now if node is not None and node.working else 0.0
            state = node and (node.events, node.status, node.step)
            near = self._near[0] == selected and self._near[1] and view.run.events
            shown = (about, nothing, selected, state, moment, view.run.edges, view.position, near)
        if shown == self._shown:
            return None
        self._shown = shown
        if nothing:  # was born yet, or matches: also in the place of what is still being read
            return self._show_nothing
        if about == "event":
            self._changing = False
            return None if event is None else partial(self._show_event, event, raw)
        assert node is not None
        assert selected is not None
        return partial(self._show_node, selected, node, now)

    async def _show_nothing(self) -> None:
        self._pane.show(None, ())

    async def _show_event(self, stored: Stored, raw: bool) -> None:
        self._pane.show((stored.seq, raw), await self._event(stored, raw))

    async def _show_node(self, selected: int, node: Node, now: float) -> None:
        reading = asyncio.ensure_future(self._of_node(selected, node, now))
        try:
            done, _ = await asyncio.wait((reading,), timeout=SOON)
            if not done:
                self._pane.show(selected, self._known(selected, node, now))
            self._pane.show(selected, await reading)
        finally:
            reading.cancel()

    async def _event(self, stored: Stored, raw: bool) -> list[Line]:
        """An event, by its kind, or as it was published."""
        if self._body[0] != stored.seq:
            self._body = (stored.seq, await self._view.reader.payload(stored.seq))
        if raw:
            return await asyncio.to_thread(raw_lines, self._body[1])
        node = None if stored.node is None else await self._node(stored.node)
        self._changing = node is not None and node.created is None
        start = self._view.run.started or 0.0
        return await asyncio.to_thread(event_lines, stored, self._body[1], node, start, self._glyphs)

    async def _node(self, key: int) -> Node | None:
        numbers = self._view.shape.numbers([key])
        found = await self._view.nodes(numbers)
        return found.get(numbers[0]) if numbers else None

    def _known(self, number: int, node: Node, now: float) -> list[Line]:
        """A node, as far as that needs no reading."""
        facts = self._facts[1] if self._facts is not None and self._facts[0][0] == number else None
        return node_lines(node, self._view.run, facts, now, self._glyphs)

    async def _of_node(self, number: int, node: Node, now: float) -> list[Line]:
        """A node, with all that there is to say about it."""
        view = self._view
        about = (number, node.events, view.run.edges, view.position)
        position = view.end if view.position is None else view.position
        if self._facts is None or self._facts[0] != about:
            history = await view.file.status_history(view.shape.keys[number], position)
            result = await self._result(node)
            edges = await view.file.edges(node.node_id, position)
            needs, needs_further, feeds, feeds_further, circle = await asyncio.to_thread(_around, edges, node.node_id)
            facts = NodeFacts(history, result, needs, needs_further, feeds, feeds_further, circle)
        else:
            facts = self._facts[1]
        named = [*facts.needs, *facts.needs_further][:SHOWN] + [*facts.feeds, *facts.feeds_further][:SHOWN]
        found = await view.nodes(await view.numbers(named))
        facts.around = {other.node_id: other for other in found.values()}  # which change without the node
        if view.position == about[3]:  # or the screen went elsewhere, and asks again
            self._facts, self._near = (about, facts), (number, bool(named))
        return self._known(number, node, now)

    async def _result(self, node: Node) -> bytes:
        """The event that published the node's result, the latest kind of it there is."""
        at = next((node.results[action] for action in RESULTS if action in node.results), None)
        found = [] if at is None else await self._view.file.events(at, at)
        return await self._view.reader.payload(found[0].seq) if found else b""


def _around(edges: Sequence[EdgeKey], node_id: str) -> Sequence[Sequence[str]]:
    """What the node waits for and is waited for by; in a thread, since networkx takes long to import."""
    if not edges:
        return (), (), (), (), ()
    from store.dependency import DependencyGraph

    around = DependencyGraph(edges).around(node_id)
    return around.needs, around.needs_further, around.feeds, around.feeds_further, tuple(around.circle)
