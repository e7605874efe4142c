"""Hypothesis strategies for events of any type in any order."""

from collections.abc import Sequence

import msgspec
from hypothesis import strategies as st
from msgspec.structs import replace

from store.database.arrival import price_of
from store.model import event_type as ev
from store.model.entry import Entry, StreamId
from store.model.event import Event
from store.model.facts import Facts
from store.model.price import Price
from tests.recorder import entry_of, events_of

NODES = ("a", "b", "c", "d", "e")
"""Few ids, so that several events name the same node."""

ids = st.sampled_from(NODES)
maybe = st.none() | ids
goals = st.none() | st.text(max_size=3)
calls = st.none() | st.sampled_from(("1", "2"))
seconds = st.none() | st.floats(-1.0, 1e9)
steps = st.none() | st.integers(0, 3)
counts = st.none() | st.integers(-(2**63), 2**63 - 1)
statuses = st.sampled_from(("NOT_READY", "READY", "DOING", "FINISH", "FAILED", "SLEEPING"))

kinds = st.one_of(
    st.builds(ev.RunStarted, run_mode=goals, parallel=st.booleans()),
    st.builds(
        ev.RunFinished,
        total_steps=counts,
        duration_seconds=seconds,
        token_usage_summary=st.none() | st.builds(ev.TokenTotals, total_prompt_tokens=counts),
    ),
    st.builds(ev.RunError, node_id=maybe, error_type=goals, error_message=goals),
    st.builds(ev.StepStarted, node_id=maybe, step=steps, node_goal=goals, root_id=maybe),
    st.builds(ev.StepFinished, node_id=maybe, step=steps, status_after=statuses, duration_seconds=seconds),
    st.builds(ev.NodeStatusChanged, node_id=maybe, node_goal=goals, new_status=statuses),
    st.builds(
        ev.NodeCreated,
        node_id=maybe,
        node_nid=goals,
        task_goal=goals,
        layer=st.none() | st.integers(-1, 3),
        outer_node_id=maybe,
        root_node_id=maybe | st.just("UNKNOWN"),
    ),
    st.builds(ev.PlanReceived, node_id=maybe, raw_plan=st.none()),
    st.builds(ev.NodeAdded, node_id=maybe, graph_owner_node_id=maybe, added_node_id=maybe, added_node_nid=goals),
    st.builds(ev.EdgeAdded, node_id=maybe, graph_owner_node_id=maybe, parent_node_id=maybe, child_node_id=maybe),
    st.builds(ev.InnerGraphBuilt, node_id=maybe, node_ids=st.none() | st.lists(ids | st.just(""), max_size=3)),
    st.builds(ev.NodeResultAvailable, node_id=maybe, action_name=goals, result_summary=goals),
    st.builds(ev.LlmCallStarted, node_id=maybe, agent_class=goals, call_id=calls, model=goals),
    st.builds(
        ev.LlmCallCompleted,
        node_id=maybe,
        agent_class=goals,
        call_id=calls,
        error=goals,
        model=goals,
        cost=seconds,
        tries=counts,
        token_usage=st.none() | st.builds(ev.TokenUsage, prompt_tokens=counts, completion_tokens=counts),
    ),
    st.builds(ev.ToolInvoked, node_id=maybe, tool_name=goals, tool_call_id=calls),
    st.builds(ev.ToolReturned, node_id=maybe, tool_name=goals, tool_call_id=calls, state=goals),
    st.builds(ev.Other, node_id=maybe),
)
"""Facts of any event type."""


def entry(number: int, facts: Facts, run_id: str | None, time: int) -> Entry:
    """The stream entry with these facts."""
    event = {
        "event_id": f"event-{number}",
        "timestamp": f"2025-04-22T17:00:{time:02}Z",
        "event_type": facts.type,
        "payload": facts,
        "run_id": run_id,
    }
    return entry_of(msgspec.json.encode(event), StreamId(1_000 + number, 0))


def streams(*runs: str | None, max_size: int = 30) -> st.SearchStrategy[list[Entry]]:
    """Entries of a stream with these runs. None: events without a run id."""
    event = st.tuples(kinds, st.sampled_from(runs), st.integers(0, 59))
    return st.lists(event, max_size=max_size).map(
        lambda drawn: [entry(number, *published) for number, published in enumerate(drawn)]
    )


def histories(max_size: int = 30) -> st.SearchStrategy[Sequence[Event]]:
    """Events of one run. Calls with tokens and without a published cost have a price."""
    return streams("run", max_size=max_size).map(lambda entries: [_priced(event) for event in events_of(entries)])


def _priced(event: Event) -> Event:
    return replace(event, price=price_of(event, lambda model, time, usage: Price(0.5, f"source/{model}")))
