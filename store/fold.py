"""The meaning of events: how each one changes a run. All of it is here, once; ingest, screens and time travel call it.

Rules that surprise:

- The tree is containment (`outer`), never the edges; edges are dependencies between siblings.
- A node's status is told by three events: node_created says NOT_READY (READY for a root), node_status_changed says
  `new_status`, step_finished says `status_after`. Announced alone, node_status_changed misses seven of ten changes.
- Most payloads carry fields about *another* node than the one they are about; only a field's own event is believed.
- A node that is named before it is announced is there as a placeholder. No event is ever waited for.
- A run does one step at a time. Where the next step, root or end of run comes before a step's end, that step was aborted.
"""

from collections.abc import Callable, Iterable, MutableMapping
from copy import copy
from typing import Any, NamedTuple

from msgspec import Struct, field
from msgspec.structs import replace

from store import events as ev
from store.events import Event
from store.state import Call, Edge, EdgeKey, Node, Run, RunState, RunStatus, Status, Step, Totals

ORPHANS = 100
"""Calls of a node that are remembered as counted while their other half has not come."""


class Transition(NamedTuple):
    """A node went from one status (None: not known) to another."""

    node_id: str
    old: str | None
    new: str


class Move(NamedTuple):
    """A node that was there already went from inside one node (None: from the top) into another."""

    position: int
    node_id: str
    before: str | None
    after: str | None


class Change(Struct):
    """What folding some events touched, so that only that is written or drawn again."""

    nodes: dict[str, Node] = field(default_factory=dict)
    """Nodes that are new or changed, as they are now."""
    born: list[str] = field(default_factory=list)
    """Nodes that are new, in the order in which they were named."""
    edges: list[Edge] = field(default_factory=list)
    """Edges that are new."""
    moves: list[Move] = field(default_factory=list)
    """Nodes that changed their place after they were born, in order; mostly none."""
    transitions: dict[int, Transition] = field(default_factory=dict)
    """Status changes by the position of the event that brought them."""


def fold(state: RunState, events: Iterable[Event]) -> RunState:
    """The run after these further events of it, in the order of the stream."""
    return advance(state, events)[0]


def advance(state: RunState, events: Iterable[Event]) -> tuple[RunState, Change]:
    """Like `fold`, and says what changed. Costs a shallow copy of the state, then a constant for each event."""
    draft = Draft(state.run, dict(state.nodes), dict(state.edges))
    change = draft.advance(events)
    return RunState(draft.run, dict(draft.nodes), dict(draft.edges)), change


REVIVING = ("run_started", "step_started", "node_created")
"""What a run says after its end only when it goes on."""


