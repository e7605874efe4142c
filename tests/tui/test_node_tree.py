"""The tree of a run: walking it, folding it, and not being disturbed while it grows."""

import pytest
from rich.cells import cell_len

from store.state import Node, RunState
from tests.recorder import Recorder
from tests.tui.stage import Alone, Clock, line_with, lines, rows_of, shown, until, watching
from tui.theme import Glyphs
from tui.widgets.node_tree import NodeTree
from tui.widgets.rows import Rows


def book() -> Recorder:
    """A book of three chapters: the first has two parts, the second went wrong, the third is being written."""
    made = Recorder().root("book", "Write a book")
    for outer, node_id in (("book", "one"), ("book", "two"), ("book", "three"), ("one", "a"), ("one", "b"), ("a", "deep")):
        made.node(outer, node_id, f"Write {node_id}", nid=f"n-{node_id}")
    made.llm("two", error="timeout").llm("deep", error="timeout")
    return made.status("three", "READY").step_started("three", "Write three")


class Forest(Alone):
    """A tree of nodes, alone."""

    def __init__(self, state: RunState, glyphs: Glyphs | None = None) -> None:
        self.nodes = NodeTree(glyphs or Glyphs(), id="tree")
        self.state = state
        super().__init__(self.nodes)

    def on_mount(self) -> None:
        super().on_mount()
        self.call_after_refresh(self.nodes.show, self.state, Clock().now)

    @property
    def order(self) -> list[str]:
        """The ids of the nodes on the screen, from the top."""
        known = sorted(self.state.nodes, key=len, reverse=True)
        found = []
        for line in rows_of(self.nodes):
            goal = "book" if "a book" in line else next((node_id for node_id in known if f"n-{node_id} " in line), None)
            found += [goal] if goal else []
        return found


ALL = ["book", "one", "a", "deep", "b", "two", "three"]


class TestLooking:
    """Each node is a line inside the node whose plan created it."""

    async def test_nodes_stand_beneath_the_node_around_them(self) -> None:
        app = Forest(book().state)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: app.order == ALL)

    async def test_a_node_at_work_says_what_it_does(self) -> None:
        app = Forest(book().state)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: "planning" in line_with(app, "n-three"))

    async def test_a_node_with_errors_counts_them(self) -> None:
        app = Forest(book().state)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: "×1" in line_with(app, "n-two"))

    async def test_a_node_that_nobody_announced_says_so(self) -> None:
        app = Forest(Recorder().root("book").step_started("ghost", "").state)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: "(not announced yet) ghost" in shown(app))

    async def test_an_atom_is_called_by_what_it_does(self) -> None:
        made = Recorder().root("book", "Write a book")
        payload = {"node_id": "x", "node_nid": "0", "node_type": "EXECUTE_NODE", "task_goal": "Do", "outer_node_id": "book"}
        app = Forest(made.emit("node_created", payload | {"layer": 1}).state)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: "execute Do" in shown(app))

    async def test_several_roots_stand_one_after_the_other(self) -> None:
        app = Forest(Recorder().root("first", "Write a book").root("second", "Read a paper").state)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: "Read a paper" in lines(app)[1])

    async def test_a_run_without_nodes_says_so(self) -> None:
        app = Forest(Recorder().run_started().state)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: "no node was heard of yet" in shown(app))

    @pytest.mark.parametrize("glyphs", [Glyphs(), Glyphs(ascii_only=True)], ids=["unicode", "ascii"])
    @pytest.mark.parametrize("width", [1, 5, 12, 30, 57, 58, 80, 200])
    async def test_lines_are_as_wide_as_the_pane(self, width: int, glyphs: Glyphs) -> None:
        app = Forest(book().state, glyphs)
        async with watching(app, width, 20) as pilot:
            await pilot.press("minus", "j")
            assert {cell_len(line) for line in lines(app)} == {width}

    async def test_a_chain_of_a_thousand_nodes_can_be_read(self) -> None:
        made = Recorder().root("n0", "Write a book")
        for number in range(1, 1_000):
            made.node(f"n{number - 1}", f"n{number}", f"Level {number}.")
        app = Forest(made.state)
        async with watching(app, 80, 20) as pilot:
            await pilot.press("G")
            await until(pilot, lambda: "Level 999." in shown(app))


