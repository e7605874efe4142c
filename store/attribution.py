"""Which run an event belongs to, where its publisher did not say.

Older agents publish no run_id at all, newer ones forget it on some events. What such an event names tells more than when
it came, so the order is: the run that knows one of its nodes; else the run heard of last on this stream; else a new one.
A new one also begins where a run begins: with run_started, or with a root nobody knows, unless the run heard of last is
waiting for just that (a run may have several roots).

A guess is not a promise: `Writer` moves events when a publisher names the run of one of their nodes later.
"""

from collections.abc import Callable

from msgspec import Struct

from store import events as ev
from store.events import Event, StreamId

GUESSED = "auto-"
"""How the ids of runs begin that no publisher named."""


class Heard(Struct, frozen=True):
    """The run that was heard of last on a stream, as far as attribution needs it."""

    run_id: str
    declared: bool
    began: bool
    """Its run_started was heard."""
    ended: bool


def attribute(event: Event, at: StreamId, home_of: Callable[[str], str | None], heard: Heard | None) -> str:
    """The id of the run that the event belongs to.

    `home_of` gives the newest run that knows a node, None for a node that no run knows.
    """
    if event.run_id is not None:
        return event.run_id
    facts = event.facts
    for node_id in facts.mentions:
        home = home_of(node_id)
        if home is not None:
            return home
    if heard is None or _begins(facts, heard):
        return f"{GUESSED}{_root_of(facts) or at}"
    return heard.run_id


def _begins(facts: ev.Facts, heard: Heard) -> bool:
    """Does this event, whose nodes nobody knows, begin another run than the one heard of last?"""
    if isinstance(facts, ev.RunStarted):
        return True
    is_root = isinstance(facts, ev.NodeCreated) and facts.is_root
    is_first_step = isinstance(facts, ev.StepStarted) and facts.step == 0
    takes_roots = (heard.declared or heard.began) and not heard.ended
    return (is_root or is_first_step) and not takes_roots


def _root_of(facts: ev.Facts) -> str | None:
    root = facts.root_id if isinstance(facts, ev.StepStarted) else None
    return str(root) if root else facts.subject
