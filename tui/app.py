"""The application: its keys, the screens and the way between them, and the ends of the program."""

import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import events, on, work
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.filter import ANSIToTruecolor
from textual.notifications import SeverityLevel
from textual.screen import Screen
from textual.theme import Theme

from store.database.reader import Reader
from store.errors import FileReplaced, StoreError
from store.model.runaway import NO_BUDGET, Budget
from tui.app_keys import APP_KEYS
from tui.app_style import APP_CSS
from tui.ascii_filter import AsciiFilter
from tui.control_filter import ControlFilter
from tui.ending import Ending
from tui.file_feed import FileFeed
from tui.key_name import key_names
from tui.key_queue import NAVIGATION, KeyQueue
from tui.live_watch import LiveWatch
from tui.mouse_switch import MouseSwitch
from tui.palette import DARK, DEFAULT_VARIABLES, LIGHT
from tui.preload import preload
from tui.screens.fed import FedScreen
from tui.screens.runs import RunsScreen
from tui.text import clean
from tui.theme import Glyphs
from tui.view_state import ViewState
from tui.widgets.status_bar import StatusBar

if TYPE_CHECKING:
    from tui.screens.now import NowScreen


class Treetop(App[None]):
    """The screens for the runs of one file.

    `run`: run to open at the start, by id, unique prefix, or `latest`. `ingest`: whether to start an ingester. `clock`:
    function that returns the current time, in seconds since 1970. `budget`: of each run. `now`: whether to open the screen
    of what all live runs do.
    """

    TITLE = "treetop"
    ENABLE_COMMAND_PALETTE = True
    CSS = APP_CSS
    BINDINGS: ClassVar[list[BindingType]] = APP_KEYS

    def __init__(
        self,
        path: Path,
        url: str,
        streams: Sequence[str],
        run: str | None = None,
        ingest: bool = True,
        light: bool = False,
        ascii_only: bool = False,
        clock: Callable[[], float] = time.time,
        budget: Budget = NO_BUDGET,
        now: bool = False,
    ) -> None:
        # Before Textual starts: a later change of the theme would parse all styles again.
        self.set_reactive(App.theme, LIGHT.name if light else DARK.name)
        super().__init__()
        self.path = path
        self.url = url
        self.streams = streams
        self.clock = clock
        self.glyphs = Glyphs(ascii_only, colours=not self.no_color)
        self._run = run
        self._budget = budget
        self._now = now
        self._view = ViewState()
        self._feed = FileFeed(path, url, streams, ingest, self)
        # Textual's filter for NO_COLOR stays. Its ANSI filter inspects every line, for colours that are not used here.
        self._filters = [one for one in self._filters if not isinstance(one, ANSIToTruecolor)]
        self._filters += [ControlFilter(), *([AsciiFilter()] if ascii_only else [])]
        self._keys = KeyQueue(self, super().on_event, self._until_ready)
        self._mouse = MouseSwitch(self)
        self._live = LiveWatch()
        self._ending = Ending(self)

    @property
    def available_themes(self) -> dict[str, Theme]:
        return {**super().available_themes, DARK.name: DARK, LIGHT.name: LIGHT}

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return DEFAULT_VARIABLES

    async def on_load(self) -> None:
        """Open the file before the terminal is taken, so that the first picture shows its runs."""
        await self._feed.open()

    def get_default_screen(self) -> RunsScreen:
        screen = RunsScreen(self.glyphs, self.clock, self.path, self._feed.empty_hint, self._budget)
        screen.news(self._feed.reader)
        return screen

    async def on_mount(self) -> None:
        self._ending.watch()
        await self.file_opened()
        self.call_after_refresh(self._drawn)

    def _drawn(self) -> None:
        """Start the ingester and the imports after the first picture: they would delay it."""
        self._work(self._feed.ingest)
        self._work(self._feed.watch)
        self._work(preload)
        self.set_interval(1.0, self._tick)

    @work
    async def _work(self, task: Callable[[], Awaitable[None]]) -> None:
        await task()

    async def on_unmount(self) -> None:
        self._ending.restore()
        await self._feed.close()

    # The file, as `FileFeed` reports it

    async def file_opened(self) -> None:
        """Open the run, or the screen, of the command line."""
        if self._feed.reader is not None and self._now:
            self._now = False
            self._open_now()
        if self._feed.reader is not None and self._run is not None:
            name, self._run = self._run, None
            await self._open_named(self._feed.reader, name)

    def file_changed(self) -> None:
        for screen in self.screen_stack:
            if isinstance(screen, FedScreen):
                screen.news(self._feed.reader)

    def file_replaced(self, error: FileReplaced) -> None:
        self.notify(clean(str(error)), severity="warning", markup=False, timeout=10)

    def file_reopened(self) -> None:
        self.action_runs()
        runs = self.screen_stack[0]
        assert isinstance(runs, RunsScreen)
        runs.forget()
        self._live.forget()
        runs.news(self._feed.reader)

    def explain(self, hint: str) -> None:
        for screen in self.screen_stack:
            if isinstance(screen, RunsScreen):
                screen.explain(hint)

    @on(FedScreen.Shown)
    async def show_status(self) -> None:
        bars = self.screen.query(StatusBar) if self.screen_stack else ()  # there is no screen while the program ends
        if not bars:
            return
        status = await self._feed.status()
        if self._feed.reader is not None:
            self.explain(self._feed.empty_hint)
        for bar in bars:
            if [one.where for one in bar.streams] != [one.where for one in status.streams]:
                bar.streams = status.streams  # otherwise they are updated with the rest of the screen
            bar.several, bar.ingester, bar.trouble = status.several, status.ingester, status.trouble
            bar.file, bar.warning = str(self.path), status.warning

    async def _tick(self) -> None:
        await self.show_status()
        await self._notice_live()
        await self._find_newest()

    @on(FedScreen.Shown)
    async def _find_newest(self) -> None:
        """Let the screens know the newest live run."""
        reader = self._feed.reader
        if reader is None:
            return
        try:
            newest = await self._live.newest_live(reader, self.clock())
        except StoreError:
            return  # the status bar shows it
        for screen in self.screen_stack:
            if isinstance(screen, FedScreen):
                screen.newest_live = newest

    async def _notice_live(self) -> None:
        """Notify of a new live run, unless the list of runs or the run itself is on the screen."""
        reader = self._feed.reader
        if reader is None:
            return
        try:
            run = await self._live.new_run(reader, self.clock())
        except StoreError:
            return  # the status bar shows it
        shown = {getattr(screen, "run_id", None) for screen in self.screen_stack}
        if run is not None and len(self.screen_stack) > 1 and run.run_id not in shown:
            self.notify(f"{clean(run.goal or run.run_id, 60)}", title="Another run is live: F", markup=False, timeout=5)

    def _show_error(self, error: StoreError) -> None:
        self.notify(clean(str(error)), severity="error", markup=False, timeout=10)

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: SeverityLevel = "information",
        timeout: float | None = None,
        markup: bool = True,
    ) -> None:
        """Show a notification in place of the present one."""
        self.clear_notifications()
        super().notify(message, title=title, severity=severity, timeout=timeout, markup=markup)

    async def _until_ready(self) -> None:
        if isinstance(self.screen, FedScreen):
            await self.screen.until_ready()

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.Key | events.Paste) and not event.is_forwarded:
            await self._keys.put(event)
        else:
            await super().on_event(event)

    # Screens

    def open_run(self, run_id: str, follow: bool = False, node_id: str | None = None, keep: bool = False) -> None:
        """Show a run on top of the list, or if `keep`, of the present screen. `node_id`: the task to select."""
        from tui.screens.run import RunScreen
        from tui.session.session import Session

        reader = self._feed.reader
        assert reader is not None
        if not keep:
            self.action_runs()
        session = Session(reader, run_id, self.clock, follow, node_id)
        screen = RunScreen(self.glyphs, self.clock, session, self._view)
        self.push_screen(screen)
        screen.news(reader)

    async def _open_named(self, reader: Reader, name: str) -> None:
        try:
            self.open_run(await reader.resolve(name), follow=name == "latest")
        except StoreError as error:
            self._show_error(error)

    @on(RunsScreen.Opened)
    def _opened(self, message: RunsScreen.Opened) -> None:
        self.open_run(message.run_id)

    @on(RunsScreen.NowOpened)
    def _open_now(self) -> None:
        from tui.screens.now import NowScreen

        screen = NowScreen(self.glyphs, self.clock, self._budget)
        self.push_screen(screen)
        screen.news(self._feed.reader)

    def on_now_screen_opened(self, message: "NowScreen.Opened") -> None:
        """Show the task of a step or call, so that the way back leads to the list of them."""
        self.open_run(message.work.run.run.run_id, node_id=message.work.span.node_id, keep=True)

    @work(group=NAVIGATION)
    async def action_newest(self) -> None:
        if self._feed.reader is None:
            return
        try:
            newest = await self._live.newest_live(self._feed.reader, self.clock())
        except StoreError as error:
            self._show_error(error)
            return
        if newest is not None:
            self.open_run(newest, follow=True)
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
            screen.news(self._feed.reader)

    # Leaving

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Whether an action applies: on the list of runs, also beneath a dialog, there is no way back."""
        beneath = next((screen for screen in reversed(self.screen_stack) if not screen.is_modal), None)
        return not (action in ("runs", "leave_softly") and isinstance(beneath, RunsScreen))

    def action_leave(self) -> None:
        if not self._go_back():
            self.exit()

    def action_interrupt(self) -> None:
        self._ending.interrupt()

    def action_leave_softly(self) -> None:
        self._go_back()

    def _go_back(self) -> bool:
        if isinstance(self.screen, FedScreen) and self.screen.back():
            return True
        if len(self.screen_stack) > 1:
            self.clear_notifications()  # they are about the screen that is left
            self.pop_screen()
            return True
        return False

    # Help and commands

    def get_key_display(self, binding: Binding) -> str:
        return binding.key_display or key_names(binding.key, self.glyphs.ascii_only)

    def action_help(self) -> None:
        from tui.screens.help import Help

        self.push_screen(Help(self.screen, self.glyphs))

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        from tui.commands import commands

        return commands(self, screen, self.glyphs.ascii_only)

    def action_redraw(self) -> None:
        self.refresh(layout=True)

    def action_mouse(self) -> None:
        self._mouse.toggle()
