"""Publisher in threads, coroutines, forked processes and ending processes."""

import asyncio
import subprocess
import sys
import threading
from collections.abc import Iterator
from itertools import groupby

import pytest

from store.stream.server import RedisServer
from tests.published import bodies, frozen, numbers, say, to_be_started
from treetop.publisher import Publisher

PROCESS_TIMEOUT_S = 60.0
"""Seconds after which a process that is still running counts as hanging."""


@pytest.fixture
def absent() -> Iterator[RedisServer]:
    """A redis-server that is not running."""
    with to_be_started() as server:
        yield server


def agent(script: str, url: str) -> "subprocess.Popen[str]":
    """Run a script in another process; it can use `say`, `Publisher` and `url`."""
    imports = "import os, sys, threading\nfrom treetop.publisher import Publisher\nfrom tests.published import say\n"
    command = [sys.executable, "-c", f"{imports}url = sys.argv[1]\n{script}", url]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def ended(process: "subprocess.Popen[str]") -> str:
    """Wait for the end of a process, and return its output. Its exit code must be 0, and stderr empty."""
    out, errors = process.communicate(timeout=PROCESS_TIMEOUT_S)
    assert (process.returncode, errors) == (0, "")
    return out.strip()


# Threads, tasks and processes


def test_many_threads_publish_one_run(redis_server: RedisServer) -> None:
    with Publisher(redis_server.url) as run:
        threads = [threading.Thread(target=say, args=(run, *range(k, 4_000, 8))) for k in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    found = sorted(numbers(redis_server), key=lambda number: number % 8)  # stable: the order of each thread is kept
    assert [list(group) for _, group in groupby(found, lambda n: n % 8)] == [list(range(k, 4_000, 8)) for k in range(8)]
    assert (run.sent, run.dropped, run.pending) == (4_000, 0, 0)


async def test_coroutines_publish_without_waiting(redis_server: RedisServer) -> None:
    async def think(number: int) -> None:
        await asyncio.sleep(0)
        say(run, number)

    async with Publisher(redis_server.url) as run:
        await asyncio.gather(*map(think, range(100)))
    assert sorted(numbers(redis_server)) == list(range(100))


async def test_the_event_loop_runs_while_the_end_of_the_block_waits_for_redis(absent: RedisServer) -> None:
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.01)
            ticks += 1

    ticking = asyncio.create_task(tick())
    async with Publisher(absent.url) as run:
        say(run, 1)
    ticking.cancel()
    assert ticks > 10
    assert (run.pending, run.dropped) == (0, 1)


def test_a_forked_child_publishes_its_own_events_only(absent: RedisServer) -> None:
    process = agent(
        "run = Publisher(url, run_id='r')\n"
        "say(run, 1, 2)\n"
        "child = os.fork()\n"
        "say(run, 4 if child else 3)\n"
        "os.write(1, f'{run.pending}\\n'.encode())\n"
        "run.flush(30)\n"
        "run.close()\n"
        "os.waitpid(child, 0) if child else os._exit(0)\n",
        absent.url,
    )
    assert process.stdout is not None
    assert {process.stdout.readline(), process.stdout.readline()} == {"3\n", "1\n"}
    with absent:
        process.communicate(timeout=PROCESS_TIMEOUT_S)
        assert process.returncode == 0
        found = bodies(absent)
    assert sorted(body["payload"]["number"] for body in found) == [1, 2, 3, 4]
    assert {body["run_id"] for body in found} == {"r"}


@pytest.mark.parametrize("late", [False, True], ids=["before-the-fork", "in-the-child"])
def test_a_process_of_multiprocessing_publishes_until_its_end(redis_server: RedisServer, late: bool) -> None:
    """Such a process does not run the exit handlers of `atexit`."""
    process = agent(
        "import multiprocessing\n"
        f"run = None if {late} else Publisher(url)\n"
        "def work():\n"
        "    say(run or Publisher(url), *range(5))\n"
        "child = multiprocessing.get_context('fork').Process(target=work)\n"
        "child.start()\n"
        "child.join(30)\n",
        redis_server.url,
    )
    ended(process)
    assert numbers(redis_server) == list(range(5))


