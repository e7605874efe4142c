"""Records that readers of the file return: runs, events, and the state of ingest."""

from typing import NamedTuple

from msgspec import Struct

from store.model.event import Event
from store.model.span import Span
from store.model.state import Run


class RunRow(Struct, frozen=True):
    """A run in the list of runs."""

    key: int
    generation: int
    """Number of rebuilds of the run. After a rebuild, everything that was read of the run is out of date."""
    last_seq: int
    bytes: int
    gaps: int
    pinned: bool
    """Whether the user pinned the run. A pinned run is never pruned."""
    run: Run


class RunChanges(NamedTuple):
    """The changes of the list of runs since a number of changes, see `Reader.run_changes`."""

    rows: list[RunRow]
    """New and changed runs."""
    gone: list[int]
    """Keys of deleted runs."""
    number: int
    """The current number of changes, from which the next call continues."""


RUN_INFERRED, NODE_INFERRED = 1, 2
"""Bits of the column `event.inferred`."""


class Stored(Struct, frozen=True):
    """An event as stored. `position` counts from 1 within its run, `seq` over the whole file."""

    seq: int
    position: int
    event: Event
    failed: bool
    old_status: str | None
    status: str | None
    node: int | None = None
    """Key of the subject."""
    nid: str | None = None
    """The planner's name of the subject."""
    outer_nid: str | None = None
    """The planner's name of the parent of the subject."""
    inferred: int = 0
    """Bits: `RUN_INFERRED` if the event could belong to another run, `NODE_INFERRED` if it could belong to another node."""


class Failure(Struct, frozen=True):
    """An error of a run: an event that reports one, or an aborted step."""

    stored: Stored
    """The event. Of an aborted step: the event that aborted it, which is about something else."""
    span: Span | None = None
    """The call or step that failed or was aborted."""
    node: int | None = None
    """Key of the node; None: an error of the run."""
    nid: str | None = None
    """The planner's name of the node."""
    outer_nid: str | None = None
    """The planner's name of the parent of the node."""
    goal: str | None = None
    """The goal of the node."""

    @property
    def position(self) -> int:
        """Position of the event. Not unique: one event can abort several steps."""
        return self.stored.position

    @property
    def aborted(self) -> bool:
        """Whether it is an aborted step."""
        return self.span is not None and self.span.aborted == self.position

    @property
    def inferred(self) -> bool:
        """Whether its node was inferred."""
        return self.span.inferred if self.span is not None else self.stored.inferred >= NODE_INFERRED


class SpanRow(Struct, frozen=True):
    """A step or call, and its task."""

    span: Span
    node: int | None = None
    """Key of the node; None: a call of no known node."""
    nid: str | None = None
    """The planner's name of the node."""
    outer_nid: str | None = None
    """The planner's name of the parent of the node."""
    goal: str | None = None
    """The goal of the node."""


class PathTask(Struct, frozen=True):
    """A task on the critical path."""

    number: int
    node_id: str
    seconds: float
    """Its own work."""
    nid: str | None = None
    """The planner's name of the task."""
    outer_nid: str | None = None
    """The planner's name of the task around it."""
    goal: str | None = None


class ShapePart(NamedTuple):
    """The structure of a part of a tree. The first three lists have one element per node, in the order of creation."""

    keys: list[int]
    """Keys of the nodes, ascending."""
    outers: list[int | None]
    """Keys of the parents."""
    born: list[int]
    """Positions of the first events that name the nodes."""
    executions: list[int]
    """Keys of the nodes that are the execution of their parent, ascending."""


NO_NODES = ShapePart([], [], [], [])
"""An empty part."""


class MoveRow(NamedTuple):
    """A change of a node's parent at a position. Nodes are given by key; None is the top level."""

    position: int
    key: int
    before: int | None
    after: int | None


class Match(Struct, frozen=True):
    """A filter of events. The default matches all."""

    types: frozenset[str] = frozenset()
    words: str = ""
    """Text in the summary or type of an event. Case-insensitive for a to z."""
    failed: bool = False
    """Whether to list only events that report an error."""
    without: frozenset[str] = frozenset()
    """Types that are left out."""

    def __bool__(self) -> bool:
        return bool(self.types or self.words or self.failed or self.without)


class Mark(NamedTuple):
    """Totals of a run at a position, and the time of the event there."""

    position: int
    time: float
    nodes: int = 0
    errors: int = 0
    llm_calls: int = 0
    tool_calls: int = 0
    tokens_in: int | None = None
    tokens_out: int | None = None


class StreamRow(Struct, frozen=True):
    """The state of ingest of one stream, as reported by the ingester."""

    name: str
    address: str
    """Server and database; empty if an older version stored the stream."""
    position: str
    received: int
    stored: int
    duplicate: int
    rejected: int
    """Rejected entries in the file. Pruned ones are not counted."""
    state: str
    since: float | None
    reason: str | None
    head: str | None
    gaps: int
    lost: int | None
    """Entries lost in all gaps; None if unknown."""

    @property
    def where(self) -> tuple[str, str]:
        """Identity of the stream."""
        return self.address, self.name


class RejectedRow(Struct, frozen=True):
    """An entry that is not an event. `size`: bytes."""

    key: int
    stream_id: str
    found: float
    reason: str
    size: int


class GapRow(Struct, frozen=True):
    """Entries that were lost before they were read, see `entry.Gap`."""

    key: int
    run_id: str | None
    """The run of the last entry before the gap. Lost entries probably belong to it."""
    found: float
    kind: str
    lost: int | None
    after: str
    before: str | None
    note: str
