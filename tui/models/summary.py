"""One line about an event, the activity or status of a node, the status of a run. Pure."""

from store.model import event_type as ev
from store.model.facts import Facts, Id
from store.model.phase import SILENT_AFTER_S, Phase, may_continue, open_work, silent_for, unfinished
from store.model.phase import phase as phase_of
from store.model.record import Stored
from store.model.span import Outcome, add_known
from store.model.state import Node, Run, Status
from tui import format as fmt
from tui.models.columns import Cell
from tui.models.open_work import OpenWork, running
from tui.text import clean
from tui.theme import node_mark

ACTIVITIES: dict[tuple[str | None, str | None], str] = {
    ("PLAN_NODE", Status.READY): "planning",
    ("EXECUTE_NODE", Status.READY): "executing",
    (None, Status.NEED_UPDATE): "updating",
    (None, Status.PLAN_DONE): "reflecting on the plan",
    (None, Status.FINAL_TO_FINISH): "aggregating",
    (None, Status.NEED_POST_REFLECT): "reflecting on the result",
}
"""What an open step does, by node type and status. Its action is published only when it ends."""

AGENTS = {
    "UpdateAtomPlanningAgent": "planner",
    "SimpleExecutor": "executor",
    "FinalAggregateAgent": "aggregator",
    "SearchAgent": "searcher",
}
"""Short names of agent classes. Other classes are shown by their own name."""


def agent(agent_class: str | None) -> str:
    """Short name of an agent class."""
    return AGENTS.get(agent_class or "", agent_class or "?")


def activity(node: Node, now: float, brief: bool = False) -> str:
    """What a node does at the time `now`, and for how long; empty if nothing. `brief`: in one word."""
    if node.calls:
        call = node.calls[-1]
        callee = "" if brief else f" {clean(call.model or call.label, 40)}"
        return f"{call.kind}{callee} {fmt.duration(max(now - call.since, 0.0))}"
    if node.step is not None and node.step.open:
        what = step_activity(node)
        return f"{what.split()[0] if brief else what} {fmt.duration(max(now - node.step.since, 0.0))}"
    return ""


def step_activity(node: Node) -> str:
    """What the open step of a node does."""
    return ACTIVITIES.get((node.node_type, node.status)) or ACTIVITIES.get((None, node.status)) or "working"


def node_status(node: Node, now: float) -> str:
    """Status of a node at the time `now`. The published status holds only between steps, and not after an aborted step."""
    if node.working:
        what = activity(node, now, brief=True)
        return what if what.startswith("working") else f"working: {what}"
    if node_mark(node)[0] in ("aborted", Status.FAILED):
        return "failed"
    return node.status or "unknown"


def own_time(node: Node, now: float) -> float | None:
    """Seconds in steps of the node itself, including an open step; None if there were none, or no duration is known."""
    step = node.step
    unknown = step is not None and step.outcome == Outcome.ABORTED and step.latest is None
    return None if not node.busy and (node.started is None or unknown) else node.busy + running(node, now)


def total_time(node: Node, beneath: OpenWork, now: float) -> float | None:
    """Seconds in steps of the node and of everything beneath it, open steps included; None if none is known."""
    own, ended = own_time(node, now), 0.0 if node.beneath is None else node.beneath.seconds
    return None if own is None and not ended and not beneath.tasks else (own or 0.0) + ended + beneath.seconds


def measured_to(run: Run, now: float) -> float:
    """Time at which open steps and calls are taken to end: now; in a run that ended or was interrupted, its last event."""
    latest = now if run.latest is None else run.latest
    return max(now, latest) if may_continue(run, now) else latest


def run_status(run: Run, now: float) -> str:
    """Status of a run: `live`, `llm for 1m09s`, `silent 1m30s`, `ended, 2 open`, `finished`."""
    status, quiet, work = phase_of(run, now), silent_for(run, now), open_work(run)
    if status == Phase.LIVE and quiet > SILENT_AFTER_S and work is not None:
        return f"{work.kind} for {fmt.duration(now - work.since)}"
    if status == Phase.SILENT:
        return f"{status} {fmt.duration(quiet)}"
    return f"{status}, {unfinished(run)} open" if status == Phase.ENDED else status


def skew(seconds: float) -> str:
    """Difference of an agent's clock from the time of arrival: `26,916 days ahead`."""
    days = round(abs(seconds) / 86_400)
    size = fmt.exactly(days, "day") if days >= 2 else fmt.duration(abs(seconds))
    return f"{size} {'ahead' if seconds > 0 else 'behind'}"


