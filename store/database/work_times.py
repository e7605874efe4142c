"""When the tasks of a run worked, and its critical path, at one position. Reads the steps of all tasks, in a thread."""

import sqlite3
from array import array
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from heapq import nlargest
from itertools import chain, pairwise
from pathlib import Path

from msgspec import Struct

from store.database.file import connect_reader
from store.errors import RunChanged
from store.model.critical_path import critical_path
from store.model.shape import NO_PARENT
from store.model.span import Kind, Span
from store.model.work import Interval, Steps, interval, merged

INTERVALS_MAX = 200
"""Maximum number of intervals kept for one task, or for all. Beyond it, the shortest gaps between intervals are closed."""

_STEPS = (
    "SELECT born, kind, node, began, started, aborted, latest, ended, finished, seconds FROM span"
    " WHERE run = ? AND born <= ? AND (kind = 'step' OR parent IS NULL) AND (withdrawn IS NULL OR withdrawn > ?)"
)


class WorkTimes(Struct, frozen=True, eq=False):
    """Work and critical path of a run, or of one of its subtrees. Tasks are given by key."""

    position: int
    """Number of events that it includes."""
    scope: int | None
    """Key of the root of the subtree; None: the whole run."""
    work: float
    """Seconds of work of all tasks."""
    length: float
    """Seconds of work on the critical path."""
    critical: frozenset[int]
    """The tasks with own work on the critical path."""
    slack: dict[int, float]
    """Seconds by which the work of a task can grow without making the critical path longer."""
    active: Sequence[Interval]
    """The times in which a step is open, or a call outside steps. Ascending and disjoint."""
    inside: dict[int, bytes]
    """By task: beginning and end of each interval in which tasks inside it have a step, as doubles."""

    @property
    def width(self) -> float | None:
        """How many tasks could work at once on average; None if there is no work."""
        return self.work / self.length if self.length > 0 else None

    def inside_of(self, key: int) -> list[Interval]:
        """The times in which tasks inside a task have a step, ascending and disjoint."""
        flat = array("d", self.inside.get(key, b""))
        return list(zip(flat[::2], flat[1::2], strict=True))


def work_times(path: Path, run: int, generation: int, position: int, scope: int | None, to: float) -> WorkTimes:
    """The times of the run with a key, as of a position. `scope`: key of the root of a subtree; None: the whole run.

    `to`: time up to which open steps have worked. Raises RunChanged if the run was deleted or rebuilt, and FileError.
    """
    with closing(connect_reader(path)) as connection:
        connection.execute("BEGIN")
        row = connection.execute("SELECT generation FROM run WHERE key = ?", (run,)).fetchone()
        if row is None or row[0] != generation:
            raise RunChanged(f"{path}: the run was deleted or rebuilt")
        outer = _parents(connection, run, position)
        keys = _within(scope, outer)
        numbers = {key: number for number, key in enumerate(keys)}
        steps, roots = Steps(), list[Interval]()
        for node, span in _spans(connection, run, position):
            times = interval(span, to)
            if node in numbers:
                steps.add(numbers[node], span, times)
            if span.kind != Kind.STEP and (scope is None or node in numbers):
                roots.append(times)
        edges = connection.execute("SELECT parent, child FROM edge WHERE run = ? AND born <= ?", (run, position)).fetchall()
    parents = [NO_PARENT if (parent := outer[key]) is None else numbers.get(parent, NO_PARENT) for key in keys]
    before, after = array("d", bytes(8 * len(keys))), array("d", bytes(8 * len(keys)))
    inside: dict[int, bytes] = {}
    for found in steps.times(parents):
        before[found.task], after[found.task] = found.work
        if found.inside:
            inside[keys[found.task]] = array("d", chain.from_iterable(thinned(found.inside))).tobytes()
        if parents[found.task] == NO_PARENT:
            roots += [*found.own, *found.inside]
    known = [(numbers[one], numbers[other]) for one, other in edges if one in numbers and other in numbers]
    critical = critical_path(parents, before, after, known)
    return WorkTimes(
        position,
        scope,
        critical.work,
        critical.length,
        frozenset(keys[number] for number in critical.path),
        dict(zip(keys, critical.slack, strict=True)),
        list(thinned(merged(roots))),
        inside,
    )


def _parents(connection: sqlite3.Connection, run: int, position: int) -> dict[int, int | None]:
    """The parent of each node at a position. A parent can have a higher key than its child."""
    rows = connection.execute("SELECT key, outer FROM node WHERE run = ? AND born <= ? ORDER BY key", (run, position))
    parents: dict[int, int | None] = dict(rows.fetchall())
    moves = connection.execute(
        "SELECT node, before FROM move WHERE run = ? AND position > ? ORDER BY position DESC, n DESC", (run, position)
    )
    for node, before in moves:
        if node in parents:
            parents[node] = before
    return parents


def _within(scope: int | None, parents: dict[int, int | None]) -> list[int]:
    """The tasks of the scope."""
    if scope is None:
        return list(parents)
    inner: dict[int | None, list[int]] = {}
    for node, parent in parents.items():
        inner.setdefault(parent, []).append(node)
    found = [scope] if scope in parents else []
    for node in found:  # grows meanwhile
        found += inner.get(node, ())
    return found


def _spans(connection: sqlite3.Connection, run: int, position: int) -> Iterator[tuple[int | None, Span]]:
    """Steps, and calls outside steps, as of a position, with the keys of their nodes. The spans have only their times."""
    for born, kind, node, began, started, aborted, latest, ended, finished, seconds in connection.execute(
        _STEPS, (run, position, position)
    ):
        span = Span(
            born,
            kind,
            None,
            began=began,
            started=started,
            aborted=aborted,
            latest=latest,
            ended=ended,
            finished=finished,
            seconds=seconds,
        ).at(position)
        if span is not None:
            yield node, span


def thinned(intervals: Sequence[Interval]) -> Iterable[Interval]:
    """At most INTERVALS_MAX intervals that contain these: the shortest gaps between them are closed."""
    if len(intervals) <= INTERVALS_MAX:
        return intervals
    gaps = [(after[0] - before[1], at) for at, (before, after) in enumerate(pairwise(intervals), 1)]
    starts = [0, *sorted(at for _, at in nlargest(INTERVALS_MAX - 1, gaps)), len(intervals)]
    return [(intervals[first][0], intervals[after - 1][1]) for first, after in pairwise(starts)]
