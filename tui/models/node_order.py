"""The order of the children of a task: that of the plan, or descending by a figure. Pure."""

from collections.abc import Iterable, Mapping

from store.model.state import Node
from tui.models.open_work import NO_WORK, OpenWork
from tui.models.summary import own_time, total_time

PLAN = "plan"

SORTS = {
    PLAN: "in the order of the plan",
    "time": "by time",
    "tokens": "by tokens",
    "cost": "by cost",
    "errors": "by errors",
}
"""The orders through which a key goes, and their names in a title."""

OWN_TIME = "own time"
"""A further order, which only a click on the title of its column selects."""


def next_sort(sort: str) -> str:
    """The order after an order."""
    names = [*SORTS]
    return names[(names.index(sort) + 1) % len(names)] if sort in SORTS else PLAN


def sort_name(sort: str, own: bool) -> str:
    """The name of an order in a title. `own`: tokens and cost are those of the tasks alone."""
    return f"by own {sort}" if own and sort in ("tokens", "cost") else SORTS.get(sort, f"by {sort}")


def arranged(
    children: Iterable[int],
    nodes: Mapping[int, Node],
    beneath: Mapping[int, OpenWork],
    now: float,
    sort: str,
    own: bool,
) -> list[int]:
    """The children with the largest figure first. Those with equal ones keep their order; unknown ones come last."""
    return sorted(children, key=lambda child: -_figure(nodes[child], beneath.get(child, NO_WORK), now, sort, own))


def _figure(node: Node, beneath: OpenWork, now: float, sort: str, own: bool) -> float:
    if sort == "time":
        return total_time(node, beneath, now) or 0.0
    if sort == OWN_TIME:
        return own_time(node, now) or 0.0
    sums = node.own if own and sort != "errors" else node.total
    return {"tokens": sums.tokens_in + sums.tokens_out, "cost": sums.cost, "errors": sums.errors}[sort]
