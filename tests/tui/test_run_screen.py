"""One run: its tree, the timeline of what is selected, and all that is known about what is under the cursor."""

from pathlib import Path

import pytest

from store.deletion import delete_run
from store.writer import Writer
from tests.recorder import Recorder
from tests.tables import query
from tests.tui.run_stage import about, at_work, focused, inspector, opened, position, selected, timeline, tree
from tests.tui.stage import (
    FAILED,
    LIVE,
    Clock,
    Feed,
    lines,
    rows_of,
    sees,
    shown,
    store_run,
    treetop,
    until,
    watching,
)
from tui.screens.run import RunScreen
from tui.screens.runs import RunsScreen


async def test_a_node_that_moves_into_the_listed_subtree_leaves_the_cursor_where_it_is(here: Path, clock: Clock) -> None:
    made = Recorder().root("book").node("book", "a").status("deep", "READY").status("a", "READY").status("a", "DOING")
    made.node("a", "deep").status("a", "FINISH")
    with Writer(Path("treetop.db")) as writer:
        writer.append(made.entries[:-2])
        app = treetop(Path("treetop.db"), clock)
        async with watching(app, 140, 40) as pilot:
            await opened(pilot, "g", "j")
            await until(pilot, lambda: selected(app) == "a")
            await pilot.press("b")
            await sees(pilot, "Timeline of this node and all beneath: 3 events")
            await pilot.press("3", "g", "j")
            await until(pilot, lambda: position(app) == 4)
            writer.append(made.entries[-2:])
            await sees(pilot, "Timeline of this node and all beneath: 6 events")
            await until(pilot, lambda: position(app) == 4)


class TestPanes:
    """Tree, timeline and inspector; the inspector tells of what was selected last."""

    async def test_the_whole_run_is_there(self, story: Path, clock: Clock) -> None:
        app = treetop(story, clock)
        async with watching(app, 140, 40) as pilot:
            await opened(pilot)
            await sees(pilot, "30/30 nodes", "Write a mystery story", "2 Tree: 30 nodes")
            assert tree(app).count == 30

    async def test_the_timeline_is_of_the_node_under_the_cursor(self, book: Path, clock: Clock) -> None:
        app = treetop(book, clock)
        async with watching(app, 140, 40) as pilot:
            await opened(pilot, "j")
            await sees(pilot, "3 Timeline of this node", "BingBrowser.run")

    async def test_the_inspector_is_of_the_node_while_the_tree_is_walked(self, book: Path, clock: Clock) -> None:
        app = treetop(book, clock)
        async with watching(app, 140, 60) as pilot:
            await opened(pilot, "j")
            await until(pilot, lambda: "4 Node" in shown(app) and "FINISH" in inspector(app))
            await until(pilot, lambda: "Waited for by 1" in inspector(app) and "Status history" in inspector(app))

    async def test_and_of_the_event_while_the_timeline_is(self, book: Path, clock: Clock) -> None:
        app = treetop(book, clock)
        async with watching(app, 140, 60) as pilot:
            await opened(pilot, "j", "enter")
            await until(pilot, lambda: "4 Event" in shown(app) and "node_created" in inspector(app))

    @pytest.mark.parametrize(
        ("goal", "said"),
        [
            ("plan · {", ["node_result_available", "Result"]),
            ("2 tasks", ["plan_received", "Plan, 2 tasks"]),
            ("llm done", ["llm_call_completed", "prompt tokens 100", "Well."]),
            ("waits for", ["edge_added"]),
        ],
    )
    async def test_events_are_shown_by_their_kind(self, book: Path, clock: Clock, goal: str, said: list[str]) -> None:
        app = treetop(book, clock)
        async with watching(app, 140, 60) as pilot:
            await opened(pilot, "3")
            await until(pilot, lambda: goal in shown(app))
            number = next(at for at, line in enumerate(rows_of(timeline(app))) if goal in line)
            await pilot.press("g", *["j"] * number)
            await until(pilot, lambda: all(text in inspector(app) for text in said))

    async def test_v_shows_the_event_as_it_was_published(self, book: Path, clock: Clock) -> None:
        app = treetop(book, clock)
        async with watching(app, 140, 60) as pilot:
            await opened(pilot, "3", "v")
            await until(pilot, lambda: '"event_type": "node_created"' in inspector(app))
            await pilot.press("v")
            await until(pilot, lambda: '"event_type"' not in inspector(app) and "node_created" in inspector(app))

    async def test_v_from_the_tree_shows_the_event_that_is_selected(self, book: Path, clock: Clock) -> None:
        app = treetop(book, clock)
        async with watching(app, 140, 60) as pilot:
            await opened(pilot, "v")
            await until(pilot, lambda: '"event_type": "node_created"' in inspector(app))

    async def test_a_node_that_nobody_mentioned_twice(self, here: Path, clock: Clock) -> None:
        with Writer(Path("treetop.db")) as writer:
            writer.append(Recorder().edge("root", "ghost", "other").entries)
        app = treetop(Path("treetop.db"), clock)
        async with watching(app, 140, 60) as pilot:
            await sees(pilot, "1 run")
            await pilot.press("enter", "G")
            await until(pilot, lambda: "unknown: not announced yet" in inspector(app))


