"""Every screen: help, commands, themes, plain terminals, and terminals of any size."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.cells import cell_len
from textual.binding import Binding
from textual.command import CommandPalette
from textual.dom import DOMNode
from textual.widgets import Input

from store.database.writer import Writer
from tests.recorder import entry_of
from tests.rest import rest
from tests.tables import store
from tests.tui.run_stage import opened
from tests.tui.stage import LIVE, STREAM, Clock, Feed, Hands, lines, sees, shown, strips, treetop, until, watching
from tui.app import Treetop
from tui.cli import program as cli
from tui.key_name import key_names
from tui.palette import LIGHT
from tui.screens.confirm import Confirm
from tui.screens.help import Help, bindings_of
from tui.screens.problems import ProblemsScreen
from tui.screens.run import RunScreen
from tui.screens.run_keys import TRAVEL_ACTIONS
from tui.screens.runs import RunsScreen
from tui.widgets.key_line import KeyLine
from tui.widgets.node_tree import NodeTree
from tui.widgets.rows import Rows
from tui.widgets.run_list import RunList
from tui.widgets.text_pane import TextPane
from tui.widgets.timeline import Timeline

PLACES: list[type[DOMNode]] = [
    Treetop,
    RunsScreen,
    RunScreen,
    ProblemsScreen,
    Confirm,
    Help,
    Rows,
    NodeTree,
    TextPane,
]


def bindings(place: type[DOMNode]) -> Iterator[Binding]:
    for binding in place.__dict__.get("BINDINGS", ()):
        assert isinstance(binding, Binding)
        yield binding


def fills(app: Treetop, wanted: list[int]) -> bool:
    """Whether every line on the screen has exactly this width."""
    return [cell_len(line) for line in lines(app)] == wanted


class TestKeys:
    """Keys are documented and unambiguous."""

    @pytest.mark.parametrize("place", PLACES)
    def test_every_binding_has_an_id_and_a_tooltip(self, place: type[DOMNode]) -> None:
        assert [binding for binding in bindings(place) if not binding.id or not binding.tooltip] == []

    @pytest.mark.parametrize("place", PLACES)
    def test_no_binding_uses_a_key_of_terminals_or_tmux(self, place: type[DOMNode]) -> None:
        keys = {key for binding in bindings(place) for key in binding.key.split(",")}
        assert not keys & {"ctrl+b", "ctrl+a", "ctrl+s", "ctrl+j", "ctrl+m", "ctrl+i", "ctrl+h", "ctrl+enter"}

    def test_no_id_is_used_twice(self) -> None:
        ids = [binding.id for place in PLACES for binding in bindings(place)]
        assert len(set(ids)) == len(ids)

    @pytest.mark.parametrize(
        ("keys", "names"),
        [("question_mark,f1", "? F1"), ("j,down", "j ↓"), ("ctrl+d", "Ctrl+D"), ("equals_sign", "="), ("G", "G")],
    )
    def test_keys_are_named_by_their_labels(self, keys: str, names: str) -> None:
        assert key_names(keys) == names

    async def test_ctrl_c_pressed_once_and_again_much_later_does_not_quit(
        self, path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("tui.ending.INTERRUPT_WITHIN_S", 0.0)
        app = treetop(path, clock)
        async with watching(app) as pilot:
            await sees(pilot, "3 runs")
            await pilot.press("ctrl+c", "ctrl+c")
            assert app.return_code is None
            await pilot.press("j")
            await until(pilot, lambda: app.screen.query_one(RunList).cursor == 1)

    async def test_q_leaves_the_filter_before_it_leaves_treetop(self, path: Path, clock: Clock) -> None:
        app = treetop(path, clock)
        async with watching(app) as pilot:
            await sees(pilot, "3 runs")
            await pilot.press("backslash", *"mystery", "enter")
            await until(pilot, lambda: app.screen.query_one(RunList).count == 1)
            await pilot.press("q")
            await until(pilot, lambda: app.screen.query_one(RunList).count == 3)
            await pilot.press("q")
            assert app.return_code == 0

    async def test_the_key_line_has_help_and_quit_at_any_width(self, path: Path, clock: Clock) -> None:
        app = treetop(path, clock)
        async with watching(app, 80, 24) as pilot:
            await sees(pilot, "3 runs")
            assert all(text in lines(app)[-1] for text in ("? Help", "q Quit"))
            await pilot.press("enter")
            await until(pilot, lambda: app.screen.query(NodeTree))
            await until(pilot, lambda: all(text in lines(app)[-1] for text in ("? Help", "q Back")))


class TestHelp:
    """`?` lists the keys of the focused pane, of the screen and of the application."""

    @pytest.mark.parametrize(("key", "pane"), [("2", NodeTree), ("3", Timeline), ("4", TextPane)])
    async def test_help_lists_every_key_of_the_focused_pane(
        self, path: Path, clock: Clock, key: str, pane: type[DOMNode]
    ) -> None:
        app = treetop(path, clock)
        async with watching(app, 140, 120) as pilot:
            await sees(pilot, "3 runs")
            await pilot.press("enter", key)
            await until(pilot, lambda: isinstance(app.screen.focused, pane))
            await pilot.press("question_mark")
            wanted = [binding.tooltip[:30] for place in (pane, RunScreen, Treetop) for binding in bindings(place)]
            await sees(pilot, "In this pane", "On this screen", "Everywhere", *wanted)

    async def test_help_in_time_travel_lists_its_keys_first_and_omits_overridden_keys(
        self, book: Path, clock: Clock
    ) -> None:
        app = treetop(book, clock)
        async with watching(app, 140, 120) as pilot:
            await opened(pilot, "question_mark")
            await sees(pilot, "Space        Expand or collapse", "Home g       To the first row")
            assert shown(app).index("On this screen") < shown(app).index("In time travel, which t and T begin")
            await pilot.press("escape", "t")
            await sees(pilot, "PAST")
            await pilot.press("question_mark")
            await sees(
                pilot,
                "Space        Play the run",
                "Home         To the first event",
                "g            To the first row",
            )
            assert "Expand or collapse" not in shown(app)
            assert shown(app).index("In time travel") < shown(app).index("In this pane")

    async def test_a_long_help_scrolls(self, path: Path, clock: Clock) -> None:
        async with watching(treetop(path, clock), 80, 24) as pilot:
            await sees(pilot, "3 runs")
            await pilot.press("question_mark")
            await sees(pilot, "Start here", "Esc or ? closes this help")
            await pilot.press("G")
            await sees(pilot, "a long pause, which is skipped")

    @pytest.mark.parametrize("key", ["escape", "q", "question_mark", "f1"])
    async def test_keys_close_the_help(self, path: Path, clock: Clock, key: str) -> None:
        app = treetop(path, clock)
        async with watching(app) as pilot:
            await sees(pilot, "3 runs")
            await pilot.press("f1", key)
            await until(pilot, lambda: isinstance(app.screen, RunsScreen))


class TestCommands:
    """The palette finds actions by name."""

    async def test_the_palette_lists_the_actions_of_keys(self, path: Path, clock: Clock) -> None:
        app = treetop(path, clock)
        async with watching(app, 120, 40) as pilot:
            await sees(pilot, "3 runs")
            await pilot.press("enter")
            await until(pilot, lambda: isinstance(app.screen.focused, NodeTree))
            names = {command.title for command in app.get_system_commands(app.screen)}
            here = [binding for place in (app.screen.focused, app.screen, app) for binding in bindings_of(place)]  # type: ignore[arg-type]
            names_by_action = {one.action.partition("(")[0]: f"{one.description}  ({key_names(one.key)})" for one in here}
            assert {name for action, name in names_by_action.items() if action not in TRAVEL_ACTIONS} <= names
            assert not names & {"Now  (L)", "Play  (Space)", "Faster  (>)"}

    @pytest.mark.parametrize("key", ["colon", "ctrl+p"])
    async def test_keys_open_the_palette(self, path: Path, clock: Clock, key: str) -> None:
        app = treetop(path, clock)
        async with watching(app) as pilot:
            await sees(pilot, "3 runs")
            await pilot.press(key)
            await until(pilot, lambda: isinstance(app.screen, CommandPalette))

    async def test_the_palette_runs_the_chosen_command(self, path: Path, clock: Clock) -> None:
        app = treetop(path, clock)
        async with watching(app) as pilot:
            await sees(pilot, "3 runs")
            await pilot.press("colon", *"Show only runs")
            await sees(pilot, "Filter")
            await pilot.press("escape", "escape")
            await until(pilot, lambda: isinstance(app.screen, RunsScreen))
            for command in app.get_system_commands(app.screen):
                if command.title.startswith("Sort"):
                    command.callback()
            await sees(pilot, "TIME▼")


async def test_no_color_removes_all_colours(path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = treetop(path, clock)
    async with watching(app) as pilot:
        await sees(pilot, "3 runs")
        styles = [segment.style for strip in app.screen._compositor.render_strips() for segment in strip]
    colours = {colour for style in styles if style is not None for colour in (style.color, style.bgcolor)} - {None}
    assert len(colours) > 5
    assert all(len(set(colour.get_truecolor())) == 1 for colour in colours if colour is not None)


class TestThemes:
    """The dark theme, the light theme, and those of Textual."""

    @pytest.mark.parametrize("light", [False, True])
    async def test_the_theme_at_the_start_is_the_configured_one(self, path: Path, clock: Clock, light: bool) -> None:
        app = treetop(path, clock, light=light)
        async with watching(app):
            assert app.current_theme.dark != light

    @pytest.mark.parametrize("theme", ["treetop-light", "textual-dark", "nord", "ansi-dark"])
    async def test_the_theme_changes_on_every_screen(self, path: Path, clock: Clock, theme: str) -> None:
        app = treetop(path, clock)
        async with watching(app, 120, 40) as pilot:
            await sees(pilot, "3 runs")
            before = [list(strip) for strip in strips(app)]
            app.theme = theme
            await pilot.settle()
            await until(pilot, lambda: [list(strip) for strip in strips(app)] != before)
            await pilot.press("enter")
            await sees(pilot, "2 Tree")

    async def test_a_changed_theme_leaves_no_colour_of_the_theme_before(self, path: Path, clock: Clock) -> None:
        pictures = []
        for light in (True, False):
            app = treetop(path, clock, light=light)
            async with watching(app, 120, 40) as pilot:
                await sees(pilot, "3 runs")
                await rest(pilot)
                app.theme = LIGHT.name
                await rest(pilot)
                pictures.append([list(strip) for strip in strips(app)])
        assert pictures[0] == pictures[1]


class TestAscii:
    """`--ascii` limits every screen to ASCII."""

    @pytest.mark.parametrize("size", [(80, 24), (150, 45)])
    async def test_every_screen_is_ascii_only(self, path: Path, clock: Clock, size: tuple[int, int]) -> None:
        feed = Feed(path, LIVE, clock, 100)
        app = treetop(path, clock, ascii_only=True)
        async with watching(app, *size) as pilot:
            await sees(pilot, "4 runs")
            for keys in ([], ["d"], ["n", "F"], ["3"], ["4"], ["v"], ["question_mark"], ["q", "1", "exclamation_mark"]):
                await pilot.press(*keys)
                assert [character for character in shown(app) if not character.isascii()] == []
                assert {cell_len(line) for line in lines(app)} == {size[0]}
        feed.close()

    async def test_help_names_the_arrow_keys(self, path: Path, clock: Clock) -> None:
        """Their stand-ins are the labels of other keys: `v` shows an event as published, `<` plays slower."""
        app = treetop(path, clock, ascii_only=True)
        async with watching(app, 150, 45) as pilot:
            await sees(pilot, "3 runs")
            await pilot.press("question_mark")
            await sees(pilot, "Down j", "Up k")


SIZES = [(80, 24), (1, 1), (10, 3), (400, 120), (2, 60), (99, 24), (100, 24), (200, 1), (79, 23), (160, 45)]


class TestSizes:
    """Terminals of any size, and changes of size."""

    @pytest.mark.parametrize(
        "keys",
        [[], ["d"], ["slash"], ["enter"], ["enter", "3"], ["enter", "4", "v"], ["question_mark"], ["exclamation_mark"]],
    )
    async def test_many_changes_of_size_draw_whole_lines(self, path: Path, clock: Clock, keys: list[str]) -> None:
        app = treetop(path, clock)
        async with watching(app, 100, 30) as pilot:
            await sees(pilot, "3 runs")
            await pilot.press(*keys)
            for width, height in SIZES:
                await pilot.resize_terminal(width, height)
                wanted = [width] * height
                await until(pilot, partial(fills, app, wanted))

    async def test_changes_of_size_during_a_live_run_draw_whole_lines(self, path: Path, clock: Clock) -> None:
        feed = Feed(path, LIVE, clock, 100)
        app = treetop(path, clock)
        async with watching(app, 100, 30) as pilot:
            await sees(pilot, "1 live")
            await pilot.press("F")
            for width, height in SIZES * 3:
                feed.more(12)
                await pilot.resize_terminal(width, height)
            await sees(pilot, "2 Tree", "FOLLOWING")
        feed.close()

    @pytest.mark.parametrize("size", [(1, 1), (10, 3)])
    async def test_keys_work_on_a_tiny_terminal(self, path: Path, clock: Clock, size: tuple[int, int]) -> None:
        app = treetop(path, clock)
        async with watching(app, *size) as pilot:
            await until(pilot, lambda: app.screen.query_one(RunList).count)
            await pilot.press(
                "G", "enter", "j", "l", "h", "b", "3", "G", "pageup", "4", "v", "G", "2", "e", "C", "u", "question_mark"
            )
            await pilot.press("q", "q", "1", "d", "n", "slash", "a", "escape", "S", "exclamation_mark", "q")
            await until(pilot, lambda: isinstance(app.screen, RunsScreen))


class TestProblems:
    """`!` shows what was rejected or lost."""

    async def test_a_file_without_problems_shows_that_there_are_none(self, path: Path, clock: Clock) -> None:
        async with watching(treetop(path, clock)) as pilot:
            await sees(pilot, "3 runs")
            await pilot.press("exclamation_mark")
            await sees(pilot, "No entry was rejected, and no loss was detected.")

    async def test_rejected_entries_are_listed_with_details(self, path: Path, clock: Clock) -> None:
        with Writer(path) as writer:
            writer.append([entry_of(b'{"event_type": \x1b]', 7), entry_of(b"not json", 8)])
        app = treetop(path, clock)
        async with watching(app) as pilot:
            await sees(pilot, "3 runs")
            await pilot.press("exclamation_mark")
            await sees(pilot, "rejected", "not JSON", "An entry of the stream that is not an event")
            await pilot.press("q")
            await until(pilot, lambda: isinstance(app.screen, RunsScreen))

    async def test_the_details_are_those_of_the_entry_under_the_cursor(self, path: Path, clock: Clock) -> None:
        store(path, [entry_of(b"one thing", 8), entry_of(b"another thing", 9)], stream=STREAM)
        async with watching(treetop(path, clock), 140, 40) as pilot:
            await sees(pilot, "2 rejected")
            await pilot.press("exclamation_mark")
            await sees(pilot, "To remove all rejected entries")
            found = [data for data in ("one thing", "another thing") if data in shown(pilot.app)]
            await pilot.press("j")
            (other,) = {"one thing", "another thing"} - {*found}
            await sees(pilot, other)
            await pilot.press("k")
            await sees(pilot, *found)

    async def test_the_command_on_the_screen_removes_rejected_entries(self, path: Path, clock: Clock) -> None:
        store(path, [entry_of(b"not json", 8), entry_of(b"[]", 9)], stream=STREAM)
        app = treetop(path, clock)
        async with watching(app, 140, 40) as pilot:
            await sees(pilot, "2 rejected")
            await pilot.press("exclamation_mark")
            shown_command = f"treetop prune --rejected --yes --db {path}"
            await sees(pilot, "To remove all rejected entries", shown_command)
            command = [sys.executable, "-m", "tui.cli", *shown_command.split()[1:]]
            done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True)
            assert "pruned 2 rejected entries" in done.stdout
            await sees(pilot, "No entry was rejected, and no loss was detected.")
            await until(pilot, lambda: "2 rejected" not in shown(app))


class TestMouse:
    """F2 gives the mouse to the terminal, so that text can be selected and copied."""

    async def test_f2_switches_the_mouse_to_the_terminal_and_back(self, path: Path, clock: Clock) -> None:
        async with watching(treetop(path, clock)) as pilot:
            await sees(pilot, "3 runs")
            await pilot.press("f2")
            await sees(pilot, "The mouse selects and copies")
            await pilot.press("f2")
            await sees(pilot, "The mouse controls treetop")


class TestStarting:
    """Arguments of the command line."""

    def started(self, monkeypatch: pytest.MonkeyPatch, *arguments: str, **environment: str) -> Treetop:
        apps: list[Treetop] = []
        monkeypatch.setattr(Treetop, "run", lambda app: apps.append(app))
        monkeypatch.setattr("tui.cli.screen.require_terminal", lambda: None)
        done = CliRunner().invoke(cli.treetop, arguments, env=environment, catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return apps[0]

    def test_without_arguments_no_run_is_opened(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        assert self.started(monkeypatch, "--db", "treetop.db")._run is None

    def test_an_argument_opens_a_run(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        assert self.started(monkeypatch, "--db", "treetop.db", "latest")._run == "latest"

    @pytest.mark.parametrize(("said", "run"), [("true", "latest"), ("1", "latest"), ("false", None), ("", None)])
    def test_the_environment_opens_the_latest_run(
        self, path: Path, monkeypatch: pytest.MonkeyPatch, said: str, run: str | None
    ) -> None:
        app = self.started(monkeypatch, SQLITE_DB_PATH="treetop.db", RELOAD_LATEST_SESSION=said)
        assert app._run == run

    def test_the_environment_opens_no_run_without_a_file(self, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        assert self.started(monkeypatch, SQLITE_DB_PATH="treetop.db", RELOAD_LATEST_SESSION="true")._run is None

    def test_the_environment_opens_no_run_in_an_empty_file(self, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        Writer(Path("treetop.db")).close()
        assert self.started(monkeypatch, SQLITE_DB_PATH="treetop.db", RELOAD_LATEST_SESSION="true")._run is None

    def test_options_override_the_environment(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        options = ("--db", "treetop.db", "--redis", "redis://here", "--stream", "mine")
        app = self.started(monkeypatch, *options, SQLITE_DB_PATH="x.db", REDIS_URL="redis://x", EVENT_STREAM="x")
        assert (str(app.path), app.url, app.streams) == ("treetop.db", "redis://here", ("mine",))

    def test_options_before_a_command_apply_to_it(self, path: Path) -> None:
        done = CliRunner().invoke(cli.treetop, ["--db", "treetop.db", "runs"], env={"SQLITE_DB_PATH": "x.db"})
        assert "mystery story" in done.output

    def test_an_ambiguous_prefix_is_rejected_with_the_candidates(self, here: Path) -> None:
        from tests.recorder import Recorder

        with Writer(Path("treetop.db")) as writer:
            writer.append(Recorder("run-1").root("a").entries)
            writer.append(Recorder("run-2").root("b").entries)
        done = CliRunner().invoke(cli.treetop, ["show", "run-", "--db", "treetop.db"])
        assert "several runs begin with 'run-': run-1, run-2" in str(done.exception)


FIRST_PICTURE = """
import gc, sys
gc.disable()  # as `treetop` does
import asyncio
from pathlib import Path
from tui.app import Treetop

