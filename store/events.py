"""What an event is, and how the bytes that an agent published become one.

An event has two halves. The *facts* are the few fields that the fold, the tree and a timeline row need; they are decoded
here, typed, and stored beside the event. The *body* is everything, byte for byte as published; it is stored apart and read
only for the event somebody opens. Prompts and responses are therefore never parsed here, only skipped.

Pure: no clock, no file, no network.
"""

from codecs import getincrementaldecoder
from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, NamedTuple, Union

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import force_setattr

PREVIEW = 240
"""How many characters of a long text the facts keep, for the one line that a timeline shows."""

PLANNED = 10_000
"""How many tasks of a plan the facts keep at most."""

LONGEST_TYPE = 1_000_000
"""Characters of the longest type of events."""

PIECE = 1_000_000
"""Bytes of a large body that are looked at, or written, at a time: it is in memory once, and not several times."""

Id = str | int | None
"""An identifier as published. Some planners number things; numbers become text."""

Int = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
"""An integer that SQLite can hold."""

Seconds = Annotated[float, Meta(ge=-1e15, le=1e15)]
"""How long something took. The bounds keep out what is no number, and sums that are none."""

Preview = str | None
"""A text of which only the beginning is kept, see `PREVIEW`."""


class Unreadable(ValueError):
    """The bytes are not an event. The message says why, in words a person can act on."""


class StreamId(NamedTuple):
    """The id of a Redis stream entry: server time in ms, then a number within that ms. Orders like the stream does."""

    ms: int
    number: int

    @classmethod
    def parse(cls, text: str | bytes) -> "StreamId":
        """Read `1745342735470-3`; a bare `1745342735470` means number 0. Raises ValueError."""
        ms, _, number = text.partition(b"-") if isinstance(text, bytes) else text.partition("-")
        return cls(int(ms), int(number or 0))

    def __str__(self) -> str:
        return f"{self.ms}-{self.number}"

    @property
    def bounded(self) -> "StreamId":
        """As two integers that SQLite can hold: Redis counts in 64 bits without a sign."""
        if self.ms < 2**63 and self.number < 2**63:
            return self
        return StreamId(min(self.ms, 2**63 - 1), min(self.number, 2**63 - 1))


class Facts(Struct, frozen=True, omit_defaults=True, gc=False):
    """What a payload says, as far as the fold and a timeline row need it. One subclass for each event type."""

    type: ClassVar[str] = ""
    ids: ClassVar[tuple[str, ...]] = ("node_id",)
    """The fields that name nodes, the node the event is about first (events name several, and not always in `node_id`)."""

    root: ClassVar[str | None] = None
    """The field that names the root of that node, where there is one: it tells whose event it is, not what it is about."""

    previews: ClassVar[tuple[str, ...]] = ()
    """The fields of which only the beginning is kept."""

    node_id: Id = None
    step: Int | None = None

    def __post_init__(self) -> None:
        for name in self.ids:
            if type(value := getattr(self, name)) is int:
                force_setattr(self, name, str(value))
        if self.root is not None and type(value := getattr(self, self.root)) is int:
            force_setattr(self, self.root, str(value))
        for name in self.previews:
            value = getattr(self, name)
            if value is not None and len(value) > PREVIEW:
                force_setattr(self, name, value[:PREVIEW])

    @property
    def subject(self) -> str | None:
        """The id of the node that the event is about, None for events about the whole run."""
        return getattr(self, self.ids[0]) or None

    @property
    def mentions(self) -> tuple[str, ...]:
        """The ids of all nodes that the event names, the subject first, each once."""
        return self.with_root(self.concerns)

    def with_root(self, concerns: tuple[str, ...]) -> tuple[str, ...]:
        """Of `concerns`, `mentions`."""
        if self.root is None or not (root := getattr(self, self.root)) or root in concerns:
            return concerns
        return (*concerns, root)

    @property
    def concerns(self) -> tuple[str, ...]:
        """The same without a root that is only named as such: the nodes whose timelines have the event."""
        if len(self.ids) == 1:  # most events
            return (self.node_id,) if self.node_id else ()  # type: ignore[return-value]  # a number became text
        return tuple(dict.fromkeys(filter(None, map(self.__getattribute__, self.ids))))

    @property
    def failed(self) -> bool:
        """Does the event report that something went wrong?"""
        return False

    @property
    def duration(self) -> float | None:
        """Seconds that the finished thing took, as the agent measured them."""
        return None


