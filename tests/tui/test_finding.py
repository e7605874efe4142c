"""Going to what one looks for: nodes at work, errors, and what is of the same kind; in the tree, or in time."""

from pathlib import Path

import pytest

from store.writer import Writer
from tests.recorder import Recorder
from tests.rest import rest
from tests.tui.run_stage import found, opened, position, selected, timeline, tree
from tests.tui.stage import Clock, lines, sees, shown, treetop, until, watching


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
"""Positions of events that report an error: of `two`, of `deep`, and of `two` again."""


@pytest.fixture
def work(here: Path, clock: Clock) -> Path:
    """A file with a run that is being worked on."""
    made = chapters()
    with Writer(Path("treetop.db")) as writer:
        writer.append(made.entries)
    clock.now = made.events[-1].time + 1.0
    return Path("treetop.db")


def test_the_errors_are_where_they_are_said_to_be() -> None:
    failed = [position for position, event in enumerate(chapters().events, 1) if event.facts.failed]
    assert failed == list(FAILED)


async def test_that_no_node_has_an_error_is_said_and_why_the_run_ended(here: Path, clock: Clock) -> None:
    with Writer(Path("treetop.db")) as writer:
        writer.append(Recorder().root("book").run_error("ValueError", "Cut [short] by hand").entries)
    app = treetop(Path("treetop.db"), clock)
    async with watching(app, 80, 24) as pilot:
        await opened(pilot)
        await until(pilot, lambda: "ValueError: Cut [short]" in lines(app)[1])
        await pilot.press("e")
        await until(pilot, lambda: "No node has an error; the run ended" in " ".join(shown(app).split()))


class TestInTheTree:
    """Keys go to the next one in the order of the tree, and round at its end."""

    @pytest.mark.parametrize(
        ("keys", "node_id"),
        [
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
            ("lllj}", "x0"),
            ("lllj}}", "x1"),
            ("lllj}}}", "x2"),
            ("lllj{", "x1"),
        ],
    )
    async def test_goes_to(self, work: Path, clock: Clock, keys: str, node_id: str) -> None:
        app = treetop(work, clock)
        async with watching(app, 140, 40) as pilot:
            await opened(pilot)
            for key in keys:
                await pilot.press(key)
                await found(app)
            await until(pilot, lambda: selected(app) == node_id)

    async def test_what_is_hidden_is_opened(self, work: Path, clock: Clock) -> None:
        app = treetop(work, clock)
        async with watching(app, 140, 40) as pilot:
            await opened(pilot, "minus")
            await until(pilot, lambda: tree(app).count == 1)
            await pilot.press("e")
            await until(pilot, lambda: selected(app) == "deep" and "n-deep" in shown(app))

    async def test_within_a_focus_it_stays_there(self, work: Path, clock: Clock) -> None:
        app = treetop(work, clock)
        async with watching(app, 140, 40) as pilot:
            await opened(pilot, "j", "C", "e")
            await until(pilot, lambda: selected(app) == "deep")
            await pilot.press("e", "E", "e")
            await sees(pilot, "narrowed to n-one")
            assert selected(app) == "deep"

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
    async def test_where_there_is_none_nothing_happens(self, here: Path, clock: Clock, key: str) -> None:
        with Writer(Path("treetop.db")) as writer:
            writer.append(Recorder().root("book").node("book", "one").entries)
        app = treetop(Path("treetop.db"), clock)
        async with watching(app, 140, 40) as pilot:
            await opened(pilot, "j", key, key)
            assert selected(app) == "one"

    @pytest.mark.parametrize("key", ["a", "e", "E", "{", "}"])
    async def test_in_a_run_without_nodes_no_key_does_harm(self, here: Path, clock: Clock, key: str) -> None:
        with Writer(Path("treetop.db")) as writer:
            writer.append(Recorder().run_started().entries)
        app = treetop(Path("treetop.db"), clock)
        async with watching(app, 140, 40) as pilot:
            await sees(pilot, "1 run")
            await pilot.press("enter")
            await sees(pilot, "no node was heard of yet")
            await pilot.press(key, "3", key)
            assert selected(app) is None


class TestInTheTimeline:
    """There, keys go through the events that are listed."""

    @pytest.mark.parametrize(
        ("keys", "at"),
        [
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
        ],
    )
    async def test_of_the_run_goes_to(self, work: Path, clock: Clock, keys: str, at: int) -> None:
        app = treetop(work, clock)
        async with watching(app, 140, 40) as pilot:
            await opened(pilot, "b", "b", "3")
            await sees(pilot, "Timeline of the run: 21 events")
            for key in keys:
                await until(pilot, lambda: timeline(app).selected is not None)
                await pilot.press(key)
                await found(app)
            await until(pilot, lambda: timeline(app).cursor == at - 1)

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
    async def test_of_a_node_goes_to(
        self, work: Path, clock: Clock, scope: str, keys: str, positions: tuple[int, ...]
    ) -> None:
        """Of `two`, to which E leads, and of all beneath it."""
        app = treetop(work, clock)
        async with watching(app, 140, 40) as pilot:
            await opened(pilot, "E")
            await rest(pilot)
            await pilot.press(*scope, "3")
            await rest(pilot)
            await sees(pilot, "Timeline of this node")
            for key in keys:
                await until(pilot, lambda: timeline(app).selected is not None)
                await pilot.press(key)
                await found(app)
            await until(pilot, lambda: position(app) in positions)

    async def test_the_tree_stays_where_it_is(self, work: Path, clock: Clock) -> None:
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
