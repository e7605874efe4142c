"""Pairing of the two events of a call: which beginning and end belong together, and how many calls there are.

Calls are paired by their id, else by kind and label. Either event may be missing, late or first; a call counts once. A call
belongs to a node, or to the run alone if its node is not known.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple, get_args

from msgspec.structs import replace

from store.model.accumulator import Accumulator
from store.model.alarm import count_call
from store.model.event_type import LlmCallCompleted, LlmCallStarted, TokenUsage, ToolInvoked, ToolReturned
from store.model.facts import Id
from store.model.span import Kind, Span, add_known
from store.model.state import Node, Run

ORPHANS_MAX = 100
"""Spans in `Node.orphans`. Beyond, the oldest is dropped: its other event, if it still arrives, counts as another call."""

ORPHAN_ID_CHARS_MAX = 200
"""Characters of a call id above which a call is not kept in `Node.orphans`, so that the size of a node is limited."""

TOKENS_MAX = 10**12
"""Tokens of one call that are counted. Bounded so that the sums of nine million calls fit into an integer of SQLite."""

CallEvent = LlmCallStarted | LlmCallCompleted | ToolInvoked | ToolReturned
"""The beginning or the end of a call. Outside of an agent's context these events name neither run nor node."""

CALL_EVENTS = frozenset(get_args(CallEvent))
"""The types in `CallEvent`."""


class CallName(NamedTuple):
    """Kind, label and id of a call, which both of its events contain."""

    kind: Kind
    label: str
    call_id: str | None


def call_name(facts: CallEvent) -> CallName:
    """The name of the call that an event begins or ends."""
    if isinstance(facts, LlmCallStarted | LlmCallCompleted):
        return CallName(Kind.LLM, facts.agent_class or "", _text(facts.call_id))
    label = ".".join(filter(None, (facts.tool_name, facts.api_name)))
    return CallName(Kind.TOOL, label, _text(facts.tool_call_id))


def _text(value: Id) -> str | None:
    return None if value in (None, "") else str(value)


def find_call(calls: Sequence[Span], name: CallName) -> Span | None:
    """The open call of this kind with this id; else the latest one with this label, if either has no id."""
    same_label: Span | None = None
    for call in reversed(calls):
        if call.kind != name.kind:
            continue
        if call.call_id and name.call_id:
            if call.call_id == name.call_id:
                return call
        elif same_label is None and call.label == name.label:
            same_label = call
    return same_label


def open_calls(acc: Accumulator, name: CallName) -> list[Span]:
    """Open calls of this kind and id in a run. Without an id: the latest one of each node that has none either."""
    if name.call_id is None:
        found = (find_call(holder.calls, name) for holder in _holders(acc))
        return [call for call in found if call is not None and call.call_id is None]
    calls = (call for holder in _holders(acc) for call in holder.calls)
    return [call for call in calls if (call.kind, call.call_id) == (name.kind, name.call_id)]


def _holders(acc: Accumulator) -> Iterator[Node | Run]:
    """The nodes with an open call, the one with the latest event first, and the run if it has a call of its own."""
    for node_id, work in reversed(acc.active.items()):
        if work.kind != Kind.STEP:
            yield acc.run if node_id is None else acc.nodes[node_id]


def infer_node(acc: Accumulator, facts: CallEvent) -> tuple[str, bool] | None:
    """Node of a call event that names none, and whether it is uncertain: the node of the open step or of the call.

    Of several open steps, the one whose node published last and has no open call is preferred.
    """
    if facts.begins_call:
        waiting = (node_id for node_id, work in reversed(acc.active.items()) if work.kind == Kind.STEP)
        node_id = next(waiting, None) or next((node.node_id for node in reversed(list(acc.stepping()))), None)
        return None if node_id is None else (node_id, True)
    name = call_name(facts)
    for holder in _holders(acc):
        call = find_call(holder.calls, name)
        if call is not None and call.node_id is not None:
            return call.node_id, call.inferred
    return None


