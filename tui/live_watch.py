"""The newest live run, and the notice of a new one for screens that do not list the runs."""

from store.database.reader import Reader
from store.model.phase import is_live
from store.model.state import Run

NEWEST_OPEN_RUNS = 100
"""Number of runs without an end, from the one with the latest event back, among which live ones are looked for."""


async def newest_live(reader: Reader, now: float) -> str | None:
    """Id of the live run that was stored last; None if no run is live."""
    live = [row for row in await reader.open_runs(NEWEST_OPEN_RUNS) if is_live(row.run, now)]
    return max(live, key=lambda row: row.key).run.run_id if live else None


class LiveWatch:
    """Remembers the newest run of a file."""

    def __init__(self) -> None:
        self._newest: int | None = None
        """Key of the newest run; None: not read yet."""

    def forget(self) -> None:
        """Begin again: another file was opened."""
        self._newest = None

    async def new_run(self, reader: Reader, now: float) -> Run | None:
        """The newest run, if it was stored since the last call and is live."""
        rows = await reader.run_page(None, 1)
        key, before = rows[0].key if rows else 0, self._newest
        self._newest = key
        return rows[0].run if before is not None and key > before and is_live(rows[0].run, now) else None
