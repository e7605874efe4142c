"""JSON documents of runs, nodes, edges and events. Every program that prints or sends JSON uses these."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import msgspec

from store.model.phase import elapsed, errors, latest_time, open_work, phase, unfinished
from store.model.record import RunRow
from store.model.runaway import NO_BUDGET, Budget, Runaway, runaways, task_runaways
from store.model.span import Span
from store.model.state import Edge, Node, Run, Sums, Work

Document = dict[str, Any]
"""A JSON object: strings, numbers, booleans, None, lists and dicts."""


def row_document(row: RunRow, now: float, budget: Budget = NO_BUDGET) -> Document:
    """A run as an element of the list of runs (`treetop runs --json`)."""
    return {**run_document(row.run, now, budget), "bytes": row.bytes, "gaps": row.gaps}


def run_document(run: Run, now: float, budget: Budget = NO_BUDGET) -> Document:
    """A run without its nodes. `now`: see `phase`. `budget`: what it may use."""
    return {
        "run_id": run.run_id,
        "status": phase(run, now),
        "doing": None if (work := open_work(run)) is None else work_document(work),
        "working": [work_document(work) for work in run.active],
        "goal": run.goal,
        "mode": run.mode,
        "started": iso(run.started),
        "ended": iso(run.ended),
        "latest": iso(run.latest),
        **_counters(run),
        "tokens_in": run.tokens_in,
        "tokens_out": run.tokens_out,
        "errors": errors(run),
        "error": run.error,
        "runaways": runaway_documents(runaways(run, budget)),
        "root": run.root,
        "root_count": run.roots,
        "total": sums_document(run.total),
        "skew_seconds": run.skew,
    }


def runaway_documents(found: Iterable[Runaway]) -> list[Document]:
    """Why a run or a task runs away."""
    return [{"sign": one.sign, "reason": one.reason} for one in found]


def work_document(work: Work) -> Document:
    """An open call or step."""
    return {"kind": work.kind, "label": work.label or None, "node": work.node_id, "since": iso(work.since)}


def moment_document(run: Run, stored: int) -> Document:
    """The position of a moment in the past among the `stored` events of the run, with its time."""
    seconds = elapsed(run, latest_time(run))
    return {"position": run.events, "of": stored, "time": iso(run.latest), "elapsed_seconds": seconds}


def counts_document(run: Run, inferred: int) -> Document:
    """The counters of a run. `inferred`: number of events whose run or node is inferred."""
    return {**_counters(run), "errors": errors(run), "inferred": inferred}


def _counters(run: Run) -> Document:
    return {
        "events": run.events,
        "nodes": run.nodes,
        "finished": run.finished,
        "open": unfinished(run),
        "edges": run.edges,
        "steps": run.steps,
        "aborted": run.aborted,
        "llm_calls": run.llm_calls,
        "tool_calls": run.tool_calls,
    }


def node_document(node: Node, depth: int) -> Document:
    """A node. `depth`: number of its ancestors."""
    return {
        "id": node.node_id,
        "nid": node.nid,
        "parent": node.outer,
        "depth": depth,
        "type": node.node_type,
        "task_type": node.task_type,
        "goal": node.goal if node.goal is not None else node.latest_goal,
        "latest_goal": node.latest_goal,
        "status": node.status,
        "placeholder": node.placeholder,
        "started": iso(node.started),
        "finished": iso(node.finished),
        "busy_seconds": node.busy,
        "events": node.events,
        "steps": node.steps,
        "aborted": node.aborted,
        "llm_calls": node.llm_calls,
        "tool_calls": node.tool_calls,
        "tokens_in": node.tokens_in,
        "tokens_out": node.tokens_out,
        "errors": errors(node),
        "runaways": runaway_documents(task_runaways(node, depth)),
        "own": sums_document(node.own),
        "total": sums_document(node.total),
    }


def span_document(span: Span) -> Document:
    """A step or call. `id`: position of its first event; `parent_id`: `id` of the step that the call belongs to."""
    return {
        "id": span.born,
        "parent_id": span.parent,
        "node": span.node_id,
        "kind": span.kind,
        "label": span.label or None,
        "model": span.answered or span.model,
        "step": span.number,
        "outcome": span.outcome,
        "started": iso(span.started),
        "finished": iso(span.finished),
        "seconds": span.duration,
        "start_position": span.began,
        "end_position": span.ended,
        "tokens_in": span.tokens_in,
        "tokens_cached": span.tokens_cached,
        "tokens_written": span.tokens_written,
        "tokens_out": span.tokens_out,
        "tokens_reasoning": span.tokens_reasoning,
        "cost": span.cost,
        "priced_as": span.priced_as,
        "tries": span.tries,
        "inferred": span.inferred,
        "call_id": span.call_id,
    }


def sums_document(sums: Sums) -> Document:
    """What nodes took and cost. Seconds are those in ended steps."""
    return {
        "seconds": sums.seconds or None,
        "llm_calls": sums.llm_calls,
        "tool_calls": sums.tool_calls,
        "tokens_in": sums.tokens_in if sums.tokens_known else None,
        "tokens_out": sums.tokens_out if sums.tokens_known else None,
        "errors": sums.errors,
        "cost": sums.cost if sums.cost_known else None,
        "unpriced_calls": sums.unpriced,
    }


def edge_document(edge: Edge) -> Document:
    """A dependency: `dependent` waits for `prerequisite`, both in the inner graph of `owner`."""
    return {
        "owner": edge.key.owner,
        "prerequisite": edge.key.parent,
        "dependent": edge.key.child,
        "prerequisite_nid": edge.parent_nid,
        "dependent_nid": edge.child_nid,
    }


def iso(time: float | None) -> str | None:
    """Seconds since 1970 as ISO 8601 in UTC; None for None and for times outside of the calendar."""
    if time is None:
        return None
    try:
        return datetime.fromtimestamp(time, UTC).isoformat().replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError):
        return None


def encode(document: Document | list[Document] | None) -> bytes:
    """JSON in ASCII, so that control characters of a terminal are escaped. NaN and infinity become null."""
    data = msgspec.json.encode(document)
    return data if data.isascii() else json.dumps(msgspec.json.decode(data), separators=(",", ":")).encode()
