"""The pane of the tree: the titles of its columns above its rows, in one border."""

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content

from tui.models.columns import pad
from tui.models.node_order import OWN_TIME, PLAN
from tui.theme import Glyphs
from tui.widgets.inked import draw_title
from tui.widgets.linked import LinkedLine, linked
from tui.widgets.node_tree import NodeTree

SORTS_BY_COLUMN = {"task": PLAN, "own": OWN_TIME, "total": "time", "tokens": "tokens", "cost": "cost"}
"""The order that a click on the title of a column selects."""


class TreeTitles(LinkedLine):
    """The titles of the columns. A click on a title sorts the children of every task by its column."""

    DEFAULT_CSS = """
    TreeTitles { height: 1; background: $surface; color: $foreground 62%; }
    """

    def __init__(self, tree: NodeTree, glyphs: Glyphs) -> None:
        super().__init__()
        self._tree = tree
        self._glyphs = glyphs

    def on_mount(self) -> None:
        self.watch(self._tree, "heads", self._changed)
        self.watch(self._tree, "sort", self._changed)

    def _changed(self) -> None:
        self.refresh()

    def line(self) -> Content:
        parts: list[str | Content] = [" "]
        for column, size in self._tree.heads:
            title, sort = column.title, SORTS_BY_COLUMN.get(column.name)
            if sort == self._tree.sort != PLAN:
                title = pad(f"{title[: size - 1]}{self._glyphs('down')}", size, column.right)
                parts += [linked(title, sort, "bold $foreground"), " "]
            else:
                title = pad(title, size, column.right, self._glyphs("more"))
                parts += [title if sort is None else linked(title, sort), " "]
        return Content.assemble(*parts)

    def follow(self, target: str) -> None:
        self._tree.sort_by(target)


class TreePane(Vertical):
    """Draws a tree with its titles. The border has the caption of the tree."""

    def __init__(self, tree: NodeTree, glyphs: Glyphs, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._tree = tree
        self._titles = TreeTitles(tree, glyphs)

    def compose(self) -> ComposeResult:
        yield self._titles
        yield self._tree

    def on_mount(self) -> None:
        self.watch(self._tree, "caption", self._captioned)

    def _captioned(self, caption: str) -> None:
        draw_title(self, caption)
