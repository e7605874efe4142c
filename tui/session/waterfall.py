"""What the waterfall of a session draws: the spans of the tasks in view, and the work and critical path of the run."""

import time as clock
from collections.abc import Iterable, Mapping, Sequence
from math import inf
from typing import TYPE_CHECKING, NamedTuple

from store.database.moment import Moment
from store.model.span import Span
from store.model.state import Node
from tui import format as fmt
from tui.models.folded_time import Stretch, idle_stretches
from tui.models.selection import Selection
from tui.models.snapshot import TreeNodes
from tui.models.waterfall import WaterfallRows
from tui.session.measuring import Measurement, measure

if TYPE_CHECKING:
    from store.database.work_times import WorkTimes

KEPT_TASKS_MAX = 1_000
"""Number of tasks whose spans are kept in memory."""

MEASURE_MIN_S = 1.0
"""Minimum time from one measurement to the next, in seconds."""

MEASURE_SHARE = 0.05
"""Maximum part of the time that measurements of a growing run take. After a seek it is a half."""


class _Known(NamedTuple):
    """The spans of a task."""

    spans: Sequence[Span]
    end: int
    """Number of events of the run when they were read."""
    state: object
    """The state of the task then, as far as its spans depend on it; None if it was read at a position in the past."""


class WaterfallReading:
    """Reads the spans of tasks in view, once as long as a task has no further events, and measures the run now and then."""

    def __init__(self, moment: Moment, tree: Selection) -> None:
        self._moment = moment
        self._tree = tree
        self._known: dict[int, _Known] = {}
        """Spans by key of the task, in the order in which they were read."""
        self._generation = -1
        self._times: WorkTimes | None = None
        """The last measurement."""
        self._measured_at = -inf
        self._lasted = 0.0
        """Seconds that the last measurement took."""

    async def read(self, tree: TreeNodes, numbers: Sequence[int], travelling: bool) -> WaterfallRows:
        """What to draw for these tasks. `tree`: their nodes."""
        moment = self._moment
        if self._generation != moment.row.generation:
            self._known, self._times, self._generation = {}, None, moment.row.generation
        spans = await self._spans(tree.nodes, numbers)
        keys, run, times = moment.shape.keys, moment.run, self._times
        start = run.started if run.started is not None else tree.now
        end = max((moment.row.run.latest or tree.now) if travelling else tree.now, start)
        whole, scope = Stretch(start, end), self._scope
        if times is None or times.scope != scope:
            return WaterfallRows(
                tree, spans, whole=whole, origin=start, now=tree.now, summaries=("Waterfall: reading…", "Reading…")
            )
        active = _until([Stretch(*one) for one in times.active], tree.now, [work.since for work in run.active])
        if scope is not None and active:
            whole = Stretch(active[0].start, max(active[-1].end, active[0].start))
        return WaterfallRows(
            tree,
            spans,
            {number: _until(map(Stretch._make, times.inside_of(keys[number])), tree.now) for number in numbers},
            frozenset(number for number in numbers if keys[number] in times.critical),
            {number: times.slack[keys[number]] for number in numbers if keys[number] in times.slack},
            idle_stretches(active, whole),
            whole,
            start,
            tree.now,
            _summaries(times),
        )

    @property
    def _scope(self) -> int | None:
        """Key of the root of the subtree that the view is narrowed to."""
        root = self._tree.root
        return None if root is None else self._moment.shape.keys[root]

    async def _spans(self, nodes: Mapping[int, Node], numbers: Iterable[int]) -> dict[int, Sequence[Span]]:
        """The spans of tasks at the position of the moment, by number."""
        moment, known = self._moment, self._known
        keys, position, end = moment.shape.keys, moment.run.events, moment.end
        wanted = [number for number in numbers if number in nodes]

        def is_known(number: int) -> bool:
            found = known.get(keys[number])
            if found is None:
                return False
            return position <= found.end if moment.position is not None else _state(nodes[number]) == found.state

        missing = [number for number in wanted if not is_known(number)]
        if missing:
            read = await moment.queries.spans([keys[number] for number in missing], end)
            for number in missing:
                state = _state(nodes[number]) if moment.position is None else None
                known.pop(keys[number], None)
                known[keys[number]] = _Known(read.get(keys[number], ()), end, state)
        found = {}
        for number in wanted:
            spans = known[keys[number]].spans
            found[number] = spans if moment.position is None else _at(spans, position)
        for key in list(known)[: max(len(known) - KEPT_TASKS_MAX, 0)]:
            del known[key]
        return found

    # Work and critical path

    def due(self) -> float | None:
        """Seconds until the run is to be measured; None if the last measurement is of this position."""
        position, scope, times = self._moment.run.events, self._scope, self._times
        if times is not None and (times.position, times.scope) == (position, scope):
            return None
        share = MEASURE_SHARE if self._moment.position is None else 0.5
        rest = max(MEASURE_MIN_S, self._lasted / share) if times is None or times.scope == scope else 0.0
        return max(self._measured_at + rest - clock.monotonic(), 0.0)

    async def measure(self, now: float) -> None:
        """Measure the run, to be used from the next `read` on. `now`: time up to which open steps have lasted."""
        moment, begun = self._moment, clock.monotonic()
        row = moment.row
        wanted = Measurement(str(moment.reader.path), row.key, row.generation, moment.run.events, self._scope, now)
        try:
            times = await measure(wanted, moment.horizon)
            if moment.row.generation == row.generation:  # else the run was rebuilt meanwhile, and its tasks have other keys
                self._times = times
        finally:
            self._measured_at = clock.monotonic()
            self._lasted = self._measured_at - begun


def _state(node: Node) -> object:
    """Changes with the spans of a task: a step can be aborted by an event of another task."""
    return node.events, node.step, node.calls, node.aborted


def _at(spans: Iterable[Span], position: int) -> list[Span]:
    return [found for span in spans if (found := span.at(position)) is not None]


def _until(stretches: Iterable[Stretch], now: float, since: Sequence[float] = ()) -> list[Stretch]:
    """The stretches before a time, and the work that began at the times `since` and is open. They ascend and are disjoint.

    A measurement can be of a later position, or of an earlier one.
    """
    found = [Stretch(start, min(end, now)) for start, end in stretches if start < now]
    start = min(since, default=now)
    while found and found[-1].end >= start:
        start = min(found.pop().start, start)
    return [*found, Stretch(start, now)] if start < now else found


def _summaries(times: "WorkTimes") -> Sequence[str]:
    if not times.width:
        return ()
    work, length, width = fmt.duration(times.work), fmt.duration(times.length), f"{times.width:.1f} wide"
    return (
        f"Waterfall: {work} of work, {length} on the critical path: could run {width}",
        f"Critical path {length} of {work} of work: could run {width}",
        f"Critical path {length} of {work}: {width}",
    )
