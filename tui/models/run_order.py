"""The filtered and sorted list of runs, updated incrementally. Pure."""

from bisect import bisect_left, insort
from collections.abc import Callable, Collection, Iterable

from store.model.phase import errors, is_live, may_continue, phase
from store.model.record import RunRow
from tui.models import summary

INSERT_MAX_RUNS = 50
"""Number of changed runs up to which each is inserted at its place. After more changes the whole list is sorted."""

SORTS: dict[str, Callable[[RunRow, float], tuple[float, str]]] = {
    "when": lambda row, now: (not is_live(row.run, now), ""),
    "time": lambda row, now: ((row.run.started or 0.0) - (row.run.ended or row.run.latest or 0.0), ""),
    "nodes": lambda row, now: (-row.run.nodes, ""),
    "events": lambda row, now: (-row.run.events, ""),
    "tokens": lambda row, now: (-(summary.total(row.run.tokens_in, row.run.tokens_out) or 0), ""),
    "cost": lambda row, now: (-(row.run.cost or 0.0), ""),
    "errors": lambda row, now: (-errors(row.run), ""),
    "size": lambda row, now: (-row.bytes, ""),
    "llm": lambda row, now: (-row.run.llm_calls, ""),
    "tools": lambda row, now: (-row.run.tool_calls, ""),
    "goal": lambda row, now: (0.0, (row.run.goal or "").casefold()),
    "status": lambda row, now: (0.0, phase(row.run, now)),
}
"""Sort key by column, at the time now: numbers descending, texts ascending; `when`: live runs first, then the newest."""

_Place = tuple[float, str, int]
"""Sort key of a run and, so that of equal runs the newest comes first, its negated database key."""


class RunOrder:
    """The runs of a file that match a filter, in the order of a column. A change of k of n runs costs O(k log n)."""

    def __init__(self) -> None:
        self.sort = "when"
        self.backwards = False
        """Whether the order of the column is reversed."""
        self.words: list[str] = []
        """Words in lower case. Each must occur in the goal, id, status or mode."""
        self._rows: dict[int, RunRow] = {}
        self._places: dict[int, _Place] = {}
        """Places of the runs that match, by key."""
        self._order: list[_Place] = []
        self._live: set[int] = set()
        self._open: set[int] = set()
        """Keys of the runs whose status can change without an event, by time alone."""

    def __len__(self) -> int:
        return len(self._order)

    def __getitem__(self, index: int) -> RunRow:
        return self._rows[-self._order[-1 - index if self.backwards else index][-1]]

    @property
    def total(self) -> int:
        """Number of runs, including those that do not match."""
        return len(self._rows)

    @property
    def live(self) -> int:
        """Number of live runs, including those that do not match."""
        return len(self._live)

    def index(self, key: int) -> int | None:
        """The index of a run; None if it is not in the list."""
        place = self._places.get(key)
        if place is None:
            return None
        index = bisect_left(self._order, place)
        return len(self) - 1 - index if self.backwards else index

    def update(self, rows: Collection[RunRow], gone: Iterable[int], now: float) -> None:
        """Add or replace runs, and remove the runs with the keys in `gone`."""
        for row in rows:
            self._rows[row.key] = row
        gone = [key for key in gone if self._rows.pop(key, None) is not None]
        self._place([*gone, *(row.key for row in rows)], now)

    def pass_time(self, now: float) -> bool:
        """Update the status of the runs that can change by time alone. Returns whether there are any."""
        waiting = list(self._open)
        self._place(waiting, now)
        return bool(waiting)

    def arrange(self, now: float) -> None:
        """Apply a change of `sort` or `words`."""
        self._place(list(self._rows), now)

    def clear(self) -> None:
        """Remove all runs."""
        for known in (self._rows, self._places, self._order, self._live, self._open):
            known.clear()

    def _place(self, keys: Collection[int], now: float) -> None:
        one_by_one = len(keys) <= INSERT_MAX_RUNS
        for key in keys:
            before, after = self._places.pop(key, None), self._placed(key, now)
            if after is not None:
                self._places[key] = after
            if one_by_one and before != after:
                if before is not None:
                    del self._order[bisect_left(self._order, before)]
                if after is not None:
                    insort(self._order, after)
        if not one_by_one:
            self._order = sorted(self._places.values())

    def _placed(self, key: int, now: float) -> _Place | None:
        """The place of a run; None if it was removed or does not match."""
        row = self._rows.get(key)
        live = row is not None and is_live(row.run, now)
        (self._live.add if live else self._live.discard)(key)
        is_open = row is not None and may_continue(row.run, now)
        (self._open.add if is_open else self._open.discard)(key)
        if row is None or (self.words and not self._matches(row, now)):
            return None
        return *SORTS[self.sort](row, now), -key

    def _matches(self, row: RunRow, now: float) -> bool:
        run = row.run
        status = f"{phase(run, now)} {summary.run_status(run, now)}"
        text = f"{run.goal or ''} {run.run_id} {status} {run.mode or ''}".lower()
        return all(word in text for word in self.words)
