"""What is on the screen when it came to rest is so: whatever was read, pressed, stored or refused in between."""

import asyncio
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from store import listing
from store.deletion import delete_run
from store.errors import FileBusy
from store.history import RunHistory
from store.reader import Reader
from store.run_reader import RunReader
from store.view import View
from store.writer import Writer
from tests.recorder import Recorder
from tests.rest import rest
from tests.tables import query, store
from tests.tui.run_stage import inspector, opened, position, selected, timeline, tree
from tests.tui.stage import FINISHED, LIVE, Clock, Feed, rows_of, sees, shown, store_run, treetop, until, watching
from tests.tui.test_filter import filtered
from tests.tui.test_travel import GLYPHS, bar, gone, is_shown, seek, then_of, travelling
from tui.screens.run import RunScreen

P = Path("treetop.db")


def many(count: int) -> Recorder:
    """Nodes that are alike."""
    made = Recorder().root("book")
    for number in range(count):
        made.node("book", f"n{number}", f"Chapter called {number:03}")
    return made


async def busy(*_: object) -> None:
    raise FileBusy("the file is busy")


async def test_after_a_search_the_inspector_tells_of_what_was_found(here: Path, clock: Clock) -> None:
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


async def test_the_inspector_tells_of_where_one_went_while_nodes_were_read(
    here: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(P, many(120).entries)
    app = treetop(P, clock)
    armed: list[int] = []
    async with watching(app, 170, 40) as pilot:
        await opened(pilot, "g", "j")
        await rest(pilot)
        real = View.nodes

        async def slow(self: View, numbers: Any) -> Any:
            found = await real(self, numbers)
            if armed:
                armed.clear()
                tree(app).action_last()
            return found

        monkeypatch.setattr(View, "nodes", slow)
        armed.append(1)
        app.screen.soon()  # type: ignore[attr-defined]
        await until(pilot, lambda: selected(app) == "n119")
        await rest(pilot)
        assert "Chapter called 119" in inspector(app)


async def test_a_filter_lists_all_of_where_one_went_while_nodes_were_read(
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
            real = View.nodes

            async def slow(self: View, numbers: Any) -> Any:
                found = await real(self, numbers)
                if armed:
                    armed.clear()
                    tree(app).action_last()  # G is pressed while the nodes are read
                return found

            monkeypatch.setattr(View, "nodes", slow)
            armed.append(1)
            app.screen.soon()  # type: ignore[attr-defined]
            await until(pilot, lambda: selected(app) == "n119")
            await sees(pilot, "1 event that matches")
            writer.append(made.entries[n:])
            await sees(pilot, f"{n + 2} events")
            await pilot.pause(1.0)
            await rest(pilot)
            assert "Timeline of this node: 3 events that match" in shown(app)


async def test_what_a_node_waits_for_is_shown_as_it_is_by_now(here: Path, clock: Clock) -> None:
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
            mark = GLYPHS(then_of(before).nodes["search"].status or "placeholder")
            await until(pilot, lambda: f"{mark} search" in inspector(app).partition("Waits for")[2])
            writer.append(made.entries[before:after])
            await sees(pilot, f"{after} events")
            await pilot.pause(1.5)
            await rest(pilot)
            mark = GLYPHS(then_of(after).nodes["search"].status or "placeholder")
            said = inspector(app).partition("Waits for")[2]
            assert f"{mark} search" in said


async def test_a_run_that_is_put_together_anew_has_no_history_of_the_one_before(here: Path, clock: Clock) -> None:
    other = Recorder("B").run_started()
    mine = Recorder("A", beside=other).nameless().root("a", "Write A").status("a", "READY")
    other.root("b", "Write B").status("b", "DOING")
    store(P, other.entries)
    app = treetop(P, clock)
    async with watching(app, 170, 60) as pilot:
        await opened(pilot, "g")
        await until(pilot, lambda: "node id    a" in inspector(app))
        mine.run_id = "A"
        mine.step_finished("a", "plan", after="PLAN_DONE")
        store(P, other.entries[-1:])
        await sees(pilot, "2 Tree: 1 node")
        await rest(pilot)
        assert "node id    b" in inspector(app)
        assert "DOING" in inspector(app).partition("Status history")[2]


async def test_an_event_names_its_node_as_soon_as_that_has_a_name(here: Path, clock: Clock) -> None:
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


async def test_and_so_does_its_row_in_the_timeline(here: Path, clock: Clock) -> None:
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


async def test_times_are_right_also_after_one_was_before_the_beginning(book: Path, clock: Clock) -> None:
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


async def test_the_end_is_the_end_by_now(path: Path, clock: Clock) -> None:
    feed = Feed(path, LIVE, clock, 100)
    app = treetop(path, clock)
    async with watching(app, 170, 60) as pilot:
        await opened(pilot, "t")
        await gone(pilot, 100)
        await until(pilot, lambda: bar(app).axis is not None)
        feed.more(50)
        await sees(pilot, "event 100 of 150")
        await seek(pilot, "end")
        await pilot.pause(2.0)
        await rest(pilot)
        assert bar(app).position == 150
    feed.close()


async def test_the_bar_catches_up_when_nothing_more_comes(path: Path, clock: Clock) -> None:
    feed = Feed(path, LIVE, clock, 100)
    app = treetop(path, clock)
    async with watching(app, 170, 60) as pilot:
        await opened(pilot, "t")
        await gone(pilot, 100)
        await until(pilot, lambda: bar(app).axis is not None)
        feed.more(50)
        await sees(pilot, "event 100 of 150")
        await pilot.press("end")
        await gone(pilot, 150)
        await pilot.pause(3.0)
        await rest(pilot)
        axis = bar(app).axis
        assert axis is not None
        assert axis.total == 150
    feed.close()


async def test_what_a_silent_run_is_at_counts_until_it_is_called_interrupted(path: Path, clock: Clock) -> None:
    """A call that takes long is no reason to say that it took no time; an agent that was killed is at nothing."""
    feed = Feed(path, LIVE, clock, 100)
    app = treetop(path, clock)

    def counted() -> list[str]:
        return [row for row in rows_of(tree(app)) if "1m4" in row]

    async with watching(app, 170, 60) as pilot:
        await opened(pilot, "g")
        await rest(pilot)
        clock.now += 100.0
        await sees(pilot, "silent 1m4")
        await until(pilot, counted)
        clock.now += 900.0
        await sees(pilot, "interrupted?")
        await until(pilot, lambda: not counted() and "16m4" not in shown(app))
        await rest(pilot)
        seen = rows_of(tree(app))[1:]
        await pilot.press("j", "k")
        await rest(pilot)
        assert rows_of(tree(app))[1:] == seen
    feed.close()


async def test_a_run_that_is_deleted_while_one_is_before_its_beginning_is_called_so(book: Path, clock: Clock) -> None:
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


async def test_a_cursor_stays_also_in_a_subtree_that_is_looked_through(
    here: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "FEW", 0)
    monkeypatch.setattr(listing, "STRETCH", 40)
    monkeypatch.setattr(listing, "LONG", 0.0)
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
            await sees(pilot, "this node and all beneath: 301 events─")
            await pilot.press("g", *["j"] * 5)
            await until(pilot, lambda: position(app) == 8)
            writer.append(made.entries[n:])
            await sees(pilot, "this node and all beneath: 303 events─")
            await rest(pilot)
            await until(pilot, lambda: position(app) == 8)


async def test_what_is_found_in_a_list_is_not_gone_to_in_another(
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
        real = RunReader.node_events
        armed = [1]

        async def slow(self: RunReader, *args: int) -> Any:
            if args[1] == 2 and armed:
                armed.clear()
                await go.wait()
            return await real(self, *args)

        monkeypatch.setattr(RunReader, "node_events", slow)
        await pilot.press("e")
        await pilot.press("2", "j")
        await until(pilot, lambda: selected(app) == "b")
        await pilot.pause(0.3)
        await rest(pilot)
        was = timeline(app).cursor, "4 Node" in shown(app)
        go.set()
        await pilot.pause(0.3)
        await rest(pilot)
        assert was == (timeline(app).cursor, "4 Node" in shown(app))


async def test_nothing_is_found_in_a_run_that_was_deleted(here: Path, clock: Clock) -> None:
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


async def test_a_filter_typed_while_the_run_is_opened_counts(
    book: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, go = View.open, asyncio.Event()

    async def slow(self: View) -> list[int]:
        await go.wait()
        return await real(self)

    monkeypatch.setattr(View, "open", slow)
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


async def test_two_keys_that_mark_leave_no_mark(path: Path, clock: Clock) -> None:
    app = treetop(path, clock)
    async with watching(app, 140, 40) as pilot:
        await sees(pilot, "3 runs")
        app.simulate_key("m")
        app.simulate_key("m")
        await pilot.pause(1.0)
        await rest(pilot)
        assert not any(m for (m,) in query(path, "SELECT marked FROM run"))


async def test_the_newest_run_is_asked_for_in_vain(path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    app = treetop(path, clock)
    async with watching(app, 140, 40) as pilot:
        await sees(pilot, "3 runs")

        with monkeypatch.context() as patch:
            patch.setattr(Reader, "runs", busy)
            await pilot.press("F")
            await pilot.pause(0.3)
        assert app.is_running


async def test_the_list_is_read_again(path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    app = treetop(path, clock)
    real, times = Reader.runs, []

    async def busy(self: Reader, after: int = 0) -> Any:
        times.append(1)
        if len(times) == 1:
            raise FileBusy("the file is busy")
        return await real(self, after)

    monkeypatch.setattr(Reader, "runs", busy)
    async with watching(app, 140, 40) as pilot:
        await sees(pilot, "3 runs")


async def test_a_timeline_is_read_again(book: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    app = treetop(book, clock)
    async with watching(app, 170, 60) as pilot:
        await opened(pilot, "g")
        await rest(pilot)

        with monkeypatch.context() as patch:
            patch.setattr(RunReader, "node_events", busy)
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


async def test_a_node_is_read_again(book: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    app = treetop(book, clock)
    async with watching(app, 170, 60) as pilot:
        await opened(pilot, "g")
        await rest(pilot)

        with monkeypatch.context() as patch:
            patch.setattr(RunReader, "status_history", busy)
            await pilot.press("j")
            await sees(pilot, "the file is busy")
        store(book, Recorder("other").root("x").entries)  # the file changes
        await pilot.pause(0.5)
        await rest(pilot)
        assert "node id    search" in inspector(app)


async def test_a_position_is_read_again(book: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    app = treetop(book, clock)
    async with watching(app, 170, 40) as pilot:
        await opened(pilot, "t")
        await gone(pilot, 45)

        def busy(self: RunHistory, *_: object) -> None:
            raise FileBusy("the file is busy")

        with monkeypatch.context() as patch:
            patch.setattr(RunHistory, "go", busy)
            await pilot.press("[")
            await sees(pilot, "the file is busy")
        await pilot.pause(2)
        await rest(pilot)
        assert is_shown(app, 44)


async def test_a_page_is_read_again(here: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    store_run(P, FINISHED)
    app = treetop(P, clock)
    async with watching(app, 170, 40) as pilot:
        await opened(pilot, "b", "b", "3")
        await rest(pilot)

        with monkeypatch.context() as patch:
            patch.setattr(RunReader, "events", busy)
            await pilot.press("G")
            await sees(pilot, "the file is busy")
        store(P, Recorder("other").root("x").entries)
        await pilot.pause(0.5)
        await pilot.press("k", "j")
        await pilot.press("2", "3")
        await rest(pilot)
        assert "…  " not in rows_of(timeline(app))[-1]


async def test_a_screen_that_is_left_lets_go_of_the_past(here: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also while it is being read."""
    store_run(P, FINISHED)
    app = treetop(P, clock)
    made: list[RunHistory] = []
    real = RunHistory.__init__

    def noting(self: RunHistory, *arguments: Any) -> None:
        real(self, *arguments)
        made.append(self)

    def is_open(history: RunHistory) -> bool:
        with suppress(sqlite3.ProgrammingError):
            history._db.execute("SELECT 1")
            return True
        return False

    monkeypatch.setattr(RunHistory, "__init__", noting)
    async with watching(app, 170, 40) as pilot:
        for _ in range(20):
            await opened(pilot, "t", "[")
            for key in ("left_square_bracket", "left_square_bracket", "j", "left_square_bracket", "1"):
                app.simulate_key(key)
            await until(pilot, lambda: len(app.screen_stack) == 1)
        await until(pilot, lambda: not any(map(is_open, made)))
    assert len(made) >= 10
