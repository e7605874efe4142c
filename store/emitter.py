"""The sixteen types of event that agents publish, one method each, with the payloads that real agents give them.

Required fields are parameters. Everything else that is known goes along as keywords: `step`, `node_id`, `task_type`,
`task_goal`, `action_name`, `node_status`, `node_next_status`, `agent_class`, or fields of your own; those that are None are
left out. Summaries and previews are cut here from the whole texts.
"""

import os
import threading
import time
import traceback
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple
from uuid import uuid4

from store.encode import cut, json_text, now, text, token_usage_of, user_text

PREVIEW = 200
"""How many characters of a prompt its preview has."""

SUMMARY = 500
"""How many characters of a result, a response or arguments their summary has."""


class Place(NamedTuple):
    """Where in its tree a node was announced to be, and what for."""

    root: str
    layer: int = 0
    goal: str = ""


class Emitter:
    """What an agent can say. A subclass says where it goes, in `emit`. Safe to use from threads and after a fork."""

    def __init__(self) -> None:
        self._said: Counter[str] = Counter()
        self._began = time.monotonic()
        self._finished: set[str] = set()
        self._places: dict[str, Place] = {}
        """Of nodes that were announced."""

    def emit(self, event_type: str, payload: Mapping[str, object]) -> None:
        """Say something of a type of its own. Unknown types are stored and shown like any other."""
        raise NotImplementedError

    def _emit(self, event_type: str, payload: dict[str, object], more: Mapping[str, object]) -> None:
        self._count(event_type)
        self.emit(event_type, payload | {name: value for name, value in more.items() if value is not None})

    def _count(self, what: str, number: int = 1) -> None:
        with _lock:
            self._said[what] += number

    # The run

    def run_started(
        self, input_data: object = None, config: Mapping[str, object] | None = None, run_mode: str = "agent", **more: object
    ) -> None:
        """A process begins its work."""
        self._began = time.monotonic()
        payload = {"input_data": input_data, "config": config or {}, "run_mode": run_mode, "timestamp_utc": now()}
        self._emit("run_started", payload, more)

    def run_finished(self, **more: object) -> None:
        """A process ended by itself. The totals are what was said through this object, unless you give them."""
        with _lock:
            said = self._said.copy()
        kinds = {name.removeprefix("node of "): number for name, number in said.items() if name.startswith("node of ")}
        totals: dict[str, object] = {
            "total_steps": said["step_started"],
            "duration_seconds": time.monotonic() - self._began,
            "total_nodes": said["node_created"],
            "total_llm_calls": said["llm_call_started"],
            "total_tool_calls": said["tool_invoked"],
            "token_usage_summary": {
                "total_prompt_tokens": said["prompt_tokens"],
                "total_completion_tokens": said["completion_tokens"],
            },
            "node_statistics": {
                "total_created": said["node_created"],
                "total_completed": len(self._finished),
                "by_type": kinds,
            },
        }
        self._emit("run_finished", totals, more)

    def run_error(self, error: BaseException | str, context: Mapping[str, object] | None = None, **more: object) -> None:
        """A process ends because something went wrong. `error_type` and `stack_trace` are the exception's."""
        raised = isinstance(error, BaseException)
        payload: dict[str, object] = {
            "error_type": type(error).__name__ if raised else "Error",
            "error_message": text(error),
            "stack_trace": "".join(traceback.format_exception(error)) if isinstance(error, BaseException) else "",
            "context": context or {},
        }
        self._emit("run_error", payload, more)

    # Steps

    def step_started(self, node_id: str, step: int, node_goal: str, root_id: str | None = None, **more: object) -> None:
        """Work on a node begins. Steps are numbered from 0 within the tree of a root; a run does one at a time."""
        root = root_id or self._place(node_id).root
        self._emit("step_started", {"step": step, "node_id": node_id, "node_goal": node_goal, "root_id": root}, more)

    def step_finished(
        self, node_id: str, step: int, action_name: str, status_after: str, duration_seconds: float, **more: object
    ) -> None:
        """Work on a node ends, for now or for good (`status_after` FINISH)."""
        payload: dict[str, object] = {"step": step, "node_id": node_id, "action_name": action_name}
        payload |= {"status_after": status_after, "duration_seconds": duration_seconds}
        self._note_status(node_id, status_after)
        self._emit("step_finished", payload, more)

    # Nodes

    def node_created(
        self,
        task_goal: str,
        outer_node_id: str | None = None,
        *,
        node_id: str | None = None,
        node_nid: str = "",
        node_type: str = "PLAN_NODE",
        task_type: str = "GENERAL",
        layer: int | None = None,
        root_node_id: str | None = None,
        initial_parent_nids: Sequence[str] = (),
        **more: object,
    ) -> str:
        """A task came to be, inside the node whose plan made it; a root without one. Gives its id.

        `layer` and `root_node_id` follow from the outer node, if that was announced here.
        """
        node_id = node_id or str(uuid4())
        place = Place(node_id) if outer_node_id is None else self._place(outer_node_id)
        depth = layer if layer is not None else place.layer + (outer_node_id is not None)
        place = self._places[node_id] = Place(root_node_id or place.root, depth, task_goal)
        self._count(f"node of {task_type}")
        payload: dict[str, object] = {
            "node_id": node_id,
            "node_nid": node_nid,
            "node_type": node_type,
            "task_type": task_type,
            "task_goal": task_goal,
            "layer": place.layer,
            "outer_node_id": outer_node_id,
            "root_node_id": place.root,
            "initial_parent_nids": list(initial_parent_nids),
        }
        self._emit("node_created", payload, more)
        return node_id

    def node_status_changed(
        self, node_id: str, node_goal: str, old_status: str | None, new_status: str, **more: object
    ) -> None:
        """A node moved on without a step of its own."""
        payload: dict[str, object] = {"node_id": node_id, "node_goal": node_goal}
        payload |= {"old_status": old_status, "new_status": new_status}
        self._note_status(node_id, new_status)
        self._emit("node_status_changed", payload, more)

    def plan_received(self, node_id: str, raw_plan: Sequence[Mapping[str, object] | str], **more: object) -> None:
        """The plan of a node: tasks with `id`, `task_type`, `goal`, `dependency`, or only goals; none if it is atomic."""
        plan = [
            dict(task) if isinstance(task, Mapping) else {"id": str(number), "goal": text(task)}
            for number, task in enumerate(raw_plan, 1)
        ]
        self._emit("plan_received", {"node_id": node_id, "raw_plan": plan}, more)

    def node_added(self, graph_owner_node_id: str, added_node_id: str, added_node_nid: str = "", **more: object) -> None:
        """A node took its place in the inner graph of its owner."""
        payload: dict[str, object] = {"graph_owner_node_id": graph_owner_node_id, "added_node_id": added_node_id}
        payload |= {"added_node_nid": added_node_nid, "node_id": graph_owner_node_id}
        self._emit("node_added", payload, more)

    def edge_added(
        self,
        graph_owner_node_id: str,
        parent_node_id: str,
        child_node_id: str,
        parent_node_nid: str = "",
        child_node_nid: str = "",
        **more: object,
    ) -> None:
        """A node waits for another inside the same owner: the child until the parent is finished."""
        payload: dict[str, object] = {"graph_owner_node_id": graph_owner_node_id, "node_id": graph_owner_node_id}
        payload |= {"parent_node_id": parent_node_id, "child_node_id": child_node_id}
        payload |= {"parent_node_nid": parent_node_nid, "child_node_nid": child_node_nid}
        self._emit("edge_added", payload, more)

    def inner_graph_built(self, node_id: str, node_ids: Sequence[str], edge_count: int = 0, **more: object) -> None:
        """All nodes and edges of a node's plan are announced."""
        payload: dict[str, object] = {"node_id": node_id, "node_count": len(node_ids), "edge_count": edge_count}
        self._emit("inner_graph_built", payload | {"node_ids": list(node_ids)}, more)

    def node_result_available(self, node_id: str, action_name: str, result: object, **more: object) -> None:
        """A node has a result: of `plan`, `execute` or `final_aggregate`."""
        payload: dict[str, object] = {"node_id": node_id, "action_name": action_name}
        self._emit("node_result_available", payload | {"result_summary": cut(json_text(result), SUMMARY)}, more)

    # Calls

    def llm_call_started(
        self, agent_class: str, model: str, prompt: object, *, call_id: str | None = None, **more: object
    ) -> str:
        """A request to a model, its prompt a text or a list of messages (`role`, `content`). Gives the id of the call."""
        call_id = call_id or str(uuid4())
        messages = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
        payload: dict[str, object] = {"agent_class": agent_class, "model": model, "call_id": call_id}
        payload |= {"prompt_preview": cut(user_text(messages), PREVIEW), "prompt": messages}
        self._emit("llm_call_started", payload, more)
        return call_id

    def llm_call_completed(
        self,
        call_id: str,
        agent_class: str,
        model: str,
        response: object,
        duration_seconds: float,
        *,
        error: str | None = None,
        token_usage: object = None,
        **more: object,
    ) -> None:
        """The model answered, or failed to (`error`). `token_usage` has `prompt_tokens` and `completion_tokens`."""
        answer = f"ERROR: {error}" if error else text(response)
        usage = token_usage_of(token_usage)
        for name in ("prompt_tokens", "completion_tokens"):
            number = usage.get(name) if usage else None
            self._count(name, number if isinstance(number, int) else 0)
        payload: dict[str, object] = {"agent_class": agent_class, "model": model, "call_id": call_id}
        payload |= {"duration_seconds": duration_seconds, "response": answer, "result_summary": cut(answer, SUMMARY)}
        self._emit("llm_call_completed", payload, {"error": error or None, "token_usage": usage} | more)

    def tool_invoked(
        self, tool_name: str, api_name: str, args: object, *, tool_call_id: str | None = None, **more: object
    ) -> str:
        """A tool is called (`api_name`: `run`, where it has only one). Gives the id of the call."""
        tool_call_id = tool_call_id or str(uuid4())
        payload: dict[str, object] = {"tool_name": tool_name, "api_name": api_name, "tool_call_id": tool_call_id}
        self._emit("tool_invoked", payload | {"args_summary": cut(text(args), SUMMARY)}, more)
        return tool_call_id

    def tool_returned(
        self,
        tool_call_id: str,
        tool_name: str,
        api_name: str,
        result: object,
        duration_seconds: float,
        *,
        state: str = "SUCCESS",
        error: str | None = None,
        **more: object,
    ) -> None:
        """A tool came back; `state` SUCCESS, or HTTP_ERROR, ARGS_ERROR, API_ERROR."""
        payload: dict[str, object] = {"tool_name": tool_name, "api_name": api_name, "tool_call_id": tool_call_id}
        payload |= {"state": state, "duration_seconds": duration_seconds, "result_summary": cut(text(result), SUMMARY)}
        self._emit("tool_returned", payload, {"error": error or None} | more)

    # What was said before

    def _place(self, node_id: str) -> Place:
        """Of a node that nobody announced here: a root of its own."""
        return self._places.get(node_id) or Place(node_id)

    def _note_status(self, node_id: str, status: str) -> None:
        if status == "FINISH":
            self._finished.add(node_id)
        else:
            self._finished.discard(node_id)


_lock = threading.RLock()
"""On what emitters have said. Held for a moment, so one is enough for all."""


def _begin() -> None:
    global _lock
    _lock = threading.RLock()  # a forked child can have a copy that was held by a thread that it has not


os.register_at_fork(after_in_child=_begin)
