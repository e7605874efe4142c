"""The critical path of a run, compared with an enumeration of all chains of work."""

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from random import Random

import pytest
from msgspec import Struct

from store.model.critical_path import critical_path
from store.model.state import EdgeKey

Part = tuple[str, bool]
"""The work of a task before (False) or after (True) the tasks inside it."""


class TaskWork(Struct, frozen=True):
    """The own work of a task, in seconds: its steps without the time in which a task inside it has a step."""

    node_id: str
    parent: str | None
    """Id of the task that contains it."""
    before: float = 0.0
    """Work before the tasks inside it began. All of its work, if there are none."""
    after: float = 0.0
    """The rest of its work."""


class Found(Struct, frozen=True):
    """The critical path of a run or of a part of it, in seconds. Like `CriticalPath`, with ids."""

    work: float
    length: float
    path: tuple[str, ...]
    seconds: dict[str, float]
    slack: dict[str, float]
    width: float | None


def found_path(tasks: Iterable[TaskWork], edges: Iterable[EdgeKey]) -> Found:
    """The critical path of these tasks. Edges between other tasks are ignored, and so are those in a cycle."""
    listed = list(tasks)
    numbers = {task.node_id: number for number, task in enumerate(listed)}
    found = critical_path(
        [-1 if task.parent is None else numbers.get(task.parent, -1) for task in listed],
        [task.before for task in listed],
        [task.after for task in listed],
        [(numbers[edge.parent], numbers[edge.child]) for edge in edges if {edge.parent, edge.child} <= numbers.keys()],
    )
    ids = [task.node_id for task in listed]
    return Found(
        found.work,
        found.length,
        tuple(ids[number] for number in found.path),
        dict(zip(ids, found.seconds, strict=True)),
        dict(zip(ids, found.slack, strict=True)),
        found.width,
    )


def chains(tasks: Sequence[TaskWork], edges: Sequence[EdgeKey]) -> Iterator[tuple[Part, ...]]:
    """Every chain of parts in which each has to wait for the one before it, up to a part for which none waits."""
    children = {task.node_id: [other.node_id for other in tasks if other.parent == task.node_id] for task in tasks}
    parent = {task.node_id: task.parent for task in tasks}
    dependents = {task.node_id: [edge.child for edge in edges if edge.parent == task.node_id] for task in tasks}

    def followers(part: Part) -> list[Part]:
        node_id, done = part
        if not done:
            return [(child, False) for child in children[node_id]] or [(node_id, True)]
        outer = parent[node_id]
        return [*((other, False) for other in dependents[node_id]), *([] if outer is None else [(outer, True)])]

    def extend(chain: tuple[Part, ...]) -> Iterator[tuple[Part, ...]]:
        after = followers(chain[-1])
        if not after:
            yield chain
        for part in after:
            yield from extend((*chain, part))

    for task in tasks:
        if task.parent is None:
            yield from extend(((task.node_id, False),))


def seconds(tasks: Sequence[TaskWork], chain: Sequence[Part]) -> float:
    by_id = {task.node_id: task for task in tasks}
    return sum(by_id[node_id].after if done else by_id[node_id].before for node_id, done in chain)


def random_plan(seed: int) -> tuple[list[TaskWork], list[EdgeKey]]:
    """A tree of up to nine tasks, with dependencies between siblings."""
    random = Random(seed)
    tasks = [TaskWork("n0", None, random.randint(0, 5), random.randint(0, 5))]
    edges = []
    for number in range(1, random.randint(2, 9)):
        outer = f"n{random.randint(0, number - 1)}"
        siblings = [task.node_id for task in tasks if task.parent == outer]
        tasks.append(TaskWork(f"n{number}", outer, random.randint(0, 9), random.randint(0, 3)))
        edges += [EdgeKey(outer, sibling, f"n{number}") for sibling in siblings if random.random() < 0.4]
    return tasks, edges


@cache
def plan(seed: int) -> tuple[list[TaskWork], list[EdgeKey], Found, list[tuple[Part, ...]]]:
    tasks, edges = random_plan(seed)
    return tasks, edges, found_path(tasks, edges), list(chains(tasks, edges))


@pytest.mark.parametrize("seed", range(60))
def test_the_length_is_that_of_the_longest_chain(seed: int) -> None:
    tasks, _, found, everything = plan(seed)
    assert found.length == max(seconds(tasks, chain) for chain in everything)
    assert found.work == sum(task.before + task.after for task in tasks)


@pytest.mark.parametrize("seed", range(60))
def test_the_path_is_a_chain_of_that_length(seed: int) -> None:
    tasks, _, found, everything = plan(seed)
    by_id = {task.node_id: task for task in tasks}
    longest = [
        tuple(node_id for node_id, done in chain if (by_id[node_id].after if done else by_id[node_id].before) > 0)
        for chain in everything
        if seconds(tasks, chain) == found.length
    ]
    assert found.path in longest


@pytest.mark.parametrize("seed", range(60))
def test_the_slack_of_a_task_is_what_it_can_grow_by(seed: int) -> None:
    """One more second than its slack, at either part of its work, makes the critical path longer."""
    tasks, edges, found, _ = plan(seed)
    for at, task in enumerate(tasks):
        slack = found.slack[task.node_id]

        def grown(before: float, after: float, at: int = at, task: TaskWork = task) -> float:
            larger = TaskWork(task.node_id, task.parent, task.before + before, task.after + after)
            return found_path([*tasks[:at], larger, *tasks[at + 1 :]], edges).length

        assert grown(slack, 0) == grown(0, slack) == found.length
        assert max(grown(slack + 1, 0), grown(0, slack + 1)) == found.length + 1


def test_the_slack_on_the_critical_path_has_no_rounding_errors() -> None:
    tasks = [TaskWork("root", None, 0.1, 0.2), *(TaskWork(f"n{number}", "root", number / 10, 0.3) for number in range(9))]
    found = found_path(tasks, [EdgeKey("root", f"n{number}", f"n{number + 1}") for number in range(8)])
    assert set(found.slack.values()) == {0.0}


def test_dependencies_in_a_cycle_are_ignored() -> None:
    tasks = [TaskWork("root", None, 1.0, 1.0), *(TaskWork(name, "root", 5.0) for name in "abc")]
    cycle = [EdgeKey("root", "a", "b"), EdgeKey("root", "b", "a"), EdgeKey("root", "a", "a")]
    assert found_path(tasks, cycle).length == 7.0
    assert found_path(tasks, [*cycle, EdgeKey("root", "b", "c")]).length == 12.0


def test_edges_to_other_tasks_are_ignored() -> None:
    found = found_path([TaskWork("a", "outside", 3.0)], [EdgeKey("outside", "b", "a"), EdgeKey("outside", "a", "c")])
    assert (found.length, found.path, found.slack, found.width) == (3.0, ("a",), {"a": 0.0}, 1.0)


def test_a_run_without_work_has_no_width() -> None:
    assert found_path([TaskWork("a", None)], []).width is None
    assert found_path([], []) == Found(0, 0.0, (), {}, {}, None)
