"""The tree of a run: moving in it, expanding and collapsing it, and how it grows."""

from collections.abc import Sequence

import pytest
from rich.cells import cell_len
from textual.message import Message

from store.model import event_type as ev
from store.model.event import Event
from store.model.fold import fold
from store.model.record import Stored
from store.model.state import Node, RunState, empty
from tests.recorder import Recorder
from tests.tui.stage import Clock, WidgetApp, line_with, lines, rows_of, shown, until, watching
from tui.models.selection import Selection
from tui.models.snapshot import Highlight, TreeNodes
from tui.theme import Glyphs
from tui.widgets.node_tree import NodeTree
from tui.widgets.rows import Rows


def book() -> Recorder:
    """A book of three chapters: the first has two parts, the second failed, the third is at work."""
    made = Recorder().root("book", "Write a book")
    for outer, node_id in (("book", "one"), ("book", "two"), ("book", "three"), ("one", "a"), ("one", "b"), ("a", "deep")):
        made.node(outer, node_id, f"Write {node_id}", nid=f"n-{node_id}")
    made.llm("two", error="timeout").llm("deep", error="timeout")
    return made.status("three", "READY").step_started("three", "Write three")


class TreeApp(WidgetApp):
    """An app with a tree, which receives the nodes that it needs."""

    def __init__(self, state: RunState, glyphs: Glyphs | None = None, nodes: type[NodeTree] = NodeTree) -> None:
        self.selection = Selection()
        self.nodes = nodes(glyphs or Glyphs(), self.selection, id="tree")
        self.state = state
        self.highlight: Highlight | None = None
        super().__init__(self.nodes)

    def on_mount(self) -> None:
        super().on_mount()
        self.call_after_refresh(self.load)

    def receive(self, message: Message) -> None:
        super().receive(message)
        if isinstance(message, NodeTree.Needed):
            self.supply()

    def load(self) -> None:
        """Show the run from its beginning, as the screen does."""
        self.selection.load([self.number(node.outer) for node in self.state.nodes.values()])
        self.place([], [], len(self.state.nodes))
        self.supply()

    def place(self, parents: Sequence[int], moves: Sequence[tuple[int, int]], horizon: int) -> None:
        """Change the shape of the tree, as the screen does."""
        self.selection.place(parents, moves, horizon)
        self.nodes.settle()

    def select(self, node_id: str) -> None:
        """Select a node, as the screen does with the result of a search."""
        self.selection.select(self.number(node_id))
        self.nodes.show_selected()

    def proceed_to(self, state: RunState) -> None:
        """Show a later state of the run."""
        old, self.state = self.state, state
        known = len(old.nodes)
        parents = [self.number(node.outer) for node in list(state.nodes.values())[known:]]
        moves = [
            (self.number(node_id), self.number(state.nodes[node_id].outer))
            for node_id, node in old.nodes.items()
            if state.nodes[node_id].outer != node.outer
        ]
        self.place(parents, moves, len(state.nodes))
        self.supply()

    def supply(self) -> None:
        """Give the tree the nodes that it wants."""
        known = list(self.state.nodes.values())
        self.nodes.shown = TreeNodes({number: known[number] for number in self.nodes.wanted()}, Clock().now, self.highlight)

    def number(self, node_id: str | None) -> int:
        """The number of a node in the order of creation; -1 for none."""
        return -1 if node_id is None else list(self.state.nodes).index(node_id)

    @property
    def selected(self) -> str | None:
        """The id of the selected node."""
        return None if self.nodes.selected is None else list(self.state.nodes)[self.nodes.selected]

    @property
    def order(self) -> list[str]:
        """The ids of the nodes in the rows of the tree, from the top."""
        known = sorted(self.state.nodes, key=len, reverse=True)
        found = []
        for line in rows_of(self.nodes):
            goal = "book" if "a book" in line else next((node_id for node_id in known if f"n-{node_id} " in line), None)
            found += [goal] if goal else []
        return found


ALL = ["book", "one", "a", "deep", "b", "two", "three"]


