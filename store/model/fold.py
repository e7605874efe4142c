"""The meaning of events: the rule by which each event type changes a run. Ingest, screens and time travel share it.

- The tree is containment (`Node.outer`). Edges are dependencies between siblings.
- Three event types set the status of a node: node_created (READY for a root, NOT_READY for any other node),
  node_status_changed (`new_status`) and step_finished (`status_after`). Agents publish no node_status_changed for about 70%
  of the changes.
- Many payloads also contain fields of nodes other than their subject. Each field of a node is taken from one event type.
- A node that is named before its node_created exists as a placeholder. No event has to wait for another one.
- A node has one open step at a time, see `stepping`. Calls are paired, see `pairing`.
"""

from collections.abc import Callable, Iterable
from typing import Any

from msgspec.structs import replace

from store.model.accumulator import Accumulator
from store.model.alarm import check_place
from store.model.change import Change
from store.model.event import Event
from store.model.event_type import (
    EdgeAdded,
    InnerGraphBuilt,
    LlmCallCompleted,
    LlmCallStarted,
    NodeAdded,
    NodeCreated,
    NodeResultAvailable,
    NodeStatusChanged,
    RunError,
    RunFinished,
    RunStarted,
    StepFinished,
    StepStarted,
    TokenTotals,
    ToolInvoked,
    ToolReturned,
)
from store.model.facts import Facts
from store.model.pairing import CallEvent, begin_call, drop_calls, end_call, infer_node
from store.model.state import Edge, EdgeKey, RunState, RunStatus, Status, Totals
from store.model.stepping import abort_steps, begin_step, end_step, set_status

RESUMING = ("run_started", "step_started", "node_created")
"""Types of events that resume an ended run. Other events may be late."""


def fold(state: RunState, events: Iterable[Event]) -> RunState:
    """The state after further events of a run, in stream order."""
    acc = Accumulator.of(state)
    advance(acc, events)
    return acc.state


def advance(acc: Accumulator, events: Iterable[Event]) -> Change:
    """Fold events into an accumulator, at a constant cost for each, and return what they changed."""
    acc.begin()
    for event in events:
        _apply(acc, event)
    acc.end()
    return acc.change


def _apply(acc: Accumulator, event: Event) -> None:
    run, facts, time = acc.run, event.facts, event.time
    run.events += 1
    acc.latest_before, acc.price = run.latest, event.price
    if run.started is None or time < run.started:
        run.started = time
    if run.latest is None or time > run.latest:
        run.latest = time
    if event.skew is not None and abs(event.skew) > abs(run.skew or 0.0):
        run.skew = event.skew
    if run.ended is not None and event.type in RESUMING:
        run.status, run.ended = RunStatus.RUNNING, None
    if not facts.node_id and isinstance(facts, CallEvent):
        found = infer_node(acc, facts)
        if found is not None:
            acc.change.inferred[run.events] = found
            facts = replace(facts, node_id=found[0])
    concerns, subject = facts.concerns, facts.subject
    if facts.root_field is not None:
        for node_id in facts.with_root(concerns):
            if node_id not in acc.nodes:
                acc.node(node_id)
    for node_id in concerns:
        acc.node(node_id).events += 1
    if facts.failed:
        run.errors += 1
        if subject is not None:
            node = acc.node(subject)
            node.errors += 1
            for sums in acc.above(node):
                sums.errors += 1
            acc.add_problem(node)
    rule = _RULES.get(type(facts))
    if rule is not None:
        rule(acc, facts, time)
    if subject is not None:
        acc.raise_active(subject)


# The run


def _run_started(acc: Accumulator, facts: RunStarted, time: float) -> None:
    abort_steps(acc)
    acc.run.began, acc.run.parallel = True, facts.parallel
    acc.run.mode = facts.run_mode or acc.run.mode


def _run_finished(acc: Accumulator, facts: RunFinished, time: float) -> None:
    tokens = facts.token_usage_summary or TokenTotals()
    acc.run.totals = Totals(
        facts.total_steps,
        facts.total_nodes,
        facts.total_llm_calls,
        facts.total_tool_calls,
        tokens.total_prompt_tokens,
        tokens.total_completion_tokens,
        facts.duration_seconds,
    )
    _end_run(acc, RunStatus.COMPLETED, time)


def _run_error(acc: Accumulator, facts: RunError, time: float) -> None:
    acc.run.error = ": ".join(filter(None, (facts.error_type, facts.error_message))) or "unknown error"
    _end_run(acc, RunStatus.ERROR, time)