class TestFocus:
    """Keys go from pane to pane, and back."""

    @pytest.mark.parametrize(
        ("width", "keys", "pane"),
        [
            (140, [], "tree"),
            (140, ["3"], "timeline"),
            (140, ["tab"], "timeline"),
            (140, ["tab", "tab"], "inspector"),
            (140, ["tab", "tab", "tab"], "tree"),
            (140, ["shift+tab"], "inspector"),
            (140, ["enter", "enter"], "inspector"),
            (140, ["3", "4", "q"], "timeline"),
            (140, ["3", "4", "escape", "escape"], "tree"),
            (80, ["tab", "tab"], "inspector"),
            (80, ["shift+tab"], "inspector"),
            (80, ["enter", "enter"], "inspector"),
            (80, ["4", "2"], "tree"),
            (80, ["4", "q"], "tree"),
        ],
    )
    async def test_goes_to(self, book: Path, clock: Clock, width: int, keys: list[str], pane: str) -> None:
        app = treetop(book, clock)
        async with watching(app, width, 24) as pilot:
            await opened(pilot, *keys)
            await until(pilot, lambda: focused(app) == pane)

    async def test_and_then_to_the_list_of_runs(self, book: Path, clock: Clock) -> None:
        app = treetop(book, clock)
        async with watching(app, 140, 40) as pilot:
            await opened(pilot, "3", "4")
            for _ in range(3):
                await pilot.press("q")
            await until(pilot, lambda: isinstance(app.screen, RunsScreen))

    async def test_1_is_the_list_of_runs_at_once(self, book: Path, clock: Clock) -> None:
        app = treetop(book, clock)
        async with watching(app, 140, 40) as pilot:
            await opened(pilot, "3", "4", "1")
            await until(pilot, lambda: isinstance(app.screen, RunsScreen))

    @pytest.mark.parametrize("key", ["1", "2", "3", "4"])
    async def test_what_has_the_focus_can_be_seen(self, book: Path, clock: Clock, key: str) -> None:
        app = treetop(book, clock)
        async with watching(app, 80, 24) as pilot:
            await opened(pilot, "4", key)
            await until(pilot, lambda: app.screen.focused is not None and app.screen.focused.region.height > 0)


