"""Calls of an agent whose steps overlap: with cost, number of tries, and parts of the token counts."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from random import Random

from treetop.tracer import Tracer
from tui.demo.concurrency import pause
from tui.demo.length import Length
from tui.demo.plan import Task
from tui.demo.scenario import Scenario
from tui.demo.text import Author, Duty
from tui.demo.topic import Topic
from tui.demo.wire import Published, Wire

AGENTS: dict[Duty, str] = {"plan": "Planner", "think": "Writer", "write": "Writer", "merge": "Researcher"}
"""Classes of agents, by kind of answer."""

RETRY_SHARE, TOOL_FAULT_SHARE = 0.15, 0.04
"""Share of calls that are sent twice or more, and of searches that fail all the same."""

UNPRICED_SHARE = 0.25
"""Share of model calls whose client reports only the two sums of tokens."""

DOLLARS_IN, DOLLARS_CACHED, DOLLARS_OUT = 0.15e-6, 0.075e-6, 0.6e-6
"""Price of a token, in US dollars: of a prompt, of its cached part, of a response."""

DOLLARS_SEARCH = 0.005
"""Price of a search, in US dollars."""

CACHE_BLOCK = 128
"""Number of tokens in whose multiples prompts are cached."""


class Client(Tracer):
    """The client of the simulated agent: it appends events to a queue, on the clock of the simulation."""

    def __init__(self, wire: Wire) -> None:
        super().__init__(lambda: wire.clock / 1_000_000, wire.uuid)
        self.published: deque[Published] = deque()
        self._wire = wire

    def emit(self, event_type: str, payload: Mapping[str, object]) -> None:
        self.published.append(self._wire.event(event_type, dict(payload)))


class PricedCaller:
    """Makes the calls of one run, in its current step."""

    def __init__(self, scenario: Scenario, topic: Topic, run: Client, wire: Wire, texts: Author, luck: Random) -> None:
        self._scenario = scenario
        self._pace = scenario.pace
        self._topic = topic
        self._run = run
        self._wire = wire
        self._texts = texts
        self._luck = luck
        self._length = Length(scenario, wire)

    async def search(self, task: Task, turn: int, duration: float | None = None) -> None:
        """One search, which may fail. `duration`: as a multiple of the mean."""
        mean, luck = self._pace.search, self._luck
        with self._run.tool_call("WebSearch", self._texts.search(task.goal, turn), cost=DOLLARS_SEARCH) as call:
            await pause(self._wire.duration(mean) if duration is None else round(1_000_000 * duration * mean))
            call.tries = self._tries()
            if luck.random() < TOOL_FAULT_SHARE:
                call.state, call.error = self._texts.tool_fault()
            else:
                call.result = self._texts.found(task.goal, turn)

    async def ask(self, duty: Duty, task: Task, write: Callable[[int], str]) -> str:
        """One model call; returns the response that `write` makes, given the bytes of prose that it should have."""
        prompt = self._texts.prompt(duty, self._topic.ask, task.brief(), self._length(0.55))
        with self._run.llm_call(AGENTS[duty], self._scenario.model, prompt) as call:
            await pause(self._wire.duration(self._pace.llm))
            response = write(self._length(1.0))
            call.response = response
            asked, answered = 8 + sum(len(message["content"]) for message in prompt) // 4, 1 + len(response) // 4
            if self._luck.random() < UNPRICED_SHARE:
                call.token_usage = {"prompt_tokens": asked, "completion_tokens": answered}
                return response
            thought = 64 * int(1 + 8 * self._luck.random()) if duty in ("plan", "think") else 0
            cached = asked // 2 // CACHE_BLOCK * CACHE_BLOCK
            usage = {"prompt_tokens": asked, "completion_tokens": answered + thought}
            usage |= {"cached_tokens": cached, "reasoning_tokens": thought}
            call.token_usage, call.tries = usage, self._tries()
            call.cost = (asked - cached) * DOLLARS_IN + cached * DOLLARS_CACHED + (answered + thought) * DOLLARS_OUT
        return response

    def _tries(self) -> int:
        """Number of requests of a call: rarely more than one."""
        return 1 if self._luck.random() >= RETRY_SHARE else 2 + int(2 * self._luck.random())