def tokens(count_in: int | None, count_out: int | None, template: str = "{}+{}") -> str:
    """Tokens in and out: `12.3k+4.5k`; `n/a` if no count was published."""
    if count_in is None and count_out is None:
        return fmt.UNKNOWN
    return template.format(fmt.count(count_in), fmt.count(count_out))


def total(count_in: int | None, count_out: int | None) -> int | None:
    """Sum of tokens in and out; None if no count was published."""
    return add_known(count_in, count_out)


def event_summary(stored: Stored) -> Cell:
    """The main facts of an event."""
    text = f"{'(inferred) ' if stored.inferred else ''}{_summary(stored.event.facts)}"
    return Cell(clean(text), "failed" if stored.failed else "text")


def _summary(published: Facts) -> str:
    match published:
        case ev.RunStarted(run_mode=mode):
            return f"{mode or ''} run"
        case ev.RunFinished() as facts:
            steps = "" if facts.total_steps is None else f"{fmt.exactly(facts.total_steps, 'step')}, "
            return f"{steps}{_many(facts.total_nodes, 'task')} reported in {fmt.duration(facts.duration_seconds)}"
        case ev.RunError() as facts:
            return f"{facts.error_type or 'error'}: {facts.error_message or ''}"
        case ev.StepStarted() as facts:
            return f"step {_number(facts.step)} · {facts.node_goal or ''}"
        case ev.StepFinished() as facts:
            return f"step {_number(facts.step)} · {facts.action_name or '?'} → {facts.status_after or '?'}"
        case ev.NodeStatusChanged() as facts:
            return f"{facts.old_status or '?'} → {facts.new_status or '?'}"
        case ev.NodeCreated() as facts:
            kind = "plan" if facts.node_type == "PLAN_NODE" else "execute"
            return f"{nid_text(facts.node_nid)} {kind} · {facts.task_goal or ''}"
        case ev.PlanReceived(raw_plan=plan):
            more = "at least " if plan and len(plan) == ev.PLAN_TASKS_MAX else ""  # further tasks are not kept
            return f"{more}{fmt.exactly(len(plan), 'task')}" if plan else "done as it is, no plan needed"
        case ev.NodeAdded() as facts:
            return f"{nid_text(facts.added_node_nid)} joins the plan"
        case ev.EdgeAdded() as facts:
            prerequisite = _first_name(facts.parent_node_nid, facts.parent_nid, facts.parent_node_id)
            dependent = _first_name(facts.child_node_nid, facts.child_nid, facts.child_node_id)
            return f"{dependent} depends on {prerequisite}"
        case ev.InnerGraphBuilt() as facts:
            return f"{_many(facts.node_count, 'task')}, {_many(facts.edge_count, 'dependency', 'dependencies')}"
        case ev.NodeResultAvailable() as facts:
            return f"{facts.action_name or '?'} · {_result(facts.result_summary or '')}"
        case ev.LlmCallStarted() as facts:
            return " · ".join(filter(None, (agent(facts.agent_class), facts.about, facts.model or "?")))
        case ev.LlmCallCompleted() as facts:
            usage = facts.token_usage
            spent = "" if usage is None else f" · {tokens(usage.prompt_tokens, usage.completion_tokens)} tokens"
            return _outcome(f"{agent(facts.agent_class)}{spent}", facts.error, facts.result_summary)
        case ev.ToolInvoked() as facts:
            return f"{facts.tool_name or '?'}.{facts.api_name or '?'} · {facts.args_summary or ''}"
        case ev.ToolReturned() as facts:
            call = f"{facts.state or '?'} · {facts.tool_name or '?'}.{facts.api_name or '?'}"
            return _outcome(call, facts.error, facts.result_summary)
        case facts:
            return f"step {facts.step}" if facts.step is not None else ""


def _outcome(call: str, error: str | None, result: str | None) -> str:
    """A call and its result. An error precedes the call, as a long line is cut at its end."""
    return f"{error} · {call}" if error else f"{call} · {result or ''}"


def _result(summary: str) -> str:
    """The value of a result, which is published as JSON that is mostly cut."""
    value = summary.removeprefix('{"result": ')
    return value if value == summary else value.removesuffix("...").removesuffix("}").strip('"')


def _number(number: int | None) -> str:
    return "?" if number is None else str(number)


def _many(number: int | None, thing: str, things: str = "") -> str:
    return f"? {things or f'{thing}s'}" if number is None else fmt.exactly(number, thing, things)


def _first_name(*names: Id) -> str:
    """The first name that is not empty: the empty name is that of the root, which has no dependents."""
    return next((str(name)[:8] for name in names if name not in (None, "")), "?")


def nid_text(nid: Id) -> str:
    """The planner's name of a node; that of the root is empty."""
    return "?" if nid is None else str(nid) or "root"
