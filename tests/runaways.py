"""Planted runs that run away, and runs that look similar and do not."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from store.model.alarm import DEPTH_MAX, FAN_OUT_MAX
from store.model.entry import Entry
from store.model.runaway import Budget
from tests.recorder import Recorder, entry_of
from tui.demo import Published, Scenario, deep_chain, wide_fan


class Planted(NamedTuple):
    """A run, and the reason that is expected for it; None: no reason."""

    kind: str
    make: Callable[[], list[Entry]]
    sign: str | None = None
    reason: str = ""
    """The reason of the task, or of a budget."""
    budget: Budget = Budget()


def _published(found: Iterable[Published]) -> list[Entry]:
    return [entry_of(event.body, number) for number, event in enumerate(found, 1)]


def _tool(recorder: Recorder, state: str, arguments: str = "{'query': 'oaks'}", call: str = "") -> None:
    """A call of a tool with arguments, which a model asked for."""
    recorder.llm("root")
    call = call or f"call {len(recorder.entries)}"
    payload = {"node_id": "root", "tool_name": "BingBrowser", "api_name": "run", "tool_call_id": call}
    recorder.emit("tool_invoked", payload | {"args_summary": arguments})
    recorder.tool_returned("root", call, state=state)


def _tools(*states: str, arguments: Callable[[int], str] = lambda number: "{'query': 'oaks'}") -> list[Entry]:
    recorder = Recorder().run_started().root().step_started("root")
    for number, state in enumerate(states):
        _tool(recorder, state, arguments(number))
    return recorder.entries


def _prompts(prompt: Callable[[int], object], failures: int = 3) -> list[Entry]:
    """Failed calls of a model with prompts that begin alike."""
    recorder = Recorder().run_started().root().step_started("root")
    for number in range(failures):
        call = {"node_id": "root", "agent_class": "SimpleExecutor", "model": "gpt-4o-mini", "call_id": f"{number}"}
        recorder.emit(
            "llm_call_started", call | {"prompt": prompt(number), "prompt_preview": "You are" + " a" * 98 + "..."}
        )
        recorder.llm_completed("root", f"{number}", error="rate limit")
    return recorder.entries


def _goals(*goals: str) -> list[Entry]:
    """A chain of tasks with these goals."""
    recorder = Recorder().run_started().root(goal=goals[0])
    outer = "root"
    for number, goal in enumerate(goals[1:], 1):
        recorder.node(outer, outer := f"{number}", goal, layer=number)
    return recorder.entries


def _late_parent() -> list[Entry]:
    """A task that moves beneath a task with its goal."""
    recorder = Recorder().run_started().root(goal="Write a book").node("root", "other", "Find sources")
    recorder.created("stray", None, "Write a book", nid="7", layer=3)
    return recorder.added("other", "stray").entries


def _executed() -> list[Entry]:
    """A task without a plan: its execution has its goal."""
    recorder = Recorder().run_started().root().node("root", "a", "Write a chapter")
    node = {"node_id": "a0", "node_nid": "0", "node_type": "EXECUTE_NODE", "task_goal": "Write a chapter", "layer": 2}
    return recorder.emit("node_created", node | {"outer_node_id": "a", "root_node_id": "root"}).entries


def _fan(children: int) -> list[Entry]:
    recorder = Recorder().run_started().root()
    for number in range(children):
        recorder.node("root", f"{number}", f"Find source {number}")
    return recorder.entries


def _spent(tokens: tuple[int, int], cost: float) -> list[Entry]:
    return Recorder().run_started().root().step_started("root").llm("root", tokens=tokens, cost=cost).entries


FAILED, OK = "SEARCH_ERROR", "SUCCESS"
LONG = "x" * 300
BOOK = "Write a book about trees"

PLANTED = [
    Planted(
        "a tool three times",
        lambda: _tools(*[FAILED] * 3),
        "repeated call",
        "tool BingBrowser.run failed 3 times in a row with the same arguments",
    ),
    Planted(
        "a tool three times, then with success",
        lambda: _tools(*[FAILED] * 3, OK),
        "repeated call",
        "tool BingBrowser.run failed 3 times in a row with the same arguments, then succeeded",
    ),
    Planted(
        "two tools in turns",
        lambda: _tools(*[FAILED] * 6, arguments=lambda number: f"{{'query': {number % 2}}}"),
        "repeated call",
        "tool BingBrowser.run failed 3 times in a row with the same arguments",
    ),
    Planted(
        "a tool with long arguments",
        lambda: _tools(*[FAILED] * 5, arguments=lambda number: LONG),
        "repeated call",
        "tool BingBrowser.run failed 5 times in a row with the same arguments",
    ),
    Planted(
        "a model three times",
        lambda: _prompts(lambda number: [{"role": "user", "content": "Write."}]),
        "repeated call",
        "llm gpt-4o-mini failed 3 times in a row with the same arguments",
    ),
    Planted("a goal in itself", lambda: _goals(BOOK, BOOK), "repeated goal", "it has the same goal as the task around it"),
    Planted(
        "a goal deep in itself",
        lambda: _goals(BOOK, "Write a chapter", "Find sources", "write a  book about Trees"),
        "repeated goal",
        "it has the same goal as a task 3 levels above",
    ),
    Planted(
        "two goals in turns",
        lambda: _goals("Plan it", "Check the plan", "Plan it", "Check the plan"),
        "repeated goal",
        "it has the same goal as a task 2 levels above",
    ),
    Planted("a goal that moves", _late_parent, "repeated goal", "it has the same goal as a task 2 levels above"),
    Planted(
        "a simulated chain",
        lambda: _published(deep_chain(DEPTH_MAX + 4)),
        "depth",
        f"it has {DEPTH_MAX + 1} tasks around it",
    ),
    Planted(
        "a simulated fan",
        lambda: _published(wide_fan(FAN_OUT_MAX + 1, Scenario(text_bytes=700))),
        "fan-out",
        f"it has {FAN_OUT_MAX + 1} tasks directly inside",
    ),
    Planted("cost", lambda: _spent((9, 1), 5.01), "cost", "$5.01 spent; the budget is $5.00", Budget(cost=5.0)),
    Planted(
        "tokens", lambda: _spent((900, 101), 1.0), "tokens", "1,001 tokens used; the budget is 1,000", Budget(None, 1_000)
    ),
    Planted("a tool twice", lambda: _tools(FAILED, FAILED, OK, FAILED, FAILED)),
    Planted("a tool with other arguments", lambda: _tools(*[FAILED] * 6, arguments=lambda number: f"{{'page': {number}}}")),
    Planted("long arguments that end differently", lambda: _tools(*[FAILED] * 6, arguments=lambda at: f"{LONG}{at}")),
    Planted("prompts that begin alike", lambda: _prompts(lambda number: [{"content": f"{LONG}{number}"}], 6)),
    Planted("the execution of a task", _executed),
    Planted("different goals", lambda: _goals(BOOK, "Write a book about tree", "Write a chapter")),
    Planted("just as many tasks", lambda: _fan(FAN_OUT_MAX)),
    Planted("just as deep", lambda: _goals(*(f"Goal {level}" for level in range(DEPTH_MAX + 1)))),
    Planted("within the budget", lambda: _spent((900, 100), 5.0), budget=Budget(5.0, 1_000)),
]
