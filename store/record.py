"""What a reader gets from the file: runs, events, and how ingest is doing. Plain values, without a way to the file."""

from typing import NamedTuple

from msgspec import Struct

from store.events import Event
from store.state import Run


class RunRow(Struct, frozen=True):
    """A run as the list of runs shows it."""

    key: int
    generation: int
    """Another number for the same key: the run was built again, read all of it again."""
    last_seq: int
    bytes: int
    gaps: int
    marked: bool
    """The user wants to keep it: it is never pruned."""
    run: Run


class Stored(Struct, frozen=True):
    """An event as stored. `position` counts from 1 within its run, `seq` over the whole file."""

    seq: int
    position: int
    event: Event
    failed: bool
    old_status: str | None
    status: str | None
    node: int | None = None
    """The key of the node that it is about."""
    nid: str | None = None
    """The planner's name of that node, as last heard."""
    outer_nid: str | None = None
    """The planner's name of the node around that one."""


class ShapePart(NamedTuple):
    """All that the shape of a tree takes of some nodes, in the order of birth: three lists of the same length."""

    keys: list[int]
    """Ascending."""
    outers: list[int | None]
    """The key of the node around each."""
    born: list[int]
    """The position at which each was first named."""


class MoveRow(NamedTuple):
    """At this position of its run, a node went from inside one node (None: the top) into another. All by their keys."""

    position: int
    key: int
    before: int | None
    after: int | None


class Match(Struct, frozen=True):
    """Which events to list. Empty: all."""

    types: frozenset[str] = frozenset()
    words: str = ""
    """To be found in what an event says in brief, or in its type; upper and lower case of a to z are the same."""
    failed: bool = False
    """Only those that report an error."""

    def __bool__(self) -> bool:
        return bool(self.types or self.words or self.failed)


class Mark(NamedTuple):
    """What a run added up to at one of its positions, and the time there, by the publisher's clock."""

    position: int
    time: float
    nodes: int = 0
    errors: int = 0
    llm_calls: int = 0
    tool_calls: int = 0
    tokens_in: int | None = None
    tokens_out: int | None = None


class StreamRow(Struct, frozen=True):
    """How ingest of one stream is doing, by its own word."""

    name: str
    position: str
    received: int
    stored: int
    duplicate: int
    rejected: int
    state: str
    since: float | None
    reason: str | None
    head: str | None
    gaps: int
    lost: int | None
    """Entries lost in all gaps together; None where nobody can know."""


class RejectedRow(Struct, frozen=True):
    """An entry that is not an event, as far as a list shows it. `size` is that of its bytes."""

    key: int
    stream_id: str
    found: float
    reason: str
    size: int


class GapRow(Struct, frozen=True):
    """Entries that were gone before they were read."""

    key: int
    run_id: str | None
    """The run that was heard of last, whose events are probably among them."""
    found: float
    kind: str
    lost: int | None
    after: str
    before: str | None
    note: str
