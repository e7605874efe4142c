"""The spans of a group at the position of a session, as rows in an order. Only the order is in memory."""

import asyncio
from array import array
from collections.abc import Callable, Mapping, Sequence

from store.database.analysis import Scope, task_facts
from store.database.moment import Moment
from store.database.statistics_queries import StatisticsQueries
from store.model.record import SpanRow
from store.model.span import Span
from store.model.statistics import group_name
from tui.models.span_rows import SpanRows, lasted
from tui.models.summary import total


class SpanList:
    """Reads the order of the spans in one pass over the run, and rows on demand."""

    def __init__(self, moment: Moment, dimension: str, holds: Callable[[str], bool], now: Callable[[], float]) -> None:
        """`dimension`: dimension of the group. `holds`: whether a span with this name is in the group."""
        self._moment = moment
        self._dimension = dimension
        self._holds = holds
        self._now = now
        self._version = 0
        self._born: Sequence[int] = ()
        """Births of the spans, ascending."""
        self._values: dict[str, array[float]] = {}
        """By column: the values of the spans, in the order of birth."""
        self._order: Sequence[int] = ()
        """Births of the spans, in the order of the rows."""

    @property
    def count(self) -> int:
        """Number of rows."""
        return len(self._order)

    async def read(self, scope: Scope) -> None:
        """Read all spans of the group at the position. Raises RunChanged."""
        moment, now = self._moment, self._now()
        tasks = await task_facts(moment, scope.parents)
        born = array("q")
        values = {name: array("d") for name in ("duration", "time", "tokens", "cost")}

        def visit(key: int | None, span: Span) -> None:
            number = scope.number(key)
            if number not in scope:
                return
            name = group_name(self._dimension, span, tasks[number])
            if name is not None and self._holds(name):
                born.append(span.born)
                values["duration"].append(lasted(span, now))
                values["time"].append(span.since)
                values["tokens"].append(total(span.tokens_in, span.tokens_out) or 0)
                values["cost"].append(span.cost or 0.0)

        await StatisticsQueries(moment.reader, moment.row.key).visit(moment.run.events, visit)
        self._born, self._values = born, values

    async def arrange(self, sort: str, backwards: bool) -> None:
        """Sort by a column, the highest value first unless `backwards`. Equal spans are in the order of birth."""
        born, values = self._born, self._values[sort]

        def ordered() -> Sequence[int]:
            numbers = sorted(range(len(values)), key=values.__getitem__, reverse=not backwards)
            return array("q", map(born.__getitem__, numbers))

        self._order = await asyncio.to_thread(ordered)
        self._version += 1

    async def rows(self, first: int, last: int) -> tuple[int, Mapping[int, SpanRow]]:
        """Rows from `first` up to, not including, `last`, by number, and the version of the list that they belong to."""
        version, moment = self._version, self._moment
        born = dict(enumerate(self._order[first:last], first))
        found = await StatisticsQueries(moment.reader, moment.row.key).spans([*born.values()], moment.run.events)
        return version, {row: found[at] for row, at in born.items() if at in found}

    async def shown(self, at: int | None, above: int, height: int) -> SpanRows:
        """The rows around the cursor. `at`: birth of the span under the cursor; `above`: rows above it on the screen."""
        place = next((row for row, born in enumerate(self._order) if born == at), 0) if at else 0
        first = max(place - above - height, 0)
        version, rows = await self.rows(first, first + 3 * height)
        return SpanRows(version, self.count, self._moment.run.started or 0.0, self._now(), place, rows)