class RunStarted(Facts, frozen=True, omit_defaults=True):
    """A process began its work."""

    type = "run_started"
    run_mode: str | None = None


class TokenTotals(Struct, frozen=True, omit_defaults=True):
    """Sums over a whole run, as the agent reports them."""

    total_prompt_tokens: Int | None = None
    total_completion_tokens: Int | None = None


class RunFinished(Facts, frozen=True, omit_defaults=True):
    """A process ended by itself. Says nothing about success: failed items are skipped, and totals may all be 0."""

    type = "run_finished"
    total_steps: Int | None = None
    duration_seconds: Seconds | None = None
    total_nodes: Int | None = None
    total_llm_calls: Int | None = None
    total_tool_calls: Int | None = None
    token_usage_summary: TokenTotals | None = None

    @property
    def duration(self) -> float | None:
        return self.duration_seconds


class RunError(Facts, frozen=True, omit_defaults=True):
    """A process ended with an exception outside its items."""

    type = "run_error"
    previews = ("error_message",)
    error_type: str | None = None
    error_message: Preview = None

    @property
    def failed(self) -> bool:
        return True


class StepStarted(Facts, frozen=True, omit_defaults=True):
    """The engine picked a node and works on it. `step` counts from 0 for each root."""

    type = "step_started"
    root = "root_id"
    node_goal: str | None = None
    root_id: Id = None


class StepFinished(Facts, frozen=True, omit_defaults=True):
    """The engine is done with this step of the node; `status_after` is the only word on most status changes."""

    type = "step_finished"
    action_name: str | None = None
    status_after: str | None = None
    duration_seconds: Seconds | None = None

    @property
    def failed(self) -> bool:
        return self.status_after == "FAILED"

    @property
    def duration(self) -> float | None:
        return self.duration_seconds


class NodeStatusChanged(Facts, frozen=True, omit_defaults=True):
    """The engine looked at a waiting node and moved it on. Its `task_goal` is another node's and is not read."""

    type = "node_status_changed"
    node_goal: str | None = None
    old_status: str | None = None
    new_status: str | None = None

    @property
    def failed(self) -> bool:
        return self.new_status == "FAILED"


class NodeCreated(Facts, frozen=True, omit_defaults=True):
    """A node came to be, inside `outer_node_id`. Status, step and action in this payload are the outer node's."""

    type = "node_created"
    ids = ("node_id", "outer_node_id")
    root = "root_node_id"
    node_nid: Id = None
    node_type: str | None = None
    task_type: str | None = None
    task_goal: str | None = None
    layer: Int | None = None
    outer_node_id: Id = None
    root_node_id: Id = None

    def __post_init__(self) -> None:
        Facts.__post_init__(self)
        if self.root_node_id == "UNKNOWN":  # a root does not know itself yet when it is announced
            force_setattr(self, "root_node_id", None)
        if isinstance(self.node_nid, int):
            force_setattr(self, "node_nid", str(self.node_nid))

    @property
    def is_root(self) -> bool:
        """A root is the node of an input item: outermost, with no node around it."""
        return self.layer == 0 or (not self.outer_node_id and self.layer in (None, -1))


class PlannedTask(Struct, frozen=True, omit_defaults=True, gc=False):
    """An entry of a plan; all that is needed of it here is that it is there."""


class PlanReceived(Facts, frozen=True, omit_defaults=True):
    """The planner answered for this node. An empty plan means: small enough to be done as it is."""

    type = "plan_received"
    raw_plan: list[PlannedTask] | None = None

    def __post_init__(self) -> None:
        Facts.__post_init__(self)
        if self.raw_plan is not None and len(self.raw_plan) > PLANNED:
            force_setattr(self, "raw_plan", self.raw_plan[:PLANNED])


class NodeAdded(Facts, frozen=True, omit_defaults=True):
    """A created node took its place in its owner's inner graph."""

    type = "node_added"
    ids = ("node_id", "graph_owner_node_id", "added_node_id")
    graph_owner_node_id: Id = None
    added_node_id: Id = None
    added_node_nid: Id = None


