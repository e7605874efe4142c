"""What a reader gets from the file: runs, events, and how ingest is doing. Plain values, without a way to the file."""

from msgspec import Struct

from store.events import Event
from store.state import Run, RunState


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


class Loaded(Struct, frozen=True):
    """A run as it was when it was read."""

    key: int
    generation: int
    state: RunState


class Stored(Struct, frozen=True):
    """An event as stored. `position` counts from 1 within its run, `seq` over the whole file."""

    seq: int
    position: int
    event: Event
    failed: bool
    old_status: str | None
    status: str | None


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