class TestLooking:
    """Each node is a row beneath its parent."""

    async def test_nodes_are_drawn_beneath_their_parents(self) -> None:
        app = TreeApp(book().state)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: app.order == ALL)

    async def test_an_active_node_shows_its_activity(self) -> None:
        app = TreeApp(book().state)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: "planning" in line_with(app, "n-three"))

    async def test_a_node_with_errors_shows_their_number(self) -> None:
        app = TreeApp(book().state)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: "×1" in line_with(app, "n-two"))

    async def test_a_node_that_was_not_announced_is_marked(self) -> None:
        app = TreeApp(Recorder().root("book").step_started("ghost", "").state)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: "(not announced yet) ghost" in shown(app))

    async def test_roots_are_listed_one_after_the_other(self) -> None:
        app = TreeApp(Recorder().root("first", "Write a book").root("second", "Read a paper").state)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: "Read a paper" in lines(app)[1])

    async def test_a_run_without_nodes_shows_a_hint(self) -> None:
        app = TreeApp(Recorder().run_started().state)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: "This run has no task." in shown(app))

    @pytest.mark.parametrize("glyphs", [Glyphs(), Glyphs(ascii_only=True)], ids=["unicode", "ascii"])
    @pytest.mark.parametrize("width", [1, 5, 12, 30, 57, 58, 80, 200])
    async def test_every_line_is_as_wide_as_the_pane(self, width: int, glyphs: Glyphs) -> None:
        app = TreeApp(book().state, glyphs)
        async with watching(app, width, 20) as pilot:
            await pilot.press("minus", "j")
            assert {cell_len(line) for line in lines(app)} == {width}

    async def test_a_chain_of_a_thousand_nodes_is_readable(self) -> None:
        made = Recorder().root("n0", "Write a book")
        for number in range(1, 1_000):
            made.node(f"n{number - 1}", f"n{number}", f"Level {number}.")
        app = TreeApp(made.state)
        async with watching(app, 80, 20) as pilot:
            await pilot.press("G")
            await until(pilot, lambda: "Level 999." in shown(app))


class TestMoving:
    """Keys move the selection in the tree."""

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
    async def test_keys_from_the_root_select_the_expected_node(self, keys: list[str], node_id: str) -> None:
        app = TreeApp(book().state)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: app.order == ALL)
            await pilot.press(*keys)
            assert app.selected == node_id

    async def test_selecting_a_hidden_node_expands_its_ancestors(self) -> None:
        app = TreeApp(book().state)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: app.order == ALL)
            await pilot.press("minus")
            await until(pilot, lambda: app.order == ["book"])
            app.select("deep")
            await until(pilot, lambda: app.selected == "deep" and "deep" in app.order)

    async def test_each_move_of_the_user_is_reported(self) -> None:
        app = TreeApp(book().state)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: app.order == ALL)
            await pilot.press("j", "J", "h")
            await until(pilot, lambda: len(app.received(Rows.Moved)) == 3)

    async def test_moves_by_the_screen_are_not_reported(self) -> None:
        app = TreeApp(book().state)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: app.order == ALL)
            app.select("deep")
            await until(pilot, lambda: app.nodes.cursor == 3)
            assert app.received(Rows.Moved) == []

    @pytest.mark.parametrize(
        ("node_id", "step", "others"),
        [
            ("book", 1, ["one", "a", "deep", "b", "two", "three", "book"]),
            ("book", -1, ["three", "two", "b", "deep", "a", "one", "book"]),
            ("deep", 1, ["b", "two", "three", "book", "one", "a", "deep"]),
            ("deep", -1, ["a", "one", "book", "three", "two", "b", "deep"]),
        ],
    )
    async def test_following_nodes_come_in_the_order_of_the_tree(self, node_id: str, step: int, others: list[str]) -> None:
        """Hidden nodes are included."""
        app = TreeApp(book().state)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: app.order == ALL)
            app.select(node_id)
            app.nodes.action_collapse_all()
            app.select(node_id)
            assert [list(app.state.nodes)[number] for number in app.selection.following(step)] == others

    @pytest.mark.parametrize("key", ["l", "h", "space", "minus", "equals_sign", "O", "p", "P", "J", "K", "C", "u"])
    async def test_keys_have_no_effect_without_nodes(self, key: str) -> None:
        app = TreeApp(Recorder().run_started().state)
        async with watching(app, 80, 20) as pilot:
            await pilot.press(key, "j", key)
            assert app.nodes.selected is None


