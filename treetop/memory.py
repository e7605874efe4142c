"""State of an emitter that follows from its events: counts, status of nodes, places of nodes in the tree."""

import os
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from itertools import count
from types import MappingProxyType
from typing import Generic, NamedTuple, TypeVar

NODES_MAX = 10_000
"""Number of nodes that an emitter remembers: those used last. Also of open calls."""

GOAL_CHARACTERS_MAX = 1_000
"""Characters of the longest goal that is remembered. The steps of a node with a longer goal have none by default."""

BY_TYPE = "node of "
"""Prefix of the counters of nodes by task type."""

NO_COUNTS: Mapping[str, int] = MappingProxyType({})

T = TypeVar("T")


class Recent(Generic[T]):
    """Mapping of bounded size: the least recently used entry is removed first."""

    def __init__(self) -> None:
        self._values: dict[str, T] = {}
        """Ordered by last use."""

    def __getitem__(self, name: str) -> T | None:
        """Return the value, or None. Counts as a use."""
        with _lock:
            value = self._values.pop(name, None)
            if value is not None:
                self._values[name] = value
        return value

    def pop(self, name: str) -> T | None:
        """Remove an entry; return its value, or None."""
        with _lock:
            return self._values.pop(name, None)

    def __setitem__(self, name: str, value: T) -> None:
        with _lock:
            self._values.pop(name, None)
            self._values[name] = value
            if len(self._values) > NODES_MAX:
                del self._values[next(iter(self._values))]


class Place(NamedTuple):
    """Position of a node in its tree, its goal, and its nid."""

    root: str
    layer: int = 0
    goal: str = ""
    nid: str = ""


class Memory:
    """State of one emitter. Its size is bounded. Safe to use from threads and after a fork."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.began = clock()
        """Start of the run."""
        self.completed = 0
        """Number of nodes whose last status is FINISH."""
        self.calls: Recent[Mapping[str, object]] = Recent()
        """Node and step of each call that began in a step, and whose end must have them."""
        self._counts: Counter[str] = Counter()
        self._finished: Recent[bool] = Recent()
        self._places: Recent[Place] = Recent()
        self._steps: Recent[count[int]] = Recent()
        """Numbers of the next steps, by root. The numbers of a removed root begin at 0 again."""

    def count(self, event_type: str, counts: Mapping[str, int] = NO_COUNTS) -> None:
        """Count an event, and add `counts` to the other counters."""
        with _lock:
            self._counts[event_type] += 1
            for name, number in counts.items():
                self._counts[name] += number

    def totals(self) -> dict[str, object]:
        """Payload of `run_finished`."""
        with _lock:
            counts = self._counts.copy()
        return {
            "total_steps": counts["step_started"],
            "duration_seconds": self._clock() - self.began,
            "total_nodes": counts["node_created"],
            "total_llm_calls": counts["llm_call_started"],
            "total_tool_calls": counts["tool_invoked"],
            "token_usage_summary": {
                "total_prompt_tokens": counts["prompt_tokens"],
                "total_completion_tokens": counts["completion_tokens"],
            },
            "node_statistics": {
                "total_created": counts["node_created"],
                "total_completed": self.completed,
                "by_type": {name.removeprefix(BY_TYPE): n for name, n in counts.items() if name.startswith(BY_TYPE)},
            },
        }

    def place(self, node_id: str) -> Place:
        """Place of a node. A node that was not created here is its own root."""
        return self._places[node_id] or Place(node_id)

    def set_place(self, node_id: str, root: str, layer: int, goal: str, nid: str) -> None:
        """Remember the place of a new node."""
        self._places[node_id] = Place(root, layer, goal if len(goal) <= GOAL_CHARACTERS_MAX else "", nid)

    def next_step(self, root: str) -> int:
        """Number of the next step in the tree of a root, from 0."""
        with _lock:
            steps = self._steps[root]
            if steps is None:
                steps = self._steps[root] = count()
            return next(steps)

    def set_status(self, node_id: str, status: str) -> None:
        """Remember whether a node is finished."""
        finished = status == "FINISH"
        with _lock:
            self.completed += finished - bool(self._finished[node_id])
            self._finished[node_id] = finished


_lock = threading.RLock()
"""Guards the memory of all emitters. It is held so briefly that one lock suffices."""


def _reset_lock() -> None:
    global _lock
    _lock = threading.RLock()  # in a forked child, a lock held by another thread of the parent is never released


os.register_at_fork(after_in_child=_reset_lock)
