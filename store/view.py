"""One run as it is looked at: at its end, which moves on while it is ingested, or at a position in its past.

A view holds the run, and of its tree only the shape: three numbers a node. What the nodes are is read for those that are
asked for, at the end from their rows, which ingest keeps, in the past from the history. Both say the same: the fold of
the events up to there.
"""

import asyncio
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from typing import Self

from store.errors import RunChanged, RunUnknown
from store.history import RunHistory
from store.reader import Reader
from store.record import MoveRow, RunRow, ShapePart
from store.run_reader import RunReader
from store.state import Node, Run, RunState

MANY = 100
"""Nodes for which it pays to list the numbers of all."""


class Shape:
    """The nodes of a run, numbered 0, 1, 2 ... in the order in which they were born, and the node around each."""

    def __init__(self) -> None:
        self.keys: list[int] = []
        self.born: list[int] = []

    def __len__(self) -> int:
        return len(self.keys)

    def number(self, key: int) -> int:
        """The number of the node with this key, which must be one of them."""
        return bisect_left(self.keys, key)

    def numbers(self, keys: Iterable[int]) -> list[int]:
        """The numbers of those of these keys that are here."""
        found = ((key, self.number(key)) for key in keys)
        return [at for key, at in found if at < len(self.keys) and self.keys[at] == key]

    def horizon(self, position: int) -> int:
        """How many of the nodes were born by this position."""
        return bisect_right(self.born, position)

    def extend(self, part: ShapePart) -> list[int]:
        """Take in further nodes; gives the number of the node around each, -1 for none."""
        self.keys += part.keys
        self.born += part.born
        if len(part.keys) < MANY:
            return [-1 if outer is None else self.number(outer) for outer in part.outers]
        number_of: dict[int | None, int] = dict(zip(self.keys, range(len(self.keys)), strict=True))
        number_of[None] = -1
        return list(map(number_of.__getitem__, part.outers))


class Placed:
    """What `View.look` found of the shape: further nodes, and nodes that changed their place, by number."""

    __slots__ = ("moves", "parents")

    def __init__(self, parents: list[int], moves: list[tuple[int, int]]) -> None:
        self.parents = parents
        self.moves = moves


