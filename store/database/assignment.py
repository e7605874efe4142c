"""Assignment of events to runs, by what the file holds.

`attribution` has the rules for an event without a run. Here is what the rules ask of the file, and the correction of an
earlier assignment: once a publisher names the run of a node, the events of that node are reassigned to it.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from functools import partial
from typing import cast

from store.database.arrival import Arrived
from store.database.call_pairing import CallPairing
from store.database.projection import Projection
from store.database.reassignment import Reassignment
from store.database.statement import batched, placeholders
from store.model.accumulator import Accumulator
from store.model.attribution import INFERRED_RUN_PREFIX, Attribution, attribute
from store.model.event_type import RunStarted
from store.model.goal import input_digests
from store.model.pairing import CALL_EVENTS, CallEvent
from store.model.record import RUN_INFERRED

CACHED_NODE_RUNS_MAX = 20_000
"""Entries of the node-to-run cache. A miss costs one query of some microseconds."""

CANDIDATE_RUNS_MAX = 20
"""Runs without an end, newest last event first, that an event without a run may be assigned to."""

Pending = dict[str, list[Arrived]]
"""Events of a batch by run id, not written yet."""


class Assignment:
    """Assigns events to runs, and writes them run by run."""

    def __init__(self, connection: sqlite3.Connection, projection: Projection) -> None:
        self._db = connection
        self._projection = projection
        self._reassignment = Reassignment(projection)
        self._calls = CallPairing(connection, projection, self._reassignment)
        self._run_of_node: dict[str, str | None] = {}
        """The newest run of each known node; None: no run has it."""
        self._has_anonymous: dict[str, bool] = {}
        """Whether a run holds events that were published without a run."""
        self._inputs: dict[str, frozenset[int]] = {}
        """Digests of the texts in the input of a run."""

    def forget(self) -> None:
        """Empty the caches."""
        self._run_of_node.clear()
        self._has_anonymous.clear()
        self._inputs.clear()
        self._calls.forget()

    def trim(self) -> None:
        """Empty the caches if they are larger than CACHED_NODE_RUNS_MAX."""
        if len(self._run_of_node) + len(self._has_anonymous) > CACHED_NODE_RUNS_MAX:
            self.forget()

    def store(
        self, items: Sequence[Arrived], stream: int | None, latest: str | None, archived_run: str | None
    ) -> str | None:
        """Assign each event to a run, and write run by run.

        `latest`: run of the previous event of the stream; the run of the last event is returned. `archived_run`: run of
        the events that were published without a run; None: by attribution.
        """
        self._learn_runs_of_nodes(items)
        pending: Pending = {}
        known = _KnownRuns(self, stream, pending, latest)
        run_of_node, runs = self._run_of_node, self._projection.runs
        for item in items:
            event = item.event
            if event.run_id is None:
                found = attribute(event, item.at, known) if archived_run is None else _archived(item, archived_run)
                run_id, inferred = found
                self._has_anonymous[run_id] = True
                item.inferred = RUN_INFERRED * inferred
            else:
                run_id = event.run_id
            if run_id not in pending:
                runs.open(run_id)  # gives it a key: keys are in the order of the first events
            for node_id in item.mentions:
                if run_of_node.get(node_id) != run_id:
                    self._record_nodes(item, run_id, pending)
                    break
            facts = event.facts
            if type(facts) in CALL_EVENTS and self._calls.record(item, cast(CallEvent, facts), run_id):
                self.write(pending)
                self._calls.pair(cast(CallEvent, facts), run_id)
            pending.setdefault(run_id, []).append(item)
            known.latest = run_id
        self.write(pending)
        return known.latest

    def write(self, pending: Pending) -> None:
        """Write the pending events."""
        for run_id, items in pending.items():
            self._projection.write(run_id, items)
        pending.clear()

    # What attribution asks of the file

    def candidates(self, stream: int | None, pending: Pending) -> list[Accumulator]:
        """The runs of a stream that have not ended, newest last event first. Writes the pending events."""
        self.write(pending)
        rows = self._db.execute(
            "SELECT r.run_id FROM run r JOIN event e ON e.seq = r.last_seq"
            " WHERE r.ended IS NULL AND r.generation >= 0 AND e.stream IS ? ORDER BY r.last_seq DESC LIMIT ?",
            (stream, CANDIDATE_RUNS_MAX),
        )
        return [self._projection.runs.open(run_id).accumulator for (run_id,) in rows.fetchall()]

    def inputs(self, run_id: str) -> frozenset[int]:
        """Digests of the texts in the input of a run that was written."""
        found = self._inputs.get(run_id)
        if found is None:
            row = self._db.execute(
                "SELECT b.data FROM event e JOIN body b ON b.seq = e.seq WHERE e.run = ? AND e.type = ?"
                " ORDER BY e.position DESC LIMIT 1",
                (self._projection.runs.open(run_id).key, self._projection.type_key(RunStarted.type)),
            ).fetchone()
            found = frozenset() if row is None else input_digests(bytes(row[0]))
            self._inputs[run_id] = found
        return found

    def run_of_node(self, node_id: str) -> str | None:
        """The newest run that has the node; None if there is none."""
        if node_id not in self._run_of_node:
            self._query_runs_of_nodes([node_id])
        return self._run_of_node[node_id]

    def _learn_runs_of_nodes(self, items: Iterable[Arrived]) -> None:
        """Fill the cache with all nodes of a batch."""
        named = {node_id for item in items for node_id in item.mentions}.difference(self._run_of_node)
        for part in batched(named):
            self._query_runs_of_nodes(part)

    def _query_runs_of_nodes(self, node_ids: Sequence[str]) -> None:
        self._run_of_node.update(dict.fromkeys(node_ids))
        sql = (
            "SELECT n.node_id, r.run_id FROM node n JOIN run r ON r.key = n.run"
            f" WHERE n.node_id IN ({placeholders(node_ids)}) AND r.generation >= 0 ORDER BY n.run"
        )
        self._run_of_node.update(self._db.execute(sql, node_ids))

    # Nodes whose run becomes known

    def _record_nodes(self, item: Arrived, run_id: str, pending: Pending) -> None:
        """Note that this run has the nodes of an event. If its publisher named the run, reassign their earlier events."""
        if item.event.run_id is not None:
            for node_id in item.mentions:
                other = self.run_of_node(node_id)
                if other is not None and other != run_id and self._holds_anonymous(other):
                    self.write(pending)
                    self._reassign(node_id, other, run_id)
        runs = self._projection.runs
        for node_id in item.mentions:
            other = self.run_of_node(node_id)
            if other is None or (other != run_id and runs.open(other).key < runs.open(run_id).key):
                self._run_of_node[node_id] = run_id

    def _holds_anonymous(self, run_id: str) -> bool:
        """Whether a run holds events that were published without a run."""
        found = self._has_anonymous.get(run_id)
        if found is None:
            sql = "SELECT EXISTS (SELECT 1 FROM event WHERE run = ? AND guessed)"
            found = bool(self._db.execute(sql, (self._projection.runs.open(run_id).key,)).fetchone()[0])
            self._has_anonymous[run_id] = found
        return found

    def _reassign(self, node_id: str, source: str, target: str) -> None:
        """Reassign the anonymous events of a node whose run a publisher has named.

        If no publisher named `source`, all of its events move, otherwise those of the node. Nothing moves if a publisher
        named the run of one of these events.
        """
        run = self._projection.runs.open(source)
        if source.startswith(INFERRED_RUN_PREFIX):
            sql = "SELECT count(*) FROM event INDEXED BY event_guessed WHERE run = ? AND guessed"
            if self._db.execute(sql, (run.key,)).fetchone()[0] < run.accumulator.run.events:
                return
            self._reassignment.move(source, target)
        else:
            where, key = "FROM node_event x JOIN event e ON e.seq = x.seq WHERE x.node = ?", run.key_of(node_id)
            if self._db.execute(f"SELECT EXISTS (SELECT 1 {where} AND NOT e.guessed)", (key,)).fetchone()[0]:
                return
            seqs = [seq for (seq,) in self._db.execute(f"SELECT e.seq {where} ORDER BY x.n", (key,))]
            if not seqs:  # the node is in the run only as the root of other nodes
                return
            self._reassignment.move(source, target, seqs)
        self.forget()


class _KnownRuns:
    """The runs of one stream, as attribution asks for them (`attribution.Runs`)."""

    def __init__(self, assignment: Assignment, stream: int | None, pending: Pending, latest: str | None) -> None:
        self.latest = latest
        self.run_of = assignment.run_of_node
        self.inputs = assignment.inputs
        self.open = partial(assignment.candidates, stream, pending)


def _archived(item: Arrived, run_id: str) -> Attribution:
    """The run of an anonymous event from the archive of a run."""
    return Attribution(run_id, inferred=not item.mentions and not isinstance(item.event.facts, RunStarted))
