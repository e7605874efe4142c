"""What each pane of a run draws, as immutable records. Pure."""

from collections.abc import Mapping, Sequence
from typing import Literal

from msgspec import Struct

from store.model.axis import Axis
from store.model.record import Failure, Stored
from store.model.state import Node, Run
from tui.models.lines import Line
from tui.models.open_work import OpenWork

Place = Literal["live", "following", "stored", "past", "deleted"]
"""What the header shows of a run: its live or stored end, a past position, or that it was deleted."""


class Highlight(Struct, frozen=True):
    """The event at the position, and the node that it is about."""

    node: int
    event: Stored


class TreeNodes(Struct, frozen=True, eq=False):
    """The nodes on the screen and near it, by number, with durations measured to `now`."""

    nodes: Mapping[int, Node] = {}
    now: float = 0.0
    highlight: Highlight | None = None
    beneath: Mapping[int, OpenWork] = {}
    """The open work beneath nodes, by number. Nodes without any are left out."""
    active: bool = False
    """Whether nodes can be at work: the run may continue, or had not ended at the position."""
    priced: bool = False
    """Whether a cost is known in the run."""
    names: Mapping[int, str] = {}
    """The names of nodes on the screen."""
    bare: bool = False
    """Whether rows have no figures: they are in the waterfall beside the tree."""
    critical: frozenset[int] = frozenset()
    """The nodes on the screen with own work on the critical path, as far as that is known."""


class Header(Struct, frozen=True):
    """A run at the time `now`. `gaps`: number of losses that the run is known to have suffered."""

    run: Run
    now: float
    place: Place = "stored"
    gaps: int = 0


class Playback(Struct, frozen=True):
    """A position on the axis of a run, and how it moves."""

    axis: Axis | None = None
    """None: not read yet."""
    position: int = 0
    """Number of events that have happened at the position."""
    total: int = 0
    """Number of stored events; in a live run it can exceed that of the axis."""
    playing: bool = False
    speed: str = "1x"
    live: bool = False
    """Whether more events are expected."""
    skipped: float | None = None
    """Seconds without events that were skipped last."""
    nodes: int = 0
    """Number of nodes at the position."""
    tokens: tuple[int | None, int | None] = (None, None)
    """Tokens in and out up to the position; None where no count was published."""


PAGE = 100
"""Number of rows of a timeline that are read together."""


class EventRows(Struct, frozen=True, eq=False):
    """The rows of a timeline: how many, and where the cursor goes."""

    identity: object
    """Equal for rows of the same list: the same scope, filter and selection."""
    count: int
    start: float
    """Time from which the times of events are counted."""
    added: int = 0
    """Number of new rows before the rows that were there. Meaningless in a fresh list."""
    fresh: bool = False
    """Whether these are other rows than before. The cursor then goes to `row`, or else to the last row or the first."""
    at_end: bool = False
    row: int | None = None
    first: int = 0
    """Row of the first of `events`."""
    events: Sequence[Stored] = ()
    """The rows of a fresh list that are shown first."""
    hint: str = ""
    """Text for an empty list."""


class FailureRows(Struct, frozen=True, eq=False):
    """The rows of a list of errors: how many were found, and where the cursor goes."""

    count: int = 0
    total: int = 0
    """Number of errors that the run counted; more than `count` while they are looked for."""
    start: float = 0.0
    """Time from which the times of errors are counted."""
    added: int = 0
    """Number of new rows before the rows that were there. Meaningless in a fresh list."""
    fresh: bool = False
    """Whether these are other rows than before. The cursor then goes to `row`, or else to the last row."""
    row: int | None = None
    first: int = 0
    """Row of the first of `failures`, which begins a page."""
    failures: Sequence[Failure] = ()
    """The page with the cursor."""


class EventCursor(Struct, frozen=True, eq=False):
    """The cursor of a timeline."""

    row: int = 0
    event: Stored | None = None
    """None: not read yet, or there are no rows."""
    following: bool = True
    """Whether the cursor stays on the newest event."""
    pages: int = 1
    """Number of pages that fill the pane."""


class Text(Struct, frozen=True, eq=False):
    """Lines about a subject. Where the subject changes, the text is shown from its top."""

    subject: object = None
    lines: Sequence[Line] = ()
