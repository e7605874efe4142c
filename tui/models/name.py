"""The name of a task: the planner's names of the task and of the one around it, as a path. The same on every screen."""

from collections.abc import Sequence

from store.model.facts import Id

ROOT = "root"
UNKNOWN = "?"


def task_name(nid: Id, outer: Id) -> str:
    """The name of the task with this nid beneath a task with another nid; None: unknown, or there is none.

    A nid that already begins with the outer one is the name (`6.2` in `6`), as is any in the root, whose nid is empty.
    Others follow it (`6.2/0`): planners call the execution of each task `0`.
    """
    if nid is None:
        return UNKNOWN
    own, around = str(nid), "" if outer is None else str(outer)
    if not own:
        return ROOT
    if not around:
        return f"{ROOT}/{own}" if own == "0" and outer is not None else own
    return own if own.startswith(f"{around}.") else f"{around}/{own}"


def path_name(nids: Sequence[str]) -> str:
    """The name of the task with these nids from the outermost task to itself, without that of the root."""
    name = ""
    for nid in nids:
        name = task_name(nid, name)
    return name or ROOT
