"""Queries on the list of runs: pages, and counts by status."""

import time
from typing import NamedTuple

from store.database.reader import Reader
from store.database.run_queries import containing
from store.model.phase import Phase, phase
from store.model.record import RunRow
from store.model.state import RunStatus
from store.relay.parameter import INTEGER_MAX
from store.relay.response import BadRequest

EXAMINED_MAX_RUNS = 5_000
"""Largest number of runs examined for one page. A page of a rare status may have fewer runs than requested."""

_STORED_STATUS = {
    Phase.FAILED: RunStatus.ERROR,
    Phase.ENDED: RunStatus.COMPLETED,
    Phase.FINISHED: RunStatus.COMPLETED,
}
"""The status in the file for a displayed status; `running` for all others."""


class RunListPage(NamedTuple):
    """Some runs, newest beginning first."""

    rows: list[RunRow]
    next: int | None
    """`before` of the next page, None on the last page."""


def status_of(text: str | None) -> Phase | None:
    """The status of this name, None without a name. Raises BadRequest."""
    if text is None or text in set(Phase):
        return None if text is None else Phase(text)
    raise BadRequest(f"The parameter status must be one of {', '.join(Phase)}.")


async def run_list_page(
    reader: Reader, limit: int, before: int = INTEGER_MAX, status: Phase | None = None, words: str | None = None
) -> RunListPage:
    """Runs whose first seq is below `before`, with this status, and with these words in goal or id."""
    where, parameters = "generation >= 0 AND first_seq < ?", list[object]([before])
    if status is not None:
        where += " AND status = ?"
        parameters.append(_STORED_STATUS.get(status, RunStatus.RUNNING))
    if words:
        where += " AND (goal LIKE ? ESCAPE '\\' OR run_id LIKE ? ESCAPE '\\')"
        parameters += [containing(words)] * 2
    sql = f"SELECT key, first_seq FROM run WHERE {where} ORDER BY first_seq DESC LIMIT ?"
    found = await reader.rows(sql, (*parameters, EXAMINED_MAX_RUNS))
    rows: list[RunRow] = []
    now = time.time()
    for at, (key, _) in enumerate(found):
        if len(rows) == limit:
            return RunListPage(rows, found[at - 1][1])
        row = await reader.run(key)
        if row is not None and (status is None or phase(row.run, now) is status):
            rows.append(row)
    return RunListPage(rows, found[-1][1] if len(found) == EXAMINED_MAX_RUNS else None)


async def count_by_status(reader: Reader, now: float) -> dict[Phase, int]:
    """Number of runs of each status. Reads only the rows of runs that have not ended."""
    counts = dict.fromkeys(Phase, 0)
    sql = "SELECT status, nodes > finished, count(*) FROM run WHERE generation >= 0 AND status <> ? GROUP BY 1, 2"
    for stored, unfinished, count in await reader.rows(sql, (RunStatus.RUNNING,)):
        ended = Phase.ENDED if unfinished else Phase.FINISHED
        counts[Phase.FAILED if stored == RunStatus.ERROR else ended] += count
    for (key,) in await reader.rows("SELECT key FROM run WHERE generation >= 0 AND status = ?", (RunStatus.RUNNING,)):
        row = await reader.run(key)
        if row is not None:
            counts[phase(row.run, now)] += 1
    return counts