class TestScope:
    """`b`: the timeline of the node, of all beneath it, or of the run."""

    async def test_of_all_beneath(self, story: Path, clock: Clock) -> None:
        app = treetop(story, clock)
        async with watching(app, 140, 40) as pilot:
            await opened(pilot)
            await sees(pilot, "Timeline of this node:")
            own = timeline(app).count
            await pilot.press("b")
            await sees(pilot, "Timeline of this node and all beneath")
            await until(pilot, lambda: timeline(app).count > 2 * own)

    async def test_of_the_run(self, story: Path, clock: Clock) -> None:
        app = treetop(story, clock)
        async with watching(app, 140, 40) as pilot:
            await opened(pilot, "b", "b")
            await sees(pilot, "Timeline of the run", "story run")
            assert timeline(app).count == 477

    async def test_of_the_node_again(self, story: Path, clock: Clock) -> None:
        app = treetop(story, clock)
        async with watching(app, 140, 40) as pilot:
            await opened(pilot, "b", "b", "b")
            await sees(pilot, "Timeline of this node:")

    async def test_of_the_run_it_does_not_depend_on_the_node(self, story: Path, clock: Clock) -> None:
        app = treetop(story, clock)
        async with watching(app, 140, 40) as pilot:
            await opened(pilot, "b", "b", "j", "j")
            await sees(pilot, "Timeline of the run: 477 events")

    async def test_a_whole_run_can_be_scrolled_through(self, story: Path, clock: Clock) -> None:
        app = treetop(story, clock)
        async with watching(app, 140, 40) as pilot:
            await opened(pilot, "b", "b", "3")
            await sees(pilot, "3 Timeline of the run")
            await pilot.press("G")
            await sees(pilot, "nodes reported in")
            await pilot.press("g")
            await sees(pilot, "story run")

    async def test_moving_quickly_ends_at_the_right_place(self, story: Path, clock: Clock) -> None:
        app = treetop(story, clock)
        async with watching(app, 140, 40) as pilot:
            await opened(pilot, "b", *["j", "j", "k"] * 6)
            positions = about(app, selected(app))
            await until(pilot, lambda: timeline(app).count == len(positions))


