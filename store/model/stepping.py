"""Steps of nodes: where one begins, how it ends, and what aborts it.

A node has one open step at a time. A step without an end is aborted by the next step of its node, by the end of its root
and by the end of the run. In a run that is not declared parallel, the next step and the next root of the run also abort it.
"""

from msgspec.structs import replace

from store.model.accumulator import Accumulator
from store.model.event_type import StepFinished, StepStarted
from store.model.pairing import drop_calls
from store.model.span import Kind, Span
from store.model.state import Node, Status


def begin_step(acc: Accumulator, facts: StepStarted, time: float) -> None:
    """Begin a step of a node. Aborts the open step of the node; unless the run is parallel, also those of other nodes."""
    if facts.subject is None:
        return
    node = acc.node(facts.subject)
    node.started = time if node.started is None or time < node.started else node.started
    acc.set_latest_goal(node, facts.node_goal)
    if facts.root_id:
        acc.make_root(str(facts.root_id))
        acc.set_root(node, facts.root_id)
    step = node.step
    if step is not None and step.number == facts.step is not None and step.began is None and time <= step.since:
        node.step = replace(step, began=acc.run.events, started=time)  # the step_finished came first
        acc.put_span(node.step)
        return
    if not acc.run.parallel:
        abort_steps(acc)
    elif step is not None and step.open:
        _abort_step(acc, node)
    node.step = Span(acc.run.events, Kind.STEP, node.node_id, number=facts.step, began=acc.run.events, started=time)
    acc.put_span(node.step)
    node.steps += 1
    acc.run.steps += 1
    acc.update_active(node)


def end_step(acc: Accumulator, facts: StepFinished, time: float) -> None:
    """End the step of a node, or count one whose beginning is missing, and take over the status after it."""
    if facts.subject is None:
        return
    node = acc.node(facts.subject)
    step = node.step
    if step is None or not _ends(facts, step):
        node.steps += 1
        acc.run.steps += 1
        later = step is not None and step.open and (facts.step or 0) < (step.number or 0)  # than the one that ended
        if step is not None and step.open and not later:
            _abort_step(acc, node)
        step = Span(acc.run.events, Kind.STEP, node.node_id, number=facts.step)
    else:
        later = False
        if step.aborted is not None:  # late: the step counts as finished
            _count_aborted(acc, node, -1)
            acc.add_busy(node, -step.lasted)
    step = replace(
        step,
        label=facts.action_name or "",
        ended=acc.run.events,
        finished=time,
        seconds=facts.duration_seconds,
        failed=facts.failed,
    )
    acc.put_span(step)
    acc.add_busy(node, facts.duration_seconds or 0.0)
    if not later:
        node.step = step
        drop_calls(acc, node)
    set_status(acc, node, facts.status_after, time)


def _ends(facts: StepFinished, step: Span) -> bool:
    """Whether an event is the end of a step. Without a number, it is that of the open step."""
    if step.ended is not None:
        return False
    return step.number == facts.step or (step.open and (step.number is None or facts.step is None))


def abort_steps(acc: Accumulator, root: str | None = None) -> None:
    """Abort the open steps of the run, or those beneath a root."""
    for node in list(acc.stepping()):
        if root is None or (node.root == root and node.node_id != root):
            _abort_step(acc, acc.node(node.node_id))


def _abort_step(acc: Accumulator, node: Node) -> None:
    """Abort the open step of a node, with its calls."""
    assert node.step is not None
    before = acc.latest_before
    latest = before if before is not None and before > node.step.since else None
    node.step = replace(node.step, aborted=acc.run.events, latest=latest)
    acc.put_span(node.step)
    acc.add_busy(node, node.step.lasted)
    _count_aborted(acc, node, 1)
    acc.add_problem(node)
    drop_calls(acc, node)


def _count_aborted(acc: Accumulator, node: Node, number: int) -> None:
    node.aborted += number
    acc.run.aborted += number
    for sums in acc.above(node):
        sums.errors += number


def set_status(acc: Accumulator, node: Node, status: str | None, time: float) -> None:
    """Change the status of a node. The end of a root aborts the open steps beneath it."""
    acc.set_status(node, status, time)
    if node.root == node.node_id and node.status in (Status.FINISH, Status.FAILED):
        abort_steps(acc, node.node_id)
