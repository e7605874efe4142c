"""A span: a step, LLM call or tool call of a run, with its beginning and its end. Made by the fold alone.

A span has up to four events: beginning, abort, end and withdrawal. It holds the position of each, and each of its other
fields comes from one of them. `Span.at` therefore gives the span as of any earlier position.
"""

from enum import StrEnum
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

Number = TypeVar("Number", int, float)


def add_known(total: Number | None, more: Number | None) -> Number | None:
    """The sum of what is known; None if nothing is."""
    if total is None or more is None:
        return more if total is None else total
    return total + more


class Kind(StrEnum):
    """Kinds of spans."""

    STEP = "step"
    LLM = "llm"
    TOOL = "tool"


class Outcome(StrEnum):
    """Outcomes of spans."""

    OPEN = "open"
    """Neither ended nor aborted."""
    OK = "ok"
    FAILED = "failed"
    ABORTED = "aborted"
    """Without an end, although a later event shows that it is over."""


class Span(Struct, frozen=True, array_like=True, gc=False):
    """A step or call at one position. Times are seconds since 1970."""

    born: int
    """Position of its first event. Identifies the span in its run."""
    kind: str
    node_id: str | None = None
    """None: a call that belongs to no known node."""
    label: str = ""
    """Agent class of an LLM call; tool and function of a tool call; action of an ended step."""
    parent: int | None = None
    """`born` of the step that was open on the node when the call was born."""
    number: int | None = None
    """Number of a step, as published."""
    call_id: str | None = None
    inferred: bool = False
    """Whether its first event named no node. It then belongs to the node whose step was open."""
    began: int | None = None
    """Position of its beginning. None: not seen, or not yet."""
    started: float | None = None
    """Time of its beginning."""
    model: str | None = None
    """Model that was asked for."""
    arguments: int | None = None
    """Checksum of the arguments of a call: of the prompt, or of the arguments of the tool. None: not published."""
    aborted: int | None = None
    """Position of the event that aborted it. Kept if it ends later."""
    latest: float | None = None
    """Of an aborted step: time of the last event before the abort; None if that is the beginning of the step."""
    ended: int | None = None
    """Position of its end."""
    finished: float | None = None
    """Time of its end."""
    seconds: float | None = None
    """Duration as measured by the agent."""
    failed: bool = False
    """Whether its end reports an error."""
    answered: str | None = None
    """Model that answered, if it is not `model`."""
    tokens_in: int | None = None
    """Includes `tokens_cached` and `tokens_written`."""
    tokens_cached: int | None = None
    tokens_written: int | None = None
    tokens_out: int | None = None
    """Includes `tokens_reasoning`."""
    tokens_reasoning: int | None = None
    cost: float | None = None
    """US dollars, as published; else by the price of the model when the event arrived."""
    priced_as: str | None = None
    """Source and name of the model whose price gave the cost. None: the cost was published, or is unknown."""
    tries: int | None = None
    """Of an ended call: how often it was tried, as published. Else 1, or one more than the failed call that it repeats."""
    withdrawn: int | None = None
    """Position of an end that named another node. From there on, another span has the call."""

    @property
    def open(self) -> bool:
        """Whether it is neither ended nor aborted."""
        return self.ended is None and self.aborted is None

    @property
    def outcome(self) -> Outcome:
        """Its outcome. A late end of an aborted span counts."""
        if self.ended is not None:
            return Outcome.FAILED if self.failed else Outcome.OK
        return Outcome.OPEN if self.aborted is None else Outcome.ABORTED

    @property
    def since(self) -> float:
        """Time of its first known event."""
        return self.started if self.started is not None else self.finished or 0.0

    @property
    def lasted(self) -> float:
        """Of an aborted step: seconds from its beginning to the last event before the abort."""
        return 0.0 if self.latest is None or self.started is None else self.latest - self.started

    @property
    def duration(self) -> float | None:
        """Seconds of an ended span: as measured by the agent, else between its two events; None if unknown."""
        if self.seconds is not None or self.started is None or self.finished is None:
            return self.seconds
        return self.finished - self.started

    def at(self, position: int) -> "Span | None":
        """The span as of a position, at most that of the last event. None: not born yet, or withdrawn."""
        if self.born > position or (self.withdrawn is not None and self.withdrawn <= position):
            return None
        span = self
        if _after(span.withdrawn, position):
            span = replace(span, withdrawn=None)
        if _after(span.began, position):
            span = replace(span, began=None, started=None, model=None, arguments=None)
        if _after(span.aborted, position):
            span = replace(span, aborted=None, latest=None)
        if _after(span.ended, position):
            span = replace(span, **_NOT_ENDED, label="" if span.kind == Kind.STEP else span.label)
        return span


_NOT_ENDED = {
    name: Span(0, "").__getattribute__(name)
    for name in (
        *("ended", "finished", "seconds", "failed", "answered", "tokens_in", "tokens_cached", "tokens_written"),
        *("tokens_out", "tokens_reasoning", "cost", "priced_as", "tries"),
    )
}
"""The fields that belong to the end of a span, with their values before it."""


def _after(event: int | None, position: int) -> bool:
    return event is not None and event > position