class TestLive:
    """A run that goes on while you look at it."""

    async def test_it_says_so(self, path: Path, clock: Clock) -> None:
        feed = Feed(path, LIVE, clock, 100)
        async with watching(treetop(path, clock), 140, 40) as pilot:
            await opened(pilot)
            await sees(pilot, "LIVE", "● running")
        feed.close()

    async def test_it_grows(self, path: Path, clock: Clock) -> None:
        feed = Feed(path, LIVE, clock, 100)
        app = treetop(path, clock)
        async with watching(app, 140, 40) as pilot:
            await opened(pilot)
            feed.more(100)
            await sees(pilot, "200 events")
            feed.rest()
            await sees(pilot, f"{feed.total} events", "29/29 nodes")
        feed.close()

    async def test_it_ends_and_says_so(self, path: Path, clock: Clock) -> None:
        feed = Feed(path, LIVE, clock, 100)
        async with watching(treetop(path, clock), 140, 40) as pilot:
            await opened(pilot)
            feed.rest()
            await sees(pilot, "The run finished", "STORED", "✓ finished")
        feed.close()

    async def test_the_reader_is_not_moved(self, path: Path, clock: Clock) -> None:
        feed = Feed(path, LIVE, clock, 200)
        app = treetop(path, clock)
        async with watching(app, 140, 40) as pilot:
            await opened(pilot, "j", "j")
            before = selected(app)
            feed.rest()
            await sees(pilot, "✓ finished")
            assert (selected(app), tree(app).cursor) == (before, 2)

    async def test_the_end_is_the_same_as_when_it_is_opened_then(self, path: Path, clock: Clock) -> None:
        feed = Feed(path, LIVE, clock, 50)
        app = treetop(path, clock)
        async with watching(app, 140, 60) as pilot:
            await opened(pilot, "equals_sign")
            while feed.stored < feed.total:
                feed.more(37)
                await pilot.pause()
            await sees(pilot, "✓ finished")
            await until(pilot, lambda: "reading" not in inspector(app))
            watched = rows_of(tree(app)), timeline(app).count
            await pilot.press("q", "enter")
            await until(pilot, lambda: isinstance(app.screen, RunScreen) and tree(app).count)
            await until(pilot, lambda: (rows_of(tree(app)), timeline(app).count) == watched)
        feed.close()

    async def test_the_timeline_of_the_run_grows_at_its_end(self, path: Path, clock: Clock) -> None:
        feed = Feed(path, LIVE, clock, 100)
        app = treetop(path, clock)
        async with watching(app, 140, 40) as pilot:
            await opened(pilot, "b", "b")
            await sees(pilot, "Timeline of the run: 100 events")
            feed.more(30)
            await sees(pilot, "Timeline of the run: 130 events")
            await until(pilot, lambda: timeline(app).cursor == 129)
        feed.close()

    async def test_the_timeline_of_a_subtree_grows_by_what_is_in_it(self, path: Path, clock: Clock) -> None:
        feed = Feed(path, LIVE, clock, 100)
        app = treetop(path, clock)
        async with watching(app, 140, 40) as pilot:
            await opened(pilot, "j", "j", "j", "b")
            await sees(pilot, "and all beneath")
            feed.rest()
            await sees(pilot, "✓ finished")
            positions = about(app, selected(app))
            await until(pilot, lambda: timeline(app).count == len(positions))
        feed.close()

    async def test_a_node_in_the_inspector_is_kept_up_to_date(self, path: Path, clock: Clock) -> None:
        feed = Feed(path, LIVE, clock, 100)
        app = treetop(path, clock)
        async with watching(app, 140, 60) as pilot:
            await opened(pilot)
            await until(pilot, lambda: "DOING" in inspector(app))
            feed.rest()
            await until(pilot, lambda: "status     FINISH" in inspector(app))
        feed.close()

    async def test_a_stored_run_can_be_read_while_another_goes_on(self, path: Path, clock: Clock) -> None:
        feed = Feed(path, LIVE, clock, 100)
        app = treetop(path, clock)
        async with watching(app, 140, 40) as pilot:
            await sees(pilot, "1 live")
            await pilot.press("G", "enter")
            await sees(pilot, "STORED", "Write a mystery story", "30/30 nodes")
            feed.rest()
            await pilot.press("j", "enter", "j")
            await until(pilot, lambda: focused(app) == "timeline")
            await pilot.press("1")
            await sees(pilot, "4 runs")
            assert "live" not in lines(app)[0]
        feed.close()

    async def test_a_run_that_falls_silent_is_not_called_running_for_ever(self, path: Path, clock: Clock) -> None:
        feed = Feed(path, LIVE, clock, 100)
        async with watching(treetop(path, clock), 140, 40) as pilot:
            await opened(pilot)
            await sees(pilot, "LIVE")
            clock.now += 200.0
            await sees(pilot, "silent 3m")
        feed.close()

    async def test_and_comes_back(self, path: Path, clock: Clock) -> None:
        feed = Feed(path, LIVE, clock, 100)
        clock.now += 200.0
        async with watching(treetop(path, clock), 140, 40) as pilot:
            await opened(pilot)
            await sees(pilot, "silent 3m")
            feed.more(20)
            await sees(pilot, "● running", "LIVE")
        feed.close()


