"""Model calls and searches of the simulated engine: pairs of events. Some calls fail."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random

from tui.demo.graph import Node
from tui.demo.length import Length
from tui.demo.report import Totals
from tui.demo.scenario import Scenario
from tui.demo.text import Author, Duty
from tui.demo.wire import PREVIEW, Payload, Published, Wire, cut

Events = Iterator[Published]
Writer = Callable[[int], str]
"""Returns a response with about the given number of bytes of prose."""

BAD_ANSWER_SHARE = 0.03
"""Share of model calls whose answer is malformed, so that the call is repeated."""

TOOL_FAULT_SHARE = 0.04
"""Share of searches that fail."""


class Caller:
    """Makes the calls of one run."""

    model_faults = 0
    """Number of the next model calls that fail regardless of chance."""
    tool_faults = 0
    """Number of the next searches that fail regardless of chance."""
    searches = 0
    """Number of searches so far."""
    ask = ""
    """The request of the current item."""

    def __init__(self, scenario: Scenario, wire: Wire, texts: Author, totals: Totals) -> None:
        self._scenario = scenario
        self._pace = scenario.pace
        self._identified = scenario.generation == "G5"
        self._wire = wire
        self._texts = texts
        self._totals = totals
        self._luck = Random(f"{scenario.seed}/calls")
        self._length = Length(scenario, wire)

    def consult(self, node: Node, ctx: Payload, duty: Duty, write: Writer) -> Events:
        """Call a model; repeat the call if it fails or the answer is malformed."""
        if self.model_faults:
            self.model_faults -= 1
            yield from self.call(node, ctx, duty, None)
            self._wire.spend(self._pace.gap)
        if duty != "merge" and self._luck.random() < BAD_ANSWER_SHARE:
            useless = "" if duty in ("write", "think") else self._texts.bad_answer(node.task.brief())
            yield from self.call(node, ctx, duty, lambda extra: useless)
        yield from self.call(node, ctx, duty, write)

    def call(self, node: Node, ctx: Payload, duty: Duty, write: Writer | None) -> Events:
        """One model call; it fails if `write` is None."""
        wire, began = self._wire, self._wire.clock
        agent = "UpdateAtomPlanningAgent" if ctx["action_name"] == "plan" else "SimpleExecutor"
        call: Payload = {"call_id": wire.uuid()} if self._identified else {}
        call |= {"agent_class": agent, "model": self._scenario.model}
        prompt = self._texts.prompt(duty, self.ask, node.task.brief(), self._length(0.55))
        preview = cut(prompt[-1]["content"], PREVIEW)
        yield wire.event("llm_call_started", call | {"prompt": prompt, "prompt_preview": preview}, ctx)
        wire.spend(self._pace.llm)
        fault = "" if write else self._texts.model_fault()
        response = write(self._length(1.0)) if write else f"ERROR: {fault}"
        ended = call | {"duration_seconds": wire.since(began), "response": response, "result_summary": cut(response)}
        if fault:
            ended["error"] = fault
        elif self._identified:
            ended["token_usage"] = self._tokens(prompt, response)
        self._totals.llm_calls += 1
        yield wire.event("llm_call_completed", ended, ctx)

    def search(self, node: Node, ctx: Payload, turn: int) -> Events:
        """One search. It may fail."""
        wire, goal = self._wire, node.task.goal
        call: Payload = {"tool_call_id": wire.uuid()} if self._identified else {}
        call |= {"tool_name": "BingBrowser", "api_name": "full_pipeline_search"}
        yield wire.event("tool_invoked", call | {"args_summary": cut(str(self._texts.search(goal, turn)))}, ctx)
        began = wire.clock
        wire.spend(self._pace.search)
        self.searches += 1
        if self.searches == self._scenario.hangs_at:
            wire.clock += int(1_000_000 * self._pace.hang)
        faulty = self._luck.random() < TOOL_FAULT_SHARE or self.tool_faults > 0
        self.tool_faults = max(0, self.tool_faults - 1)
        state, error = self._texts.tool_fault() if faulty else ("SUCCESS", "")
        found = None if faulty else self._texts.found(goal, turn)
        self._totals.searches += 1
        if found:
            self._totals.pages += 3 + int(6 * self._luck.random())
            self._totals.search_tokens += len(str(found)) // 4
        ended = call | {"state": state, "duration_seconds": wire.since(began), "result_summary": cut(str(found))}
        yield wire.event("tool_returned", ended | ({"error": error} if error else {}), ctx)

    def _tokens(self, prompt: list[dict[str, str]], response: str) -> Payload:
        """Token counts, estimated as one token for four characters."""
        asked, answered = 8 + sum(len(message["content"]) for message in prompt) // 4, 1 + len(response) // 4
        self._totals.prompt_tokens += asked
        self._totals.completion_tokens += answered
        return {"prompt_tokens": asked, "completion_tokens": answered, "total_tokens": asked + answered}
