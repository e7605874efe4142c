"""Planners of the simulated engine: they divide a task into sub-tasks with dependencies.

Every task has a budget: the number of nodes of its subtree, its own node included. Sub-tasks share the budget of their
parent. An atomic task has two nodes: one plans and one executes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Literal, Protocol

from tui.demo.subject import Subject
from tui.demo.text import Author

TaskType = Literal["COMPOSITION", "REASONING", "RETRIEVAL"]
TAGS: dict[TaskType, str] = {"COMPOSITION": "write", "REASONING": "think", "RETRIEVAL": "search"}
"""Names of the task types in plans, by their names in events."""

ATOM = 2
"""Nodes of an atomic task."""

SMALLEST_PLAN = 7
"""Nodes of the smallest plan: the planning node and three atomic tasks."""


@dataclass(slots=True)
class Task:
    """One task of a plan."""

    nid: str
    task_type: TaskType
    goal: str
    subject: Subject
    budget: int = ATOM
    declared: list[str] = field(default_factory=list)
    """The nids of its declared prerequisites; some may belong to another graph."""
    length: str | None = None
    hint: list[Subject] = field(default_factory=list)
    """Parts that the planner already lists as sub-tasks."""

    def raw(self) -> dict[str, object]:
        """The task in the JSON of a plan."""
        raw: dict[str, object] = {"id": self.nid, "task_type": TAGS[self.task_type], "goal": self.goal}
        if self.length:
            raw["length"] = self.length
        foreseen = [
            {"id": f"{self.nid}.{i}", "task_type": "write", "goal": f"Write about {part.title}.", "dependency": []}
            for i, part in enumerate(self.hint, 1)
        ]
        return raw | {"dependency": list(self.declared), "sub_tasks": foreseen}

    def required(self) -> dict[str, object]:
        """The mandatory fields of the task."""
        required: dict[str, object] = {"goal": self.goal, "task_type": TAGS[self.task_type]}
        return required | ({"length": self.length} if self.length else {})

    def brief(self) -> dict[str, object]:
        """The task in the JSON of a prompt."""
        return {"id": self.nid, "dependency": list(self.declared)} | self.required()

    def atom(self) -> Task:
        """The only task of an atomic plan: this task, to be executed."""
        return Task("0", self.task_type, self.goal, self.subject, length=self.length)


class Planner(Protocol):
    """Divides tasks into sub-tasks."""

    @property
    def midway(self) -> int:
        """Number of executions in about the first half of an item."""

    def root(self, item: int) -> Task:
        """The task of one input item."""

    def split(self, task: Task, layer: int) -> list[Task]:
        """The sub-tasks in plan order; empty if the task is atomic."""

    def judged(self, layer: int) -> bool:
        """Whether a model call decides if a writing task in this layer is atomic."""


def resolve(tasks: Sequence[Task]) -> list[list[int]]:
    """The prerequisites of each task as indices into the plan, in the order of their edge events.

    Declared prerequisites of other graphs are ignored. A REASONING task also has all earlier REASONING tasks as
    prerequisites, sorted; a COMPOSITION task all earlier COMPOSITION tasks, appended.
    """
    places = {task.nid: place for place, task in enumerate(tasks)}
    earlier: dict[TaskType, list[int]] = {"COMPOSITION": [], "REASONING": [], "RETRIEVAL": []}
    resolved: list[list[int]] = []
    for place, task in enumerate(tasks):
        parents = [places[nid] for nid in task.declared if nid in places]
        if task.task_type != "RETRIEVAL":
            parents += [other for other in earlier[task.task_type] if other not in parents]
            earlier[task.task_type].append(place)
        resolved.append(sorted(parents) if task.task_type == "REASONING" else parents)
    return resolved


def topological(parents: Sequence[Sequence[int]]) -> list[int]:
    """The tasks in topological order: by the length of the longest chain of prerequisites."""
    wave: list[int] = []
    for place, needed in enumerate(parents):
        wave.append(1 + max((wave[other] for other in needed), default=-1))
        assert all(other < place for other in needed), "prerequisites come first in a plan"
    return sorted(range(len(parents)), key=wave.__getitem__)


class TreePlanner:
    """Plans of a real agent: thinking and searching first, then writing tasks. Some of these are planned again.

    `depth`: deepest layer of a node. Tasks in layers up to `depth - 2` may be split; in layer `depth - 1` they are atomic.
    If a budget exceeds plans of ordinary width, they become wider.
    """

    def __init__(self, author: Author, rng: Random, nodes: int, depth: int) -> None:
        self.midway = nodes // 5
        self._nodes = nodes
        self._author = author
        self._rng = rng
        self._levels = max(1, depth - 1)
        self._excess = 0
        """Nodes beyond the budgets up to now. The next plans get fewer."""

    def root(self, item: int) -> Task:
        goal = self._author.ask(item)
        return Task("", "COMPOSITION", goal, Subject.of(self._author.topic), self._nodes, length="as the task requires")

    def judged(self, layer: int) -> bool:
        return layer < self._levels

    def split(self, task: Task, layer: int) -> list[Task]:
        levels = self._levels - layer
        if task.task_type != "COMPOSITION" or task.budget <= ATOM or levels < 1:
            return []
        room = max(2 * ATOM if task.budget > SMALLEST_PLAN else ATOM, task.budget - 1 - self._excess)
        thinks, searches, writes = self._shape(room, levels)
        self._excess += ATOM * (thinks + searches) + sum(writes) - (task.budget - 1)
        return self._tasks(task, thinks, searches, writes)

    def _shape(self, room: int, levels: int) -> tuple[int, int, list[int]]:
        """Number of thinking tasks, number of searches, and the budgets of the writing tasks."""
        if levels == 1 or room < SMALLEST_PLAN + 3 * ATOM:
            count = max(1, (room + self._number(0, 2)) // ATOM)
            writes = min(6, max(1, round(0.55 * count)))
            thinks = min(2, (count - writes + 1) // 3)
            return thinks, count - writes - thinks, [ATOM] * writes
        thinks = 1 + (room > 24 and self._rng.random() < 0.6)
        searches = min(5, max(1, room // 9 + self._number(-1, 2)))
        rest = room - ATOM * (thinks + searches)
        width = min(9, max(2, round(rest ** (1 / levels)) + self._number(0, 2)))
        return thinks, searches, self._shares(rest, min(width, rest // ATOM))

    def _shares(self, rest: int, count: int) -> list[int]:
        """`rest` nodes divided unevenly among `count` writing tasks; the first and the last get few."""
        weights = [0.4 + 1.2 * self._rng.random() for _ in range(count)]
        if count > 3:
            weights[0] = weights[-1] = 0.2
        unit = rest / sum(weights)
        shares: list[int] = []
        for i, weight in enumerate(weights):
            wanted = round(weight * unit) if i < count - 2 or count < 3 else (rest - sum(shares)) // (count - i)
            shares.append(wanted if wanted > SMALLEST_PLAN + 1 else SMALLEST_PLAN if wanted > 4 else ATOM)
        return shares

    def _tasks(self, outer: Task, thinks: int, searches: int, writes: list[int]) -> list[Task]:
        subject, tasks = outer.subject, list[Task]()

        def add(task_type: TaskType, goal: str, about: Subject, declared: list[str]) -> Task:
            nid = f"{outer.nid}.{len(tasks) + 1}" if outer.nid else str(len(tasks) + 1)
            tasks.append(Task(nid, task_type, goal, about, declared=declared))
            return tasks[-1]

        if thinks:
            add("REASONING", self._author.think_goal(subject, 0), subject, self._foreign(outer))
        for i in range(searches):
            after = ["1" if not outer.nid else f"{outer.nid}.1"] if thinks and self._rng.random() < 0.25 else []
            add("RETRIEVAL", self._author.search_goal(subject, i), subject, after)
        for i in range(1, thinks):
            add("REASONING", self._author.think_goal(subject, i), subject, [tasks[-1].nid])
        before = [task.nid for task in tasks]
        for about, budget in zip(subject.parts(len(writes)), writes, strict=True):
            task = add("COMPOSITION", self._author.write_goal(about, subject), about, self._some(before))
            task.budget, task.length = budget, f"{max(200, 120 * budget + 50 * self._number(0, 6))} words"
            task.hint = about.parts(2) if budget > ATOM and not outer.nid else []
        tasks[-1].declared = self._conclusion(tasks) if len(writes) > 2 else tasks[-1].declared
        return tasks

    def _some(self, nids: list[str]) -> list[str]:
        chosen = [nid for nid in nids[:12] if self._rng.random() < 0.4]
        return chosen or nids[:1]

    def _conclusion(self, tasks: list[Task]) -> list[str]:
        return [task.nid for task in tasks[:-1] if task.task_type == "COMPOSITION"]

    def _foreign(self, outer: Task) -> list[str]:
        """Sometimes a prerequisite in the parent's graph. It yields no edge."""
        return outer.declared[:1] if self._rng.random() < 0.2 else []

    def _number(self, low: int, high: int) -> int:
        return low + int(self._rng.random() * (high - low))