class TestFollowing:
    """`F` goes to the newest live run and stays with what is being worked on; any move of one's own ends that."""

    async def test_from_the_list_of_runs(self, path: Path, clock: Clock) -> None:
        feed = Feed(path, LIVE, clock, 100)
        app = treetop(path, clock)
        async with watching(app, 140, 40) as pilot:
            await sees(pilot, "1 live")
            await pilot.press("F")
            await sees(pilot, "FOLLOWING")
            assert selected(app) == at_work(app) is not None
        feed.close()

    async def test_it_stays_with_the_work(self, path: Path, clock: Clock) -> None:
        feed = Feed(path, LIVE, clock, 100)
        app = treetop(path, clock)
        async with watching(app, 140, 40) as pilot:
            await sees(pilot, "1 live")
            await pilot.press("F")
            await sees(pilot, "FOLLOWING")
            seen = set()
            while feed.stored < feed.total - 30:
                feed.more(20)
                await sees(pilot, f" {feed.stored} events")
                seen.add(selected(app))
                if at_work(app) is not None:
                    assert selected(app) == at_work(app)
            assert len(seen) > 5
        feed.close()

    async def test_after_time_travel_it_goes_on(self, path: Path, clock: Clock) -> None:
        feed = Feed(path, LIVE, clock, 100)
        app = treetop(path, clock)
        async with watching(app, 140, 40) as pilot:
            await sees(pilot, "1 live")
            await pilot.press("F")
            await sees(pilot, "FOLLOWING")
            await pilot.press("t", "home", "j")
            await sees(pilot, "PAST")
            await pilot.press("L")
            await sees(pilot, "FOLLOWING")
            await until(pilot, lambda: selected(app) == at_work(app) is not None)
        feed.close()

    @pytest.mark.parametrize("keys", [["k"], ["g"], ["h"], ["p"], ["K"], ["3", "k"], ["f"]])
    async def test_a_move_ends_it(self, path: Path, clock: Clock, keys: list[str]) -> None:
        feed = Feed(path, LIVE, clock, 242)
        async with watching(treetop(path, clock), 140, 40) as pilot:
            await sees(pilot, "1 live")
            await pilot.press("F")
            await sees(pilot, "FOLLOWING")
            await pilot.press(*keys)
            await until(pilot, lambda: "FOLLOWING" not in shown(pilot.app) and "LIVE" in shown(pilot.app))
        feed.close()

    async def test_f_takes_it_up_again(self, path: Path, clock: Clock) -> None:
        feed = Feed(path, LIVE, clock, 242)
        app = treetop(path, clock)
        async with watching(app, 140, 40) as pilot:
            await opened(pilot, "g", "f")
            await sees(pilot, "FOLLOWING")
            assert selected(app) == at_work(app) is not None
        feed.close()

    async def test_it_ends_with_the_run(self, path: Path, clock: Clock) -> None:
        feed = Feed(path, LIVE, clock, 242)
        async with watching(treetop(path, clock), 140, 40) as pilot:
            await opened(pilot, "f")
            await sees(pilot, "FOLLOWING")
            feed.rest()
            await sees(pilot, "STORED")
        feed.close()

    async def test_a_run_that_ended_can_not_be_followed(self, story: Path, clock: Clock) -> None:
        async with watching(treetop(story, clock), 140, 40) as pilot:
            await opened(pilot, "f")
            await sees(pilot, "there is nothing to follow", "STORED")

    async def test_without_a_live_run_it_says_so(self, path: Path, clock: Clock) -> None:
        app = treetop(path, clock)
        async with watching(app, 140, 40) as pilot:
            await sees(pilot, "3 runs")
            await pilot.press("F")
            await sees(pilot, "No run is live at the moment.")

    async def test_from_another_run(self, path: Path, clock: Clock) -> None:
        feed = Feed(path, LIVE, clock, 100)
        app = treetop(path, clock)
        async with watching(app, 140, 40) as pilot:
            await sees(pilot, "1 live")
            await pilot.press("G", "enter")
            await sees(pilot, "STORED")
            await pilot.press("F")
            await sees(pilot, "FOLLOWING")
            await pilot.press("q")
            await until(pilot, lambda: isinstance(app.screen, RunsScreen))
        feed.close()


class TestDeleted:
    """The run that is open is deleted by somebody else."""

    async def test_it_says_so_and_can_be_left(self, story: Path, clock: Clock) -> None:
        app = treetop(story, clock)
        async with watching(app, 140, 40) as pilot:
            await opened(pilot)
            (run_id,) = query(story, "SELECT run_id FROM runs")[0]
            delete_run(story, run_id)
            await sees(pilot, "DELETED")
            await pilot.press("j", "b", "3", "j", "4", "v", "2", "e", "f")
            await until(pilot, lambda: "DELETED" in shown(app))
            await pilot.press("q")
            await sees(pilot, "No run yet.")

    async def test_and_a_live_one_begins_anew(self, here: Path, clock: Clock) -> None:
        feed = Feed(Path("treetop.db"), LIVE, clock, 100)
        app = treetop(Path("treetop.db"), clock)
        async with watching(app, 140, 40) as pilot:
            await opened(pilot)
            delete_run(Path("treetop.db"), feed.run_id)
            await sees(pilot, "DELETED")
            feed.more(50)
            await pilot.press("1")
            await sees(pilot, "1 run")
            await pilot.press("enter")
            await sees(pilot, "LIVE", "2 Tree")
        feed.close()


