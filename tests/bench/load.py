"""An agent that continues a run of a file of `tests.bench.big`, at a steady rate, for a number of seconds.

    python -m tests.bench.load SOCKET STREAM --nodes N [--updates 1000] [--creates 200] [--seconds 10] [--first N]

Updates are steps and calls of random nodes, some of them near the top of the tree. New nodes are created in random nodes.
Node 1 gets no events. Prints the number of events, their seconds, and the number of the next new node.
"""

import argparse
import socket
import sys
import time
from collections.abc import Iterator
from itertools import count
from random import Random

from tests.bench.agent import goal, node_id, run_id

SEED = 1
"""Seed of the run that is continued."""

BURST = 0.005
"""Seconds between two groups of events."""

MAXLEN = b"200000"
"""Approximate maximum length of the stream."""

TOP = 9
"""Nodes with numbers up to this are near the top of the tree."""


class Load:
    """Produces the events of an agent that works on one node after another."""

    def __init__(self, nodes: int, first: int) -> None:
        self._nodes = nodes
        self._next = first
        self._luck = Random(first)
        self._said = count()
        self._name = f"{time.time_ns():x}"
        self._work = self._steps()
        self._stamp = ""
        self._stamped = 0.0

    @property
    def next(self) -> int:
        """The number of the next new node."""
        return self._next

    def update(self) -> bytes:
        """The next event of an existing node."""
        return next(self._work)

    def create(self) -> bytes:
        """The creation of a new node."""
        number, outer = self._next, self._number()
        self._next += 1
        return self._say(
            "node_created",
            f'"node_id":"{node_id(SEED, number)}","node_nid":"9","node_type":"EXECUTE_NODE","task_type":"REASONING",'
            f'"task_goal":"{goal(number)}","layer":9,"outer_node_id":"{node_id(SEED, outer)}",'
            f'"root_node_id":"{node_id(SEED, 0)}"',
        )

    def _number(self) -> int:
        """Number of a random node: one in ten is near the top, none is 1."""
        return self._luck.randint(2, TOP if self._luck.random() < 0.1 else self._nodes - 1)

    def _steps(self) -> Iterator[bytes]:
        for step in count(self._nodes):
            number = self._number()
            who = f'"node_id":"{node_id(SEED, number)}"'
            call = f'{who},"agent_class":"Writer","model":"gpt-4o-mini","call_id":"{self._name}-{step}"'
            yield self._say(
                "step_started", f'"step":{step},{who},"node_goal":"{goal(number)}","root_id":"{node_id(SEED, 0)}"'
            )
            yield self._say("llm_call_started", f'{call},"prompt_preview":"You are asked."')
            yield self._say("llm_call_completed", f'{call},"duration_seconds":0.5,"result_summary":"Well."')
            yield self._say("node_status_changed", f'{who},"old_status":"READY","new_status":"DOING"')
            yield self._say(
                "step_finished",
                f'"step":{step},{who},"action_name":"execute","status_after":"FINISH","duration_seconds":0.5',
            )

    def _say(self, event_type: str, payload: str) -> bytes:
        now = time.time()
        if now - self._stamped > 0.02:
            self._stamped = now
            self._stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now % 1 * 1000):03d}Z"
        return (
            f'{{"event_id":"{self._name}-{next(self._said)}","timestamp":"{self._stamp}","event_type":"{event_type}",'
            f'"payload":{{{payload}}},"run_id":"{run_id(SEED)}"}}'
        ).encode()


def command(stream: bytes, body: bytes) -> bytes:
    """XADD in the protocol of Redis."""
    parts = (b"XADD", stream, b"MAXLEN", b"~", MAXLEN, b"*", b"json_payload", body)
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%b\r\n" % (len(part), part) for part in parts)


def offer(path: str, stream: str, load: Load, updates: float, creates: float, seconds: float) -> tuple[int, float]:
    """Publish at these rates. Returns the number of events and the seconds. Skips events that it cannot publish in time."""
    name, sent, born = stream.encode(), 0, 0
    with socket.socket(socket.AF_UNIX) as redis:
        redis.connect(path)
        begun = time.perf_counter()
        while (spent := time.perf_counter() - begun) < seconds:
            new = int(spent * creates) - born
            old = int(spent * updates) - (sent - born)
            if burst := [load.create() for _ in range(new)] + [load.update() for _ in range(old)]:
                redis.sendall(b"".join(command(name, body) for body in burst))
                lines = 0
                while lines < 2 * len(burst):  # a length and an id for each
                    answer = redis.recv(65536)
                    if not answer or b"-ERR" in answer or b"-OOM" in answer:
                        raise OSError(f"redis says {answer[:200]!r}")
                    lines += answer.count(b"\n")
            sent, born = sent + new + old, born + new
            time.sleep(BURST)
        return sent, time.perf_counter() - begun


def main() -> None:
    """Publish, and print the counts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("socket")
    parser.add_argument("stream")
    parser.add_argument("--nodes", type=int, required=True, help="how many the run has in its file")
    parser.add_argument("--first", type=int, help="number of the first new node")
    parser.add_argument("--updates", type=float, default=1_000.0, help="a second")
    parser.add_argument("--creates", type=float, default=200.0, help="a second")
    parser.add_argument("--seconds", type=float, default=10.0)
    options = parser.parse_args()
    load = Load(options.nodes, options.first or options.nodes)
    sent, spent = offer(options.socket, options.stream, load, options.updates, options.creates, options.seconds)
    sys.stdout.write(f"{sent} {spent:.3f} {load.next}\n")


if __name__ == "__main__":
    main()
