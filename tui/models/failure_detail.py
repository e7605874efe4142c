"""One error of a run as lines for the inspector: time, kind, message in full, and the call that failed. Pure."""

from typing import NamedTuple

from store.model.record import Failure
from tui import format as fmt
from tui.models import failure_text
from tui.models.columns import Cell
from tui.models.lines import Line, prose
from tui.models.payload import Payload, call_lines, payload_of, section, string_of
from tui.text import clean

INFERRED = "inferred"
"""Mark of an error whose task is inferred, and of an aborted step: it has no end, as a later event shows."""


class FailureDetail(NamedTuple):
    """An error with the bodies of its events, as published."""

    failure: Failure
    body: bytes = b""
    """The event that reports the error; empty for an aborted step."""
    call: bytes = b""
    """The event that began the failed call; empty if it is unknown or was not read."""


def failure_lines(detail: FailureDetail, start: float, whole: bool = False) -> list[Line]:
    """An error with times counted from `start`. `whole`: with all messages of a prompt, and the stack trace."""
    failure, payload = detail.failure, payload_of(detail.body)
    tried = failure_text.tries(failure)
    head = Line(
        (
            Cell(f"+{fmt.offset(failure.stored.event.time - start)}  ", "muted"),
            Cell(clean(failure_text.kind(failure), 60), "failed"),
            Cell(f"  try {tried}" if tried is not None and tried > 1 else "", "muted"),
            Cell(f"  {INFERRED}" if failure.inferred or failure.aborted else "", "doing"),
        )
    )
    lines = [head, *prose(_message(failure, payload), "strong")]
    if whole and not failure.aborted:
        lines += [*section("Stack trace", payload.get("stack_trace")), *section("Context", payload.get("context"))]
    if detail.call and failure.span is not None:
        lines += call_lines(failure.span.kind, payload_of(detail.call), whole)
    return lines


def _message(failure: Failure, payload: Payload) -> str:
    """The error text in full. Without its body, its beginning."""
    parts = (
        (payload.get("error_type"), payload.get("error_message")) if "error_type" in payload else (payload.get("error"),)
    )
    full = "" if failure.aborted else ": ".join(string_of(part) for part in parts if part)
    return full or failure_text.message(failure)