class EdgeAdded(Facts, frozen=True, omit_defaults=True):
    """A dependency between siblings: the child waits until the parent finished. Never containment."""

    type = "edge_added"
    ids = ("node_id", "graph_owner_node_id", "parent_node_id", "child_node_id")
    graph_owner_node_id: Id = None
    parent_node_id: Id = None
    child_node_id: Id = None
    parent_node_nid: Id = None
    child_node_nid: Id = None
    parent_nid: Id = None
    child_nid: Id = None


class InnerGraphBuilt(Facts, frozen=True, omit_defaults=True):
    """All nodes and edges of a node's plan are announced."""

    type = "inner_graph_built"
    node_count: Int | None = None
    edge_count: Int | None = None
    node_ids: list[str | int] | None = None

    @property
    def concerns(self) -> tuple[str, ...]:
        """The owner, then the nodes of its graph."""
        named = (self.node_id, *(self.node_ids or ()))
        return tuple(dict.fromkeys(str(node_id) for node_id in named if node_id not in (None, "")))


class NodeResultAvailable(Facts, frozen=True, omit_defaults=True):
    """A node has a result of planning, executing or aggregating; only its first 500 characters are published."""

    type = "node_result_available"
    previews = ("result_summary",)
    action_name: str | None = None
    result_summary: Preview = None


class LlmCallStarted(Facts, frozen=True, omit_defaults=True):
    """A request to a language model went out."""

    type = "llm_call_started"
    previews = ("prompt_preview",)
    agent_class: str | None = None
    model: str | None = None
    call_id: Id = None
    prompt_preview: Preview = None


class TokenUsage(Struct, frozen=True, omit_defaults=True):
    """Tokens of one call. Mostly absent: then it is unknown, not 0."""

    prompt_tokens: Int | None = None
    completion_tokens: Int | None = None


class LlmCallCompleted(Facts, frozen=True, omit_defaults=True):
    """A language model answered, or failed to (`error`)."""

    type = "llm_call_completed"
    previews = ("result_summary", "error")
    agent_class: str | None = None
    model: str | None = None
    call_id: Id = None
    duration_seconds: Seconds | None = None
    result_summary: Preview = None
    error: Preview = None
    token_usage: TokenUsage | None = None

    @property
    def failed(self) -> bool:
        return bool(self.error)

    @property
    def duration(self) -> float | None:
        return self.duration_seconds


class ToolInvoked(Facts, frozen=True, omit_defaults=True):
    """A tool was called."""

    type = "tool_invoked"
    previews = ("args_summary",)
    tool_name: str | None = None
    api_name: str | None = None
    tool_call_id: Id = None
    args_summary: Preview = None


class ToolReturned(Facts, frozen=True, omit_defaults=True):
    """A tool came back. May lack a tool_invoked: no-op and finish actions have none."""

    type = "tool_returned"
    previews = ("result_summary", "error")
    tool_name: str | None = None
    api_name: str | None = None
    tool_call_id: Id = None
    state: str | None = None
    duration_seconds: Seconds | None = None
    result_summary: Preview = None
    error: Preview = None

    @property
    def failed(self) -> bool:
        return bool(self.error) or (self.state or "").endswith("_ERROR")

    @property
    def duration(self) -> float | None:
        return self.duration_seconds


class Other(Facts, frozen=True, omit_defaults=True):
    """An event of a type this version does not know: stored, counted and shown like any other."""

    type = "other"


TYPES: dict[str, type[Facts]] = {
    kind.type: kind
    for kind in (
        RunStarted,
        RunFinished,
        RunError,
        StepStarted,
        StepFinished,
        NodeStatusChanged,
        NodeCreated,
        PlanReceived,
        NodeAdded,
        EdgeAdded,
        InnerGraphBuilt,
        NodeResultAvailable,
        LlmCallStarted,
        LlmCallCompleted,
        ToolInvoked,
        ToolReturned,
    )
}
"""The 16 types that agents publish, in the order of a run's life."""


class Event(Struct, frozen=True, gc=False):
    """One thing that an agent said.

    `time` is the publisher's clock in seconds since 1970, for display only: order is the order of the stream. `run_id` is
    None where the publisher gave none.
    """

    event_id: str
    type: str
    time: float
    run_id: str | None
    facts: Facts


class _Envelope(Struct, frozen=True, gc=False):
    event_type: str
    payload: msgspec.Raw
    event_id: Id = None
    timestamp: Any = None
    run_id: Id = None


