"""The tree of a run: walking it, folding it, and not being disturbed while it grows."""

import pytest
from rich.cells import cell_len
from textual.message import Message

from store import events as ev
from store.events import Event
from store.fold import fold
from store.record import Stored
from store.state import Node, RunState, empty
from tests.recorder import Recorder
from tests.tui.stage import Alone, Clock, line_with, lines, rows_of, shown, until, watching
from tui.theme import Glyphs
from tui.widgets.node_tree import Lit, NodeTree
from tui.widgets.rows import Rows


def book() -> Recorder:
    """A book of three chapters: the first has two parts, the second went wrong, the third is being written."""
    made = Recorder().root("book", "Write a book")
    for outer, node_id in (("book", "one"), ("book", "two"), ("book", "three"), ("one", "a"), ("one", "b"), ("a", "deep")):
        made.node(outer, node_id, f"Write {node_id}", nid=f"n-{node_id}")
    made.llm("two", error="timeout").llm("deep", error="timeout")
    return made.status("three", "READY").step_started("three", "Write three")


class Forest(Alone):
    """A tree of nodes, alone, which is given the nodes that it asks for."""

    def __init__(self, state: RunState, glyphs: Glyphs | None = None, nodes: NodeTree | None = None) -> None:
        self.nodes = nodes or NodeTree(glyphs or Glyphs(), id="tree")
        self.state = state
        self.lit: Lit | None = None
        super().__init__(self.nodes)

    def on_mount(self) -> None:
        super().on_mount()
        self.call_after_refresh(self.load)

    def hear(self, message: Message) -> None:
        super().hear(message)
        if isinstance(message, NodeTree.Needed):
            self.supply()

    def load(self) -> None:
        """Show the run from its beginning, as a screen does."""
        self.nodes.load([self.number(node.outer) for node in self.state.nodes.values()])
        self.nodes.place([], [], len(self.state.nodes))
        self.supply()

    def become(self, state: RunState) -> None:
        """The run went on."""
        old, self.state = self.state, state
        known = len(old.nodes)
        parents = [self.number(node.outer) for node in list(state.nodes.values())[known:]]
        moves = [
            (self.number(node_id), self.number(state.nodes[node_id].outer))
            for node_id, node in old.nodes.items()
            if state.nodes[node_id].outer != node.outer
        ]
        self.nodes.place(parents, moves, len(state.nodes))
        self.supply()

    def supply(self) -> None:
        """Give the tree what it wants."""
        known = list(self.state.nodes.values())
        self.nodes.supply({number: known[number] for number in self.nodes.wanted()}, Clock().now, self.lit)

    def number(self, node_id: str | None) -> int:
        """The number of a node, in the order of birth; -1 for none."""
        return -1 if node_id is None else list(self.state.nodes).index(node_id)

    @property
    def selected(self) -> str | None:
        """The id of the node under the cursor."""
        return None if self.nodes.selected is None else list(self.state.nodes)[self.nodes.selected]

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
        ],
    )
    async def test_from_the_root(self, keys: list[str], node_id: str) -> None:
        app = Forest(book().state)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: app.order == ALL)
            await pilot.press(*keys)
            assert app.selected == node_id

    async def test_to_a_node_that_is_hidden_the_tree_opens(self) -> None:
        app = Forest(book().state)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: app.order == ALL)
            await pilot.press("minus")
            await until(pilot, lambda: app.order == ["book"])
            app.nodes.select(app.number("deep"))
            await until(pilot, lambda: app.selected == "deep" and "deep" in app.order)

    async def test_the_screen_hears_of_each_move(self) -> None:
        app = Forest(book().state)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: app.order == ALL)
            await pilot.press("j", "J", "h")
            app.nodes.select(app.number("deep"))
            await until(pilot, lambda: len(app.heard(Rows.Moved)) == 4)

    async def test_but_not_of_those_that_it_makes_itself(self) -> None:
        app = Forest(book().state)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: app.order == ALL)
            app.nodes.select(app.number("deep"), by_user=False)
            await until(pilot, lambda: app.nodes.cursor == 3)
            assert app.heard(Rows.Moved) == []

    @pytest.mark.parametrize(
        ("node_id", "step", "others"),
        [
            ("book", 1, ["one", "a", "deep", "b", "two", "three", "book"]),
            ("book", -1, ["three", "two", "b", "deep", "a", "one", "book"]),
            ("deep", 1, ["b", "two", "three", "book", "one", "a", "deep"]),
            ("deep", -1, ["a", "one", "book", "three", "two", "b", "deep"]),
        ],
    )
    async def test_what_follows_is_in_the_order_of_the_tree(self, node_id: str, step: int, others: list[str]) -> None:
        """Also what is hidden."""
        app = Forest(book().state)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: app.order == ALL)
            app.nodes.select(app.number(node_id))
            app.nodes.action_collapse_all()
            app.nodes.select(app.number(node_id))
            assert [list(app.state.nodes)[number] for number in app.nodes.following(step)] == others

    @pytest.mark.parametrize("key", ["l", "h", "space", "minus", "equals_sign", "O", "p", "P", "J", "K", "C", "u"])
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
            assert app.selected == "book"

    async def test_a_focus_does_not_let_the_parent_be_reached(self) -> None:
        app = Forest(book().state)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: app.order == ALL)
            await pilot.press("j", "C", "p", "h", "h", "P")
            assert (app.selected, app.nodes.narrowed) == ("one", ", narrowed to n-one (u widens)")

    async def test_what_follows_stays_within_the_focus(self) -> None:
        app = Forest(book().state)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: app.order == ALL)
            await pilot.press("j", "C")
            found = [list(app.state.nodes)[number] for number in app.nodes.following(1)]
            assert found == ["a", "deep", "b", "one"]

    async def test_a_node_outside_the_focus_is_gone_to_by_widening_it(self) -> None:
        app = Forest(book().state)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: app.order == ALL)
            await pilot.press("j", "C")
            app.nodes.select(app.number("two"))
            await until(pilot, lambda: app.order == ALL and app.selected == "two")
            assert app.nodes.narrowed == ""


