"""Which run an event belongs to, where its publisher did not say.

Older agents publish no run_id at all, newer ones forget it on some events. What such an event names tells more than when
it came, so the order is: the run that knows one of its nodes; else the run heard of last on this stream; else a new one.
A new one also begins where a run begins: with run_started, or with a root nobody knows, unless the run heard of last is
waiting for just that (a run may have several roots).

A guess is not a promise: `Writer` moves events when a publisher names the run of one of their nodes later.
"""

from collections.abc import Callable

from store import events as ev
from store.events import Event, StreamId
from store.state import Run

GUESSED = "auto-"
"""How the ids of runs begin that no publisher named."""


def attribute(
    event: Event,
    at: StreamId,
    home_of: Callable[[str], str | None],
    latest: str | None,
    takes_roots: Callable[[str], bool],
) -> str:
    """The id of the run that the event belongs to.

    `home_of` gives the newest run that knows a node, None for a node that no run knows. `latest` is the run heard of last,
    and `takes_roots` says whether it may go on to a further root.
    """
    if event.run_id is not None:
        return event.run_id
    facts = event.facts
    for node_id in facts.mentions:
        home = home_of(node_id)
        if home is not None:
            return home
    if latest is None or isinstance(facts, ev.RunStarted) or (_is_beginning(facts) and not takes_roots(latest)):
        return f"{GUESSED}{_root_of(facts) or at}"
    return latest


def takes_roots(run: Run) -> bool:
    """May a root that nobody knows be this run's? Runs that no publisher named or began have one root each."""
    named = not run.run_id.startswith(GUESSED)
    return (named or run.began) and run.ended is None


def _is_beginning(facts: ev.Facts) -> bool:
    """Is this how the work on a root begins?"""
    is_root = isinstance(facts, ev.NodeCreated) and facts.is_root
    return is_root or (isinstance(facts, ev.StepStarted) and facts.step == 0)


def _root_of(facts: ev.Facts) -> str | None:
    root = facts.root_id if isinstance(facts, ev.StepStarted) else None
    return str(root) if root else facts.subject
