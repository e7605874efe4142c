"""`treetop now`: the open calls and steps of all live runs."""

import json
from pathlib import Path
from typing import Any

import pytest

from store.database.open_work import SAMPLE_CALLS_MIN
from tests.cli.test_cli import treetop
from tests.cli.test_show import ago
from tests.recorder import Recorder
from tests.tables import store

ENVIRONMENT = {"TZ": "UTC", "PYTHONIOENCODING": "utf-8"}


def printed(path: Path, *words: str) -> str:
    done = treetop("now", *words, "--db", str(path), **ENVIRONMENT)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def works(path: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(printed(path, "--json"))
    return found


def calls(name: str, number: int, seconds: float) -> Recorder:
    """An ended run with calls of gpt-4o-mini that took so many seconds."""
    recorder = Recorder(name).root()
    for call in range(number):
        recorder.llm_started("root", str(call))
        payload = {"call_id": str(call), "node_id": "root", "model": "gpt-4o-mini", "duration_seconds": seconds}
        recorder.emit("llm_call_completed", payload)
    return recorder.run_finished()


@pytest.fixture
def live(db: Path) -> Path:
    """A live run: book waits for write, which waits for draft, in a call since 70 s; check is in a step."""
    recorder = Recorder("live", start=ago(77)).run_started(parallel=True).root("book").node("book", "write", nid="2")
    recorder.node("write", "draft", "Draft it", nid="2.1").step_started("book").step_started("write")
    recorder.step_started("draft", "Draft it").llm_started("draft", "1")
    store(db, recorder.node("book", "check", "Check it", nid="3").step_started("check", "Check it").entries)
    return db


def test_a_task_that_waits_for_a_task_inside_it_is_left_out(live: Path) -> None:
    found = works(live)
    assert [(work["path"], work["kind"], work["label"]) for work in found] == [
        (["2", "2.1"], "llm", "gpt-4o-mini"),
        (["3"], "step", None),
    ]
    assert 70 <= found[0]["silent_seconds"] < 100
    assert found[1]["silent_seconds"] < found[0]["silent_seconds"]


def test_text_has_a_line_for_each(live: Path) -> None:
    summary, _, titles, first, second = printed(live).splitlines()
    assert summary == "2 at work in 1 run, 0 late"
    assert titles.split() == ["FOR", "USUAL", "WAITS", "FOR", "TASK", "RUN"]
    assert first.split()[2:] == ["llm", "gpt-4o-mini", "2/2.1", "Draft", "it", "live"]
    assert second.split()[2:] == ["step", "3", "Check", "it", "live"]


@pytest.mark.parametrize(("seconds", "late", "budget"), [(5.0, True, 60.0), (300.0, False, 300.0)])
def test_a_call_is_late_after_what_is_usual_for_its_model(live: Path, seconds: float, late: bool, budget: float) -> None:
    """The least budget is a minute."""
    store(live, calls("older", SAMPLE_CALLS_MIN, seconds).entries)
    call, step = works(live)
    assert (call["late"], call["usual_seconds"], call["budget_seconds"]) == (late, seconds, budget)
    assert (step["late"], step["usual_seconds"], step["budget_seconds"]) == (False, None, None)
    assert printed(live).startswith(f"2 at work in 1 run, {int(late)} late\n")


def test_few_calls_are_not_usual(live: Path) -> None:
    store(live, calls("older", SAMPLE_CALLS_MIN - 1, 5.0).entries)
    assert [(work["late"], work["usual_seconds"]) for work in works(live)] == [(False, None)] * 2


def test_a_step_is_late_five_minutes_after_the_last_event_of_its_task(db: Path) -> None:
    recorder = Recorder("quiet", start=ago(330)).root().step_started("root")
    store(db, recorder.entries)
    (work,) = works(db)
    assert (work["kind"], work["late"]) == ("step", True)
    store(db, Recorder("quiet", start=ago(100)).emit("thought", {"node_id": "root"}, event_id="sign of life").entries)
    (work,) = works(db)
    assert work["late"] is False


def test_a_call_of_no_known_task_is_listed(db: Path) -> None:
    store(db, Recorder("calls", start=ago(5)).run_started().llm_started(None, "1").entries)
    (work,) = works(db)
    assert (work["node"], work["path"], work["kind"]) == (None, [], "llm")
    assert "no known task" in printed(db)


def test_ended_and_interrupted_runs_are_left_out(db: Path) -> None:
    store(db, Recorder("ended").root().step_started("root").run_finished().entries)
    store(db, Recorder("interrupted", start=ago(5_000)).root().step_started("root").entries)
    assert works(db) == []
    assert printed(db) == "no live run does anything now\n"
