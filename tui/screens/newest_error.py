"""The newest error of the run under the cursor of the list."""

from store.database.reader import Reader
from store.model.phase import errors
from store.model.record import Failure, RunRow

NEWEST_ERRORS = 5
"""Number of errors of a run that are read to find the newest one of a task."""


class NewestError:
    """Keeps the newest error of the run that was read last, until the run has further events."""

    def __init__(self) -> None:
        self._version: tuple[int, int, int] | None = None
        self._error: Failure | None = None

    def known(self, row: RunRow) -> Failure | None:
        """The error as far as it was read; None if there is none, or if it is `missing`."""
        return self._error if self._version == _version(row) else None

    def missing(self, row: RunRow) -> bool:
        """Whether the run has errors that are still to be read."""
        return self._version != _version(row) and bool(errors(row.run))

    async def read(self, reader: Reader, row: RunRow) -> None:
        """Read the newest error of a task of a run. An abort counts only if no task reported an error."""
        from store.database.failure_queries import FailureQueries  # not needed for the first picture

        found = await FailureQueries(reader, row.key).newest_failures(row.run.events, NEWEST_ERRORS)
        of_task = [failure for failure in found if failure.node is not None]
        reported = [failure for failure in of_task if not failure.aborted] or of_task  # an abort may be by the run's error
        self._version, self._error = _version(row), reported[-1] if reported else None


def _version(row: RunRow) -> tuple[int, int, int]:
    """Key, rebuilds and events of a run: they change with its errors."""
    return row.key, row.generation, row.run.events
