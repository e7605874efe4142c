"""Tree and DataTable of Textual with the nodes and events of a run, for comparison.

    python -m tests.bench.stock --db FILE --widget tree|table [--rows N]

Enter reads the newest run of the file and fills the widget. `-` and `=` collapse and expand the tree, `a` adds a node.
"""

import argparse
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import ClassVar

from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import DataTable, Static, Tree
from textual.widgets.tree import TreeNode

LATEST = "(SELECT run_id FROM runs ORDER BY start_time DESC LIMIT 1)"
NODES = f"SELECT node_id, outer_node_id, status || ' ' || task_goal FROM nodes WHERE run_id = {LATEST}"
EVENTS = f"SELECT timestamp, event_type, node_id FROM events WHERE run_id = {LATEST} ORDER BY id LIMIT ?"


class Stock(App[None]):
    """Shows one stock widget, empty until Enter is pressed."""

    CSS = "Tree, DataTable { height: 1fr; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "fill", priority=True),
        Binding("minus", "fold(False)"),
        Binding("equals_sign", "fold(True)"),
        Binding("a", "add"),
        Binding("G", "jump(True)"),
        Binding("g", "jump(False)"),
        Binding("j", "go(1)"),
        Binding("k", "go(-1)"),
    ]

    def __init__(self, path: Path, widget: str, rows: int) -> None:
        super().__init__()
        self._path = path
        self._rows = rows
        self._widget: Tree[str] | DataTable[str] = Tree("T000000 the root") if widget == "tree" else DataTable()
        self._added = 0

    def compose(self) -> ComposeResult:
        yield Static("ready")
        yield self._widget

    def on_mount(self) -> None:
        self._widget.focus()

    def _read(self, question: str, *values: object) -> Iterator[tuple[str, str, str]]:
        with closing(sqlite3.connect(self._path)) as connection:
            yield from connection.execute(question, values)

    def action_fill(self) -> None:
        widget = self._widget
        if isinstance(widget, DataTable):
            widget.cursor_type = "row"
            widget.add_columns("time", "type", "node")
            widget.add_rows(tuple(map(str, row)) for row in self._read(EVENTS, self._rows))
            return
        places: dict[str, TreeNode[str]] = {}
        for node_id, outer, label in self._read(NODES):
            if outer is None:
                places[node_id] = widget.root
                widget.root.expand()
            else:
                places[node_id] = places[outer].add(label, expand=True)

    def action_fold(self, out: bool) -> None:
        if isinstance(self._widget, Tree):
            if out:
                self._widget.root.expand_all()
            else:
                self._widget.root.collapse_all()

    def action_add(self) -> None:
        if isinstance(self._widget, Tree):
            self._added += 1
            self._widget.root.add(f"T{self._added:06d} one more", before=0)

    def action_jump(self, end: bool) -> None:
        if isinstance(self._widget, DataTable):
            self._widget.move_cursor(row=self._widget.row_count - 1 if end else 0)

    def action_go(self, step: int) -> None:
        if isinstance(self._widget, DataTable):
            self._widget.move_cursor(row=self._widget.cursor_row + step)


def main() -> None:
    """Show the widget."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--db", type=Path, required=True)
    parser.add_argument("--widget", choices=("tree", "table"), required=True)
    parser.add_argument("--rows", type=int, default=100_000, help="of the table")
    options = parser.parse_args()
    Stock(options.db, options.widget, options.rows).run(mouse=False)


if __name__ == "__main__":
    main()