class TestGrowing:
    """Nodes come and change while somebody reads: the reader is not moved."""

    async def test_new_nodes_appear(self) -> None:
        made = book()
        app = Forest(made.state)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: app.order == ALL)
            app.become(made.node("two", "new", "Write new", nid="n-new").state)
            await until(pilot, lambda: app.order == ["book", "one", "a", "deep", "b", "two", "new", "three"])

    async def test_the_selection_stays_on_its_node(self) -> None:
        made = book()
        app = Forest(made.state)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: app.order == ALL)
            await pilot.press("G")
            app.become(made.node("one", "new").state)
            assert app.selected == "three"

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
            app.become(made.state)
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
            app.become(made.status("c59", "READY").state)
            app.become(made.node("c59", "last", layer=2).state)
            await pilot.pause()
            await pilot.pause()
            assert rows_of(app.nodes) == before

    async def test_a_node_that_was_only_mentioned_takes_its_place_when_it_is_announced(self) -> None:
        made = Recorder().root("book", "Write a book").step_started("ghost", "Write ghost")
        app = Forest(made.state)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: "Write ghost" in shown(app))
            app.become(made.node("book", "ghost", "Write ghost", nid="n-ghost").state)
            await until(pilot, lambda: "└─" in line_with(app, "Write ghost"))

    async def test_read_anew_it_begins_at_the_beginning(self) -> None:
        """Numbers mean other nodes then: it is for who reads it to say where to go."""
        made = book()
        app = Forest(made.state)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: app.order == ALL)
            await pilot.press("G", "minus")
            app.load()
            await until(pilot, lambda: (app.selected, app.order) == ("book", ALL))


class TestThePast:
    """Nodes that are not born yet are not there."""

    def go(self, app: Forest, made: Recorder, events: int) -> None:
        """As it was after so many events."""
        then = fold(empty("run"), made.events[:events])
        app.nodes.place([], [], len(then.nodes))
        known = list(then.nodes.values())
        app.nodes.supply({number: known[number] for number in app.nodes.wanted()}, Clock().now)

    async def test_it_has_the_nodes_that_there_were(self) -> None:
        made = book()
        app = Forest(made.state)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: app.order == ALL)
            self.go(app, made, 3)
            await until(pilot, lambda: app.order == ["book", "one", "two"])
            self.go(app, made, 6)
            await until(pilot, lambda: app.order == ["book", "one", "a", "b", "two", "three"])

    async def test_the_cursor_goes_to_what_a_node_will_be_in(self) -> None:
        made = book()
        app = Forest(made.state)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: app.order == ALL)
            await pilot.press("l", "l", "l")
            assert app.selected == "deep"
            self.go(app, made, 6)
            await until(pilot, lambda: app.selected == "a")
            self.go(app, made, 3)
            await until(pilot, lambda: app.selected == "one")

    async def test_beneath_a_node_is_also_what_is_not_born_yet(self) -> None:
        """So that who lists events of a subtree need not list them anew as time goes on."""
        made = book()
        app = Forest(made.state)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: app.order == ALL)
            self.go(app, made, 3)
            await until(pilot, lambda: app.order == ["book", "one", "two"])
            found = app.nodes.beneath(app.number("one"))
            assert [list(made.state.nodes)[number] for number in found] == ["one", "a", "b", "deep"]

    async def test_before_the_first_node_there_is_none(self) -> None:
        made = book()
        app = Forest(made.state)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: app.order == ALL)
            self.go(app, made, 0)
            await until(pilot, lambda: "no node was heard of yet" in shown(app))
            await pilot.press("j", "l", "p", "C", "minus", "equals_sign", "u")
            assert app.nodes.selected is None
            app.load()
            await until(pilot, lambda: (app.order, app.selected) == (ALL, "book"))

    async def test_what_the_event_there_was_about_is_lit(self) -> None:
        app = Forest(book().state)
        facts = ev.NodeStatusChanged(node_id="two", new_status="READY")
        event = Event("e", facts.type, 0.0, "run", facts)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: app.order == ALL)
            app.lit = Lit(app.number("two"), Stored(1, 1, event, False, "NOT_READY", "READY"))
            app.supply()
            await until(pilot, lambda: "NOT_READY → READY" in line_with(app, "n-two"))
            app.lit = Lit(app.number("three"), Stored(1, 1, event, False, None, None))
            app.supply()
            await until(pilot, lambda: "→" not in shown(app) and "status" in line_with(app, "n-three"))


