"""The state of a run at one position: the run, its nodes and its edges. Records without behaviour; `fold` derives them.

Times are seconds since 1970 by the publishers' clocks. Numbers that were not reported are None, not 0. `Run` and `Node` are
not frozen because the fold changes its own copies.
"""

from enum import StrEnum
from typing import NamedTuple

from msgspec import Struct, field

from store.model.span import Span
from store.model.streak import Streak


class Status(StrEnum):
    """Statuses of a node, as agents publish them. Other values are possible."""

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
    """The end of a run, if it has one. The run of an agent that is killed stays `running`."""

    RUNNING = "running"
    COMPLETED = "completed"
    ERROR = "error"


class Sums(Struct, array_like=True, gc=False):
    """What several nodes took and cost together."""

    seconds: float = 0.0
    """In ended steps, see `Node.busy`."""
    llm_calls: int = 0
    tool_calls: int = 0
    errors: int = 0
    """Reported errors plus aborted steps."""
    tokens_in: int = 0
    tokens_out: int = 0
    tokens_known: int = 0
    """Number of nodes with known tokens. 0: `tokens_in` and `tokens_out` are unknown."""
    cost: float = 0.0
    """US dollars."""
    cost_known: int = 0
    """Number of nodes with a known cost. 0: `cost` is unknown."""
    unpriced: int = 0
    """Number of ended LLM calls without a known cost."""

    def add(self, other: "Sums", sign: int = 1) -> None:
        """Add other sums, or subtract them (`sign` -1)."""
        for name in self.__struct_fields__:
            setattr(self, name, getattr(self, name) + sign * getattr(other, name))


class Work(Struct, frozen=True, array_like=True, gc=False):
    """The open span of a node: its latest open call, else its open step."""

    node_id: str | None
    """None: a call that belongs to no known node."""
    kind: str
    """`llm`, `tool` or `step`."""
    since: float
    """Time at which the call or step began."""
    label: str = ""
    """Model or agent class, or tool and function; empty for a step."""


class Node(Struct, array_like=True, gc=False):
    """A task in the tree. A placeholder (`created` is None) has been named by events, but has no node_created yet."""

    node_id: str
    born: int
    """Position of the first event that names the node. Before it, the node does not exist. Orders siblings."""
    created: float | None = None
    nid: str | None = None
    """The planner's name of the node. Unique among siblings only; empty for a root."""
    node_type: str | None = None
    task_type: str | None = None
    goal: str | None = None
    """The goal in node_created."""
    latest_goal: str | None = None
    """The goal in the latest event; None if it equals `goal`."""
    layer: int | None = None
    outer: str | None = None
    """The parent: the node whose plan created this one. Never a node beneath this one, see `loop`."""
    loop: str | None = None
    """A published parent that was not used because it lies beneath this node."""
    root: str | None = None
    children: int = 0
    status: str | None = None
    started: float | None = None
    finished: float | None = None
    busy: float = 0.0
    """Seconds in ended steps of the node: as reported, or up to the last event before an abort."""
    step: Span | None = None
    """The latest step. A node has one open step at a time."""
    calls: tuple[Span, ...] = ()
    """Open calls, oldest first."""
    orphans: tuple[Span, ...] = ()
    """Counted calls with an id that have no beginning, or were aborted: their other event may follow."""
    failed_call: Span | None = None
    """The latest failed call, until it is repeated with success."""
    streaks: tuple[Streak, ...] = ()
    """Failed calls, until the same call succeeds. Long streaks stay."""
    repeats: int | None = None
    """Number of levels up to the nearest node with the same goal; None if no node above has it."""
    results: dict[str, int] = field(default_factory=dict)
    """Action (plan, execute, final_aggregate) to the position of its latest result."""
    events: int = 0
    steps: int = 0
    aborted: int = 0
    llm_calls: int = 0
    tool_calls: int = 0
    tokens_in: int | None = None
    tokens_out: int | None = None
    cost: float | None = None
    """US dollars, of the calls with a known cost."""
    unpriced: int = 0
    """Number of ended LLM calls without a known cost."""
    errors: int = 0
    troubled: int | None = None
    """Position of the first error or aborted step."""
    beneath: Sums | None = None
    """Sums of all nodes beneath this one; None if nothing was counted there."""

    @property
    def tokens_known(self) -> bool:
        """Whether a call of the node published its tokens."""
        return self.tokens_in is not None or self.tokens_out is not None

    @property
    def own(self) -> Sums:
        """Sums of the node itself."""
        return _sums(self)

    @property
    def total(self) -> Sums:
        """Sums of the node and of all nodes beneath it."""
        total = self.own
        if self.beneath is not None:
            total.add(self.beneath)
        return total

    @property
    def placeholder(self) -> bool:
        """Whether the node has no node_created yet."""
        return self.created is None

    @property
    def work(self) -> Work | None:
        """The open span of the node; None if there is none."""
        if self.calls:
            return _work(self.calls[-1])
        return _work(self.step) if self.step is not None and self.step.open else None

    @property
    def working(self) -> bool:
        """Whether a step or call of the node is open."""
        return bool(self.calls) or (self.step is not None and self.step.open)

    @property
    def is_execution(self) -> bool:
        """Whether the node is the execution of the node around it. The planner names it `0`, and it has the same goal."""
        return self.node_type == "EXECUTE_NODE" and self.nid == "0"

    @property
    def current_goal(self) -> str | None:
        """The current goal."""
        return self.latest_goal or self.goal