class TestCollapsing:
    """Parts of the tree can be hidden."""

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
    async def test_keys_leave_the_expected_rows(self, keys: list[str], order: list[str]) -> None:
        app = TreeApp(book().state)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: app.order == ALL)
            await pilot.press(*keys)
            await until(pilot, lambda: app.order == order)

    async def test_a_collapsed_node_shows_the_number_of_hidden_nodes(self) -> None:
        app = TreeApp(book().state)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: app.order == ALL)
            await pilot.press("j", "h")
            await until(pilot, lambda: "+3" in line_with(app, "n-one"))

    async def test_the_node_that_hides_the_selected_node_is_selected(self) -> None:
        app = TreeApp(book().state)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: app.order == ALL)
            await pilot.press("l", "l", "l", "minus")
            assert app.selected == "book"

    async def test_the_parent_of_the_focus_cannot_be_reached(self) -> None:
        app = TreeApp(book().state)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: app.order == ALL)
            await pilot.press("j", "C", "p", "h", "h", "P")
            assert (app.selected, app.nodes.narrowed) == ("one", ", narrowed to n-one (u widens)")

    async def test_following_nodes_stay_within_the_focus(self) -> None:
        app = TreeApp(book().state)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: app.order == ALL)
            await pilot.press("j", "C")
            found = [list(app.state.nodes)[number] for number in app.selection.following(1)]
            assert found == ["a", "deep", "b", "one"]

    async def test_selecting_a_node_outside_the_focus_widens_the_view(self) -> None:
        app = TreeApp(book().state)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: app.order == ALL)
            await pilot.press("j", "C")
            app.select("two")
            await until(pilot, lambda: app.order == ALL and app.selected == "two")
            assert app.nodes.narrowed == ""


class TestGrowing:
    """Nodes that appear or change do not move what the reader looks at."""

    async def test_new_nodes_appear(self) -> None:
        made = book()
        app = TreeApp(made.state)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: app.order == ALL)
            app.proceed_to(made.node("two", "new", "Write new", nid="n-new").state)
            await until(pilot, lambda: app.order == ["book", "one", "a", "deep", "b", "two", "new", "three"])

    async def test_the_selection_stays_on_its_node(self) -> None:
        made = book()
        app = TreeApp(made.state)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: app.order == ALL)
            await pilot.press("G")
            app.proceed_to(made.node("one", "new").state)
            assert app.selected == "three"

    async def test_visible_rows_stay_on_their_lines(self) -> None:
        made = Recorder().root("book", "Write a book")
        for number in range(60):
            made.node("book", f"c{number}", f"Chapter {number}.", nid=f"n-c{number}")
        app = TreeApp(made.state)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: "Chapter 3." in shown(app))
            await pilot.press("pagedown", "pagedown", "k", "k", "k")
            await until(pilot, lambda: "Chapter 34." in shown(app))
            before = rows_of(app.nodes)
            for number in range(30):
                made.node("c1", f"new{number}", "Before", layer=2)
            app.proceed_to(made.state)
            await until(pilot, lambda: app.nodes.cursor > 60)
            await until(pilot, lambda: rows_of(app.nodes) == before)

    async def test_scrolling_away_from_the_cursor_is_kept(self) -> None:
        made = Recorder().root("book", "Write a book")
        for number in range(60):
            made.node("book", f"c{number}", f"Chapter {number}.", nid=f"n-c{number}")
        app = TreeApp(made.state)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: "Chapter 3." in shown(app))
            app.nodes.scroll_to(y=30, animate=False)
            await until(pilot, lambda: "Chapter 40." in shown(app))
            before = rows_of(app.nodes)
            app.proceed_to(made.status("c59", "READY").state)
            app.proceed_to(made.node("c59", "last", layer=2).state)
            await pilot.pause()
            await pilot.pause()
            assert rows_of(app.nodes) == before

    async def test_a_mentioned_node_moves_to_its_parent_when_it_is_announced(self) -> None:
        made = Recorder().root("book", "Write a book").step_started("ghost", "Write ghost")
        app = TreeApp(made.state)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: "Write ghost" in shown(app))
            app.proceed_to(made.node("book", "ghost", "Write ghost", nid="n-ghost").state)
            await until(pilot, lambda: "└─" in line_with(app, "Write ghost"))

    async def test_a_reloaded_tree_starts_at_its_top(self) -> None:
        """After a reload, numbers mean other nodes: the screen decides which one is selected."""
        made = book()
        app = TreeApp(made.state)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: app.order == ALL)
            await pilot.press("G", "minus")
            app.load()
            await until(pilot, lambda: (app.selected, app.order) == ("book", ALL))


