"""What a run is at one moment: a `RunState` of a `Run`, its nodes and its edges. Values without behaviour of their own;
`fold.py` says how events make a new one out of an old one, and nothing else ever changes one. (`Run` and `Node` are not
frozen only because the fold fills in the copies that it makes.)

Times are seconds since 1970 by the publishers' clocks. Numbers that nobody reported are None, never 0.
"""

from enum import StrEnum
from typing import NamedTuple

from msgspec import Struct, field


class Status(StrEnum):
    """Where a node is in its life, by the names that agents publish. They may publish others."""

    NOT_READY = "NOT_READY"
    READY = "READY"
    NEED_UPDATE = "NEED_UPDATE"
    PLAN_DONE = "PLAN_DONE"
    DOING = "DOING"
    FINAL_TO_FINISH = "FINAL_TO_FINISH"
    NEED_POST_REFLECT = "NEED_POST_REFLECT"
    FINISH = "FINISH"
    FAILED = "FAILED"


class RunStatus(StrEnum):
    """What is known about the end of a run. Agents that are killed say nothing: their runs stay `running`."""

    RUNNING = "running"
    COMPLETED = "completed"
    ERROR = "error"


class Step(Struct, frozen=True, array_like=True):
    """The latest step of a node. Open until it finished; aborted when the engine went on without finishing it."""

    number: int | None
    started: float
    open: bool = True
    aborted: bool = False


class Call(Struct, frozen=True, array_like=True):
    """A call to a language model or a tool that has not come back."""

    kind: str
    """`llm` or `tool`."""
    label: str
    """Who is called: agent class or tool and function."""
    started: float
    call_id: str | None = None
    model: str | None = None


class Node(Struct, array_like=True):
    """One task in the tree. A placeholder (`created` is None) was heard of, but not announced yet."""

    node_id: str
    born: int
    """Position of the event that first named it: siblings are ordered by it, and before it the node did not exist."""
    created: float | None = None
    nid: str | None = None
    """The planner's name for it, unique only among its siblings, empty for a root."""
    node_type: str | None = None
    task_type: str | None = None
    goal: str | None = None
    """As first announced."""
    latest_goal: str | None = None
    """As last heard, when planning reworded it."""
    layer: int | None = None
    outer: str | None = None
    """The node whose plan created it: the tree. Never a node beneath it, see `loop`."""
    loop: str | None = None
    """The `outer` that was announced but would have closed a circle."""
    root: str | None = None
    children: int = 0
    status: str | None = None
    started: float | None = None
    finished: float | None = None
    busy: float = 0.0
    """Seconds spent in its own finished steps."""
    step: Step | None = None
    calls: tuple[Call, ...] = ()
    """Open calls, oldest first."""
    orphans: tuple[str, ...] = ()
    """Ids of calls that are counted, and of which one half may still come: the end was first, or nobody waits for it."""
    results: dict[str, int] = field(default_factory=dict)
    """Action (plan, execute, final_aggregate) to the position of its latest result."""
    events: int = 0
    steps: int = 0
    aborted: int = 0
    llm_calls: int = 0
    tool_calls: int = 0
    tokens_in: int | None = None
    tokens_out: int | None = None
    errors: int = 0
    troubled: int | None = None
    """Position of the event that brought its first error or aborted step."""

    @property
    def placeholder(self) -> bool:
        """Was it only heard of by reference so far?"""
        return self.created is None

    @property
    def working(self) -> bool:
        """Does the engine work on it right now?"""
        return bool(self.calls) or (self.step is not None and self.step.open)

    @property
    def wording(self) -> str | None:
        """The goal as last heard."""
        return self.latest_goal or self.goal


class EdgeKey(NamedTuple):
    """Which dependency: in the inner graph of `owner`, `child` waits for `parent`."""

    owner: str
    parent: str
    child: str


class Edge(Struct, frozen=True):
    """A dependency between two siblings, with their planner's names and the position at which it was first announced."""

    key: EdgeKey
    born: int
    parent_nid: str | None = None
    child_nid: str | None = None


class Totals(Struct, frozen=True, array_like=True):
    """What the agent itself counted, as run_finished reports it; may be wrong, may be all 0."""

    steps: int | None = None
    nodes: int | None = None
    llm_calls: int | None = None
    tool_calls: int | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    duration: float | None = None


class Run(Struct, array_like=True):
    """A run as a whole: what the list of runs shows."""

    run_id: str
    status: str = RunStatus.RUNNING
    began: bool = False
    """Was its run_started heard? Older agents publish none."""
    mode: str | None = None
    goal: str | None = None
    """Of its first root."""
    started: float | None = None
    ended: float | None = None
    latest: float | None = None
    """Time of the newest event."""
    events: int = 0
    nodes: int = 0
    finished: int = 0
    """Nodes with status FINISH."""
    edges: int = 0
    steps: int = 0
    aborted: int = 0
    llm_calls: int = 0
    tool_calls: int = 0
    tokens_in: int | None = None
    tokens_out: int | None = None
    errors: int = 0
    error: str | None = None
    """What run_error said."""
    roots: tuple[str, ...] = ()
    stepping: str | None = None
    """The node whose step is open: a run does one step at a time."""
    totals: Totals | None = None
    active: tuple[str, ...] = ()
    """The nodes that are being worked on (`Node.working`), in the order in which that began."""


class RunState(Struct, frozen=True):
    """A run after its first `run.events` events: the whole truth that any screen shows."""

    run: Run
    nodes: dict[str, Node]
    edges: dict[EdgeKey, Edge]

    @property
    def position(self) -> int:
        """How many events of the run this state has seen."""
        return self.run.events


def empty(run_id: str) -> RunState:
    """A run before its first event."""
    return RunState(Run(run_id), {}, {})
