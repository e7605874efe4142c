"""What a run was after any number of its events, at a cost that does not depend on how many there are.

Every few hundred events the file has a *checkpoint*: the run at that position, and a *version* of each node that changed
since the checkpoint before. A run at position n is what the newest checkpoint up to n says, and the fold of the events
from there to n. Nodes are looked up when an event or a reader asks for them; a run of any size takes the memory of those.

Works on a connection of its own; calls take some milliseconds, so not from an event loop's.
"""

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Self, TypeVar

import msgspec

from store import database as db
from store.errors import RunChanged
from store.events import Event, decode_facts
from store.fetching import Fetching
from store.fold import Draft
from store.state import Edge, EdgeKey, Node, Run, empty

T = TypeVar("T")

EVERY = 125
"""Events between two checkpoints: so many are folded at most to get anywhere. More of them make the file larger."""

ASKED_AT_ONCE = 500
"""Values that are looked up by one statement."""

FAR, KEPT = 10 * EVERY, 20_000
"""Events and nodes that are kept in memory before a fresh start is made at a nearer checkpoint."""

encode = msgspec.msgpack.Encoder().encode
"""A Run or Node as it is kept."""

_node = msgspec.msgpack.Decoder(Node)
_run = msgspec.msgpack.Decoder(Run)

_VERSION = (
    "SELECT n.key, n.node_id, (SELECT v.data FROM version v WHERE v.node = n.key AND v.position <= ?"
    " ORDER BY v.position DESC LIMIT 1) FROM node n WHERE n.run = ? AND"
)


class History:
    """One run of a file, at a position that `go` moves; it begins at 0, before the first event."""

    def __init__(self, connection: sqlite3.Connection, key: int, run_id: str) -> None:
        self._db = connection
        self._key = key
        self._run_id = run_id
        self._base = 0
        """The checkpoint that we came from: nodes that are not in the draft are what they were there."""
        self._events: list[Event] = []
        """Those after the checkpoint that were read already."""
        self._draft = Draft(empty(run_id).run, Fetching(self._fetch_nodes), Fetching(self._fetch_edges))

    @property
    def run(self) -> Run:
        """The run at this position. Not changed by later moves."""
        return self._draft.run

    @property
    def position(self) -> int:
        """How many events the run had."""
        return self._draft.run.events

    def go(self, position: int) -> set[str]:
        """Move to a position, which must not be beyond the end of the run; gives the nodes that changed on the way."""
        near = 0 <= position - self.position <= EVERY and position - self._base <= FAR and len(self._nodes) <= KEPT
        if not near:
            self._restart(position)
        changed: set[str] = set()
        while self.position < position:
            changed |= self._draft.advance(self._next(position)).nodes.keys()
        return changed

    def nodes(self, keys: Sequence[int]) -> dict[int, Node]:
        """The nodes with these keys, as they were at this position; without those that were not born yet."""
        found = {}
        for key, node_id, data in self._rows(keys, "n.key"):
            node = dict.get(self._nodes, node_id)
            if node is None and data is not None:
                node = self._nodes[node_id] = _node.decode(data)
            if node is not None:
                found[key] = node
        return found

    def node(self, node_id: str) -> Node | None:
        """The node with this id; None when it was not born yet."""
        found: Node | None = self._nodes.get(node_id)
        return found

    @property
    def _nodes(self) -> Fetching[str, Node]:
        assert isinstance(self._draft.nodes, Fetching)
        return self._draft.nodes

    def _restart(self, position: int) -> None:
        """To the newest checkpoint up to this position."""
        row = self._db.execute(
            "SELECT position, data FROM checkpoint WHERE run = ? AND position <= ? ORDER BY position DESC LIMIT 1",
            (self._key, position),
        ).fetchone()
        base, run = (0, empty(self._run_id).run) if row is None else (row[0], _run.decode(row[1]))
        if base != self._base:
            self._events.clear()
        self._base = base
        self._draft = Draft(run, Fetching(self._fetch_nodes), Fetching(self._fetch_edges))

    def _next(self, position: int) -> list[Event]:
        """The next events up to a position, or a first part of them."""
        at = self.position - self._base
        upto = min(position - self._base, at + EVERY)
        if upto > len(self._events):
            self._events += self._read(self._base + len(self._events) + 1, self._base + upto)
        events = self._events[at:upto]
        self._nodes.expect(node_id for event in events for node_id in event.facts.mentions)
        return events

    def _read(self, first: int, last: int) -> list[Event]:
        rows = self._db.execute(
            "SELECT e.event_id, t.name, e.time, e.facts FROM event e JOIN event_type t ON t.key = e.type"
            " WHERE e.run = ? AND e.position BETWEEN ? AND ? ORDER BY e.position",
            (self._key, first, last),
        ).fetchall()
        if len(rows) != last - first + 1:
            raise RunChanged(f"run {self._run_id}: was deleted or put together anew; open it again")
        return [Event(event_id, name, time, None, decode_facts(name, facts)) for event_id, name, time, facts in rows]

    def _rows(self, values: Sequence[object], column: str) -> Iterator[tuple[int, str, bytes | None]]:
        for part in batched(values, ASKED_AT_ONCE):
            marks = ",".join("?" * len(part))
            yield from self._db.execute(f"{_VERSION} {column} IN ({marks})", (self._base, self._key, *part)).fetchall()

    def _fetch_nodes(self, node_ids: list[str]) -> Mapping[str, Node]:
        rows = self._rows(node_ids, "n.node_id")
        return {node_id: _node.decode(data) for _, node_id, data in rows if data is not None}

    def _fetch_edges(self, keys: list[EdgeKey]) -> Mapping[EdgeKey, Edge]:
        return fetch_edges(self._db, self._key, keys, self._base)