class TestThePast:
    """Nodes beyond the horizon are not shown."""

    def seek(self, app: TreeApp, made: Recorder, events: int) -> None:
        """Show the run after so many events."""
        then = fold(empty("run"), made.events[:events])
        app.place([], [], len(then.nodes))
        known = list(then.nodes.values())
        app.nodes.shown = TreeNodes({number: known[number] for number in app.nodes.wanted()}, Clock().now)

    async def test_the_past_has_the_nodes_that_existed(self) -> None:
        made = book()
        app = TreeApp(made.state)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: app.order == ALL)
            self.seek(app, made, 3)
            await until(pilot, lambda: app.order == ["book", "one", "two"])
            self.seek(app, made, 6)
            await until(pilot, lambda: app.order == ["book", "one", "a", "b", "two", "three"])

    async def test_the_cursor_moves_to_the_nearest_existing_ancestor(self) -> None:
        made = book()
        app = TreeApp(made.state)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: app.order == ALL)
            await pilot.press("l", "l", "l")
            assert app.selected == "deep"
            self.seek(app, made, 6)
            await until(pilot, lambda: app.selected == "a")
            self.seek(app, made, 3)
            await until(pilot, lambda: app.selected == "one")

    async def test_nodes_beneath_a_node_include_those_beyond_the_horizon(self) -> None:
        """So the events of a subtree need not be listed again as time proceeds."""
        made = book()
        app = TreeApp(made.state)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: app.order == ALL)
            self.seek(app, made, 3)
            await until(pilot, lambda: app.order == ["book", "one", "two"])
            found = app.selection.beneath(app.number("one"))
            assert [list(made.state.nodes)[number] for number in found] == ["one", "a", "b", "deep"]

    async def test_before_the_first_node_the_tree_is_empty(self) -> None:
        made = book()
        app = TreeApp(made.state)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: app.order == ALL)
            self.seek(app, made, 0)
            await until(pilot, lambda: "This run has no task." in shown(app))
            await pilot.press("j", "l", "p", "C", "minus", "equals_sign", "u")
            assert app.nodes.selected is None
            app.load()
            await until(pilot, lambda: (app.order, app.selected) == (ALL, "book"))

    async def test_the_node_of_the_event_at_the_position_is_highlighted(self) -> None:
        app = TreeApp(book().state)
        facts = ev.NodeStatusChanged(node_id="two", new_status="READY")
        event = Event("e", facts.type, 0.0, "run", facts)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: app.order == ALL)
            app.highlight = Highlight(app.number("two"), Stored(1, 1, event, False, "NOT_READY", "READY"))
            app.supply()
            await until(pilot, lambda: "→ READY" in line_with(app, "n-two"))
            app.highlight = Highlight(app.number("three"), Stored(1, 1, event, False, None, None))
            app.supply()
            await until(pilot, lambda: "→" not in shown(app) and "status" in line_with(app, "n-three"))


