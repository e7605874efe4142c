"""A screen with a tree that can be searched: the keys of that, and what they do."""

from functools import partial
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.widgets import Input

from tui.screens.search import Search
from tui.screens.travel_screen import TravelScreen
from tui.text import clean
from tui.widgets.node_tree import NodeTree

SEARCHED = "words of a node's goal, name or id; Enter, n: next, N: previous, Esc: end"
"""What can be typed to search the tree, and how it goes on."""

LONGEST = 200
"""Letters of a search."""


class SearchScreen(TravelScreen):
    """Shows a tree, and has an `Input` called `search`. What is typed there is searched for until that is closed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "search", "Search", id="run.search", tooltip="Search the tree by goals, names and ids"),
        Binding("n", "hit(1)", "Next hit", id="run.hit", show=False, tooltip="To the next node that the search found"),
        Binding("N", "hit(-1)", "Hit before", id="run.hit-before", show=False, tooltip="To the one before"),
    ]
    _tree: NodeTree
    _search: Search

    def on_mount(self) -> None:
        self._box = self.query_one("#search", Input)

    # For subclasses

    def searched(self) -> None:
        """Something else was found, or searched for: say so."""
        raise NotImplementedError

    # Searching

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """While something is typed, `/` is a letter."""
        if action == "search" and isinstance(self.focused, Input):
            return False
        return super().check_action(action, parameters)

    def action_search(self) -> None:
        self.ask("search")

    @on(Input.Changed, "#search")
    def _search_typed(self, event: Input.Changed) -> None:
        self.find(partial(self._look_for, event.value))

    async def _look_for(self, text: str) -> None:
        if text == self._box.value and self._view is not None:  # nothing more was typed meanwhile
            await self._search.look(text)
            self.searched()

    @on(Input.Submitted, "#search")
    def _search_done(self, event: Input.Submitted) -> None:
        event.input.set_class(bool(event.value.strip()), "-open")
        self.answered("search")
        if event.value.strip():
            self.action_hit(1)

    def action_hit(self, step: int) -> None:
        """To the next node that is searched for; to where one says which, where none is."""
        if self._box.value.strip():
            self.find(partial(self._next_hit, step))
        else:
            self.ask("search")

    async def _next_hit(self, step: int) -> None:
        text = self._box.value
        await self._search.look(text)
        found = self._search.next(step)
        self.select(found)
        self.searched()
        if found is None and text.strip():
            if self._tree.root is not None:
                where = " in this part of the tree"
            else:
                where = " at this moment" if self._travel.active else ""
            self.notify(f"No node{where} is called {clean(text, 80)!r}.", markup=False)

    def select(self, node: int | None) -> None:
        """Go to a node, if there is one to go to."""
        if node is not None:
            self._tree.select(node)
