"""The errors of a run as a list, and the error that a run ended with."""

from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple

from store.database.failure_queries import FailureQueries
from store.database.listing import Matches
from store.database.moment import Moment
from store.database.reader import Reader
from store.database.run_queries import RunQueries
from store.model.event_type import RunError
from store.model.phase import Phase, phase
from store.model.record import Failure, Match
from store.model.state import Node, Status

NEWEST_ERRORS = 100
"""Number of errors, from the newest back, among which the one that a run ended with is looked for."""

_FAILED = Match(failed=True)


class Failures(Matches):
    """The errors up to a position, in order, as far as the scan has come. The scan begins with the newest."""

    def __init__(self, reader: Reader, key: int, position: int) -> None:
        super().__init__(RunQueries(reader, key), _FAILED, 1, position, backwards=True)
        self._failures = FailureQueries(reader, key)

    async def _search(self, first: int, last: int) -> list[int]:
        aborted = await self._failures.aborted(first, last, self._last)
        return sorted([*await self._run.search(_FAILED, first, last), *aborted])

    async def failures(self, first: int, last: int) -> list[Failure]:
        """Rows from `first` up to, not including, `last`."""
        positions = self.positions[first:last]
        if not positions:
            return []
        before = first - bisect_left(self.positions, positions[0])  # rows with the same position as the first row
        found = await self._failures.failures(sorted(set(positions)), self._last)
        return found[before : before + last - first]


class Ending(NamedTuple):
    """The error that a run ended with, and the task in which it happened."""

    failure: Failure
    node: int | None
    """Key of the task; None if it is unknown. `failure.node` differs from it if the error is one of the run."""


async def ending(moment: Moment, now: float) -> Ending | None:
    """Why a run failed, or ended with unfinished tasks; None if it did not, or without a known error.

    A failed run: the task whose step the error aborted, and its last failed call if that was not repeated with success,
    else the error of the run. An ended run: the newest error of a task that did not finish.
    """
    run = moment.run
    status = phase(run, now)
    if status not in (Phase.FAILED, Phase.ENDED):
        return None
    found = await FailureQueries(moment.reader, moment.row.key).newest_failures(run.events, NEWEST_ERRORS)
    keys = sorted({failure.node for failure in found if failure.node is not None})
    numbers = moment.shape.numbers(keys)
    nodes = {moment.shape.keys[number]: node for number, node in (await moment.nodes(numbers)).items()}
    last = next((failure for failure in reversed(found) if isinstance(failure.stored.event.facts, RunError)), None)
    if status == Phase.FAILED and last is not None:
        at_the_end = [one for one in found if one.aborted and one.position == last.position]
        before = [one for one in found if one.node is not None and one.position < last.position]
        task = (at_the_end or before or [last])[-1]
        call = _failed_call(task, found, nodes)
        return Ending(call or last, task.node)
    for failure in reversed(found):
        if failure.node in nodes and nodes[failure.node].status != Status.FINISH:
            return Ending(_failed_call(failure, found, nodes) or failure, failure.node)
    return None


def _failed_call(task: Failure, found: Sequence[Failure], nodes: dict[int, Node]) -> Failure | None:
    """The last failed call of a task, in its step if that was aborted; None if it succeeded when repeated."""
    node = None if task.node is None else nodes.get(task.node)
    if node is None or node.failed_call is None:
        return None
    ended, step = node.failed_call.ended, task.span if task.aborted else None
    if ended is None or (step is not None and ended < step.born):
        return None
    return next((one for one in found if one.node == task.node and one.position == ended and not one.aborted), None)