class EdgeKey(NamedTuple):
    """Key of a dependency in the inner graph of `owner`: `child` is the dependent, `parent` its prerequisite."""

    owner: str
    parent: str
    child: str


class Edge(Struct, frozen=True):
    """A dependency between two siblings. `born` is the position of its first event."""

    key: EdgeKey
    born: int
    parent_nid: str | None = None
    child_nid: str | None = None


class Totals(Struct, frozen=True, array_like=True):
    """The totals in run_finished. They may be wrong, or all 0."""

    steps: int | None = None
    nodes: int | None = None
    llm_calls: int | None = None
    tool_calls: int | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    duration: float | None = None


class Run(Struct, array_like=True):
    """A run without its nodes."""

    run_id: str
    status: str = RunStatus.RUNNING
    began: bool = False
    """Whether the run has a run_started. Older agents publish none."""
    mode: str | None = None
    goal: str | None = None
    """The goal of the first root."""
    started: float | None = None
    ended: float | None = None
    latest: float | None = None
    """Time of the latest event."""
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
    busy: float = 0.0
    """Seconds in ended steps of all nodes."""
    cost: float | None = None
    unpriced: int = 0
    errors: int = 0
    error: str | None = None
    """The message of run_error."""
    root: str | None = None
    """The first root. Every node that is its own `root` is a root."""
    roots: int = 0
    unfinished_roots: int = 0
    """Roots whose status is not FINISH."""
    parallel: bool = False
    """Whether steps of different nodes may overlap, as declared in run_started. If not, a step aborts the open one."""
    totals: Totals | None = None
    active: tuple[Work, ...] = ()
    """`Node.work` of each working node, and `Run.work`. The one with the latest event is the last."""
    calls: tuple[Span, ...] = ()
    """Open calls of no known node, oldest first."""
    orphans: tuple[Span, ...] = ()
    """Like `Node.orphans`, for calls of no known node."""
    failed_call: Span | None = None
    """Like `Node.failed_call`, for calls of no known node."""
    alarms: dict[str, int] = field(default_factory=dict)
    """By sign, see `alarm`: long streaks, nodes with a repeated goal, deep nodes, nodes with many children."""
    skew: float | None = None
    """The largest difference of an implausible publisher clock from the arrival time in seconds; negative if the clock was
    behind."""

    @property
    def total(self) -> Sums:
        """Sums of the whole run, including calls of no known node."""
        return _sums(self)

    @property
    def working(self) -> tuple[str, ...]:
        """Ids of the working nodes, the one with the latest event last."""
        return tuple(work.node_id for work in self.active if work.node_id is not None)

    @property
    def work(self) -> Work | None:
        """The latest open call of no known node; None if there is none."""
        return _work(self.calls[-1]) if self.calls else None


def _sums(counted: Node | Run) -> Sums:
    tokens_known = counted.tokens_in is not None or counted.tokens_out is not None
    return Sums(
        counted.busy,
        counted.llm_calls,
        counted.tool_calls,
        counted.errors + counted.aborted,
        counted.tokens_in or 0,
        counted.tokens_out or 0,
        int(tokens_known),
        counted.cost or 0.0,
        int(counted.cost is not None),
        counted.unpriced,
    )


def _work(span: Span) -> Work:
    return Work(span.node_id, span.kind, span.since, span.model or span.label)


class RunState(Struct, frozen=True):
    """A run at the position `run.events`."""

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