class Draft:
    """A run in the making, for who folds on and on: its mappings change in place, the records in them never do.

    `nodes` and `edges` may be mappings that fetch what they are asked for: only what events touch is ever asked for.
    """

    def __init__(self, run: Run, nodes: MutableMapping[str, Node], edges: MutableMapping[EdgeKey, Edge]) -> None:
        self.run: Run = run
        self.nodes = nodes
        self.edges = edges
        self.change = Change()

    def advance(self, events: Iterable[Event]) -> Change:
        """Fold these events, and say what they changed."""
        self.change = Change()
        self.run = copy(self.run)
        for event in events:
            self.apply(event)
        return self.change

    def apply(self, event: Event) -> None:
        run, facts, time = self.run, event.facts, event.time
        run.events += 1
        if run.started is None or time < run.started:
            run.started = time
        if run.latest is None or time > run.latest:
            run.latest = time
        if run.ended is not None and event.type in REVIVING:
            run.status, run.ended = RunStatus.RUNNING, None
        if facts.root is not None:
            for node_id in facts.mentions:
                if node_id not in self.nodes:
                    self.node(node_id)
        for node_id in facts.concerns:
            self.node(node_id).events += 1
        if facts.failed:
            run.errors += 1
            if facts.subject:
                node = self.node(facts.subject)
                node.errors += 1
                self._trouble(node)
        rule = _RULES.get(type(facts))
        if rule is not None:
            rule(self, facts, time)

    def node(self, node_id: str) -> Node:
        """The node, ours to change; a placeholder where it was never heard of."""
        ours = self.change.nodes.get(node_id)
        if ours is None:
            known = self.nodes.get(node_id)
            if known is None:
                ours = Node(node_id, born=self.run.events)
                self.run.nodes += 1
                self.change.born.append(node_id)
            else:
                ours = copy(known)
            self.nodes[node_id] = self.change.nodes[node_id] = ours
        return ours

    # The run

    def run_started(self, facts: ev.RunStarted, time: float) -> None:
        self._abort_step()
        self.run.began = True
        self.run.mode = facts.run_mode or self.run.mode

    def run_finished(self, facts: ev.RunFinished, time: float) -> None:
        tokens = facts.token_usage_summary or ev.TokenTotals()
        self.run.totals = Totals(
            facts.total_steps,
            facts.total_nodes,
            facts.total_llm_calls,
            facts.total_tool_calls,
            tokens.total_prompt_tokens,
            tokens.total_completion_tokens,
            facts.duration_seconds,
        )
        self._end(RunStatus.COMPLETED, time)

    def run_error(self, facts: ev.RunError, time: float) -> None:
        self.run.error = ": ".join(filter(None, (facts.error_type, facts.error_message))) or "unknown error"
        self._end(RunStatus.ERROR, time)

    def _end(self, status: RunStatus, time: float) -> None:
        self._abort_step()
        for node_id in self.run.active:
            node = self.node(node_id)
            self._drop_calls(node)
            self._activity(node)
        self.run.status, self.run.ended = status, time

    # Steps

    def step_started(self, facts: ev.StepStarted, time: float) -> None:
        if facts.subject is None:
            return
        node = self.node(facts.subject)
        node.started = time if node.started is None or time < node.started else node.started
        self._reword(node, facts.node_goal)
        if facts.root_id:
            self._root(str(facts.root_id))
            self._belong(node, facts.root_id)
        step = node.step
        if step is not None and step.number == facts.step is not None and not step.open and not step.aborted:
            return  # its end was heard of first
        self._abort_step()
        node.step = Step(facts.step, time)
        node.steps += 1
        self.run.steps += 1
        self.run.stepping = node.node_id
        self._activity(node)

    def step_finished(self, facts: ev.StepFinished, time: float) -> None:
        if facts.subject is None:
            return
        node = self.node(facts.subject)
        step = node.step
        if step is None or step.number != facts.step or not (step.open or step.aborted):
            node.steps += 1
            self.run.steps += 1
        elif step.aborted:  # it was only late
            node.aborted -= 1
            self.run.aborted -= 1
        node.step = Step(facts.step, time if step is None else step.started, open=False)
        self._drop_calls(node)
        self._activity(node)
        node.busy += facts.duration_seconds or 0.0
        if self.run.stepping == node.node_id:
            self.run.stepping = None
        self._status(node, facts.status_after, time)

    def _abort_step(self) -> None:
        """The engine went on: the step that is still open never finished, nor did the calls in it."""
        if self.run.stepping is None:
            return
        node = self.node(self.run.stepping)
        self.run.stepping = None
        if node.step is not None and node.step.open:
            node.step = replace(node.step, open=False, aborted=True)
            self._drop_calls(node)
            node.aborted += 1
            self.run.aborted += 1
            self._trouble(node)
            self._activity(node)

    def _activity(self, node: Node) -> None:
        """Keep the list of the nodes at work, after a step or a call of this one began or ended."""
        active = self.run.active
        if node.working is not (node.node_id in active):
            rest = tuple(node_id for node_id in active if node_id != node.node_id)
            self.run.active = (*rest, node.node_id) if node.working else rest

    def _trouble(self, node: Node) -> None:
        if node.troubled is None:
            node.troubled = self.run.events

    # Nodes

    def node_created(self, facts: ev.NodeCreated, time: float) -> None:
        if facts.subject is None:
            return
        node = self.node(facts.subject)
        node.created = time
        node.nid = None if facts.node_nid is None else str(facts.node_nid)
        node.node_type, node.task_type, node.goal = facts.node_type, facts.task_type, facts.task_goal
        node.layer = facts.layer
        if facts.is_root:
            self._abort_step()
            self._root(node.node_id)
            node.root = node.node_id
        else:
            self._belong(node, facts.root_node_id)
            self._contain(node, facts.outer_node_id)
        self._name_run(node)
        if node.status is None:
            self._status(node, Status.READY if facts.is_root else Status.NOT_READY, time)

    def node_status_changed(self, facts: ev.NodeStatusChanged, time: float) -> None:
        if facts.subject is not None:
            node = self.node(facts.subject)
            self._reword(node, facts.node_goal)
            self._status(node, facts.new_status, time)

    def node_added(self, facts: ev.NodeAdded, time: float) -> None:
        if facts.added_node_id:
            self._adopt(facts.added_node_id, facts.graph_owner_node_id or facts.node_id, facts.added_node_nid)

    def inner_graph_built(self, facts: ev.InnerGraphBuilt, time: float) -> None:
        for node_id in facts.node_ids or ():
            self._adopt(node_id, facts.node_id, None)

    def edge_added(self, facts: ev.EdgeAdded, time: float) -> None:
        owner = facts.graph_owner_node_id or facts.node_id
        if not (facts.parent_node_id and facts.child_node_id):
            return
        parent_nid = facts.parent_node_nid if facts.parent_node_nid is not None else facts.parent_nid
        child_nid = facts.child_node_nid if facts.child_node_nid is not None else facts.child_nid
        parent = self._adopt(facts.parent_node_id, owner, parent_nid)
        child = self._adopt(facts.child_node_id, owner, child_nid)
        key = EdgeKey(str(owner or ""), parent.node_id, child.node_id)
        if key in self.edges:
            return
        edge = self.edges[key] = Edge(key, self.run.events, parent.nid, child.nid)
        self.change.edges.append(edge)
        self.run.edges += 1

    def _adopt(self, node_id: ev.Id, owner: ev.Id, nid: ev.Id) -> Node:
        """An owner's graph names a node: enough to place it while its own node_created did not."""
        node = self.node(str(node_id))
        if node.nid is None and nid is not None:
            node.nid = str(nid)
        if node.outer is None and node.loop is None and node.root != node.node_id:
            self._contain(node, owner)
        return node

    def _contain(self, node: Node, outer_id: ev.Id) -> None:
        """Put the node inside another, unless that one is inside it already: then only remember the claim."""
        if not outer_id or node.outer == str(outer_id):
            return
        outer = self.node(str(outer_id))
        if outer is node or (node.children and self._is_inside(outer, node)):
            node.loop = outer.node_id
            return
        self._place(node, outer.node_id)
        node.loop = None

    def _place(self, node: Node, outer_id: str | None) -> None:
        """Take the node out of where it is, and put it inside another; None: at the top."""
        if node.born != self.run.events:
            self.change.moves.append(Move(self.run.events, node.node_id, node.outer, outer_id))
        if node.outer is not None:
            self.node(node.outer).children -= 1
        if outer_id is not None:
            self.node(outer_id).children += 1
        node.outer = outer_id

    def _is_inside(self, node: Node, outer: Node) -> bool:
        at: str | None = node.outer
        while at is not None and at != outer.node_id:
            at = self.nodes[at].outer
        return at is not None

    def _root(self, node_id: str) -> None:
        node = self.node(node_id)
        if node.root != node_id:
            node.root, node.loop = node_id, None
            if node.outer is not None:  # some graph named it before it was known for a root
                self._place(node, None)
            self.run.roots += (node_id,)
            self._name_run(node)

    def _belong(self, node: Node, root_id: ev.Id) -> None:
        """A node is told its root; roots know better."""
        if root_id and node.node_id not in (node.root, root_id):
            node.root = str(root_id)

    def _reword(self, node: Node, goal: str | None) -> None:
        if goal:
            node.latest_goal = goal
            self._name_run(node)

    def _name_run(self, node: Node) -> None:
        if self.run.roots and node.node_id == self.run.roots[0]:
            self.run.goal = node.goal or node.latest_goal

    def _status(self, node: Node, status: str | None, time: float) -> None:
        if not status or status == node.status:
            return
        self.change.transitions[self.run.events] = Transition(node.node_id, node.status, status)
        self.run.finished += (status == Status.FINISH) - (node.status == Status.FINISH)
        node.status = status
        node.finished = time if status in (Status.FINISH, Status.FAILED) else None
        is_root = node.root == node.node_id
        if is_root and not self.run.began and all(self.nodes[root].status == Status.FINISH for root in self.run.roots):
            # Older agents announce neither the beginning nor the end of a run: it ends with its roots.
            self.run.status, self.run.ended = RunStatus.COMPLETED, time

    # Results and calls

    def node_result_available(self, facts: ev.NodeResultAvailable, time: float) -> None:
        if facts.subject is not None:
            node = self.node(facts.subject)
            node.results = {**node.results, facts.action_name or "": self.run.events}

    def llm_call_started(self, facts: ev.LlmCallStarted, time: float) -> None:
        call = Call("llm", facts.agent_class or "", time, _text(facts.call_id), facts.model)
        self.run.llm_calls += self._open_call(facts.subject, call)

    def llm_call_completed(self, facts: ev.LlmCallCompleted, time: float) -> None:
        node = self._close_call(facts.subject, "llm", facts.agent_class or "", _text(facts.call_id))
        usage = facts.token_usage
        if usage is not None:
            for counter in (self.run, node) if node is not None else (self.run,):
                counter.tokens_in = _plus(counter.tokens_in, usage.prompt_tokens)
                counter.tokens_out = _plus(counter.tokens_out, usage.completion_tokens)

    def tool_invoked(self, facts: ev.ToolInvoked, time: float) -> None:
        call = Call("tool", _tool(facts.tool_name, facts.api_name), time, _text(facts.tool_call_id))
        self.run.tool_calls += self._open_call(facts.subject, call)

    def tool_returned(self, facts: ev.ToolReturned, time: float) -> None:
        self._close_call(facts.subject, "tool", _tool(facts.tool_name, facts.api_name), _text(facts.tool_call_id))

    def _open_call(self, node_id: str | None, call: Call) -> int:
        """Note an open call; how many calls that makes more (0 where its end was counted already)."""
        if node_id is None:
            return 1
        node = self.node(node_id)
        if self._take_orphan(node, call.call_id):
            return 0
        node.calls += (call,)
        self._activity(node)
        self._count_call(node, call.kind)
        return 1

    def _close_call(self, node_id: str | None, kind: str, label: str, call_id: str | None) -> Node | None:
        """Close the call with this id, else the one opened last of this kind and label. An end without a start counts."""
        if node_id is None:
            return None
        node = self.node(node_id)
        for index in range(len(node.calls) - 1, -1, -1):
            call = node.calls[index]
            same = call.call_id == call_id if call_id and call.call_id else call.label == label
            if call.kind == kind and same:
                node.calls = node.calls[:index] + node.calls[index + 1 :]
                self._activity(node)
                return node
        if self._take_orphan(node, call_id):  # its step was called aborted, and is only one of several at once
            return node
        self._count_call(node, kind)
        if kind == "llm":
            self.run.llm_calls += 1
        else:
            self.run.tool_calls += 1
        if call_id is not None:
            node.orphans = (*node.orphans, call_id)[-ORPHANS:]
        return node

    def _drop_calls(self, node: Node) -> None:
        """Nobody waits for the calls any more that are open here."""
        dropped = [call.call_id for call in node.calls if call.call_id is not None]
        node.calls, node.orphans = (), (*node.orphans, *dropped)[-ORPHANS:]

    def _take_orphan(self, node: Node, call_id: str | None) -> bool:
        """Was one half of this call counted already, and this is the other?"""
        if call_id is None or call_id not in node.orphans:
            return False
        node.orphans = tuple(orphan for orphan in node.orphans if orphan != call_id)
        return True

    def _count_call(self, node: Node, kind: str) -> None:
        if kind == "llm":
            node.llm_calls += 1
        else:
            node.tool_calls += 1


