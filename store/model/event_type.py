"""The sixteen event types: a record of facts for each. Other types use `Other`."""

from typing import Annotated

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import force_setattr

from store.model.facts import PREVIEW_CHARS, Facts, Id, Int, Preview, checksum
from store.model.prompt import NO_PROMPT, checksum_of, end_of

CUT_PROMPT_CHARS = 203
"""Characters of a `prompt_preview` that is cut off. Agents publish up to 200, and always add three dots."""

PLAN_TASKS_MAX = 10_000
"""Tasks of a plan that the facts keep."""

Seconds = Annotated[float, Meta(ge=-1e15, le=1e15)]
"""A duration. Bounded so that NaN and infinity are rejected and sums stay finite."""

Dollars = Annotated[float, Meta(ge=-1e12, le=1e12)]
"""A cost in US dollars. Bounded like `Seconds`."""


class RunStarted(Facts, frozen=True, omit_defaults=True):
    """A run began."""

    type = "run_started"
    run_mode: str | None = None
    parallel: bool = False
    """Whether steps of different nodes may overlap. The reference agents, which publish no such field, do one at a time."""


class TokenTotals(Struct, frozen=True, omit_defaults=True):
    """Tokens of a whole run, as reported by the agent."""

    total_prompt_tokens: Int | None = None
    total_completion_tokens: Int | None = None


class RunFinished(Facts, frozen=True, omit_defaults=True):
    """A run ended regularly, with or without success: failed items are skipped. The totals may all be 0."""

    type = "run_finished"
    total_steps: Int | None = None
    duration_seconds: Seconds | None = None
    total_nodes: Int | None = None
    total_llm_calls: Int | None = None
    total_tool_calls: Int | None = None
    token_usage_summary: TokenTotals | None = None


class RunError(Facts, frozen=True, omit_defaults=True):
    """A run ended with an exception outside of its items."""

    type = "run_error"
    preview_fields = ("error_message",)
    error_type: str | None = None
    error_message: Preview = None

    @property
    def failed(self) -> bool:
        return True


class StepStarted(Facts, frozen=True, omit_defaults=True):
    """A step of a node began. `step` counts from 0 for each root."""

    type = "step_started"
    root_field = "root_id"
    node_goal: str | None = None
    root_id: Id = None


class StepFinished(Facts, frozen=True, omit_defaults=True):
    """A step of a node ended. `status_after` is the only source of most status changes."""

    type = "step_finished"
    action_name: str | None = None
    status_after: str | None = None
    duration_seconds: Seconds | None = None

    @property
    def failed(self) -> bool:
        return self.status_after == "FAILED"


class NodeStatusChanged(Facts, frozen=True, omit_defaults=True):
    """A waiting node has a new status. The payload's `task_goal` belongs to another node and is not read."""

    type = "node_status_changed"
    node_goal: str | None = None
    old_status: str | None = None
    new_status: str | None = None

    @property
    def failed(self) -> bool:
        return self.new_status == "FAILED"


class NodeCreated(Facts, frozen=True, omit_defaults=True):
    """A node was created with the parent `outer_node_id`. Status, step and action in the payload are the parent's."""

    type = "node_created"
    node_fields = ("node_id", "outer_node_id")
    root_field = "root_node_id"
    node_nid: Id = None
    node_type: str | None = None
    task_type: str | None = None
    task_goal: str | None = None
    layer: Int | None = None
    outer_node_id: Id = None
    root_node_id: Id = None

    def __post_init__(self) -> None:
        Facts.__post_init__(self)
        if self.root_node_id == "UNKNOWN":  # in the node_created of a root
            force_setattr(self, "root_node_id", None)
        if isinstance(self.node_nid, int):
            force_setattr(self, "node_nid", str(self.node_nid))

    @property
    def is_root(self) -> bool:
        """Whether the node is a root: the node of an input item, without a parent."""
        return self.layer == 0 or (not self.outer_node_id and self.layer in (None, -1))


class PlannedTask(Struct, frozen=True, omit_defaults=True, gc=False):
    """A task of a plan. Only counted, so it has no fields."""


class PlanReceived(Facts, frozen=True, omit_defaults=True):
    """A plan of a node. An empty plan means that the node is executed without sub-tasks."""

    type = "plan_received"
    raw_plan: list[PlannedTask] | None = None

    def __post_init__(self) -> None:
        Facts.__post_init__(self)
        if self.raw_plan is not None and len(self.raw_plan) > PLAN_TASKS_MAX:
            force_setattr(self, "raw_plan", self.raw_plan[:PLAN_TASKS_MAX])


class NodeAdded(Facts, frozen=True, omit_defaults=True):
    """A node was added to the inner graph of its owner."""

    type = "node_added"
    node_fields = ("node_id", "graph_owner_node_id", "added_node_id")
    graph_owner_node_id: Id = None
    added_node_id: Id = None
    added_node_nid: Id = None


class EdgeAdded(Facts, frozen=True, omit_defaults=True):
    """A dependency between siblings: `child_node_id` depends on `parent_node_id`. Not containment."""

    type = "edge_added"
    node_fields = ("node_id", "graph_owner_node_id", "parent_node_id", "child_node_id")
    graph_owner_node_id: Id = None
    parent_node_id: Id = None
    child_node_id: Id = None
    parent_node_nid: Id = None
    child_node_nid: Id = None
    parent_nid: Id = None
    child_nid: Id = None


