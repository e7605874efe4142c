"""One task as lines for the inspector: what it does now, errors, result; then goal, work, dependencies, history. Pure."""

from collections.abc import Iterable, Mapping, Sequence

from store.model.phase import errors
from store.model.record import Stored
from store.model.runaway import task_runaways
from store.model.state import Node, Run, Status
from tui import format as fmt
from tui.models.columns import Cell
from tui.models.failure_detail import FailureDetail, failure_lines
from tui.models.lines import Line, fact, heading, line, prose
from tui.models.payload import payload_of, plan_lines, result_text, section, text_of
from tui.models.run_detail import count_lines
from tui.models.summary import node_status, own_time, step_activity
from tui.text import clean
from tui.theme import Glyphs, node_mark, status_role, task_name

LISTED_MAX_ERRORS = 5
"""Number of errors that are listed, the newest first. Further ones are counted."""

LISTED_MAX_NODES = 20
"""Number of prerequisites, and of dependents, that are listed. Further ones are counted."""


class NodeFacts:
    """Facts about a node that are not in the state of the run: status history, errors, published result, dependencies.

    `cycle`: ids of the nodes in a cycle of dependencies with this node. `around`: prerequisites and dependents, by id.
    `plan`: the event with the plan if that is the result, as only the beginning of a result is published. `failures`: the
    newest errors, in order.
    """

    def __init__(
        self,
        history: Sequence[Stored] = (),
        result: bytes = b"",
        prerequisites: Sequence[str] = (),
        transitive_prerequisites: Sequence[str] = (),
        dependents: Sequence[str] = (),
        transitive_dependents: Sequence[str] = (),
        cycle: Iterable[str] = (),
        around: Mapping[str, Node] | None = None,
        plan: bytes = b"",
        failures: Sequence[FailureDetail] = (),
    ) -> None:
        self.history = history
        self.result = result
        self.prerequisites, self.transitive_prerequisites = prerequisites, transitive_prerequisites
        self.dependents, self.transitive_dependents = dependents, transitive_dependents
        self.cycle = frozenset(cycle)
        self.around = around or {}
        self.plan = plan
        self.failures = failures


def node_lines(
    node: Node, run: Run, facts: NodeFacts | None, now: float, glyphs: Glyphs, name: str = "", depth: int = 0
) -> list[Line]:
    """One node, with its name, at the time `now`. `facts` is None while it is read.

    `depth`: number of tasks around it.
    """
    mark, role = node_mark(node)
    type_name, task_role = task_name(node.task_type)
    kind = {"PLAN_NODE": "plan task", "EXECUTE_NODE": "execute task", None: "unknown kind"}.get(node.node_type)
    status = node_status(node, now)
    lines = [
        Line(
            (
                Cell(f"{glyphs(mark)} {clean(name or node.nid or ('root' if node.root == node.node_id else '?'))}", role),
                Cell(f"  {clean(kind or node.node_type or '', 30)}", "muted"),
                Cell(f"  {clean(type_name, 20)}", task_role),
            )
        ),
        fact("status", "unknown: not announced yet" if node.status is None else clean(status, 60), role),
        *([] if node.status in (None, status) else [fact("reported", clean(node.status or "", 60), "muted")]),
        *[fact("runaway", found.reason, "failed") for found in task_runaways(node, depth)],
        *_now(node, now),
    ]
    if facts is not None:
        lines += [*_errors(node, facts, run.started or 0.0), *_result(facts)]
    lines += [*heading("Goal"), *prose(node.goal or node.latest_goal or "not published yet")]
    if node.latest_goal and node.goal and node.latest_goal.replace("\n", ";") != node.goal:
        lines += [*heading("Goal as reworded"), *prose(node.latest_goal)]
    if node.loop is not None:
        lines.append(line("Its published parent is inside it; it is shown at the top level instead.", "failed"))
    lines += [*heading("Work"), *_work(node, run, now)]
    if facts is None:
        return [*lines, Line(), line(f"reading{glyphs('more')}", "faint")]
    met = ", not met" if _waits(node, facts) else ", met"
    lines += _neighbours("Prerequisites", facts.prerequisites, facts.transitive_prerequisites, met, facts, glyphs)
    lines += _neighbours("Dependents", facts.dependents, facts.transitive_dependents, "", facts, glyphs)
    if node.node_id in facts.cycle:
        lines.append(line("These tasks depend on each other in a cycle: none of them can start.", "failed"))
    lines += _history(facts.history, run, glyphs)
    layer = fmt.UNKNOWN if node.layer is None else str(node.layer)
    return [*lines, *heading("Identity"), fact("task id", clean(node.node_id), "muted"), fact("layer", layer, "muted")]