class TestMoving:
    """A node may turn out to be elsewhere than it was thought to be."""

    async def test_it_goes_there_with_all_that_is_in_it(self) -> None:
        made = Recorder().root("book", "Write a book").node("book", "one", "Write one", nid="n-one")
        made.node("late", "deep", "Write deep", nid="n-deep")
        app = Forest(made.state)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: "n-deep" in shown(app))
            assert app.order == ["book", "one", "deep"]
            app.become(made.node("one", "late", "Write late", nid="n-late").state)
            await until(pilot, lambda: app.order == ["book", "one", "late", "deep"])

    async def test_the_cursor_stays_on_it(self) -> None:
        made = Recorder().root("book", "Write a book").node("late", "deep", "Write deep", nid="n-deep")
        made.node("book", "one", "Write one", nid="n-one")
        app = Forest(made.state)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: "n-deep" in shown(app))
            await pilot.press("G")
            assert app.selected == "deep"
            app.become(made.node("book", "late", "Write late", nid="n-late").state)
            await until(pilot, lambda: app.order == ["book", "late", "deep", "one"])
            assert (app.selected, app.nodes.cursor) == ("deep", 2)


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

    def wide(self) -> RunState:
        nodes = {"root": Node("root", 1, goal="Write")} | {
            f"n{number}": Node(f"n{number}", number + 2, outer="root", goal=f"Part {number}.") for number in range(10_000)
        }
        return RunState(Recorder().state.run, nodes, {})

    async def test_only_rows_on_the_screen_are_drawn(self) -> None:
        tree = Counting()
        app = Forest(self.wide(), nodes=tree)
        async with watching(app, 80, 24) as pilot:
            await until(pilot, lambda: tree.count == 10_001)
            await pilot.press("pagedown", "G", "k")
            await until(pilot, lambda: 10_000 in tree.rows)
            for _ in range(100):
                app.supply()
            assert len(set(tree.rows)) <= 4 * 24

    async def test_only_nodes_near_the_screen_are_asked_for(self) -> None:
        app = Forest(self.wide())
        async with watching(app, 80, 24) as pilot:
            await until(pilot, lambda: "Part 7." in shown(app))
            assert len(app.nodes.wanted()) <= 3 * 24
            await pilot.press("G")
            await until(pilot, lambda: "Part 9999." in shown(app) and "…" not in shown(app))
            assert len(app.nodes.wanted()) <= 3 * 24
            assert {9_990, 10_000} <= set(app.nodes.wanted())

    async def test_the_one_under_the_cursor_is_asked_for_wherever_it_is(self) -> None:
        app = Forest(self.wide())
        async with watching(app, 80, 24) as pilot:
            await until(pilot, lambda: "Part 7." in shown(app))
            app.nodes.scroll_to(y=5_000, animate=False)
            await until(pilot, lambda: "Part 5005." in shown(app))
            assert 0 in app.nodes.wanted()

    async def test_what_is_not_there_yet_is_asked_for_once(self) -> None:
        app = Forest(self.wide())
        async with watching(app, 80, 24) as pilot:
            await until(pilot, lambda: "Part 7." in shown(app))
            app.hear = super(Forest, app).hear  # type: ignore[method-assign]  # hears, and answers no more
            before = len(app.heard(NodeTree.Needed))
            app.nodes.scroll_to(y=5_000, animate=False)
            await until(pilot, lambda: len(app.heard(NodeTree.Needed)) == before + 1)
            await until(pilot, lambda: rows_of(app.nodes)[3].strip().endswith("…"))
            app.nodes.scroll_to(y=6_000, animate=False)
            await pilot.settle()
            assert len(app.heard(NodeTree.Needed)) == before + 1
