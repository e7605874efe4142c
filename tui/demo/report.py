"""The payloads of the three run events: run_started, run_finished, run_error."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from tui.demo.plan import TAGS
from tui.demo.scenario import Scenario
from tui.demo.topic import Topic
from tui.demo.wire import Payload

BACKEND = "google"
"""Search engine in the configuration of a run."""

TRACE = """Traceback (most recent call last):
  File "agent/report.py", line 212, in write_report
    result = engine.run_until_done(item)
  File "agent/engine.py", line 148, in run_until_done
    self.step(node)
  File "agent/engine.py", line 97, in step
    result = node.act(action, self.memory)
  File "agent/memory.py", line 61, in save
    stream.flush()
OSError: [Errno 28] No space left on device"""
"""Stack trace of a failed run."""


@dataclass(slots=True)
class Totals:
    """Counters of a run up to now."""

    steps: int = 0
    """Finished steps of all items."""
    llm_calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    finished: int = 0
    """Finished nodes."""
    searches: int = 0
    pages: int = 0
    search_tokens: int = 0
    created: Counter[str] = field(default_factory=Counter)
    """Created nodes by task type."""


def started(scenario: Scenario, topic: Topic, asks: Sequence[str], now: datetime) -> Payload:
    """The payload of run_started. `timestamp_utc` has the malformed suffix of real emitters (trap 24)."""
    return {
        "input_data": {
            "filename": f"inputs/{topic.key}.jsonl",
            "data": [{"id": f"{topic.key}-{i}", "prompt": ask} for i, ask in enumerate(asks)],
        },
        "config": {
            "model": scenario.model,
            "engine_backend": BACKEND,
            "start": 0,
            "end": len(asks),
            "today_date": f"{now:%b %d, %Y}",
            "planning_config": {
                "language": "en",
                "task_types": list(TAGS),
                "agents": {
                    "plan": "UpdateAtomPlanningAgent",
                    "execute": "SimpleExecutor",
                    "final_aggregate": "FinalAggregateAgent",
                },
                "composition_settings": {"force_atom_layer": scenario.depth - 1},
                "retrieval_settings": {"search_config": {"backend": BACKEND, "region": "US", "max_turn": 4}},
            },
        },
        "run_mode": topic.mode,
        "timestamp_utc": f"{now.isoformat()}+00:00Z",
    }


def finished(totals: Totals, topic: Topic, duration: float) -> Payload:
    """The payload of run_finished. Its totals are correct, unlike those of some real emitters (trap 11)."""
    nodes = totals.created.total()
    payload: Payload = {
        "total_steps": totals.steps,
        "duration_seconds": duration,
        "total_nodes": nodes,
        "total_llm_calls": totals.llm_calls,
        "total_tool_calls": totals.searches,
        "token_usage_summary": {
            "total_prompt_tokens": totals.prompt_tokens,
            "total_completion_tokens": totals.completion_tokens,
        },
        "node_statistics": {
            "total_created": nodes,
            "total_completed": totals.finished,
            "by_type": dict(totals.created),
        },
    }
    if topic.mode == "report":
        payload["search_statistics"] = {
            "total_searches": totals.searches,
            "total_pages_processed": totals.pages,
            "total_search_tokens": totals.search_tokens,
        }
    return payload


def failed(totals: Totals, topic: Topic, item: int) -> Payload:
    """The payload of run_error."""
    return {
        "error_type": "OSError",
        "error_message": "[Errno 28] No space left on device",
        "stack_trace": TRACE,
        "context": {
            "last_successful_step": max(0, totals.steps - 1),
            "total_processed_items": item,
            "last_item_id": f"{topic.key}-{item}",
            "engine_backend": BACKEND,
        },
    }
