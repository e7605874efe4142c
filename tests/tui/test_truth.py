"""The final screen is correct, whatever is read, pressed, stored or refused before."""

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from store.database import listing
from store.database.deletion import delete_run
from store.database.history import History
from store.database.moment import Moment
from store.database.reader import Reader
from store.database.run_queries import RunQueries
from store.database.writer import Writer
from store.errors import FileError
from tests.recorder import Recorder
from tests.rest import rest
from tests.tables import query, store
from tests.tui.run_stage import inspector, opened, position, selected, timeline, tree
from tests.tui.stage import FINISHED, LIVE, Clock, Feed, rows_of, sees, shown, store_run, treetop, until, watching
from tests.tui.test_filter import filtered
from tests.tui.test_travel import GLYPHS, bar, gone, is_shown, seek, then_of, travelling
from tui.screens.run import RunScreen
from tui.theme import node_mark

P = Path("treetop.db")


def many(count: int) -> Recorder:
    """A run with nodes of the same kind."""
    made = Recorder().root("book")
    for number in range(count):
        made.node("book", f"n{number}", f"Chapter called {number:03}")
    return made


async def busy(*_: object) -> None:
    raise FileError("the file is busy")


async def test_the_inspector_shows_the_node_that_a_search_found(here: Path, clock: Clock) -> None:
    store(P, many(20).entries)
    app = treetop(P, clock)
    async with watching(app, 170, 60) as pilot:
        await opened(pilot, "g", "j")
        await until(pilot, lambda: selected(app) == "n0")
        await pilot.press("slash", *"called 012")
        await sees(pilot, "1 that matches")
        await pilot.press("enter")
        await until(pilot, lambda: selected(app) == "n12")
        await pilot.pause(1.0)
        await rest(pilot)
        assert "Chapter called 012" in inspector(app)


