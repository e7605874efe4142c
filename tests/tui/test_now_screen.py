"""The screen of what all live runs do now."""

import time
from datetime import timedelta
from pathlib import Path

import pytest

from store.database.open_work import SAMPLE_CALLS_MIN, OpenWorkReader
from store.database.writer import Writer
from store.model.alarm import DEPTH_MAX
from tests.cli.test_now import calls
from tests.recorder import Recorder
from tests.tables import store
from tests.tui.stage import Clock, Hands, at, line_with, lines, sees, shown, treetop, until, watching
from tui.screens.now import NowScreen
from tui.screens.runs import RunsScreen
from tui.widgets.work_list import WorkList


def plant(path: Path) -> None:
    """At noon, a call of `draft` is open since 100 s, which is late; `check` is in a step since 20 s. Another run works."""
    store(path, calls("older", SAMPLE_CALLS_MIN, 5.0).entries)
    noon = at(12)
    recorder = Recorder("live", start=noon - timedelta(seconds=106)).run_started(parallel=True)
    recorder.root("book", "Write a book about trees").node("book", "write", "Write the chapters", nid="2")
    recorder.node("write", "draft", "Draft the chapter on oaks", nid="2.1").step_started(
        "book", "Write a book about trees"
    ).step_started("write", "Write the chapters")
    recorder.llm_started("draft", "1").later(80).node("book", "check", "Check the figures", nid="3")
    store(path, recorder.step_started("check", "Check the figures").entries)
    other = (
        Recorder("other", start=noon - timedelta(seconds=47))
        .root("root", "Answer a letter")
        .step_started("root", "Answer a letter")
    )
    for number in range(3):
        other.tool_invoked("root", f"{number}").tool_returned("root", f"{number}", state="SEARCH_ERROR")
    store(path, other.tool_invoked("root", "last").entries)


@pytest.fixture
def stuck(here: Path) -> Path:
    plant(Path("treetop.db"))
    return Path("treetop.db")


def works(pilot: Hands) -> list[str]:
    """The rows of the list."""
    top = next(number for number, line in enumerate(lines(pilot.app)) if "WAITS FOR" in line)
    found = []
    for line in lines(pilot.app)[top + 1 :]:
        if not line.strip() or "──" in line:
            break
        found.append(line)
    return found


async def test_n_shows_late_calls_first(stuck: Path, clock: Clock) -> None:
    async with watching(treetop(stuck, clock), 150, 40) as pilot:
        await pilot.press("n")
        await sees(pilot, "1 late", "3 open in 2 runs", "1 run running away")
        await until(pilot, lambda: len(works(pilot)) == 3)  # the list is higher in a later frame
        late, silent, last = works(pilot)
        assert late.split()[:5] == ["×", "1m40s", "1m40s", "5.0s", "1m00s"]
        assert "llm gpt-4o-mini" in late
        assert "2.1 Draft the chapter on oaks" in late
        assert "tool BingBrowser.run" in silent
        assert "! repeated call  root Answer a letter" in silent
        assert "3 Check the figures" in last


async def test_the_details_have_what_is_usual_and_why_it_is_late(stuck: Path, clock: Clock) -> None:
    async with watching(treetop(stuck, clock)) as pilot:
        await pilot.press("n")
        await sees(pilot, "late: silent for 1m40s, expected within 1m00s", "half of the calls take 5.0s, 99% at most 5.0s")
        await pilot.press("j")
        await sees(pilot, "tool BingBrowser.run failed 3 times in a row with the same arguments")


async def test_enter_opens_the_run_at_the_task_and_q_goes_back(stuck: Path, clock: Clock) -> None:
    async with watching(treetop(stuck, clock)) as pilot:
        await pilot.press("n", "enter")
        await sees(pilot, "2 Tree")
        await sees(pilot, "▶ 2.1  plan task")
        await pilot.press("q")
        assert isinstance(pilot.app.screen, NowScreen)
        await pilot.press("n")
        assert isinstance(pilot.app.screen, RunsScreen)


async def test_a_double_click_opens_the_row_under_the_mouse(stuck: Path, clock: Clock) -> None:
    async with watching(treetop(stuck, clock)) as pilot:
        await pilot.press("n")
        await sees(pilot, "3 open")
        row = lines(pilot.app).index(line_with(pilot.app, "Check the figures"))
        await pilot.click(offset=(40, row), times=2)
        await sees(pilot, "▶ 3  plan task")