class TestWalking:
    """Keys go where the tree goes."""

    @pytest.mark.parametrize(
        ("keys", "node_id"),
        [
            (["j"], "one"),
            (["l"], "one"),
            (["right", "l", "l"], "deep"),
            (["l", "l", "l", "l"], "deep"),
            (["G", "p"], "book"),
            (["l", "l", "p", "p"], "book"),
            (["l", "l", "l", "P"], "book"),
            (["j", "J"], "two"),
            (["j", "J", "J", "J"], "three"),
            (["G", "K"], "two"),
            (["l", "l", "J"], "b"),
            (["G", "h"], "book"),
            (["e"], "deep"),
            (["e", "e"], "two"),
            (["e", "e", "e"], "deep"),
            (["E"], "two"),
            (["a"], "three"),
            (["a", "a"], "three"),
        ],
    )
    async def test_from_the_root(self, keys: list[str], node_id: str) -> None:
        app = Forest(book().state)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: app.order == ALL)
            await pilot.press(*keys)
            assert app.nodes.selected == node_id

    async def test_to_a_node_that_is_hidden_the_tree_opens(self) -> None:
        app = Forest(book().state)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: app.order == ALL)
            await pilot.press("minus", "e")
            await until(pilot, lambda: (app.nodes.selected, "deep" in app.order) == ("deep", True))

    async def test_the_screen_hears_of_each_move(self) -> None:
        app = Forest(book().state)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: app.order == ALL)
            await pilot.press("j", "J", "e")
            assert len(app.heard(Rows.Moved)) == 3

    @pytest.mark.parametrize(
        "key", ["l", "h", "space", "minus", "equals_sign", "O", "p", "P", "J", "K", "C", "u", "a", "e", "E"]
    )
    async def test_without_nodes_no_key_does_harm(self, key: str) -> None:
        app = Forest(Recorder().run_started().state)
        async with watching(app, 80, 20) as pilot:
            await pilot.press(key, "j", key)
            assert app.nodes.selected is None


class TestFolding:
    """What is not of interest can be put away."""

    @pytest.mark.parametrize(
        ("keys", "order"),
        [
            (["j", "h"], ["book", "one", "two", "three"]),
            (["j", "h", "l"], ALL),
            (["j", "space"], ["book", "one", "two", "three"]),
            (["j", "space", "space"], ALL),
            (["j", "j", "h"], ["book", "one", "a", "b", "two", "three"]),
            (["minus"], ["book"]),
            (["minus", "l"], ["book", "one", "two", "three"]),
            (["minus", "O"], ALL),
            (["minus", "equals_sign"], ALL),
            (["j", "C"], ["one", "a", "deep", "b"]),
            (["j", "C", "u"], ALL),
            (["l", "l", "C", "u"], ["one", "a", "deep", "b"]),
            (["j", "C", "minus"], ["one", "a", "b"]),
        ],
    )
    async def test_leaves_these(self, keys: list[str], order: list[str]) -> None:
        app = Forest(book().state)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: app.order == ALL)
            await pilot.press(*keys)
            await until(pilot, lambda: app.order == order)

    async def test_how_much_is_hidden_is_said(self) -> None:
        app = Forest(book().state)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: app.order == ALL)
            await pilot.press("j", "h")
            await until(pilot, lambda: "+3" in line_with(app, "n-one"))

    async def test_the_selection_goes_to_the_node_that_hides_it(self) -> None:
        app = Forest(book().state)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: app.order == ALL)
            await pilot.press("l", "l", "l", "minus")
            assert app.nodes.selected == "book"

    async def test_a_focus_does_not_let_the_parent_be_reached(self) -> None:
        app = Forest(book().state)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: app.order == ALL)
            await pilot.press("j", "C", "p", "h", "h", "P")
            assert (app.nodes.selected, app.nodes.focus_root) == ("one", "one")

    async def test_a_focus_stays_within_itself_when_errors_are_looked_for(self) -> None:
        app = Forest(book().state)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: app.order == ALL)
            await pilot.press("j", "C", "e", "e")
            assert app.nodes.selected == "deep"


