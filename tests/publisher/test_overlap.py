"""Steps that overlap, in coroutines and threads: each call belongs to the step around it."""

import asyncio
import gc
import threading
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from contextvars import Context
from pathlib import Path
from typing import Any

import pytest

from store.stream.ingest import Ingester
from store.stream.server import RedisServer
from tests.published import bodies
from tests.tables import query
from treetop.publisher import Publisher
from treetop.tracer import Step


@pytest.fixture
def run(redis_server: RedisServer) -> Iterator[Publisher]:
    with Publisher(redis_server.url, run_id="run") as publisher:
        yield publisher


def payloads(server: RedisServer, *types: str, run_id: str = "run") -> list[dict[str, Any]]:
    """Payloads of the events of a run of these types."""
    return [body["payload"] for body in bodies(server) if body["event_type"] in types and body["run_id"] == run_id]


def calls(server: RedisServer, run_id: str = "run") -> dict[str, tuple[str | None, int | None]]:
    """Node and step of each tool call, by the name of the tool. Both halves must agree."""
    begun = payloads(server, "tool_invoked", run_id=run_id)
    halves = {call["tool_call_id"]: (call.get("node_id"), call.get("step")) for call in begun}
    for ended in payloads(server, "tool_returned", run_id=run_id):
        assert halves[ended["tool_call_id"]] == (ended.get("node_id"), ended.get("step"))
    return {call["tool_name"]: (call.get("node_id"), call.get("step")) for call in begun}


def call(run: Publisher, tool: str) -> None:
    """Call a tool, without naming a node."""
    with run.tool_call(tool, {}):
        pass


# The current node


def test_events_in_a_step_name_its_node_and_number(run: Publisher, redis_server: RedisServer) -> None:
    root = run.node_created("Explain")
    with run.step(root):
        pass
    with run.step(root, "plan") as step:
        assert (run.current_node_id, step.node_id, step.step) == (root, root, 1)
        with run.llm_call("Planner", "m", "Plan!"):
            call(run, "inner")
        run.tool_invoked("raw", "run", {})
        run.llm_call_started("Planner", "m", "Again!")
        child = run.node_created("Search")
        step.result = ["Search"]
    assert run.current_node_id is None
    call(run, "outside")
    assert run.flush(20)
    both = payloads(redis_server, "llm_call_started", "llm_call_completed", "node_result_available")
    assert [(payload["node_id"], payload["step"]) for payload in both] == [(root, 1)] * 4
    assert calls(redis_server) == {"inner": (root, 1), "raw": (root, 1), "outside": (None, None)}
    (created,) = payloads(redis_server, "node_created")[1:]
    assert (created["node_id"], created["outer_node_id"], created["layer"]) == (child, root, 1)
    assert bodies(redis_server)[-4]["event_type"] == "node_result_available"
    assert payloads(redis_server, "node_result_available")[0]["action_name"] == "plan"


def test_a_node_that_is_given_wins(run: Publisher, redis_server: RedisServer) -> None:
    root = run.node_created("Explain")
    with run.step(root):
        with run.tool_call("other", {}, node_id="n"):
            pass
        with run.tool_call("later", {}, node_id=None, step=7):
            pass
        run.node_created("Search", "n")
        run.node_created("Explain something else", None)
    assert run.flush(20)
    assert calls(redis_server) == {"other": ("n", None), "later": (root, 7)}
    assert [node["outer_node_id"] for node in payloads(redis_server, "node_created")] == [None, "n", None]


def test_a_call_that_ends_in_another_step_belongs_to_the_step_of_its_beginning(
    run: Publisher, redis_server: RedisServer
) -> None:
    with run.step("a"):
        open_call = run.tool_call("slow", {})
        open_call.__enter__()
    with run.step("b"):
        open_call.__exit__(None, None, None)
    assert run.flush(20)
    assert calls(redis_server) == {"slow": ("a", 0)}


def test_the_end_of_a_call_is_stored_with_its_beginning_wherever_it_is_published(
    db: Path, run: Publisher, redis_server: RedisServer
) -> None:
    run.run_started()
    with run.step(run.node_created("Search", node_id="a")):
        call_id = run.tool_invoked("Browser", "run", {})
    with run.step(run.node_created("Write", node_id="b")):
        run.tool_returned(call_id, "Browser", "run", "found", 0.5)
    assert run.flush(20)
    Ingester(db, redis_server.url, "agent_events").drain()
    assert query(db, "SELECT node_id, outcome, step FROM spans WHERE kind = 'tool'") == [("a", "ok", None)]
    assert query(db, "SELECT node_id, tool_calls FROM nodes ORDER BY node_id") == [("a", 1), ("b", 0)]