class RunHistory(History):
    """The history of a run of the file at a path, on a connection of its own. Close it. Any thread may ask."""

    def __init__(self, path: Path, key: int, run_id: str, generation: int) -> None:
        """`generation` is that of the run as it was loaded: when the run is built again, RunChanged is raised."""
        self._path = path
        self._generation = generation
        self._one = threading.Lock()
        """Whoever asks waits for who asked before: a thread cannot be called back when nobody wants its answer any more."""
        connection = sqlite3.connect(
            db.address(path, "ro"), uri=True, timeout=5.0, isolation_level=None, check_same_thread=False
        )
        super().__init__(connection, key, run_id)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        with self._one:
            self._db.close()

    def go(self, position: int) -> set[str]:
        with self._moment():
            return super().go(position)

    def nodes(self, keys: Sequence[int]) -> dict[int, Node]:
        with self._moment():
            return super().nodes(keys)

    def node(self, node_id: str) -> Node | None:
        with self._moment():
            return super().node(node_id)

    @contextmanager
    def _moment(self) -> Iterator[None]:
        """Read at one moment of the file, and make sure that it still has our run."""
        with self._one, self._explaining():
            self._db.execute("BEGIN")
            try:
                row = self._db.execute("SELECT generation FROM run WHERE key = ?", (self._key,)).fetchone()
                if row is None or row[0] != self._generation:
                    raise RunChanged(f"run {self._run_id}: was deleted or put together anew; open it again")
                yield
            finally:
                self._db.execute("COMMIT")

    @contextmanager
    def _explaining(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            raise db.explain(error, self._path, "can not be read") from error


def fetch_edges(
    connection: sqlite3.Connection, run: int, keys: Iterable[EdgeKey], upto: int = 2**63 - 1
) -> dict[EdgeKey, Edge]:
    """Those of these edges that there were at a position."""
    sql = f"{db.SELECT_EDGES} AND owner = ? AND parent = ? AND child = ? AND born <= ?"
    rows = (connection.execute(sql, (run, *key, upto)).fetchone() for key in keys)
    found = (db.edge_from_row(row) for row in rows if row is not None)
    return {edge.key: edge for edge in found}


def batched(values: Iterable[T], size: int) -> Iterator[list[T]]:
    """The values in lists of this size, the last one shorter."""
    rest = iter(values)
    while part := list(islice(rest, size)):
        yield part