class TestReparenting:
    """A node can get another parent."""

    async def test_a_node_moves_with_everything_beneath_it(self) -> None:
        made = Recorder().root("book", "Write a book").node("book", "one", "Write one", nid="n-one")
        made.node("late", "deep", "Write deep", nid="n-deep")
        app = TreeApp(made.state)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: "n-deep" in shown(app))
            assert app.order == ["book", "one", "deep"]
            app.proceed_to(made.node("one", "late", "Write late", nid="n-late").state)
            await until(pilot, lambda: app.order == ["book", "one", "late", "deep"])

    async def test_the_cursor_stays_on_a_node_that_moves(self) -> None:
        made = Recorder().root("book", "Write a book").node("late", "deep", "Write deep", nid="n-deep")
        made.node("book", "one", "Write one", nid="n-one")
        app = TreeApp(made.state)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: "n-deep" in shown(app))
            await pilot.press("G")
            assert app.selected == "deep"
            app.proceed_to(made.node("book", "late", "Write late", nid="n-late").state)
            await until(pilot, lambda: app.order == ["book", "late", "deep", "one"])
            assert (app.selected, app.nodes.cursor) == ("deep", 2)


class Counting(NodeTree):
    """Records the rows that are drawn."""

    def __init__(self, glyphs: Glyphs, tree: Selection, *, id: str | None = None) -> None:
        super().__init__(glyphs, tree, id=id)
        self.rows: list[int] = []

    def row(self, index: int, width: int):  # type: ignore[no-untyped-def]
        self.rows.append(index)
        return super().row(index, width)


class TestTenThousandNodes:
    """Nodes outside the screen cost nothing."""

    def wide(self) -> RunState:
        nodes = {"root": Node("root", 1, goal="Write")} | {
            f"n{number}": Node(f"n{number}", number + 2, outer="root", goal=f"Part {number}.") for number in range(10_000)
        }
        return RunState(Recorder().state.run, nodes, {})

    async def test_only_visible_rows_are_drawn(self) -> None:
        app = TreeApp(self.wide(), nodes=Counting)
        tree = app.nodes
        assert isinstance(tree, Counting)
        async with watching(app, 80, 24) as pilot:
            await until(pilot, lambda: tree.count == 10_001)
            await pilot.press("pagedown", "G", "k")
            await until(pilot, lambda: 10_000 in tree.rows)
            for _ in range(100):
                app.supply()
            assert len(set(tree.rows)) <= 4 * 24

    async def test_only_nodes_near_the_screen_are_wanted(self) -> None:
        app = TreeApp(self.wide())
        async with watching(app, 80, 24) as pilot:
            await until(pilot, lambda: "Part 7." in shown(app))
            assert len(app.nodes.wanted()) <= 3 * 24
            await pilot.press("G")
            await until(pilot, lambda: "Part 9999." in shown(app) and "…" not in shown(app))
            assert len(app.nodes.wanted()) <= 3 * 24
            assert {9_990, 10_000} <= set(app.nodes.wanted())

    async def test_the_selected_node_is_always_wanted(self) -> None:
        app = TreeApp(self.wide())
        async with watching(app, 80, 24) as pilot:
            await until(pilot, lambda: "Part 7." in shown(app))
            app.nodes.scroll_to(y=5_000, animate=False)
            await until(pilot, lambda: "Part 5005." in shown(app))
            assert 0 in app.nodes.wanted()

    async def test_missing_nodes_are_requested_once(self) -> None:
        app = TreeApp(self.wide())
        async with watching(app, 80, 24) as pilot:
            await until(pilot, lambda: "Part 7." in shown(app))
            app.receive = super(TreeApp, app).receive  # type: ignore[method-assign]  # records, and supplies nothing
            before = len(app.received(NodeTree.Needed))
            app.nodes.scroll_to(y=5_000, animate=False)
            await until(pilot, lambda: len(app.received(NodeTree.Needed)) == before + 1)
            await until(pilot, lambda: rows_of(app.nodes)[3].strip().endswith("…"))
            app.nodes.scroll_to(y=6_000, animate=False)
            await pilot.settle()
            assert len(app.received(NodeTree.Needed)) == before + 1
