"""Pairing of the beginning and the end of a call that are in different runs.

The end of a call gives the run of its beginning, if the beginning named neither run nor node and was assigned by
inference. Agents may number their calls, so two agents may use the same id. A beginning stays in a run that has its own
end, and an end whose own beginning is in its run moves nothing.
"""

import sqlite3

from store.database.arrival import Arrived
from store.database.event_row import EVENT_WIDTH, EventReader, select_event
from store.database.projection import Projection
from store.database.reassignment import Reassignment
from store.model.event_type import LlmCallCompleted, LlmCallStarted, ToolInvoked, ToolReturned
from store.model.pairing import CallEvent, CallName, call_name, open_calls
from store.model.record import RUN_INFERRED

CALL_EVENT_TYPES = {"llm": (LlmCallStarted.type, LlmCallCompleted.type), "tool": (ToolInvoked.type, ToolReturned.type)}
"""Types of the events that begin and end a call, by kind of call."""


class CallPairing:
    """The beginnings of calls that were assigned to a run by inference, and may be reassigned by their ends."""

    def __init__(self, connection: sqlite3.Connection, projection: Projection, reassignment: Reassignment) -> None:
        self._db = connection
        self._projection = projection
        self._reassignment = reassignment
        self._inferred: dict[tuple[str, str], tuple[str, int]] | None = None
        """Run and seq of each of these beginnings, by kind and id of the call. None: not read yet."""

    def forget(self) -> None:
        """Read the beginnings again before the next call."""
        self._inferred = None

    def record(self, item: Arrived, facts: CallEvent, run_id: str) -> bool:
        """Record the beginning or end of a call before it is written to a run.

        True, which is rare: it ends a call whose beginning is inferred. Write the events before it, then call `pair`.
        """
        if self._inferred is None:
            self._inferred = self._query_inferred()
        if not (self._inferred or item.inferred):
            return False
        name = call_name(facts)
        if name.call_id is None:
            return False
        call = name.kind, name.call_id
        if isinstance(facts, LlmCallStarted | ToolInvoked):
            if item.inferred:
                self._inferred[call] = run_id, item.seq
            return False
        if item.inferred:
            self._inferred.pop(call, None)
            return False
        return call in self._inferred

    def pair(self, facts: CallEvent, run_id: str) -> None:
        """Reassign the beginning of a call to the run of its end, unless one of them is paired within its own run."""
        assert self._inferred is not None
        name = call_name(facts)
        assert name.call_id is not None
        call = name.kind, name.call_id
        source, seq = self._inferred[call]
        own = open_calls(self._projection.runs.open(run_id).accumulator, name)
        if source == run_id:
            done = len(own) <= 1
        else:
            done = self._has_ended(source, seq, name)
            if not (done or own):
                self._reassignment.move(source, run_id, [seq])
                done = True
        if done:
            del self._inferred[call]

    def _has_ended(self, run_id: str, seq: int, name: CallName) -> bool:
        """Whether the run has as many ends as beginnings of such calls, from the event with this seq on."""
        rows = self._db.execute(
            f"SELECT {select_event()} FROM event b JOIN event e ON e.run = b.run AND e.position >= b.position"
            " JOIN event_type t ON t.key = e.type WHERE b.seq = ? AND b.run = ? AND t.name IN (?, ?)",
            (seq, self._projection.runs.open(run_id).key, *CALL_EVENT_TYPES[name.kind]),
        ).fetchall()
        balance = 0
        for event in EventReader(self._db).read(rows):
            facts = event.facts
            if isinstance(facts, CallEvent) and call_name(facts).call_id == name.call_id:
                balance += 1 if isinstance(facts, LlmCallStarted | ToolInvoked) else -1
        return balance <= 0

    def _query_inferred(self) -> dict[tuple[str, str], tuple[str, int]]:
        rows = self._db.execute(
            f"SELECT {select_event()}, r.run_id, e.seq FROM run r"
            " CROSS JOIN event e INDEXED BY event_inferred ON e.run = r.key JOIN event_type t ON t.key = e.type"
            " WHERE r.ended IS NULL AND r.generation >= 0 AND e.inferred AND e.inferred & ? AND t.name IN (?, ?)"
            " ORDER BY e.seq",
            (RUN_INFERRED, LlmCallStarted.type, ToolInvoked.type),
        ).fetchall()
        found: dict[tuple[str, str], tuple[str, int]] = {}
        for event, row in zip(EventReader(self._db).read(rows), rows, strict=True):
            if isinstance(event.facts, CallEvent) and (name := call_name(event.facts)).call_id is not None:
                found[name.kind, name.call_id] = row[EVENT_WIDTH], row[EVENT_WIDTH + 1]
        return found
