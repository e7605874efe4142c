"""A run at one position: now (after all stored events), or a position in the past.

Now is read from the rows of the run and its nodes, which ingest updates. The past is read from the history. Both are the
fold of the same events, so both give the same state at the same position.
"""

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TypeVar

from store.database.history import History
from store.database.reader import Reader
from store.database.run_queries import RunQueries
from store.errors import RunChanged, RunUnknown
from store.model.record import NO_NODES, MoveRow, RunRow
from store.model.shape import Shape, TreeChanges
from store.model.span import Span
from store.model.state import Node, Run

T = TypeVar("T")


class State(Protocol):
    """Run and nodes at one position."""

    @property
    def position(self) -> int | None:
        """Number of events; None: all stored events."""
        ...

    @property
    def run(self) -> Run: ...

    async def nodes(self, keys: Sequence[int]) -> dict[int, Node]:
        """Nodes by key, without nodes born later. Raises RunChanged if the run was deleted or rebuilt."""
        ...

    async def with_errors(self) -> list[int]:
        """Keys of the nodes with errors, ascending. Raises RunChanged."""
        ...


class Now:
    """The run after all stored events, read from rows."""

    position = None

    def __init__(self, queries: RunQueries, row: RunRow) -> None:
        self.run = row.run
        self._queries = queries

    async def nodes(self, keys: Sequence[int]) -> dict[int, Node]:
        found = await self._queries.nodes(keys)
        if len(found) < len(keys):
            raise RunChanged(f"run {self.run.run_id}: was deleted or rebuilt; open it again")
        return found

    async def with_errors(self) -> list[int]:
        return await self._queries.with_errors()


class Then:
    """The run at a position in the past, read from its history. Made by `Past`."""

    def __init__(self, past: "Past", position: int, run: Run) -> None:
        self.position = position
        self.run = run
        self._past = past

    async def nodes(self, keys: Sequence[int]) -> dict[int, Node]:
        return await self._past.read(self.position, lambda history: history.nodes(keys))

    async def with_errors(self) -> list[int]:
        return await self._past.read(self.position, History.with_errors)


class Past:
    """All past positions of a run. Only the thread of the reader's connection uses the history."""

    def __init__(self, reader: Reader, row: RunRow) -> None:
        self._reader = reader
        self._key = row.key
        self._generation = row.generation
        self._run_id = row.run.run_id
        self._history: History | None = None

    async def at(self, position: int) -> Then:
        """The run at a position. Raises RunChanged if it was deleted or rebuilt."""
        return Then(self, position, await self.read(position, lambda history: history.run))

    async def read(self, position: int, query: Callable[[History], T]) -> T:
        """The result of a query on the history at a position. Raises RunChanged."""
        return await self._reader.in_transaction(lambda connection: query(self._sought(connection, position)))

    def _sought(self, connection: sqlite3.Connection, position: int) -> History:
        """The history at a position. Raises RunChanged."""
        row = connection.execute("SELECT generation, run_id FROM run WHERE key = ?", (self._key,)).fetchone()
        if row is None or row[0] != self._generation:
            raise RunChanged(f"run {self._run_id}: was deleted or rebuilt; open it again")
        history, self._history, self._run_id = self._history, None, row[1]
        if history is None or history.connection is not connection or history.run_id != self._run_id:
            history = History(connection, self._key, self._run_id)
        history.seek(position)
        self._history = history  # after an exception it is discarded: it is between two positions
        return history


