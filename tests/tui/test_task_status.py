"""The status of a task on the screen and in `treetop show`."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.recorder import Recorder
from tests.rest import rest
from tests.tables import store
from tests.tui.run_stage import inspector, opened, selected, timeline, tree
from tests.tui.stage import Clock, rows_of, sees, treetop, until, watching

P = Path("treetop.db")


def show(*arguments: str) -> str:
    """The output of `treetop show`."""
    command = [sys.executable, "-m", "tui.cli", "show", "--db", str(P), *arguments]
    environment = {"PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONIOENCODING": "utf-8", "LANG": "C.UTF-8"}
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def line_of(text: str, words: str) -> str:
    """The first line that contains a text."""
    return next(line for line in text.splitlines() if words in line)


def aborted() -> Recorder:
    """A step with two calls. The second never returns: the agent begins the next item."""
    made = Recorder().run_started().root("book").node("book", "part", "A part of it").step_started("part", "A part of it")
    return made.llm("part").llm("part").llm_started("part").root("other", "Another book").run_finished()


async def test_an_aborted_step_lasts_until_its_last_event(here: Path, clock: Clock) -> None:
    store(P, aborted().entries)
    app = treetop(P, clock)
    async with watching(app, 140, 40) as pilot:
        await opened(pilot, "j")
        await sees(pilot, "5.0s in 1 step")
        assert "5.0s" in line_of("\n".join(rows_of(tree(app))), "A part of it")
    assert "5.0s" in line_of(show("run"), "A part of it")


async def test_an_aborted_step_without_events_has_no_duration(here: Path, clock: Clock) -> None:
    store(P, Recorder().root("book").step_started("book").run_finished().entries)
    app = treetop(P, clock)
    async with watching(app, 140, 40) as pilot:
        await opened(pilot)
        await sees(pilot, "n/a in 1 step")
    assert "0.00s" not in line_of(show("run"), "×")


async def test_a_task_with_an_aborted_step_is_failed(here: Path, clock: Clock) -> None:
    store(P, aborted().status("part", "READY", goal="A part of it").entries)
    app = treetop(P, clock)
    async with watching(app, 140, 40) as pilot:
        await opened(pilot, "j")
        await until(pilot, lambda: "status     failed\nreported   READY" in inspector(app))
    assert "× part A part of it [write failed]" in show("run")


async def test_an_active_task_shows_its_activity(here: Path, clock: Clock) -> None:
    made = (
        Recorder()
        .run_started()
        .root("book")
        .node("book", "part", "A part of it")
        .status("part", "READY", goal="A part of it")
    )
    store(P, made.step_started("part", "A part of it").llm_started("part").entries)
    clock.now = made.events[-1].time + 2.2
    app = treetop(P, clock)
    async with watching(app, 140, 40) as pilot:
        await opened(pilot, "j")
        await until(pilot, lambda: "status     working: llm 2.2s\nreported   READY" in inspector(app))
    assert "▶ part A part of it [write working: llm" in show("run")


PREREQUISITE_IDS = [f"{letter}-part" for letter in "hcgafbed"]
"""In the order of the plan, which differs from the order of ids."""


def waiting(finished: int) -> Recorder:
    """A task with eight prerequisites. The first `finished` of them are finished."""
    made = Recorder().run_started().root("book")
    for name in [*PREREQUISITE_IDS, "last"]:
        made.node("book", name, f"The {name}")
    for name in sorted(PREREQUISITE_IDS):
        made.edge("book", name, "last")
    for name in PREREQUISITE_IDS[:finished]:
        made.step(name, "execute", after="FINISH")
    return made


@pytest.mark.parametrize(
    ("finished", "title"),
    [(0, "Prerequisites 8, not met"), (7, "Prerequisites 8, not met"), (8, "Prerequisites 8, met")],
    ids=["none", "seven", "all"],
)
async def test_prerequisites_are_listed_in_the_order_of_the_plan(
    here: Path, clock: Clock, finished: int, title: str
) -> None:
    store(P, waiting(finished).entries)
    app = treetop(P, clock)
    async with watching(app, 140, 60) as pilot:
        await opened(pilot, "G")
        await until(pilot, lambda: title in inspector(app))
        listed = inspector(app).partition(title)[2].split("\n")[1:9]
        assert [line.split()[1] for line in listed] == PREREQUISITE_IDS


def planned() -> Recorder:
    """A plan of nine tasks. The published result is truncated."""
    made = Recorder().root("book").step_started("book")
    tasks = [
        {"id": str(at), "task_type": "write", "goal": f"Chapter {at} " + "x" * 90, "dependency": []} for at in range(9)
    ]
    made.emit("plan_received", {"node_id": "other", "raw_plan": []})
    made.emit("plan_received", {"node_id": "book", "raw_plan": tasks})
    return made.result("book", "plan", str(tasks)[:500] + "...").step_finished("book", "plan", after="PLAN_DONE")


async def test_the_result_of_a_planning_step_is_the_whole_plan(here: Path, clock: Clock) -> None:
    store(P, planned().entries)
    app = treetop(P, clock)
    async with watching(app, 160, 90) as pilot:
        await opened(pilot)
        await sees(pilot, "Result of plan, 9 tasks")
        assert "Chapter 8" in inspector(app)
        assert "only the first 500 characters" not in inspector(app)


TEMPLATE = "results of search and analysis tasks completed:\n" + "x" * 400


def called(**context: object) -> Recorder:
    """A call whose prompt begins with a template."""
    prompt = [{"role": "system", "content": "You plan."}, {"role": "user", "content": f"{TEMPLATE} The end says: find it."}]
    payload = {"agent_class": "SimpleExecutor", "model": "m", "prompt_preview": TEMPLATE[:200] + "...", "prompt": prompt}
    return Recorder().root("book").emit("llm_call_started", payload | {"node_id": "book"} | context)


@pytest.mark.parametrize(
    ("context", "expected"),
    [
        ({"task_goal": "Find the three most cited criticisms"}, "executor · Find the three most cited criticisms · m"),
        ({}, "The end says: find it."),
        ({"prompt_preview": "Say hello..."}, "executor · Say hello · m "),
    ],
    ids=["goal", "end", "short"],
)
async def test_the_row_of_a_call_shows_the_part_of_the_prompt_after_the_template(
    here: Path, clock: Clock, context: dict[str, object], expected: str
) -> None:
    store(P, called(**context).entries)
    app = treetop(P, clock)
    async with watching(app, 1_200, 40) as pilot:
        await opened(pilot, "3")
        await rest(pilot)
        row = line_of("\n".join(rows_of(timeline(app))), "executor ·")
        assert expected in row
        assert "results of search" not in row
        assert selected(app) == "book"


def test_a_single_error_is_counted_in_the_singular(here: Path) -> None:
    store(P, Recorder().root("book").llm("book", error="timeout").entries)
    assert "1 error\n" in show("run")
    store(P, Recorder("one").root("b").entries)
    assert " 1 event " in show("one")
