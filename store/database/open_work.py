"""The open calls and steps of all runs that may continue: what is done now, for how long, and how long it usually takes."""

from collections.abc import Iterable, Mapping

from msgspec import Struct

from store.database.reader import Reader
from store.database.run_queries import RunQueries
from store.model.phase import CALL_BUDGET_S, STEP_BUDGET_S, may_continue
from store.model.record import RunRow
from store.model.span import Kind, Span
from store.model.state import Node
from store.model.statistics import percentile

SAMPLE_CALLS_MAX = 20_000
"""Ended calls, the latest ones, from which usual durations are computed."""

SAMPLE_CALLS_MIN = 20
"""Ended calls of a model or tool below which it has no usual duration."""

CALL_BUDGET_MIN_S = 60.0
"""Seconds below which no call is late."""


class Usual(Struct, frozen=True):
    """How long the calls of a model or tool take, in seconds."""

    p50: float
    p99: float

    @property
    def budget(self) -> float:
        """Seconds after which a call is late."""
        return max(self.p99, CALL_BUDGET_MIN_S)


class OpenWork(Struct, frozen=True):
    """An open call or step. A step is left out while a call of its task, or a task inside it, is open."""

    run: RunRow
    span: Span
    path: tuple[str, ...]
    """Names of the task and of the tasks around it, the outermost first. Empty: a call of no known task."""
    goal: str | None
    silent: float
    """Seconds since its last sign of life: of a call since it began, of a step since the last event of its task."""
    usual: Usual | None
    """None for a step, and for a call of a model or tool with few ended calls."""

    @property
    def late(self) -> bool:
        """Whether it has been silent for longer than its budget."""
        if self.span.kind == Kind.STEP:
            return self.silent > STEP_BUDGET_S
        return self.silent > (CALL_BUDGET_S if self.usual is None else self.usual.budget)


async def open_work(reader: Reader, now: float) -> list[OpenWork]:
    """The open calls and steps of the runs that may continue, the longest silence first. Raises FileError."""
    async with reader.snapshot():
        rows = [row for row in await reader.open_runs() if may_continue(row.run, now)]
        found, usual = list[OpenWork](), dict[tuple[str, str], Usual]()
        if any(row.run.active for row in rows):
            usual = await _usual(reader)
        for row in rows:
            found += await _of_run(reader, row, usual, now)
    return sorted(found, key=lambda work: -work.silent)


async def _usual(reader: Reader) -> dict[tuple[str, str], Usual]:
    """Usual durations by kind of call, and model or tool."""
    sql = (
        "SELECT kind, coalesce(model, answered, label), coalesce(seconds, finished - started) FROM span"
        " WHERE ended IS NOT NULL AND kind <> 'step' ORDER BY run DESC, born DESC LIMIT ?"
    )
    seconds: dict[tuple[str, str], list[float]] = {}
    for kind, name, duration in await reader.rows(sql, (SAMPLE_CALLS_MAX,)):
        if duration is not None:
            seconds.setdefault((kind, name), []).append(duration)
    return {
        call: Usual(percentile(found, 0.5) or 0.0, percentile(found, 0.99) or 0.0)
        for call, found in ((call, sorted(found)) for call, found in seconds.items())
        if len(found) >= SAMPLE_CALLS_MIN
    }


async def _of_run(reader: Reader, row: RunRow, usual: Mapping[tuple[str, str], Usual], now: float) -> list[OpenWork]:
    queries, run = RunQueries(reader, row.key), row.run
    nodes = await _with_outer(queries, run.working)
    waiting = {outer for node_id in run.working for outer in _around(nodes, node_id)}
    found = [_open_call(row, call, (), None, usual, now) for call in run.calls]
    keys = await queries.keys(run.working)
    for node_id in run.working:
        node = nodes[node_id]
        around = [nodes[outer] for outer in (*reversed(_around(nodes, node_id)), node_id)]
        path = tuple(outer.nid for outer in around if outer.nid)  # a root has no name
        found += [_open_call(row, call, path, node.current_goal, usual, now) for call in node.calls]
        if node.step is not None and node.step.open and not node.calls and node_id not in waiting:
            latest = await queries.latest_time(keys[node_id])
            found.append(OpenWork(row, node.step, path, node.current_goal, max(now - latest, 0.0), None))
    return found


def _open_call(
    row: RunRow, call: Span, path: tuple[str, ...], goal: str | None, usual: Mapping[tuple[str, str], Usual], now: float
) -> OpenWork:
    name = call.kind, call.model or call.label
    return OpenWork(row, call, path, goal, max(now - call.since, 0.0), usual.get(name))


async def _with_outer(queries: RunQueries, node_ids: Iterable[str]) -> dict[str, Node]:
    """Nodes and all nodes around them, by id."""
    found: dict[str, Node] = {}
    wanted = set(node_ids)
    while wanted:
        read = await queries.nodes(list((await queries.keys(wanted)).values()))
        found |= {node.node_id: node for node in read.values()}
        wanted = {node.outer for node in read.values() if node.outer is not None} - found.keys()
    return found


def _around(nodes: Mapping[str, Node], node_id: str) -> list[str]:
    """Ids of the nodes around a node, the nearest first."""
    found, outer = list[str](), nodes[node_id].outer
    while outer is not None:
        found.append(outer)
        outer = nodes[outer].outer
    return found