def begin_call(acc: Accumulator, facts: LlmCallStarted | ToolInvoked, time: float, model: str | None = None) -> None:
    """Open a call, or add the beginning to a call whose end came first.

    A beginning that is later than the end belongs to another call: some agents use an id again.
    """
    holder, name = _holder(acc, facts), call_name(facts)
    first = _take_orphan(holder, name, lambda call: call.finished is not None and time <= call.finished)
    if first is not None:
        acc.put_span(replace(first, began=acc.run.events, started=time, model=model, arguments=facts.arguments))
        return
    call = _new_call(acc, holder, name, acc.run.events, time, model, facts.arguments)
    acc.put_span(call)
    holder.calls += (call,)
    acc.update_active(holder)
    _count(acc, holder, name.kind)


def end_call(acc: Accumulator, facts: LlmCallCompleted | ToolReturned, time: float) -> None:
    """Close a call. An end without a beginning counts as a call."""
    holder, name = _holder(acc, facts), call_name(facts)
    call = _take_open(acc, holder, name) or _take_orphan(holder, name, lambda call: call.ended is None)
    unseen = call is None
    if call is None:
        inferred = _withdraw(acc, name)
        if inferred is None:
            call = _new_call(acc, holder, name)
            _count(acc, holder, name.kind)
        else:
            call = _new_call(acc, holder, name, inferred.began, inferred.started, inferred.model, inferred.arguments)
            unseen = False
            if isinstance(holder, Node):
                _count_node(acc, holder, name.kind)
    call = _ended(call, holder.failed_call, facts, acc, time)
    acc.put_span(call)
    _count_use(acc, holder, call)
    if isinstance(holder, Node):
        count_call(acc.run, holder, call)
    if call.failed:
        holder.failed_call = call
    elif holder.failed_call is not None and _is_retry(call, holder.failed_call):
        holder.failed_call = None
    if unseen:
        _keep_orphans(holder, [call])


def drop_calls(acc: Accumulator, holder: Node | Run) -> None:
    """Abort the open calls of a node whose step ended. Late ends of these calls are recognised by their id."""
    if holder.calls:
        dropped = [replace(call, aborted=acc.run.events) for call in holder.calls]
        for call in dropped:
            acc.put_span(call)
        holder.calls = ()
        _keep_orphans(holder, dropped)
    acc.update_active(holder)


def _holder(acc: Accumulator, facts: CallEvent) -> Node | Run:
    """The node of a call, or the run if the call has none."""
    return acc.run if facts.subject is None else acc.node(facts.subject)


def _new_call(
    acc: Accumulator,
    holder: Node | Run,
    name: CallName,
    began: int | None = None,
    started: float | None = None,
    model: str | None = None,
    arguments: int | None = None,
) -> Span:
    """A call whose first event is the current one. `began` and all that follows: its beginning, if known."""
    position = acc.run.events
    node = holder if isinstance(holder, Node) else None
    step = None if node is None else node.step
    return Span(
        position,
        name.kind,
        None if node is None else node.node_id,
        name.label,
        step.born if step is not None and step.open else None,
        call_id=name.call_id,
        inferred=position in acc.change.inferred,
        began=began,
        started=started,
        model=model,
        arguments=arguments,
    )


def _ended(call: Span, failed: Span | None, facts: LlmCallCompleted | ToolReturned, acc: Accumulator, time: float) -> Span:
    """The call with its end. `failed`: the last failed call of its node."""
    usage, answered = TokenUsage(), None
    if isinstance(facts, LlmCallCompleted):
        usage = facts.token_usage or usage
        answered = facts.model if facts.model != call.model else None
    price = acc.price
    tries = 1 if failed is None or not _is_retry(call, failed) else 1 + (failed.tries or 1)
    return replace(
        call,
        ended=acc.run.events,
        finished=time,
        seconds=facts.duration_seconds,
        failed=facts.failed,
        answered=answered,
        tokens_in=_bounded(usage.prompt_tokens),
        tokens_cached=_bounded(usage.cached_tokens),
        tokens_written=_bounded(usage.cache_write_tokens),
        tokens_out=_bounded(usage.completion_tokens),
        tokens_reasoning=_bounded(usage.reasoning_tokens),
        cost=facts.cost if price is None else price.dollars,
        priced_as=None if price is None else price.model,
        tries=min(facts.tries if facts.tries is not None and facts.tries > 0 else tries, 2**63 - 1),
    )


