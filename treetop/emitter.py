"""Events that agents publish: one method for each of the sixteen types, with the payloads that the reference agents give.

Required fields are parameters. Optional fields are keyword arguments: `step`, `node_id`, `task_type`, `task_goal`,
`action_name`, `node_status`, `node_next_status`, `agent_class`, or fields of your own. Fields that are None are left out.
By default, calls have `node_id` and `step` of the step in which they began. Summaries and previews are cut from the full
texts here.
"""

import time
import traceback
from collections.abc import Callable, Mapping, Sequence

from msgspec import UNSET, UnsetType

from treetop.context import current, located
from treetop.encode import amount_of, count_of, cut, json_text, new_id, now, text, token_usage_of, user_text
from treetop.memory import BY_TYPE, NO_COUNTS, Memory, Place

PREVIEW_CHARACTERS = 200
"""Characters of a prompt in its preview."""

SUMMARY_CHARACTERS = 500
"""Characters of a result, a response or arguments in their summary."""

TOKENS = ("prompt_tokens", "completion_tokens")
"""Fields of a token usage that are totalled in `run_finished`."""


class Emitter:
    """Methods for all types of events; a subclass implements `emit`. Safe to use from threads and after a fork.

    `clock`: seconds, from which durations are computed. `new_id`: makes the ids of nodes and calls.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, new_id: Callable[[], str] = new_id) -> None:
        self._clock = clock
        self._new_id = new_id
        self._memory = Memory(clock)

    def emit(self, event_type: str, payload: Mapping[str, object]) -> None:
        """Publish an event. Events of unknown types are stored and shown like any other."""
        raise NotImplementedError

    def _emit(
        self,
        event_type: str,
        payload: dict[str, object],
        more: Mapping[str, object],
        counts: Mapping[str, int] = NO_COUNTS,
    ) -> None:
        """Count and publish an event. `more`: optional fields; `counts`: numbers to add to other counters."""
        self._memory.count(event_type, counts)
        if more:
            payload |= {name: value for name, value in more.items() if value is not None}
        self.emit(event_type, payload)

    # The run

    def run_started(
        self, input_data: object = None, config: Mapping[str, object] | None = None, run_mode: str = "agent", **more: object
    ) -> None:
        """The run begins. Its duration counts from here.

        `parallel` is true: steps may overlap. With `parallel=False`, readers take a step without an end as aborted when the
        next step of the run begins, whichever node it belongs to.
        """
        self._memory.began = self._clock()
        payload = {"input_data": input_data, "config": config or {}, "run_mode": run_mode, "timestamp_utc": now()}
        self._emit("run_started", payload | {"parallel": True}, more)

    def run_finished(self, **more: object) -> None:
        """The run ended normally. Keyword arguments replace totals, which count the events of this object."""
        self._emit("run_finished", self._memory.totals(), more)

    def run_error(self, error: BaseException | str, context: Mapping[str, object] | None = None, **more: object) -> None:
        """The run failed. `error_type` and `stack_trace` are those of the exception."""
        payload: dict[str, object] = {"error_type": "Error", "error_message": text(error), "stack_trace": ""}
        payload["context"] = context or {}
        if isinstance(error, BaseException):
            payload["error_type"] = type(error).__name__
            payload["stack_trace"] = "".join(traceback.format_exception(error))
        self._emit("run_error", payload, more)

    # Steps

    def step_started(self, node_id: str, step: int, node_goal: str, root_id: str | None = None, **more: object) -> None:
        """A step of a node begins. Steps are numbered from 0 in the tree of each root."""
        root = root_id or self._memory.place(node_id).root
        self._emit("step_started", {"step": step, "node_id": node_id, "node_goal": node_goal, "root_id": root}, more)

    def step_finished(
        self, node_id: str, step: int, action_name: str, status_after: str, duration_seconds: float, **more: object
    ) -> None:
        """A step ends. `status_after`: status of the node; FINISH if it is finished."""
        payload: dict[str, object] = {"step": step, "node_id": node_id, "action_name": action_name}
        payload |= {"status_after": status_after, "duration_seconds": duration_seconds}
        self._memory.set_status(node_id, status_after)
        self._emit("step_finished", payload, more)

    # Nodes

    def node_created(
        self,
        task_goal: str,
        outer_node_id: str | UnsetType | None = UNSET,
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
        """A node was created. Returns its id.

        `outer_node_id`: the node whose plan contains it; None for a root. The default is the node of the current step, or
        None outside of steps. `layer` and `root_node_id` default to those that follow from the outer node, if that was
        created here.
        """
        node_id = node_id or self._new_id()
        if outer_node_id is UNSET:
            frame = current(self)
            outer_node_id = None if frame is None else frame.node_id
        outer = Place(node_id) if outer_node_id is None else self._memory.place(outer_node_id)
        root = root_node_id or outer.root
        if layer is None:
            layer = outer.layer + (outer_node_id is not None)
        self._memory.set_place(node_id, root, layer, task_goal, node_nid)
        payload: dict[str, object] = {
            "node_id": node_id,
            "node_nid": node_nid,
            "node_type": node_type,
            "task_type": task_type,
            "task_goal": task_goal,
            "layer": layer,
            "outer_node_id": outer_node_id,
            "root_node_id": root,
            "initial_parent_nids": list(initial_parent_nids),
        }
        self._emit("node_created", payload, more, {BY_TYPE + task_type: 1})
        return node_id

    def node_status_changed(
        self, node_id: str, node_goal: str, old_status: str | None, new_status: str, **more: object
    ) -> None:
        """The status of a node changed outside of its steps."""
        payload: dict[str, object] = {"node_id": node_id, "node_goal": node_goal}
        payload |= {"old_status": old_status, "new_status": new_status}
        self._memory.set_status(node_id, new_status)
        self._emit("node_status_changed", payload, more)

    def plan_received(self, node_id: str, raw_plan: Sequence[Mapping[str, object] | str], **more: object) -> None:
        """A node was planned. A task is a goal, or has `id`, `task_type`, `goal`, `dependency`. Atomic nodes have none."""
        plan = [
            dict(task) if isinstance(task, Mapping) else {"id": str(number), "goal": text(task)}
            for number, task in enumerate(raw_plan, 1)
        ]
        self._emit("plan_received", {"node_id": node_id, "raw_plan": plan}, more)

    def node_added(self, graph_owner_node_id: str, added_node_id: str, added_node_nid: str = "", **more: object) -> None:
        """A node was added to the inner graph of its owner. Its nid defaults to that with which it was created here."""
        added_node_nid = added_node_nid or self._memory.place(added_node_id).nid
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
        """A dependency between two nodes of the same owner: the child starts when the parent is finished.

        The nids default to those with which the nodes were created here.
        """
        parent_node_nid = parent_node_nid or self._memory.place(parent_node_id).nid
        child_node_nid = child_node_nid or self._memory.place(child_node_id).nid
        payload: dict[str, object] = {"graph_owner_node_id": graph_owner_node_id, "node_id": graph_owner_node_id}
        payload |= {"parent_node_id": parent_node_id, "child_node_id": child_node_id}
        payload |= {"parent_node_nid": parent_node_nid, "child_node_nid": child_node_nid}
        self._emit("edge_added", payload, more)

    def inner_graph_built(self, node_id: str, node_ids: Sequence[str], edge_count: int = 0, **more: object) -> None:
        """All nodes and edges of the plan of a node were published."""
        payload: dict[str, object] = {"node_id": node_id, "node_count": len(node_ids), "edge_count": edge_count}
        self._emit("inner_graph_built", payload | {"node_ids": list(node_ids)}, more)

    def node_result_available(self, node_id: str, action_name: str, result: object, **more: object) -> None:
        """An action of a node has a result: `plan`, `execute` or `final_aggregate`."""
        payload: dict[str, object] = {"node_id": node_id, "action_name": action_name}
        self._emit("node_result_available", payload | {"result_summary": cut(json_text(result), SUMMARY_CHARACTERS)}, more)

    # Calls

    def llm_call_started(
        self, agent_class: str, model: str, prompt: object, *, call_id: str | None = None, **more: object
    ) -> str:
        """A call of a model begins. `prompt`: a text, or messages with `role` and `content`. Returns the id of the call."""
        call_id = call_id or self._new_id()
        messages = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
        asked = prompt if isinstance(prompt, str) else user_text(prompt)
        payload: dict[str, object] = {
            "agent_class": agent_class,
            "model": model,
            "call_id": call_id,
            "prompt_preview": cut(asked, PREVIEW_CHARACTERS),
            "prompt": messages,
        }
        self._emit("llm_call_started", payload, self._located(call_id, more))
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
        cost: float | None = None,
        tries: int | None = None,
        **more: object,
    ) -> None:
        """A call of a model ends; `error` if it failed.

        `token_usage`: a mapping, or an object of a client library, with the counts of OpenAI. `prompt_tokens` includes
        `cached_tokens` (read from the cache of prompts) and `cache_write_tokens` (written to it); `completion_tokens`
        includes `reasoning_tokens`. `cost`: US dollars. `tries`: number of requests that the client sent, at least 1. A
        count or cost that is negative, infinite, or not a number, is left out.
        """
        fields = self._as_begun(call_id, more)
        answer = f"ERROR: {error}" if error else text(response)
        usage = token_usage_of(token_usage)
        payload: dict[str, object] = {
            "agent_class": agent_class,
            "model": model,
            "call_id": call_id,
            "duration_seconds": duration_seconds,
            "response": answer,
            "result_summary": cut(answer, SUMMARY_CHARACTERS),
        }
        if error:
            payload["error"] = error
        _add_price(payload, cost, tries)
        if usage is None:
            self._emit("llm_call_completed", payload, fields)
            return
        payload["token_usage"] = usage
        self._emit(
            "llm_call_completed", payload, fields, {name: n for name in TOKENS if isinstance(n := usage.get(name), int)}
        )

    def tool_invoked(
        self, tool_name: str, api_name: str, args: object, *, tool_call_id: str | None = None, **more: object
    ) -> str:
        """A call of a tool begins. `api_name`: `run` if the tool has only one function. Returns the id of the call."""
        tool_call_id = tool_call_id or self._new_id()
        payload: dict[str, object] = {"tool_name": tool_name, "api_name": api_name, "tool_call_id": tool_call_id}
        payload["args_summary"] = cut(text(args), SUMMARY_CHARACTERS)
        self._emit("tool_invoked", payload, self._located(tool_call_id, more))
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
        cost: float | None = None,
        tries: int | None = None,
        **more: object,
    ) -> None:
        """A call of a tool ends. `state`: SUCCESS, HTTP_ERROR, ARGS_ERROR or API_ERROR. `cost`, `tries`: as of a model."""
        payload: dict[str, object] = {"tool_name": tool_name, "api_name": api_name, "tool_call_id": tool_call_id}
        payload |= {
            "state": state,
            "duration_seconds": duration_seconds,
            "result_summary": cut(text(result), SUMMARY_CHARACTERS),
        }
        _add_price(payload, cost, tries)
        self._emit("tool_returned", payload, {"error": error or None, **self._as_begun(tool_call_id, more)})

    def _located(self, call_id: str, more: Mapping[str, object]) -> Mapping[str, object]:
        """Optional fields of the beginning of a call, with node and step of the current step, unless they name a node."""
        fields = located(self, more)
        if fields is not more:
            self._memory.calls[call_id] = {"step": fields["step"], "node_id": fields["node_id"]}
        return fields

    def _as_begun(self, call_id: str, more: Mapping[str, object]) -> Mapping[str, object]:
        """Optional fields of the end of a call, with node and step of its beginning, unless they name a node."""
        if more.get("node_id") is not None or (begun := self._memory.calls.pop(call_id)) is None:
            return more
        return {**more, **begun}


def _add_price(payload: dict[str, object], cost: object, tries: object) -> None:
    """Add the cost of a call and the number of its tries, where they are known and valid."""
    if cost is not None and (dollars := amount_of(cost)) is not None:
        payload["cost"] = dollars
    if tries is not None and (number := count_of(tries, 1)) is not None:
        payload["tries"] = number