def _now(node: Node, now: float) -> list[Line]:
    """The open calls and the open step."""
    lines = [
        line(f"{call.kind} {clean(call.model or call.label, 80)} for {fmt.duration(max(now - call.since, 0.0))}", "active")
        for call in reversed(node.calls)
    ]
    if node.step is not None and node.step.open:
        number = "" if node.step.number is None else f", step {node.step.number}"
        lines.append(line(f"{step_activity(node)} for {fmt.duration(max(now - node.step.since, 0.0))}{number}", "active"))
    return [*heading("Now", "active"), *lines] if lines else []


def _errors(node: Node, facts: NodeFacts, start: float) -> list[Line]:
    """The newest errors in full, the newest first."""
    if not facts.failures:
        return []
    count = max(errors(node), len(facts.failures))
    lines = heading("Error" if count == 1 else f"Errors {count:,}", "failed")
    for detail in reversed(facts.failures[-LISTED_MAX_ERRORS:]):
        lines += [*failure_lines(detail, start), Line()]
    del lines[-1]
    if count > LISTED_MAX_ERRORS:
        lines.append(line(f"and {count - LISTED_MAX_ERRORS:,} before; x lists all errors of the run", "faint"))
    return lines


def _result(facts: NodeFacts) -> list[Line]:
    if not facts.result:
        return []
    payload = payload_of(facts.result)
    title = f"Result of {text_of(payload.get('action_name', '?'))}"
    return plan_lines(payload_of(facts.plan), title) if facts.plan else section(title, result_text(payload))


def _work(node: Node, run: Run, now: float) -> list[Line]:
    start = run.started or 0.0
    own = f"{fmt.duration(own_time(node, now))} in {fmt.exactly(node.steps, 'step')}"
    lines = [fact("own time", own if node.steps else "not begun")]
    for label, time in (("created", node.created), ("started", node.started), ("finished", node.finished)):
        if time is not None:
            lines.append(fact(label, f"+{fmt.offset(time - start)}   {fmt.clock(time)}"))
    return lines + count_lines(node)


def _waits(node: Node, facts: NodeFacts) -> bool:
    """Whether prerequisites are unfinished. If some are not in `facts.around`, the status of the node decides."""
    known = [facts.around.get(node_id) for node_id in facts.prerequisites]
    if all(one is not None and one.status == Status.FINISH for one in known):
        return False
    return node.status in (None, Status.NOT_READY)


def _neighbours(
    title: str, direct: Sequence[str], transitive: Sequence[str], met: str, facts: NodeFacts, glyphs: Glyphs
) -> list[Line]:
    if not direct and not transitive:
        return []
    lines = heading(f"{title} {len(direct)}{f' + {len(transitive)} transitive' if transitive else ''}{met}")
    listed = [(node_id, "text") for node_id in direct] + [(node_id, "muted") for node_id in transitive]
    for node_id, role in listed[:LISTED_MAX_NODES]:
        node = facts.around.get(node_id) or Node(node_id, born=0)
        cycle = f" {glyphs('loop')}" if node_id in facts.cycle else ""
        mark, mark_role = node_mark(node)
        lead = f"{glyphs(mark)} {clean(node.nid or '?', 12):<4}{cycle} "
        goal = clean(node.current_goal or node.node_id, 120)
        lines.append(Line((Cell(lead, mark_role), Cell(goal, role)), len(lead)))
    if len(listed) > LISTED_MAX_NODES:
        lines.append(line(f"and {len(listed) - LISTED_MAX_NODES} more", "faint"))
    return lines


def _history(history: Sequence[Stored], run: Run, glyphs: Glyphs) -> list[Line]:
    if not history:
        return []
    start, lines, last = run.started or 0.0, heading("Status history"), None
    for stored in history:
        status, time = stored.status or "", stored.event.time
        after = "" if last is None else f"after {fmt.duration(max(time - last, 0.0))}"
        lines.append(
            Line(
                (
                    Cell(f"{fmt.offset(time - start):>9}  ", "faint"),
                    Cell(f"{glyphs(status)} {clean(status, 30):<18}", status_role(status)),
                    Cell(after, "muted"),
                )
            )
        )
        last = time
    return lines
