"""`/` searches the tree by goal, name and id."""

from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from store.database.writer import Writer
from tests.recorder import Recorder
from tests.tables import store
from tests.tui.run_stage import focused, opened, search_finished, selected, tree
from tests.tui.stage import LIVE, Clock, Feed, line_with, lines, sees, shown, treetop, until, watching
from tests.tui.test_travel import gone, seek
from tui.app import Treetop
from tui.screens.runs import RunsScreen


def garden() -> Recorder:
    """A garden of beds with plants. The last bed, of roses, was created before the plants of the first."""
    made = Recorder().root("garden", "Lay out a garden")
    made.node("garden", "bed-1", "Dig a bed for herbs", nid="1").node(
        "garden", "bed-2", "Dig a bed for [b]roses[/]", nid="2"
    )
    made.node("bed-1", "thyme", "Sow thyme", nid="1.1").node("bed-1", "sage", "Sow Sage, 100% of it", nid="1.2")
    return made.node("bed-2", "rose", "Plant a rose_bush", nid="2.1").node("sage", "deep", "Water the herbs", nid="1.2.1")


@pytest.fixture
def beds(here: Path) -> Path:
    """A file with the garden."""
    with Writer(Path("treetop.db")) as writer:
        writer.append(garden().entries)
    return Path("treetop.db")


def typed(app: Treetop) -> Input:
    return app.screen.query_one("#search", Input)


async def searched(pilot: Pilot[Any], text: str, *keys: str) -> None:
    """Type words, then press keys."""
    await pilot.press("slash")
    await until(pilot, lambda: focused(pilot.app) == "search")  # type: ignore[arg-type]
    await pilot.press(*text)
    for key in keys:
        await pilot.press(key)
        await search_finished(pilot.app)  # type: ignore[arg-type]


class TestWords:
    """A node matches if its goal, name or id contains each word."""

    async def test_words_select_the_nodes_that_match(self, beds: Path, clock: Clock) -> None:
        app = treetop(beds, clock)
        async with watching(app, 140, 40) as pilot:
            await opened(pilot)
            for text, node_ids in [
                ("herbs", ["bed-1", "deep"]),
                ("HERBS", ["bed-1", "deep"]),
                ("sage", ["sage"]),
                ("bed dig", ["bed-1", "bed-2"]),
                ("  dig   herbs ", ["bed-1"]),
                ("ose", ["bed-2", "rose"]),
                ("1.2", ["sage", "deep"]),
                ("bed-", ["bed-1", "bed-2"]),
                ("bed-2 dig 2", ["bed-2"]),
                ("100%", ["sage"]),
                ("e_b", ["rose"]),
                ("[b]", ["bed-2"]),
                ("garden", ["garden"]),
            ]:
                count = len(node_ids)
                await pilot.press("g")
                await searched(pilot, text)
                await sees(pilot, f"{count} that match{'' if count > 1 else 'es'}")
                await pilot.press("enter")
                for number, node_id in enumerate([*node_ids, node_ids[0]]):
                    await until(pilot, lambda: selected(app) == node_id)  # noqa: B023
                    await sees(pilot, f"2 Tree: 7 tasks, {number % count + 1} of {count} that match")
                    await pilot.press("n")
                await pilot.press("escape")

    async def test_words_without_a_match_are_reported(self, beds: Path, clock: Clock) -> None:
        app = treetop(beds, clock)
        async with watching(app, 140, 40) as pilot:
            await opened(pilot, "j")
            for text in ("tulip", "50%", "herbs rose", "x" * 30, "\\", "'"):
                await searched(pilot, text, "enter")
                await sees(pilot, "2 Tree: 7 tasks, none matches", "No task matches")
                await pilot.press("n", "N")
                assert (focused(app), selected(app)) == ("tree", "bed-1")
                app.clear_notifications()
                await pilot.press("escape")
                await until(pilot, lambda: "none matches" not in shown(app))

    async def test_the_first_and_the_last_wording_of_a_goal_match(self, here: Path, clock: Clock) -> None:
        made = Recorder().root("book").node("book", "one", "Draft the plot", nid="1")
        made.step_started("one", "Draft the plot of a comedy")
        with Writer(Path("treetop.db")) as writer:
            writer.append(made.entries)
        app = treetop(Path("treetop.db"), clock)
        async with watching(app, 140, 40) as pilot:
            await opened(pilot)
            await searched(pilot, "draft comedy", "enter")
            await sees(pilot, "1 of 1 that matches")

    async def test_keys_are_text_while_the_prompt_is_open(self, beds: Path, clock: Clock) -> None:
        app = treetop(beds, clock)
        async with watching(app, 140, 40) as pilot:
            await opened(pilot, "slash", *"q/nN\\?1 t")
            assert typed(app).value == "q/nN\\?1 t"
            assert "/ Search" not in lines(app)[-1]
            await pilot.press("escape")
            await until(pilot, lambda: "/ Search" in lines(app)[-1])


