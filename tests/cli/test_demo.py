"""`treetop demo`: consistent times at every speed, and a live run of some minutes under the cursor."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from click.testing import CliRunner

from tests.bench.grid import Grid
from tests.conftest import until
from tests.tables import query
from tests.test_terminal import Terminal
from tui.cli.program import treetop
from tui.cli.screen import demo
from tui.demo import simulate
from tui.demo.program import HEAD, live, recorded

LIVE = "Who will earn money"
"""Beginning of the goal of the live run."""


@pytest.fixture
def folder() -> Iterator[Path]:
    with TemporaryDirectory() as found:  # a short path: that of a socket has a limit
        yield Path(found)


def file_of(folder: Path) -> Path:
    """The file of the demo whose temporary folder this is."""
    (found,) = folder.glob("treetop-*/demo-*/demo.db")
    return found


def events(path: Path) -> list[dict[str, object]]:
    """The events of the live run in order."""
    sql = (
        "SELECT b.data FROM body b JOIN event e USING (seq)"
        " WHERE e.run = (SELECT key FROM run WHERE goal LIKE ?) ORDER BY e.position"
    )
    return [json.loads(data) for (data,) in query(path, sql, f"{LIVE}%")]


def contradictions(found: list[dict[str, object]]) -> tuple[list[str], int]:
    """Spans whose duration differs from their timestamps, and the number of all spans."""
    begun: dict[object, datetime] = {}
    wrong, spans = [], 0
    for event in found:
        payload = event["payload"]
        assert isinstance(payload, dict)
        assert isinstance(event["timestamp"], str)
        at = datetime.fromisoformat(event["timestamp"])
        span = payload.get("call_id") or payload.get("tool_call_id") or (payload.get("node_id"), payload.get("step"))
        match event["event_type"]:
            case "run_started":
                begun["run"] = at
            case "llm_call_started" | "tool_invoked" | "step_started":
                begun[span] = at
            case "llm_call_completed" | "tool_returned" | "step_finished" | "run_finished" as ended:
                spans += 1
                passed = (at - begun["run" if ended == "run_finished" else span]).total_seconds()
                if abs(passed - payload["duration_seconds"]) > 0.01:
                    wrong.append(f"{ended}: {payload['duration_seconds']} s, by its timestamps {passed} s")
    return wrong, spans


@pytest.mark.redis
@pytest.mark.parametrize("speed", ["0.5", "3", "1000"])
def test_durations_and_timestamps_agree_at_every_speed(folder: Path, speed: str) -> None:
    terminal = Terminal(folder, "demo", "--speed", speed)
    try:
        terminal.sees("1 live")
        path = file_of(folder)

        def is_enough() -> bool:
            terminal.read(0)
            found = events(path)
            if speed == "1000":
                return found[-1]["event_type"] == "run_finished"
            return len(found) >= (1 if speed == "0.5" else HEAD + 10)

        until(is_enough)
        wrong, spans = contradictions(events(path))
        assert wrong == []
        assert spans >= 2
        arrived = "SELECT max(abs(e.ms / 1000.0 - e.time)) FROM event e JOIN run r ON r.key = e.run WHERE r.goal LIKE ?"
        assert query(path, arrived, f"{LIVE}%")[0][0] < 5.0
    finally:
        terminal.close()


@pytest.mark.redis
def test_the_first_picture_has_the_live_run_under_the_cursor(folder: Path) -> None:
    terminal = Terminal(folder, "demo", "--speed", "1")
    try:
        terminal.sees("1 live")
        grid = Grid(100, 30)
        grid.feed(terminal.output)
        assert "6 runs  1 live" in grid.lines[0]
        assert LIVE in grid.lines[2]
        terminal.press("\r")
        terminal.sees("Tree: ")
        grid.feed(terminal.output)
        assert LIVE in grid.lines[0]
    finally:
        terminal.close()


def test_the_live_run_takes_minutes_and_its_first_error_is_late() -> None:
    given = demo.make_context("demo", []).params
    scenario, head = live(datetime.now(UTC).replace(tzinfo=None), given["seed"], given["tasks"], given["speed"])
    published = list(simulate(scenario))
    assert 180 < published[-1].offset - published[head].offset < 600
    errors = [event.offset for event in published if b'"error":' in event.body]
    assert errors
    assert errors[0] > 60


def test_help_has_the_number_of_recorded_runs() -> None:
    count = {3: "three", 4: "four", 5: "five"}[len(recorded(datetime(2026, 1, 1), 7))]
    assert f"{count} recorded runs" in CliRunner().invoke(treetop, ["demo", "--help"]).output
