"""The errors of a run up to the position, as rows counted from 0."""

from collections.abc import Sequence

from store.database.failure import Failures
from store.database.moment import Moment
from store.model.phase import errors
from store.model.record import Failure
from tui.models.snapshot import FailureRows


class FailureList:
    """Reads the list in parts, from the newest error back, and the rows on demand."""

    def __init__(self, moment: Moment) -> None:
        self._moment = moment
        self._identity: tuple[int, int | None] | None = None
        """Number of rebuilds of the run, and the position in the past, of the list that is read."""
        self._listing: Failures
        self._checked_at = -1
        """Position at which the list was begun again because a step that counted as aborted ended late."""
        self._renumberings = 0
        """Number of times that rows got other numbers."""

    @property
    def complete(self) -> bool:
        """Whether all errors were looked for."""
        return self._listing.complete

    async def read(self, near: int | None = None) -> FailureRows:
        """The rows at the position of the moment. Looks through one stretch of the run, or as far back as `near`.

        `near`: position of an error to which the cursor goes if the list is fresh.
        """
        moment, position, count = self._moment, self._moment.run.events, errors(self._moment.run)
        identity = (moment.row.generation, moment.position)
        late = self._identity == identity and self.complete and self._listing.count(position) > count
        fresh = self._identity != identity or (late and self._checked_at != position)
        if fresh:
            self._listing = Failures(moment.reader, moment.row.key, position)
            self._identity, self._checked_at = identity, position if late else -1
        listing = self._listing
        listing.grow(position)
        added = 0 if listing.complete else await listing.scan()
        while near is not None and not listing.has_scanned(near):
            added += await listing.scan()
        self._renumberings += fresh or added > 0
        row = None if near is None else await listing.row(near)
        return FailureRows(listing.count(position), count, moment.run.started or 0.0, added, fresh, row)

    async def page(self, first: int, last: int) -> Sequence[Failure] | None:
        """The errors of some rows; None where rows got other numbers meanwhile."""
        before, rows = self._renumberings, await self._listing.failures(first, last)
        return rows if before == self._renumberings else None
