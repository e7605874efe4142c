"""Reassigning: events move from one run to another, and both runs are folded again, as is a run whose events changed.

Runs inside the transaction of `Writer`. A run that is folded again gets a new generation.
"""

import sqlite3
from collections.abc import Sequence

from msgspec.structs import replace

from store.database import open_run
from store.database.arrival import Arrived
from store.database.event_row import EVENT_WIDTH, EventReader, facts_to_row, select_event
from store.database.history import History
from store.database.open_run import OpenRun
from store.database.projection import NO_TURN, Projection
from store.database.rows import NODE, node_to_row
from store.database.statement import batched, update
from store.model.accumulator import Accumulator
from store.model.attribution import INFERRED_RUN_PREFIX
from store.model.entry import StreamId
from store.model.record import NODE_INFERRED, RUN_INFERRED

REFOLD_BATCH_EVENTS = 5_000
"""Events that are read and folded at a time."""

_RESTORE_NODE = update("node", NODE.columns)
_RENUMBER_EVENT = (
    "UPDATE event SET position = ?, node = ?, turn = ?, old_status = ?, status = ?, time = ?, skew = ?, inferred = ?,"
    " facts = ? WHERE seq = ?"
)
_DELETE_DERIVED = (
    "DELETE FROM node_event WHERE node IN (SELECT key FROM node WHERE run = ?)",
    "DELETE FROM version WHERE node IN (SELECT key FROM node WHERE run = ?)",
    "DELETE FROM node WHERE run = ?",
    "DELETE FROM edge WHERE run = ?",
    "DELETE FROM span WHERE run = ?",
    "DELETE FROM move WHERE run = ?",
    "DELETE FROM checkpoint WHERE run = ?",
)
"""Delete the derived rows of a run, except the row of the run."""