def test_steps_of_two_runs_do_not_mix(run: Publisher, redis_server: RedisServer) -> None:
    with Publisher(redis_server.url, run_id="other") as other:
        with run.step("a"):
            with other.step("b"):
                call(run, "ours")
                call(other, "theirs")
                with run.step("c"):
                    call(other, "theirs, inside of ours")
                call(other, "theirs, after ours")
            call(run, "ours, after theirs")
        with other.step("b"):
            call(run, "outside")
        assert run.current_node_id is other.current_node_id is None
    assert run.flush(20)
    assert calls(redis_server) == {"ours": ("a", 0), "ours, after theirs": ("a", 0), "outside": (None, None)}
    assert {node for node, _ in calls(redis_server, "other").values()} == {"b"}


def test_an_exception_makes_the_node_failed_and_ends_its_step(run: Publisher, redis_server: RedisServer) -> None:
    with run.step("a"):
        with pytest.raises(OSError, match="full"), run.step("b") as step:  # noqa: PT012 - the block is the test
            step.result = "half of it"
            raise OSError("full")
        assert run.current_node_id == "a"
    assert run.flush(20)
    ended = [(payload["node_id"], payload["status_after"]) for payload in payloads(redis_server, "step_finished")]
    assert ended == [("b", "FAILED"), ("a", "FINISH")]
    assert payloads(redis_server, "node_result_available") == []


def test_a_field_that_the_block_publishes_is_refused_before_it_begins(run: Publisher) -> None:
    """Else its end would raise TypeError, in place of the exception in the block, and would not be published."""
    spans: list[Callable[[], AbstractContextManager[object]]] = [
        lambda: run.step("a", status_after="DOING"),
        lambda: run.llm_call("Writer", "m", "Why?", token_usage={}),
        lambda: run.tool_call("search", {}, state="API_ERROR"),
    ]
    for span in spans:
        with pytest.raises(TypeError, match="published by the block"):
            span()
    assert run.pending + run.sent == 0


def test_steps_may_end_in_any_order(run: Publisher) -> None:
    """Callbacks of a framework begin and end the steps of its agents in one context."""
    first, second, third = (run.step(node_id) for node_id in "abc")
    for step in (first, second, third):
        step.__enter__()
    second.__exit__(None, None, None)
    assert run.current_node_id == "c"
    third.__exit__(None, None, None)
    assert run.current_node_id == "a"
    first.__exit__(None, None, None)
    assert run.current_node_id is None


def test_a_step_that_is_entered_twice_keeps_no_other_step_from_ending(run: Publisher) -> None:
    step, inner, other = run.step("a"), run.step("b"), run.step("c")
    Context().run(other.__enter__)
    with step, inner, step:
        assert run.current_node_id == "a"
        other.__exit__(None, None, None)
    assert run.current_node_id is None


def test_a_step_may_end_in_another_context(run: Publisher) -> None:
    with ExitStack() as stack:
        Context().run(stack.enter_context, run.step("a"))
        with run.step("b"):
            stack.close()
            assert run.current_node_id == "b"


# Coroutines


async def test_each_task_has_a_step_of_its_own(run: Publisher, redis_server: RedisServer) -> None:
    together = asyncio.Barrier(8)

    async def work(number: int) -> None:
        call(run, f"before {number}")
        async with run.step(run.node_created("Search", node_id=f"n{number}")) as step, run.tool_call(f"{number}", {}):
            await together.wait()  # all steps are open
            call(run, f"inside {number}")
            step.result = number
        call(run, f"after {number}")

    with run.step(run.node_created("Explain", node_id="root")):
        async with asyncio.TaskGroup() as group:
            for number in range(8):
                group.create_task(work(number))
        assert run.current_node_id == "root"
    assert run.flush(20)
    found = {tool: node for tool, (node, _) in calls(redis_server).items()}
    for number in range(8):
        assert found[f"{number}"] == found[f"inside {number}"] == f"n{number}"
        assert found[f"before {number}"] == found[f"after {number}"] == "root"
    started = payloads(redis_server, "step_started")
    assert sorted(step["step"] for step in started) == list(range(9))
    assert {step["root_id"] for step in started} == {"root"}
    outer = {node["node_id"]: node["outer_node_id"] for node in payloads(redis_server, "node_created")}
    assert outer == {"root": None} | {f"n{number}": "root" for number in range(8)}