async def test_the_inspector_shows_a_node_selected_while_nodes_are_read(
    here: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(P, many(120).entries)
    app = treetop(P, clock)
    armed: list[int] = []
    async with watching(app, 170, 40) as pilot:
        await opened(pilot, "g", "j")
        await rest(pilot)
        real = Moment.nodes

        async def slow(self: Moment, numbers: Any) -> Any:
            found = await real(self, numbers)
            if armed:
                armed.clear()
                tree(app).action_last()
            return found

        monkeypatch.setattr(Moment, "nodes", slow)
        armed.append(1)
        app.screen.soon()  # type: ignore[attr-defined]
        await until(pilot, lambda: selected(app) == "n119")
        await rest(pilot)
        assert "Chapter called 119" in inspector(app)


async def test_a_filter_lists_all_events_of_a_node_selected_while_nodes_are_read(
    here: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = many(120)
    for _ in range(40):
        made.status("n0", "READY")
    made.status("n119", "READY")
    n = len(made.entries)
    made.status("n119", "DOING").status("n119", "READY")
    clock.now = made.events[-1].time + 1
    armed: list[int] = []
    with Writer(P) as writer:
        writer.append(made.entries[:n])
        app = treetop(P, clock)
        async with watching(app, 170, 40) as pilot:
            await opened(pilot, "g", "j")
            await filtered(pilot, "type:status")
            await pilot.press("enter", "2")
            await sees(pilot, "40 events that match")
            real = Moment.nodes

            async def slow(self: Moment, numbers: Any) -> Any:
                found = await real(self, numbers)
                if armed:
                    armed.clear()
                    tree(app).action_last()  # G is pressed while the nodes are read
                return found

            monkeypatch.setattr(Moment, "nodes", slow)
            armed.append(1)
            app.screen.soon()  # type: ignore[attr-defined]
            await until(pilot, lambda: selected(app) == "n119")
            await sees(pilot, "1 event that matches")
            writer.append(made.entries[n:])
            await sees(pilot, f"{n + 2} events")
            await pilot.pause(1.0)
            await rest(pilot)
            assert "Timeline of this task: 3 events that match" in shown(app)


async def test_the_inspector_updates_prerequisites_of_an_unchanged_node(here: Path, clock: Clock) -> None:
    made = Recorder().whole()
    before, after = 15, 20
    assert then_of(before).nodes["write"] == then_of(after).nodes["write"]
    assert then_of(before).run.edges == then_of(after).run.edges
    assert then_of(before).nodes["search"].status != then_of(after).nodes["search"].status
    clock.now = made.events[after - 1].time + 1
    with Writer(P) as writer:
        writer.append(made.entries[:before])
        app = treetop(P, clock)
        async with watching(app, 170, 60) as pilot:
            await opened(pilot, "g", "j", "j")
            await until(pilot, lambda: selected(app) == "write")
            mark = GLYPHS(node_mark(then_of(before).nodes["search"])[0])
            await until(pilot, lambda: f"{mark} search" in inspector(app).partition("not met")[2])
            writer.append(made.entries[before:after])
            await sees(pilot, f"{after} events")
            await pilot.pause(1.5)
            await rest(pilot)
            mark = GLYPHS(node_mark(then_of(after).nodes["search"])[0])
            said = inspector(app).partition("not met")[2]
            assert f"{mark} search" in said


async def test_a_rebuilt_run_shows_no_history_of_its_old_nodes(here: Path, clock: Clock) -> None:
    other = Recorder("B").run_started()
    mine = Recorder("A", beside=other).nameless().root("a", "Write A").status("a", "READY")
    other.root("b", "Write B").status("b", "DOING")
    store(P, other.entries)
    app = treetop(P, clock)
    async with watching(app, 170, 60) as pilot:
        await opened(pilot, "g")
        await until(pilot, lambda: "task id    a" in inspector(app))
        mine.run_id = "A"
        mine.step_finished("a", "plan", after="PLAN_DONE")
        store(P, other.entries[-1:])
        await sees(pilot, "2 Tree: 1 task")
        await rest(pilot)
        assert "task id    b" in inspector(app)
        assert "DOING" in inspector(app).partition("Status history")[2]


async def test_the_inspector_names_the_node_of_an_event_once_it_has_a_name(here: Path, clock: Clock) -> None:
    made = Recorder().root("book").status("deep", "READY").status("deep", "DOING").node("book", "deep", "Go deep")
    with Writer(P) as writer:
        writer.append(made.entries[:3])
        app = treetop(P, clock)
        async with watching(app, 170, 60) as pilot:
            await opened(pilot, "b", "b", "3", "g", "j")
            await until(pilot, lambda: position(app) == 2)
            await until(pilot, lambda: "READY" in inspector(app))
            writer.append(made.entries[3:])
            await sees(pilot, "4 events")
            await pilot.pause(1.0)
            await rest(pilot)
            seen = inspector(app)
            await pilot.press("k")
            await rest(pilot)
            await pilot.press("j")
            await rest(pilot)
            assert seen == inspector(app)


async def test_a_row_of_the_timeline_names_its_node_once_it_has_a_name(here: Path, clock: Clock) -> None:
    made = Recorder().root("book").status("deep", "READY")
    for _ in range(120):
        made.status("book", "DOING")
    n = len(made.entries)
    made.node("book", "deep", "Go deep")
    with Writer(P) as writer:
        writer.append(made.entries[:n])
        app = treetop(P, clock)
        async with watching(app, 190, 60) as pilot:
            await opened(pilot, "b", "b", "3", "g")
            await rest(pilot)
            writer.append(made.entries[n:])
            await sees(pilot, f"{n + 1} events")
            await rest(pilot)
            seen = rows_of(timeline(app))[:3]
            await pilot.press("q", "q")
            await opened(pilot, "b", "b", "3", "g")
            await rest(pilot)
            assert seen == rows_of(timeline(app))[:3]


async def test_times_are_correct_after_a_visit_to_position_0(book: Path, clock: Clock) -> None:
    app = treetop(book, clock)
    async with watching(app, 170, 40) as pilot:
        await opened(pilot)
        await seek(pilot, "start")
        await gone(pilot, 0)
        await pilot.press("end")
        await gone(pilot, 45)
        await rest(pilot)
        there = rows_of(timeline(app))
        await pilot.press("escape")
        await until(pilot, lambda: not travelling(app))
        await pilot.press("t")
        await gone(pilot, 45)
        await rest(pilot)
        assert there == rows_of(timeline(app))


async def test_seeking_the_end_goes_to_the_newest_event(path: Path, clock: Clock) -> None:
    feed = Feed(path, LIVE, clock, 100)
    app = treetop(path, clock)
    async with watching(app, 170, 60) as pilot:
        await opened(pilot, "t")
        await gone(pilot, 100)
        await until(pilot, lambda: bar(app).shown.axis is not None)
        feed.more(50)
        await sees(pilot, "event 100 of 150")
        await seek(pilot, "end")
        await pilot.pause(2.0)
        await rest(pilot)
        assert bar(app).shown.position == 150
    feed.close()


async def test_the_playbar_extends_to_the_end_of_a_run_that_stops_growing(path: Path, clock: Clock) -> None:
    feed = Feed(path, LIVE, clock, 100)
    app = treetop(path, clock)
    async with watching(app, 170, 60) as pilot:
        await opened(pilot, "t")
        await gone(pilot, 100)
        await until(pilot, lambda: bar(app).shown.axis is not None)
        feed.more(50)
        await sees(pilot, "event 100 of 150")
        await pilot.press("end")
        await gone(pilot, 150)
        await pilot.pause(3.0)
        await rest(pilot)
        axis = bar(app).shown.axis
        assert axis is not None
        assert axis.total == 150
    feed.close()


async def test_durations_of_a_silent_run_grow_until_it_is_interrupted(path: Path, clock: Clock) -> None:
    """A silent run may be waiting for a long call. In an interrupted run nothing is at work."""
    feed = Feed(path, LIVE, clock, 100)
    app = treetop(path, clock)

    def counted() -> list[str]:
        return [row for row in rows_of(tree(app)) if "6m4" in row]

    async with watching(app, 170, 60) as pilot:
        await opened(pilot, "g")
        await rest(pilot)
        clock.now += 400.0
        await sees(pilot, "silent 6m4")
        await until(pilot, counted)
        clock.now += 600.0
        await sees(pilot, "interrupted")
        await until(pilot, lambda: not counted() and "16m4" not in shown(app))
        await rest(pilot)
        seen = rows_of(tree(app))[1:]
        await pilot.press("j", "k")
        await rest(pilot)
        assert rows_of(tree(app))[1:] == seen
    feed.close()


async def test_a_run_deleted_while_position_0_is_shown_is_marked(book: Path, clock: Clock) -> None:
    app = treetop(book, clock)
    async with watching(app, 170, 40) as pilot:
        await opened(pilot, "t")
        await seek(pilot, "0")
        await gone(pilot, 0)
        await rest(pilot)
        delete_run(book, "run")
        await pilot.pause(1.0)
        await rest(pilot)
        assert "DELETED" in shown(app)


async def test_the_cursor_stays_on_its_event_while_a_large_subtree_is_read_again(
    here: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "SMALL_SUBTREE_NODES", 0)
    monkeypatch.setattr(listing, "SCAN_EVENTS", 40)
    monkeypatch.setattr(listing, "SCAN_PART_S", 0.0)
    made = Recorder().root("book").node("book", "a").status("deep", "READY")
    for _ in range(300):
        made.status("a", "DOING")
    n = len(made.entries)
    made.node("a", "deep")
    clock.now = made.events[-1].time + 1
    with Writer(P) as writer:
        writer.append(made.entries[:n])
        app = treetop(P, clock)
        async with watching(app, 170, 40) as pilot:
            await opened(pilot, "g", "j", "b", "3")
            await sees(pilot, "this task and all beneath: 301 events─")
            await pilot.press("g", *["j"] * 5)
            await until(pilot, lambda: position(app) == 8)
            writer.append(made.entries[n:])
            await sees(pilot, "this task and all beneath: 303 events─")
            await rest(pilot)
            await until(pilot, lambda: position(app) == 8)


async def test_a_row_found_in_one_list_is_not_applied_to_another(
    here: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Recorder().root("book").node("book", "a").node("book", "b")
    for _ in range(30):
        made.status("a", "DOING").status("b", "READY")
    made.llm("a", error="no")
    store(P, made.entries)
    app = treetop(P, clock)
    go = asyncio.Event()
    async with watching(app, 170, 40) as pilot:
        await opened(pilot, "g", "j", "3", "g")
        await rest(pilot)
        real = RunQueries.node_events
        armed = [1]

        async def slow(self: RunQueries, *args: int) -> Any:
            if args[1] == 2 and armed:
                armed.clear()
                await go.wait()
            return await real(self, *args)

        monkeypatch.setattr(RunQueries, "node_events", slow)
        monkeypatch.setattr("tui.key_queue.SETTLE_TIMEOUT_S", 0.2)
        await pilot.press("e")
        await pilot.press("2", "j")
        await until(pilot, lambda: selected(app) == "b")
        await pilot.pause(0.3)
        await rest(pilot)
        was = timeline(app).cursor, "4 Task" in shown(app)
        go.set()
        await pilot.pause(0.3)
        await rest(pilot)
        assert was == (timeline(app).cursor, "4 Task" in shown(app))


async def test_e_in_a_deleted_run_has_no_effect(here: Path, clock: Clock) -> None:
    run_id = store_run(P, FINISHED)
    app = treetop(P, clock)
    async with watching(app, 140, 40) as pilot:
        await opened(pilot, "b", "b", "3")
        await sees(pilot, "Timeline of the run: 477 events")
        delete_run(P, run_id)
        await sees(pilot, "DELETED")
        await pilot.press("G")
        await pilot.press("e")
        await pilot.pause(0.3)
        assert app.is_running


async def test_a_filter_typed_while_the_run_is_opened_applies(
    book: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, go = Moment.load, asyncio.Event()

    async def slow(self: Moment) -> list[int]:
        await go.wait()
        return await real(self)

    monkeypatch.setattr(Moment, "load", slow)
    app = treetop(book, clock)
    async with watching(app, 140, 40) as pilot:
        await sees(pilot, "1 run")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, RunScreen))
        await pilot.press("backslash", *"timeout")
        go.set()
        await sees(pilot, "2 Tree", "3 Timeline")
        await pilot.press("enter")
        await pilot.pause(0.5)
        await rest(pilot)
        assert "0 events that match" in shown(app)


async def test_m_pressed_twice_quickly_leaves_no_mark(path: Path, clock: Clock) -> None:
    app = treetop(path, clock)
    async with watching(app, 140, 40) as pilot:
        await sees(pilot, "3 runs")
        app.simulate_key("m")
        app.simulate_key("m")
        await pilot.pause(1.0)
        await rest(pilot)
        assert not any(m for (m,) in query(path, "SELECT marked FROM run"))


async def test_shift_f_on_an_unreadable_file_does_not_end_the_program(
    path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = treetop(path, clock)
    async with watching(app, 140, 40) as pilot:
        await sees(pilot, "3 runs")

        with monkeypatch.context() as patch:
            patch.setattr(Reader, "runs", busy)
            await pilot.press("F")
            await pilot.pause(0.3)
        assert app.is_running


async def test_a_failed_reading_of_the_list_is_repeated(path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    app = treetop(path, clock)
    real, times = Reader.run_page, []

    async def busy(self: Reader, below: int | None, limit: int) -> Any:
        times.append(1)
        if len(times) == 1:
            raise FileError("the file is busy")
        return await real(self, below, limit)

    monkeypatch.setattr(Reader, "run_page", busy)
    async with watching(app, 140, 40) as pilot:
        await sees(pilot, "3 runs")


async def test_a_failed_reading_of_a_timeline_is_repeated(
    book: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = treetop(book, clock)
    async with watching(app, 170, 60) as pilot:
        await opened(pilot, "g")
        await rest(pilot)

        with monkeypatch.context() as patch:
            patch.setattr(RunQueries, "node_events", busy)
            await pilot.press("j")
            await sees(pilot, "the file is busy")
        await pilot.press("tab", "shift+tab")  # whatever
        store(book, Recorder("other").root("x").entries)  # the file changes
        await pilot.pause(0.5)
        await rest(pilot)
        seen = rows_of(timeline(app))
        await pilot.press("k")
        await rest(pilot)
        await pilot.press("j")
        await rest(pilot)
        assert seen == rows_of(timeline(app))


async def test_a_failed_reading_of_a_node_is_repeated(book: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    app = treetop(book, clock)
    async with watching(app, 170, 60) as pilot:
        await opened(pilot, "g")
        await rest(pilot)

        with monkeypatch.context() as patch:
            patch.setattr(RunQueries, "status_history", busy)
            await pilot.press("j")
            await sees(pilot, "the file is busy")
        store(book, Recorder("other").root("x").entries)  # the file changes
        await pilot.pause(0.5)
        await rest(pilot)
        assert "task id    search" in inspector(app)


async def test_a_failed_seek_is_repeated(book: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    app = treetop(book, clock)
    async with watching(app, 170, 40) as pilot:
        await opened(pilot, "t")
        await gone(pilot, 45)

        def busy(self: History, *_: object) -> None:
            raise FileError("the file is busy")

        with monkeypatch.context() as patch:
            patch.setattr(History, "seek", busy)
            await pilot.press("[")
            await sees(pilot, "the file is busy")
        await pilot.pause(2)
        await rest(pilot)
        assert is_shown(app, 44)


async def test_a_failed_reading_of_a_page_is_repeated(here: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    store_run(P, FINISHED)
    app = treetop(P, clock)
    async with watching(app, 170, 40) as pilot:
        await opened(pilot, "b", "b", "3")
        await rest(pilot)

        with monkeypatch.context() as patch:
            patch.setattr(RunQueries, "events", busy)
            await pilot.press("G")
            await sees(pilot, "the file is busy")
        store(P, Recorder("other").root("x").entries)
        await pilot.pause(0.5)
        await pilot.press("k", "j")
        await pilot.press("2", "3")
        await rest(pilot)
        assert "run ended" in rows_of(timeline(app))[-1], "not a placeholder"


async def test_visits_to_the_past_leave_no_file_open(here: Path, clock: Clock) -> None:
    """Even if a screen is closed while the past is read."""
    store_run(P, FINISHED)
    app = treetop(P, clock)

    def open_files() -> int:
        return len(os.listdir("/dev/fd"))

    async with watching(app, 170, 40) as pilot:
        await sees(pilot, "1 run")
        before = open_files()
        for _ in range(8):
            await opened(pilot, "t", "[")
            for key in ("left_square_bracket", "left_square_bracket", "j", "left_square_bracket", "1"):
                app.simulate_key(key)
            await until(pilot, lambda: len(app.screen_stack) == 1)
        await until(pilot, lambda: open_files() == before)
