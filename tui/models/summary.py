"""One line for each thing: an event in a timeline, what a node does right now, how a run ended. Pure."""

from store import events as ev
from store.events import Event
from store.record import Stored
from store.state import Node, Run, RunStatus, Status
from tui import format as fmt
from tui.models.columns import Cell
from tui.text import clean

DOING: dict[tuple[str | None, str | None], str] = {
    ("PLAN_NODE", Status.READY): "planning",
    ("EXECUTE_NODE", Status.READY): "executing",
    (None, Status.NEED_UPDATE): "updating",
    (None, Status.PLAN_DONE): "reflecting on the plan",
    (None, Status.FINAL_TO_FINISH): "aggregating",
    (None, Status.NEED_POST_REFLECT): "reflecting on the result",
}
"""What a step does is said only when it ends; but node type and status before it tell."""


AGENTS = {
    "UpdateAtomPlanningAgent": "planner",
    "SimpleExecutor": "executor",
    "FinalAggregateAgent": "aggregator",
    "SearchAgent": "searcher",
}
"""Agent classes by what they are; others go by their own name."""


def agent(agent_class: str | None) -> str:
    """Who calls a model."""
    return AGENTS.get(agent_class or "", agent_class or "?")


def doing(node: Node, now: float, brief: bool = False) -> str:
    """What a node does at this moment, with how long it has been at it; empty when nothing."""
    if node.calls:
        call = node.calls[-1]
        whom = "" if brief else f" {clean(call.model or call.label, 40)}"
        return f"{call.kind}{whom} {fmt.duration(max(now - call.started, 0.0))}"
    if node.step is not None and node.step.open:
        what = DOING.get((node.node_type, node.status)) or DOING.get((None, node.status)) or "working"
        return f"{what.split()[0] if brief else what} {fmt.duration(max(now - node.step.started, 0.0))}"
    return ""


def own_time(node: Node, now: float) -> float | None:
    """Seconds that the node itself was worked on, the open step included; None when it never was."""
    running = max(now - node.step.started, 0.0) if node.step is not None and node.step.open else 0.0
    return None if node.started is None and not node.busy else node.busy + running


def run_ended(run: Run, now: float) -> str:
    """How a run stands, in a word or two."""
    if run.status == RunStatus.COMPLETED:
        left = run.nodes - run.finished
        return "finished" if not left else f"ended, {left} open"
    if run.status == RunStatus.ERROR:
        return "failed"
    quiet = silence(run, now)
    if quiet is None:
        return "running"
    return "interrupted?" if interrupted(run, now) else f"silent {fmt.duration(quiet)}"


def silence(run: Run, now: float) -> float | None:
    """Seconds since the last event of a run that did not end, once they are many; None otherwise."""
    quiet = None if run.latest is None else now - run.latest
    return quiet if run.status == RunStatus.RUNNING and quiet is not None and quiet > fmt.SILENT_AFTER else None


def interrupted(run: Run, now: float) -> bool:
    """Has a run that did not end been silent for so long that it will not go on? What it was at counts until then."""
    return (silence(run, now) or 0.0) >= fmt.INTERRUPTED_AFTER


def elapsed(run: Run, now: float) -> float | None:
    """Seconds from the first event to the end; to now, when it may go on; to the last event, when it was interrupted."""
    if run.started is None or run.latest is None:
        return None
    if run.status != RunStatus.RUNNING:
        return (run.ended or run.latest) - run.started
    return (run.latest if interrupted(run, now) else max(now, run.latest)) - run.started


def tokens(count_in: int | None, count_out: int | None) -> str:
    """`12.3k+4.5k` in and out, `n/a` where nobody counted."""
    if count_in is None and count_out is None:
        return fmt.UNKNOWN
    return f"{fmt.count(count_in)}+{fmt.count(count_out)}"


