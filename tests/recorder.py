"""A simulated agent for tests. Each method publishes the events of a real agent; the clock advances once per event."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Self

from store.model.accumulator import Accumulator
from store.model.decode import decode
from store.model.entry import Entry, StreamId
from store.model.event import Event
from store.model.fold import advance, fold
from store.model.span import Span
from store.model.state import RunState, empty

START = datetime(2025, 4, 22, 17, 0, 0)
Payload = dict[str, object]


def body_of(event: object) -> bytes:
    """Compact JSON, as agents publish it."""
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()


def entry_of(body: bytes, at: StreamId | int) -> Entry:
    """A stream entry with this body."""
    return Entry(at if isinstance(at, StreamId) else StreamId(at, 0), {b"json_payload": body})


def events_of(entries: Iterable[Entry]) -> list[Event]:
    """The events in these entries."""
    return [decode(entry.fields[b"json_payload"], entry.at) for entry in entries]


def state_of(entries: Iterable[Entry], run_id: str = "run") -> RunState:
    """The fold of these entries, which all belong to one run."""
    return fold(empty(run_id), events_of(entries))


def spans_of(events: Iterable[Event]) -> dict[int, Span]:
    """Spans of a run after these events, also withdrawn ones, by `born`."""
    accumulator, found = Accumulator.of(empty("run")), dict[int, Span]()
    for event in events:
        found |= advance(accumulator, [event]).spans
    return found


class Recorder:
    """Builder of a run: `Recorder().root("book").node("book", "plan").step("plan", "execute", after="FINISH")`.

    `run_id` None: an agent of the time before runs had ids. `beside` another recorder: both publish to the same stream.
    `start`: time of the first event, in UTC without a zone.
    """

    def __init__(
        self,
        run_id: str | None = "run",
        beside: "Recorder | None" = None,
        name: str | None = None,
        start: datetime = START,
    ) -> None:
        self.run_id = run_id
        self._start = start
        self.entries: list[Entry] = [] if beside is None else beside.entries
        self._name = name or run_id or "nameless"
        self._published = 0
        self._calls = 0
        self._root = ""
        self._parallel = False
        self._roots: dict[str, str] = {}
        """The root of each node."""
        self._next: dict[str, int] = {}
        """The number of the next step, by root."""
        self._open: dict[str, int] = {}
        """The number of the last step, by node."""

    @property
    def events(self) -> list[Event]:
        """The published events, decoded."""
        return events_of(self.entries)

    @property
    def state(self) -> RunState:
        """The fold of the published events."""
        return state_of(self.entries, self.run_id or "run")

    def emit(self, event_type: str, payload: Mapping[str, object], **envelope: object) -> Self:
        """Publish an event; `envelope` overrides its other fields."""
        self._published += 1
        now = self._start + timedelta(seconds=len(self.entries))
        event = {
            "event_id": f"{self._name}-{self._published}",
            "timestamp": f"{now.isoformat(timespec='microseconds')}Z",
            "event_type": event_type,
            "payload": payload,
            "run_id": self.run_id,
            **envelope,
        }
        at = StreamId(int(now.replace(tzinfo=UTC).timestamp() * 1000) + 2, 0)
        self.entries.append(entry_of(body_of(event), at))
        return self

    def nameless(self) -> Self:
        """Publish further events without a run id."""
        self.run_id = None
        return self

    def later(self, seconds: float) -> Self:
        """From here on, so much later."""
        self._start += timedelta(seconds=seconds)
        return self

    # The run

    def run_started(self, mode: str = "report", goals: Sequence[str] = (), parallel: bool = False) -> Self:
        """`parallel`: steps of the run may overlap. They are numbered by root, and ended by node."""
        self._parallel = parallel
        data = [{"id": number, "ori": {"inputs": goal}} for number, goal in enumerate(goals)]
        payload: Payload = {"input_data": {"filename": "goals.jsonl", "data": data}, "run_mode": mode}
        return self.emit("run_started", payload | ({"parallel": True} if parallel else {}))

    def run_finished(self, **totals: object) -> Self:
        return self.emit("run_finished", totals)

    def run_error(self, error_type: str = "ValueError", message: str = "no such model") -> Self:
        return self.emit("run_error", {"error_type": error_type, "error_message": message, "stack_trace": "Traceback"})

    # Nodes

    def root(self, node_id: str = "root", goal: str = "Write a book") -> Self:
        self._root, self._next[node_id] = node_id, 0
        return self.created(node_id, None, goal, nid="", layer=0)

    def node(self, outer: str, node_id: str, goal: str = "Write a chapter", nid: str | None = None, layer: int = 1) -> Self:
        return self.created(node_id, outer, goal, nid=node_id if nid is None else nid, layer=layer)

    def created(self, node_id: str, outer: str | None, goal: str, nid: str = "0", layer: int = 1) -> Self:
        """The context fields of a real node_created are the outer node's."""
        self._roots[node_id] = self._root_of(outer) if outer else node_id
        context: Payload = {"step": 0, "action_name": "plan", "node_status": "READY", "node_next_status": "PLAN_DONE"}
        payload: Payload = {
            "node_id": node_id,
            "node_nid": nid,
            "node_type": "PLAN_NODE",
            "task_type": "COMPOSITION",
            "task_goal": goal,
            "layer": layer,
            "outer_node_id": outer,
            "root_node_id": self._root_of(node_id) if outer else "UNKNOWN",
            "initial_parent_nids": [],
        }
        return self.emit("node_created", payload | (context if outer else {}))

    def added(self, owner: str, *node_ids: str) -> Self:
        for node_id in node_ids:
            payload = {"graph_owner_node_id": owner, "added_node_id": node_id, "added_node_nid": node_id, "node_id": owner}
            self.emit("node_added", payload | {"task_goal": "the owner's", "node_status": "READY"})
        return self

    def edge(self, owner: str, parent: str, child: str) -> Self:
        payload = {"graph_owner_node_id": owner, "parent_node_id": parent, "child_node_id": child, "node_id": owner}
        return self.emit("edge_added", payload | {"parent_node_nid": parent, "child_node_nid": child})

    def built(self, owner: str, node_ids: Sequence[str]) -> Self:
        payload = {"node_id": owner, "node_count": len(node_ids), "edge_count": 0, "node_ids": list(node_ids)}
        return self.emit("inner_graph_built", payload)

    def plan(self, outer: str, *node_ids: str) -> Self:
        """The events of a plan with two children. The second waits for the first."""
        self.emit("plan_received", {"node_id": outer, "raw_plan": [{"id": 1, "goal": "x"}] * len(node_ids)})
        for node_id in node_ids:
            self.node(outer, node_id)
        self.added(outer, *node_ids)
        for parent, child in pairwise(node_ids):
            self.edge(outer, parent, child)
        return self.built(outer, node_ids)

    def status(self, node_id: str, new: str, old: str = "NOT_READY", goal: str = "Write a chapter") -> Self:
        """The `task_goal` of a real node_status_changed is the stepped node's."""
        payload = {"node_id": node_id, "node_goal": goal, "old_status": old, "new_status": new}
        return self.emit("node_status_changed", payload | {"step": 0, "task_goal": "of the stepped node"})

    def result(self, node_id: str, action: str, summary: str = '{"result": "done"}...') -> Self:
        payload = {"node_id": node_id, "action_name": action, "result_summary": summary}
        return self.emit("node_result_available", payload)

    # Steps

    def step_started(self, node_id: str, goal: str = "Write a chapter", step: int | None = None) -> Self:
        root = self._root_of(node_id)
        number = self._open[node_id] = self._next.get(root, 0) if step is None else step
        self._next[root] = number + 1
        payload = {"step": number, "node_id": node_id, "node_goal": goal, "root_id": root or node_id}
        return self.emit("step_started", payload)

    def step_finished(self, node_id: str, action: str, after: str, step: int | None = None) -> Self:
        """The number defaults to that of the last step: of the run, or if steps may overlap of the node."""
        last = self._next.get(self._root, 0) - 1
        number = step if step is not None else self._open.get(node_id, last) if self._parallel else last
        payload = {"step": number, "node_id": node_id, "action_name": action, "status_after": after}
        return self.emit("step_finished", payload | {"duration_seconds": 0.5, "task_goal": "x"})

    def _root_of(self, node_id: str) -> str:
        return self._roots.get(node_id, self._root) if self._parallel else self._root

    def step(self, node_id: str, action: str, after: str) -> Self:
        return self.step_started(node_id).step_finished(node_id, action, after)

    def together(self, *node_ids: str, after: str = "FINISH") -> Self:
        """Overlapping steps, each with a call: all begin, then all end in the same order."""
        for node_id in node_ids:
            self.step_started(node_id).llm_started(node_id, f"call of {node_id} {self._open[node_id]}")
        for node_id in node_ids:
            self.llm_completed(node_id, f"call of {node_id} {self._open[node_id]}", tokens=(10, 2))
            self.step_finished(node_id, "execute", after)
        return self

    # Calls

    def llm_started(self, node_id: str | None, call_id: str | None = None, agent: str = "SimpleExecutor") -> Self:
        payload = {"agent_class": agent, "model": "gpt-4o-mini", "prompt_preview": "You are...", "prompt": []}
        return self.emit("llm_call_started", payload | _known(node_id=node_id, call_id=call_id))

    def llm_completed(
        self,
        node_id: str | None,
        call_id: str | None = None,
        tokens: tuple[int, int] | None = None,
        error: str | None = None,
        agent: str = "SimpleExecutor",
        **more: object,
    ) -> Self:
        """`more`: further fields, such as `cost`, `tries` or a whole `token_usage`."""
        usage = None if tokens is None else {"prompt_tokens": tokens[0], "completion_tokens": tokens[1]}
        payload = {
            "agent_class": agent,
            "model": "gpt-4o-mini",
            "duration_seconds": 1.5,
            "response": "Well.",
            "result_summary": "Well....",
        }
        return self.emit(
            "llm_call_completed", payload | _known(node_id=node_id, call_id=call_id, token_usage=usage, error=error) | more
        )

    def llm(
        self, node_id: str | None, tokens: tuple[int, int] | None = None, error: str | None = None, **more: object
    ) -> Self:
        """A call and its answer, paired by an id. `more`: further fields of the answer, such as `model` and `cost`."""
        self._calls += 1
        call_id = f"call-{self._calls}"
        return self.llm_started(node_id, call_id).llm_completed(node_id, call_id, tokens, error, "SimpleExecutor", **more)

    def tool_invoked(self, node_id: str | None, call_id: str | None = None) -> Self:
        payload = {"tool_name": "BingBrowser", "api_name": "run", "args_summary": "{'query': None}..."}
        return self.emit("tool_invoked", payload | _known(node_id=node_id, tool_call_id=call_id))

    def tool_returned(
        self, node_id: str | None, call_id: str | None = None, state: str = "SUCCESS", **more: object
    ) -> Self:
        """`more`: further fields, such as `cost` and `tries`."""
        payload = {"tool_name": "BingBrowser", "api_name": "run", "state": state, "duration_seconds": 0.2}
        return self.emit("tool_returned", payload | _known(node_id=node_id, tool_call_id=call_id) | more)

    def whole(self) -> Self:
        """A short complete run: a plan with two tasks, a search, a failed call; every node finishes."""
        self.run_started().root()
        self.step_started("root").llm("root", tokens=(100, 20)).plan("root", "search", "write")
        self.result("root", "plan").step_finished("root", "plan", after="PLAN_DONE")
        self.step_started("root").status("search", "READY").step_finished("root", "prior_reflect", after="DOING")
        self.step_started("search").tool_invoked("search", "t1").tool_returned("search", "t1").llm("search", (7, 3))
        self.result("search", "execute").status("write", "NEED_UPDATE")
        self.step_finished("search", "execute", after="NEED_POST_REFLECT")
        self.step("search", "execute_post_reflect", after="FINISH").step("write", "update", after="READY")
        self.step_started("write").llm("write", error="timeout").llm("write", tokens=(50, 900))
        self.result("write", "execute").step_finished("write", "execute", after="NEED_POST_REFLECT")
        self.step_started("write").status("root", "FINAL_TO_FINISH", old="DOING")
        self.step_finished("write", "execute_post_reflect", after="FINISH")
        self.step_started("root").result("root", "final_aggregate", '{"result": "The book"}...')
        self.step_finished("root", "final_aggregate", after="NEED_POST_REFLECT")
        return self.step("root", "planning_post_reflect", after="FINISH").run_finished(total_steps=0, total_nodes=0)


def _known(**fields: object) -> Payload:
    return {name: value for name, value in fields.items() if value is not None}
