"""Wrong clocks of publishers: an event gets the time of its arrival, and the difference is shown."""

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import redis

from store.model.decode import decode
from store.model.entry import StreamId
from store.model.event import CLOCK_AHEAD_MAX_S
from store.stream.server import RedisServer
from tests.cli.test_cli import treetop
from tests.live import publish
from tests.recorder import Recorder, body_of
from tests.tables import query

DAY = 86_400.0


def moment(text: str) -> float:
    """Unix time of a text in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def agent(stamp: str, odd: dict[int, str] | None = None, run_id: str = "r") -> Recorder:
    """A running run whose events have the time `stamp`; `odd`: other times, by number of the event."""
    recorder = Recorder(run_id)
    for number, (event_type, payload) in enumerate(EVENTS):
        recorder.emit(event_type, payload, timestamp=(odd or {}).get(number, stamp))
    return recorder


STEP = {"node_id": "a", "root_id": "a", "step": 0}
EVENTS: list[tuple[str, dict[str, object]]] = [
    ("run_started", {"run_mode": "story"}),
    ("node_created", {"node_id": "a", "layer": 0, "task_goal": "Write"}),
    ("step_started", STEP | {"node_goal": "Write"}),
    ("step_finished", STEP | {"status_after": "DOING"}),
]


def drained(server: RedisServer, db: Path, recorder: Recorder) -> dict[str, Any]:
    """Publish and store a run. Returns it as `runs --json` prints it."""
    publish(server, recorder.entries)
    assert treetop("ingest", "--drain", "--db", str(db), "--redis", server.url).returncode == 0
    (run,) = json.loads(treetop("runs", "--json", "--db", str(db)).stdout)
    assert isinstance(run, dict)
    return run


def today() -> str:
    return f"{datetime.now(UTC).replace(tzinfo=None).isoformat()}Z"


@pytest.mark.parametrize(
    ("number", "stamp"), [(0, "2099-06-01T00:00:00Z"), (3, "2099-06-01T00:00:00Z"), (1, "1970-01-01T00:00:07Z")]
)
def test_one_event_with_a_wrong_time_does_not_change_the_times_of_its_run(
    redis_server: RedisServer, db: Path, number: int, stamp: str
) -> None:
    before = time.time()
    run = drained(redis_server, db, agent(today(), {number: stamp}))
    started, latest = (moment(run[name].rstrip("Z")) for name in ("started", "latest"))
    assert before - 1 <= started <= latest <= time.time() + 1
    ahead = (moment(stamp.rstrip("Z")) - before) / DAY
    assert run["skew_seconds"] / DAY == pytest.approx(ahead, abs=0.01)
    shown = treetop("show", "r", "--db", str(db)).stdout
    assert f"clock of the agent: {abs(round(ahead)):,} days {'ahead' if ahead > 0 else 'behind'};" in shown
    assert stamp in query(db, "SELECT data FROM body WHERE seq = ?", number + 1)[0][0].decode(), "the body is as published"


@pytest.mark.parametrize("stamp", ["2099-06-01T00:00:00Z", "1970-01-01T00:00:07Z"])
def test_a_run_with_a_wrong_clock_is_pruned_by_its_arrival(redis_server: RedisServer, db: Path, stamp: str) -> None:
    run = drained(redis_server, db, agent(stamp))
    assert time.time() - moment(run["latest"].rstrip("Z")) < 60
    with redis.Redis.from_url(redis_server.url) as client:  # three days ago, by the clock of Redis
        for number, entry in enumerate(agent(stamp, run_id="old").entries):
            client.xadd("older", dict(entry.fields), id=f"{int((time.time() - 3 * DAY) * 1000)}-{number}")
    words = ("ingest", "--drain", "--db", str(db), "--redis", redis_server.url)
    assert treetop(*words, EVENT_STREAM="older").returncode == 0
    done = treetop("prune", "--older-than", "2d", "--yes", "--db", str(db))
    assert done.returncode == 0, done.stderr
    assert [run["run_id"] for run in json.loads(treetop("runs", "--json", "--db", str(db)).stdout)] == ["r"]


def test_a_time_within_the_bounds_is_kept() -> None:
    at = StreamId(1_745_342_735_000, 0)
    for ahead, skew in ((CLOCK_AHEAD_MAX_S - 1, None), (-40 * DAY, None), (CLOCK_AHEAD_MAX_S + 1, CLOCK_AHEAD_MAX_S + 1)):
        stamp = datetime.fromtimestamp(at.ms / 1000 + ahead, UTC).isoformat()
        event = decode(body_of({"event_type": "note", "payload": {}, "timestamp": stamp}), at)
        assert event.time == at.ms / 1000 + (ahead if skew is None else 0)
        assert event.skew == skew


def test_a_stream_id_that_is_not_a_time_does_not_correct_a_clock() -> None:
    for at in (StreamId(7, 0), StreamId(2**63, 0)):
        event = decode(body_of({"event_type": "note", "payload": {}, "timestamp": "2099-01-01T00:00:00Z"}), at)
        assert (event.time, event.skew) == (moment("2099-01-01"), None)
