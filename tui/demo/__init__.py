"""Simulator of a recursive agent: it publishes the events of a real agent without doing the work.

The demo, the tests and the benchmarks use its runs. Every choice comes from random generators seeded by the scenario. There
is no clock, no input and no output: the same arguments give the same bytes. Events are generated lazily, so a run may have
millions. Real engines stop at step 3000; the simulator does not.

`scenario`: the parameters of a run. `plan`: how tasks are divided. `graph`: which node is next. `run`: the order of events.
`crew`: an agent whose steps overlap, in the simulated time of `concurrency`. `wire`: the envelope of events. `text`,
`length` and `topic`: their texts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random

from tui.demo.crew import Crew
from tui.demo.plan import ChainPlanner, FanPlanner, Planner, TreePlanner
from tui.demo.run import Run
from tui.demo.scenario import Ending, Pace, Scenario
from tui.demo.text import Author
from tui.demo.topic import TOPICS, Topic
from tui.demo.wire import Generation, Published

__all__ = ["TOPICS", "Ending", "Generation", "Pace", "Published", "Scenario", "deep_chain", "simulate", "wide_fan"]


def simulate(scenario: Scenario) -> Iterator[Published]:
    """The events of a run in order of publication: a tree of plans, or with `branches` rounds of overlapping branches."""
    if scenario.branches:
        topic, goals = _material(scenario)
        return Crew(scenario, topic, goals).events()
    nodes = max(2, round(scenario.nodes / scenario.items))
    plans = Random(f"{scenario.seed}/plans")
    return _run(scenario, lambda goals: TreePlanner(goals, plans, nodes, scenario.depth))


def deep_chain(levels: int, scenario: Scenario | None = None) -> Iterator[Published]:
    """A run with one node in each of `levels` layers. The scenario's `nodes` and `depth` are ignored."""
    return _run(scenario or Scenario(), lambda goals: ChainPlanner(goals, levels))


def wide_fan(children: int, scenario: Scenario | None = None) -> Iterator[Published]:
    """A run whose root plans `children` independent searches. The scenario's `nodes` and `depth` are ignored."""
    return _run(scenario or Scenario(), lambda goals: FanPlanner(goals, children))


def _run(scenario: Scenario, planner: Callable[[Author], Planner]) -> Iterator[Published]:
    """The run of a scenario."""
    topic, goals = _material(scenario)
    return Run(scenario, topic, planner(goals), goals).events()


def _material(scenario: Scenario) -> tuple[Topic, Author]:
    """The topic of a run, and goals about it. They have a generator of their own: lengths must not change the tree."""
    topic = TOPICS[scenario.topic] if scenario.topic else list(TOPICS.values())[scenario.seed % len(TOPICS)]
    return topic, Author(topic, Random(f"{scenario.seed}/goals"))