class TestOpening:
    """`treetop RUN` opens a run at once."""

    async def test_by_its_id(self, path: Path, clock: Clock) -> None:
        (run_id,) = query(path, "SELECT run_id FROM runs ORDER BY start_time")[0]
        async with watching(treetop(path, clock, run_id), 140, 40) as pilot:
            await sees(pilot, "2 Tree", "Write a mystery story")

    async def test_by_the_beginning_of_its_id(self, path: Path, clock: Clock) -> None:
        (run_id,) = query(path, "SELECT run_id FROM runs ORDER BY start_time")[0]
        async with watching(treetop(path, clock, run_id[:8]), 140, 40) as pilot:
            await sees(pilot, "2 Tree", "Write a mystery story")

    async def test_latest(self, path: Path, clock: Clock) -> None:
        async with watching(treetop(path, clock, "latest"), 140, 40) as pilot:
            await sees(pilot, "2 Tree", "Plan how the city")

    async def test_latest_is_followed_when_it_is_live(self, path: Path, clock: Clock) -> None:
        feed = Feed(path, LIVE, clock, 100)
        async with watching(treetop(path, clock, "latest"), 140, 40) as pilot:
            await sees(pilot, "FOLLOWING")
        feed.close()

    async def test_an_unknown_one_is_said_to_be(self, path: Path, clock: Clock) -> None:
        async with watching(treetop(path, clock, "xyz"), 140, 40) as pilot:
            await sees(pilot, "there is no run 'xyz'", "3 runs")

    async def test_q_leads_to_the_list(self, path: Path, clock: Clock) -> None:
        app = treetop(path, clock, "latest")
        async with watching(app, 140, 40) as pilot:
            await sees(pilot, "2 Tree")
            await pilot.press("q")
            await sees(pilot, "3 runs")


class TestFailed:
    """Where did it go wrong?"""

    async def test_e_goes_there(self, here: Path, clock: Clock) -> None:
        store_run(Path("treetop.db"), FAILED)
        app = treetop(Path("treetop.db"), clock)
        async with watching(app, 140, 60) as pilot:
            await opened(pilot, "e")
            await until(pilot, lambda: "1 steps aborted" in inspector(app) or "reported" in inspector(app))

    async def test_what_ended_it_is_in_the_header(self, here: Path, clock: Clock) -> None:
        store_run(Path("treetop.db"), FAILED)
        async with watching(treetop(Path("treetop.db"), clock), 200, 40) as pilot:
            await opened(pilot)
            await sees(pilot, "× failed", "No space left on device")


class TestNarrow:
    """On 80x24 the panes are stacked, and the inspector takes the place of the timeline when it is looked at."""

    async def test_tree_and_timeline(self, story: Path, clock: Clock) -> None:
        app = treetop(story, clock)
        async with watching(app, 80, 24) as pilot:
            await opened(pilot)
            await until(pilot, lambda: "4 " not in shown(app) or "4 Node" not in shown(app))
            assert (tree(app).region.width, timeline(app).region.width) == (80, 80)

    async def test_inspector(self, story: Path, clock: Clock) -> None:
        app = treetop(story, clock)
        async with watching(app, 80, 24) as pilot:
            await opened(pilot, "4")
            await sees(pilot, "4 Node", "Goal")
            await pilot.press("q")
            await until(pilot, lambda: "4 Node" not in shown(app) and focused(app) == "tree")

    async def test_a_terminal_that_gets_wide(self, story: Path, clock: Clock) -> None:
        async with watching(treetop(story, clock), 80, 24) as pilot:
            await opened(pilot)
            await pilot.resize_terminal(140, 40)
            await sees(pilot, "2 Tree", "3 Timeline", "4 Node", "Goal")