_RULES: dict[type[ev.Facts], Callable[[Draft, Any, float], None]] = {
    ev.RunStarted: Draft.run_started,
    ev.RunFinished: Draft.run_finished,
    ev.RunError: Draft.run_error,
    ev.StepStarted: Draft.step_started,
    ev.StepFinished: Draft.step_finished,
    ev.NodeStatusChanged: Draft.node_status_changed,
    ev.NodeCreated: Draft.node_created,
    ev.NodeAdded: Draft.node_added,
    ev.EdgeAdded: Draft.edge_added,
    ev.InnerGraphBuilt: Draft.inner_graph_built,
    ev.NodeResultAvailable: Draft.node_result_available,
    ev.LlmCallStarted: Draft.llm_call_started,
    ev.LlmCallCompleted: Draft.llm_call_completed,
    ev.ToolInvoked: Draft.tool_invoked,
    ev.ToolReturned: Draft.tool_returned,
}
"""What each type of event does. A plan_received changes nothing: its nodes are announced one by one."""


def _text(value: ev.Id) -> str | None:
    return None if value in (None, "") else str(value)


def _tool(tool: str | None, api: str | None) -> str:
    return ".".join(filter(None, (tool, api)))


def _plus(total: int | None, more: int | None) -> int | None:
    """The sum, which stays within what SQLite can hold."""
    return total if more is None else max(-(2**63), min((total or 0) + more, 2**63 - 1))