def _is_retry(call: Span, failed: Span) -> bool:
    """Whether a call repeats one that failed before it began, in the same step."""
    same = (call.kind, call.label, call.parent) == (failed.kind, failed.label, failed.parent)
    return same and call.began is not None and failed.ended is not None and failed.ended < call.began


def _take_open(acc: Accumulator, holder: Node | Run, name: CallName) -> Span | None:
    """Remove an open call from its node."""
    call = find_call(holder.calls, name)
    if call is not None:
        holder.calls = _without(holder.calls, call)
        acc.update_active(holder)
    return call


def _withdraw(acc: Accumulator, name: CallName) -> Span | None:
    """Take a call away from the node to which its beginning was attributed by inference, or from the run."""
    for node_id, work in acc.active.items() if name.call_id is not None else ():
        if work.kind == Kind.STEP:
            continue
        holder = acc.run if node_id is None else acc.nodes[node_id]
        call = find_call(holder.calls, name)
        if call is not None and (call.inferred or call.node_id is None) and call.call_id == name.call_id:
            holder = acc.run if node_id is None else acc.node(node_id)
            _take_open(acc, holder, name)
            acc.put_span(replace(call, withdrawn=acc.run.events))
            if isinstance(holder, Node):
                _count_node(acc, holder, name.kind, -1)
            return call
    return None


def _take_orphan(holder: Node | Run, name: CallName, fits: Callable[[Span], bool]) -> Span | None:
    """Remove the orphan with this id that meets a condition."""
    for call in holder.orphans if name.call_id is not None else ():
        if (call.kind, call.call_id) == (name.kind, name.call_id) and fits(call):
            holder.orphans = _without(holder.orphans, call)
            return call
    return None


def _keep_orphans(holder: Node | Run, calls: Iterable[Span]) -> None:
    """Keep calls whose other event may still follow: those with an id."""
    kept = [call for call in calls if call.call_id is not None and len(call.call_id) <= ORPHAN_ID_CHARS_MAX]
    if kept:
        holder.orphans = (*holder.orphans, *kept)[-ORPHANS_MAX:]


def _without(calls: Iterable[Span], call: Span) -> tuple[Span, ...]:
    return tuple(other for other in calls if other is not call)


def _count(acc: Accumulator, holder: Node | Run, kind: Kind) -> None:
    """Count a call of the run, and of its node if it has one."""
    if kind == Kind.LLM:
        acc.run.llm_calls += 1
    else:
        acc.run.tool_calls += 1
    if isinstance(holder, Node):
        _count_node(acc, holder, kind)


def _count_node(acc: Accumulator, node: Node, kind: Kind, number: int = 1) -> None:
    if kind == Kind.LLM:
        node.llm_calls += number
        for sums in acc.above(node):
            sums.llm_calls += number
    else:
        node.tool_calls += number
        for sums in acc.above(node):
            sums.tool_calls += number


def _count_use(acc: Accumulator, holder: Node | Run, call: Span) -> None:
    """Add tokens and cost of an ended call to its node, to the nodes above, and to the run."""
    run, unpriced = acc.run, call.kind == Kind.LLM and call.cost is None
    if isinstance(holder, Node):
        had_tokens, had_cost = holder.tokens_known, holder.cost is not None
        _add_use(holder, call, unpriced)
        tokens_known, cost_known = holder.tokens_known - had_tokens, (holder.cost is not None) - had_cost
        if unpriced or call.cost is not None or call.tokens_in is not None or call.tokens_out is not None:
            for sums in acc.above(holder):
                sums.tokens_in += call.tokens_in or 0
                sums.tokens_out += call.tokens_out or 0
                sums.tokens_known += tokens_known
                sums.cost += call.cost or 0.0
                sums.cost_known += cost_known
                sums.unpriced += unpriced
    _add_use(run, call, unpriced)


def _add_use(counter: Node | Run, call: Span, unpriced: bool) -> None:
    counter.tokens_in = add_known(counter.tokens_in, call.tokens_in)
    counter.tokens_out = add_known(counter.tokens_out, call.tokens_out)
    counter.cost = add_known(counter.cost, call.cost)
    counter.unpriced += unpriced


def _bounded(tokens: int | None) -> int | None:
    return None if tokens is None else max(-TOKENS_MAX, min(tokens, TOKENS_MAX))