class TestGoing:
    """Enter and `n` select the next hit in the order of the tree, `N` the previous one, wrapping around."""

    async def test_hits_follow_the_selected_node(self, beds: Path, clock: Clock) -> None:
        app = treetop(beds, clock)
        async with watching(app, 140, 40) as pilot:
            await opened(pilot)
            for before, after, node_id in [
                ("", "", "bed-1"),
                ("", "n", "bed-2"),
                ("", "nn", "bed-1"),
                ("", "N", "bed-2"),
                ("", "NN", "bed-1"),
                ("j", "", "bed-2"),
                ("jj", "", "bed-2"),
                ("G", "", "bed-1"),
                ("G", "N", "bed-2"),
                ("", "jjn", "bed-2"),
            ]:
                await pilot.press("g", *before)
                await searched(pilot, "dig", "enter", *after)
                await until(pilot, lambda: selected(app) == node_id)  # noqa: B023
                await pilot.press("escape")

    async def test_a_hidden_hit_is_expanded(self, beds: Path, clock: Clock) -> None:
        app = treetop(beds, clock)
        async with watching(app, 140, 40) as pilot:
            await opened(pilot, "minus", "h")
            await until(pilot, lambda: tree(app).count == 1)
            await searched(pilot, "water", "enter")
            await until(pilot, lambda: selected(app) == "deep" and "Water the herbs" in shown(app))

    async def test_hits_stay_within_a_narrowed_view(self, beds: Path, clock: Clock) -> None:
        app = treetop(beds, clock)
        async with watching(app, 140, 40) as pilot:
            await opened(pilot, "j", "C")
            await searched(pilot, "ose", "enter")
            await sees(pilot, "narrowed to 1", "none matches", "No task in this part of the tree matches 'ose'")
            await pilot.press("u")
            await sees(pilot, "2 that match")

    async def test_hits_in_a_large_tree_are_numbered_after_the_first_move(
        self, beds: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("tui.session.search.COUNTED_NODES", 3)
        app = treetop(beds, clock)
        async with watching(app, 140, 40) as pilot:
            await opened(pilot, "j")
            await searched(pilot, "dig")
            await sees(pilot, "2 Tree: 7 tasks, 2 that match")
            await pilot.press("enter")
            await sees(pilot, "2 Tree: 7 tasks, 2 of 2 that match")
            await pilot.press("t")
            await seek(pilot, "4")
            await gone(pilot, 4)
            await sees(pilot, "2 Tree: 4 tasks, 2 that match")
            await pilot.press("home")
            await sees(pilot, "2 Tree: 1 task, none matches")

    async def test_n_without_a_search_opens_the_prompt(self, beds: Path, clock: Clock) -> None:
        app = treetop(beds, clock)
        async with watching(app, 140, 40) as pilot:
            await opened(pilot, "n")
            await until(pilot, lambda: focused(app) == "search")
            await sees(pilot, "words of a task's goal, name or id")
            await pilot.press("enter")
            await until(pilot, lambda: focused(app) == "tree" and not typed(app).display)

    async def test_a_search_starts_in_any_pane(self, beds: Path, clock: Clock) -> None:
        app = treetop(beds, clock)
        async with watching(app, 140, 40) as pilot:
            await opened(pilot, "3")
            await searched(pilot, "dig", "enter")
            await pilot.press("4", "n")
            await search_finished(app)
            await until(pilot, lambda: selected(app) == "bed-2")


class TestKeeping:
    """The search stays until Escape."""

    async def test_the_words_of_an_active_search_stay_on_the_screen(self, beds: Path, clock: Clock) -> None:
        app = treetop(beds, clock)
        async with watching(app, 140, 40) as pilot:
            await opened(pilot)
            await searched(pilot, "dig", "enter")
            assert typed(app).display
            await pilot.press("slash", *" herbs")
            await sees(pilot, "1 that matches")

    @pytest.mark.parametrize("keys", [[], ["enter"], ["enter", "n"]])
    async def test_escape_ends_the_search_then_goes_back(self, beds: Path, clock: Clock, keys: list[str]) -> None:
        app = treetop(beds, clock)
        async with watching(app, 140, 40) as pilot:
            await opened(pilot)
            await searched(pilot, "dig", *keys)
            await sees(pilot, "2 that match")
            await pilot.press("escape")
            await until(pilot, lambda: focused(app) == "tree" and not typed(app).display)
            await until(pilot, lambda: "that match" not in shown(app))
            await pilot.press("escape")
            await until(pilot, lambda: isinstance(app.screen, RunsScreen))

    async def test_a_search_and_a_filter_are_independent(self, beds: Path, clock: Clock) -> None:
        app = treetop(beds, clock)
        async with watching(app, 140, 40) as pilot:
            await opened(pilot, "b", "b", "backslash", *"rose", "enter")
            await searched(pilot, "dig", "enter")
            await sees(pilot, "1 of 2 that match", "Timeline of the run: 2 events that match")
            await pilot.press("escape")
            await until(pilot, lambda: not typed(app).display)
            await sees(pilot, "Timeline of the run: 2 events that match")


class TestMoments:
    """A search finds the nodes that exist at the position."""

    async def test_a_search_in_the_past_finds_nodes_that_existed(self, beds: Path, clock: Clock) -> None:
        app = treetop(beds, clock)
        async with watching(app, 140, 40) as pilot:
            await opened(pilot, "t")
            await seek(pilot, "3")
            await gone(pilot, 3)
            await searched(pilot, "herbs", "enter")
            await sees(pilot, "2 Tree: 3 tasks, 1 of 1 that matches")
            await pilot.press("end")
            await sees(pilot, "2 Tree: 7 tasks, 1 of 2 that match")
            await pilot.press("home")
            await sees(pilot, "2 Tree: 1 task, none matches")
            await pilot.press("n")
            await sees(pilot, "No task at this moment matches 'herbs'")

    async def test_a_search_in_a_live_run_finds_new_nodes(self, path: Path, clock: Clock) -> None:
        feed = Feed(path, LIVE, clock, 60)
        app = treetop(path, clock)
        async with watching(app, 140, 40) as pilot:
            await opened(pilot)
            await searched(pilot, "a", "enter")
            few = tree(app).count
            await until(pilot, lambda: f"of {few}" in line_with(app, "2 Tree"))
            feed.rest()
            await until(pilot, lambda: tree(app).count > few)
            await pilot.press("n")
            await until(pilot, lambda: f"of {tree(app).count}" in line_with(app, "2 Tree"))
        feed.close()

    async def test_a_search_in_a_rebuilt_run_finds_its_nodes(self, here: Path, clock: Clock) -> None:
        other = Recorder("B").run_started().root("b", "Write B").node("b", "b1", "Write B1").node("b", "b2", "Write B2")
        mine = Recorder("A", beside=other).nameless().root("a", "Write A").step_started("a")
        store(Path("treetop.db"), other.entries)
        app = treetop(Path("treetop.db"), clock)
        async with watching(app, 140, 40) as pilot:
            await opened(pilot)
            await searched(pilot, "write", "enter")
            await sees(pilot, "2 Tree: 4 tasks, 2 of 4 that match")
            mine.run_id = "A"
            mine.step_finished("a", "plan", after="PLAN_DONE")
            store(Path("treetop.db"), other.entries[-1:])
            await sees(pilot, "2 Tree: 3 tasks, 2 of 3 that match")
