"""The simulated engine: items, steps and actions, and the events that it publishes for them.

The order of events is that of section 4 of the event reference; fields and context are those of sections 1 and 2.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from tui.demo.call import Caller
from tui.demo.graph import LIFE, Agenda, Edge, Node, NodeType, connect
from tui.demo.plan import Planner, Task, TaskType
from tui.demo.report import Totals, failed, finished, started
from tui.demo.scenario import Scenario
from tui.demo.text import Author, Duty
from tui.demo.topic import Topic
from tui.demo.wire import SUMMARY, Payload, Published, Wire, result_summary

Events = Iterator[Published]

SEARCHES = (1, 1, 2, 2, 2, 3, 3, 4, 0)
"""Numbers of searches of a retrieval. One of them is drawn. 0: the answer is cached."""

DUTIES: dict[TaskType, Duty] = {"COMPOSITION": "write", "REASONING": "think", "RETRIEVAL": "merge"}
"""Kind of answer that executes a task."""

REWRITTEN_SHARE = 0.3
"""Share of writing tasks with prerequisites whose goal is rewritten once these are finished."""

SUMMARY_TASKS = 9
"""Tasks of a plan in the summary of its result: more than its length allows."""

ANSWER_TASKS = 50
"""Tasks of a plan in the answer of a model; of wider plans the rest is omitted."""


class ActionError(Exception):
    """An action failed. The engine drops the item without an event."""


class KilledError(Exception):
    """The process was killed."""


class Run:
    """One run. Items are sequential, and so are the steps of an item."""

    def __init__(self, scenario: Scenario, topic: Topic, planner: Planner, goals: Author) -> None:
        self._scenario = scenario
        self._pace = scenario.pace
        self._topic = topic
        self._planner = planner
        self._goals = goals
        self._texts = Author(topic, Random(f"{scenario.seed}/texts"), lean=scenario.text_bytes is not None)
        self._luck = Random(f"{scenario.seed}/luck")
        self._wire = Wire(Random(f"{scenario.seed}/wire"), scenario.start, scenario.generation, scenario.text_bytes)
        self._totals = Totals()
        self._caller = Caller(scenario, self._wire, self._texts, self._totals)
        self._root_id = ""
        self._until_doom = -1
        """Executions of this item that still succeed; negative if all do."""
        if scenario.ending == "failing-branch":
            self._caller.model_faults, self._caller.tool_faults = 1, 3

    # -- run and items -------------------------------------------------------------------------------------------------

    def events(self) -> Events:
        """All events of the run. Generation G2 has no run events."""
        tasks = [self._planner.root(item) for item in range(self._scenario.items)]
        closing: tuple[str, Payload] | None = None
        if self._scenario.generation == "G5":
            asks = [task.goal for task in tasks]
            yield self._wire.event("run_started", started(self._scenario, self._topic, asks, self._wire.now()))
        for item, task in enumerate(tasks):
            try:
                yield from self._item(task, doomed=item == self._scenario.items // 2)
            except KilledError:
                return
            except ActionError:
                if self._scenario.ending == "failed":
                    closing = "run_error", failed(self._totals, self._topic, item)
                    break
        if self._scenario.generation == "G5":
            closing = closing or ("run_finished", finished(self._totals, self._topic, self._wire.since(0)))
            yield self._wire.event(*closing)

    def _item(self, task: Task, *, doomed: bool) -> Events:
        root = self._node(task, "PLAN_NODE", None)
        root.status, self._root_id, self._caller.ask = "READY", root.node_id, task.goal
        self._until_doom = self._planner.midway if doomed and self._scenario.ending != "finished" else -1
        yield self._wire.event("node_created", self._created(root))
        agenda, step = Agenda(root), 0
        while agenda:
            yield from self._step(agenda, agenda.first, step)
            self._wire.spend(self._pace.gap)
            step += 1

    # -- nodes and steps -----------------------------------------------------------------------------------------------

    def _node(self, task: Task, kind: NodeType, outer: Node | None) -> Node:
        self._totals.created[task.task_type] += 1
        return Node(self._wire.uuid(), task, kind, outer.layer + 1 if outer else 0, outer)

    def _created(self, node: Node) -> Payload:
        return {
            "node_id": node.node_id,
            "node_nid": node.task.nid,
            "node_type": node.kind,
            "task_type": node.task.task_type,
            "task_goal": node.task.goal,
            "layer": node.layer,
            "outer_node_id": node.outer.node_id if node.outer else None,
            "root_node_id": self._root_id if node.outer else "UNKNOWN",
            "initial_parent_nids": list(node.task.declared),
        }

    def _step(self, agenda: Agenda, node: Node, step: int) -> Events:
        """One step: step_started, the action, the status changes of other nodes, step_finished."""
        wire, task, began = self._wire, node.task, self._wire.clock
        action, after = LIFE[node.kind, node.status]
        announced: Payload = {"step": step, "node_id": node.node_id, "node_goal": task.goal, "root_id": self._root_id}
        yield wire.event("step_started", announced)
        step_ctx: Payload = {"step": step, "node_id": node.node_id, "task_type": task.task_type, "task_goal": task.goal}
        ctx: Payload = {
            "step": step,
            "node_id": node.node_id,
            "task_type": task.task_type,
            "action_name": action,
            "node_status": node.status,
            "node_next_status": after,
            "task_goal": task.goal,
        }
        wire.spend(self._pace.reflect)
        yield from self._act(node, action, ctx)
        for other, old, new in agenda.advance(node, after):
            changed: Payload = {"node_id": other.node_id, "node_goal": other.task.goal}
            changed |= {"old_status": old, "new_status": new, "step": step, "task_type": other.task.task_type}
            yield wire.event("node_status_changed", changed, step_ctx)
        self._totals.steps += 1
        self._totals.finished += after == "FINISH"
        ended: Payload = {"step": step, "node_id": node.node_id, "action_name": action, "status_after": after}
        yield wire.event("step_finished", ended | {"duration_seconds": wire.since(began)}, step_ctx)

    def _act(self, node: Node, action: str, ctx: Payload) -> Events:
        if action == "plan":
            yield from self._plan(node, ctx)
        elif action == "execute":
            yield from self._execute(node, ctx)
        elif action == "final_aggregate":
            self._aggregate(node)
        else:
            return
        summary = result_summary(node.result)
        available: Payload = {"node_id": node.node_id, "action_name": action, "result_summary": summary}
        yield self._wire.event("node_result_available", available, ctx)

    # -- planning ------------------------------------------------------------------------------------------------------

    def _plan(self, node: Node, ctx: Payload) -> Events:
        """Get the verdict whether the task is atomic, and a plan; then build the inner graph."""
        tasks = self._planner.split(node.task, node.layer)
        yield from self._deliberate(node, tasks, ctx)
        self._wire.spend(self._pace.reflect)
        received: Payload = {"node_id": node.node_id, "raw_plan": [task.raw() for task in tasks]}
        yield self._wire.event("plan_received", received, ctx)
        kind: NodeType = "PLAN_NODE" if tasks else "EXECUTE_NODE"
        nodes = [self._node(task, kind, node) for task in tasks or [node.task.atom()]]
        edges = connect(node, nodes)
        yield from self._built(node, nodes, edges, ctx)
        node.result = {"result": self._summarised(node.task, nodes, edges)}

    def _deliberate(self, node: Node, tasks: list[Task], ctx: Payload) -> Events:
        """The model calls before a plan. They may rewrite the goal of a node with prerequisites."""
        task, texts, brief = node.task, self._texts, node.task.brief()
        if task.task_type == "RETRIEVAL" and node.depends:
            goal = self._goals.sharpened(task.goal)
            yield from self._caller.consult(node, ctx, "goal", lambda extra: texts.retargeted(brief, goal, extra))
            task.goal = goal
        if task.task_type != "COMPOSITION" or not self._planner.judged(node.layer):
            return
        rewritten = node.depends and self._luck.random() < REWRITTEN_SHARE
        update = self._goals.sharpened(task.goal) if rewritten else None
        verdict = "complex" if tasks else "atomic"
        yield from self._caller.consult(node, ctx, "atom", lambda extra: texts.verdict(brief, verdict, update, extra))
        task.goal = update or task.goal
        if tasks:
            head = [part.raw() for part in tasks[:ANSWER_TASKS]]
            yield from self._caller.consult(node, ctx, "plan", lambda extra: texts.plan(brief, head, extra))

    def _built(self, owner: Node, nodes: list[Node], edges: list[Edge], ctx: Payload) -> Events:
        """The events of an inner graph: every node_created, every node_added, then the edges."""
        wire, owned = self._wire, {"graph_owner_node_id": owner.node_id}
        created_ctx = {name: ctx[name] for name in ("step", "action_name", "node_status", "node_next_status")}
        for node in nodes:
            yield wire.event("node_created", self._created(node), created_ctx)
        for node in nodes:
            yield wire.event("node_added", {**owned, "added_node_id": node.node_id, "added_node_nid": node.task.nid}, ctx)
        for parent, child in edges:
            edge: Payload = {**owned, "parent_node_id": parent.node_id, "child_node_id": child.node_id}
            edge |= {"parent_node_nid": parent.task.nid, "child_node_nid": child.task.nid}
            yield wire.event("edge_added", edge, ctx)
        built: Payload = {"node_id": owner.node_id, "node_count": len(nodes), "edge_count": len(edges)}
        yield wire.event("inner_graph_built", built | {"node_ids": [node.node_id for node in nodes]}, ctx)

    @staticmethod
    def _summarised(task: Task, nodes: list[Node], edges: list[Edge]) -> list[Payload]:
        """The first tasks of the built graph, with implied dependencies (trap 21); of an atomic task, the atom."""
        if nodes[0].kind == "EXECUTE_NODE":
            return [{"id": 0, "dependency": [], "atom": True} | task.required()]
        head = {node: node.task.raw() for node in nodes[:SUMMARY_TASKS]}
        for node, raw in head.items():
            implied = [parent.task.nid for parent, child in edges if child is node]
            raw["dependency"] = node.task.declared + [nid for nid in implied if nid not in node.task.declared]
        return list(head.values())

    # -- executing -----------------------------------------------------------------------------------------------------

    def _execute(self, node: Node, ctx: Payload) -> Events:
        """Search, write or think. In a doomed item, the execution at `_until_doom` fails."""
        task, texts, caller = node.task, self._texts, self._caller
        if self._until_doom == 0:
            yield from self._fail(node, ctx)
        self._until_doom -= 1
        if task.task_type == "RETRIEVAL":
            turns = SEARCHES[int(self._luck.random() * len(SEARCHES))]
            for turn in range(4 if caller.tool_faults else turns):
                yield from caller.search(node, ctx, turn)

        def respond(extra: int) -> str:
            if task.task_type == "COMPOSITION":
                answer = texts.article(task.subject.title, task.brief(), extra)
            else:
                answer = texts.notes(task.brief(), extra)
            node.result = {"original": answer[:SUMMARY], "result": answer.partition("<result>\n")[2][:SUMMARY]}
            return answer

        yield from caller.consult(node, ctx, DUTIES[task.task_type], respond)

    def _aggregate(self, node: Node) -> None:
        """Set the result of a plan: of an atomic task the result of its only child, else those of its writers, joined."""
        first = node.inner[0]
        if first.kind == "EXECUTE_NODE":
            node.result = first.result
        else:
            writers = [inner for inner in node.inner if inner.task.task_type == "COMPOSITION"] or [first]
            texts = [str(inner.result["result"]) for inner in writers[:SUMMARY_TASKS]]
            node.result = {"result": "\n\n".join(texts)[:SUMMARY]}
        node.inner = []

    def _fail(self, node: Node, ctx: Payload) -> Events:
        """Raise KilledError inside a call, or ActionError after three failed calls."""
        self._caller.tool_faults = 3
        for turn in range(3):
            searching = node.task.task_type == "RETRIEVAL"
            duty = DUTIES[node.task.task_type]
            caller = self._caller
            call = caller.search(node, ctx, turn) if searching else caller.call(node, ctx, duty, None)
            yield next(call)
            if self._scenario.ending == "killed":
                raise KilledError
            yield from call
        self._caller.tool_faults = 0
        raise ActionError
