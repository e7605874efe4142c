"""The newest live run, and the notice of a new one for screens that do not list the runs."""

from store.database.reader import Reader
from store.model.phase import is_live
from store.model.record import RunRow
from store.model.state import Run

NEWEST_OPEN_RUNS = 100
"""Number of runs without an end, from the one with the latest event back, among which live ones are looked for."""


class LiveWatch:
    """Remembers the newest run of a file, and its open runs."""

    def __init__(self) -> None:
        self._newest: int | None = None
        """Key of the newest run; None: not read yet."""
        self._open: list[RunRow] = []
        """The runs without an end that have the latest events."""
        self._read_at: int | None = None
        """Number of the last change of a run when they were read; None: not read yet."""

    def forget(self) -> None:
        """Begin again: another file was opened."""
        self._newest = self._read_at = None

    async def newest_live(self, reader: Reader, now: float) -> str | None:
        """Id of the live run that began last; None if no run is live. Reads runs only after one of them changed."""
        change = await reader.last_change()
        if change != self._read_at:
            self._open, self._read_at = await reader.open_runs(NEWEST_OPEN_RUNS), change
        live = [row for row in self._open if is_live(row.run, now)]
        return max(live, key=lambda row: row.key).run.run_id if live else None

    async def new_run(self, reader: Reader, now: float) -> Run | None:
        """The newest run, if it was stored since the last call and is live."""
        rows = await reader.run_page(None, 1)
        key, before = rows[0].key if rows else 0, self._newest
        self._newest = key
        return rows[0].run if before is not None and key > before and is_live(rows[0].run, now) else None