class View:
    """Looks at one run. Use as `async with View(reader, run_id)`, or call `open` and `close`.

    `go` says at which position, `look` brings the view there, `nodes` then gives nodes as they were there.
    """

    def __init__(self, reader: Reader, run_id: str) -> None:
        self.reader = reader
        self.run_id = run_id
        self.row: RunRow
        """The run as the file has it now."""
        self.run: Run
        """The run at our position."""
        self.file: RunReader
        self.shape = Shape()
        self.position: int | None = None
        """Where to look; None: at the end, wherever that is."""
        self._moves: list[MoveRow] = []
        self._placed_at = 0
        """The position for which places of nodes were given out last."""
        self._past: RunHistory | None = None

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def open(self) -> list[int]:
        """Read the run anew: from now on it is another one. Gives the number of the node around each node, -1 for none.

        Raises RunUnknown.
        """
        async with self.reader.moment():
            self.row = await self.reader.find(self.run_id)
            self.run = self.row.run
            self.file = RunReader(self.reader, self.row.key)
            part = await self.file.shape()
            self._moves = await self.file.moves()
        await self.close()  # now: until the row was read, whoever asked for nodes got the past of the run as it was
        self.shape = Shape()
        self._placed_at = self.end
        self.go(self.position)
        return self.shape.extend(part)

    async def close(self) -> None:
        """Let go of what the past needed."""
        past, self._past = self._past, None
        if past is not None:
            await asyncio.to_thread(past.close)

    @property
    def end(self) -> int:
        """How many events of the run are stored."""
        return self.row.run.events

    @property
    def at_end(self) -> bool:
        """Is it the newest that is looked at?"""
        return self.position is None

    @property
    def horizon(self) -> int:
        """How many nodes there are at our position."""
        return len(self.shape) if self.position is None else self.shape.horizon(self.position)

    def go(self, position: int | None) -> None:
        """Look at this position from the next `look` on; None: at the end."""
        self.position = None if position is None else max(0, min(position, self.end))

    async def look(self) -> Placed | None:
        """See what is new in the file, and what the run is at our position.

        Gives what is to be done to a tree that was as it was at the last `look`: first the further nodes (all that there
        are, born by now or not), then the moves. None when the run is not the one any more that was opened: `open` again.
        Raises RunUnknown when it was deleted.
        """
        async with self.reader.moment():
            row = await self.reader.look(self.row.key)
            if row is None:
                raise RunUnknown(f"{self.reader.path}: run {self.run_id} was deleted; this is what it was")
            if row.generation != self.row.generation:
                return None
            if self.position is not None:  # first: what fails then was not told of yet, and the next look tells it
                await asyncio.to_thread(self._history().go, self.position)
            parents = await self._grow() if row.run.events != self.row.run.events else []
        self.row = row
        target = self.end if self.position is None else self.position
        moves = self._moved(self._placed_at, target) if self._moves else []
        self._placed_at = target
        self.run = row.run if self.position is None else self._history().run
        return Placed(parents, moves)

    async def _grow(self) -> list[int]:
        """Read what nodes there are more, and give where they were at the position for which places were given out."""
        first = len(self.shape)
        part = await self.file.shape(self.shape.keys[-1] if first else 0)
        self._moves += await self.file.moves(self.end)
        parents = self.shape.extend(part)
        moved: set[int] = set()
        for move in self._moves:  # their rows say where they are by now
            number = self.shape.number(move.key)
            if move.position > self._placed_at and number >= first and number not in moved:
                moved.add(number)
                parents[number - first] = -1 if move.before is None else self.shape.number(move.before)
        return parents

    def _moved(self, before: int, now: int) -> list[tuple[int, int]]:
        """Where nodes that changed their place between two positions were put, in the order in which to do it."""
        number = self.shape.number
        if now >= before:
            forth = [move for move in self._moves if before < move.position <= now]
            return [(number(move.key), -1 if move.after is None else number(move.after)) for move in forth]
        back = [move for move in reversed(self._moves) if now < move.position <= before]
        return [(number(move.key), -1 if move.before is None else number(move.before)) for move in back]

    def _history(self) -> RunHistory:
        if self._past is None:
            self._past = RunHistory(self.reader.path, self.row.key, self.run_id, self.row.generation)
        return self._past

    async def nodes(self, numbers: Sequence[int]) -> dict[int, Node]:
        """The nodes with these numbers, as they are at our position; those that were not born yet are left out.

        Raises RunChanged where the run is not the one any more that was opened.
        """
        keys = self.shape.keys
        asked = {keys[number]: number for number in numbers}
        if self.position is None:
            found = await self.file.nodes(list(asked))
            if len(found) < len(asked):
                raise RunChanged(f"run {self.run_id}: was deleted or put together anew; open it again")
        else:
            found = await asyncio.to_thread(self._history().nodes, list(asked))
        return {asked[key]: node for key, node in found.items()}

    async def state(self) -> RunState:
        """All of the run at our position, with all of its nodes and edges: for scripts, no screen needs so much."""
        nodes = await self.nodes(range(self.horizon))
        edges = await self.file.all_edges(self.end if self.position is None else self.position)
        return RunState(self.run, {node.node_id: node for node in nodes.values()}, edges)

    async def numbers(self, node_ids: Iterable[str]) -> list[int]:
        """The numbers of the nodes with these ids, in this order, as far as they are here and were born by now."""
        wanted = list(node_ids)
        keys = await self.file.keys(wanted) if wanted else {}
        found = self.shape.numbers(keys[node_id] for node_id in wanted if node_id in keys)
        horizon = self.horizon
        return [number for number in found if number < horizon]