class InnerGraphBuilt(Facts, frozen=True, omit_defaults=True):
    """The inner graph of a node is complete."""

    type = "inner_graph_built"
    node_count: Int | None = None
    edge_count: Int | None = None
    node_ids: list[str | int] | None = None
    """Ids of the nodes in the graph, without empty ids."""

    def __post_init__(self) -> None:
        Facts.__post_init__(self)
        if self.node_ids is not None:
            force_setattr(self, "node_ids", [str(node_id) for node_id in self.node_ids if node_id != ""])

    @property
    def concerns(self) -> tuple[str, ...]:
        owner = (self.node_id,) if self.node_id else ()
        return tuple(dict.fromkeys((*owner, *(self.node_ids or ()))))


class NodeResultAvailable(Facts, frozen=True, omit_defaults=True):
    """A result of planning, executing or aggregating. Agents publish the first 500 characters."""

    type = "node_result_available"
    preview_fields = ("result_summary",)
    action_name: str | None = None
    result_summary: Preview = None


class LlmCallStarted(Facts, frozen=True, omit_defaults=True):
    """A call to a language model began."""

    type = "llm_call_started"
    begins_call = "llm"
    preview_fields = ("prompt_preview", "task_goal")
    agent_class: str | None = None
    model: str | None = None
    call_id: Id = None
    prompt_preview: Preview = None
    task_goal: Preview = None
    """Goal of the node for which the call is made."""
    prompt: msgspec.Raw = NO_PROMPT
    """As published. Empty in a decoded event."""
    prompt_checksum: Int | None = None
    """CRC-32 of the prompt. Prompts share their beginning, and are too long to be compared."""
    prompt_end: Preview = None
    """End of the last message of the prompt, if there is no goal. Prompts share their beginning, which is a template."""

    def __post_init__(self) -> None:
        Facts.__post_init__(self)
        if self.prompt:
            if not self.task_goal and len(self.prompt_preview or "") >= CUT_PROMPT_CHARS:
                force_setattr(self, "prompt_end", end_of(self.prompt))
            force_setattr(self, "prompt_checksum", checksum_of(self.prompt))
            force_setattr(self, "prompt", NO_PROMPT)

    @property
    def arguments(self) -> int | None:
        """Checksum of the prompt, else of its beginning; None if neither was published."""
        if self.prompt_checksum is not None or not self.prompt_preview:
            return self.prompt_checksum
        return checksum(self.prompt_preview)

    @property
    def about(self) -> str:
        """What distinguishes the call from others: the prompt if it is short, else the goal, else the end of the prompt."""
        preview = self.prompt_preview or ""
        if len(preview) < CUT_PROMPT_CHARS:
            return preview.removesuffix("...") or self.task_goal or ""
        return self.task_goal or (f"…{self.prompt_end}" if self.prompt_end else preview)


class TokenUsage(Struct, frozen=True, omit_defaults=True):
    """Tokens of one call. None if unknown, as in most calls."""

    prompt_tokens: Int | None = None
    """Includes cached and cache-written tokens."""
    completion_tokens: Int | None = None
    """Includes reasoning tokens."""
    cached_tokens: Int | None = None
    """Prompt tokens that the model server read from its cache."""
    cache_write_tokens: Int | None = None
    """Prompt tokens that the model server wrote to its cache."""
    reasoning_tokens: Int | None = None


class LlmCallCompleted(Facts, frozen=True, omit_defaults=True):
    """A call to a language model ended, with a response or an error."""

    type = "llm_call_completed"
    preview_fields = ("result_summary", "error")
    agent_class: str | None = None
    model: str | None = None
    call_id: Id = None
    duration_seconds: Seconds | None = None
    result_summary: Preview = None
    error: Preview = None
    token_usage: TokenUsage | None = None
    cost: Dollars | None = None
    tries: Int | None = None
    """How often the agent tried the call, if it says so."""

    @property
    def failed(self) -> bool:
        return bool(self.error)


class ToolInvoked(Facts, frozen=True, omit_defaults=True):
    """A call to a tool began."""

    type = "tool_invoked"
    begins_call = "tool"
    preview_fields = ("args_summary",)
    tool_name: str | None = None
    api_name: str | None = None
    tool_call_id: Id = None
    args_summary: Preview = None
    args_checksum: Int | None = None
    """CRC-32 of `args_summary` as published, if the preview is shorter."""

    def __post_init__(self) -> None:
        if self.args_summary is not None and len(self.args_summary) > PREVIEW_CHARS:
            force_setattr(self, "args_checksum", checksum(self.args_summary))
        Facts.__post_init__(self)

    @property
    def arguments(self) -> int | None:
        """Checksum of the arguments as far as they were published; None if they were not."""
        if self.args_checksum is not None or self.args_summary is None:
            return self.args_checksum
        return checksum(self.args_summary)


class ToolReturned(Facts, frozen=True, omit_defaults=True):
    """A call to a tool ended. No-op and finish actions have no tool_invoked."""

    type = "tool_returned"
    preview_fields = ("result_summary", "error")
    tool_name: str | None = None
    api_name: str | None = None
    tool_call_id: Id = None
    state: str | None = None
    duration_seconds: Seconds | None = None
    result_summary: Preview = None
    error: Preview = None
    cost: Dollars | None = None
    tries: Int | None = None

    @property
    def failed(self) -> bool:
        return bool(self.error) or (self.state or "").endswith("_ERROR")


class Other(Facts, frozen=True, omit_defaults=True):
    """An event of any other type. Such events are stored, counted and shown."""

    type = "other"


TYPES: dict[str, type[Facts]] = {kind.type: kind for kind in Facts.__subclasses__() if kind is not Other}
"""The sixteen types by name, in the order above."""