class Reassignment:
    """Moves events between runs. Shares the open runs of a projection."""

    def __init__(self, projection: Projection) -> None:
        self._projection = projection
        self._runs = projection.runs
        self._db: sqlite3.Connection = projection.connection
        self._reader = EventReader(self._db)
        """Holds the ids of nodes whose rows were deleted, until their events are folded again."""

    def move(self, source: str, target: str, seqs: Sequence[int] | None = None) -> None:
        """Move events from one run to another. None: all events.

        Both runs are folded from the checkpoint before the first event that moves. If all events of `source` move and it
        began first, the events of `target` are moved instead, and `source` is renamed.
        """
        old, new = self._runs.open(source), self._runs.open(target)
        if seqs is None:
            if not new.accumulator.run.events:
                self._rename(old, target)
                return
            if self._first_seq(old) < self._first_seq(new):
                self._transfer(new, old, self._seqs(new))
                self._rename(self._runs.open(source), target)
                return
            seqs = self._seqs(old)
        else:
            self._db.executemany(
                "UPDATE event SET inferred = inferred & ? WHERE seq = ?", [(NODE_INFERRED, seq) for seq in seqs]
            )
        self._transfer(old, new, seqs)

    def refold(self, run_id: str, position: int) -> None:
        """Fold a run again, from the checkpoint before the event at a position: this event was changed."""
        self._reader = EventReader(self._db)
        self._restore(self._runs.open(run_id), position - 1)
        self._refold(self._runs.open(run_id))
        self._reader = EventReader(self._db)

    def _rename(self, run: OpenRun, target: str) -> None:
        self._runs.pop(run.accumulator.run.run_id)
        self._runs.pop(target)
        run.accumulator.run = replace(run.accumulator.run, run_id=target)
        self._runs.put(target, run)
        self._db.execute(
            "UPDATE run SET run_id = ?, declared = ? WHERE key = ?",
            (target, not target.startswith(INFERRED_RUN_PREFIX), run.key),
        )

    def _first_seq(self, run: OpenRun) -> int:
        seq: int = self._db.execute("SELECT first_seq FROM run WHERE key = ?", (run.key,)).fetchone()[0]
        return seq

    def _seqs(self, run: OpenRun) -> list[int]:
        return [seq for (seq,) in self._db.execute("SELECT seq FROM event WHERE run = ? ORDER BY position", (run.key,))]

    def _transfer(self, giver: OpenRun, taker: OpenRun, seqs: Sequence[int]) -> None:
        """Move these events, which are in order of arrival. A giver without events is deleted."""
        self._reader = EventReader(self._db)
        before = "SELECT position FROM event WHERE run = ? AND seq < ? ORDER BY position DESC LIMIT 1"
        for run in (giver, taker):
            found = self._db.execute(before, (run.key, seqs[0])).fetchone()
            self._restore(run, 0 if found is None else found[0])
        self._db.executemany(  # events without a position have a negative one
            "UPDATE event SET run = ?, position = -seq WHERE seq = ?", [(taker.key, seq) for seq in seqs]
        )
        for run_id in (giver.accumulator.run.run_id, taker.accumulator.run.run_id):
            self._refold(self._runs.open(run_id))
        self._reader = EventReader(self._db)
        if not self._runs.open(giver.accumulator.run.run_id).accumulator.run.events:
            kept = "(SELECT max(marked) FROM run WHERE key IN (?1, ?2))"
            self._db.execute(f"UPDATE run SET marked = {kept} WHERE key = ?1", (taker.key, giver.key))
            self._db.execute("UPDATE gap SET run = ? WHERE run = ?", (taker.key, giver.key))
            self._db.execute("UPDATE stream SET open_run = ? WHERE open_run = ?", (taker.key, giver.key))
            self._delete(giver)

    def _restore(self, run: OpenRun, position: int) -> None:
        """Restore a run to its newest checkpoint up to a position. The events after it lose their positions."""
        run_id, end = run.accumulator.run.run_id, run.accumulator.run.events
        history = History(self._db, run.key, run_id)
        base = history.restart(position)
        size = self._body_bytes(run.key, base + 1, end)
        restored = self._runs.make(run.key, Accumulator(history.run, {}, {}), max(run.generation, 0) + 1)
        self._runs.put(run_id, restored)
        restored.checkpoint = base
        if base:
            last = self._db.execute("SELECT seq FROM event WHERE run = ? AND position = ?", (run.key, base)).fetchone()[0]
            self._restore_nodes(run, history, end)
            for table in ("move", "checkpoint"):
                self._db.execute(f"DELETE FROM {table} WHERE run = ? AND position > ?", (run.key, base))
            self._db.execute("DELETE FROM span WHERE run = ? AND born > ?", (run.key, base))
            self._projection.write_spans(run, (*history.run.calls, *history.run.orphans))
            self._projection.write_run(restored, 0, last, -size)
        else:
            self._delete_derived(run.key)
        self._db.execute("UPDATE event SET position = -seq WHERE run = ? AND position > ?", (run.key, base))

    def _restore_nodes(self, run: OpenRun, history: History, end: int) -> None:
        """Restore the nodes and edges that changed after a checkpoint. `history` is at the checkpoint."""
        base = history.position
        for part in batched(history.changed_until(end)):
            for key, node_id, node in history.versions(part):
                if node is None:
                    self._reader.node_ids[key] = node_id
                    self._db.execute("DELETE FROM node WHERE key = ?", (key,))
                    events = 0
                else:
                    self._db.execute(_RESTORE_NODE, (*node_to_row(node, run.key_of), key))
                    held = (*(() if node.step is None else (node.step,)), *node.calls, *node.orphans)
                    self._projection.write_spans(run, held)
                    events = node.events
                self._db.execute("DELETE FROM node_event WHERE node = ? AND n > ?", (key, events))
                self._db.execute("DELETE FROM version WHERE node = ? AND position > ?", (key, base))
                self._db.execute("DELETE FROM edge WHERE run = ? AND owner = ? AND born > ?", (run.key, key, base))
        self._db.execute("DELETE FROM edge WHERE run = ? AND owner = 0 AND born > ?", (run.key, base))

    def _delete_derived(self, key: int) -> None:
        self._reader.node_ids.update(self._db.execute("SELECT key, node_id FROM node WHERE run = ?", (key,)).fetchall())
        for statement in _DELETE_DERIVED:
            self._db.execute(statement, (key,))
        self._db.execute("UPDATE run SET bytes = 0 WHERE key = ?", (key,))

    def _delete(self, run: OpenRun) -> None:
        self._db.execute("DELETE FROM run WHERE key = ?", (run.key,))
        self._runs.pop(run.accumulator.run.run_id)

    def _refold(self, run: OpenRun) -> None:
        """Give positions to the events of a run that have none, in order of arrival, and fold them."""
        after = 0
        while items := self._read(run.key, after):
            first = run.accumulator.run.events + 1
            turns = self._projection.apply(run, items)
            rows = []
            for position, item in enumerate(items, first):
                node = run.keys[item.concerns[0]] if item.concerns else None
                event, turn = item.event, turns.get(position, NO_TURN)
                facts = facts_to_row(event.facts, run.keys)[-1]  # nodes have new keys
                rows.append((position, node, *turn, event.time, event.skew, item.inferred, facts, item.seq))
            self._db.executemany(_RENUMBER_EVENT, rows)
            self._projection.write_mentions(run, items)
            size = self._body_bytes(run.key, first, run.accumulator.run.events)
            self._projection.write_run(run, items[0].seq, items[-1].seq, size)
            after = items[-1].seq
            if len(run.nodes) > open_run.CACHED_NODES_MAX:
                run.evict_nodes()
        if run.accumulator.run.events:  # the caller deletes the row of a run without events
            self._db.execute(
                "UPDATE run SET first_seq = (SELECT seq FROM event WHERE run = ?1 AND position = 1) WHERE key = ?1",
                (run.key,),
            )

    def _body_bytes(self, run: int, first: int, last: int) -> int:
        """Bytes of the bodies of the events at these positions."""
        size: int = self._db.execute(
            "SELECT coalesce(sum(length(b.data)), 0) FROM event e JOIN body b ON b.seq = e.seq"
            " WHERE e.run = ? AND e.position BETWEEN ? AND ?",
            (run, first, last),
        ).fetchone()[0]
        return size

    def _read(self, run: int, after: int) -> list[Arrived]:
        """The next events of a run without a position. Their bodies are not read."""
        rows = self._db.execute(
            f"SELECT {select_event()}, e.seq, e.ms, e.number, e.inferred FROM event e"
            " WHERE e.run = ? AND e.position < 0 AND e.seq > ? ORDER BY e.position DESC LIMIT ?",
            (run, after, REFOLD_BATCH_EVENTS),
        ).fetchall()
        items = []
        for event, (seq, ms, number, inferred) in zip(
            self._reader.read(rows), (row[EVENT_WIDTH:] for row in rows), strict=True
        ):
            at, concerns = StreamId(ms, number), event.facts.concerns
            mentions = event.facts.with_root(concerns)
            items.append(Arrived(seq, event, concerns, mentions, None, at, b"", 0, 0, inferred & RUN_INFERRED))
        return items