class Watched(Treetop):
    first = None
    def _display(self, screen, renderable):
        super()._display(screen, renderable)
        if self.first is None and renderable is not None and not self._batch_count:
            strips = self.screen._compositor.render_strips()
            self.first = "".join(strip.text for strip in strips), set(sys.modules)

async def main():
    app = Watched(Path("treetop.db"), "redis://nowhere", "events", ingest=False)
    async with app.run_test() as pilot:
        while app.first is None or not gc.isenabled():
            await pilot.pause(0.01)
    return app.first

picture, modules = asyncio.run(main())
"""


class TestQuickness:
    """The first picture shows the runs. Modules and widgets that it does not need are loaded later."""

    @staticmethod
    def said(code: str) -> set[str]:
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ)
        return set(done.stdout.split())

    @pytest.mark.parametrize(
        "code", ["import sys, tui.cli.program, tui.app; print(*sys.modules)", FIRST_PICTURE + "print(*modules)"]
    )
    def test_the_first_picture_imports_no_module_that_it_does_not_need(self, path: Path, code: str) -> None:
        unwanted = {
            "redis",
            "networkx",
            "store.database.writer",
            "store.stream.ingest",
            "tui.demo",
            "store.database.moment",
        }
        unwanted |= {"tui.screens.run", "tui.screens.confirm", "importlib.resources", "json"}
        loaded = self.said(code)
        assert "tui.screens.runs" in loaded
        assert not loaded & unwanted

    def test_the_first_picture_has_the_runs(self, path: Path) -> None:
        assert "mystery" in self.said(FIRST_PICTURE + "print(picture)")

    def test_the_screen_of_a_run_is_loaded_after_the_first_picture(self, path: Path) -> None:
        assert "tui.screens.run" in self.said(FIRST_PICTURE + "print(*sys.modules)")

    async def test_the_filter_prompt_is_created_at_its_first_use(self, path: Path, clock: Clock) -> None:
        app = treetop(path, clock)
        async with watching(app, 80, 24) as pilot:
            assert not app.screen.query(Input)
            await pilot.press("backslash")
            assert app.focused is app.screen.query_one(Input)


async def test_the_key_line_is_the_last_line(path: Path, clock: Clock) -> None:
    app = treetop(path, clock)
    async with watching(app, 80, 24) as pilot:
        assert isinstance(pilot, Hands)
        await sees(pilot, "3 runs")
        assert app.screen.query_one(KeyLine).region.y == 23