async def test_a_task_that_outlives_its_step_keeps_the_node(run: Publisher, redis_server: RedisServer) -> None:
    ended = asyncio.Event()

    async def late() -> None:
        await ended.wait()
        call(run, "late")
        with run.step("b"):
            pass
        call(run, "later")

    with run.step("a"):
        task = asyncio.create_task(late())
        await asyncio.sleep(0)
    ended.set()
    await task
    assert run.flush(20)
    assert {node for node, _ in calls(redis_server).values()} == {"a"}


async def test_a_failing_task_cancels_the_steps_of_the_others(run: Publisher, redis_server: RedisServer) -> None:
    begun = asyncio.Barrier(3)

    async def work(node_id: str) -> None:
        async with run.step(node_id), run.tool_call("slow", {}):
            await begun.wait()
            if node_id == "b":
                raise TimeoutError("no answer")
            await asyncio.Event().wait()

    with pytest.raises(ExceptionGroup), run.step("root"):  # noqa: PT012 - the block is the test
        async with asyncio.TaskGroup() as group:
            for node_id in "abc":
                group.create_task(work(node_id))
    assert run.current_node_id is None
    assert run.flush(20)
    ended = {step["node_id"]: step["status_after"] for step in payloads(redis_server, "step_finished")}
    assert ended == dict.fromkeys(("a", "b", "c", "root"), "FAILED")
    errors = {call["node_id"]: call["error"] for call in payloads(redis_server, "tool_returned")}
    assert errors == {"a": "CancelledError: ", "b": "TimeoutError: no answer", "c": "CancelledError: "}


async def test_an_async_generator_that_is_abandoned_in_a_step_raises_nothing(run: Publisher) -> None:
    async def tokens() -> AsyncIterator[int]:
        with run.step("a"):
            yield 1
            yield 2

    stream = tokens()
    assert await anext(stream) == 1
    await asyncio.create_task(stream.aclose())  # type: ignore[attr-defined]  # it is a generator
    with run.step("b"):
        assert run.current_node_id == "b"


async def test_tasks_that_each_begin_the_next_do_not_keep_all_steps(run: Publisher) -> None:
    steps: list[weakref.ref[Step]] = []

    async def link(left: int) -> "asyncio.Task[Any] | None":
        with run.step(f"n{left}") as step:
            steps.append(weakref.ref(step))
            del step
            return asyncio.create_task(link(left - 1)) if left else None

    task = await link(50)
    while task is not None:
        task = await task
    gc.collect()
    assert sum(step() is not None for step in steps) <= 2


# Threads


async def test_to_thread_has_the_step_of_its_caller(run: Publisher, redis_server: RedisServer) -> None:
    with run.step("a"):
        await asyncio.to_thread(call, run, "elsewhere")
    assert run.flush(20)
    assert calls(redis_server) == {"elsewhere": ("a", 0)}


def test_bound_functions_have_the_step_in_which_they_were_bound(run: Publisher, redis_server: RedisServer) -> None:
    together = threading.Barrier(4)

    def search(number: int) -> int:
        with run.step(run.node_created("Search", node_id=f"n{number}")):
            together.wait(30)  # all four are in the same function
            call(run, f"{number}")
        call(run, f"after {number}")
        return number

    with ThreadPoolExecutor(4) as pool:
        with run.step("root"):
            found = pool.map(run.bound(search), range(4))
            assert list(found) == [0, 1, 2, 3]
        list(pool.map(call, [run] * 4, ["unbound"] * 4))  # the threads of the pool keep nothing
    assert run.flush(20)
    nodes = {tool: node for tool, (node, _) in calls(redis_server).items()}
    assert nodes == {
        **{f"{number}": f"n{number}" for number in range(4)},
        **{f"after {number}": "root" for number in range(4)},
        "unbound": None,
    }
    assert {node["outer_node_id"] for node in payloads(redis_server, "node_created")} == {"root"}


def test_a_bound_function_keeps_its_name(run: Publisher) -> None:
    assert run.bound(call).__name__ == "call"


def test_steps_of_many_threads_have_different_numbers(run: Publisher, redis_server: RedisServer) -> None:
    def work() -> None:
        for _ in range(200):
            with run.step("root"):
                pass

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert run.flush(20)
    assert sorted(step["step"] for step in payloads(redis_server, "step_started")) == list(range(1_600))
