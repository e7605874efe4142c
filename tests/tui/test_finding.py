"""Keys that go to active nodes, errors and things of the same kind, in the tree or in time."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from store.database.writer import Writer
from tests.recorder import Recorder
from tests.rest import rest
from tests.tui.run_stage import opened, position, search_finished, selected, timeline, tree
from tests.tui.stage import Clock, lines, sees, shown, treetop, until, watching
from tui.models.selection import Selection


def chapters() -> Recorder:
    """A book of three chapters: the first has two parts, the second went wrong, the third is being written."""
    made = Recorder().root("book", "Write a book")
    for outer, node_id in (("book", "one"), ("book", "two"), ("book", "three"), ("one", "a"), ("one", "b"), ("a", "deep")):
        made.node(outer, node_id, f"Write {node_id}", nid=f"n-{node_id}")
    made.llm("two", error="timeout").llm("deep", error="timeout").llm("deep")
    for number, outer in enumerate(("one", "two", "deep")):
        payload = {"node_id": f"x{number}", "node_nid": "0", "node_type": "EXECUTE_NODE", "task_type": "RETRIEVAL"}
        made.emit("node_created", payload | {"task_goal": "Do", "outer_node_id": outer, "layer": 2})
    made.llm("two", error="no such model")
    return made.status("three", "READY").step_started("three", "Write three").tool_invoked("b", "t1")


FAILED = (9, 11, 18)
"""Positions of the events that report an error: of `two`, `deep` and `two`."""


@pytest.fixture
def work(here: Path, clock: Clock) -> Path:
    """A file with a live run."""
    made = chapters()
    with Writer(Path("treetop.db")) as writer:
        writer.append(made.entries)
    clock.now = made.events[-1].time + 1.0
    return Path("treetop.db")


def test_the_positions_of_errors_are_correct() -> None:
    failed = [position for position, event in enumerate(chapters().events, 1) if event.facts.failed]
    assert failed == list(FAILED)


async def test_e_without_a_failed_node_reports_why_the_run_ended(here: Path, clock: Clock) -> None:
    with Writer(Path("treetop.db")) as writer:
        writer.append(Recorder().root("book").run_error("ValueError", "Cut [short] by hand").entries)
    app = treetop(Path("treetop.db"), clock)
    async with watching(app, 80, 24) as pilot:
        await opened(pilot)
        await until(pilot, lambda: "ValueError: Cut [short]" in lines(app)[2])
        await pilot.press("e")
        await until(pilot, lambda: "No task has an error; the run ended" in " ".join(shown(app).split()))


class TestInTheTree:
    """Keys select the next target in the order of the tree, wrapping around."""

    async def test_keys_select_a_node(self, work: Path, clock: Clock) -> None:
        app = treetop(work, clock)
        async with watching(app, 140, 40) as pilot:
            await opened(pilot)
            for keys, node_id in [
                ("e", "deep"),
                ("ee", "two"),
                ("eee", "deep"),
                ("E", "two"),
                ("EE", "deep"),
                ("eE", "two"),
                ("a", "b"),
                ("aa", "three"),
                ("aaa", "b"),
                ("}", "one"),
                ("}}", "a"),
                ("}}}", "deep"),
                ("{", "three"),
                ("lll}", "b"),
                ("lllll}", "x0"),
                ("lllll}}", "x2"),
                ("lllll{", "x0"),
            ]:
                for key in f"g{keys}":
                    await pilot.press(key)
                    await search_finished(app)
                await until(pilot, lambda: selected(app) == node_id)  # noqa: B023

    async def test_a_hidden_target_is_expanded(self, work: Path, clock: Clock) -> None:
        app = treetop(work, clock)
        async with watching(app, 140, 40) as pilot:
            await opened(pilot, "minus")
            await until(pilot, lambda: tree(app).count == 1)
            await pilot.press("e")
            await until(pilot, lambda: selected(app) == "deep" and "n-deep" in shown(app))

    async def test_targets_stay_within_a_narrowed_view(self, work: Path, clock: Clock) -> None:
        app = treetop(work, clock)
        async with watching(app, 140, 40) as pilot:
            await opened(pilot, "j", "C", "e")
            await until(pilot, lambda: selected(app) == "deep")
            await pilot.press("e", "E", "e")
            await sees(pilot, "narrowed to n-one")
            assert selected(app) == "deep"

    async def test_late_steps_are_skipped_in_one_walk_through_the_tree(
        self, here: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made, late = Recorder().root("book"), [f"n{number}" for number in range(300)]
        for node_id in (*late, "bad"):
            made.node("book", node_id).step_started(node_id)
        for step, node_id in enumerate(late):
            made.step_finished(node_id, "plan", "FINISH", step)
        made.llm("bad", error="timeout")
        assert [node.node_id for node in made.state.nodes.values() if node.errors or node.aborted] == ["bad"]
        with Writer(Path("treetop.db")) as writer:
            writer.append(made.entries)
        walks: list[Selection] = []
        in_order = Selection.in_order

        def counted(self: Selection) -> Iterator[int]:
            walks.append(self)
            return in_order(self)

        monkeypatch.setattr(Selection, "in_order", counted)
        app = treetop(Path("treetop.db"), clock)
        async with watching(app, 140, 40) as pilot:
            await opened(pilot, "e")
            await until(pilot, lambda: selected(app) == "bad")
        assert len(walks) == 1

    async def test_a_step_that_was_only_late_is_no_error(self, here: Path, clock: Clock) -> None:
        made = Recorder().root("book").node("book", "late").node("book", "bad")
        made.step_started("late").step_started("bad")
        made.emit("step_finished", {"node_id": "late", "step": 0, "action_name": "plan", "status_after": "FINISH"})
        made.llm("bad", error="timeout")
        assert (made.state.nodes["late"].troubled, made.state.nodes["late"].aborted) == (5, 0)
        with Writer(Path("treetop.db")) as writer:
            writer.append(made.entries)
        app = treetop(Path("treetop.db"), clock)
        async with watching(app, 140, 40) as pilot:
            await opened(pilot, "e")
            await until(pilot, lambda: selected(app) == "bad")

    @pytest.mark.parametrize("key", ["a", "e", "E"])
    async def test_a_key_without_a_target_keeps_the_selection(self, here: Path, clock: Clock, key: str) -> None:
        with Writer(Path("treetop.db")) as writer:
            writer.append(Recorder().root("book").node("book", "one").entries)
        app = treetop(Path("treetop.db"), clock)
        async with watching(app, 140, 40) as pilot:
            await opened(pilot, "j", key, key)
            assert selected(app) == "one"

    @pytest.mark.parametrize("key", ["a", "e", "E", "{", "}"])
    async def test_keys_in_a_run_without_nodes_have_no_effect(self, here: Path, clock: Clock, key: str) -> None:
        with Writer(Path("treetop.db")) as writer:
            writer.append(Recorder().run_started().entries)
        app = treetop(Path("treetop.db"), clock)
        async with watching(app, 140, 40) as pilot:
            await sees(pilot, "1 run")
            await pilot.press("enter")
            await sees(pilot, "This run has no task.")
            await pilot.press(key, "3", key)
            assert selected(app) is None


class TestInTheTimeline:
    """In the timeline, keys go through the listed events."""

    async def test_keys_go_through_the_events_of_the_run(self, work: Path, clock: Clock) -> None:
        app = treetop(work, clock)
        async with watching(app, 140, 40) as pilot:
            await opened(pilot, "b", "b", "3")
            await sees(pilot, "Timeline of the run: 21 events")
            for keys, at in [
                ("ge", FAILED[0]),
                ("gee", FAILED[1]),
                ("geee", FAILED[2]),
                ("geeee", FAILED[2]),
                ("GE", FAILED[2]),
                ("GEEE", FAILED[0]),
                ("GEEEE", FAILED[0]),
                ("g}", 2),
                ("g}}", 3),
                ("gj}", 3),
                ("G{", 21),
            ]:
                for key in keys:
                    await until(pilot, lambda: timeline(app).selected is not None)
                    await pilot.press(key)
                    await search_finished(app)
                await until(pilot, lambda: timeline(app).cursor == at - 1)  # noqa: B023

    @pytest.mark.parametrize(
        ("scope", "keys", "positions"),
        [
            ("", "ge", FAILED[:1]),
            ("", "gee", FAILED[2:]),
            ("", "geee", FAILED[2:]),
            ("", "GE", FAILED[:1]),  # from the last, which is one itself
            ("", "GEE", FAILED[:1]),
            ("b", "ge", FAILED[:1]),
            ("b", "GEEE", FAILED[:1]),
        ],
    )
    async def test_keys_go_through_the_events_of_a_node(
        self, work: Path, clock: Clock, scope: str, keys: str, positions: tuple[int, ...]
    ) -> None:
        """The node is `two`, which E selects, or its subtree."""
        app = treetop(work, clock)
        async with watching(app, 140, 40) as pilot:
            await opened(pilot, "E")
            await rest(pilot)
            await pilot.press(*scope, "3")
            await rest(pilot)
            await sees(pilot, "Timeline of this task")
            for key in keys:
                await until(pilot, lambda: timeline(app).selected is not None)
                await pilot.press(key)
                await search_finished(app)
            await until(pilot, lambda: position(app) in positions)

    async def test_keys_in_the_timeline_keep_the_selected_node(self, work: Path, clock: Clock) -> None:
        app = treetop(work, clock)
        async with watching(app, 140, 40) as pilot:
            await opened(pilot, "b", "b", "3")
            await sees(pilot, "Timeline of the run: 21 events")
            await pilot.press("g", "e")
            await until(pilot, lambda: timeline(app).cursor == FAILED[0] - 1)
            assert selected(app) == "book"

    async def test_an_error_many_pages_away_is_found(self, here: Path, clock: Clock) -> None:
        made = Recorder().root("book")
        for _ in range(350):
            made.status("book", "READY").status("book", "DOING")
        made.llm("book", error="timeout").status("book", "READY")
        with Writer(Path("treetop.db")) as writer:
            writer.append(made.entries)
        app = treetop(Path("treetop.db"), clock)
        async with watching(app, 140, 40) as pilot:
            await opened(pilot, "3", "g")
            await until(pilot, lambda: timeline(app).selected is not None)
            await pilot.press("e")
            await until(pilot, lambda: timeline(app).cursor == 702)
            await pilot.press("g", "E")
            await until(pilot, lambda: timeline(app).cursor == 0)