def total(count_in: int | None, count_out: int | None) -> int | None:
    """Tokens in and out together, None where nobody counted."""
    return None if count_in is None and count_out is None else (count_in or 0) + (count_out or 0)


def event_summary(stored: Stored) -> Cell:
    """What an event says, in one line."""
    event = stored.event
    text = _summary(event, stored)
    return Cell(clean(text), "failed" if stored.failed else "text")


def _summary(event: Event, stored: Stored) -> str:
    match event.facts:
        case ev.RunStarted(run_mode=mode):
            return f"{mode or ''} run"
        case ev.RunFinished() as facts:
            steps = "" if facts.total_steps is None else f"{fmt.exactly(facts.total_steps, 'step')}, "
            return (
                f"{steps}{fmt.exactly(facts.total_nodes or 0, 'node')} reported in {fmt.duration(facts.duration_seconds)}"
            )
        case ev.RunError() as facts:
            return f"{facts.error_type or 'error'}: {facts.error_message or ''}"
        case ev.StepStarted() as facts:
            return f"step {_or(facts.step)} · {facts.node_goal or ''}"
        case ev.StepFinished() as facts:
            return f"step {_or(facts.step)} · {facts.action_name or '?'} → {facts.status_after or '?'}"
        case ev.NodeStatusChanged() as facts:
            return f"{facts.old_status or '?'} → {facts.new_status or '?'}"
        case ev.NodeCreated() as facts:
            kind = "plan" if facts.node_type == "PLAN_NODE" else "execute"
            return f"{_nid(facts.node_nid)} {kind} · {facts.task_goal or ''}"
        case ev.PlanReceived(raw_plan=plan):
            more = "at least " if plan and len(plan) == ev.PLANNED else ""  # no more of them are kept
            return f"{more}{fmt.exactly(len(plan), 'task')}" if plan else "done as it is, no plan needed"
        case ev.NodeAdded() as facts:
            return f"{_nid(facts.added_node_nid)} joins the plan"
        case ev.EdgeAdded() as facts:
            parent = _one_of(facts.parent_node_nid, facts.parent_nid, facts.parent_node_id)
            child = _one_of(facts.child_node_nid, facts.child_nid, facts.child_node_id)
            return f"{child} waits for {parent}"
        case ev.InnerGraphBuilt() as facts:
            return f"{_many(facts.node_count, 'node')}, {_many(facts.edge_count, 'edge')}"
        case ev.NodeResultAvailable() as facts:
            return f"{facts.action_name or '?'} · {facts.result_summary or ''}"
        case ev.LlmCallStarted() as facts:
            return f"{agent(facts.agent_class)} · {facts.model or '?'} · {facts.prompt_preview or ''}"
        case ev.LlmCallCompleted() as facts:
            usage = facts.token_usage
            spent = "" if usage is None else f" · {tokens(usage.prompt_tokens, usage.completion_tokens)} tokens"
            return f"{agent(facts.agent_class)}{spent} · {facts.error or facts.result_summary or ''}"
        case ev.ToolInvoked() as facts:
            return f"{facts.tool_name or '?'}.{facts.api_name or '?'} · {facts.args_summary or ''}"
        case ev.ToolReturned() as facts:
            state = facts.state or "?"
            return (
                f"{facts.tool_name or '?'}.{facts.api_name or '?'} · {state} · {facts.error or facts.result_summary or ''}"
            )
        case facts:
            return f"step {facts.step}" if facts.step is not None else ""


def _or(number: int | None) -> str:
    return "?" if number is None else str(number)


def _many(number: int | None, thing: str) -> str:
    return f"? {thing}s" if number is None else fmt.exactly(number, thing)


def _one_of(*names: ev.Id) -> str:
    """The first name that is one. Never the root's, which is empty: nothing waits for a root."""
    return next((str(name)[:8] for name in names if name not in (None, "")), "?")


def _nid(nid: ev.Id) -> str:
    return "?" if nid is None else str(nid) or "root"