def test_a_fork_at_any_moment_does_not_hang_the_child(redis_server: RedisServer) -> None:
    process = agent(
        "import warnings; warnings.simplefilter('ignore')\n"  # Python 3.12 warns of forks with threads
        "run = Publisher(url, buffer=10**6, maxlen=10**6)\n"
        "busy = [threading.Thread(target=lambda: [run.emit('noise', {}) for _ in range(3_000)]) for _ in range(4)]\n"
        "[thread.start() for thread in busy]\n"
        "for number in range(20):\n"
        "    child = os.fork()\n"
        "    if not child:\n"
        "        say(run, number)\n"
        "        run.step_started('n', 0, '')\n"
        "        run.close(30)\n"
        "        os._exit(run.dropped)\n"
        "    assert os.waitpid(child, 0)[1] == 0\n"
        "[thread.join() for thread in busy]\n"
        "run.close(30)\n"
        "print(run.sent)\n",
        redis_server.url,
    )
    assert ended(process) == "12000"
    assert numbers(redis_server) == list(range(20))


def test_a_fork_while_another_thread_holds_all_locks_does_not_hang_the_child(redis_server: RedisServer) -> None:
    process = agent(
        "import warnings; warnings.simplefilter('ignore')\n"
        "import treetop.memory\n"
        "run, held, done = Publisher(url), threading.Event(), threading.Event()\n"
        "def hold():\n"
        "    with treetop.memory._lock, run._outbox._changed:\n"
        "        held.set()\n"
        "        done.wait()\n"
        "threading.Thread(target=hold).start()\n"
        "held.wait()\n"
        "child = os.fork()\n"
        "if not child:\n"
        "    run.step_started('n', 0, 'Write')\n"
        "    run.close(30)\n"
        "    os._exit(run.dropped)\n"
        "print(os.waitpid(child, 0)[1])\n"
        "done.set()\n",
        redis_server.url,
    )
    assert ended(process) == "0"


def test_the_sending_thread_imports_nothing(redis_server: RedisServer) -> None:
    """A fork during an import in another thread leaves the child with an import lock that is never released."""
    process = agent(
        "runs = Publisher(url), Publisher('redis://localhost:1')\n"
        "before = set(sys.modules)\n"
        "[say(run, 1) for run in runs]\n"
        "while not (runs[0].sent and runs[1].error): pass\n"
        "[run.close(0) for run in runs]\n"
        "print(set(sys.modules) - before)\n",
        redis_server.url,
    )
    assert process.communicate(timeout=PROCESS_TIMEOUT_S)[0] == "set()\n"


# End of a process


def test_all_events_of_a_process_that_does_not_close_are_sent_at_its_exit(redis_server: RedisServer) -> None:
    ended(agent("say(Publisher(url), *range(2_000))", redis_server.url))
    assert numbers(redis_server) == list(range(2_000))


def test_all_events_of_a_process_that_fails_are_sent_with_its_error(redis_server: RedisServer) -> None:
    process = agent("with Publisher(url) as run:\n    say(run, 1)\n    raise KeyError('x')", redis_server.url)
    process.communicate(timeout=PROCESS_TIMEOUT_S)
    assert [body["event_type"] for body in bodies(redis_server)] == ["thought", "run_error"]


@pytest.mark.parametrize("close", ["", "run.close()\nprint(run.dropped, run.pending)"])
def test_a_process_does_not_hang_when_redis_does(close: str, absent: RedisServer) -> None:
    with absent, frozen(absent):
        process = agent(f"run = Publisher(url)\nsay(run, *range(100))\n{close}", absent.url)
        out, errors = process.communicate(timeout=PROCESS_TIMEOUT_S)
    assert process.returncode == 0
    assert out.strip() == ("100 0" if close else "")
    assert "100 events were not published" in errors


def test_events_published_after_close_are_dropped(redis_server: RedisServer) -> None:
    with Publisher(redis_server.url) as run:
        say(run, 1)
    say(run, 2)
    run.close()
    assert run.flush(20)
    assert (run.sent, run.dropped, run.pending) == (1, 1, 0)
    assert numbers(redis_server) == [1]
