"""A fast source of the events of real agents: shapes of trees, and the events of a run through such a tree.

All nodes are planned first, level by level. Then the leaves are executed in the order of the tree. Nodes are numbered in
the order of their creation, from 0 for the root. All other values of a node follow from its number.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from random import Random
from time import gmtime, strftime

START_MS = 1_745_800_000_000
"""Start of the first run, in milliseconds since 1970."""

SUBJECTS = ("the harbour", "a lighthouse", "old maps", "the tides", "winter light", "salt marshes", "ferries", "the pier")
DEEDS = ("Describe", "Compare sources on", "Check the dates of", "Summarise", "Find out who wrote about", "Put a price on")
REASONS = ("for the second chapter", "before 1900", "as sailors saw it", "in plain words", "with two examples", "once more")

Shape = Sequence[Sequence[int]]
"""The children of each node."""


def bushy(nodes: int, seed: int) -> Shape:
    """A tree with this many nodes, built level by level: three to eight tasks in each plan."""
    luck, children, waiting = Random(seed), [list[int]() for _ in range(nodes)], deque([0])
    born = 1
    while born < nodes:
        count = min(luck.randint(3, 8), nodes - born)
        children[waiting.popleft()] = list(range(born, born + count))
        waiting.extend(range(born, born + count))
        born += count
    return children


def chain(nodes: int) -> Shape:
    """A chain: each node contains the next one."""
    return [[number + 1] for number in range(nodes - 1)] + [[]]


def flat(nodes: int) -> Shape:
    """A root that contains all other nodes."""
    return [list(range(1, nodes)), *([] for _ in range(nodes - 1))]


def run_id(seed: int) -> str:
    """Id of the run with this seed."""
    return f"{seed * 2654435761 & 0xFFFFFFFF:08x}-{seed & 0xFFFF:04x}-4000-9000-{seed:012x}"


def event_id(seed: int, number: int) -> str:
    """Id of an event of the run with this seed."""
    return f"{number * 2654435761 & 0xFFFFFFFF:08x}-{seed & 0xFFFF:04x}-4000-a000-{number:012x}"


def node_id(seed: int, number: int) -> str:
    """Id of a node of the run with this seed."""
    return f"{number * 2654435761 & 0xFFFFFFFF:08x}-{seed & 0xFFFF:04x}-4000-8000-{number:012x}"


def goal(number: int) -> str:
    """Goal of a node; begins with `T` and six digits."""
    deed, subject, reason = (number * 7 + 3) % len(DEEDS), (number * 5 + 1) % len(SUBJECTS), number * 11 % len(REASONS)
    return f"T{number:06d} {DEEDS[deed]} {SUBJECTS[subject]} {REASONS[reason]}"


class Agent:
    """Produces the bodies of a run through a tree of tasks. Its clock advances by four milliseconds per event."""

    def __init__(self, shape: Shape, seed: int = 1, after_ms: int = 0) -> None:
        self.run_id = run_id(seed)
        self._shape = shape
        self._seed = seed
        self._now = START_MS + after_ms
        self._said = 0
        self._steps = 0
        self._second = (0, "")
        """The second of the clock, and its text."""

    def unfinished(self) -> Iterator[bytes]:
        """The run without its end: the last fiftieth of the leaves is not executed yet, the first of them is begun."""
        yield from self._begun()
        yield from self._worked(left=max(self._leaves() // 50, 1))

    def finished(self) -> Iterator[bytes]:
        """The complete run."""
        yield from self._begun()
        yield from self._worked(left=0)
        yield self.say("run_finished", f'"total_steps":{self._steps},"total_nodes":{len(self._shape)}')

    def say(self, event_type: str, payload: str) -> bytes:
        """The body of an event, given the members of its payload as JSON text."""
        self._said += 1
        self._now += 4
        seconds, ms = divmod(self._now, 1000)
        if seconds != self._second[0]:
            self._second = (seconds, strftime("%Y-%m-%dT%H:%M:%S", gmtime(seconds)))
        return (
            f'{{"event_id":"{event_id(self._seed, self._said)}",'
            f'"timestamp":"{self._second[1]}.{ms:03d}Z","event_type":"{event_type}","payload":{{{payload}}},'
            f'"run_id":"{self.run_id}"}}'
        ).encode()

    def _id(self, number: int) -> str:
        return node_id(self._seed, number)

    def _leaves(self) -> int:
        return sum(not children for children in self._shape)

    # Planning

    def _begun(self) -> Iterator[bytes]:
        yield self.say("run_started", '"run_mode":"report","input_data":{"filename":"goals.jsonl"}')
        yield self._created(0, None, 0, 0)
        waiting = deque([(0, 0)])
        while waiting:
            number, depth = waiting.popleft()
            if self._shape[number]:
                yield from self._planned(number, depth)
                waiting.extend((child, depth + 1) for child in self._shape[number])

    def _planned(self, number: int, depth: int) -> Iterator[bytes]:
        """Events that plan a node and start its first task."""
        children, owner = self._shape[number], self._id(number)
        yield from self._step_begun(number)
        yield from self._asked(number, "Planner", failed=False)
        parts = ",".join(f'{{"id":{place},"goal":"{goal(child)}"}}' for place, child in enumerate(children[:10], 1))
        yield self.say("plan_received", f'"node_id":"{owner}","raw_plan":[{parts}]')
        for place, child in enumerate(children, 1):
            yield self._created(child, number, place, depth + 1)
        for place, child in enumerate(children, 1):
            yield self.say(
                "node_added",
                f'"node_id":"{owner}","graph_owner_node_id":"{owner}","added_node_id":"{self._id(child)}",'
                f'"added_node_nid":"{place}"',
            )
        if len(children) <= 8:  # of very wide plans, all parts can be worked on at once
            for place in range(1, len(children)):
                before, after = children[place - 1], children[place]
                yield self.say(
                    "edge_added",
                    f'"node_id":"{owner}","graph_owner_node_id":"{owner}","parent_node_id":"{self._id(before)}",'
                    f'"child_node_id":"{self._id(after)}","parent_node_nid":"{place}","child_node_nid":"{place + 1}"',
                )
        yield self.say("inner_graph_built", f'"node_id":"{owner}","node_count":{len(children)}')
        yield self._step_ended(number, "plan", "DOING")

    def _created(self, number: int, outer: int | None, place: int, depth: int) -> bytes:
        kind = "PLAN_NODE" if self._shape[number] else "EXECUTE_NODE"
        task = ("COMPOSITION", "REASONING", "RETRIEVAL")[number % 3]
        around = "null" if outer is None else f'"{self._id(outer)}"'
        root = "UNKNOWN" if outer is None else self._id(0)
        return self.say(
            "node_created",
            f'"node_id":"{self._id(number)}","node_nid":"{place or ""}","node_type":"{kind}","task_type":"{task}",'
            f'"task_goal":"{goal(number)}","layer":{depth},"outer_node_id":{around},"root_node_id":"{root}"',
        )

    # Working

    def _worked(self, left: int) -> Iterator[bytes]:
        """Events that execute the leaves, except the last ones, and aggregate each node whose tasks are finished."""
        todo = self._leaves() - left
        open_parts = [len(children) for children in self._shape]
        outer = [0] * len(self._shape)
        for number, children in enumerate(self._shape):
            for child in children:
                outer[child] = number
        for number in self._in_order():
            if todo == 0:
                if left:
                    yield from self._step_begun(number)
                    yield self._call(number, "Writer", f"c{self._said}")
                return
            todo -= 1
            yield from self._executed(number)
            while number and (number := outer[number]) >= 0:
                open_parts[number] -= 1
                if open_parts[number]:
                    break
                yield from self._aggregated(number)

    def _in_order(self) -> Iterator[int]:
        """The leaves in the order of the tree."""
        waiting = [0]
        while waiting:
            number = waiting.pop()
            waiting += reversed(self._shape[number])
            if not self._shape[number]:
                yield number

    def _executed(self, number: int) -> Iterator[bytes]:
        mine, failed = self._id(number), number % 97 == 0
        yield self.say(
            "node_status_changed",
            f'"node_id":"{mine}","node_goal":"{goal(number)}","old_status":"NOT_READY","new_status":"READY"',
        )
        yield from self._step_begun(number)
        if number % 5 < 3:
            tool = f'"node_id":"{mine}","tool_name":"BingBrowser","api_name":"run","tool_call_id":"t{self._said}"'
            yield self.say("tool_invoked", f"{tool},\"args_summary\":\"{{'query': '{SUBJECTS[number % 8]}'}}\"")
            yield self.say("tool_returned", f'{tool},"state":"SUCCESS","duration_seconds":0.25')
        yield from self._asked(number, "Writer", failed)
        if number % 997 == 0:
            yield self._step_ended(number, "execute", "FAILED")
            return
        yield self._result(number, "execute")
        yield self._step_ended(number, "execute", "FINISH")

    def _aggregated(self, number: int) -> Iterator[bytes]:
        yield from self._step_begun(number)
        yield self._result(number, "final_aggregate")
        yield self._step_ended(number, "final_aggregate", "FINISH")

    def _result(self, number: int, action: str) -> bytes:
        summary = f"All about {SUBJECTS[number % 8]}"
        return self.say(
            "node_result_available", f'"node_id":"{self._id(number)}","action_name":"{action}","result_summary":"{summary}"'
        )

    def _step_begun(self, number: int) -> Iterator[bytes]:
        self._steps += 1
        yield self.say(
            "step_started",
            f'"step":{self._steps},"node_id":"{self._id(number)}","node_goal":"{goal(number)}","root_id":"{self._id(0)}"',
        )

    def _step_ended(self, number: int, action: str, after: str) -> bytes:
        return self.say(
            "step_finished",
            f'"step":{self._steps},"node_id":"{self._id(number)}","action_name":"{action}","status_after":"{after}",'
            f'"duration_seconds":{(number % 40) / 10 + 0.1:.1f}',
        )

    def _asked(self, number: int, who: str, failed: bool) -> Iterator[bytes]:
        """A call of a model and its answer; a failed call is repeated once."""
        for went_wrong in (True, False) if failed else (False,):
            call = f"c{self._said}"
            yield self._call(number, who, call)
            answer = '"error":"timeout"' if went_wrong else '"token_usage":{"prompt_tokens":120,"completion_tokens":34}'
            yield self.say(
                "llm_call_completed",
                f'"node_id":"{self._id(number)}","agent_class":"{who}","model":"gpt-4o-mini","call_id":"{call}",'
                f'"duration_seconds":1.5,"result_summary":"Well.",{answer}',
            )

    def _call(self, number: int, who: str, call: str) -> bytes:
        return self.say(
            "llm_call_started",
            f'"node_id":"{self._id(number)}","agent_class":"{who}","model":"gpt-4o-mini","call_id":"{call}",'
            f'"prompt_preview":"You are asked about {SUBJECTS[number % 8]}."',
        )
