"""One error of a run in words: its kind, its message and its task. Pure."""

from store.model.event_type import LlmCallCompleted, RunError, RunFinished, StepStarted, ToolReturned
from store.model.record import Failure
from tui.models.name import task_name
from tui.models.summary import agent
from tui.text import clean

RUN_ENDED, NEXT_BEGAN, ROOT_ENDED = "the run ended", "the next step began", "its root ended"
"""What aborted a step. All of them are inferred: the step has no end."""


def kind(failure: Failure) -> str:
    """What failed: `llm planner`, `tool web.search`, `step`, `run`, `status`."""
    facts = failure.stored.event.facts
    if failure.aborted:
        return "step"
    match facts:
        case LlmCallCompleted():
            return f"llm {agent(facts.agent_class)}"
        case ToolReturned():
            return f"tool {facts.tool_name or '?'}.{facts.api_name or '?'}"
        case RunError():
            return "run"
    return "status"


def message(failure: Failure) -> str:
    """The beginning of the error text. A step without an end has none: the event that shows so is named instead."""
    facts = failure.stored.event.facts
    if failure.aborted:
        return f"aborted, without an end when {_aborted_by(failure)}"
    match facts:
        case LlmCallCompleted() | ToolReturned():
            return facts.error or getattr(facts, "state", None) or "?"
        case RunError():
            return _run_error(facts)
    return "the task reported that it failed"


def _aborted_by(failure: Failure) -> str:
    facts = failure.stored.event.facts
    if isinstance(facts, RunError):
        return f"{RUN_ENDED} with {_run_error(facts)}"
    if isinstance(facts, RunFinished):
        return RUN_ENDED
    return NEXT_BEGAN if isinstance(facts, StepStarted) else ROOT_ENDED


def _run_error(facts: RunError) -> str:
    return ": ".join(filter(None, (facts.error_type, facts.error_message))) or "unknown error"


def task(failure: Failure) -> str:
    """The name of the task; empty for an error of the run."""
    return "" if failure.node is None else clean(task_name(failure.nid, failure.outer_nid), 20)


def tries(failure: Failure) -> int | None:
    """How often a failed call was tried, up to this try; None if it is no call."""
    return None if failure.aborted or failure.span is None else failure.span.tries
