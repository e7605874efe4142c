"""README tells the truth: its SQL runs, its commands and options exist, its keys are bound, its pictures are there."""

import re
import sqlite3
from pathlib import Path

import click
import pytest
from textual.binding import Binding

from store.writer import Writer
from tests.recorder import Recorder
from tui.app import Treetop
from tui.cli import treetop
from tui.screens.run import RunScreen
from tui.screens.runs import RunsScreen
from tui.screens.search_screen import SearchScreen
from tui.widgets.node_tree import NodeTree
from tui.widgets.rows import Rows

README = Path(__file__).parents[1] / "README.md"
TEXT = README.read_text("utf-8")


def test_every_query_runs(tmp_path: Path) -> None:
    path = tmp_path / "treetop.db"
    with Writer(path) as writer:
        writer.append(Recorder().whole().entries)
    (block,) = re.findall(r"```sql\n(.*?)```", TEXT, re.DOTALL)
    queries = [query for query in block.split(";") if query.strip()]
    connection = sqlite3.connect(path)
    found = [connection.execute(query).fetchall() for query in queries]
    connection.close()
    assert len(queries) == 3
    assert found[0][0][0].strip() == "Write a book"
    assert found[0][1][0].startswith("  ")


def test_every_command_is_described_and_every_described_command_exists() -> None:
    described = set(re.findall(r"^\| `treetop ([a-z]+)", TEXT, re.MULTILINE))
    assert described == set(treetop.commands)


def test_every_option_in_a_table_exists() -> None:
    context = click.Context(treetop)
    for command, words in re.findall(r"^\| `treetop ([a-z]+) ?([^`]*)`", TEXT, re.MULTILINE):
        known = {
            name
            for option in treetop.commands[command].get_params(context)
            for name in (*option.opts, *option.secondary_opts)
        }
        assert set(re.findall(r"--[a-z-]+", words)) <= known, command


@pytest.mark.parametrize(
    "key",
    [
        "slash",
        "n",
        "N",
        "backslash",
        "F",
        "f",
        "b",
        "v",
        "e",
        "a",
        "1",
        "exclamation_mark",
        "m",
        "d",
        "S",
        "C",
        "u",
        "O",
        "p",
        "P",
        "J",
    ],
)
def test_every_key_of_the_tour_is_bound(key: str) -> None:
    bound = {
        name
        for owner in (Treetop, RunScreen, SearchScreen, RunsScreen, NodeTree, Rows)
        for binding in owner.BINDINGS
        if isinstance(binding, Binding)
        for name in binding.key.split(",")
    }
    assert key in bound


def test_every_picture_is_there() -> None:
    pictures = re.findall(r"\]\((screenshots/[^)]+)\)", TEXT)
    assert pictures
    assert [picture for picture in pictures if not (README.parent / picture).exists()] == []
