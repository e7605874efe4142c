"""The screen of one run: tree, timeline and inspector."""

from pathlib import Path

import pytest

from store.database.deletion import delete_run
from store.database.writer import Writer
from tests.recorder import Recorder
from tests.tables import query
from tests.tui.run_stage import (
    about,
    at_work,
    focused,
    inspector,
    nodes_in_rows,
    opened,
    position,
    selected,
    timeline,
    tree,
)
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
            await sees(pilot, "Timeline of this task and all beneath: 3 events")
            await pilot.press("3", "g", "j")
            await until(pilot, lambda: position(app) == 4)
            writer.append(made.entries[-2:])
            await sees(pilot, "Timeline of this task and all beneath: 6 events")
            await until(pilot, lambda: position(app) == 4)


class TestPanes:
    """The inspector shows the node or the event where the cursor was moved last."""

    async def test_the_tree_has_all_nodes_of_the_run(self, story: Path, clock: Clock) -> None:
        app = treetop(story, clock)
        async with watching(app, 140, 40) as pilot:
            await opened(pilot)
            await sees(pilot, "30/30 tasks", "Write a mystery story", "2 Tree: 30 tasks")
            assert nodes_in_rows(app) == 30

    async def test_the_timeline_lists_the_events_of_the_selected_node(self, book: Path, clock: Clock) -> None:
        app = treetop(book, clock)
        async with watching(app, 140, 40) as pilot:
            await opened(pilot, "j")
            await sees(pilot, "3 Timeline of this task", "BingBrowser.run")

    async def test_the_inspector_shows_the_node_while_the_cursor_moves_in_the_tree(self, book: Path, clock: Clock) -> None:
        app = treetop(book, clock)
        async with watching(app, 140, 60) as pilot:
            await opened(pilot, "j")
            await until(pilot, lambda: "4 Task" in shown(app) and "FINISH" in inspector(app))
            await until(pilot, lambda: "Dependents 1" in inspector(app) and "Status history" in inspector(app))

    async def test_the_inspector_shows_the_event_while_the_timeline_is_focused(self, book: Path, clock: Clock) -> None:
        app = treetop(book, clock)
        async with watching(app, 140, 60) as pilot:
            await opened(pilot, "j", "enter")
            await until(pilot, lambda: "4 Event" in shown(app) and "node_created" in inspector(app))

    @pytest.mark.parametrize(
        ("goal", "said"),
        [
            ("plan · done", ["node_result_available", "Result"]),
            ("2 tasks", ["plan_received", "Plan, 2 tasks"]),
            ("llm done", ["llm_call_completed", "prompt tokens 100", "Well."]),
            ("depends on", ["edge_added"]),
        ],
    )
    async def test_the_inspector_shows_events_by_type(self, book: Path, clock: Clock, goal: str, said: list[str]) -> None:
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

    async def test_v_in_the_tree_shows_the_selected_event(self, book: Path, clock: Clock) -> None:
        app = treetop(book, clock)
        async with watching(app, 140, 60) as pilot:
            await opened(pilot, "v")
            await until(pilot, lambda: '"event_type": "node_created"' in inspector(app))

    async def test_a_node_known_only_from_an_edge_is_shown_as_not_announced(self, here: Path, clock: Clock) -> None:
        with Writer(Path("treetop.db")) as writer:
            writer.append(Recorder().edge("root", "ghost", "other").entries)
        app = treetop(Path("treetop.db"), clock)
        async with watching(app, 140, 60) as pilot:
            await sees(pilot, "1 run")
            await pilot.press("enter", "G")
            await until(pilot, lambda: "unknown: not announced yet" in inspector(app))


class TestFocus:
    """Keys move the focus between panes."""

    async def test_keys_move_the_focus(self, book: Path, clock: Clock) -> None:
        app = treetop(book, clock)
        async with watching(app, 140, 24) as pilot:
            await opened(pilot)
            for width, keys, pane in [
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
            ]:
                await pilot.resize_terminal(width, 24)
                await pilot.press("2", *keys)
                await until(pilot, lambda: focused(app) == pane)  # noqa: B023

    async def test_q_goes_back_pane_by_pane_to_the_list_of_runs(self, book: Path, clock: Clock) -> None:
        app = treetop(book, clock)
        async with watching(app, 140, 40) as pilot:
            await opened(pilot, "3", "4")
            for _ in range(3):
                await pilot.press("q")
            await until(pilot, lambda: isinstance(app.screen, RunsScreen))

    async def test_1_goes_to_the_list_of_runs_from_any_pane(self, book: Path, clock: Clock) -> None:
        app = treetop(book, clock)
        async with watching(app, 140, 40) as pilot:
            await opened(pilot, "3", "4", "1")
            await until(pilot, lambda: isinstance(app.screen, RunsScreen))

    @pytest.mark.parametrize("key", ["1", "2", "3", "4"])
    async def test_the_focused_pane_is_visible_on_a_narrow_screen(self, book: Path, clock: Clock, key: str) -> None:
        app = treetop(book, clock)
        async with watching(app, 80, 24) as pilot:
            await opened(pilot, "4", key)
            await until(pilot, lambda: app.screen.focused is not None and app.screen.focused.region.height > 0)


