"""Numbered events, and a count of those that were stored, lost and duplicated."""

import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis
from msgspec import Struct

from store.model.decode import decode
from store.model.entry import Entry
from store.model.fold import fold
from store.model.state import empty
from store.stream.server import RedisServer
from tests.ledger import LEDGER, Line
from tests.live import STREAM
from tests.recorder import body_of, entry_of
from tests.tables import query, states

RUNS = 3
KINDS = ("node_created", "step_started", "llm_call_started", "llm_call_completed", "node_status_changed", "step_finished")


def numbered(number: int) -> bytes:
    """The body of the event with this number. Successive events belong to three runs in turn."""
    turn = number // RUNS
    run = f"run-{number % RUNS}"
    node = f"{run}/{turn // len(KINDS)}"
    payload = {
        "number": number,
        "node_id": node,
        "outer_node_id": f"{run}/{turn // len(KINDS) // 4}" if turn >= len(KINDS) else None,
        "layer": int(turn >= len(KINDS)),
        "task_goal": f"Goal {number}",
        "step": turn // len(KINDS),
        "call_id": f"call-{turn // len(KINDS)}",
        "new_status": "FINAL_TO_FINISH",
        "status_after": "FINISH",
    }
    kind = KINDS[turn % len(KINDS)]
    return body_of({"event_id": f"e{number}", "event_type": kind, "payload": payload, "run_id": run})


def entries(first: int, last: int) -> list[Entry]:
    """The events with the numbers from `first` to `last`, both included."""
    return [entry_of(numbered(number), number) for number in range(first, last + 1)]


@contextmanager
def publishing(
    server: RedisServer, first: int = 1, at_once: int = 20, pause: float = 0.01, keep: int | None = None
) -> Iterator[list[int]]:
    """Publish from a thread until the end of the block. `keep`: maximum length of the stream.

    Yields the growing list of the numbers that Redis acknowledged.
    """
    sent: list[int] = []
    enough = threading.Event()

    def publish() -> None:
        number = first
        with redis.Redis.from_url(server.url, retry=None) as client:
            while not enough.wait(pause):
                try:
                    pipe = client.pipeline(transaction=True)
                    for next_one in range(number, number + at_once):
                        pipe.xadd(STREAM, {b"json_payload": numbered(next_one)}, maxlen=keep, approximate=False)
                    pipe.execute()
                except (redis.RedisError, OSError):
                    client.connection_pool.disconnect()
                else:
                    sent.extend(range(number, number + at_once))
                number += at_once  # Redis may have what it did not confirm

    thread = threading.Thread(target=publish)
    thread.start()
    try:
        yield sent
    finally:
        enough.set()
        thread.join()


class Tally(Struct):
    """Counts of the events in a file."""

    stored: Counter[int]
    duplicate: int
    rejected: int
    gaps: list[tuple[str, int | None]]
    """Kind and number of lost entries of each recorded gap."""

    @property
    def doubled(self) -> int:
        return self.stored.total() - len(self.stored)

    def lost(self, sent: list[int]) -> int:
        return len(set(sent) - set(self.stored))

    def lost_before(self, sent: list[int]) -> int:
        """Number of events that were lost before the first stored one."""
        return sum(number < min(self.stored) for number in sent)


def tally(path: Path) -> Tally:
    """Count the numbers in the bodies of a file, and check the invariants of every file."""
    bodies = query(path, "SELECT data FROM body ORDER BY seq")
    numbers = Counter(json.loads(data)["payload"]["number"] for (data,) in bodies)
    streams = query(path, "SELECT received, stored, duplicate, rejected FROM stream")
    for received, stored, duplicate, rejected in streams:
        assert received == stored + duplicate + rejected
    assert sum(row[1] for row in streams) == len(bodies) == query(path, "SELECT count(*) FROM event")[0][0]
    assert sum(row[3] for row in streams) == query(path, "SELECT count(*) FROM rejected")[0][0]
    assert query(path, "PRAGMA integrity_check") == [("ok",)]
    check_states(path)
    gaps = [(kind, lost) for kind, lost in query(path, "SELECT kind, lost FROM gap ORDER BY key")]
    return Tally(numbers, sum(row[2] for row in streams), sum(row[3] for row in streams), gaps)


def check_states(path: Path) -> None:
    """Check that every stored run equals the fold of its published events."""
    for run_id, state in states(path).items():
        rows = query(
            path,
            "SELECT b.data, e.ms, e.number FROM event e JOIN body b ON b.seq = e.seq JOIN run r ON r.key = e.run"
            " WHERE r.run_id = ? ORDER BY e.position",
            run_id,
        )
        assert state == fold(empty(run_id), (decode(data, entry_of(data, ms).at) for data, ms, _ in rows))


def settle(fault: str, tried: int, sent: list[int], path: Path) -> Tally:
    """`tally`, and a line in the ledger. `tried`: number of times that the fault happened."""
    found = tally(path)
    lost = found.lost(sent)
    LEDGER.note(Line(fault, tried, len(sent), len(found.stored), lost, found.doubled, _gap_text(found.gaps)))
    return found


def _gap_text(gaps: list[tuple[str, int | None]]) -> str:
    """For example `2 trimmed (30 lost)`."""
    kinds = Counter(kind for kind, _ in gaps)
    counts = {kind: [lost for other, lost in gaps if other == kind] for kind in kinds}
    return ", ".join(
        f"{kinds[kind]} {kind} ({'unknown number' if None in lost else f'{sum(filter(None, lost)):,}'} lost)"
        for kind, lost in counts.items()
    )