def _end_run(acc: Accumulator, status: RunStatus, time: float) -> None:
    abort_steps(acc)
    for node_id in list(acc.active):
        drop_calls(acc, acc.run if node_id is None else acc.node(node_id))
    acc.run.status, acc.run.ended = status, time


# Nodes


def _node_created(acc: Accumulator, facts: NodeCreated, time: float) -> None:
    if facts.subject is None:
        return
    node = acc.node(facts.subject)
    new, node.created = node.created is None, None  # until it has its place
    node.nid = None if facts.node_nid is None else str(facts.node_nid)
    node.node_type, node.task_type, node.goal = facts.node_type, facts.task_type, facts.task_goal
    node.layer = facts.layer
    if node.latest_goal == node.goal:
        node.latest_goal = None
    if facts.is_root:
        if not acc.run.parallel:
            abort_steps(acc)
        acc.make_root(node.node_id)
    else:
        acc.set_root(node, facts.root_node_id)
        acc.set_parent(node, facts.outer_node_id)
    node.created = time
    check_place(acc.run, acc.nodes, node, new)
    acc.update_run_goal(node)
    if node.status is None:
        acc.set_status(node, Status.READY if facts.is_root else Status.NOT_READY, time)


def _node_status_changed(acc: Accumulator, facts: NodeStatusChanged, time: float) -> None:
    if facts.subject is not None:
        node = acc.node(facts.subject)
        acc.set_latest_goal(node, facts.node_goal)
        set_status(acc, node, facts.new_status, time)


def _node_added(acc: Accumulator, facts: NodeAdded, time: float) -> None:
    if facts.added_node_id:
        acc.add_to_graph(facts.added_node_id, facts.graph_owner_node_id or facts.node_id, facts.added_node_nid)


def _inner_graph_built(acc: Accumulator, facts: InnerGraphBuilt, time: float) -> None:
    for node_id in facts.node_ids or ():
        acc.add_to_graph(node_id, facts.node_id, None)


def _edge_added(acc: Accumulator, facts: EdgeAdded, time: float) -> None:
    owner = facts.graph_owner_node_id or facts.node_id
    if not (facts.parent_node_id and facts.child_node_id):
        return
    parent_nid = facts.parent_node_nid if facts.parent_node_nid is not None else facts.parent_nid
    child_nid = facts.child_node_nid if facts.child_node_nid is not None else facts.child_nid
    prerequisite = acc.add_to_graph(facts.parent_node_id, owner, parent_nid)
    dependent = acc.add_to_graph(facts.child_node_id, owner, child_nid)
    key = EdgeKey(str(owner or ""), prerequisite.node_id, dependent.node_id)
    if key in acc.edges:
        return
    edge = acc.edges[key] = Edge(key, acc.run.events, prerequisite.nid, dependent.nid)
    acc.change.edges.append(edge)
    acc.run.edges += 1


def _node_result_available(acc: Accumulator, facts: NodeResultAvailable, time: float) -> None:
    if facts.subject is not None:
        node = acc.node(facts.subject)
        node.results = {**node.results, facts.action_name or "": acc.run.events}


# Calls


def _llm_call_started(acc: Accumulator, facts: LlmCallStarted, time: float) -> None:
    begin_call(acc, facts, time, facts.model)


def _llm_call_completed(acc: Accumulator, facts: LlmCallCompleted, time: float) -> None:
    end_call(acc, facts, time)


def _tool_invoked(acc: Accumulator, facts: ToolInvoked, time: float) -> None:
    begin_call(acc, facts, time)


def _tool_returned(acc: Accumulator, facts: ToolReturned, time: float) -> None:
    end_call(acc, facts, time)


_RULES: dict[type[Facts], Callable[[Accumulator, Any, float], None]] = {
    RunStarted: _run_started,
    RunFinished: _run_finished,
    RunError: _run_error,
    StepStarted: begin_step,
    StepFinished: end_step,
    NodeStatusChanged: _node_status_changed,
    NodeCreated: _node_created,
    NodeAdded: _node_added,
    EdgeAdded: _edge_added,
    InnerGraphBuilt: _inner_graph_built,
    NodeResultAvailable: _node_result_available,
    LlmCallStarted: _llm_call_started,
    LlmCallCompleted: _llm_call_completed,
    ToolInvoked: _tool_invoked,
    ToolReturned: _tool_returned,
}
"""The rule for each event type. plan_received has none: each node of a plan has its own events."""
