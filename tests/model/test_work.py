"""The own work of tasks, from the times of their steps."""

from collections import UserList
from collections.abc import Iterable, Sequence

import pytest

from store.model import work as work_module
from store.model.number_lists import NumberLists
from store.model.span import Span
from store.model.work import INSERT_SHARE, Interval, Steps, depths, inner_first, interval, merged, without


def step(start: float, seconds: float) -> Span:
    """An ended step."""
    return Span(1, "step", began=1, started=start, ended=2, finished=start + seconds, seconds=seconds)


def work(parents: Sequence[int], *steps: tuple[int, float, float]) -> list[tuple[float, float]]:
    """Work of each task before and after the tasks inside it. `steps`: task, beginning and seconds."""
    made = Steps()
    for task, start, seconds in steps:
        span = step(start, seconds)
        made.add(task, span, interval(span, 0.0))
    before, after = made.own_work(parents)
    return list(zip(before, after, strict=True))


def test_the_time_of_inner_steps_is_not_own_work() -> None:
    assert work([-1, 0], (0, 0.0, 10.0), (1, 2.0, 5.0)) == [(2.0, 3.0), (5.0, 0.0)]


def test_inner_steps_count_at_any_depth_and_in_any_order_of_creation() -> None:
    assert work([2, 0, -1], (2, 0.0, 4.0), (1, 1.0, 1.0)) == [(0.0, 0.0), (1.0, 0.0), (1.0, 2.0)]


def test_a_call_is_no_work() -> None:
    made = Steps()
    made.add(0, Span(1, "llm", started=0.0, seconds=1.0), (0.0, 1.0))
    assert [list(part) for part in made.own_work([-1])] == [[0.0], [0.0]]


def test_open_and_aborted_steps_last_as_long_as_is_known() -> None:
    assert interval(Span(1, "step", began=1, started=3.0), 8.0) == (3.0, 8.0)
    assert interval(Span(1, "step", began=1, started=3.0, aborted=4, latest=5.0), 8.0) == (3.0, 5.0)
    assert interval(Span(1, "step", ended=4, finished=5.0, seconds=2.0), 8.0) == (3.0, 5.0)


def test_the_depth_of_a_task_is_the_number_of_tasks_around_it() -> None:
    parents = [2, -1, 1, 0, 1]
    assert list(depths(parents)) == [2, 0, 1, 3, 1]
    assert inner_first(parents)[0] == 3
    assert inner_first(parents)[-1] == 1


def test_a_chain_of_10_000_tasks_needs_no_recursion() -> None:
    assert depths([*range(1, 10_000), -1])[0] == 9_999


def test_lists_keep_the_order_of_their_values() -> None:
    lists = NumberLists(3, [2, 0, -1, 2], [7, 8, 9, 5])
    assert [list(lists[number]) for number in range(3)] == [[8], [], [7, 5]]


class Counted(UserList[Interval]):
    """A list that counts the values that are read."""

    reads = 0

    def __getitem__(self, at):  # type: ignore[no-untyped-def]  # overloaded for slices
        self.reads += 1
        return super().__getitem__(at)

    def __iter__(self):  # type: ignore[no-untyped-def]
        return (self[at] for at in range(len(self)))


def test_the_work_of_a_task_takes_time_in_proportion_to_its_steps() -> None:
    own = [(4.0 * at, 4.0 * at + 3.0) for at in range(1_000)]
    others = Counted([(4.0 * at + 1.0, 4.0 * at + 2.0) for at in range(1_000)])
    assert len(without(own, others)) == 2_000
    assert others.reads < 20_000


@pytest.mark.parametrize("length", [INSERT_SHARE // 2, 4 * INSERT_SHARE])
def test_the_time_inside_each_task_of_a_chain_is_that_of_all_steps_beneath_it(length: int) -> None:
    """The steps of a long chain are inserted into those beneath, in any order of time, also overlapping ones."""
    times = [(float(at * 37 % 101), at * 37 % 101 + at % 3 * 0.7) for at in range(length)]
    steps = Steps()
    for task, one in enumerate(times):
        steps.add(task, Span(1, "step"), one)
    for found in steps.times([-1, *range(length - 1)]):
        assert found.own == [times[found.task]]
        assert found.inside == merged(times[found.task + 1 :])


def test_a_long_chain_sorts_the_times_beneath_only_at_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    sorted_ones = [0]

    def counted(intervals: Iterable[Interval]) -> list[Interval]:
        found = list(intervals)
        sorted_ones[0] += len(found)
        return merged(found)

    monkeypatch.setattr(work_module, "merged", counted)
    length = 10 * INSERT_SHARE
    steps = Steps()
    for task in range(length):
        steps.add(task, Span(1, "step"), (2.0 * task, 2.0 * task + 1.0))
    assert len([*steps.times([-1, *range(length - 1)])]) == length
    assert sorted_ones[0] < length + 2 * INSERT_SHARE**2
