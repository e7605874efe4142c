"""Retention: which runs and rejected entries a rule removes from the file.

Runs that may continue and runs that the user pinned always stay. The oldest runs are removed first.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from types import MappingProxyType

from msgspec import Struct

from store.database import file as db
from store.database.deletion import delete_hidden, delete_rejected, hide, return_free_pages
from store.database.reader import runs_with_arrivals
from store.errors import FileError, RunUnknown
from store.model.phase import may_continue
from store.model.record import RunRow


class Rule(Struct, frozen=True):
    """What to remove. Each condition may choose further runs; the default removes nothing."""

    older_than: float | None = None
    """Seconds since the last event: older runs are removed."""
    keep: int | None = None
    """Number of newest runs to keep."""
    larger_than: float | None = None
    """Bytes: the oldest runs are removed until the bodies of the others are at most so large."""
    rejected: bool = False
    """Whether to remove the rejected entries."""


def choose(
    rows: Sequence[RunRow], rule: Rule, now: float, arrivals: Mapping[int, float] = MappingProxyType({})
) -> list[RunRow]:
    """The runs that the rule removes, oldest first. `rows` are newest first.

    `arrivals`: time of arrival of the last event of each run, by key. It does not depend on the clock of the agent.
    """
    chosen: list[RunRow] = []
    total = sum(row.bytes for row in rows)
    latest = [max(row.run.latest or 0.0, arrivals.get(row.key, 0.0)) for row in rows]
    for index, row in reversed(list(enumerate(rows))):
        if row.pinned or may_continue(row.run, now, latest[index]):
            continue
        too_old = rule.older_than is not None and now - latest[index] > rule.older_than
        too_many = rule.keep is not None and index >= rule.keep
        too_large = rule.larger_than is not None and total > rule.larger_than
        if too_old or too_many or too_large:
            chosen.append(row)
            total -= row.bytes
    return chosen


class Pruned(Struct, frozen=True):
    """What a rule removes, or removed."""

    runs: list[RunRow]
    """Oldest first."""
    rejected: int
    """Number of rejected entries."""
    freed: int = 0
    """Bytes by which the file became smaller. While an ingester works, the file shrinks at its next checkpoint only."""


def preview(path: Path, rule: Rule, now: float) -> Pruned:
    """What `prune` would remove. Raises FileError."""
    try:
        with closing(db.connect_reader(path)) as connection:
            rejected = 0
            if rule.rejected:
                (rejected,) = connection.execute("SELECT count(*) FROM rejected").fetchone()
            return Pruned(_choose_from(connection, rule, now), rejected)
    except sqlite3.DatabaseError as error:
        raise db.explain(error, path, "cannot be read") from error


def prune(path: Path, rule: Rule, now: float) -> Pruned:
    """Remove what the rule chooses, complete interrupted deletions, and return free pages to the disk. Raises FileError.

    Runs are chosen and hidden in one transaction: an event that is stored before it is taken into account, and one that
    is stored after it begins the run anew.
    """
    with db.open_as_guest(path) as connection:
        before = path.stat().st_size
        try:
            with db.transaction(connection):
                runs = _choose_from(connection, rule, now)
                hide(connection, [row.key for row in runs])
        except sqlite3.DatabaseError as error:
            raise db.explain(error, path, "nothing was pruned") from error
        delete_hidden(connection, path)
        rejected = delete_rejected(connection, path) if rule.rejected else 0
        return_free_pages(connection, path)
    return Pruned(runs, rejected, before - path.stat().st_size)


def _choose_from(connection: sqlite3.Connection, rule: Rule, now: float) -> list[RunRow]:
    rows, arrivals = runs_with_arrivals(connection)
    return choose(rows, rule, now, arrivals)


def pin(path: Path, run_id: str, pinned: bool) -> None:
    """Store whether `prune` keeps a run. Raises RunUnknown, FileError."""
    with db.open_as_guest(path) as connection:
        try:
            sql = "UPDATE run SET marked = ? WHERE run_id = ? AND generation >= 0"
            changed = connection.execute(sql, (pinned, run_id)).rowcount
        except sqlite3.DatabaseError as error:
            raise FileError(f"{path}: run {run_id} was not marked ({error}); try again") from error
    if changed != 1:
        raise RunUnknown(f"{path}: there is no run {run_id}")