async def test_a_lists_what_waits(stuck: Path, clock: Clock) -> None:
    async with watching(treetop(stuck, clock)) as pilot:
        await pilot.press("n", "a")
        await sees(pilot, "6 open in 2 runs, with all that wait")
        await until(pilot, lambda: len(works(pilot)) == 6)  # the list is higher in a later frame
        assert [line.split()[1] for line in works(pilot)[3:]] == ["waits"] * 3
        await pilot.press("a")
        await sees(pilot, "3 open in 2 runs")


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The times at which the file is read."""
    found: list[float] = []
    read = OpenWorkReader.read

    async def counted(self: OpenWorkReader, now: float, every: bool = False) -> object:
        found.append(now)
        return await read(self, now, every)

    monkeypatch.setattr(OpenWorkReader, "read", counted)
    return found


async def test_time_passes_without_reading(stuck: Path, clock: Clock, readings: list[float]) -> None:
    async with watching(treetop(stuck, clock)) as pilot:
        await pilot.press("n")
        for passed in ("1m41s", "1m42s"):  # the first look for changes of the file may come late
            clock.now += 1
            await sees(pilot, passed)
        before = len(readings)
        clock.now += 28
        await sees(pilot, "2m10s")
        clock.now += 300
        await sees(pilot, "3 late")
        assert len(readings) == before


async def test_a_file_that_changes_all_the_time_is_read_once_a_second(
    stuck: Path, clock: Clock, readings: list[float]
) -> None:
    async with watching(treetop(stuck, clock)) as pilot:
        await pilot.press("n")
        await sees(pilot, "1 late")
        before, begun = len(readings), time.monotonic()
        with Writer(stuck) as writer:
            for number in range(20):
                recorder = Recorder("live", start=at(12), name=f"more {number}").emit("thought", {"node_id": "check"})
                writer.append(recorder.entries)
                await pilot.pause(0.1)
        seconds = time.monotonic() - begun
        await sees(pilot, "0.00s")
        assert 1 <= len(readings) - before <= seconds + 2


async def test_what_ends_disappears_and_the_cursor_stays_on_its_row(stuck: Path, clock: Clock) -> None:
    async with watching(treetop(stuck, clock)) as pilot:
        await pilot.press("n", "G")
        await sees(pilot, "3 open")
        with Writer(stuck) as writer:
            ended = Recorder("live", start=at(12), name="ended").llm_completed("draft", "1")
            writer.append(ended.entries)
        await sees(pilot, "nothing is late", "3 open in 2 runs")
        assert works(pilot)[-1].split()[1:3] == ["0.00s", "1m41s"], "the step around it lives by what ended inside"
        selected = pilot.app.screen.query_one(WorkList).selected
        assert selected is not None
        assert selected.span.node_id == "check"


async def test_a_run_is_marked_in_list_and_tree(stuck: Path, clock: Clock) -> None:
    async with watching(treetop(stuck, clock), 150, 40) as pilot:
        await sees(pilot, "! repeated call  Answer a letter", "1 call failed 3 times in a row or more")
        await pilot.press("\\", *"letter", "enter", "enter")
        await sees(pilot, "2 Tree", "runaway    tool BingBrowser.run failed 3 times in a row")
        assert "! repeated call" in lines(pilot.app)[1]
        assert "Answer a letter !" in line_with(pilot.app, "▶ Answer a letter")
        await pilot.press("t", "T", *"3", "enter")
        await until(pilot, lambda: "repeated call" not in shown(pilot.app))
        await pilot.press("T", *"100", "percent_sign", "enter")
        await sees(pilot, "repeated call")


async def test_r_goes_to_the_next_task_that_runs_away(here: Path, clock: Clock) -> None:
    recorder = Recorder(start=at(11)).root(goal="Write a book").node("root", "a", "Find sources")
    recorder.node("a", "copy", "Write a book").node("root", "b", "Review").node("b", "again", "Review")
    store(Path("treetop.db"), recorder.step("b", "execute", "FINISH").run_finished().entries)
    async with watching(treetop(Path("treetop.db"), clock)) as pilot:
        await pilot.press("enter", "P")
        for expected in ("copy", "again", "copy"):
            await pilot.press("r")
            await sees(pilot, f"{expected}  plan task", "it has the same goal as")
        header = lines(pilot.app)[1]
        await pilot.press("P")
        await pilot.click(offset=(header.index("! repeated goal") + 3, 1))
        await sees(pilot, "copy  plan task")


async def test_r_goes_to_the_task_that_is_too_deep(here: Path, clock: Clock) -> None:
    recorder = Recorder(start=at(11)).root(node_id="0", goal="Level 0")
    for level in range(DEPTH_MAX + 3):
        recorder.node(f"{level}", f"{level + 1}", f"Level {level + 1}")
    store(Path("treetop.db"), recorder.run_finished().entries)
    async with watching(treetop(Path("treetop.db"), clock), 150, 40) as pilot:
        await pilot.press("enter", "P", "minus", "r")
        await sees(pilot, "it has 21 tasks around it")
        await pilot.press("P", "r")
        await sees(pilot, "it has 21 tasks around it")


async def test_budgets_are_marked(stuck: Path, clock: Clock) -> None:
    from store.model.runaway import Budget

    store(stuck, Recorder("dear", start=at(11, 59)).root(goal="Buy a tree").llm("root", tokens=(9, 9), cost=7.0).entries)
    async with watching(treetop(stuck, clock, budget=Budget(cost=5.0))) as pilot:
        await sees(pilot, "! cost  Buy a tree")


async def test_nothing_is_open(book: Path, clock: Clock) -> None:
    async with watching(treetop(book, clock)) as pilot:
        await pilot.press("n")
        await sees(pilot, "nothing is late", "No step or call of a live run is open.")