def _envelope_of(kind: type[Facts]) -> type[Struct]:
    """The same for one type of events, with its payload decoded."""
    fields: list[Any] = [("payload", kind), ("event_id", Id, None), ("timestamp", Any, None), ("run_id", Id, None)]
    return msgspec.defstruct(f"_{kind.__name__}", fields, frozen=True, gc=False, tag_field="event_type", tag=kind.type)


_known: msgspec.json.Decoder[Any] = msgspec.json.Decoder(
    Union[tuple(map(_envelope_of, TYPES.values()))],  # noqa: UP007
    strict=False,
)
_envelope = msgspec.json.Decoder(_Envelope, strict=False)
_decoders = {name: msgspec.json.Decoder(kind, strict=False) for name, kind in TYPES.items()}
_other = msgspec.json.Decoder(Other, strict=False)
_encode = msgspec.json.Encoder().encode


def decode(body: bytes, at: StreamId) -> Event:
    """Read one published body, the value of the stream entry's `json_payload` field.

    What the envelope lacks is taken from the stream entry: no `event_id` becomes the entry's id, no readable `timestamp`
    the time at which Redis received it. Raises Unreadable for everything that is not an event.
    """
    if not body.isascii():
        _check_text(body)  # fields that are skipped are not checked otherwise, and SQLite reads them as text
    try:
        try:
            envelope = _known.decode(body)
            event_type, facts = envelope.payload.type, envelope.payload
        except msgspec.ValidationError:  # of another type, or something is wrong with it
            envelope = _envelope.decode(body)
            event_type, facts = envelope.event_type, None
    except (ValueError, RecursionError, MemoryError) as error:
        raise Unreadable(_reason(error)) from error
    if not event_type:
        raise Unreadable("event_type is empty")
    if len(event_type) > LONGEST_TYPE:
        raise Unreadable(f"event_type has {len(event_type):,} characters")
    event_id, run_id = envelope.event_id, envelope.run_id
    return Event(
        str(at) if event_id in (None, "") else str(event_id),
        event_type,
        _seconds(envelope.timestamp, at),
        None if run_id in (None, "") else str(run_id),
        facts or _decode_payload(event_type, envelope.payload),
    )


def _check_text(body: bytes) -> None:
    """Raises Unreadable where it is not UTF-8."""
    with suppress(UnicodeDecodeError):  # where that is, is found below
        if len(body) <= PIECE:
            body.decode()
            return
    decoder, whole = getincrementaldecoder("utf-8")(), memoryview(body)
    for start in range(0, len(body), PIECE):
        before = start - len(decoder.getstate()[0])
        try:
            decoder.decode(whole[start : start + PIECE], final=start + PIECE >= len(body))
        except UnicodeDecodeError as error:
            at = before + error.start
            raise Unreadable(f"not UTF-8: byte {at} is {body[at]:#04x}") from None


def _decode_payload(event_type: str, payload: msgspec.Raw) -> Facts:
    try:
        return _decoders.get(event_type, _other).decode(payload)
    except (ValueError, RecursionError, MemoryError) as error:
        raise Unreadable(f"payload of {event_type}: {_reason(error)}") from error


def encode_facts(facts: Facts) -> bytes:
    """The facts as compact JSON, to be stored beside the event."""
    return _encode(facts)


def decode_facts(event_type: str, data: bytes | str) -> Facts:
    """The inverse of `encode_facts`."""
    return _decoders.get(event_type, _other).decode(data)


def _reason(error: BaseException) -> str:
    if isinstance(error, RecursionError):
        return "nested too deeply"
    if isinstance(error, MemoryError):
        return "too large to decode"
    text = str(error)
    return text if isinstance(error, msgspec.ValidationError) else f"not JSON: {text}"


def _seconds(timestamp: object, at: StreamId) -> float:
    """`2025-04-22T17:25:11.434487Z` in seconds since 1970, else when Redis received the entry.

    One emitter writes an offset and a `Z`; times without any offset are UTC.
    """
    if isinstance(timestamp, str):
        text = timestamp[:-1] if timestamp.endswith("+00:00Z") else timestamp
        try:
            moment = datetime.fromisoformat(text)
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError):
            pass
    return at.ms / 1000
