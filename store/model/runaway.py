"""Whether a run runs away, and why, at any position: signs that the fold detects, and budgets of the user."""

from typing import NamedTuple

from msgspec import Struct

from store.model.alarm import DEPTH_MAX, FAILURES_MAX, FAN_OUT_MAX, Sign
from store.model.state import Node, Run
from store.model.streak import Streak


class Budget(Struct, frozen=True):
    """What one run may use. None: any amount."""

    cost: float | None = None
    """US dollars."""
    tokens: int | None = None
    """In and out together."""


NO_BUDGET = Budget()


class Runaway(NamedTuple):
    """A reason why a run or task runs away."""

    sign: str
    """A `Sign`, or `cost` or `tokens` of a budget."""
    reason: str


def runaways(run: Run, budget: Budget = NO_BUDGET) -> list[Runaway]:
    """The reasons of a run: each sign of its tasks with the number of tasks, and exceeded budgets."""
    found = []
    for sign, count in run.alarms.items():
        tasks = f"{count:,} task{'' if count == 1 else 's'}"
        reason = {
            Sign.CALL: f"{count:,} call{'' if count == 1 else 's'} failed {FAILURES_MAX + 1} times in a row or more"
            ", with the same arguments",
            Sign.GOAL: f"{tasks} with the goal of a task around {'it' if count == 1 else 'them'}",
            Sign.DEPTH: f"{tasks} with more than {DEPTH_MAX} tasks around {'it' if count == 1 else 'each'}",
            Sign.FAN_OUT: f"{tasks} with more than {FAN_OUT_MAX} tasks directly inside",
        }.get(Sign(sign), "")
        found.append(Runaway(sign, reason))
    tokens = (run.tokens_in or 0) + (run.tokens_out or 0)
    if budget.cost is not None and (run.cost or 0.0) > budget.cost:
        found.append(Runaway("cost", f"${run.cost or 0.0:,.2f} spent; the budget is ${budget.cost:,.2f}"))
    if budget.tokens is not None and tokens > budget.tokens:
        found.append(Runaway("tokens", f"{tokens:,} tokens used; the budget is {budget.tokens:,}"))
    return found


def task_runaways(node: Node, depth: int = 0) -> list[Runaway]:
    """The reasons of one task. `depth`: number of tasks around it."""
    found = [Runaway(Sign.CALL, _repeated(streak)) for streak in node.streaks if streak.most > FAILURES_MAX]
    if node.repeats is not None:
        where = "the task around it" if node.repeats == 1 else f"a task {node.repeats} levels above"
        found.append(Runaway(Sign.GOAL, f"it has the same goal as {where}"))
    if depth > DEPTH_MAX:
        found.append(Runaway(Sign.DEPTH, f"it has {depth:,} tasks around it"))
    if node.children > FAN_OUT_MAX:
        found.append(Runaway(Sign.FAN_OUT, f"it has {node.children:,} tasks directly inside"))
    return found


def _repeated(streak: Streak) -> str:
    times = f"failed {streak.most} times in a row with the same arguments"
    return f"{streak.kind} {streak.name} {times}{'' if streak.failures else ', then succeeded'}"