class TestGrowing:
    """Nodes come and change while somebody reads: the reader is not moved."""

    def changed(self, state: RunState) -> list[str]:
        return list(state.nodes)

    async def test_new_nodes_appear(self) -> None:
        made = book()
        app = Forest(made.state)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: app.order == ALL)
            app.state = made.node("two", "new", "Write new", nid="n-new").state
            app.nodes.update(app.state, ["new"], 0.0)
            await until(pilot, lambda: app.order == ["book", "one", "a", "deep", "b", "two", "new", "three"])

    async def test_the_selection_stays_on_its_node(self) -> None:
        made = book()
        app = Forest(made.state)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: app.order == ALL)
            await pilot.press("G")
            app.nodes.update(made.node("one", "new").state, ["new"], 0.0)
            assert app.nodes.selected == "three"

    async def test_what_stands_on_the_screen_stays_where_it_is(self) -> None:
        made = Recorder().root("book", "Write a book")
        for number in range(60):
            made.node("book", f"c{number}", f"Chapter {number}.", nid=f"n-c{number}")
        app = Forest(made.state)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: "Chapter 3." in shown(app))
            await pilot.press("pagedown", "pagedown", "k", "k", "k")
            await until(pilot, lambda: "Chapter 34." in shown(app))
            before = rows_of(app.nodes)
            for number in range(30):
                made.node("c1", f"new{number}", "Before", layer=2)
            app.nodes.update(made.state, [f"new{number}" for number in range(30)], 0.0)
            await until(pilot, lambda: app.nodes.cursor > 60)
            await until(pilot, lambda: rows_of(app.nodes) == before)

    async def test_a_wheel_turned_away_from_the_cursor_is_not_turned_back(self) -> None:
        made = Recorder().root("book", "Write a book")
        for number in range(60):
            made.node("book", f"c{number}", f"Chapter {number}.", nid=f"n-c{number}")
        app = Forest(made.state)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: "Chapter 3." in shown(app))
            app.nodes.scroll_to(y=30, animate=False)
            await until(pilot, lambda: "Chapter 40." in shown(app))
            before = rows_of(app.nodes)
            app.nodes.update(made.status("c59", "READY").state, ["c59"], 0.0)
            app.nodes.update(made.node("c59", "last", layer=2).state, ["last"], 0.0)
            await pilot.pause()
            await pilot.pause()
            assert rows_of(app.nodes) == before

    async def test_a_node_that_was_only_mentioned_takes_its_place_when_it_is_announced(self) -> None:
        made = Recorder().root("book", "Write a book").step_started("ghost", "Write ghost")
        app = Forest(made.state)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: "Write ghost" in shown(app))
            app.nodes.update(made.node("book", "ghost", "Write ghost", nid="n-ghost").state, ["book", "ghost"], 0.0)
            await until(pilot, lambda: "└─" in line_with(app, "Write ghost"))

    async def test_read_anew_the_selection_stays(self) -> None:
        made = book()
        app = Forest(made.state)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: app.order == ALL)
            await pilot.press("G")
            app.nodes.show(made.state, 0.0)
            assert app.nodes.selected == "three"


class Counting(NodeTree):
    """Takes down which rows are drawn."""

    def __init__(self) -> None:
        super().__init__(Glyphs(), id="tree")
        self.rows: list[int] = []

    def row(self, index: int, width: int):  # type: ignore[no-untyped-def]
        self.rows.append(index)
        return super().row(index, width)


class TestTenThousandNodes:
    """What is off the screen costs nothing."""

    async def test_only_rows_on_the_screen_are_drawn(self) -> None:
        nodes = {"root": Node("root", 1, goal="Write")} | {
            f"n{number}": Node(f"n{number}", number + 2, outer="root", goal=f"Part {number}.") for number in range(10_000)
        }
        state = Recorder().state
        state = RunState(state.run, nodes, {})
        tree = Counting()
        app = Alone(tree)
        async with watching(app, 80, 24) as pilot:
            tree.show(state, 0.0)
            await pilot.press("pagedown", "G", "k")
            await until(pilot, lambda: 10_000 in tree.rows)
            for number in range(100):
                tree.update(state, [f"n{number * 100}"], 0.0)
            assert len(set(tree.rows)) <= 4 * 24