class Moment:
    """A run at one position. Call `load` first.

    `seek` selects a position, and `refresh` goes there and reads the newest events. All other members refer to the position
    of the last `refresh`.
    """

    def __init__(self, reader: Reader, run_id: str) -> None:
        self.reader = reader
        self.run_id = run_id
        self.row: RunRow
        """The run after all events stored at the last refresh."""
        self.queries: RunQueries
        self.shape: Shape
        self._target: int | None = None
        """Position of the next refresh; None: now."""
        self._state: State
        self._past: Past
        self._placed_at: int
        """Position of the tree of the caller."""

    async def load(self) -> list[int]:
        """Read the run for the first time, or again after it was rebuilt. Returns the parent number of each node, -1: none.

        The position is now until the next `refresh`. Raises RunUnknown.
        """
        async with self.reader.snapshot():
            row = await self.reader.find(self.run_id)
            queries = RunQueries(self.reader, row.key)
            part, moves = await queries.shape(), await queries.moves()
        self.row, self.queries, self.shape = row, queries, Shape()
        self._state, self._past = Now(queries, row), Past(self.reader, row)
        self._placed_at = row.run.events
        return self.shape.extend(part, moves, self._placed_at)

    @property
    def position(self) -> int | None:
        """Number of events up to a position in the past; None: now."""
        return self._state.position

    @property
    def run(self) -> Run:
        """The run at this position. `run.events` is a number at any position, also now."""
        return self._state.run

    @property
    def end(self) -> int:
        """Number of stored events of the run."""
        return self.row.run.events

    @property
    def horizon(self) -> int:
        """Number of nodes born by this position."""
        return len(self.shape) if self.position is None else self.shape.horizon(self.position)

    def seek(self, position: int | None) -> None:
        """Select the position of the next `refresh`; None: now. A position beyond the end selects the end."""
        self._target = None if position is None else max(0, position)

    async def refresh(self) -> TreeChanges | None:
        """Read further events, and go to the position selected by `seek`.

        Returns the changes of the tree since the last refresh. None if the run was rebuilt: call `load` and `refresh`.
        An exception leaves the moment unchanged. Raises RunUnknown if the run was deleted.
        """
        async with self.reader.snapshot():
            row = await self.reader.run(self.row.key)
            if row is None:
                raise RunUnknown(f"{self.reader.path}: run {self.run_id} was deleted; its last state is shown")
            self.run_id = row.run.run_id  # an id that is published late replaces a generated one
            if row.generation != self.row.generation:
                return None
            target = None if self._target is None else min(self._target, row.run.events)
            state: State = Now(self.queries, row) if target is None else await self._past.at(target)
            part, further_moves = NO_NODES, list[MoveRow]()
            if row.run.events != self.end:
                part = await self.queries.shape(self.shape.keys[-1] if self.shape.keys else 0)
                further_moves = await self.queries.moves(self.end)
        before, after = self._placed_at, state.run.events
        self.row, self._state, self._target, self._placed_at = row, state, target, after
        parents = self.shape.extend(part, further_moves, before)
        return TreeChanges(parents, self.shape.moves(before, after))

    async def nodes(self, numbers: Iterable[int]) -> dict[int, Node]:
        """Nodes at this position by number, without nodes born later. Raises RunChanged if the run was rebuilt."""
        keys = self.shape.keys
        number_of = {keys[number]: number for number in numbers}
        found = await self._state.nodes(list(number_of))
        return {number_of[key]: node for key, node in found.items()}

    async def spans(self, numbers: Sequence[int]) -> dict[int, list[Span]]:
        """Spans of nodes at this position, by number, in the order of birth. Nodes without spans are left out."""
        keys = self.shape.keys
        number_of = {keys[number]: number for number in numbers}
        found = await self.queries.spans(list(number_of), self.run.events)
        return {number_of[key]: spans for key, spans in found.items()}

    async def with_errors(self) -> list[int]:
        """Numbers of the nodes with errors at this position, ascending. Raises RunChanged."""
        return self.shape.numbers(await self._state.with_errors())

    async def numbers(self, node_ids: Iterable[str]) -> list[int]:
        """Numbers of the nodes with these ids in the given order, without nodes born after this position."""
        wanted = list(node_ids)
        keys = await self.queries.keys(wanted) if wanted else {}
        found = self.shape.numbers(keys[node_id] for node_id in wanted if node_id in keys)
        horizon = self.horizon
        return [number for number in found if number < horizon]
