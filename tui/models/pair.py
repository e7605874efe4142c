"""A task and its only execution, as one task: the agents execute each atomic task in a task of its own. Pure."""

from msgspec.structs import replace

from store.model.span import Span
from store.model.state import Node, Status


def is_execution(node: Node) -> bool:
    """Whether the node is the execution of the task around it."""
    return node.is_execution


def as_one(task: Node, execution: Node | None) -> Node:
    """The task with the work of its execution, if there is one. Its goal and name are those of the task.

    While the execution is at work, type and status are those of the execution.
    """
    if execution is None:
        return task
    own, inner = task, execution
    latest = inner if inner.working or (inner.status == Status.FAILED and own.status != Status.FINISH) else own
    known = inner.tokens_known or own.tokens_known
    return replace(
        own,
        node_type=latest.node_type,
        status=latest.status,
        started=inner.started if own.started is None else own.started,
        busy=own.busy + inner.busy,
        step=max((own.step, inner.step), key=_since),
        calls=tuple(sorted((*own.calls, *inner.calls), key=_since)),
        failed_call=max((own.failed_call, inner.failed_call), key=_since),
        streaks=(*own.streaks, *inner.streaks),
        results=own.results | inner.results,
        events=own.events + inner.events,
        steps=own.steps + inner.steps,
        aborted=own.aborted + inner.aborted,
        llm_calls=own.llm_calls + inner.llm_calls,
        tool_calls=own.tool_calls + inner.tool_calls,
        tokens_in=(own.tokens_in or 0) + (inner.tokens_in or 0) if known else None,
        tokens_out=(own.tokens_out or 0) + (inner.tokens_out or 0) if known else None,
        cost=None if own.cost is None and inner.cost is None else (own.cost or 0.0) + (inner.cost or 0.0),
        unpriced=own.unpriced + inner.unpriced,
        errors=own.errors + inner.errors,
        troubled=min((one.troubled for one in (own, inner) if one.troubled is not None), default=None),
        beneath=None,
    )


def _since(span: Span | None) -> float:
    return float("-inf") if span is None else span.since
