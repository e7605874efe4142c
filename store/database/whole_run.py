"""All nodes and edges of a run at one position, as records or as a JSON document, for scripts and the relay.

Memory holds four integers per node and a few hundred nodes at a time.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager

from store.database.failure_queries import FailureQueries
from store.database.moment import Moment
from store.database.reader import Reader
from store.database.seek import position_of
from store.database.statement import batched
from store.model import document as doc
from store.model.phase import latest_time
from store.model.record import Failure
from store.model.span import Span
from store.model.state import EdgeKey, Node, Run

PIECE_BYTES = 64_000
"""Bytes from which on a piece of a document is yielded."""


class WholeRun:
    """A run at one position. Made by `whole_run`, and read within its block."""

    def __init__(self, moment: Moment, parents: Sequence[int]) -> None:
        """`parents`: number of the parent of each node at the position of the moment, -1: none."""
        self.moment = moment
        self.parents = parents

    @property
    def run(self) -> Run:
        """The run without its nodes."""
        return self.moment.run

    @property
    def stored(self) -> int | None:
        """Number of stored events if the run is at a position in the past; None: it is at now."""
        return None if self.moment.position is None else self.moment.end

    async def nodes(self) -> AsyncIterator[tuple[Node, int, bool]]:
        """Nodes in tree order, each with its depth and whether it is the last of its siblings."""
        for part in batched(in_tree_order(self.parents)):
            nodes = await self.moment.nodes([number for number, _, _ in part])
            for number, depth, last in part:
                yield nodes[number], depth, last

    async def spans(self) -> AsyncIterator[Span]:
        """Steps and calls in the order of their first events."""
        position, after = self.run.events, 0
        while after < position:
            after, spans = await self.moment.queries.all_spans(after, position)
            for span in spans:
                yield span

    async def edges(self) -> list[EdgeKey]:
        """Dependencies in the order in which they were announced."""
        return list(await self.moment.queries.all_edges(self.run.events))

    async def failures(self, positions: Sequence[int]) -> AsyncIterator[Failure]:
        """The errors at these ascending positions, in order."""
        queries = FailureQueries(self.moment.reader, self.moment.row.key)
        for part in batched(positions):
            for failure in await queries.failures(part, self.run.events):
                yield failure

    async def document(self, now: float, spans: bool = False) -> AsyncIterator[bytes]:
        """The JSON document of the run in pieces, with a line for each node, edge and span.

        `now`: current time. `spans`: whether to include spans.
        """
        piece = bytearray()
        async for line in self._lines(now, spans):
            piece += line
            if len(piece) >= PIECE_BYTES:
                yield bytes(piece)
                piece.clear()
        yield bytes(piece)

    async def _lines(self, now: float, spans: bool) -> AsyncIterator[bytes]:
        run, stored = self.run, self.stored
        yield b'{"run": ' + doc.encode(doc.run_document(run, now if stored is None else latest_time(run)))
        yield b',\n"at": ' + doc.encode(None if stored is None else doc.moment_document(run, stored))
        yield b',\n"nodes": ['
        before = b"\n"
        async for node, depth, _ in self.nodes():
            yield before + doc.encode(doc.node_document(node, depth))
            before = b",\n"
        yield b'\n],\n"edges": ['
        before = b"\n"
        for edge in (await self.moment.queries.all_edges(run.events)).values():
            yield before + doc.encode(doc.edge_document(edge))
            before = b",\n"
        if spans:
            yield b'\n],\n"spans": ['
            before = b"\n"
            async for span in self.spans():
                yield before + doc.encode(doc.span_document(span))
                before = b",\n"
        inferred = await self.moment.queries.inferred(run.events)
        yield b'\n],\n"counts": ' + doc.encode(doc.counts_document(run, inferred)) + b"}\n"


@asynccontextmanager
async def whole_run(reader: Reader, name: str, at: str | None = None) -> AsyncIterator[WholeRun]:
    """A run by its id, a beginning of it or `latest`, at a position as a user types it; None: now.

    The block is one snapshot of the reader. Raises RunUnknown, RunChanged, PositionUnknown, FileError.
    """
    async with reader.snapshot():
        moment = Moment(reader, await reader.resolve(name))
        parents = await moment.load()
        if at is not None:
            moment.seek(await position_of(moment, at))
        changes = await moment.refresh()
        assert changes is not None, "the generation of a run does not change within a transaction"
        parents += changes.parents
        for number, parent in changes.moves:
            parents[number] = parent
        yield WholeRun(moment, parents[: moment.horizon])


def in_tree_order(parents: Sequence[int]) -> Iterator[tuple[int, int, bool]]:
    """Numbers of nodes in tree order, each with its depth and whether it is the last of its siblings."""
    children: dict[int, list[int]] = {}
    for number, parent in enumerate(parents):
        children.setdefault(parent, []).append(number)

    def within(parent: int, depth: int) -> list[tuple[int, int, bool]]:
        inner = children.get(parent, [])
        return [(number, depth, number == inner[-1]) for number in reversed(inner)]

    waiting = within(-1, 0)
    while waiting:
        number, depth, last = waiting.pop()
        yield number, depth, last
        waiting += within(number, depth + 1)
