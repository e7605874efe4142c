"""The text of the inspector: about the selected node, or about the event under the cursor of the timeline."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from functools import partial
from sys import maxsize
from typing import Literal

from store.database.failure_queries import FailureQueries
from store.database.moment import Moment
from store.model.alarm import Sign
from store.model.record import Failure, Stored
from store.model.span import Kind
from store.model.state import EdgeKey, Node
from tui.models.event_detail import event_lines, raw_lines
from tui.models.failure_detail import FailureDetail
from tui.models.lines import Line
from tui.models.node_detail import LISTED_MAX_ERRORS, LISTED_MAX_NODES, NodeFacts, node_lines
from tui.models.selection import Selection
from tui.models.snapshot import Text
from tui.theme import Glyphs

RESULTS = ("final_aggregate", "execute", "plan")
"""Actions that publish a result, the most final one first."""

About = Literal["node", "event"]

PARTIAL_AFTER_S = 0.06
"""Seconds of reading after which a node is shown as far as it is known. A shorter wait would make the text flicker."""

Reading = Callable[[], AsyncIterator[Text]]


class Inspection:
    """Reads what the inspector shows. Each payload and each node's history is read once as long as it does not change."""

    def __init__(self, moment: Moment, tree: Selection, glyphs: Glyphs) -> None:
        self.about: About = "node"
        """Subject of the inspector: the node or the event where the cursor was moved last."""
        self.raw = False
        """Whether an event is shown as it was published."""
        self._moment = moment
        self._tree = tree
        self._glyphs = glyphs
        self._shown: tuple[object, ...] = ()
        """Subject of the last reading, and the state that its text depends on."""
        self._name = ""
        """Name of the node that is shown."""
        self._body: tuple[int, bytes] = (0, b"")
        """Seq and payload of the event that was read last."""
        self._facts: tuple[tuple[int, int, int, int | None], NodeFacts] | None = None
        """Facts of the node that was read last, with its number, its events, the edges of the run, and the position."""
        self._near = (-1, False)
        """Number of a node, and whether dependencies of it are shown."""
        self._changing = False
        """Whether the event that is shown is about a node that was not announced yet."""

    @property
    def title(self) -> str:
        """Title of the inspector."""
        return "4 Task" if self.about == "node" else f"4 Event{', as published' if self.raw else ''}"

    def forget(self) -> None:
        """Read everything again: the run was rebuilt, or reading failed."""
        self._shown, self._facts = (), None

    def reading(self, node: Node | None, name: str, event: Stored | None, events: int, now: float) -> Reading | None:
        """What has to be read for the text, in steps that each give a text; None where nothing changed.

        `node`: the selected one, with its name. `event`: the one under the cursor, None until it is read. `events`:
        number of rows of the timeline.
        """
        selected, moment = self._tree.selected, self._moment
        nothing = node is None or selected is None if self.about == "node" else not events
        if self.about == "event":
            changing = self._changing and moment.run.events
            shown: tuple[object, ...] = (self.about, nothing, event and event.seq, self.raw, changing)
        else:
            until = now if node is not None and node.working else 0.0
            state = node and (node.events, node.status, node.step)
            near = self._near[0] == selected and self._near[1] and moment.run.events
            shown = (self.about, nothing, selected, state, until, moment.run.edges, moment.position, near)
        if shown == self._shown:
            return None
        self._shown, self._name = shown, name
        if nothing:
            return self._read_nothing
        if self.about == "event":
            self._changing = False
            return None if event is None else partial(self._read_event, event, self.raw)
        assert node is not None
        assert selected is not None
        return partial(self._read_node, selected, node, now)

    async def _read_nothing(self) -> AsyncIterator[Text]:
        yield Text()

    async def _read_event(self, stored: Stored, raw: bool) -> AsyncIterator[Text]:
        yield Text((stored.seq, raw), await self._event(stored, raw))

    async def _read_node(self, selected: int, node: Node, now: float) -> AsyncIterator[Text]:
        reading = asyncio.ensure_future(self._node(selected, node, now))
        try:
            done, _ = await asyncio.wait((reading,), timeout=PARTIAL_AFTER_S)
            if not done:
                yield Text(selected, self._known(selected, node, now))
            yield Text(selected, await reading)
        finally:
            reading.cancel()

    async def _event(self, stored: Stored, raw: bool) -> list[Line]:
        if self._body[0] != stored.seq:
            self._body = (stored.seq, await self._moment.reader.payload(stored.seq))
        if raw:
            return await asyncio.to_thread(raw_lines, self._body[1])
        node = None if stored.node is None else await self._node_of(stored.node)
        self._changing = node is not None and node.created is None
        start = self._moment.run.started or 0.0
        return await asyncio.to_thread(event_lines, stored, self._body[1], node, start, self._glyphs)

    async def _node_of(self, key: int) -> Node | None:
        numbers = self._moment.shape.numbers([key])
        found = await self._moment.nodes(numbers)
        return found.get(numbers[0]) if numbers else None

    def _known(self, number: int, node: Node, now: float) -> list[Line]:
        """A node as far as nothing has to be read for it."""
        facts = self._facts[1] if self._facts is not None and self._facts[0][0] == number else None
        depth = sum(1 for _ in self._tree.ancestors(number)) if Sign.DEPTH in self._moment.run.alarms else 0
        return node_lines(node, self._moment.run, facts, now, self._glyphs, self._name, depth)

    async def _node(self, number: int, node: Node, now: float) -> list[Line]:
        moment = self._moment
        about = (number, node.events, moment.run.edges, moment.position)
        position = moment.end if moment.position is None else moment.position
        if self._facts is None or self._facts[0] != about:
            history = await moment.queries.status_history(moment.shape.keys[number], position)
            result, plan = await self._result(number, node, position)
            edges = await moment.queries.edges(node.node_id, position)
            *around, cycle = await asyncio.to_thread(_around, edges, node.node_id)
            keys = await moment.queries.keys({node_id for found in around for node_id in found})
            before, before_those, after, after_those = (_in_order(found, keys) for found in around)
            failures = await self._failures(number, node, position)
            facts = NodeFacts(
                history, result, before, before_those, after, after_those, cycle, plan=plan, failures=failures
            )
        else:
            facts = self._facts[1]
        prerequisites = [*facts.prerequisites, *facts.transitive_prerequisites][:LISTED_MAX_NODES]
        dependents = [*facts.dependents, *facts.transitive_dependents][:LISTED_MAX_NODES]
        found = await moment.nodes(await moment.numbers(prerequisites + dependents))
        facts.around = {other.node_id: other for other in found.values()}  # they can change while the node does not
        if moment.position == about[3]:
            self._facts, self._near = (about, facts), (number, bool(prerequisites or dependents))
        return self._known(number, node, now)

    async def _failures(self, number: int, node: Node, position: int) -> list[FailureDetail]:
        """The newest errors of the node, and of its execution if they share a row. The newest failed call has its start."""
        if node.troubled is None:
            return []
        moment, found = self._moment, list[Failure]()
        queries = FailureQueries(moment.reader, moment.queries.key)
        execution = self._tree.execution if self._tree.selected == number else None
        for one in (number,) if execution is None else (number, execution):
            found += await queries.newest_failures(position, LISTED_MAX_ERRORS, moment.shape.keys[one], node.troubled)
        found = sorted(found, key=lambda failure: failure.position)[-LISTED_MAX_ERRORS:]
        newest = next((failure for failure in reversed(found) if not failure.aborted), None)
        return [await read_failure(moment, failure, failure is newest) for failure in found]

    async def _result(self, number: int, node: Node, position: int) -> tuple[bytes, bytes]:
        """Payload of the event with the node's most final result, and, if that is a plan, of the event with the plan."""
        file, reader = self._moment.queries, self._moment.reader
        action = next((action for action in RESULTS if action in node.results), None)
        found = [] if action is None else await file.events(node.results[action], node.results[action])
        if not found:
            return b"", b""
        plan = await file.plan(self._moment.shape.keys[number], position) if action == "plan" else None
        return await reader.payload(found[0].seq), b"" if plan is None else await reader.payload(plan)