class TestScope:
    """`b` switches the timeline between node, subtree and run."""

    async def test_b_lists_the_events_of_the_subtree(self, story: Path, clock: Clock) -> None:
        app = treetop(story, clock)
        async with watching(app, 140, 40) as pilot:
            await opened(pilot)
            await sees(pilot, "Timeline of this task:")
            own = timeline(app).count
            await pilot.press("b")
            await sees(pilot, "Timeline of this task and all beneath")
            await until(pilot, lambda: timeline(app).count > 2 * own)

    async def test_b_twice_lists_the_events_of_the_run(self, story: Path, clock: Clock) -> None:
        app = treetop(story, clock)
        async with watching(app, 140, 40) as pilot:
            await opened(pilot, "b", "b")
            await sees(pilot, "Timeline of the run", "story run")
            assert timeline(app).count == 477

    async def test_b_three_times_lists_the_events_of_the_node(self, story: Path, clock: Clock) -> None:
        app = treetop(story, clock)
        async with watching(app, 140, 40) as pilot:
            await opened(pilot, "b", "b", "b")
            await sees(pilot, "Timeline of this task:")

    async def test_the_timeline_of_the_run_is_independent_of_the_selected_node(self, story: Path, clock: Clock) -> None:
        app = treetop(story, clock)
        async with watching(app, 140, 40) as pilot:
            await opened(pilot, "b", "b", "j", "j")
            await sees(pilot, "Timeline of the run: 477 events")

    async def test_keys_act_on_the_list_that_they_were_pressed_for(self, story: Path, clock: Clock) -> None:
        """Even while the list is being read."""
        app = treetop(story, clock)
        async with watching(app, 140, 40) as pilot:
            await opened(pilot, "b", "b", "3", "G", "k")
            await until(pilot, lambda: position(app) == timeline(app).count - 1 > 400)
            await pilot.press("b", "b", "b", "g", "j")
            await until(pilot, lambda: position(app) == 2)

    async def test_the_timeline_of_the_run_scrolls_to_both_ends(self, story: Path, clock: Clock) -> None:
        app = treetop(story, clock)
        async with watching(app, 140, 40) as pilot:
            await opened(pilot, "b", "b", "3")
            await sees(pilot, "3 Timeline of the run")
            await pilot.press("G")
            await sees(pilot, "tasks reported in")
            await pilot.press("g")
            await sees(pilot, "story run")

    async def test_quick_moves_in_the_tree_list_the_events_of_the_last_node(self, story: Path, clock: Clock) -> None:
        app = treetop(story, clock)
        async with watching(app, 140, 40) as pilot:
            await opened(pilot, "b", *["j", "j", "k"] * 6)
            positions = about(app, selected(app))
            await until(pilot, lambda: timeline(app).count == len(positions))