@dataclass(frozen=True, slots=True)
class ChainPlanner:
    """Plans with one sub-task, in `levels` layers."""

    author: Author
    levels: int

    @property
    def midway(self) -> int:
        return 0

    def root(self, item: int) -> Task:
        return Task("", "COMPOSITION", self.author.ask(item), Subject.of(self.author.topic), length="one page")

    def judged(self, layer: int) -> bool:
        return layer < self.levels - 1

    def split(self, task: Task, layer: int) -> list[Task]:
        if layer >= self.levels - 1:
            return []
        goal = f"Narrow it down further: question {layer + 1} of {self.levels - 1} about {self.author.topic.title}."
        return [Task("1", "COMPOSITION", goal, task.subject, length="one page")]


@dataclass(frozen=True, slots=True)
class FanPlanner:
    """One plan with `children` independent searches."""

    author: Author
    children: int

    @property
    def midway(self) -> int:
        return self.children // 2

    def root(self, item: int) -> Task:
        return Task("", "COMPOSITION", self.author.ask(item), Subject.of(self.author.topic), length="one page")

    def judged(self, layer: int) -> bool:
        return layer == 0

    def split(self, task: Task, layer: int) -> list[Task]:
        if layer > 0:
            return []
        subject = task.subject
        return [Task(str(i + 1), "RETRIEVAL", self.author.search_goal(subject, i), subject) for i in range(self.children)]