async def read_failure(moment: Moment, failure: Failure, with_call: bool) -> FailureDetail:
    """An error with the body of its event, and on request with that of the beginning of its call."""
    body = b"" if failure.aborted else await moment.reader.payload(failure.stored.seq)
    span = failure.span
    began = span.began if with_call and span is not None and span.kind != Kind.STEP else None
    events = [] if began is None else await moment.queries.events(began, began)
    return FailureDetail(failure, body, await moment.reader.payload(events[0].seq) if events else b"")


def _in_order(node_ids: Sequence[str], keys: Mapping[str, int]) -> Sequence[str]:
    """Node ids in the order of creation, which is the order of the plan."""
    return sorted(node_ids, key=lambda node_id: keys.get(node_id, maxsize))


def _around(edges: Sequence[EdgeKey], node_id: str) -> Sequence[Sequence[str]]:
    """Prerequisites, transitive prerequisites, dependents, transitive dependents and cycle of a node.

    Runs in a thread: the first call imports networkx.
    """
    if not edges:
        return (), (), (), (), ()
    from store.model.dependency import DependencyGraph

    around = DependencyGraph(edges).around(node_id)
    return (
        around.prerequisites,
        around.transitive_prerequisites,
        around.dependents,
        around.transitive_dependents,
        tuple(around.cycle),
    )