class TestLive:
    """A live run on the screen."""

    async def test_the_header_marks_a_live_run(self, path: Path, clock: Clock) -> None:
        feed = Feed(path, LIVE, clock, 100)
        async with watching(treetop(path, clock), 140, 40) as pilot:
            await opened(pilot)
            await sees(pilot, "LIVE", "● live")
        feed.close()

    async def test_tree_and_header_grow_with_the_run(self, path: Path, clock: Clock) -> None:
        feed = Feed(path, LIVE, clock, 100)
        app = treetop(path, clock)
        async with watching(app, 140, 40) as pilot:
            await opened(pilot)
            feed.more(100)
            await sees(pilot, "200 events")
            feed.rest()
            await sees(pilot, f"{feed.total} events", "29/29 tasks")
        feed.close()

    async def test_the_end_of_a_run_is_announced(self, path: Path, clock: Clock) -> None:
        feed = Feed(path, LIVE, clock, 100)
        async with watching(treetop(path, clock), 140, 40) as pilot:
            await opened(pilot)
            feed.rest()
            await sees(pilot, "The run finished", "STORED", "✓ finished")
        feed.close()

    async def test_new_events_do_not_move_the_cursor(self, path: Path, clock: Clock) -> None:
        feed = Feed(path, LIVE, clock, 200)
        app = treetop(path, clock)
        async with watching(app, 140, 40) as pilot:
            await opened(pilot, "j", "j")
            before = selected(app)
            feed.rest()
            await sees(pilot, "✓ finished")
            assert (selected(app), tree(app).cursor) == (before, 2)

    async def test_a_watched_run_ends_with_the_same_screen_as_a_reopened_one(self, path: Path, clock: Clock) -> None:
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

    async def test_the_timeline_of_a_subtree_grows_by_events_of_the_subtree(self, path: Path, clock: Clock) -> None:
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

    async def test_the_inspector_updates_a_node_of_a_live_run(self, path: Path, clock: Clock) -> None:
        feed = Feed(path, LIVE, clock, 100)
        app = treetop(path, clock)
        async with watching(app, 140, 60) as pilot:
            await opened(pilot)
            await until(pilot, lambda: "DOING" in inspector(app))
            feed.rest()
            await until(pilot, lambda: "status     FINISH" in inspector(app))
        feed.close()

    async def test_a_stored_run_is_shown_while_another_is_live(self, path: Path, clock: Clock) -> None:
        feed = Feed(path, LIVE, clock, 100)
        app = treetop(path, clock)
        async with watching(app, 140, 40) as pilot:
            await sees(pilot, "1 live")
            await pilot.press("G", "enter")
            await sees(pilot, "STORED", "Write a mystery story", "30/30 tasks")
            feed.rest()
            await pilot.press("j", "enter", "j")
            await until(pilot, lambda: focused(app) == "timeline")
            await pilot.press("1")
            await sees(pilot, "4 runs")
            await until(pilot, lambda: "live" not in lines(app)[0])  # the list may be shown before it is read again
        feed.close()

    async def test_a_run_without_events_for_minutes_is_silent(self, path: Path, clock: Clock) -> None:
        feed = Feed(path, LIVE, clock, 100)
        async with watching(treetop(path, clock), 140, 40) as pilot:
            await opened(pilot)
            await sees(pilot, "LIVE")
            clock.now += 400.0
            await sees(pilot, "silent 6m")
        feed.close()

    async def test_a_silent_run_is_live_again_after_an_event(self, path: Path, clock: Clock) -> None:
        feed = Feed(path, LIVE, clock, 100)
        clock.now += 400.0
        async with watching(treetop(path, clock), 140, 40) as pilot:
            await opened(pilot)
            await sees(pilot, "silent 6m")
            feed.more(20)
            await sees(pilot, "● live", "LIVE")
        feed.close()


