"""`treetop now`: the open calls and steps of all live runs."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from store.database.life_sign import RECENT_EVENTS
from store.database.open_work import SAMPLE_CALLS_MIN, OpenWorkReader
from store.database.reader import Reader
from store.database.rows import Row
from store.model.entry import Entry
from tests.cli.test_cli import treetop
from tests.cli.test_show import ago
from tests.recorder import START, Recorder
from tests.tables import store
from tests.test_terminal import Terminal

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
    assert titles.split() == ["SILENT", "OPEN", "USUAL", "LATE", "AT", "WAITS", "FOR", "TASK", "RUN"]
    assert first.split()[3:] == ["5m00s", "llm", "gpt-4o-mini", "2.1", "Draft", "it", "live"]
    assert second.split()[3:] == ["5m00s", "step", "3", "3", "Check", "it", "live"]


@pytest.mark.parametrize(("seconds", "late", "budget"), [(5.0, True, 60.0), (300.0, False, 300.0)])
def test_a_call_is_late_after_what_is_usual_for_its_model(live: Path, seconds: float, late: bool, budget: float) -> None:
    """The least budget is a minute."""
    store(live, calls("older", SAMPLE_CALLS_MIN, seconds).entries)
    call, step = works(live)
    assert (call["late"], call["usual_seconds"], call["budget_seconds"]) == (late, seconds, budget)
    assert (step["late"], step["usual_seconds"], step["budget_seconds"]) == (False, None, 300.0)
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


Publish = Callable[[Recorder], Recorder]

STUCK: dict[str, tuple[Publish, float, list[tuple[str, bool]]]] = {
    "a call, its usual duration unknown": (lambda run: run.step_started("a").llm_started("a"), 290, [("llm", False)]),
    "such a call, open for longer": (lambda run: run.step_started("a").llm_started("a"), 310, [("llm", True)]),
    "a step": (lambda run: run.step_started("a"), 310, [("step", True)]),
    "a step with a step inside": (lambda run: run.step_started("root").step_started("a"), 310, [("step", True)]),
    "a step with a later event inside": (
        lambda run: run.step_started("root").later(200).emit("thought", {"node_id": "a"}),
        290,
        [("step", False)],
    ),
    "a step with a later event beside": (
        lambda run: run.step_started("a").later(200).emit("thought", {"node_id": "other"}),
        290,
        [("step", True)],
    ),
    "a call with a call inside": (
        lambda run: run.step_started("root").tool_invoked("root").later(200).step_started("a").llm_started("a"),
        290,
        [("llm", False)],
    ),
    "a call with a later event inside": (
        lambda run: run.tool_invoked("root").later(200).emit("thought", {"node_id": "a"}),
        290,
        [("tool", False)],
    ),
    "a call with a later event of its task": (
        lambda run: run.tool_invoked("root").later(200).emit("thought", {"node_id": "root"}),
        290,
        [("tool", True)],
    ),
}
"""By kind: what is published, the seconds since then, and what is open and late."""


@pytest.mark.parametrize("kind", STUCK)
def test_what_is_stuck_is_late(db: Path, kind: str) -> None:
    publish, seconds, expected = STUCK[kind]

    def made(start: datetime) -> list[Entry]:
        recorder = Recorder("run", start=start).run_started(parallel=True).root()
        return publish(recorder.node("root", "a").node("root", "other")).entries

    entries = made(START)
    store(db, made(ago(seconds + (entries[-1].at.ms - entries[0].at.ms) / 1000)))
    assert [(work["kind"], work["late"]) for work in works(db)] == expected


def test_the_latest_event_inside_a_task_is_found_beyond_the_recent_events_of_the_run(db: Path) -> None:
    """The step of `book` is alive by the event of `draft`, which is followed by many of another task."""
    recorder = Recorder("run", start=ago(490)).run_started(parallel=True).root("book").node("book", "draft")
    recorder.root("other").step_started("book")
    for _ in range(150):
        recorder.emit("thought", {"node_id": "other"})
    recorder.emit("thought", {"node_id": "draft"})
    for _ in range(RECENT_EVENTS + 50):
        recorder.emit("thought", {"node_id": "other"})
    store(db, recorder.entries)
    (work,) = works(db)
    passed = 490 - 155  # events before and with that of draft, one a second
    assert passed - 2 < work["silent_seconds"] < passed + 20
    assert work["late"]


def test_what_waits_and_what_is_interrupted_is_listed_on_demand(live: Path) -> None:
    store(live, Recorder("gone", start=ago(5_000)).root().step_started("root").entries)
    found = json.loads(printed(live, "--json", "--all"))
    assert [(work["run_id"], work["kind"], work["waiting"], work["interrupted"]) for work in found] == [
        ("gone", "step", False, True),
        ("live", "llm", False, False),
        ("live", "step", False, False),
        ("live", "step", True, False),
        ("live", "step", True, False),
        ("live", "step", True, False),
    ]
    text = printed(live, "--all")
    assert text.count("waits") == 3


def test_a_runaway_has_its_reason(db: Path) -> None:
    recorder = Recorder("run", start=ago(20)).root().step_started("root")
    for number in range(3):
        recorder.tool_invoked("root", f"{number}").tool_returned("root", f"{number}", state="SEARCH_ERROR")
    store(db, recorder.llm("root", tokens=(900, 200), cost=6.0).entries)
    (work,) = works(db)
    reason = "tool BingBrowser.run failed 3 times in a row with the same arguments"
    assert work["runaways"] == [{"sign": "repeated call", "reason": reason}]
    assert "! repeated call root" in printed(db)
    (run,) = json.loads(treetop("runs", "--json", "--budget-cost", "5", "--budget-tokens", "1k", "--db", str(db)).stdout)
    assert [found["sign"] for found in run["runaways"]] == ["repeated call", "cost", "tokens"]
    text = treetop("runs", "--db", str(db), TREETOP_BUDGET_COST="5", **ENVIRONMENT).stdout
    assert "! repeated call  Write a book" in text
    assert "! repeated call" in treetop("show", "latest", "--db", str(db), **ENVIRONMENT).stdout


class TestTerminal:
    """In a terminal, `treetop now` is a screen."""

    @pytest.fixture
    def folder(self) -> Iterator[Path]:
        with TemporaryDirectory() as found:
            yield Path(found)

    def test_it_opens_the_screen_and_q_leads_to_the_list(self, live: Path, folder: Path) -> None:
        with closing(Terminal(folder, "now", "--no-ingest", "--db", str(live))) as terminal:
            terminal.sees("2 open in 1 run")
            terminal.sees("Draft it")
            terminal.press("q")
            terminal.sees("1 live")
            terminal.press("q")
            assert terminal.ends() == 0

    def test_once_prints_and_ends(self, live: Path, folder: Path) -> None:
        with closing(Terminal(folder, "now", "--once", "--db", str(live))) as terminal:
            assert terminal.ends() == 0
            assert b"2 at work in 1 run, 0 late" in terminal.output
            assert b"\x1b[?1049h" not in terminal.output


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


async def test_the_number_of_queries_does_not_grow_with_the_open_steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = list[str]()
    rows = Reader.rows

    async def counted(reader: Reader, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        asked.append(sql)
        return await rows(reader, sql, parameters)

    monkeypatch.setattr(Reader, "rows", counted)
    counts = []
    for number in (RECENT_EVENTS + 5, 2 * RECENT_EVENTS):
        recorder = Recorder("live").run_started(parallel=True).root()
        for task in range(number):
            recorder.node("root", f"outer{task}").node(f"outer{task}", f"inner{task}")
        for task in range(number):
            recorder.step_started(f"outer{task}")
        path = tmp_path / f"{number}.db"
        store(path, recorder.entries)
        asked.clear()
        async with Reader(path) as reader:
            found = await OpenWorkReader(reader).read(recorder.events[-1].time)
        assert len(found) == number
        counts.append(len(asked))
    assert counts[1] <= counts[0] + 4  # a query takes a limited number of ids
