"""A recursive agent that only pretends: it publishes what a real one would, and does nothing else.

The demo, the tests and the benchmarks take runs from here. All is drawn from random generators seeded by the scenario;
there is no clock, no input and no output, and the same arguments give the same bytes. Events are made as they are asked
for, so a run may have millions. Real engines stop at step 3000; this one does not.

The parts: ``scenario`` says what to simulate, ``plan`` how the work is divided, ``graph``
which node is next, ``run`` what is announced in which order, ``wire`` in which form, and
``text`` with ``topic`` in which words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random

from store.simulator.plan import ChainPlanner, FanPlanner, Planner, TreePlanner
from store.simulator.run import Run
from store.simulator.scenario import Ending, Pace, Scenario
from store.simulator.text import Author
from store.simulator.topic import TOPICS
from store.simulator.wire import Generation, Published

__all__ = ["TOPICS", "Ending", "Generation", "Pace", "Published", "Scenario", "deep_chain", "simulate", "wide_fan"]


def simulate(scenario: Scenario) -> Iterator[Published]:
    """The events of a run in order of publication: a tree of plans, as agents make them."""
    nodes = max(2, round(scenario.nodes / scenario.items))
    plans = Random(f"{scenario.seed}/plans")
    return _run(scenario, lambda goals: TreePlanner(goals, plans, nodes, scenario.depth))


def deep_chain(levels: int, scenario: Scenario | None = None) -> Iterator[Published]:
    """A run nested ``levels`` deep with one node in every layer; nodes and depth of the scenario do not matter."""
    return _run(scenario or Scenario(), lambda goals: ChainPlanner(goals, levels))


def wide_fan(children: int, scenario: Scenario | None = None) -> Iterator[Published]:
    """A run whose root plans ``children`` independent searches; nodes and depth of the scenario do not matter."""
    return _run(scenario or Scenario(), lambda goals: FanPlanner(goals, children))


def _run(scenario: Scenario, planner: Callable[[Author], Planner]) -> Iterator[Published]:
    """The run of a scenario. Goals have an author of their own: how long the texts are must not change the tree."""
    topic = TOPICS[scenario.topic] if scenario.topic else list(TOPICS.values())[scenario.seed % len(TOPICS)]
    goals = Author(topic, Random(f"{scenario.seed}/goals"))
    return Run(scenario, topic, planner(goals), goals).events()