class TestFollowing:
    """`F` opens the newest live run and follows the node at work until the user moves the cursor."""

    async def test_shift_f_on_the_list_of_runs_follows_the_newest_live_run(self, path: Path, clock: Clock) -> None:
        feed = Feed(path, LIVE, clock, 100)
        app = treetop(path, clock)
        async with watching(app, 140, 40) as pilot:
            await sees(pilot, "1 live")
            await pilot.press("F")
            await sees(pilot, "FOLLOWING")
            await until(pilot, lambda: selected(app) == at_work(app) is not None)
        feed.close()

    async def test_following_selects_each_node_at_work(self, path: Path, clock: Clock) -> None:
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

    async def test_following_resumes_after_time_travel(self, path: Path, clock: Clock) -> None:
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
    async def test_a_move_of_the_cursor_ends_following(self, path: Path, clock: Clock, keys: list[str]) -> None:
        feed = Feed(path, LIVE, clock, 242)
        async with watching(treetop(path, clock), 140, 40) as pilot:
            await sees(pilot, "1 live")
            await pilot.press("F")
            await sees(pilot, "FOLLOWING")
            await pilot.press(*keys)
            await until(pilot, lambda: "FOLLOWING" not in shown(pilot.app) and "LIVE" in shown(pilot.app))
        feed.close()

    async def test_f_starts_following(self, path: Path, clock: Clock) -> None:
        feed = Feed(path, LIVE, clock, 242)
        app = treetop(path, clock)
        async with watching(app, 140, 40) as pilot:
            await opened(pilot, "g", "f")
            await sees(pilot, "FOLLOWING")
            await until(pilot, lambda: selected(app) == at_work(app) is not None)
        feed.close()

    async def test_the_end_of_the_run_ends_following(self, path: Path, clock: Clock) -> None:
        feed = Feed(path, LIVE, clock, 242)
        async with watching(treetop(path, clock), 140, 40) as pilot:
            await opened(pilot, "f")
            await sees(pilot, "FOLLOWING")
            feed.rest()
            await sees(pilot, "STORED")
        feed.close()

    async def test_a_run_that_ended_cannot_be_followed(self, story: Path, clock: Clock) -> None:
        async with watching(treetop(story, clock), 140, 40) as pilot:
            await opened(pilot, "f")
            await sees(pilot, "there is nothing to follow", "STORED")

    async def test_shift_f_without_a_live_run_reports_that_there_is_none(self, path: Path, clock: Clock) -> None:
        app = treetop(path, clock)
        async with watching(app, 140, 40) as pilot:
            await sees(pilot, "3 runs")
            await pilot.press("F")
            await sees(pilot, "No run is live at the moment.")

    async def test_shift_f_in_another_run_opens_the_newest_live_run(self, path: Path, clock: Clock) -> None:
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
    """Another program deletes the run on the screen."""

    async def test_a_deleted_run_stays_on_the_screen_until_it_is_left(self, story: Path, clock: Clock) -> None:
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

    async def test_events_after_the_deletion_of_a_live_run_appear_as_a_new_run(self, here: Path, clock: Clock) -> None:
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
    """`treetop RUN` opens a run at the start."""

    async def test_a_run_opens_by_its_id(self, path: Path, clock: Clock) -> None:
        (run_id,) = query(path, "SELECT run_id FROM runs ORDER BY start_time")[0]
        async with watching(treetop(path, clock, run_id), 140, 40) as pilot:
            await sees(pilot, "2 Tree", "Write a mystery story")

    async def test_a_run_opens_by_a_prefix_of_its_id(self, path: Path, clock: Clock) -> None:
        (run_id,) = query(path, "SELECT run_id FROM runs ORDER BY start_time")[0]
        async with watching(treetop(path, clock, run_id[:8]), 140, 40) as pilot:
            await sees(pilot, "2 Tree", "Write a mystery story")

    async def test_latest_opens_the_newest_run(self, path: Path, clock: Clock) -> None:
        async with watching(treetop(path, clock, "latest"), 140, 40) as pilot:
            await sees(pilot, "2 Tree", "Plan how the city")

    async def test_latest_follows_a_live_run(self, path: Path, clock: Clock) -> None:
        feed = Feed(path, LIVE, clock, 100)
        async with watching(treetop(path, clock, "latest"), 140, 40) as pilot:
            await sees(pilot, "FOLLOWING")
        feed.close()

    async def test_an_unknown_run_is_reported(self, path: Path, clock: Clock) -> None:
        async with watching(treetop(path, clock, "xyz"), 140, 40) as pilot:
            await sees(pilot, "there is no run 'xyz'", "3 runs")

    async def test_q_in_an_opened_run_goes_to_the_list(self, path: Path, clock: Clock) -> None:
        app = treetop(path, clock, "latest")
        async with watching(app, 140, 40) as pilot:
            await sees(pilot, "2 Tree")
            await pilot.press("q")
            await sees(pilot, "3 runs")


class TestFailed:
    """A failed run."""

    async def test_e_selects_the_node_with_the_error(self, here: Path, clock: Clock) -> None:
        store_run(Path("treetop.db"), FAILED)
        app = treetop(Path("treetop.db"), clock)
        async with watching(app, 140, 60) as pilot:
            await opened(pilot, "e")
            await until(pilot, lambda: "1 steps aborted" in inspector(app) or "reported" in inspector(app))

    async def test_the_header_shows_the_error_that_ended_the_run(self, here: Path, clock: Clock) -> None:
        store_run(Path("treetop.db"), FAILED)
        async with watching(treetop(Path("treetop.db"), clock), 200, 40) as pilot:
            await opened(pilot)
            await sees(pilot, "× failed", "No space left on device")


class TestNarrow:
    """On 80x24 the panes are stacked, and the focused inspector replaces the timeline."""

    async def test_a_narrow_screen_stacks_tree_and_timeline(self, story: Path, clock: Clock) -> None:
        app = treetop(story, clock)
        async with watching(app, 80, 24) as pilot:
            await opened(pilot)
            await until(pilot, lambda: "4 " not in shown(app) or "4 Task" not in shown(app))
            assert (tree(app).region.width, timeline(app).region.width) == (80, 80)

    async def test_4_on_a_narrow_screen_shows_the_inspector(self, story: Path, clock: Clock) -> None:
        app = treetop(story, clock)
        async with watching(app, 80, 24) as pilot:
            await opened(pilot, "4")
            await sees(pilot, "4 Task", "Result of")
            await pilot.press("q")
            await until(pilot, lambda: "4 Task" not in shown(app) and focused(app) == "tree")

    async def test_a_widened_terminal_shows_all_panes(self, story: Path, clock: Clock) -> None:
        async with watching(treetop(story, clock), 80, 24) as pilot:
            await opened(pilot)
            await pilot.resize_terminal(140, 40)
            await sees(pilot, "2 Tree", "3 Timeline", "4 Task", "Result of")
