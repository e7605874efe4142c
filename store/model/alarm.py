"""Signs of a run that runs away, as the fold detects them: repeated failures of a call, repeated goals, depth, fan-out.

`Run.alarms` counts them by sign, so that a list of runs needs no nodes. `runaway` puts them into words.
"""

from collections.abc import Mapping
from enum import StrEnum

from store.model.span import Span
from store.model.state import Node, Run
from store.model.streak import Streak

FAILURES_MAX = 2
"""Largest number of failures in a row, of one call with the same arguments, that is no sign."""

DEPTH_MAX = 20
"""Largest number of levels above a task that is no sign."""

FAN_OUT_MAX = 250
"""Largest number of tasks directly inside a task that is no sign."""

STREAKS_MAX = 8
"""Maximum number of streaks of a node. Beyond it, the oldest one that is no sign is dropped."""

GOAL_SPACES_MAX = 8
"""Characters by which the lengths of two goals with the same words may differ. Other goals count as different."""


class Sign(StrEnum):
    """Signs of a run that runs away."""

    CALL = "repeated call"
    """A call failed several times in a row with the same arguments."""
    GOAL = "repeated goal"
    """A task has the goal of a task around it."""
    DEPTH = "depth"
    """A task is inside many others."""
    FAN_OUT = "fan-out"
    """A task has many tasks directly inside."""


GOAL_CHARS_MAX = 4_000
"""Characters of a goal beyond which only exactly equal goals are the same: splitting it at each level takes long."""


def count_call(run: Run, node: Node, call: Span) -> None:
    """Count an ended call of a node: as a failure of its streak, or as the end of it."""
    if call.arguments is None or not (call.failed or node.streaks):
        return
    name = call.kind, call.model or call.label, call.arguments
    known = next((streak for streak in node.streaks if streak[:3] == name), None)
    if not call.failed:
        if known is not None:
            over = () if known.most <= FAILURES_MAX else (known._replace(failures=0),)
            node.streaks = (*_without(node.streaks, known), *over)
        return
    before = known or Streak(*name)
    failures = before.failures + 1
    streak = before._replace(failures=failures, most=max(before.most, failures), latest=run.events)
    kept = _without(node.streaks, known)
    if len(kept) >= STREAKS_MAX:
        dropped = next((one for one in kept if one.most <= FAILURES_MAX), kept[0])
        kept = _without(kept, dropped)
    node.streaks = (*kept, streak)
    if before.most <= FAILURES_MAX < streak.most:
        _count(run, Sign.CALL, 1)


def count_child(run: Run, parent: Node, number: int) -> None:
    """Add to the children of a node, or subtract from them."""
    before = parent.children > FAN_OUT_MAX
    parent.children += number
    _count(run, Sign.FAN_OUT, (parent.children > FAN_OUT_MAX) - before)


def check_place(run: Run, nodes: Mapping[str, Node], node: Node, new: bool) -> None:
    """Look for the goal of a created node in the nodes above it. `new`: also count the levels of nodes above it.

    The levels of nodes beneath a node that moves are not counted anew.
    """
    levels, repeats, above = 0, None, node.outer
    goal = None if node.is_execution else node.goal
    while above is not None and levels <= DEPTH_MAX:
        levels += 1
        other = nodes[above]
        if goal and repeats is None and _is_same(goal, other.goal):
            repeats = levels
        above = other.outer
    if new and levels > DEPTH_MAX:
        _count(run, Sign.DEPTH, 1)
    if repeats != node.repeats:
        _count(run, Sign.GOAL, (repeats is not None) - (node.repeats is not None))
        node.repeats = repeats


def _is_same(goal: str, other: str | None) -> bool:
    """Whether two goals have the same words."""
    if other is None or abs(len(goal) - len(other)) > GOAL_SPACES_MAX:
        return False
    if goal == other or len(goal) > GOAL_CHARS_MAX:
        return goal == other
    return goal.casefold().split() == other.casefold().split()


def _without(streaks: tuple[Streak, ...], dropped: Streak | None) -> tuple[Streak, ...]:
    return tuple(streak for streak in streaks if streak is not dropped)


def _count(run: Run, sign: Sign, number: int) -> None:
    """Replace the counts: a copy of the run may share them."""
    if number:
        counts = {**run.alarms, sign.value: run.alarms.get(sign, 0) + number}
        run.alarms = {name: count for name, count in counts.items() if count}
