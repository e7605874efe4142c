"""The application: opens the file, sees to it that it is fed, pushes the screens."""

import asyncio
import errno
import gc
import signal
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

from textual import on, work
from textual.actions import parse
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.dom import DOMNode
from textual.filter import ANSIToTruecolor
from textual.screen import Screen
from textual.theme import Theme

from store.errors import FileError, FileMissing, FileOlder, FileReplaced, StoreError
from store.lease import holder
from store.reader import Reader
from store.url import public
from tui.ascii_filter import AsciiFilter
from tui.control_filter import ControlFilter
from tui.ingester_process import IngesterProcess
from tui.models import summary
from tui.screens.fed import FedScreen
from tui.screens.runs import RunsScreen
from tui.terminal_watch import GONE, watch_terminal
from tui.text import clean
from tui.theme import DARK, DEFAULT_VARIABLES, LIGHT, Glyphs
from tui.widgets.status_bar import StatusBar

SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
"""After which the terminal must be as it was before."""


class Treetop(App[None]):
    """Shows the runs of one file.

    `run` is the run to open at the start, by id, unique prefix, or `latest`. With `ingest` false nothing is stored: the
    file is shown as it is. `clock` gives the time now, in seconds since 1970.
    """

    TITLE = "treetop"
    ENABLE_COMMAND_PALETTE = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("question_mark,f1", "help", "Help", key_display="?", id="app.help", tooltip="Show the keys"),
        Binding("q", "leave", "Back", id="app.leave", tooltip="One level back; on the list of runs, quit"),
        Binding("escape", "leave_softly", "Back", id="app.back", show=False, tooltip="One level back"),
        Binding("F", "newest", "Newest live", id="app.newest", tooltip="To the newest live run, and follow it"),
        Binding("1", "runs", "Runs", id="app.runs", tooltip="To the list of runs"),
        Binding(
            "exclamation_mark", "problems", "Problems", id="app.problems", show=False, tooltip="What was rejected or lost"
        ),
        Binding(
            "colon,ctrl+p", "command_palette", "Commands", id="app.commands", show=False, tooltip="All commands, by name"
        ),
        Binding(
            "f2", "mouse", "Mouse", id="app.mouse", show=False, tooltip="Give the mouse to the terminal, or take it back"
        ),
        Binding("ctrl+l", "redraw", "Redraw", id="app.redraw", show=False, tooltip="Draw the whole screen again"),
        Binding(
            "ctrl+z", "suspend_process", "Suspend", id="app.suspend", show=False, tooltip="Back to the shell; fg returns"
        ),
    ]

    def __init__(
        self,
        path: Path,
        url: str,
        stream: str,
        run: str | None = None,
        ingest: bool = True,
        light: bool = False,
        ascii_only: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        # Before Textual begins: to change from another theme to ours would parse all styles twice.
        self.set_reactive(App.theme, LIGHT.name if light else DARK.name)
        super().__init__()
        self.path = path
        self.url = url
        self.stream = stream
        self.clock = clock
        self.glyphs = Glyphs(ascii_only)
        self._run = run
        self._ingester = IngesterProcess(path, url, stream, self._troubled) if ingest else None
        self._reader: Reader | None = None
        self._trouble = ""
        """Of the ingester."""
        self._unreadable = ""
        """What is wrong with the file."""
        # Of Textual's own, that of NO_COLOR stays; the one for colours that we do not use looks at every line.
        self._filters = [one for one in self._filters if not isinstance(one, ANSIToTruecolor)]
        self._filters += [ControlFilter(), *([AsciiFilter()] if ascii_only else [])]
        self._mouse = True
        self._excepthook = threading.excepthook

    @property
    def available_themes(self) -> dict[str, Theme]:
        return {**super().available_themes, DARK.name: DARK, LIGHT.name: LIGHT}

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return DEFAULT_VARIABLES

    async def on_load(self) -> None:
        """Open the file before the terminal is taken, so that the first picture has what is in it."""
        reader = Reader(self.path)
        with suppress(FileError):  # of what is wrong, `_watch_file` tells
            self._reader = await reader.__aenter__()

    def get_default_screen(self) -> RunsScreen:
        return self._list_of_runs()

    async def on_mount(self) -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(self._task_failed)
        threading.excepthook = partial(self._thread_failed, loop)
        for number in SIGNALS:
            loop.add_signal_handler(number, partial(self.exit, return_code=128 + number))
        if not self.is_headless:
            watch_terminal(partial(self._terminal_is_gone, loop))
        await self._open_asked()
        self.call_after_refresh(self._drawn)

    def _drawn(self) -> None:
        """There is something to look at: now for all that takes processors away from drawing it."""
        if self._ingester is not None:
            self._feed_file(self._ingester)
        self._watch_file()
        self._warm_up()

    def _terminal_is_gone(self, loop: asyncio.AbstractEventLoop) -> None:
        with suppress(RuntimeError):  # it has ended already
            loop.call_soon_threadsafe(partial(self.exit, return_code=GONE))

    # What nobody thought of ends the program with its traceback. Textual sees to workers, timers and handlers.

    def _task_failed(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if isinstance(error, Exception) and "transport" not in context:  # such as the pipe to an ingester that was killed
            self._fail(error)

    def _thread_failed(self, loop: asyncio.AbstractEventLoop, failure: threading.ExceptHookArgs) -> None:
        error = failure.exc_value
        if isinstance(error, OSError) and error.errno == errno.EIO:  # of the thread that draws
            self._terminal_is_gone(loop)
        elif isinstance(error, Exception):
            with suppress(RuntimeError):  # it has ended already
                loop.call_soon_threadsafe(self._fail, error)

    @work
    async def _fail(self, error: Exception) -> None:
        raise error

    def _list_of_runs(self) -> RunsScreen:
        screen = RunsScreen(self.glyphs, self.clock, self.path, self._no_run_yet, _delete, _mark)
        screen.news(self._reader)
        return screen

    @property
    def _no_run_yet(self) -> str:
        return (
            f"No run yet.\n\nAgents publish events to the Redis stream {self.stream!r} at {public(self.url)};\n"
            f"they are stored in {self.path}, and their runs appear here by themselves.\n\n"
            "See how it looks with:  treetop demo"
        )

    async def on_unmount(self) -> None:
        threading.excepthook = self._excepthook
        if self._ingester is not None:
            await self._ingester.stop()
        if self._reader is not None:
            await self._reader.__aexit__()

    # The file

    @work
    async def _feed_file(self, ingester: IngesterProcess) -> None:
        await ingester.keep_running()

    @work
    async def _watch_file(self) -> None:
        """Open the file as soon as it is there, then tell the screens whenever it changes."""
        while self._reader is None:
            try:
                self._reader = await Reader(self.path).__aenter__()
            except FileMissing:
                self._explain(self._no_run_yet)
                await asyncio.sleep(0.05)
            except FileOlder as error:
                self._explain(await asyncio.to_thread(self._wait_for_it, error))
                await self._show_status()
                await asyncio.sleep(0.25)
        reader = self._reader
        await self._open_asked()
        self.set_interval(1.0, self._show_status)
        await self._show_status()
        while True:
            try:
                async for _ in reader.watch():
                    self._unreadable = ""
                    self._tell_screens()
            except FileReplaced as error:
                self.notify(clean(str(error)), severity="warning", markup=False, timeout=10)
                await self._reopen(reader)
            except FileError as error:
                self._unreadable = str(error)
                await asyncio.sleep(1.0)

    def _wait_for_it(self, error: FileOlder) -> str:
        """Why nothing of the file is shown yet."""
        if self._ingester is None:
            return str(error).replace("; ", ";\n")
        other = None if self._ingester.running else holder(self.path)
        return (
            f"{self.path} was written by an older treetop, and is being brought up to date.\n\n"
            "Its runs appear here when that is done; 10,000 events take about a second."
            + (f"\n\n{other} stores events into it: if that is an older treetop, stop it." if other else "")
        )

    @work
    async def _warm_up(self) -> None:
        """Import what the next key will need."""
        await asyncio.to_thread(import_module, "tui.screens.run")
        if not gc.isenabled():  # `cli` disabled it
            gc.freeze()
            gc.enable()

    async def _reopen(self, reader: Reader) -> None:
        """Show the file that is at our path now, as soon as there is one. Nothing of the old one means anything in it."""
        while True:
            try:
                await reader.reopen()
                break
            except FileError as error:
                self._unreadable = str(error)
                await asyncio.sleep(0.25)
        self.action_runs()
        runs = self.screen_stack[0]
        assert isinstance(runs, RunsScreen)
        runs.forget()
        runs.news(reader)

    def _explain(self, hint: str) -> None:
        """Say on the list of runs why it is empty."""
        for screen in self.screen_stack:
            if isinstance(screen, RunsScreen):
                screen.explain(hint)

    def _tell_screens(self) -> None:
        for screen in self.screen_stack:
            if isinstance(screen, FedScreen):
                screen.news(self._reader)

    @on(FedScreen.Shown)
    async def _show_status(self) -> None:
        bars = self.screen.query(StatusBar) if self.screen_stack else ()  # no screen is left when we are leaving
        if not bars:
            return
        streams = []
        if self._reader is not None:
            with suppress(FileError):  # what is wrong with it is said by `_watch_file`
                streams = await self._reader.streams()
        feeding = await asyncio.to_thread(holder, self.path)
        for bar in bars:
            bar.stream = next((stream for stream in streams if stream.name == self.stream), None)
            bar.ingester, bar.file = feeding and feeding.name, str(self.path)
            bar.trouble = self._unreadable or (feeding.trouble if feeding else self._trouble)

    def _troubled(self, said: str) -> None:
        self._trouble = said

    # Runs

    async def _open_asked(self) -> None:
        """Open the run that was asked for at the start, as soon as there is a file that may have it."""
        if self._reader is not None and self._run is not None:
            name, self._run = self._run, None
            await self._open_named(self._reader, name)

    async def _open_named(self, reader: Reader, name: str) -> None:
        try:
            self.open_run(await reader.resolve(name), follow=name == "latest")
        except StoreError as error:
            self._say(error)

    def _say(self, error: StoreError) -> None:
        """Tell the user what is wrong."""
        self.notify(clean(str(error)), severity="error", markup=False, timeout=10)

    def open_run(self, run_id: str, follow: bool = False) -> None:
        """Show a run on top of the list, instead of the one that is shown."""
        while len(self.screen_stack) > 1:
            self.pop_screen()
        from tui.screens.run import RunScreen

        screen = RunScreen(self.glyphs, self.clock, run_id, follow)
        self.push_screen(screen)
        screen.news(self._reader)

    @on(RunsScreen.Opened)
    def _opened(self, message: RunsScreen.Opened) -> None:
        self.open_run(message.run_id)

    @work
    async def action_newest(self) -> None:
        if self._reader is None:
            return
        now = self.clock()
        try:
            rows = await self._reader.runs()
        except StoreError as error:
            self._say(error)
            return
        live = [row.run for row in rows if summary.run_ended(row.run, now) == "running"]
        if live:
            self.open_run(live[0].run_id, follow=True)
        else:
            self.notify("No run is live at the moment.", markup=False)

    def action_runs(self) -> None:
        while len(self.screen_stack) > 1:
            self.pop_screen()

    def action_problems(self) -> None:
        from tui.screens.problems import ProblemsScreen

        if not isinstance(self.screen, ProblemsScreen):
            screen = ProblemsScreen(self.glyphs, self.clock)
            self.push_screen(screen)
            screen.news(self._reader)

    # Leaving

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The list of runs has no way back, and no way to itself."""
        return not (action in ("runs", "leave_softly") and isinstance(self.screen, RunsScreen))

    def action_leave(self) -> None:
        if not self._go_back():
            self.exit()

    def action_leave_softly(self) -> None:
        self._go_back()

    def _go_back(self) -> bool:
        if isinstance(self.screen, FedScreen) and self.screen.back():
            return True
        if len(self.screen_stack) > 1:
            self.pop_screen()
            return True
        return False

    # Help and commands

    def action_help(self) -> None:
        from tui.screens.help import Help

        self.push_screen(Help(self.screen))

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        from tui.screens.help import bindings_of, key_names

        places: list[DOMNode] = [screen, self] if screen.focused is None else [screen.focused, screen, self]
        for place in places:
            for binding in bindings_of(place):
                _, action, parameters = parse(binding.action)
                if place.check_action(action, parameters) is False:
                    continue
                name = f"{binding.description}  ({key_names(binding.key)})"
                yield SystemCommand(name, binding.tooltip, self._runner(binding.action, place))
        yield SystemCommand("Theme", "Choose dark, light or another palette", self.action_change_theme)
        yield SystemCommand("Screenshot", "Save a picture of the screen as SVG", self.action_screenshot)

    def _runner(self, action: str, place: DOMNode) -> Callable[[], None]:
        def run() -> None:
            self.call_later(self.run_action, action, place)

        return run

    def action_redraw(self) -> None:
        self.refresh(layout=True)

    def action_mouse(self) -> None:
        self._mouse = not self._mouse
        driver = self._driver
        if driver is not None:
            switch = "_enable_mouse_support" if self._mouse else "_disable_mouse_support"
            getattr(driver, switch, lambda: None)()
        self.notify(
            "The mouse is treetop's." if self._mouse else "The mouse is the terminal's: select and copy with it.",
            markup=False,
        )


def _mark(path: Path, run_id: str, marked: bool) -> None:
    """Mark a run as one to keep; imported when it is needed, like `_delete`."""
    from store.prune import mark

    mark(path, run_id, marked)


def _delete(path: Path, run_id: str) -> None:
    """Delete a run; imported when it is needed, since a reader need not know how to write."""
    from store.deletion import delete_run

    delete_run(path, run_id)
