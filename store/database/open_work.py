"""Reads the open steps and calls of runs, with the usual durations of calls."""

from collections.abc import Mapping

from store.database.life_sign import LifeSigns, around, with_outer
from store.database.reader import Reader
from store.database.run_queries import RunQueries
from store.model.phase import may_continue
from store.model.record import RunRow
from store.model.runaway import NO_BUDGET, Budget, Runaway, runaways, task_runaways
from store.model.silence import OpenWork, Usual
from store.model.span import Span
from store.model.statistics import percentile

SAMPLE_CALLS_MAX = 20_000
"""Ended calls, the latest ones, from which usual durations are computed."""

SAMPLE_CALLS_MIN = 20
"""Ended calls of a model or tool below which it has no usual duration."""

USUAL_FOR_S = 30.0
"""Seconds for which computed durations are used."""

UsualCalls = Mapping[tuple[str, str], Usual]
"""Usual durations by kind of call, and model or tool."""


class OpenWorkReader:
    """Reads what is open, again and again: usual durations are kept for USUAL_FOR_S."""

    def __init__(self, reader: Reader, budget: Budget = NO_BUDGET) -> None:
        self._reader = reader
        self._budget = budget
        self._usual: UsualCalls = {}
        self._computed: float | None = None
        """Time at which usual durations were computed; None: not yet."""

    async def read(self, now: float, every: bool = False) -> list[OpenWork]:
        """The open steps and calls of the runs that may continue; `every`: of all runs without an end. Raises FileError.

        Steps and calls that wait are included, see `by_silence`.
        """
        async with self._reader.snapshot():
            found = [row for row in await self._reader.open_runs() if row.run.active]
            rows = [row for row in found if every or may_continue(row.run, now)]
            if rows and (self._computed is None or not 0 <= now - self._computed < USUAL_FOR_S):
                self._usual, self._computed = await _usual(self._reader), now
            return [work for row in rows for work in await self._of_run(row)]

    async def _of_run(self, row: RunRow) -> list[OpenWork]:
        queries, run = RunQueries(self._reader, row.key), row.run
        of_run = tuple(runaways(run, self._budget))
        nodes = await with_outer(queries, run.working)
        waiting = {outer for node_id in run.working for outer in around(nodes, node_id)}
        found = [self._call(row, call, (), None, call.since, False, of_run) for call in run.calls]
        life, free = LifeSigns(self._reader, row.key, run.events), [nodes[one] for one in run.working if one not in waiting]
        calling = await life.inside([node for node in free if node.calls])
        alone = await life.of_tasks([node for node in free if not node.calls])
        for node_id in run.working:
            node, waits = nodes[node_id], node_id in waiting
            outer = around(nodes, node_id)
            path = tuple(nid for one in (*reversed(outer), node_id) if (nid := nodes[one].nid))  # a root has no name
            reasons = tuple(task_runaways(node, len(outer))) or of_run
            for call in node.calls:
                alive = max(call.since, calling.get(node_id, 0.0))
                found.append(self._call(row, call, path, node.current_goal, alive, waits, reasons))
            if node.step is not None and node.step.open:
                waits = waits or bool(node.calls)
                alive = max(node.step.since, alone.get(node_id, 0.0))
                found.append(OpenWork(row, node.step, path, node.current_goal, alive, waits, None, reasons))
        return found

    def _call(
        self,
        row: RunRow,
        call: Span,
        path: tuple[str, ...],
        goal: str | None,
        alive: float,
        waiting: bool,
        reasons: tuple[Runaway, ...],
    ) -> OpenWork:
        usual = self._usual.get((call.kind, call.model or call.label))
        return OpenWork(row, call, path, goal, alive, waiting, usual, reasons)


async def _usual(reader: Reader) -> dict[tuple[str, str], Usual]:
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
